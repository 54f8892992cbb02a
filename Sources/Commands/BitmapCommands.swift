/// Bitmaps: a string's single bits, counted, searched and combined. Fields of several bits are in
/// `BitfieldCommands`.
import Base
import CIntrinsics
import Engine
import RESP

let bitmapCommands: [Command] = [
    Command(
        name: "SETBIT", arity: 4, flags: [.write, .denyOutOfMemory], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key offset value",
        summary: "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
        since: "2.2.0", group: "bitmap",
        conflict:
            "of each bit the later change wins; different bits all stay; a concurrent SET of the value replaces them",
        handler: setBit),
    Command(
        name: "GETBIT", arity: 3, flags: [.readOnly, .fast], keys: [.one("RO ACCESS")], arguments: "key offset",
        summary: "Returns a bit value by offset.", since: "2.2.0", group: "bitmap", handler: getBit),
    Command(
        name: "BITCOUNT", arity: -2, flags: [.readOnly], keys: [.one("RO ACCESS")],
        arguments: "key [start end [BYTE | BIT]]",
        summary: "Counts the number of set bits (population counting) in a string.", since: "2.6.0",
        group: "bitmap", complexity: "O(N)", handler: bitCount),
    Command(
        name: "BITPOS", arity: -3, flags: [.readOnly], keys: [.one("RO ACCESS")],
        arguments: "key bit [start [end [BYTE | BIT]]]",
        summary: "Finds the first set (1) or clear (0) bit in a string.", since: "2.8.7", group: "bitmap",
        complexity: "O(N)", handler: bitPosition),
    Command(
        name: "BITOP", arity: -4, flags: [.write, .denyOutOfMemory],
        keys: [.one("OW UPDATE", at: 2), KeySpec(3, -1, "RO ACCESS")],
        arguments: "<AND | OR | XOR | NOT> destkey key [key ...]",
        summary: "Performs bitwise operations on multiple strings, and stores the result.", since: "2.6.0",
        group: "bitmap", complexity: "O(N)", conflict: "the result is written as by SET", handler: bitOperation),
]

extension Arguments {
    /// A bit's number within the longest string. With `fieldBits`, `#2` means the third field of that width.
    func bitOffset(_ index: Int, fieldBits: Int? = nil) throws(CommandError) -> Int {
        var text = self[index]
        var scale = 1
        if let fieldBits, text.count > 0, text[0] == UInt8(ascii: "#") {
            text = text.dropFirst(1)
            scale = fieldBits
        }
        guard let number = text.canonicalInteger, number >= 0 else { throw .bitOffset }
        let (offset, overflow) = Int(number).multipliedReportingOverflow(by: scale)
        guard !overflow, offset >> 3 < Limits.bulkBytesMax else { throw .bitOffset }
        return offset
    }
}

extension CommandError {
    fileprivate static let bitOffset = CommandError.fixed("ERR bit offset is not an integer or out of range")
}

// MARK: One bit

@Sendable
private func setBit(_ call: inout Invocation) throws(CommandError) {
    let offset = try call.arguments.bitOffset(2)
    guard let bit = call.arguments[3].canonicalInteger, bit == 0 || bit == 1 else {
        throw .fixed("ERR bit is not an integer or out of range")
    }
    let key = call.key(1)
    let old = Bits.isSet(offset, in: try key.text(of: key.peek()))
    // Written even where it changes nothing: against another region's change of the bit, the later one counts.
    key.setBit(at: offset, to: bit == 1)
    call.reply.integer(old ? 1 : 0)
}

@Sendable
private func getBit(_ call: inout Invocation) throws(CommandError) {
    let offset = try call.arguments.bitOffset(2)
    let key = call.key(1)
    call.reply.integer(Bits.isSet(offset, in: try key.text(of: key.read())) ? 1 : 0)
}

// MARK: Counting and searching

/// The part of a string that BITCOUNT and BITPOS are asked about.
private struct BitRange {
    var first: Int
    var last: Int
    /// Whether the two number bits rather than bytes.
    var countsBits: Bool

    /// Counts negative ends from the end of `text` and confines both to it; then both number bits.
    func resolved(in text: ByteView) -> (first: Int, last: Int) {
        let length = countsBits ? text.count * 8 : text.count
        let from = first < 0 ? max(first + length, 0) : first
        let through = min(last < 0 ? max(last + length, 0) : last, length - 1)
        if from > through { return (0, -1) }
        return countsBits ? (from, through) : (from * 8, through * 8 + 7)
    }
}

