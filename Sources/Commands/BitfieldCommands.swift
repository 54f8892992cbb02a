/// BITFIELD and BITFIELD_RO.
///
/// The arguments are read twice: first to check all of them and learn which bytes they reach, then to carry
/// them out. Fields that lie side by side are changed in a copy of their bytes and written at once; fields far
/// apart are written one by one, so that what lies between stays free for other regions' changes.
import Base
import CIntrinsics
import Engine
import RESP

let bitfieldCommands: [Command] = [
    Command(
        name: "BITFIELD", arity: -2, flags: [.write, .denyOutOfMemory], keys: [.one("RW ACCESS UPDATE VARIABLE_FLAGS")],
        arguments:
            "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]]",
        summary: "Performs arbitrary bitfield integer operations on strings.", since: "3.2.0", group: "bitmap",
        complexity: "O(1) for each subcommand specified",
        conflict: "byte by byte the later change wins, INCRBY too; a concurrent SET of the value replaces them",
        handler: bitfield),
    Command(
        name: "BITFIELD_RO", arity: -2, flags: [.readOnly, .fast], keys: [.one("RO ACCESS")],
        arguments: "key [GET encoding offset [GET encoding offset ...]]",
        summary: "Performs arbitrary read-only bitfield integer operations on strings.", since: "6.0.0",
        group: "bitmap", complexity: "O(1) for each subcommand specified", handler: bitfieldReadOnly),
]

/// What the operations of a call reach.
private struct BitfieldReach {
    private(set) var operationCount = 0
    private(set) var writeCount = 0
    /// The bytes written, while they are in one piece.
    private(set) var writtenFirst = 0
    private(set) var writtenEnd = 0
    private(set) var isScattered = false
    /// The length the value has afterwards, at least.
    private(set) var lengthMin = 0

    init(_ arguments: Arguments) throws(CommandError) {
        var parser = BitfieldParser()
        while let operation = try parser.next(arguments) {
            operationCount += 1
            if operation.kind != .get { include(operation.place) }
        }
    }

    private mutating func include(_ place: BitfieldPlace) {
        lengthMin = max(lengthMin, place.endByte)
        writeCount += 1
        if writeCount == 1 {
            writtenFirst = place.firstByte
            writtenEnd = place.endByte
        } else if place.firstByte <= writtenEnd, place.endByte >= writtenFirst {
            writtenFirst = min(writtenFirst, place.firstByte)
            writtenEnd = max(writtenEnd, place.endByte)
        } else {
            isScattered = true
        }
    }
}

@Sendable
private func bitfield(_ call: inout Invocation) throws(CommandError) {
    let reach = try BitfieldReach(call.arguments)
    let key = call.key(1)
    // Only a call that just reads counts as a hit or a miss.
    let text = try key.text(of: reach.writeCount == 0 ? key.read() : key.peek())
    try run(reach, key, text, &call)
}

@Sendable
private func bitfieldReadOnly(_ call: inout Invocation) throws(CommandError) {
    let reach = try BitfieldReach(call.arguments)
    guard reach.writeCount == 0 else { throw .fixed("ERR BITFIELD_RO only supports the GET subcommand") }
    let key = call.key(1)
    try run(reach, key, try key.text(of: key.read()), &call)
}

private func run(
    _ reach: BitfieldReach, _ key: KeyHandle, _ text: ByteView, _ call: inout Invocation
) throws(CommandError) {
    call.reply.array(reach.operationCount)
    var parser = BitfieldParser()
    var editor = BitfieldEditor(key, text, reach)
    while let operation = try parser.next(call.arguments) {
        if let result = try editor.perform(operation) {
            call.reply.integer(result)
        } else {
            call.reply.null()
        }
    }
    try editor.finish(lengthMin: reach.lengthMin)
}

