/// Templates made ready for the loop that sends them: bytes to copy, with numbers to write in between.
///
/// A request is rendered by walking a short list of steps in one block of memory: no strings, no arrays, nothing
/// counted. Keys have twelve digits, so that whatever surrounds them is the same for all requests; only an
/// argument whose length is not known ahead (a value of varying size, a number) has its header written each time.
import Base

/// What surrounds the templates of a run.
public struct RequestShape: Sendable, Equatable {
    public var keyPrefix = "key:"
    /// 0: every key is the same, and its number is not filled in, as redis-benchmark has it without -r.
    public var keyCount = 0
    public var valueSizes: ClosedRange<Int> = 3...3
    /// Values follow from their keys, so that replies can be checked.
    public var verifies = false
    public init() {}
}

/// One command of a run.
struct RequestPlan: Sendable {
    enum Step: Sendable, Equatable {
        case copy(offset: Int, count: Int)
        case keyDigits
        case argument(first: Int, count: Int)
    }

    enum Part: Sendable, Equatable {
        case copy(offset: Int, count: Int)
        case keyDigits
        case value
        case number(low: Int, span: Int)
    }

    let template: CommandTemplate
    let isWrite: Bool
    /// See `CommandFacts.replyType`.
    let replyType: UInt8
    /// The reply is a value of the last key drawn, to be checked.
    let repliesValue: Bool
    private(set) var bytes: [UInt8] = []
    private(set) var steps: [Step] = []
    private(set) var parts: [Part] = []
    /// No request of this command is longer.
    private(set) var bytesMax = 0
    let shape: RequestShape

    private static let digits = 12

    init(_ template: CommandTemplate, _ shape: RequestShape) {
        self.template = template
        self.shape = shape
        isWrite = CommandFacts.isWrite(template.commandName)
        replyType = CommandFacts.replyType(template.commandName)
        repliesValue = shape.verifies && ["GET", "GETSET", "GETDEL"].contains(template.commandName)
        if template.isInline {
            for (number, argument) in template.arguments.enumerated() {
                if number > 0 { add(" ") }
                for case .text(let text) in argument { add(text) }
            }
            add("\r\n")
        } else {
            add("*\(template.arguments.count)\r\n")
            for argument in template.arguments { add(argument: argument) }
        }
        bytesMax += steps.reduce(0) { total, step in
            switch step {
            case .copy(_, let count): total + count
            case .keyDigits: total + Self.digits
            case .argument(let first, let count):
                total + 32 + parts[first..<first + count].reduce(0) { $0 + longest($1) }
            }
        }
    }

    private func longest(_ part: Part) -> Int {
        switch part {
        case .copy(_, let count): count
        case .keyDigits: Self.digits
        case .value: shape.valueSizes.upperBound
        case .number: 20
        }
    }

    private mutating func add(_ text: String) { add(Array(text.utf8)) }

    /// Bytes that follow bytes become one step.
    private mutating func add(_ more: [UInt8]) {
        if case .copy(let offset, let count)? = steps.last, offset + count == bytes.count {
            steps[steps.count - 1] = .copy(offset: offset, count: count + more.count)
        } else {
            steps.append(.copy(offset: bytes.count, count: more.count))
        }
        bytes += more
    }

    private mutating func add(argument: [CommandTemplate.Piece]) {
        if let length = fixedLength(argument) {
            add("$\(length)\r\n")
            for piece in argument { addFixed(piece) }
            return add("\r\n")
        }
        let first = parts.count
        for piece in argument { parts += self.parts(piece) }
        steps.append(.argument(first: first, count: parts.count - first))
    }

    private var literalKey: [UInt8] { Array("__rand_int__".utf8) }

    /// Nil when the length varies.
    private func fixedLength(_ argument: [CommandTemplate.Piece]) -> Int? {
        var length = 0
        for piece in argument {
            switch piece {
            case .text(let text): length += text.count
            case .key: length += shape.keyPrefix.utf8.count + Self.digits
            case .keyNumber: length += Self.digits
            case .value:
                if shape.verifies || shape.valueSizes.count > 1 { return nil }
                length += shape.valueSizes.lowerBound
            case .number: return nil
            }
        }
        return length
    }

