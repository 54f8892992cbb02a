/// A reply as it came over the wire: nothing converted, so that two servers can be compared byte for byte.
///
/// RESP2's two nulls and RESP3's null are three different replies; a map keeps its pairs in wire order.
public indirect enum Reply: Hashable, Sendable {
    case simple([UInt8])
    case error([UInt8])
    case blobError([UInt8])
    case integer(Int64)
    case bulk([UInt8])
    case nullBulk
    case nullArray
    case null
    case boolean(Bool)
    case double([UInt8])
    case bigNumber([UInt8])
    case verbatim([UInt8])
    case array([Reply])
    case set([Reply])
    case push([Reply])
    /// Keys and values in turn.
    case map([Reply])
    case attribute([Reply])
}

extension Reply {
    public static let ok = Reply.simple(Array("OK".utf8))
    public static let queued = Reply.simple(Array("QUEUED".utf8))
    public static func text(_ string: String) -> Reply { .bulk(Array(string.utf8)) }

    public var isError: Bool {
        switch self {
        case .error, .blobError: true
        default: false
        }
    }

    public var isNull: Bool {
        switch self {
        case .null, .nullBulk, .nullArray: true
        default: false
        }
    }

    public var integerValue: Int64? {
        if case .integer(let value) = self { return value }
        return nil
    }

    /// The bytes of any string-like reply.
    public var bytes: [UInt8]? {
        switch self {
        case .simple(let bytes), .error(let bytes), .blobError(let bytes), .bulk(let bytes), .verbatim(let bytes),
            .double(let bytes), .bigNumber(let bytes):
            bytes
        default: nil
        }
    }

    public var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    /// The elements of any aggregate.
    public var elements: [Reply]? {
        switch self {
        case .array(let elements), .set(let elements), .push(let elements), .map(let elements),
            .attribute(let elements):
            elements
        default: nil
        }
    }

    /// The wire's type, for comparing shapes. Both strings of RESP2 are different types, as are the nulls.
    public var typeName: String {
        switch self {
        case .simple: "simple"
        case .error: "error"
        case .blobError: "blob error"
        case .integer: "integer"
        case .bulk: "bulk"
        case .nullBulk: "null bulk"
        case .nullArray: "null array"
        case .null: "null"
        case .boolean: "boolean"
        case .double: "double"
        case .bigNumber: "big number"
        case .verbatim: "verbatim"
        case .array: "array"
        case .set: "set"
        case .push: "push"
        case .map: "map"
        case .attribute: "attribute"
        }
    }

    /// The same aggregate with other elements.
    public func replacingElements(_ elements: [Reply]) -> Reply {
        switch self {
        case .array: .array(elements)
        case .set: .set(elements)
        case .push: .push(elements)
        case .map: .map(elements)
        case .attribute: .attribute(elements)
        default: self
        }
    }
}

extension Reply: CustomStringConvertible {
    public var description: String {
        switch self {
        case .simple(let bytes): "+" + escaped(bytes, quoted: false)
        case .error(let bytes): "-" + escaped(bytes, quoted: false)
        case .blobError(let bytes): "!" + escaped(bytes)
        case .integer(let value): ":\(value)"
        case .bulk(let bytes): escaped(bytes)
        case .nullBulk: "$-1"
        case .nullArray: "*-1"
        case .null: "_"
        case .boolean(let value): value ? "#t" : "#f"
        case .double(let bytes): "," + escaped(bytes, quoted: false)
        case .bigNumber(let bytes): "(" + escaped(bytes, quoted: false)
        case .verbatim(let bytes): "=" + escaped(bytes)
        case .array(let elements): "*" + list(elements)
        case .set(let elements): "~" + list(elements)
        case .push(let elements): ">" + list(elements)
        case .map(let elements): "%" + list(elements)
        case .attribute(let elements): "|" + list(elements)
        }
    }

    private func list(_ elements: [Reply]) -> String {
        "[" + elements.map(\.description).joined(separator: " ") + "]"
    }
}

/// Bytes as redis-cli would take them back.
public func escaped(_ bytes: [UInt8], quoted: Bool = true, limit: Int = 2000) -> String {
    var text = quoted ? "\"" : ""
    for byte in bytes.prefix(limit) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\" + String(UnicodeScalar(byte))
        case UInt8(ascii: "\n"): text += "\\n"
        case UInt8(ascii: "\r"): text += "\\r"
        case 32..<127: text += String(UnicodeScalar(byte))
        default:
            let digits = String(byte, radix: 16)
            text += "\\x" + (digits.count == 1 ? "0" : "") + digits
        }
    }
    if quoted { text += "\"" }
    if bytes.count > limit { text += "… (\(bytes.count) bytes)" }
    return text
}

/// A command as one line: plain words bare, everything else quoted.
public func escapedCommand(_ arguments: [[UInt8]], limit: Int = 2000) -> String {
    arguments.map { argument in
        let isPlain =
            !argument.isEmpty && argument.allSatisfy { $0 > 32 && $0 < 127 && $0 != 34 && $0 != 39 && $0 != 92 }
        return isPlain && argument.count <= limit
            ? String(decoding: argument, as: UTF8.self) : escaped(argument, limit: limit)
    }.joined(separator: " ")
}
