/// Writes replies in RESP2 or RESP3 into one contiguous buffer per connection.
///
/// What both protocols share is a reserve and a copy. A large stored value is not copied: it is spliced in as
/// a segment (see ReplyOutput). A reply whose length is known only at its end is begun deferred, and a reply
/// nobody wants (CLIENT REPLY) is taken back with `mark` and `truncate`.
import Base

public struct ReplyWriter: ~Copyable {
    public var buffer: ByteBuffer
    /// 2 or 3, as the client chose with HELLO.
    public var protocolVersion: UInt8 = 2

    var segments: [OutputSegment] = []
    /// Of `segments`, how many have been sent, and how much of the next one.
    var segmentsSent = 0
    var segmentBytesSent = 0
    /// Segments of the past that are no longer in `segments`.
    var segmentsForgotten = 0
    /// Buffer bytes sent since the connection began: the position of the buffer's first readable byte.
    var bufferBytesSent = 0

    public init(capacity: Int = 1024) { buffer = ByteBuffer(capacity: capacity) }

    // MARK: Lines

    /// "+OK\r\n": the bytes of the constants below stand in memory order, the first one lowest.
    @inline(__always)
    public mutating func ok() { short(0x0A_0D4B_4F2B, 5) }

    /// "+PONG\r\n"
    @inline(__always)
    public mutating func pong() { short(0x0A_0D47_4E4F_502B, 7) }

    /// "+QUEUED\r\n"
    @inline(__always)
    public mutating func queued() {
        short(0x0D44_4555_4555_512B, 8)
        short(0x0A, 1)
    }

    @inline(__always)
    public mutating func simple(_ text: StaticString) { line(UInt8(ascii: "+"), ByteView(text)) }

    /// `text` must not contain CR or LF.
    @inline(__always)
    public mutating func simple(_ text: ByteView) { line(UInt8(ascii: "+"), text) }

    /// `text` begins with its code ("ERR …", "WRONGTYPE …") and contains no CR or LF.
    @inline(__always)
    public mutating func error(_ text: StaticString) { line(UInt8(ascii: "-"), ByteView(text)) }

    public mutating func error(_ text: ByteView) {
        let start = beginError()
        buffer.append(text)
        endError(start)
    }

    public mutating func error(_ text: String) {
        let start = beginError()
        buffer.append(text)
        endError(start)
    }

    /// For an error put together from pieces: append them to `buffer`, then `endError`.
    public mutating func beginError() -> Mark {
        let start = mark
        buffer.append(UInt8(ascii: "-"))
        return start
    }

    /// Trims line ends off the text's end and turns those inside into spaces: nothing in it can end the reply.
    public mutating func endError(_ start: Mark) {
        let first = start.position - bufferBytesSent + 1
        let text = buffer.base + buffer.head
        var end = buffer.count
        while end > first, isLineEnd(text[end - 1]) { end -= 1 }
        for index in first..<end where isLineEnd(text[index]) { text[index] = 0x20 }
        buffer.truncate(to: end)
        buffer.append("\r\n")
    }

    @inline(__always)
    public mutating func integer(_ value: Int64) { number(UInt8(ascii: ":"), value) }

    @inline(__always)
    public mutating func integer(_ value: Int) { number(UInt8(ascii: ":"), Int64(value)) }

    /// "#t\r\n" and "#f\r\n", ":1\r\n" and ":0\r\n"
    @inline(__always)
    public mutating func boolean(_ value: Bool) {
        let (yes, no): (UInt64, UInt64) = protocolVersion >= 3 ? (0x0A0D_7423, 0x0A0D_6623) : (0x0A0D_313A, 0x0A0D_303A)
        short(value ? yes : no, 4)
    }

    /// "_\r\n" or "$-1\r\n"
    @inline(__always)
    public mutating func null() { nothing(0x0A_0D31_2D24) }

    /// "_\r\n" or "*-1\r\n"
    @inline(__always)
    public mutating func nullArray() { nothing(0x0A_0D31_2D2A) }

    // MARK: Strings

    @inline(__always)
    public mutating func bulk(_ bytes: ByteView) {
        // "$", at most 20 digits, two line ends.
        buffer.reserve(bytes.count + 25)
        let place = buffer.writable
        place[0] = UInt8(ascii: "$")
        let digits = writeDecimal(UInt64(bytes.count), to: place + 1)
        let payload = place + (1 + digits)
        writeLineEnd(payload)
        (payload + 2).initialize(from: bytes.start, count: bytes.count)
        writeLineEnd(payload + 2 + bytes.count)
        buffer.commit(1 + digits + 2 + bytes.count + 2)
    }

    @inline(__always)
    public mutating func bulk(_ literal: StaticString) { bulk(ByteView(literal)) }