    private mutating func addFixed(_ piece: CommandTemplate.Piece) {
        switch piece {
        case .text(let text): add(text)
        case .key:
            add(shape.keyPrefix)
            addFixed(.keyNumber)
        case .keyNumber: if shape.keyCount > 0 { steps.append(.keyDigits) } else { add(literalKey) }
        case .value: add([UInt8](repeating: UInt8(ascii: "x"), count: shape.valueSizes.lowerBound))
        case .number: preconditionFailure("a number has no fixed length")
        }
    }

    private mutating func parts(_ piece: CommandTemplate.Piece) -> [Part] {
        switch piece {
        case .text(let text): return [part(text)]
        case .key: return [part(Array(shape.keyPrefix.utf8))] + parts(.keyNumber)
        case .keyNumber: return [shape.keyCount > 0 ? .keyDigits : part(literalKey)]
        case .value: return [.value]
        case .number(let low, let high): return [.number(low: low, span: high - low + 1)]
        }
    }

    private mutating func part(_ text: [UInt8]) -> Part {
        defer { bytes += text }
        return .copy(offset: bytes.count, count: text.count)
    }
}

/// The values of a run: a stretch of text, in which every key has a place where its values begin.
struct ValuePool: Sendable {
    private static let starts = 1 << 12
    let bytes: [UInt8]

    /// The same in every run: what one wrote another can check.
    init(valueBytesMax: Int) {
        var random = SeededRandom(seed: 20)
        bytes = (0..<Self.starts + valueBytesMax).map { _ in UInt8(ascii: "!") + UInt8(random.below(94)) }
    }

    @inline(__always)
    static func start(ofKey key: Int) -> Int {
        Int(truncatingIfNeeded: (UInt64(truncatingIfNeeded: key) &* 0x9E37_79B9_7F4A_7C15) >> 52)
    }
}

/// Renders the requests of one worker.
struct RequestRenderer: ~Copyable {
    private let steps: UnsafeMutableBufferPointer<RequestPlan.Step>
    private let parts: UnsafeMutableBufferPointer<RequestPlan.Part>
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private let pool: UnsafeMutableBufferPointer<UInt8>
    private let ranges: UnsafeMutableBufferPointer<Command>
    private var random: SeededRandom
    private var keys: KeyChooser
    /// Of the key drawn last.
    private(set) var lastKey = 0

    private struct Command {
        let steps: Range<Int>
        let firstPart: Int
        let firstByte: Int
        let bytesMax: Int
        let isWrite: Bool
        let verifies: Bool
        let sizes: (low: Int, span: Int)
    }

