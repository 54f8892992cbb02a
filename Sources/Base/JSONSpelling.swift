/// How text is written into JSON, wherever a2 writes any. Not for the hot path.
public enum JSONSpelling {
    /// In quotes, and nothing in it that could end a line or reach a terminal as a command. TOML reads it back as well.
    public static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            if let escaped = escaped(scalar) { result += escaped } else { result.unicodeScalars.append(scalar) }
        }
        return result + "\""
    }

    /// Controls, those of Latin-1 among them, and what means something inside quotes; nil for all that stands for itself.
    public static func escaped(_ scalar: UnicodeScalar) -> String? {
        switch scalar {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\u{8}": return "\\b"
        case "\u{C}": return "\\f"
        default:
            guard isControl(scalar) else { return nil }
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }

    public static func isControl(_ scalar: UnicodeScalar) -> Bool {
        scalar.value < 32 || 127..<160 ~= scalar.value
    }
}
