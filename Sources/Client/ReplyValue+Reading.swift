/// Reading replies without caring which protocol brought them.
import Base
import RESP

extension ReplyValue {
    /// Without the attributes around it.
    public var plain: ReplyValue {
        if case .attributed(_, let value) = self { return value.plain }
        return self
    }

    /// The bytes of a string of any kind, an error, or a number's spelling; nil for aggregates and nulls.
    public var bytes: [UInt8]? {
        switch self {
        case .simple(let bytes), .error(let bytes), .bulk(let bytes), .bigNumber(let bytes): bytes
        case .verbatim(_, let text): text
        case .integer(let number): Array(String(number).utf8)
        case .double(let number): spelled(number)
        case .boolean(let value): Array((value ? "true" : "false").utf8)
        case .attributed(_, let value): value.bytes
        case .null, .nullArray, .array, .map, .set, .push: nil
        }
    }

    /// The same as text, invalid UTF-8 replaced.
    public var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    /// An integer, or a string or double that is one.
    public var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .double(let number): Int64(exactly: number)
        case .simple(let bytes), .bulk(let bytes), .bigNumber(let bytes): bytes.withView { $0.canonicalInteger }
        case .verbatim(_, let text): text.withView { $0.canonicalInteger }
        case .attributed(_, let value): value.integer
        default: nil
        }
    }

    /// A double, or anything that spells one.
    public var double: Double? {
        if case .double(let number) = plain { return number }
        return text.flatMap { Double($0) }
    }

    public var isError: Bool {
        if case .error = plain { return true }
        return false
    }

    /// "WRONGTYPE Operation against…"
    public var errorText: String? {
        if case .error(let bytes) = plain { return String(decoding: bytes, as: UTF8.self) }
        return nil
    }

    public var isNull: Bool {
        switch plain {
        case .null, .nullArray: true
        default: false
        }
    }

    /// The elements of an array, set or push; nil for anything else.
    public var elements: [ReplyValue]? {
        switch plain {
        case .array(let elements), .set(let elements), .push(let elements): elements
        default: nil
        }
    }

    /// The pairs of a RESP3 map, or of a flat array as RESP2 has it; nil for anything else.
    public var entries: [ReplyPair]? {
        switch plain {
        case .map(let pairs): return pairs
        case .array(let elements) where elements.count.isMultiple(of: 2):
            return stride(from: 0, to: elements.count, by: 2).map {
                ReplyPair(key: elements[$0], value: elements[$0 + 1])
            }
        default: return nil
        }
    }

    /// The value of a key of a map, in either shape.
    public subscript(key: String) -> ReplyValue? {
        entries?.first { $0.key.text == key }?.value
    }
}

private func spelled(_ number: Double) -> [UInt8] {
    var buffer = ByteBuffer(capacity: 32)
    buffer.append(double: number)
    return buffer.array
}
