/// Finds the arguments of requests in a connection's query buffer, copying nothing.
///
/// The parser never owns bytes. Each call of `next` gets a view of all readable bytes of the connection; every
/// offset, the parser's own position included, counts from the start of that view, so the buffer may grow, move
/// or compact between calls. Offsets change meaning in one place only: `finishBatch` says how many bytes are
/// done with, moves the origin there and rebases what an unfinished command has collected. That happens at
/// most once per command, so a million arguments arriving in small pieces cost a million steps, not their square.
///
/// One turn of a connection:
///
///     while commands < Limits.batchCommandsMax, case .command(let arguments, let end) = parser.next(…) { … }
///     execute them in order; when one blocks the client: parser.rewind(to: its end)
///     buffer.consume(parser.finishBatch(&list))
///
/// A client that is not authenticated is served one command at a time: AUTH changes `limits` for what follows.
///
/// A bulk of `blockArgumentBytesMin` or more that has not fully arrived is not gathered in the query buffer. On
/// `.largeBulk(length, payloadOffset, available)` the connection executes what came before, finishes the batch and
/// calls `next` once more, which says the same with offsets from the new origin. Then it copies the `available`
/// bytes after `payloadOffset` (there is nothing else behind it) into a block, truncates the buffer to
/// `payloadOffset`, reads `length - available` bytes from the socket straight into the block, and
/// calls `resumeAfterBlock`. The CR LF after the payload goes to the query buffer like everything else. A
/// connection that just reads on into the buffer is served too.
///
/// What is accepted, and every error, is Redis 7.0's: the byte after a CR and the two after a payload are
/// skipped unseen, a NUL hides the rest of the line, lengths are canonical integers.
import Base

public struct ParserLimits: Sendable {
    /// proto-max-bulk-len.
    public private(set) var bulkBytesMax: Int
    public private(set) var blockArgumentBytesMin: Int
    public var isAuthenticated: Bool

    /// The floors keep two-digit lengths out of every limit, so that the fast path need not look.
    public init(
        bulkBytesMax: Int = Limits.bulkBytesMax, blockArgumentBytesMin: Int = Limits.blockArgumentBytesMin,
        isAuthenticated: Bool = true
    ) {
        self.bulkBytesMax = min(max(bulkBytesMax, 100), Int.max / 2)
        self.blockArgumentBytesMin = max(blockArgumentBytesMin, 100)
        self.isAuthenticated = isAuthenticated
    }
}

public struct RequestParser: ~Copyable {
    public enum Outcome: Equatable, Sendable {
        /// A whole command: its indices in the list, and the offset just after its last byte.
        case command(arguments: Range<Int>, end: Int)
        /// At least `wanted` more bytes must arrive before anything further can be said.
        case incomplete(wanted: Int)
        /// See above. `length` bytes of payload, of which `available` (fewer) are here, from `payloadOffset` on.
        case largeBulk(length: Int, payloadOffset: Int, available: Int)
        /// The reply to send before closing. Every later call says the same.
        case failure(ProtocolFailure)
    }

    /// States of `bulkLength` that are not lengths.
    private static let headerExpected = -1
    private static let trailerExpected = -2
    private static let failed = -3

    /// The next byte to look at.
    private var position = 0
    /// Where the unfinished command begins; `position` when there is none.
    private var commandStart = 0
    private var firstArgument = 0
    private var argumentsLeft = 0
    /// Length of the bulk whose header has been read, or a state from above.
    private var bulkLength = RequestParser.headerExpected
    /// No line end lies between `position` and here: a line arriving byte by byte is searched once.
    private var scanned = 0
    private var failure = ProtocolFailure.inlineTooLong

    public init() {}

    /// Whether a command has begun but not ended; then a closing peer has cut it off.
    public var isInsideCommand: Bool { argumentsLeft > 0 }