/// The value while operations change it.
private struct BitfieldEditor: ~Copyable {
    private let key: KeyHandle
    private var text: ByteView
    /// The bytes from `copyFirst` on that have been copied to be changed; none where fields are scattered.
    private var copy: ByteBuffer
    private let copyFirst: Int
    private let writesAtOnce: Bool
    /// Changes written at once, still to be recorded.
    private var overwrites: Overwrites?
    /// The bytes changed in `copy`.
    private var changedFirst = Int.max
    private var changedEnd = 0

    init(_ key: KeyHandle, _ text: ByteView, _ reach: BitfieldReach) {
        self.key = key
        self.text = text
        writesAtOnce = reach.isScattered
        overwrites = reach.isScattered ? key.beginOverwrites() : nil
        copyFirst = reach.writtenFirst
        let count = reach.isScattered ? 0 : reach.writtenEnd - reach.writtenFirst
        copy = ByteBuffer(capacity: count)
        let present = min(max(text.count - copyFirst, 0), count)
        if present > 0 { copy.append(text.slice(copyFirst, present)) }
        a2_memory_zero(copy.writable, count - present)
        copy.commit(count - present)
    }

    /// Returns the reply; nil where an overflow forbids the change.
    mutating func perform(_ operation: BitfieldOperation) throws(CommandError) -> Int64? {
        let place = operation.place
        let bytes = load(place.firstByte)
        let old = place.load(bytes)
        let exact: Int128
        switch operation.kind {
        case .get: return old
        case .set: exact = place.type.exact(operation.amount)
        case .increment: exact = Int128(old) + Int128(operation.amount)
        }
        guard let new = place.type.fit(exact, operation.overflow, isSet: operation.kind == .set) else { return nil }
        try store(place.store(new, into: bytes), place)
        return operation.kind == .set ? old : new
    }

    /// Nine bytes, the first one highest; those past the end are zero.
    private borrowing func load(_ first: Int) -> UInt128 {
        var bytes: UInt128 = 0
        for index in first..<first + BitfieldPlace.bytesMax {
            var byte: UInt8 = 0
            if index >= copyFirst, index < copyFirst + copy.count {
                byte = copy.view[index - copyFirst]
            } else if index < text.count {
                byte = text[index]
            }
            bytes = bytes << 8 | UInt128(byte)
        }
        return bytes
    }

    private mutating func store(_ bytes: UInt128, _ place: BitfieldPlace) throws(CommandError) {
        var changed = ByteBuffer(capacity: 16)
        for index in 0..<place.endByte - place.firstByte {
            changed.append(UInt8(truncatingIfNeeded: bytes >> UInt128((BitfieldPlace.bytesMax - 1 - index) * 8)))
        }
        if writesAtOnce {
            write(changed.view, at: place.firstByte)
            text = try key.text(of: key.peek())
        } else {
            let target = copy.base + (place.firstByte - copyFirst)
            a2_memory_copy(target, changed.view.start, changed.count)
            changedFirst = min(changedFirst, place.firstByte)
            changedEnd = max(changedEnd, place.endByte)
        }
    }

    private mutating func write(_ bytes: ByteView, at offset: Int) {
        if key.overwrite(at: offset, bytes, in: &overwrites) { return }
        // A key has one record in a frame: the net effect of all its writes.
        if writesAtOnce { key.context.pointee.accumulates = true }
        _ = key.overwrite(at: offset, bytes)
    }

    /// Writes what has been changed, and makes the value as long as its writes reach, even failed ones.
    mutating func finish(lengthMin: Int) throws(CommandError) {
        if !writesAtOnce, text.count < lengthMin {
            changedFirst = min(changedFirst, lengthMin - 1)
            changedEnd = lengthMin
        }
        if changedFirst < changedEnd {
            write(copy.view.slice(changedFirst - copyFirst, changedEnd - changedFirst), at: changedFirst)
        } else if text.count < lengthMin {
            write(ByteView("\0"), at: lengthMin - 1)
        }
        if let overwrites { key.record(overwrites) }
    }
}
