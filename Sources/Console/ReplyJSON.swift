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
            output.append(JSONSpelling.quoted(key(pair.key)))
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
            output.append(JSONSpelling.quoted(text))
        } else {
            output.append("{\"b64\":\"\(bytes.withView { Base64.encoded($0) })\"}")
        }
    }
}