extension Arguments {
    fileprivate func isBitUnit(_ index: Int) throws(CommandError) -> Bool {
        if isWord(index, "bit") { return true }
        if isWord(index, "byte") { return false }
        throw .syntax
    }
}

@Sendable
private func bitCount(_ call: inout Invocation) throws(CommandError) {
    let arguments = call.arguments
    let key = call.key(1)
    let value = key.read()
    // As in 7.2, what follows a missing key is not looked at.
    if value.isMissing { return call.reply.integer(0) }
    let text = try key.text(of: value)
    if arguments.count == 2 { return call.reply.integer(Bits.count(text)) }
    guard arguments.count == 4 || arguments.count == 5 else { throw .syntax }
    var range = BitRange(first: Int(try arguments.integer(2)), last: Int(try arguments.integer(3)), countsBits: false)
    if range.first < 0, range.last < 0, range.first > range.last { return call.reply.integer(0) }
    if arguments.count == 5 { range.countsBits = try arguments.isBitUnit(4) }
    let (first, last) = range.resolved(in: text)
    call.reply.integer(first > last ? 0 : Bits.count(text, from: first, through: last))
}

@Sendable
private func bitPosition(_ call: inout Invocation) throws(CommandError) {
    let arguments = call.arguments
    let wanted = try arguments.integer(2)
    guard wanted == 0 || wanted == 1 else { throw .fixed("ERR The bit argument must be 1 or 0.") }
    let bit = wanted == 1
    let key = call.key(1)
    let value = key.read()
    // As in 7.2: a missing key is zeroes without end, wherever the search begins.
    if value.isMissing { return call.reply.integer(bit ? -1 : 0) }
    let text = try key.text(of: value)
    guard arguments.count <= 6 else { throw .syntax }
    var range = BitRange(first: 0, last: -1, countsBits: false)
    if arguments.count > 3 { range.first = Int(try arguments.integer(3)) }
    if arguments.count == 6 { range.countsBits = try arguments.isBitUnit(5) }
    if arguments.count > 4 { range.last = Int(try arguments.integer(4)) }
    let (first, last) = range.resolved(in: text)
    if first > last { return call.reply.integer(-1) }
    if let found = Bits.index(of: bit, in: text, from: first, through: last) { return call.reply.integer(found) }
    // Without an end the string goes on in zeroes.
    call.reply.integer(bit || arguments.count > 4 ? -1 : text.count * 8)
}

// MARK: BITOP

private enum BitOperation {
    case and, or, xor, not

    init(_ arguments: Arguments) throws(CommandError) {
        if arguments.isWord(1, "and") {
            self = .and
        } else if arguments.isWord(1, "or") {
            self = .or
        } else if arguments.isWord(1, "xor") {
            self = .xor
        } else if arguments.isWord(1, "not") {
            self = .not
        } else {
            throw .syntax
        }
    }

    /// Combines `source`, taken as followed by zeroes, into the `count` bytes at `target`.
    func combine(_ target: UnsafeMutablePointer<UInt8>, count: Int, with source: ByteView) {
        switch self {
        case .and:
            Bits.combine(target, with: source) { $0 & $1 }
            a2_memory_zero(target + source.count, count - source.count)
        case .or: Bits.combine(target, with: source) { $0 | $1 }
        case .xor: Bits.combine(target, with: source) { $0 ^ $1 }
        case .not: Bits.combine(target, with: source) { old, _ in ~old }
        }
    }
}

@Sendable
private func bitOperation(_ call: inout Invocation) throws(CommandError) {
    let operation = try BitOperation(call.arguments)
    if operation == .not, call.arguments.count != 4 {
        throw .fixed("ERR BITOP NOT must be called with a single source key.")
    }
    var count = 0
    for index in 3..<call.arguments.count {
        let key = call.key(index)
        count = max(count, try key.length(of: key.read()))
    }
    let destination = call.key(2)
    call.reply.integer(count)
    // Only one key is written: nothing adds up that a frame would have to be the net effect of.
    if !call.isInTransaction { call.context.pointee.accumulates = false }
    guard count > 0 else {
        _ = destination.delete()
        return
    }
    let result = SharedBlock.allocate(capacity: count)
    result.count = count
    let bytes = result.bytes
    for index in 3..<call.arguments.count {
        let key = call.key(index)
        let source = try key.text(of: key.peek())
        if index == 3 {
            a2_memory_copy(bytes, source.start, source.count)
            a2_memory_zero(bytes + source.count, count - source.count)
        }
        if index > 3 || operation == .not {
            operation.combine(bytes, count: count, with: source)
        }
    }
    destination.setRaw(result)
}
