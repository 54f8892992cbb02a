/// Reading records. Bytes come from disks and networks: whatever they say, decoding ends, allocates no more
/// than a small multiple of the input, and yields a record that can be merged.
import Base

extension RecordCodec {
    /// The next record, or nil when the bytes are none; the reader has then failed.
    public static func decode(_ reader: inout ByteReader) -> Record? {
        let flags = Flags(rawValue: reader.byte())
        let database = reader.varint()
        guard reader.isValid, database < UInt64(Limits.databasesMax) else { return failed(&reader) }
        if flags.contains(.database) {
            return flags == .database ? .clearDatabase(Int(database)) : failed(&reader)
        }
        let key = DatabaseKey(database: Int(database), key: reader.lengthPrefixed().array)
        guard let delta = decodeDelta(flags, &reader), reader.isValid, !delta.isEmpty else { return failed(&reader) }
        return .key(key, delta)
    }

    private static func failed(_ reader: inout ByteReader) -> Record? {
        reader.fail()
        return nil
    }

    private static func decodeDelta(_ flags: Flags, _ reader: inout ByteReader) -> Delta? {
        var delta = Delta()
        var extra: Extra = []
        if flags.contains(.extra) {
            let byte = reader.byte()
            guard byte != 0, byte & ~Extra.known == 0 else { return nil }
            extra = Extra(rawValue: byte)
        }
        if flags.contains(.baseDeadline), !flags.contains(.base) { return nil }
        if extra.contains(.clearCell) { delta.cleared.insert(.cell) }
        if extra.contains(.clearMembers) { delta.cleared.insert(.members) }
        if extra.contains(.clearDeadline) { delta.cleared.insert(.deadline) }
        // One spelling for each meaning.
        if delta.cleared == .all || flags.contains(.clearAll) && !delta.cleared.isEmpty { return nil }
        if flags.contains(.clearAll) { delta.cleared = .all }
        if extra.contains(.resets) {
            guard let resets = decodeResets(&reader) else { return nil }
            delta.resets = resets
        }
        if flags.contains(.base) {
            let value = reader.lengthPrefixed().array
            let deadline = flags.contains(.baseDeadline) ? decodeDeadline(&reader) : nil
            if deadline == DeadlineRegister.persist { return nil }
            delta.base = Delta.NewBase(value: value, deadline: deadline)
        }
        if flags.contains(.increment) {
            guard let increment = decodeIncrement(&reader) else { return nil }
            delta.increment = increment
        }
        if flags.contains(.deadline) {
            let removed = decodeStamps(reader.count(), &reader)
            delta.deadline = Delta.NewDeadline(removed: removed, deadline: decodeDeadline(&reader))
        }
        if flags.contains(.patches) {
            guard let patches = decodePatches(&reader) else { return nil }
            delta.patches = patches
        }
        if extra.contains(.elements) {
            guard let elements = decodeElements(&reader) else { return nil }
            delta.elements = elements
        }
        return delta
    }

    private static func decodeStamps(_ count: Int, _ reader: inout ByteReader) -> [Stamp] {
        guard count <= reader.remaining / 8 else {
            reader.fail()
            return []
        }
        return (0..<count).map { _ in Stamp(rawValue: reader.littleEndian(UInt64.self)) }
    }

    private static func decodeDeadline(_ reader: inout ByteReader) -> Int64 {
        let value = reader.varint()
        if value == 0 { return DeadlineRegister.persist }
        guard value <= UInt64(Int64.max) else {
            reader.fail()
            return 0
        }
        return Int64(value - 1)
    }

    static func decodeAmount(_ reader: inout ByteReader) -> Amount? {
        switch reader.byte() {
        case 0: return Amount(reader.zigzag())
        case 1:
            let amount = Amount(units: decodeUnits(&reader))
            return amount.integer == nil ? amount : nil
        default: return nil
        }
    }

    private static func decodeResets(_ reader: inout ByteReader) -> [Reset]? {
        var resets: [Reset] = []
        let count = reader.count()
        guard count > 0, count <= Replica.countMax else { return nil }
        for _ in 0..<count {
            let dot = Stamp(rawValue: reader.littleEndian(UInt64.self))
            guard let sum = decodeAmount(&reader), reader.isValid, !dot.isZero else { return nil }
            resets.append(Reset(dot: dot, sum: sum))
        }
        return resets
    }

    private static func decodeIncrement(_ reader: inout ByteReader) -> Delta.Increment? {
        let kind = reader.byte()
        guard kind < 4 else { return nil }
        let start = kind & 1 == 0 ? nil : Stamp(rawValue: reader.littleEndian(UInt64.self))
        let isExact = kind & 2 != 0
        let amount = isExact ? Amount(units: decodeUnits(&reader)) : Amount(reader.zigzag())
        guard start != nil else {
            if isExact, amount.integer != nil { return nil }
            return Delta.Increment(start: nil, sum: amount, amount: amount)
        }
        let sum = isExact ? Amount(units: decodeUnits(&reader)) : Amount(reader.zigzag())
        if isExact, amount.integer != nil, sum.integer != nil { return nil }
        return Delta.Increment(start: start, sum: sum, amount: amount)
    }

    private static func decodeUnits(_ reader: inout ByteReader) -> Int128 {
        let low = reader.littleEndian(UInt64.self)
        return Int128(reader.littleEndian(Int64.self)) << 64 | Int128(low)
    }

    private static func decodePatches(_ reader: inout ByteReader) -> Delta.NewPatches? {
        let target: PatchTarget
        switch reader.byte() {
        case 0: target = .empty
        case 1: target = .base(Stamp(rawValue: reader.littleEndian(UInt64.self)))
        case 2: target = .settled(Stamp(rawValue: reader.littleEndian(UInt64.self)))
        default: return nil
        }
        if target != .empty, target.stamp.isZero { return nil }
        guard let operations = decodeOperations(&reader) else { return nil }
        return Delta.NewPatches(target: target, operations: operations)
    }

    static func decodeOperations(_ reader: inout ByteReader) -> [PatchOperation]? {
        let count = reader.count()
        guard count > 0 else { return nil }
        var operations: [PatchOperation] = []
        for _ in 0..<count {
            guard let operation = decodeOperation(&reader), reader.isValid, operation.isWithinLimits else { return nil }
            operations.append(operation)
        }
        return operations
    }

    private static func decodeOperation(_ reader: inout ByteReader) -> PatchOperation? {
        let kind = reader.byte()
        if kind == 0 { return .append(reader.lengthPrefixed().array) }
        let offset = reader.varint()
        guard kind <= 3, offset <= UInt64(UInt32.max) else { return nil }
        if kind == 1 { return .overwrite(offset: Int(offset), bytes: reader.lengthPrefixed().array) }
        return .setBit(offset: Int(offset), bit: kind == 3)
    }

    private static func decodeElements(_ reader: inout ByteReader) -> [Delta.ElementChange]? {
        let count = reader.count()
        guard count > 0 else { return nil }
        var elements: [Delta.ElementChange] = []
        for _ in 0..<count {
            let element = reader.lengthPrefixed().array
            let head = reader.varint()
            guard reader.isValid, head >> 1 <= UInt64(reader.remaining / 8) else { return nil }
            if let last = elements.last, !last.element.lexicographicallyPrecedes(element) { return nil }
            let removed = decodeStamps(Int(head >> 1), &reader)
            elements.append(Delta.ElementChange(element: element, removed: removed, adds: head & 1 == 1))
        }
        return elements
    }
}
