/// Records as bytes: the same in the log, on the wire, in a snapshot and in repair.
///
///     record   = flags(1) database(varint) [key(length, bytes) fields]
///     flags    = 1 clear all · 2 base · 4 base has a deadline · 8 increment · 16 deadline · 32 patches
///                · 64 an extra byte follows the key · 128 the whole database (alone, and nothing follows it)
///     extra    = 1 clear the cell · 2 clear the members · 4 clear the deadline · 8 resets · 16 elements
///     fields, in this order and only when flagged:
///       resets     count, then dot(8) amount
///       base       length bytes [deadline]
///       increment  kind(1: 1 continued, 2 exact) [start(8)] amount [sum], each a zigzag integer, or sixteen
///                  bytes of 10⁻¹⁷ units with `exact`, which not all of them fit without
///       deadline   count of removed dots, dots(8 each), deadline
///       patches    target(1: 0 empty, 1 base, 2 settled) [stamp(8)] count, then operation(1) …
///       elements   count, then in byte order: element(length, bytes) adds + 2·removed(varint) dots(8 each)
///     deadline = varint, 0 for none, else Unix milliseconds + 1
///     amount   = 0 and a zigzag integer, or 1 and sixteen bytes of 10⁻¹⁷ units
///
/// Most records are one of a few shapes the Engine writes without building a `Delta`.
import Base

public enum Record: Equatable, Sendable {
    case key(DatabaseKey, Delta)
    /// FLUSHDB. Keys with live increments get a clear of their own beside it, with resets.
    case clearDatabase(Int)
}

public enum RecordCodec {
    struct Flags: OptionSet {
        let rawValue: UInt8
        static let clearAll = Flags(rawValue: 1)
        static let base = Flags(rawValue: 2)
        static let baseDeadline = Flags(rawValue: 4)
        static let increment = Flags(rawValue: 8)
        static let deadline = Flags(rawValue: 16)
        static let patches = Flags(rawValue: 32)
        static let extra = Flags(rawValue: 64)
        static let database = Flags(rawValue: 128)
    }

    struct Extra: OptionSet {
        let rawValue: UInt8
        static let clearCell = Extra(rawValue: 1)
        static let clearMembers = Extra(rawValue: 2)
        static let clearDeadline = Extra(rawValue: 4)
        static let resets = Extra(rawValue: 8)
        static let elements = Extra(rawValue: 16)
        static let known: UInt8 = 31
    }

    // MARK: the shapes of the hot path

    /// SET: removes everything observed, which a key without live increments needs no more for.
    @inline(__always)
    public static func appendSet(
        database: Int, key: ByteView, value: ByteView, deadline: Int64?, to out: inout ByteBuffer
    ) {
        let flags: Flags = deadline == nil ? [.clearAll, .base] : [.clearAll, .base, .baseDeadline]
        appendHeader(flags, database, key, to: &out)
        out.append(varint: value.count)
        out.append(value)
        if let deadline { append(deadline: deadline, to: &out) }
    }

    /// INCR and its kin as a run of its own: right whenever the author has no live run on the key that reaches
    /// past the cut it announces. `createsKey` when the key was absent: what creates a key clears it.
    @inline(__always)
    public static func appendIncrement(
        database: Int, key: ByteView, amount: Int64, createsKey: Bool, to out: inout ByteBuffer
    ) {
        appendHeader(createsKey ? [.clearAll, .increment] : .increment, database, key, to: &out)
        out.append(0 as UInt8)
        out.append(zigzag: amount)
    }

    /// INCR continuing the run that began at `runStart` and sums to `sum` with this `amount`.
    @inline(__always)
    public static func appendIncrement(
        database: Int, key: ByteView, runStart: Stamp, amount: Int64, sum: Int64, to out: inout ByteBuffer
    ) {
        appendHeader(.increment, database, key, to: &out)
        out.append(1 as UInt8)
        out.append(littleEndian: runStart.rawValue)
        out.append(zigzag: amount)
        out.append(zigzag: sum)
    }

