/// Writing one key.
///
/// Each method has two ways. The short one is for a node that is its own only member, where everything it
/// has written is stable at once: the compact entry is changed in place and the record written straight into
/// the draft. SET, DEL and INCR have a third, in `KeyHandle+Shared`: the same with peers. Everything else
/// (several writes in one frame, a key with another history that has not settled) goes through the general
/// state in `KeyHandle+General`, by the same rules that merge a peer's record.
import Base
import CIntrinsics
import CRDT

/// What SET stores.
public enum NewValue {
    case bytes(ByteView)
    /// A block whose reference passes to the key.
    case block(SharedBlock)

    @inline(__always)
    var view: ByteView {
        switch self {
        case .bytes(let view): view
        case .block(let block): block.view
        }
    }
}

/// What becomes of a key's deadline when its value is set.
public enum DeadlineChange {
    case none
    case keep
    case at(milliseconds: Int64)
}

public enum IncrementFailure: Error {
    case wrongType
    case notANumber
    case overflow
}

extension KeyHandle {
    @inline(__always)
    func shortWay(_ position: SlotPosition?) -> Bool {
        guard partition.pointee.isSole, !context.pointee.accumulates else { return false }
        return position == nil || !position.unsafelyUnwrapped.entry.isUnsettled
    }

    /// Tells clients that watch the key that it was written.
    @inline(__always)
    public func noteWrite() {
        if !partition.pointee.watches.isEmpty {
            partition.pointee.watches.markWritten(database: database, key: name)
        }
    }

    /// SET: everything observed of the key goes, the new value stands alone.
    @inline(__always)
    public func set(_ value: NewValue, deadline change: DeadlineChange = .none) {
        if writesShared { return sharedSet(value, change) }
        let position = liveEntry()
        guard shortWay(position) else { return generalSet(value, change) }
        plainSet(value, change, position)
    }

    /// SET over a plain value or none: whoever has seen all of it need not say what it was.
    @inline(__always)
    func plainSet(_ value: NewValue, _ change: DeadlineChange, _ position: SlotPosition?) {
        let deadline: Int64?
        switch change {
        case .none: deadline = nil
        case .at(let milliseconds): deadline = milliseconds
        case .keep: deadline = keptDeadline(position)
        }
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        noteWrite()
        writeSetRecord(value.view, deadline)
        switch value {
        case .bytes(let view) where view.count < Limits.sharedValueBytesMin:
            let entry = shape(position, kind: .bytes, valueLength: view.count, deadline: deadline, stamp: stamp)
            a2_memory_copy(entry.valueAddress, view.start, view.count)
        case .bytes(let view):
            adopt(.copying(view), position, deadline, stamp)
        case .block(let block):
            adopt(block, position, deadline, stamp)
        }
    }

    @inline(__always)
    func keptDeadline(_ position: SlotPosition?) -> Int64? {
        guard let entry = position?.entry, entry.hasDeadline,
            entry.deadlineMilliseconds > context.pointee.nowMilliseconds
        else { return nil }
        return entry.deadlineMilliseconds
    }

    @inline(__always)
    func writeSetRecord(_ value: ByteView, _ deadline: Int64?) {
        if value.count > Limits.windowFrameBytesMax {
            context.pointee.hasElidedRecord = true
            if !context.pointee.keepsLargeRecords { return }
        }
        RecordCodec.appendSet(
            database: database, key: name, value: value, deadline: deadline, to: &context.pointee.records)
    }

    private func adopt(_ block: SharedBlock, _ position: SlotPosition?, _ deadline: Int64?, _ stamp: Stamp) {
        let entry = shape(position, kind: .shared, valueLength: 8, deadline: deadline, stamp: stamp)
        entry.block = block
        partition.pointee.ownedBytes += block.footprintBytes
    }

    /// Makes the key's entry one of this shape, in place where it fits, and puts it under its stamp. The
    /// value's bytes are the caller's to write.
    @inline(__always)
    func shape(
        _ position: SlotPosition?, kind: Entry.Kind, valueLength: Int, deadline: Int64?, stamp: Stamp
    ) -> Entry {
        if let position {
            let entry = position.entry
            let needed = Entry.bytesNeeded(key: name.count, value: valueLength, deadline: deadline != nil)
            if entry.hasDeadline == (deadline != nil), !Partition.ownsMemory(entry), kind.rawValue < 2,
                Arena.roundedUp(needed) == Arena.roundedUp(entry.allocatedBytes)
            {
                entry.reshape(kind: kind, valueLength: valueLength)
                entry.stamp = stamp
                noteAccess(entry)
                if let deadline { setDeadline(entry, deadline) }
                return entry
            }
            return replace(position, kind, valueLength, deadline, stamp)
        }
        let entry = partition.pointee.allocate(
            kind: kind, key: name, valueLength: valueLength, deadline: deadline, stamp: stamp,
            access: context.pointee.access.initialWord)
        partition.pointee.insert(entry, database, hash)
        return entry
    }

