/// SET, DEL and INCR on a node with peers, for plain values and counters, without the general form.
///
/// On a plain value SET and DEL do what they do without peers: they cover all there is to see. INCR makes a
/// compact counter of it and afterwards extends this replica's run in place. What does not fit goes the
/// general way; both ways leave the same state and write the same records.
import Base
import CRDT

extension KeyHandle {
    /// There are peers, and this command has its frame to itself.
    @inline(__always)
    var writesShared: Bool { !partition.pointee.isSole && !context.pointee.accumulates }

    @inline(__always)
    private func isPast(_ entry: Entry) -> Bool {
        entry.hasDeadline && entry.deadlineMilliseconds <= context.pointee.nowMilliseconds
    }

    // MARK: INCR

    @inline(__always)
    func sharedIncrement(by amount: Int64) throws(IncrementFailure) -> Int64 {
        let position = partition.pointee.tables[database].find(name, hash)
        if let entry = position?.entry, entry.kind == .counter, !isPast(entry),
            let sum = try extendedRun(entry, amount)
        {
            return sum
        }
        return try changedCounter(position, amount)
    }

    /// Adds to this replica's run where it goes on; nil where it does not.
    @inline(__always)
    private func extendedRun(_ entry: Entry, _ amount: Int64) throws(IncrementFailure) -> Int64? {
        let replica = partition.pointee.replica
        let folded = partition.pointee.foldedUpTo
        for index in 0..<entry.counterPartCount {
            let run = entry.counterPart(index)
            guard !run.isReset, run.last > folded, run.last.replica == replica else { continue }
            let (shown, overflow) = entry.counterShown.addingReportingOverflow(amount)
            if overflow { throw .overflow }
            let (sum, runOverflow) = run.sum.addingReportingOverflow(amount)
            if runOverflow { return nil }
            let stamp = partition.pointee.stampForWrite(&context.pointee)
            noteWrite()
            RecordCodec.appendIncrement(
                database: database, key: name, runStart: run.start, amount: amount, sum: sum,
                to: &context.pointee.records)
            entry.extendCounterRun(index, last: stamp, sum: sum)
            entry.counterShown = shown
            entry.stamp = stamp
            noteAccess(entry)
            return shown
        }
        return nil
    }

    /// INCR that begins a run.
    @inline(never)
    private func changedCounter(_ position: SlotPosition?, _ amount: Int64) throws(IncrementFailure) -> Int64 {
        if let entry = position?.entry, isPast(entry) { return try generalIncrement(by: amount) }
        let settleCut = partition.pointee.settleCut
        let replica = partition.pointee.replica
        guard var counter = try counter(at: position), counter.settle(settleCut), let present = counter.shown,
            counter.lastRun(of: replica)?.last ?? .zero <= partition.pointee.foldedUpTo || !counter.exists
        else { return try generalIncrement(by: amount) }
        let (sum, overflow) = present.addingReportingOverflow(amount)
        if overflow { throw .overflow }
        let creates = !counter.exists
        if creates { counter.clear { _ in true } }
        let latest = partition.pointee.nextStamp(context.pointee)
        guard counter.insert(start: latest, last: latest, sum: amount), counter.shown == sum else {
            return try generalIncrement(by: amount)
        }
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        assert(stamp == latest, "the clock moved while nobody looked")
        noteWrite()
        RecordCodec.appendIncrement(
            database: database, key: name, amount: amount, createsKey: creates, to: &context.pointee.records)
        counter.modified = stamp
        partition.pointee.store(counter, shown: sum, at: position, for: self)
        return sum
    }

    /// What is there as a counter; nil where it is a history of another kind.
    private func counter(at position: SlotPosition?) throws(IncrementFailure) -> CompactCounter? {
        guard let entry = position?.entry else { return CompactCounter() }
        switch entry.kind {
        case .general: return nil
        case .counter: return CompactCounter(entry)
        case .shared: throw .notANumber
        case .integer, .bytes:
            guard let counter = partition.pointee.counter(plain: entry) else { throw .notANumber }
            return counter
        }
    }

    // MARK: SET

    @inline(__always)
    func sharedSet(_ value: NewValue, _ change: DeadlineChange) {
        let position = partition.pointee.tables[database].find(name, hash)
        guard let entry = position?.entry, entry.isUnsettled else { return plainSet(value, change, position) }
        setOverHistory(value, change, position)
    }

    @inline(never)
    private func setOverHistory(_ value: NewValue, _ change: DeadlineChange, _ position: SlotPosition?) {
        guard let position, position.entry.kind == .counter, !isPast(position.entry) else {
            return generalSet(value, change)
        }
        if position.entry.stamp <= partition.pointee.settleCut {
            return plainSet(value, change, position)
        }
        guard case .bytes(let view) = value, let number = view.canonicalInteger else {
            return generalSet(value, change)
        }
        var counter = CompactCounter(position.entry)
        let before = counter
        let deadline: Int64? =
            switch change {
            case .none: nil
            case .keep: keptDeadline(position)
            case .at(let milliseconds): milliseconds
            }
        guard counter.resetAll() else { return generalSet(value, change) }
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        noteWrite()
        if before.hasRuns {
            writeResets(of: before, setsBase: true, hasDeadline: deadline != nil)
            RecordCodec.appendBase(view, deadline: deadline, to: &context.pointee.records)
        } else {
            writeSetRecord(view, deadline)
        }
        counter.setBase(number, dot: stamp, deadline: deadline)
        counter.modified = stamp
        partition.pointee.store(counter, shown: number, at: position, for: self)
    }

    /// For each replica what this one has seen of its latest run.
    private func writeResets(of counter: CompactCounter, setsBase: Bool, hasDeadline: Bool) {
        var count = 0
        for index in 0..<counter.count where counter.isLatestRun(index) { count += 1 }
        RecordCodec.beginResets(
            database: database, key: name, count: count, setsBase: setsBase, hasDeadline: hasDeadline,
            to: &context.pointee.records)
        for index in counter.runsInOrder where counter.isLatestRun(index) {
            RecordCodec.appendReset(dot: counter[index].last, sum: counter[index].sum, to: &context.pointee.records)
        }
    }

    // MARK: DEL

    /// DEL of a key that is there.
    func sharedDelete(_ position: SlotPosition) -> Bool {
        let entry = position.entry
        if entry.kind == .general { return generalDelete() }
        guard entry.kind == .counter, entry.stamp > partition.pointee.settleCut else { return plainDelete(position) }
        var counter = CompactCounter(entry)
        let before = counter
        guard counter.resetAll() else { return generalDelete() }
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        noteWrite()
        if before.hasRuns {
            writeResets(of: before, setsBase: false, hasDeadline: false)
        } else {
            RecordCodec.appendClear(database: database, key: name, to: &context.pointee.records)
        }
        counter.modified = stamp
        partition.pointee.store(counter, shown: 0, at: position, for: self)
        return true
    }
}

extension CompactCounter {
    /// Whether this is the latest live run of its replica.
    fileprivate func isLatestRun(_ index: Int) -> Bool {
        !self[index].isReset && lastRun(of: self[index].last.replica)?.last == self[index].last
    }

    /// Parts by their last stamp, as the general form lists runs.
    fileprivate var runsInOrder: [Int] { (0..<count).sorted { self[$0].last < self[$1].last } }
}
