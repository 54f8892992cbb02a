/// Taking in the records that nearly all frames consist of, straight from their bytes.
///
/// SET, DEL and INCR onto an absent key, a plain value or a counter, where nothing is in conflict: the entry is
/// changed in place and nothing is allocated besides it. Whatever does not fit goes the general way, record by
/// record; both leave the same state.
import Base
import CIntrinsics
import CRDT

extension Partition {
    /// Applies a frame's records. False, and nothing changed, where they are malformed.
    @inline(__always)
    mutating func apply(
        _ records: ByteView, _ frame: borrowing FrameContext, _ context: inout ExecutionContext
    ) -> Bool {
        guard admitsFastMerge(frame) else { return applyAny(records, copy frame, &context) }
        var reader = ByteReader(records)
        guard let first = CommonRecord(&reader), first.database < databaseCount else {
            return records.isEmpty || applyAny(records, copy frame, &context)
        }
        if reader.isAtEnd {
            return take(first, frame, &context) || applyAny(records, copy frame, &context)
        }
        return applySeveral(records, frame, &context)
    }

    private mutating func applySeveral(
        _ records: ByteView, _ frame: borrowing FrameContext, _ context: inout ExecutionContext
    ) -> Bool {
        // All of it is looked at before anything is changed.
        var reader = ByteReader(records)
        while !reader.isAtEnd {
            guard let record = CommonRecord(&reader), record.database < databaseCount else {
                return applyAny(records, copy frame, &context)
            }
        }
        reader = ByteReader(records)
        while !reader.isAtEnd {
            let start = reader.offset
            guard let record = CommonRecord(&reader) else { return false }
            if !take(record, frame, &context) {
                _ = applyAny(records.slice(start, reader.offset - start), copy frame, &context)
            }
        }
        return true
    }

    /// Nothing is remembered of removes that came early, and this frame's remove nothing that is still to come.
    @inline(__always)
    private func admitsFastMerge(_ frame: borrowing FrameContext) -> Bool {
        !isSole && receiver.pendingClears.isEmpty && receiver.deferred.isEmpty && receiver.faults.isEmpty
            && frame.stamp > settleCut && frame.isCovered(by: receiver.versions)
    }

    @inline(__always)
    private mutating func take(
        _ record: CommonRecord, _ frame: borrowing FrameContext, _ context: inout ExecutionContext
    ) -> Bool {
        let hash = hash(of: record.key)
        return withUnsafeMutablePointer(to: &self) { partition in
            withUnsafeMutablePointer(to: &context) { context in
                KeyHandle(
                    partition: partition, context: context, database: record.database, hash: hash, name: record.key
                ).take(record, frame)
            }
        }
    }
}

extension KeyHandle {
    /// False, and nothing changed, where the record has to go the general way.
    @inline(__always)
    fileprivate func take(_ record: CommonRecord, _ frame: borrowing FrameContext) -> Bool {
        let position = partition.pointee.tables[database].find(name, hash)
        if let entry = position?.entry {
            let settleCut = partition.pointee.settleCut
            guard entry.kind != .general,
                !entry.hasDeadline || entry.deadlineMilliseconds > settleCut.unixMilliseconds
            else { return false }
            if entry.kind == .counter {
                if extendRun(entry, record, frame) { return true }
            } else if !record.increments, record.resetCount == 0 {
                // A SET or DEL over a plain value.
                guard record.clears, entry.stamp < frame.stamp,
                    entry.stamp <= settleCut || frame.covers(entry.stamp)
                else { return false }
                noteWrite()
                return replacePlain(record, frame.stamp, position)
            }
        } else if !record.increments, record.resetCount == 0 {
            noteWrite()
            return replacePlain(record, frame.stamp, position)
        }
        return takeCounter(record, frame, position)
    }

