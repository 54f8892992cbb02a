/// Finds where replies end, without making anything of them: all a load generator needs to know.
///
/// The scanner keeps what it knows of a reply that has begun, so nothing is read twice; a line that is not all
/// there is left to the caller, to be shown again with its rest. Nested replies need no stack: an aggregate only
/// raises the number of elements still to come.
import Base

struct ReplyScanner {
    enum Outcome {
        case reply
        case incomplete
        case malformed
    }

    /// Longest line: an error's.
    static let lineBytesMax = 1 << 20

    /// Of the reply being read; 0 between replies.
    private var elementsLeft = 0
    /// Bytes of a bulk string still to come, its line end among them.
    private var bulkBytesLeft = 0
    private var bulkBytesRead = 0
    /// The first byte of the reply read last.
    private(set) var type: UInt8 = 0
    /// The reply read last was a null.
    private(set) var isNull = false
    /// Of a bulk string with an expectation: all bytes so far were as expected.
    private(set) var isAsExpected = true
    /// Of an error: where its text stands in what was scanned.
    private(set) var line = 0..<0
    /// Of a bulk string.
    private(set) var bulkBytes = 0

    /// Reads on at `at`, which moves behind what was read. A value is compared with `expected`, if there is one.
    @inline(__always)
    mutating func scan(
        _ bytes: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int, expected: UnsafePointer<UInt8>?
    ) -> Outcome {
        while true {
            if bulkBytesLeft > 0 {
                guard takeBulk(bytes, &at, end, expected) else { return .incomplete }
                elementsLeft -= 1
            } else {
                guard at < end else { return .incomplete }
                var lineEnd = at
                while lineEnd < end, bytes[lineEnd] != 13 { lineEnd += 1 }
                guard lineEnd + 1 < end else {
                    return end - at > Self.lineBytesMax ? .malformed : .incomplete
                }
                guard bytes[lineEnd + 1] == 10, takeLine(bytes, at, lineEnd) else { return .malformed }
                at = lineEnd + 2
            }
            // What is pushed was not asked for.
            if elementsLeft == 0, bulkBytesLeft == 0, type != UInt8(ascii: ">") { return .reply }
        }
    }

    @inline(__always)
    private mutating func takeBulk(
        _ bytes: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int, _ expected: UnsafePointer<UInt8>?
    ) -> Bool {
        let taken = min(bulkBytesLeft, end - at)
        if let expected, type == UInt8(ascii: "$") {
            let compared = max(min(taken, bulkBytes - bulkBytesRead), 0)
            let view = ByteView(start: bytes + at, count: compared)
            if view != ByteView(start: expected + bulkBytesRead, count: compared) { isAsExpected = false }
        }
        at += taken
        bulkBytesRead += taken
        bulkBytesLeft -= taken
        return bulkBytesLeft == 0
    }

    /// A line from its type to before its end; false when it is none of the protocol's.
    @inline(__always)
    private mutating func takeLine(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let type = bytes[start]
        if elementsLeft == 0 {
            elementsLeft = 1
            self.type = type
            isNull = false
            isAsExpected = true
            bulkBytes = 0
        }
        switch type {
        case UInt8(ascii: "+"), UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "#"), UInt8(ascii: "("):
            elementsLeft -= 1
        case UInt8(ascii: "-"):
            elementsLeft -= 1
            line = start + 1..<end
        case UInt8(ascii: "_"):
            elementsLeft -= 1
            isNull = true
        default: return takeLength(type, bytes, start + 1, end)
        }
        return true
    }

    private mutating func takeLength(_ type: UInt8, _ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let digits = ByteView(start: bytes + start, count: end - start)
        guard let length = digits.canonicalInteger, length >= -1, length < 1 << 40 else { return false }
        if length < 0 {
            isNull = elementsLeft == 1
            elementsLeft -= 1
            return type == UInt8(ascii: "$") || type == UInt8(ascii: "*")
        }
        switch type {
        case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
            bulkBytes = Int(length)
            bulkBytesLeft = Int(length) + 2
            bulkBytesRead = 0
            if type == UInt8(ascii: "!") { line = 0..<0 }
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"): elementsLeft += Int(length) - 1
        case UInt8(ascii: "%"): elementsLeft += 2 * Int(length) - 1
        case UInt8(ascii: "|"): elementsLeft += 2 * Int(length)
        default: return false
        }
        return true
    }

    var isError: Bool { type == UInt8(ascii: "-") || type == UInt8(ascii: "!") }
}
