/// Writing JSON: values are appended in place, commas come by themselves.
///
/// Bytes that are valid UTF-8 are strings; all others are `{"b64":"…"}`, so that any key and any value can be told
/// and read back.
import Base

struct JSONOutput: ~Copyable {
    private(set) var bytes = ByteBuffer(capacity: 1024)
    private var needsComma = false

    mutating func removeAll() {
        bytes.removeAll()
        bytes.shrink(to: 1 << 20)
        needsComma = false
    }

    func lend<Failure: Error>(_ body: (borrowing ByteBuffer) throws(Failure) -> Void) throws(Failure) {
        try body(bytes)
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: structure

    mutating func object(_ body: (inout JSONOutput) -> Void) { enclose("{", "}", body) }
    mutating func array(_ body: (inout JSONOutput) -> Void) { enclose("[", "]", body) }

    private mutating func enclose(_ open: StaticString, _ close: StaticString, _ body: (inout JSONOutput) -> Void) {
        separate()
        bytes.append(open)
        needsComma = false
        body(&self)
        bytes.append(close)
        needsComma = true
    }

    mutating func key(_ name: StaticString) { key(name.description) }

    mutating func key(_ name: String) {
        separate()
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func field(_ name: StaticString, _ text: String) {
        key(name)
        value(text)
    }

    mutating func field(_ name: StaticString, _ number: Int64) {
        key(name)
        value(number)
    }

    mutating func field(_ name: StaticString, _ number: Int) { field(name, Int64(number)) }

    mutating func field(_ name: StaticString, _ flag: Bool) {
        key(name)
        raw(flag ? "true" : "false")
    }

    mutating func field(_ name: StaticString, _ view: ByteView) {
        key(name)
        value(view)
    }

    mutating func field(_ name: StaticString, _ array: [UInt8]) { array.withView { field(name, $0) } }

    mutating func object(_ name: StaticString, _ body: (inout JSONOutput) -> Void) {
        key(name)
        object(body)
    }

    mutating func array(_ name: StaticString, _ body: (inout JSONOutput) -> Void) {
        key(name)
        array(body)
    }

    // MARK: values

    private mutating func raw(_ text: StaticString) {
        separate()
        bytes.append(text)
    }

    mutating func null() { raw("null") }

    mutating func value(_ number: Int64) {
        separate()
        bytes.append(decimal: number)
    }

    mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }

    mutating func value(_ text: String) {
        separate()
        string(text)
    }

    mutating func value(_ view: ByteView) {
        guard let text = String(validating: view.raw, as: UTF8.self) else {
            return object { $0.field("b64", Base64.encoded(view)) }
        }
        value(text)
    }

    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append("\\\"")
            case UInt8(ascii: "\\"): bytes.append("\\\\")
            case 10: bytes.append("\\n")
            case 13: bytes.append("\\r")
            case 9: bytes.append("\\t")
            case 0..<32, 127:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append("\\u00")
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// RFC 4648, with padding.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: ByteView) -> String {
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

    static func decoded(_ text: String) -> [UInt8]? {
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
