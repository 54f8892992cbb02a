/// The general state of one key as bytes, for a snapshot's section and for moving a key whole.
///
///     state    = modified(8) parts(1) [cell] [members] [deadline]     parts: 1 cell · 2 members · 4 deadline
///     cell     = bases patches runs resets sum(1) [amount]
///     bases    = count, then dot(8) rank(8) flags(1: 1 settled, 2 deadline) bytes [deadline(8)]
///     patches  = count, then stamp(8) target(8) operations
///     runs     = count, then start(8) last(8) amount      resets = count, then dot(8) amount
///     members  = settledStamp(8) count, then bytes, settled + 2·dots(varint) dots(8 each)
///     deadline = count, then dot(8) deadline(8)
///
/// A state means something only together with the context it was taken under (versions and S), which the
/// container carries. Decoding checks order and bounds, so that what it yields can be merged into.
import Base

extension KeyState {
    public func encode(to out: inout ByteBuffer) {
        out.append(littleEndian: modified.rawValue)
        let parts = (cell.isBlank ? 0 : 1) | (members.isBlank ? 0 : 2) | (deadline.isBlank ? 0 : 4)
        out.append(UInt8(parts))
        if !cell.isBlank { cell.encode(to: &out) }
        if !members.isBlank {
            out.append(littleEndian: members.settledStamp.rawValue)
            out.append(varint: members.elements.count)
            for element in members.elements {
                RecordCodec.append(bytes: element.bytes, to: &out)
                out.append(varint: element.dots.count << 1 | (element.isSettled ? 1 : 0))
                for dot in element.dots { out.append(littleEndian: dot.rawValue) }
            }
        }
        if !deadline.isBlank {
            out.append(varint: deadline.entries.count)
            for entry in deadline.entries {
                out.append(littleEndian: entry.dot.rawValue)
                out.append(littleEndian: entry.deadline)
            }
        }
    }

    /// The next state, or nil when the bytes are none; the reader has then failed.
    public static func decode(_ reader: inout ByteReader) -> KeyState? {
        var state = KeyState()
        state.modified = reader.stamp()
        let parts = reader.byte()
        guard parts < 8, let cell = parts & 1 == 0 ? Cell() : Cell.decode(&reader),
            let members = parts & 2 == 0 ? AddWinsSet() : AddWinsSet.decode(&reader),
            let deadline = parts & 4 == 0 ? DeadlineRegister() : DeadlineRegister.decode(&reader), reader.isValid
        else {
            reader.fail()
            return nil
        }
        state.cell = cell
        state.members = members
        state.deadline = deadline
        return state
    }
}

extension Cell {
    fileprivate func encode(to out: inout ByteBuffer) {
        out.append(varint: bases.count)
        for base in bases {
            out.append(littleEndian: base.dot.rawValue)
            out.append(littleEndian: base.rank.rawValue)
            out.append(UInt8((base.isSettled ? 1 : 0) | (base.deadline == nil ? 0 : 2)))
            RecordCodec.append(bytes: base.value, to: &out)
            if let deadline = base.deadline { out.append(littleEndian: deadline) }
        }
        out.append(varint: patches.count)
        for patch in patches {
            out.append(littleEndian: patch.stamp.rawValue)
            out.append(littleEndian: patch.target.rawValue)
            RecordCodec.append(operations: patch.operations, to: &out)
        }
        out.append(varint: runs.count)
        for run in runs {
            out.append(littleEndian: run.start.rawValue)
            out.append(littleEndian: run.last.rawValue)
            RecordCodec.append(run.sum, to: &out)
        }
        out.append(varint: resets.count)
        for reset in resets {
            out.append(littleEndian: reset.dot.rawValue)
            RecordCodec.append(reset.sum, to: &out)
        }
        out.append(settledSum == nil ? 0 : 1 as UInt8)
        if let settledSum { RecordCodec.append(settledSum, to: &out) }
    }

    fileprivate static func decode(_ reader: inout ByteReader) -> Cell? {
        var cell = Cell()
        for _ in 0..<reader.count() {
            let dot = reader.stamp()
            var base = CellBase(dot: dot, value: [])
            base.rank = reader.stamp()
            let flags = reader.byte()
            base.isSettled = flags & 1 != 0
            base.value = reader.lengthPrefixed().array
            if flags & 2 != 0 { base.deadline = reader.littleEndian(Int64.self) }
            guard reader.isValid, flags < 4, base.rank >= dot, cell.bases.last.map({ $0.dot < dot }) ?? true,
                !base.isSettled || !cell.bases.contains(where: \.isSettled)
            else { return nil }
            cell.bases.append(base)
        }
        for _ in 0..<reader.count() {
            let patch = Patch(
                stamp: reader.stamp(), target: reader.stamp(), operations: RecordCodec.decodeOperations(&reader) ?? [])
            guard reader.isValid, !patch.operations.isEmpty, cell.patches.last.map({ $0.stamp < patch.stamp }) ?? true
            else { return nil }
            cell.patches.append(patch)
        }
        return cell.decodeCounters(&reader) ? cell : nil
    }

    private mutating func decodeCounters(_ reader: inout ByteReader) -> Bool {
        for _ in 0..<reader.count() {
            let start = reader.stamp()
            let last = reader.stamp()
            guard let sum = RecordCodec.decodeAmount(&reader), reader.isValid, start <= last,
                runs.last.map({ $0.last < last }) ?? true
            else { return false }
            runs.append(Run(start: start, last: last, sum: sum))
        }
        for _ in 0..<reader.count() {
            let dot = reader.stamp()
            guard let sum = RecordCodec.decodeAmount(&reader), reader.isValid, reset(of: dot.replica) == nil,
                resets.last.map({ $0.dot < dot }) ?? true
            else { return false }
            resets.append(Reset(dot: dot, sum: sum))
        }
        let hasSum = reader.byte()
        if hasSum == 1 {
            guard let sum = RecordCodec.decodeAmount(&reader) else { return false }
            settledSum = sum
        }
        // Only live runs are kept.
        return reader.isValid && hasSum <= 1
            && runs.allSatisfy { run in reset(of: run.last.replica).map { run.last > $0.dot } ?? true }
    }
}

extension AddWinsSet {
    fileprivate static func decode(_ reader: inout ByteReader) -> AddWinsSet? {
        var set = AddWinsSet()
        set.settledStamp = reader.stamp()
        for _ in 0..<reader.count() {
            let bytes = reader.lengthPrefixed().array
            let head = reader.varint()
            guard reader.isValid, head > 0, head >> 1 <= UInt64(reader.remaining / 8),
                set.elements.last.map({ $0.bytes.lexicographicallyPrecedes(bytes) }) ?? true
            else { return nil }
            let dots = (0..<Int(head >> 1)).map { _ in reader.stamp() }
            guard zip(dots, dots.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
            set.elements.append(Element(bytes: bytes, dots: dots, isSettled: head & 1 == 1))
        }
        return reader.isValid ? set : nil
    }
}

extension DeadlineRegister {
    fileprivate static func decode(_ reader: inout ByteReader) -> DeadlineRegister? {
        var register = DeadlineRegister()
        for _ in 0..<reader.count() {
            let entry = Entry(dot: reader.stamp(), deadline: reader.littleEndian(Int64.self))
            guard reader.isValid, register.entries.last.map({ $0.dot < entry.dot }) ?? true else { return nil }
            register.entries.append(entry)
        }
        return reader.isValid ? register : nil
    }
}

extension ByteReader {
    mutating func stamp() -> Stamp { Stamp(rawValue: littleEndian(UInt64.self)) }
}