    @inline(never)
    private func replace(
        _ position: SlotPosition, _ kind: Entry.Kind, _ valueLength: Int, _ deadline: Int64?, _ stamp: Stamp
    ) -> Entry {
        let old = position.entry
        noteAccess(old)
        let entry = partition.pointee.allocate(
            kind: kind, key: name, valueLength: valueLength, deadline: deadline, stamp: stamp, access: old.access)
        entry.waits = old.waits
        partition.pointee.countDeadline(database, from: old.hasDeadline, to: deadline)
        position.point(at: entry)
        partition.pointee.free(old)
        return entry
    }

    @inline(__always)
    func setDeadline(_ entry: Entry, _ deadline: Int64) {
        entry.deadlineMilliseconds = deadline
        if deadline < partition.pointee.earliestDeadlineMilliseconds {
            partition.pointee.earliestDeadlineMilliseconds = deadline
        }
    }

    /// DEL: everything observed goes. Returns whether there was anything.
    @discardableResult
    public func delete() -> Bool {
        guard let position = liveEntry() else { return false }
        if writesShared { return sharedDelete(position) }
        guard shortWay(position) else { return generalDelete() }
        return plainDelete(position)
    }

    @inline(__always)
    func plainDelete(_ position: SlotPosition) -> Bool {
        _ = partition.pointee.stampForWrite(&context.pointee)
        noteWrite()
        RecordCodec.appendClear(database: database, key: name, to: &context.pointee.records)
        partition.pointee.discard(position, database, hash)
        return true
    }

    /// INCRBY: adds to whatever number stands there, concurrently with everybody else.
    @inline(__always)
    public func increment(by amount: Int64) throws(IncrementFailure) -> Int64 {
        if writesShared { return try sharedIncrement(by: amount) }
        let position = liveEntry()
        guard shortWay(position) else { return try generalIncrement(by: amount) }
        var present: Int64 = 0
        if let entry = position?.entry {
            if entry.kind == .integer {
                present = entry.integer
            } else {
                guard entry.kind == .bytes, let number = entry.inlineBytes.canonicalInteger else {
                    throw .notANumber
                }
                present = number
            }
        }
        let (sum, overflow) = present.addingReportingOverflow(amount)
        if overflow { throw .overflow }
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        noteWrite()
        RecordCodec.appendIncrement(
            database: database, key: name, amount: amount, createsKey: position == nil, to: &context.pointee.records)
        if let entry = position?.entry, entry.kind == .integer {
            entry.integer = sum
            entry.stamp = stamp
            noteAccess(entry)
            return sum
        }
        var deadline: Int64?
        if let entry = position?.entry, entry.hasDeadline { deadline = entry.deadlineMilliseconds }
        shape(position, kind: .integer, valueLength: 8, deadline: deadline, stamp: stamp).integer = sum
        return sum
    }

    /// EXPIREAT: the key ends at `milliseconds`. The caller has checked that it exists and that the moment
    /// lies in the future.
    public func setDeadline(milliseconds: Int64) {
        guard let position = liveEntry() else { return }
        guard shortWay(position) else { return generalDeadline(milliseconds) }
        let entry = position.entry
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        noteWrite()
        RecordCodec.appendDeadline(
            database: database, key: name, deadline: milliseconds, to: &context.pointee.records)
        if entry.hasDeadline {
            setDeadline(entry, milliseconds)
            entry.stamp = stamp
        } else {
            relocate(position, deadline: milliseconds, stamp: stamp)
        }
    }

    /// PERSIST. Returns whether there was a deadline.
    public func persist() -> Bool {
        // A history's entry shows the next deadline of it, which may have passed what is still there by.
        guard let position = liveEntry(), deadlineMilliseconds != nil else { return false }
        guard shortWay(position) else {
            generalDeadline(nil)
            return true
        }
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        noteWrite()
        RecordCodec.appendDeadline(
            database: database, key: name, deadline: DeadlineRegister.persist, to: &context.pointee.records)
        relocate(position, deadline: nil, stamp: stamp)
        return true
    }

    /// Moves the same value into an entry with or without room for a deadline.
    private func relocate(_ position: SlotPosition, deadline: Int64?, stamp: Stamp) {
        let old = position.entry
        let length = old.storedValueLength
        let entry = partition.pointee.allocate(
            kind: old.kind, key: name, valueLength: length, deadline: deadline, stamp: stamp, access: old.access)
        entry.isRaw = old.isRaw
        a2_memory_copy(entry.valueAddress, old.valueAddress, length)
        partition.pointee.countDeadline(database, from: old.hasDeadline, to: deadline)
        position.point(at: entry)
        partition.pointee.freeShell(old)
    }
}