    /// DEL of a key without live increments.
    @inline(__always)
    public static func appendClear(database: Int, key: ByteView, to out: inout ByteBuffer) {
        appendHeader(.clearAll, database, key, to: &out)
    }

    /// EXPIRE and PERSIST (`DeadlineRegister.persist`) of a key without EXPIREs newer than the frame's cut.
    @inline(__always)
    public static func appendDeadline(database: Int, key: ByteView, deadline: Int64, to out: inout ByteBuffer) {
        appendHeader(.deadline, database, key, to: &out)
        out.append(0 as UInt8)
        append(deadline: deadline, to: &out)
    }

    /// APPEND on `target`: `.settled` or `.base` with the entry's stamp, or `.empty` when the key was absent.
    @inline(__always)
    public static func appendPatch(
        database: Int, key: ByteView, target: PatchTarget, append bytes: ByteView, to out: inout ByteBuffer
    ) {
        appendPatchHeader(database, key, target, operation: 0, to: &out)
        out.append(varint: bytes.count)
        out.append(bytes)
    }

    /// SETRANGE.
    @inline(__always)
    public static func appendPatch(
        database: Int, key: ByteView, target: PatchTarget, overwriteAt offset: Int, with bytes: ByteView,
        to out: inout ByteBuffer
    ) {
        appendPatchHeader(database, key, target, operation: 1, to: &out)
        out.append(varint: offset)
        out.append(varint: bytes.count)
        out.append(bytes)
    }

    /// SETBIT.
    @inline(__always)
    public static func appendPatch(
        database: Int, key: ByteView, target: PatchTarget, setBitAt offset: Int, to bit: Bool,
        out: inout ByteBuffer
    ) {
        appendPatchHeader(database, key, target, operation: bit ? 3 : 2, to: &out)
        out.append(varint: offset)
    }

    /// FLUSHDB.
    public static func appendClearDatabase(database: Int, to out: inout ByteBuffer) {
        out.append(Flags.database.rawValue)
        out.append(varint: database)
    }

    // MARK: any delta

    public static func append(_ record: Record, to out: inout ByteBuffer) {
        switch record {
        case .clearDatabase(let database): appendClearDatabase(database: database, to: &out)
        case .key(let key, let delta): key.key.withView { append(delta, database: key.database, key: $0, to: &out) }
        }
    }

    public static func append(_ delta: Delta, database: Int, key: ByteView, to out: inout ByteBuffer) {
        var flags: Flags = []
        var extra: Extra = []
        if delta.cleared == .all {
            flags.insert(.clearAll)
        } else {
            if delta.cleared.contains(.cell) { extra.insert(.clearCell) }
            if delta.cleared.contains(.members) { extra.insert(.clearMembers) }
            if delta.cleared.contains(.deadline) { extra.insert(.clearDeadline) }
        }
        if !delta.resets.isEmpty { extra.insert(.resets) }
        if !delta.elements.isEmpty { extra.insert(.elements) }
        if !extra.isEmpty { flags.insert(.extra) }
        if delta.base != nil { flags.insert(.base) }
        if delta.base?.deadline != nil { flags.insert(.baseDeadline) }
        if delta.increment != nil { flags.insert(.increment) }
        if delta.deadline != nil { flags.insert(.deadline) }
        if delta.patches != nil { flags.insert(.patches) }
        appendHeader(flags, database, key, to: &out)
        if !extra.isEmpty { out.append(extra.rawValue) }
        appendFields(delta, to: &out)
    }

    private static func appendFields(_ delta: Delta, to out: inout ByteBuffer) {
        if !delta.resets.isEmpty {
            out.append(varint: delta.resets.count)
            for reset in delta.resets {
                out.append(littleEndian: reset.dot.rawValue)
                append(reset.sum, to: &out)
            }
        }
        if let base = delta.base {
            append(bytes: base.value, to: &out)
            if let deadline = base.deadline { append(deadline: deadline, to: &out) }
        }
        if let increment = delta.increment {
            append(increment, to: &out)
        }
        if let deadline = delta.deadline {
            append(stamps: deadline.removed, to: &out)
            append(deadline: deadline.deadline, to: &out)
        }
        if let patches = delta.patches {
            append(patches.target, to: &out)
            append(operations: patches.operations, to: &out)
        }
        if !delta.elements.isEmpty {
            out.append(varint: delta.elements.count)
            for change in delta.elements {
                append(bytes: change.element, to: &out)
                out.append(varint: change.removed.count << 1 | (change.adds ? 1 : 0))
                for stamp in change.removed { out.append(littleEndian: stamp.rawValue) }
            }
        }
    }

