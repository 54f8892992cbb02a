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

    /// As it stands where that reads back as the same word, else quoted.
    public static func word(_ bytes: [UInt8]) -> String {
        let isPlain =
            !bytes.isEmpty && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x27 && $0 != 0x5C }
        return isPlain ? String(decoding: bytes, as: UTF8.self) : quoted(bytes)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