    public mutating func bulk(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            guard let start = utf8.baseAddress else { return bulk(.empty) }
            bulk(ByteView(start: start, count: utf8.count))
        }
    }

    /// A number as a bulk string.
    public mutating func bulk(_ value: Int64) {
        bulkHeader(decimalLength(value))
        buffer.append(decimal: value)
        lineEnd()
    }

    /// The header of a bulk string whose `count` bytes the caller appends to `buffer`, followed by `lineEnd`.
    @inline(__always)
    public mutating func bulkHeader(_ count: Int) { number(UInt8(ascii: "$"), Int64(count)) }

    @inline(__always)
    public mutating func lineEnd() { short(0x0A0D, 2) }

    /// Text with a three-letter format, "txt" or "mkd"; a bulk string in RESP2.
    public mutating func verbatim(_ format: StaticString, _ text: ByteView) {
        guard protocolVersion >= 3 else { return bulk(text) }
        precondition(format.utf8CodeUnitCount == 3, "verbatim format \(format)")
        number(UInt8(ascii: "="), Int64(text.count + 4))
        buffer.append(format)
        buffer.append(UInt8(ascii: ":"))
        buffer.append(text)
        lineEnd()
    }

    /// `digits` is an integer of any length in decimal.
    public mutating func bigNumber(_ digits: ByteView) {
        guard protocolVersion >= 3 else { return bulk(digits) }
        line(UInt8(ascii: "("), digits)
    }

    public mutating func double(_ value: Double) {
        if protocolVersion >= 3 {
            buffer.append(UInt8(ascii: ","))
            buffer.append(double: value)
            lineEnd()
            return
        }
        // No double takes 100 bytes: two digits of length, right-aligned once it is known.
        let start = buffer.count
        buffer.append("$00\r\n")
        buffer.append(double: value)
        let length = buffer.count - start - 5
        let header = buffer.base + buffer.head + start
        if length >= 10 {
            _ = writeDecimal(UInt64(length), to: header + 1)
        } else {
            header[1] = 48 + UInt8(length)
            (header + 2).update(from: header + 3, count: length + 2)
            buffer.truncate(to: start + 4 + length)
        }
        lineEnd()
    }

    // MARK: Aggregates

    @inline(__always)
    public mutating func array(_ count: Int) { number(UInt8(ascii: "*"), Int64(count)) }

    /// `count` pairs: twice as many elements in RESP2.
    @inline(__always)
    public mutating func map(_ count: Int) { aggregate(.map, count) }

    @inline(__always)
    public mutating func set(_ count: Int) { aggregate(.set, count) }

    /// Out-of-band data; an array in RESP2, where pub/sub messages are ordinary arrays.
    @inline(__always)
    public mutating func push(_ count: Int) { aggregate(.push, count) }

    /// `count` pairs that describe the reply that follows. RESP2 cannot say them: the caller leaves them out.
    public mutating func attribute(_ count: Int) {
        precondition(protocolVersion >= 3, "attributes need RESP3")
        number(UInt8(ascii: "|"), Int64(count))
    }

    @inline(__always)
    mutating func aggregate(_ kind: Aggregate, _ count: Int) {
        if protocolVersion >= 3 {
            number(kind.rawValue, Int64(count))
        } else {
            number(UInt8(ascii: "*"), Int64(kind == .map ? count * 2 : count))
        }
    }

    // MARK: Parts

    /// Up to eight bytes in one store; what it writes past `count` is overwritten by what comes next.
    @inline(__always)
    private mutating func short(_ word: UInt64, _ count: Int) {
        buffer.reserve(8)
        UnsafeMutableRawPointer(buffer.writable).storeBytes(of: word.littleEndian, as: UInt64.self)
        buffer.commit(count)
    }

    @inline(__always)
    private mutating func nothing(_ word: UInt64) {
        if protocolVersion >= 3 { short(0x0A_0D5F, 3) } else { short(word, 5) }
    }

    @inline(__always)
    private mutating func line(_ type: UInt8, _ text: ByteView) {
        buffer.reserve(text.count + 3)
        let place = buffer.writable
        place[0] = type
        (place + 1).initialize(from: text.start, count: text.count)
        writeLineEnd(place + 1 + text.count)
        buffer.commit(text.count + 3)
    }

    @inline(__always)
    private mutating func number(_ type: UInt8, _ value: Int64) {
        buffer.reserve(24)
        let place = buffer.writable
        place[0] = type
        let digits = writeDecimal(value, to: place + 1)
        writeLineEnd(place + 1 + digits)
        buffer.commit(digits + 3)
    }
}

extension ReplyWriter {
    /// The aggregates whose spelling depends on the protocol; the raw value is RESP3's type byte.
    public enum Aggregate: UInt8, Sendable {
        case array = 0x2A
        case map = 0x25
        case set = 0x7E
        case push = 0x3E
    }
}

@inline(__always)
private func writeLineEnd(_ place: UnsafeMutablePointer<UInt8>) {
    place[0] = 0x0D
    place[1] = 0x0A
}

private func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0D || byte == 0x0A }
