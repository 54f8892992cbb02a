/// RFC 4648, with padding.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    public static func encoded(_ bytes: ByteView) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var at = 0
        while at < bytes.count {
            let count = min(bytes.count - at, 3)
            var word: UInt32 = 0
            for step in 0..<3 { word = word << 8 | (step < count ? UInt32(bytes[at + step]) : 0) }
            for step in 0..<4 {
                text.append(step <= count ? alphabet[Int(word >> UInt32(18 - 6 * step) & 63)] : UInt8(ascii: "="))
            }
            at += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    public static func decoded(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        for start in stride(from: 0, to: digits.count, by: 4) {
            let isLast = start + 4 == digits.count
            let padding = isLast ? (digits[start + 3] == 61 ? 1 : 0) + (digits[start + 2] == 61 ? 1 : 0) : 0
            var word: UInt32 = 0
            for step in 0..<4 {
                guard step < 4 - padding else {
                    word <<= 6
                    continue
                }
                guard let digit = value(digits[start + step]) else { return nil }
                word = word << 6 | UInt32(digit)
            }
            // One spelling for each: what the padding cuts off is zero.
            guard padding == 0 || word & (padding == 1 ? 0xFF : 0xFFFF) == 0 else { return nil }
            for step in 0..<3 - padding { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * step))) }
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 65...90: digit - 65
        case 97...122: digit - 71
        case 48...57: digit + 4
        case 43: 62
        case 47: 63
        default: nil
        }
    }
}