    /// What stood there is gone.
    @inline(__always)
    private func replacePlain(_ record: CommonRecord, _ stamp: Stamp, _ position: SlotPosition?) -> Bool {
        if record.setsBase {
            putPlain(record.value, record.deadline, stamp, position)
        } else if let position {
            partition.pointee.discard(position, database, hash)
        }
        return true
    }

    /// Stores a value that says all there is to say of the key.
    @inline(__always)
    func putPlain(_ value: ByteView, _ deadline: Int64?, _ stamp: Stamp, _ position: SlotPosition?) {
        let isLarge = value.count >= Limits.sharedValueBytesMin
        let entry = shape(
            position, kind: isLarge ? .shared : .bytes, valueLength: isLarge ? 8 : value.count, deadline: deadline,
            stamp: stamp)
        if isLarge {
            let block = SharedBlock.copying(value)
            entry.block = block
            partition.pointee.ownedBytes += block.footprintBytes
        } else {
            a2_memory_copy(entry.valueAddress, value.start, value.count)
        }
    }

    /// A run that is here goes on.
    @inline(__always)
    private func extendRun(_ entry: Entry, _ record: CommonRecord, _ frame: borrowing FrameContext) -> Bool {
        guard !record.clears, !record.setsBase, record.resetCount == 0, !record.runStart.isZero else { return false }
        let replica = frame.stamp.replica
        for index in 0..<entry.counterPartCount {
            let run = entry.counterPart(index)
            guard run.start == record.runStart, run.last.replica == replica, run.last < frame.stamp else { continue }
            let (more, overflow) = record.runSum.subtractingReportingOverflow(run.sum)
            let (shown, shownOverflow) = entry.counterShown.addingReportingOverflow(more)
            if overflow || shownOverflow { return false }
            noteWrite()
            entry.extendCounterRun(index, last: frame.stamp, sum: record.runSum)
            entry.counterShown = shown
            entry.stamp = max(entry.stamp, frame.stamp)
            noteAccess(entry)
            return true
        }
        return false
    }

    /// The rest: a plain value becomes a counter, a run begins, resets arrive.
    @inline(never)
    private func takeCounter(
        _ record: CommonRecord, _ frame: borrowing FrameContext, _ position: SlotPosition?
    ) -> Bool {
        guard var counter = counter(under: record, frame, position) else { return false }
        counter.modified = max(counter.modified, frame.stamp)
        if record.clears { counter.clear { frame.covers($0) } }
        for index in 0..<record.resetCount {
            let reset = record.reset(index)
            guard counter.raise(reset.dot, sum: reset.sum) else { return false }
        }
        if record.setsBase {
            guard counter.baseDot.isZero else { return false }
            guard let number = record.value.canonicalInteger else {
                guard counter.isBlank, !record.increments, counter.modified == frame.stamp else { return false }
                noteWrite()
                putPlain(record.value, record.deadline, frame.stamp, position)
                return true
            }
            counter.setBase(number, dot: frame.stamp, deadline: record.deadline)
        }
        if record.increments {
            let start = record.runStart.isZero ? frame.stamp : record.runStart
            guard counter.insert(start: start, last: frame.stamp, sum: record.runSum) else { return false }
        }
        guard counter.settle(partition.pointee.settleCut), let shown = counter.shown else { return false }
        noteWrite()
        partition.pointee.store(counter, shown: shown, at: position, for: self)
        return true
    }

    /// What is there as a counter; nil where it is none and does not go with this record.
    private func counter(
        under record: CommonRecord, _ frame: borrowing FrameContext, _ position: SlotPosition?
    ) -> CompactCounter? {
        guard let entry = position?.entry else { return CompactCounter() }
        if entry.kind == .counter { return CompactCounter(entry) }
        if record.clears, entry.stamp <= partition.pointee.settleCut || frame.covers(entry.stamp) {
            var counter = CompactCounter()
            counter.modified = entry.stamp
            return counter
        }
        return entry.kind == .shared ? nil : partition.pointee.counter(plain: entry)
    }
}