    public mutating func next(
        _ view: ByteView, into list: inout ArgumentList, limits: borrowing ParserLimits
    ) -> Outcome {
        // Offsets are 32 bits; the connection closes at half of that (`queryBufferBytesMax`).
        let end = min(view.count, Int(Int32.max))
        let start = view.start
        if argumentsLeft == 0 {
            guard position < end else { return .incomplete(wanted: 1) }
            let word = end - position >= 4 ? load32(start + position) : 0
            let count = Int(word >> 8 & 0xFF) - 49
            // "*N\r\n", N from 1 to 9.
            if word & 0xFFFF_00FF == 0x0A0D_002A, count >= 0, count < 9 {
                argumentsLeft = count + 1
                position += 4
            } else if let outcome = begin(ByteView(start: start, count: end), &list, limits) {
                return outcome
            }
        }
        var at = position
        var left = argumentsLeft
        list.reserve(min(left, 64))
        while left > 0 {
            if bulkLength == Self.headerExpected, list.capacity > list.count,
                let header = shortHeader(start + at, end - at, limits)
            {
                let payload = at + header.size
                list.base[list.count] = ArgumentRange(offset: Int32(truncatingIfNeeded: payload), count: header.length)
                list.count += 1
                at = payload + header.length + 2
                left -= 1
                continue
            }
            position = at
            argumentsLeft = left
            if let outcome = argument(ByteView(start: start, count: end), &list, limits) { return outcome }
            at = position
            left = argumentsLeft
        }
        let first = firstArgument
        position = at
        argumentsLeft = 0
        commandStart = at
        firstArgument = list.count
        return .command(arguments: Range(uncheckedBounds: (first, list.count)), end: at)
    }

    /// Ends a batch whose commands have been executed: returns how many bytes the connection must now consume.
    /// Ranges of finished commands are gone after this, those of an unfinished one count from the new origin.
    @inline(__always)
    public mutating func finishBatch(_ list: inout ArgumentList) -> Int {
        let consumed = commandStart
        list.removeFirst(firstArgument, movingOriginBy: consumed)
        position -= consumed
        scanned = max(scanned - consumed, 0)
        commandStart = 0
        firstArgument = 0
        return consumed
    }

    /// Forgets everything parsed from `end` on, the end of a command of this batch: it will be parsed again.
    /// The list keeps its ranges until `finishBatch`.
    public mutating func rewind(to end: Int, _ list: borrowing ArgumentList) {
        precondition(end >= 0 && end <= commandStart, "rewinding to \(end), past \(commandStart)")
        position = end
        commandStart = end
        firstArgument = list.count
        argumentsLeft = 0
        bulkLength = Self.headerExpected
        scanned = end
    }

    /// The payload announced by `.largeBulk` is now in the connection's `block`, and the query buffer ends
    /// where it began.
    public mutating func resumeAfterBlock(_ block: Int32, into list: inout ArgumentList) {
        precondition(block >= 0 && bulkLength > 0 && argumentsLeft > 0, "no bulk was waiting for block \(block)")
        list.append(ArgumentRange(offset: 0, count: bulkLength, block: block))
        bulkLength = Self.trailerExpected
    }

    /// Starts a command off the fast path: any array header, an inline command, or what is to be skipped. Nil
    /// when an array has begun.
    @inline(never)
    private mutating func begin(
        _ bytes: ByteView, _ list: inout ArgumentList, _ limits: borrowing ParserLimits
    ) -> Outcome? {
        while true {
            commandStart = position
            guard position < bytes.count else { return .incomplete(wanted: 1) }
            let isArray = bytes[position] == UInt8(ascii: "*")
            guard let lineEnd = lineEnd(isArray ? 0x0D : 0x0A, in: bytes) else {
                guard bytes.count - position > Limits.inlineBytesMax else { return .incomplete(wanted: 1) }
                return fail(isArray ? .argumentCountTooLong : .inlineTooLong)
            }
            if isArray {
                guard lineEnd + 2 <= bytes.count else { return .incomplete(wanted: 1) }
                let digits = bytes.slice(position + 1, lineEnd - position - 1)
                guard let count = digits.canonicalInteger, count <= Int64(Int32.max) else {
                    return fail(.invalidArgumentCount)
                }
                if count > Int64(Limits.argumentsMaxUnauthenticated), !limits.isAuthenticated {
                    return fail(.unauthenticatedArgumentCount)
                }
                position = lineEnd + 2
                if count > 0 {
                    argumentsLeft = Int(count)
                    return nil
                }
                continue
            }
            let line = bytes.slice(0, lineEnd > position && bytes[lineEnd - 1] == 0x0D ? lineEnd - 1 : lineEnd)
            guard list.appendInline(line, from: position) else {
                list.truncate(to: firstArgument)
                return fail(.unbalancedQuotes)
            }
            position = lineEnd + 1
            if list.count > firstArgument {
                let first = firstArgument
                commandStart = position
                firstArgument = list.count
                return .command(arguments: first..<list.count, end: position)
            }
        }
    }

