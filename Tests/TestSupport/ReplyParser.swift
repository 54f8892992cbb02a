/// RESP2 and RESP3 replies, read strictly: a spelling that no server should send is an error, not a value.
///
/// It shares nothing with the server's own RESP code, so that the two cannot be wrong together.
import Glibc

public struct ReplyParser {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    public var bufferedCount: Int { buffer.count - start }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0, start == buffer.count || start > 1 << 20 {
            buffer.removeSubrange(0..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    public mutating func takeBuffered() -> [UInt8] {
        defer {
            buffer.removeAll(keepingCapacity: true)
            start = 0
        }
        return Array(buffer[start...])
    }

    /// The next whole reply, or nil when more bytes are needed.
    public mutating func next() throws -> Reply? {
        let result = try buffer.withUnsafeBytes { bytes -> (Reply, Int)? in
            var cursor = ReplyCursor(bytes: bytes, at: start)
            guard let reply = try cursor.reply(depth: 0) else { return nil }
            return (reply, cursor.at)
        }
        guard let (reply, end) = result else { return nil }
        start = end
        return reply
    }
}

private struct ReplyCursor {
    let bytes: UnsafeRawBufferPointer
    var at: Int

    mutating func reply(depth: Int) throws -> Reply? {
        guard depth < 64 else { throw TestSupportError("reply nested deeper than 64") }
        guard at < bytes.count else { return nil }
        let type = bytes[at]
        guard let line = try self.line() else { return nil }
        switch type {
        case UInt8(ascii: "+"): return .simple(Array(bytes[line]))
        case UInt8(ascii: "-"): return .error(Array(bytes[line]))
        case UInt8(ascii: ":"): return .integer(try integer(line))
        case UInt8(ascii: ","): return .double(Array(bytes[line]))
        case UInt8(ascii: "("): return .bigNumber(Array(bytes[line]))
        case UInt8(ascii: "_"):
            guard line.isEmpty else { throw malformed(line) }
            return .null
        case UInt8(ascii: "#"):
            guard line.count == 1, let letter = bytes[line].first, letter == 116 || letter == 102 else {
                throw malformed(line)
            }
            return .boolean(letter == 116)
        case UInt8(ascii: "$"): return try string(line) { .bulk($0) }
        case UInt8(ascii: "="): return try string(line) { .verbatim($0) }
        case UInt8(ascii: "!"): return try string(line) { .blobError($0) }
        case UInt8(ascii: "*"): return try aggregate(line, 1, depth) { .array($0) }
        case UInt8(ascii: "~"): return try aggregate(line, 1, depth) { .set($0) }
        case UInt8(ascii: ">"): return try aggregate(line, 1, depth) { .push($0) }
        case UInt8(ascii: "%"): return try aggregate(line, 2, depth) { .map($0) }
        case UInt8(ascii: "|"): return try aggregate(line, 2, depth) { .attribute($0) }
        default: throw TestSupportError("reply of unknown type \(escaped([type])): \(escaped(Array(bytes[line])))")
        }
    }

    /// The bytes between the type and CR LF; moves past them.
    private mutating func line() throws -> Range<Int>? {
        guard let base = bytes.baseAddress, let found = memchr(base + at, 13, bytes.count - at) else { return nil }
        let end = UnsafeRawPointer(found) - base
        guard end + 1 < bytes.count else { return nil }
        guard bytes[end + 1] == 10 else { throw TestSupportError("CR without LF in a reply") }
        defer { at = end + 2 }
        return at + 1..<end
    }

    private func integer(_ line: Range<Int>) throws -> Int64 {
        let text = String(decoding: bytes[line], as: UTF8.self)
        guard let value = Int64(text), String(value) == text else { throw malformed(line) }
        return value
    }

    private mutating func string(_ line: Range<Int>, _ make: ([UInt8]) -> Reply) throws -> Reply? {
        let type = bytes[line.lowerBound - 1]
        let count = Int(try integer(line))
        if count == -1, type == UInt8(ascii: "$") { return .nullBulk }
        guard count >= 0 else { throw malformed(line) }
        guard at + count + 2 <= bytes.count else { return nil }
        guard bytes[at + count] == 13, bytes[at + count + 1] == 10 else {
            throw TestSupportError("a string of \(count) bytes does not end in CR LF")
        }
        defer { at += count + 2 }
        return make(Array(bytes[at..<at + count]))
    }

    private mutating func aggregate(
        _ line: Range<Int>, _ width: Int, _ depth: Int, _ make: ([Reply]) -> Reply
    ) throws -> Reply? {
        let type = bytes[line.lowerBound - 1]
        let count = Int(try integer(line))
        if count == -1, type == UInt8(ascii: "*") { return .nullArray }
        guard count >= 0 else { throw malformed(line) }
        var elements: [Reply] = []
        elements.reserveCapacity(min(count * width, 1024))
        for _ in 0..<count * width {
            guard let element = try reply(depth: depth + 1) else { return nil }
            elements.append(element)
        }
        return make(elements)
    }

    private func malformed(_ line: Range<Int>) -> TestSupportError {
        TestSupportError("malformed reply header \(escaped(Array(bytes[line.lowerBound - 1..<line.upperBound])))")
    }
}
