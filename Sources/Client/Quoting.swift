/// Words of a line, and bytes as a line can hold them: the quotes of redis-cli.
import RESP

public enum Quoting {
    /// Splits as redis-cli does: "…" with \n \r \t \b \a \xHH, '…' with \'. Nil when a quote stays open or a letter
    /// follows a closing one.
    public static func words(of line: String) -> [[UInt8]]? { ArgumentList.words(of: Array(line.utf8)) }

    public static func words(of line: [UInt8]) -> [[UInt8]]? { ArgumentList.words(of: line) }

    /// In double quotes, with everything that is not printable ASCII escaped.
    public static func quoted(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        result.reserveCapacity(bytes.count + 2)
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): result += [UInt8(ascii: "\\"), byte]
            case 0x0A: result += Array("\\n".utf8)
            case 0x0D: result += Array("\\r".utf8)
            case 0x09: result += Array("\\t".utf8)
            case 0x07: result += Array("\\a".utf8)
            case 0x08: result += Array("\\b".utf8)
            case 0x20...0x7E: result.append(byte)
            default: result += [UInt8(ascii: "\\"), UInt8(ascii: "x"), hexDigit(byte >> 4), hexDigit(byte & 15)]
            }
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }

    /// As it stands where that reads back as the same word and can be seen, else quoted.
    public static func word(_ bytes: [UInt8]) -> String {
        guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self) else { return quoted(bytes) }
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            if scalar.isASCII {
                return scalar.value > 0x20 && scalar.value < 0x7F && !"\"'\\".unicodeScalars.contains(scalar)
            }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .unassigned, .privateUse:
                return false
            default: return true
            }
        }
        return isPlain ? text : quoted(bytes)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
