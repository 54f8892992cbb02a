/// Replies as JSON that any reader takes: bytes that are no UTF-8 become {"b64": …}, errors {"error": …}.
import Base
import Client
import RESP

struct JSONFormat {
    let output: Output

    func write(_ reply: ReplyValue) {
        switch reply {
        case .null, .nullArray: output.append("null")
        case .integer(let number): output.append(String(number))
        case .double(let number): output.append(number.isFinite ? doubleText(number) : Array("\"\(number)\"".utf8))
        case .boolean(let value): output.append(value ? "true" : "false")
        case .bigNumber(let digits):
            output.append(digits.first == UInt8(ascii: "+") ? Array(digits.dropFirst()) : digits)
        case .simple(let bytes), .bulk(let bytes), .verbatim(_, let bytes): string(bytes)
        case .error(let text):
            output.append("{\"error\":")
            string(text)
            output.append("}")
        case .array(let elements), .set(let elements), .push(let elements): list(elements)
        case .map(let pairs): object(pairs)
        case .attributed(_, let value): write(value)
        }
    }

    private func list(_ elements: [ReplyValue]) {
        output.append("[")
        for (index, element) in elements.enumerated() {
            if output.isStopped { return }
            if index > 0 { output.append(",") }
            write(element)
        }
        output.append("]")
    }

    private func object(_ pairs: [ReplyPair]) {
        output.append("{")
        for (index, pair) in pairs.enumerated() {
            if output.isStopped { return }
            if index > 0 { output.append(",") }
            output.append(Self.quoted(key(pair.key)))
            output.append(":")
            write(pair.value)
        }
        output.append("}")
    }

    /// JSON's keys are text: aggregates and bytes become some.
    private func key(_ value: ReplyValue) -> String {
        guard let bytes = value.bytes else {
            let inner = Output()
            inner.capture()
            JSONFormat(output: inner).write(value)
            return String(decoding: inner.captured(), as: UTF8.self)
        }
        return String(validating: bytes, as: UTF8.self) ?? Quoting.quoted(bytes)
    }

    private func string(_ bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            output.append(Self.quoted(text))
        } else {
            output.append("{\"b64\":\"\(Self.base64(bytes))\"}")
        }
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{C}": result += "\\f"
            case _ where scalar.value < 32 || scalar.value == 127:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            var four: [UInt8] = []
            for _ in 0..<4 {
                four.append(letters[Int(word & 63)])
                word >>= 6
            }
            four.reverse()
            for index in 0..<4 { result.append(index <= group.count ? four[index] : UInt8(ascii: "=")) }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