    /// Takes one argument in any state. Nil when it is complete.
    @inline(never)
    private mutating func argument(
        _ bytes: ByteView, _ list: inout ArgumentList, _ limits: borrowing ParserLimits
    ) -> Outcome? {
        if bulkLength == Self.failed { return .failure(failure) }
        if bulkLength == Self.trailerExpected {
            let missing = position + 2 - bytes.count
            if missing > 0 { return .incomplete(wanted: missing) }
            takeArgument(endingAt: position + 2)
            return nil
        }
        if bulkLength == Self.headerExpected, let outcome = header(bytes, limits) { return outcome }
        let available = bytes.count - position
        if available >= bulkLength + 2 {
            list.append(ArgumentRange(offset: Int32(truncatingIfNeeded: position), count: bulkLength))
            takeArgument(endingAt: position + bulkLength + 2)
            return nil
        }
        if bulkLength >= limits.blockArgumentBytesMin, available < bulkLength {
            return .largeBulk(length: bulkLength, payloadOffset: position, available: available)
        }
        return .incomplete(wanted: bulkLength + 2 - available)
    }

    private mutating func takeArgument(endingAt end: Int) {
        position = end
        bulkLength = Self.headerExpected
        argumentsLeft -= 1
    }

    /// Reads "$N\r\n" into `bulkLength`; nil when that worked.
    private mutating func header(_ bytes: ByteView, _ limits: borrowing ParserLimits) -> Outcome? {
        guard let lineEnd = lineEnd(0x0D, in: bytes) else {
            guard bytes.count - position > Limits.inlineBytesMax else { return .incomplete(wanted: 1) }
            return fail(.bulkCountTooLong)
        }
        guard lineEnd + 2 <= bytes.count else { return .incomplete(wanted: 1) }
        let mark = bytes[position]
        guard mark == UInt8(ascii: "$") else { return fail(.expectedBulk(got: mark)) }
        guard let length = bytes.slice(position + 1, lineEnd - position - 1).canonicalInteger,
            length >= 0, length <= Int64(limits.bulkBytesMax)
        else { return fail(.invalidBulkLength) }
        if length > Int64(Limits.bulkBytesMaxUnauthenticated), !limits.isAuthenticated {
            return fail(.unauthenticatedBulkLength)
        }
        bulkLength = Int(length)
        position = lineEnd + 2
        return nil
    }

    /// The next `terminator` at or after `position`, unless a NUL comes first: then there is none, ever.
    private mutating func lineEnd(_ terminator: UInt8, in bytes: ByteView) -> Int? {
        let from = max(position, scanned)
        guard from <= bytes.count else { return nil }
        let rest = bytes.dropFirst(from)
        let found = rest.firstIndex(of: terminator)
        if let hidden = rest.slice(0, found ?? rest.count).firstIndex(of: 0) {
            scanned = from + hidden
            return nil
        }
        guard let found else {
            scanned = bytes.count
            return nil
        }
        return from + found
    }

    private mutating func fail(_ reason: ProtocolFailure) -> Outcome {
        failure = reason
        bulkLength = Self.failed
        // Inside a command, so that the fast path does not take the offending bytes for a new one.
        argumentsLeft = max(argumentsLeft, 1)
        return .failure(reason)
    }
}

@inline(__always)
private func load32(_ place: UnsafePointer<UInt8>) -> UInt32 {
    UInt32(littleEndian: UnsafeRawPointer(place).loadUnaligned(as: UInt32.self))
}

/// A bulk header of canonical digits, within every limit, whose whole bulk is among the `available` bytes;
/// nil leaves the question to the slow path. The shortest bulk, "$0\r\n\r\n", has six bytes.
@inline(__always)
private func shortHeader(
    _ place: UnsafePointer<UInt8>, _ available: Int, _ limits: borrowing ParserLimits
) -> (size: Int, length: Int)? {
    guard available >= 6 else { return nil }
    let word = load32(place)
    let first = Int(word >> 8 & 0xFF) - 48
    if word & 0xFFFF_00FF == 0x0A0D_0024 {
        guard first >= 0, first < 10, first + 6 <= available else { return nil }
        return (4, first)
    }
    guard word & 0xFF == 0x24, first > 0, first < 10 else { return nil }
    var length = first
    var at = 2
    while at < 8, at + 1 < available {
        let digit = place[at] &- 48
        if digit >= 10 { break }
        length = length * 10 + Int(digit)
        at += 1
    }
    guard at + 1 < available, place[at] == 0x0D, place[at + 1] == 0x0A, at + 4 + length <= available else { return nil }
    if length > 99 {
        guard length < limits.blockArgumentBytesMin, length <= limits.bulkBytesMax,
            limits.isAuthenticated || length <= Limits.bulkBytesMaxUnauthenticated
        else { return nil }
    }
    return (at + 2, length)
}