    init(_ plans: [RequestPlan], pool: ValuePool, keys: KeyChooser, seed: UInt64) {
        func copied<Element>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
            let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(elements.count, 1))
            _ = memory.initialize(from: elements)
            return memory
        }
        var (commands, stepCount, partCount, byteCount) = ([Command](), 0, 0, 0)
        for plan in plans {
            let sizes = plan.shape.valueSizes
            commands.append(
                Command(
                    steps: stepCount..<stepCount + plan.steps.count, firstPart: partCount, firstByte: byteCount,
                    bytesMax: plan.bytesMax, isWrite: plan.isWrite, verifies: plan.shape.verifies,
                    sizes: (sizes.lowerBound, sizes.count)))
            stepCount += plan.steps.count
            partCount += plan.parts.count
            byteCount += plan.bytes.count
        }
        ranges = copied(commands)
        steps = copied(plans.flatMap(\.steps))
        parts = copied(plans.flatMap(\.parts))
        bytes = copied(plans.flatMap(\.bytes))
        self.pool = copied(pool.bytes)
        self.keys = keys
        random = SeededRandom(seed: seed)
    }

    deinit {
        steps.deallocate()
        parts.deallocate()
        bytes.deallocate()
        pool.deallocate()
        ranges.deallocate()
    }

    @inline(__always)
    mutating func drawBelow(_ bound: Int) -> Int { random.below(bound) }

    /// Exponentially distributed with a mean of 1.
    mutating func drawUnit() -> Double { random.unit() }

    /// The next key in sequence is this one.
    @inline(__always)
    mutating func seek(to key: Int) { keys.seek(to: key) }

    /// Appends one request of command `index`.
    @inline(__always)
    mutating func render(_ index: Int, into buffer: inout ByteBuffer) {
        let command = ranges[index]
        buffer.reserve(command.bytesMax)
        var place = buffer.writable
        for step in command.steps {
            switch steps[step] {
            case .copy(let offset, let count):
                place.update(from: bytes.baseAddress.unsafelyPresent + command.firstByte + offset, count: count)
                place += count
            case .keyDigits:
                lastKey = keys.next(&random, isWrite: command.isWrite)
                writeTwelveDigits(lastKey, to: place)
                place += 12
            case .argument(let first, let count): place += argument(command, first, count, to: place)
            }
        }
        buffer.commit(place - buffer.writable)
    }

    /// The body first, behind room for a header of any length; then both moved together.
    private mutating func argument(
        _ command: Command, _ first: Int, _ count: Int, to place: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let headerRoom = 24
        let body = place + headerRoom
        var length = 0
        for index in command.firstPart + first..<command.firstPart + first + count {
            switch parts[index] {
            case .copy(let offset, let count):
                (body + length).update(
                    from: bytes.baseAddress.unsafelyPresent + command.firstByte + offset, count: count)
                length += count
            case .keyDigits:
                lastKey = keys.next(&random, isWrite: command.isWrite)
                writeTwelveDigits(lastKey, to: body + length)
                length += 12
            case .value:
                let size =
                    command.sizes.span == 1 ? command.sizes.low : command.sizes.low + random.below(command.sizes.span)
                let start = command.verifies ? ValuePool.start(ofKey: lastKey) : 0
                (body + length).update(from: pool.baseAddress.unsafelyPresent + start, count: size)
                length += size
            case .number(let low, let span):
                length += writeDecimal(Int64(low + random.below(span)), to: body + length)
            }
        }
        place[0] = UInt8(ascii: "$")
        var at = 1 + writeDecimal(UInt64(length), to: place + 1)
        place[at] = 13
        place[at + 1] = 10
        at += 2
        (place + at).update(from: body, count: length)
        at += length
        place[at] = 13
        place[at + 1] = 10
        return at + 2
    }

    /// Where the values of a key begin, to compare with.
    @inline(__always)
    func expected(ofKey key: Int) -> UnsafePointer<UInt8> {
        UnsafePointer(pool.baseAddress.unsafelyPresent + ValuePool.start(ofKey: key))
    }
}

extension Optional {
    /// Of memory that was allocated and is therefore there.
    @inline(__always)
    fileprivate var unsafelyPresent: Wrapped {
        guard let self else { preconditionFailure("memory without an address") }
        return self
    }
}

/// Two halves, each in 32 bits and pair by pair, so that the divisions do not wait for each other.
@inline(__always)
func writeTwelveDigits(_ number: Int, to place: UnsafeMutablePointer<UInt8>) {
    let (high, low) = UInt64(truncatingIfNeeded: number).quotientAndRemainder(dividingBy: 1_000_000)
    writeSixDigits(UInt32(truncatingIfNeeded: high), to: place)
    writeSixDigits(UInt32(truncatingIfNeeded: low), to: place + 6)
}

@inline(__always)
private func writeSixDigits(_ number: UInt32, to place: UnsafeMutablePointer<UInt8>) {
    let (top, rest) = number.quotientAndRemainder(dividingBy: 10000)
    let (middle, bottom) = rest.quotientAndRemainder(dividingBy: 100)
    writeTwoDigits(top, to: place)
    writeTwoDigits(middle, to: place + 2)
    writeTwoDigits(bottom, to: place + 4)
}

@inline(__always)
private func writeTwoDigits(_ number: UInt32, to place: UnsafeMutablePointer<UInt8>) {
    let (tens, ones) = number.quotientAndRemainder(dividingBy: 10)
    place[0] = 48 &+ UInt8(truncatingIfNeeded: tens)
    place[1] = 48 &+ UInt8(truncatingIfNeeded: ones)
}