    // MARK: fields

    @inline(__always)
    static func appendHeader(_ flags: Flags, _ database: Int, _ key: ByteView, to out: inout ByteBuffer) {
        out.append(flags.rawValue)
        out.append(varint: database)
        out.append(varint: key.count)
        out.append(key)
    }

    @inline(__always)
    private static func appendPatchHeader(
        _ database: Int, _ key: ByteView, _ target: PatchTarget, operation: UInt8, to out: inout ByteBuffer
    ) {
        appendHeader(target == .empty ? [.clearAll, .patches] : .patches, database, key, to: &out)
        append(target, to: &out)
        out.append(1 as UInt8)
        out.append(operation)
    }

    @inline(__always)
    static func append(deadline: Int64, to out: inout ByteBuffer) {
        out.append(varint: deadline == DeadlineRegister.persist ? 0 : UInt64(max(deadline, 0)) + 1)
    }

    @inline(__always)
    private static func append(_ target: PatchTarget, to out: inout ByteBuffer) {
        switch target {
        case .empty: out.append(0 as UInt8)
        case .base(let stamp):
            out.append(1 as UInt8)
            out.append(littleEndian: stamp.rawValue)
        case .settled(let stamp):
            out.append(2 as UInt8)
            out.append(littleEndian: stamp.rawValue)
        }
    }

    static func append(operations: [PatchOperation], to out: inout ByteBuffer) {
        out.append(varint: operations.count)
        for operation in operations { append(operation, to: &out) }
    }

    private static func append(_ operation: PatchOperation, to out: inout ByteBuffer) {
        switch operation {
        case .append(let bytes):
            out.append(0 as UInt8)
            append(bytes: bytes, to: &out)
        case .overwrite(let offset, let bytes):
            out.append(1 as UInt8)
            out.append(varint: offset)
            append(bytes: bytes, to: &out)
        case .setBit(let offset, let bit):
            out.append(bit ? 3 : 2 as UInt8)
            out.append(varint: offset)
        }
    }

    private static func append(_ increment: Delta.Increment, to out: inout ByteBuffer) {
        let sum = increment.start == nil ? .zero : increment.sum
        let isExact = increment.amount.integer == nil || sum.integer == nil
        out.append((increment.start == nil ? 0 : 1) | (isExact ? 2 : 0) as UInt8)
        if let start = increment.start { out.append(littleEndian: start.rawValue) }
        for amount in [increment.amount, sum].prefix(increment.start == nil ? 1 : 2) {
            if isExact { append(units: amount.units, to: &out) } else { out.append(zigzag: amount.integer ?? 0) }
        }
    }

    private static func append(units: Int128, to out: inout ByteBuffer) {
        out.append(littleEndian: UInt64(truncatingIfNeeded: units))
        out.append(littleEndian: Int64(truncatingIfNeeded: units >> 64))
    }

    static func append(_ amount: Amount, to out: inout ByteBuffer) {
        if let integer = amount.integer {
            out.append(0 as UInt8)
            out.append(zigzag: integer)
        } else {
            out.append(1 as UInt8)
            append(units: amount.units, to: &out)
        }
    }

    private static func append(stamps: [Stamp], to out: inout ByteBuffer) {
        out.append(varint: stamps.count)
        for stamp in stamps { out.append(littleEndian: stamp.rawValue) }
    }

    static func append(bytes: [UInt8], to out: inout ByteBuffer) {
        out.append(varint: bytes.count)
        out.append(bytes)
    }
}
