/// Becoming again what this replica was: its own state from a snapshot, then the frames of its log, one after the
/// other as they were applied the first time.
///
/// What others wrote is merged as when it arrived; what was written here is merged by the same rules, except on a
/// node that was its own only member, where it is applied as it was written: everything stable at once. Nothing is
/// held back for its cut: it was applied at this place before, so all that the cut promised was there.
import Base
import CRDT

extension Partition {
    /// Takes back a state of this partition that this node wrote out. Only for a partition that holds nothing.
    public mutating func reload(_ state: ByteView, _ context: inout ExecutionContext) -> StateJoinOutcome {
        precondition(keyCount == 0 && versions.stamps.isEmpty, "a snapshot loaded over keys")
        let outcome = joinState(state, &context)
        if case .joined = outcome { resumeOwnPast() }
        return outcome
    }

    /// This replica's own writes are the latest of its state, and its next frame in the log builds on the last.
    private mutating func resumeOwnPast() {
        latestOwnStamp = max(latestOwnStamp, ownPast)
        clock.observe(latestOwnStamp)
        receiver.advance(to: latestOwnStamp)
        dependencyChain.resume(told: ownTold)
    }

    /// A frame of the log. `gap` and `fork` mean that the log does not follow from what was loaded before.
    @inline(__always)
    public mutating func replay(
        stamp: Stamp, prev: Stamp, cut: Stamp, dependencies: borrowing FewStamps, hasAllDependencies: Bool,
        records: ByteView, _ context: inout ExecutionContext
    ) -> MergeOutcome {
        let latest = latestStamp(of: stamp.replica)
        if stamp <= latest { return .duplicate }
        guard prev == latest else { return prev > latest ? .gap(after: latest) : .fork }
        if stamp.replica == replica {
            let whole = dependencyChain.retell(dependencies, isAll: hasAllDependencies)
            let frame = FrameContext(stamp: stamp, dependencies: whole, prev: prev, cut: cut)
            return isSole ? replayAlone(frame, records, &context) : replayOwn(frame, records, &context)
        }
        guard let index = dependencyChain.last(of: stamp.replica) else {
            guard hasAllDependencies else { return .gap(after: latest) }
            let frame = FrameContext(
                stamp: stamp, dependencies: Versions(dependencies.array), prev: prev, cut: cut)
            let outcome = mergeNext(frame, records, &context)
            if outcome == .applied { dependencyChain.remember(frame.dependencies, of: frame.origin) }
            return outcome
        }
        let whole = dependencyChain.whole(dependencies, isAll: hasAllDependencies, at: index)
        return mergeNext(FrameContext(stamp: stamp, dependencies: whole, prev: prev, cut: cut), records, &context)
    }

    private mutating func replayOwn(
        _ frame: borrowing FrameContext, _ records: ByteView, _ context: inout ExecutionContext
    ) -> MergeOutcome {
        let outcome = mergeNext(frame, records, &context)
        if outcome == .applied { latestOwnStamp = frame.stamp }
        return outcome
    }

    // MARK: a node that was alone

    @inline(__always)
    private mutating func replayAlone(
        _ frame: borrowing FrameContext, _ records: ByteView, _ context: inout ExecutionContext
    ) -> MergeOutcome {
        var reader = ByteReader(records)
        if let record = CommonRecord(&reader), reader.isAtEnd, record.database < databaseCount,
            rewrite(record, frame.stamp, &context)
        {
            clock.observe(frame.stamp)
            latestOwnStamp = frame.stamp
            return .applied
        }
        return replayAloneInGeneral(copy frame, records, &context)
    }

    @inline(never)
    private mutating func replayAloneInGeneral(
        _ frame: FrameContext, _ records: ByteView, _ context: inout ExecutionContext
    ) -> MergeOutcome {
        guard let decoded = decode(records) else { return .malformed }
        for record in decoded {
            switch record {
            case .key(let key, let delta):
                if !has(frame.stamp, of: key) { merge(delta, key, frame, &context) }
            case .clearDatabase(let database): mergeClear(database, frame, &context)
            }
        }
        clock.observe(frame.stamp)
        latestOwnStamp = frame.stamp
        if !unsettled.isEmpty { settleWhatIsStable(&context) }
        return .applied
    }

    /// Whether a key was taken into the snapshot after this was written: then its value has it, settled and nameless.
    private func has(_ stamp: Stamp, of key: DatabaseKey) -> Bool {
        key.key.withView { name in
            guard let position = tables[key.database].find(name, hash(of: name)) else { return false }
            return position.entry.stamp >= stamp
        }
    }

