/// How wide text stands in a terminal, and how it is made to fit: what every view measures by.
import Base

enum ViewText {
    /// Columns of a terminal; 0 for what combines with the character before it.
    static func width(_ scalar: Unicode.Scalar) -> Int {
        let value = scalar.value
        if value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return wide.contains { $0.contains(value) } ? 2 : 1
    }

    /// East Asian wide and full width, and pictures.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F,
        0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]

    static func width(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + width($1) } }

    /// At most `columns` wide; what is cut ends in an ellipsis.
    static func cut(_ text: String, to columns: Int, isUnicode: Bool = true) -> String {
        if width(text) <= columns { return text }
        guard columns > 0 else { return "" }
        var kept = String.UnicodeScalarView()
        var used = 0
        for scalar in text.unicodeScalars {
            used += width(scalar)
            if used > columns - 1 { break }
            kept.append(scalar)
        }
        return String(kept) + (isUnicode ? "…" : ">")
    }

    static func padded(_ text: String, to columns: Int, isRight: Bool = false) -> String {
        let space = String(repeating: " ", count: max(columns - width(text), 0))
        return isRight ? space + text : text + space
    }

    /// What others say of themselves, on one line and without steering the terminal.
    static func plain(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { kept.append(isControl(scalar) ? " " : scalar) }
        return String(kept)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || 0x7F..<0xA0 ~= scalar.value || 0x2028...0x202E ~= scalar.value
    }

    /// A key or value as one can type it again: bare where nothing in it needs quotes, else quoted as redis-cli does.
    static func key(_ bytes: [UInt8]) -> String {
        let text = quoted(bytes)
        let isBare = !bytes.isEmpty && text.utf8.count == bytes.count + 2 && !bytes.contains { $0 <= 32 || $0 == 39 }
        return isBare ? String(text.dropFirst().dropLast()) : text
    }

    static func quoted(_ bytes: [UInt8]) -> String {
        // Whole characters of UTF-8 stay readable; what is none is spelled byte by byte.
        let text = String(decoding: bytes, as: UTF8.self)
        let isText = Array(text.utf8) == bytes && !text.unicodeScalars.contains { $0.value > 0x7E && isControl($0) }
        var result = "\""
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""): result += "\\\""
            case UInt8(ascii: "\\"): result += "\\\\"
            case 10: result += "\\n"
            case 13: result += "\\r"
            case 9: result += "\\t"
            case 32..<127: result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                if isText, byte >= 128 { continue }
                result += "\\x" + hexadecimal(byte)
            }
        }
        guard isText, bytes.contains(where: { $0 >= 128 }) else { return result + "\"" }
        return "\"" + text.unicodeScalars.map { escaped($0) }.joined() + "\""
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        if scalar.value >= 128 { return String(Character(scalar)) }
        return String(quoted([UInt8(scalar.value)]).dropFirst().dropLast())
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return byte < 16 ? "0" + digits : digits
    }
}

/// Numbers as people read them.
enum ViewNumber {
    /// "840 ms", "12.3 s", "4 m 10 s", "3 h 5 m", "2 d 4 h".
    static func duration(milliseconds: Int64) -> String {
        if milliseconds < 0 { return "-" + duration(milliseconds: milliseconds == .min ? .max : -milliseconds) }
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        let seconds = milliseconds / 1000
        if seconds < 60 { return String(fixed: Double(milliseconds / 100) / 10, decimals: 1) + " s" }
        if seconds < 3600 { return "\(seconds / 60) m \(seconds % 60) s" }
        if seconds < 86_400 { return "\(seconds / 3600) h \(seconds / 60 % 60) m" }
        return "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
    }

    /// "950", "12.3k", "4.0M".
    static func count(_ value: Int64) -> String {
        let units: [(Double, String)] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
        let magnitude = Double(value.magnitude)
        guard magnitude >= 10_000 else { return "\(value)" }
        for (size, name) in units where magnitude >= size {
            return (value < 0 ? "-" : "") + String(fixed: magnitude / size, decimals: 1) + name
        }
        return "\(value)"
    }

    /// "512 B", "1.5 KB", "2.0 GB".
    static func bytes(_ value: Int64) -> String {
        let units: [(Double, String)] = [(0x1p40, "TB"), (0x1p30, "GB"), (0x1p20, "MB"), (0x1p10, "KB")]
        for (size, name) in units where Double(value) >= size {
            return String(fixed: Double(value) / size, decimals: 1) + " \(name)"
        }
        return "\(value) B"
    }
}

extension ViewNumber {
    /// "2026-11-28 15:31:02.123Z".
    static func moment(unixMilliseconds: Int64) -> String {
        let seconds = (unixMilliseconds - (unixMilliseconds % 1000 + 1000) % 1000) / 1000
        let ofDay = (seconds % 86_400 + 86_400) % 86_400
        let (year, month, day) = date(daysSinceEpoch: (seconds - ofDay) / 86_400)
        let time = [ofDay / 3600, ofDay / 60 % 60, ofDay % 60].map { digits($0, 2) }.joined(separator: ":")
        let fraction = digits((unixMilliseconds % 1000 + 1000) % 1000, 3)
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2)) \(time).\(fraction)Z"
    }

    /// "15:31:02", UTC.
    static func timeOfDay(unixMilliseconds: Int64) -> String {
        String(moment(unixMilliseconds: unixMilliseconds).dropFirst(11).prefix(8))
    }

    /// Of the Gregorian calendar, counted from a year that begins in March so that leap days come last.
    private static func date(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = daysSinceEpoch + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let ofEra = days - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * ofYear + 2) / 153
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * fromMarch + 2) / 5 + 1)
    }

    private static func digits(_ value: Int64, _ count: Int) -> String {
        let text = "\(value)"
        return String(repeating: "0", count: max(count - text.count, 0)) + text
    }
}
