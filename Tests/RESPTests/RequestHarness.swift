/// A connection without a socket: feeds a parser as one would, checks on the way what must hold for any bytes.
import Base
import RESP
import Testing

/// The scalars of `text` as single bytes, so that a literal can spell any byte.
func bytes(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

/// A request as clients send it.
func request(_ words: String...) -> [UInt8] {
    var sent = bytes("*\(words.count)\r\n")
    for word in words { sent += bytes("$\(word.unicodeScalars.count)\r\n\(word)\r\n") }
    return sent
}

/// What a stream of requests came to.
struct Parsed: Equatable {
    var commands: [[[UInt8]]] = []
    var failure: ProtocolFailure?
    var isInsideCommand = false
}

struct RequestHarness: ~Copyable {
    private var buffer = ByteBuffer(capacity: 16)
    private var parser = RequestParser()
    private(set) var list = ArgumentList()
    private var blocks: [[UInt8]] = []
    private var blockBytesLeft = 0
    var limits: ParserLimits
    private let usesBlocks: Bool
    private let batchMax: Int
    private(set) var parsed = Parsed()
    private(set) var faults: [String] = []
    private(set) var largestBuffer = 0
    private(set) var blocksUsed = 0

    init(limits: ParserLimits = ParserLimits(), usesBlocks: Bool = false, batchMax: Int = Limits.batchCommandsMax) {
        self.limits = limits
        self.usesBlocks = usesBlocks
        self.batchMax = batchMax
    }

    mutating func feed(_ bytes: [UInt8]) {
        bytes.withView { feed($0) }
    }

    mutating func feed(_ bytes: ByteView) {
        var bytes = bytes
        if blockBytesLeft > 0 {
            let taken = min(blockBytesLeft, bytes.count)
            blocks[blocks.count - 1] += bytes.slice(0, taken).array
            blockBytesLeft -= taken
            bytes = bytes.dropFirst(taken)
            if blockBytesLeft > 0 { return }
            parser.resumeAfterBlock(Int32(blocks.count - 1), into: &list)
        }
        buffer.append(bytes)
        largestBuffer = max(largestBuffer, buffer.count)
        while parsed.failure == nil, turn() {}
        parsed.isInsideCommand = parser.isInsideCommand
    }

    /// One batch; whether another may follow.
    private mutating func turn() -> Bool {
        var commands: [Range<Int>] = []
        var last: RequestParser.Outcome?
        var lastEnd = 0
        while commands.count < batchMax {
            let outcome = parser.next(buffer.view, into: &list, limits: limits)
            guard case .command(let arguments, let end) = outcome else {
                last = outcome
                break
            }
            if end > buffer.count || end <= lastEnd { faults.append("ends at \(end) of \(buffer.count)") }
            lastEnd = end
            commands.append(arguments)
        }
        for arguments in commands { parsed.commands.append(arguments.map { bytes(at: $0) }) }
        let consumed = parser.finishBatch(&list)
        if consumed < lastEnd || consumed > buffer.count { faults.append("consumed \(consumed) of \(buffer.count)") }
        buffer.consume(consumed)
        switch last {
        case nil: return true
        case .incomplete(let wanted):
            if wanted < 1 { faults.append("wanted \(wanted)") }
        case .largeBulk: startBlock()
        case .failure(let failure): parsed.failure = failure
        case .command: break
        }
        return false
    }

    private mutating func startBlock() {
        guard usesBlocks else { return }
        guard
            case .largeBulk(let length, let payloadOffset, let available) = parser.next(
                buffer.view, into: &list, limits: limits)
        else {
            faults.append("a large bulk was announced once only")
            return
        }
        if payloadOffset + available != buffer.count || available >= length {
            faults.append("payload at \(payloadOffset), \(available) of \(length), in \(buffer.count)")
        }
        blocks.append(buffer.view.dropFirst(payloadOffset).array)
        blocksUsed += 1
        blockBytesLeft = length - available
        buffer.truncate(to: payloadOffset)
    }

    private mutating func bytes(at index: Int) -> [UInt8] {
        let range = list[index]
        if range.block >= 0 {
            if blocks[Int(range.block)].count != range.count { faults.append("block of another size") }
            return blocks[Int(range.block)]
        }
        if range.block == ArgumentRange.inBuffer, Int(range.offset) + range.count > buffer.count || range.offset < 0 {
            faults.append("argument \(range) outside of \(buffer.count)")
            return []
        }
        return list.bytes(at: index, in: buffer.view).array
    }
}

/// The outcome of a stream cut into pieces by `nextSize`.
func parse(
    _ stream: [UInt8], limits: ParserLimits = ParserLimits(), usesBlocks: Bool = false,
    batchMax: Int = Limits.batchCommandsMax, nextSize: () -> Int
) -> (parsed: Parsed, faults: [String]) {
    var harness = RequestHarness(limits: limits, usesBlocks: usesBlocks, batchMax: batchMax)
    stream.withView { view in
        var at = 0
        while at < view.count {
            let size = min(max(nextSize(), 1), view.count - at)
            harness.feed(view.slice(at, size))
            at += size
        }
    }
    return (harness.parsed, harness.faults)
}

func parse(_ text: String, limits: ParserLimits = ParserLimits()) -> Parsed {
    parse(bytes(text), limits: limits) { .max }.parsed
}