    @inline(__always)
    private mutating func rewrite(
        _ record: CommonRecord, _ stamp: Stamp, _ context: inout ExecutionContext
    ) -> Bool {
        let hash = hash(of: record.key)
        return withUnsafeMutablePointer(to: &self) { partition in
            withUnsafeMutablePointer(to: &context) { context in
                KeyHandle(
                    partition: partition, context: context, database: record.database, hash: hash, name: record.key
                ).rewrite(record, stamp)
            }
        }
    }

    // MARK: in between, and at the end

    /// What every member had applied when the log came to this place, and the fences that go with it: who says that
    /// he has settled up to a cut and not that he has everything up to there is taken for one who lost his memory.
    public mutating func replayCuts(
        cut: Stamp, settleCut: Stamp, fences: Versions, _ context: inout ExecutionContext
    ) {
        guard !isSole else { return }
        self.fences.formUnion(fences)
        self.cut = max(self.cut, cut)
        announcedByAll = max(announcedByAll, settleCut)
        settleWhatIsStable(&context)
    }

    /// The log is at its end: from here on this replica writes, nothing at or below `tick` any more.
    public mutating func finishReplay(tick: UInt64, _ context: inout ExecutionContext) {
        dependencyChain.startOver()
        dependencyChain.noteNews()
        raiseFence(tick: tick)
        formerOwnPast = latestOwnStamp
        while !unsettled.isEmpty || !waitingCounters.isEmpty {
            let before = (unsettled.count, waitingCounters.count)
            settleWhatIsStable(&context)
            if before == (unsettled.count, waitingCounters.count) { break }
        }
        digestCache.invalidate()
    }

    /// The highest cut here, and the highest settle cut: what was stable before.
    public var recoveredCuts: (cut: Stamp, settleCut: Stamp) { (cut, announcedByAll) }
}

extension Partition {
    /// Somebody writes this partition out for a snapshot, slice by slice. Until he is done nothing settles that had
    /// not when he began: what is written meanwhile keeps its names in what he writes, and the log will repeat it.
    public mutating func beginWalk() { walkers += 1 }

    public mutating func endWalk() {
        precondition(walkers > 0, "a walk that ends twice")
        walkers -= 1
    }
}

extension UnsafeMutablePointer<Partition> {
    /// As it was before anything was written, for the same replica.
    public func startOver() {
        let isSole = pointee.isSole
        var fresh = Partition(
            index: pointee.index, replica: pointee.replica, databases: pointee.databaseCount,
            hashSeed: pointee.hashSeed, pages: pointee.pages)
        fresh.isSole = isSole
        deinitialize(count: 1)
        initialize(to: fresh)
    }
}

extension KeyHandle {
    /// Does again what a SET, DEL or INCR of a node without peers did. False, and nothing changed, where it was
    /// something else.
    @inline(__always)
    fileprivate func rewrite(_ record: CommonRecord, _ stamp: Stamp) -> Bool {
        guard record.resetCount == 0 else { return false }
        let position = partition.pointee.tables[database].find(name, hash)
        if let position {
            // Taken into the snapshot after this was written.
            if position.entry.stamp >= stamp { return true }
            if position.entry.isUnsettled { return false }
        }
        if record.increments {
            guard record.runStart.isZero, !record.setsBase else { return false }
            return add(record.runSum, replaces: record.clears, stamp, position)
        }
        guard record.clears else { return false }
        if record.setsBase {
            putPlain(record.value, record.deadline, stamp, position)
        } else if let position {
            partition.pointee.discard(position, database, hash)
        }
        return true
    }

    private func add(_ amount: Int64, replaces: Bool, _ stamp: Stamp, _ position: SlotPosition?) -> Bool {
        guard let position, !replaces else {
            shape(position, kind: .integer, valueLength: 8, deadline: nil, stamp: stamp).integer = amount
            return true
        }
        let entry = position.entry
        let present: Int64
        switch entry.kind {
        case .integer: present = entry.integer
        case .bytes:
            guard let number = entry.inlineBytes.canonicalInteger else { return false }
            present = number
        case .shared, .general, .counter: return false
        }
        let (sum, overflow) = present.addingReportingOverflow(amount)
        if overflow { return false }
        let deadline = entry.hasDeadline ? entry.deadlineMilliseconds : nil
        shape(position, kind: .integer, valueLength: 8, deadline: deadline, stamp: stamp).integer = sum
        return true
    }
}
