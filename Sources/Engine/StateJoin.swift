/// Taking in a partition's state from a peer: what frames would have brought, all at once.
///
/// Every key is joined under what both sides know, those the sender does not have included, and only then do the
/// versions here rise: not one of them may ever be ahead of what has been applied.
import Base
import CIntrinsics
import CRDT

public enum StateJoinOutcome: Equatable, Sendable {
    case joined(keysChanged: Int)
    case malformed
    /// Written by a version that this build does not speak.
    case unknownVersion(UInt8)
    /// There are stamps in it later than the caller accepts, this the latest of them; nothing has changed.
    case ahead(Stamp)
}

extension Partition {
    /// Joins a state that `StateExport` wrote, head and all slices.
    /// `limit`: stamps beyond it are not followed, because a clock that has seen one never goes back.
    public mutating func joinState(
        _ bytes: ByteView, limit: Stamp = .distantFuture, _ context: inout ExecutionContext
    ) -> StateJoinOutcome {
        precondition(draftStamp.isZero, "a state arrived while a frame is being drafted")
        let known = StateContext(
            versions: versions, fences: fences, settleCut: settleCut, cut: cutAgreed, deferred: receiver.deferred,
            pendingClears: receiver.pendingClears)
        var meetsStrangers = false
        var latest = Stamp.zero
        let document: StateDocument
        do throws(StateFailure) {
            document = try StateDocument(bytes, databases: databaseCount) { entry in
                // Written before the two had heard of each other: the cut here never spoke of it.
                func isStrange(_ stamp: Stamp) -> Bool { stamp <= known.settleCut && !known.knows(stamp.replica) }
                switch entry {
                case .plain(let entry):
                    latest = max(latest, entry.stamp)
                    if entry.stamp <= known.settleCut, isStrange(entry.stamp) { meetsStrangers = true }
                case .general(_, _, let state):
                    latest = max(latest, state.modified)
                    if state.hasPart(isStrange) { meetsStrangers = true }
                case .name: break
                }
            }
        } catch {
            if case .version(let version) = error { return .unknownVersion(version) }
            return .malformed
        }
        // Nothing is written here any more at or below the sender's cut.
        latest = max(latest, document.head.cut)
        for stamp in document.head.context.versions.stamps { latest = max(latest, stamp) }
        if latest > limit { return .ahead(latest) }
        clock.observe(latest)
        if known.coversAll(of: document.head.context) { return .joined(keysChanged: 0) }
        if meetsStrangers {
            // Whatever cut passes this was announced by those who count both.
            let tick = max(clock.tick, announcedByAll.tick) + 1
            settlesAfter = Stamp(tick: tick, replica: replica).asCut
        }
        var joiner = StateJoiner(document.head, known, keepsNames: keyCount > 0, faults: receiver.faults)
        joiner.raisesCut = mayRaiseCut(to: document.head, known)
        withUnsafeMutablePointer(to: &self) { partition in
            withUnsafeMutablePointer(to: &context) { context in
                for slice in document.slices { joiner.join(slice, partition, context) }
                joiner.joinAbsent(partition, context)
            }
        }
        finish(joiner)
        settleWhatIsStable(&context)
        return .joined(keysChanged: joiner.keysChanged)
    }

    /// Takes the sender's word for this replica's own past: to be called after `joinState`, by a node that has lost
    /// its memory and has written nothing since.
    public mutating func adoptOwnPast() {
        guard draftStamp.isZero, ownPast > latestOwnStamp else { return }
        latestOwnStamp = ownPast
        formerOwnPast = ownPast
        clock.observe(ownPast)
        receiver.advance(to: ownPast)
        dependencyChain.startOver()
    }

    /// Whether the sender's cuts are true here as well, once its state has been joined: not where there are writes
    /// here up to them, or may be some on their way, of replicas that the sender has not heard of.
    private func mayRaiseCut(to head: StateHead, _ known: StateContext) -> Bool {
        let strangers = known.versions.stamps.filter { !head.context.knows($0.replica) }
        if strangers.isEmpty { return true }
        let limit = head.cut
        for stranger in strangers where stranger.replica != replica {
            if known.coverage(of: stranger.replica).asCut < limit.asCut { return false }
        }
        func isStrange(_ stamp: Stamp) -> Bool {
            stamp <= limit && strangers.contains { $0.replica == stamp.replica }
        }
        var hasStrange = false
        for database in 0..<databaseCount {
            var position: UInt64? = 0
            while let at = position, !hasStrange {
                position = tables[database].visit(at) { slot in
                    if let state = slot.entry.unsettledState {
                        hasStrange = hasStrange || state.hasPart(isStrange)
                    } else {
                        hasStrange = hasStrange || isStrange(slot.entry.stamp)
                    }
                }
            }
        }
        return !hasStrange
    }

    /// Everything has been joined: from here on it has been applied.
    private mutating func finish(_ joiner: StateJoiner) {
        let there = joiner.head.context
        for (origin, chain) in joiner.head.chains where origin != replica {
            if there.versions[origin] > joiner.known.versions[origin] { dependencyChain.remember(chain, of: origin) }
        }
        for stamp in there.versions.stamps where stamp.replica != replica {
            let isNews = stamp > joiner.known.versions[stamp.replica]
            let hasChain = joiner.head.chains.contains { $0.replica == stamp.replica }
            if isNews, !hasChain { dependencyChain.forget(stamp.replica) }
        }
        if !receiver.faults.contains(.joinForgetsPending) {
            for (key, dots) in there.deferred.sorted {
                for dot in dots { receiver.deferred.insert(dot, of: key) }
            }
            for (key, clears) in there.pendingClears.sortedKeys {
                for clear in clears { receiver.pendingClears.insert(clear, of: key) }
            }
            for (database, clear) in there.pendingClears.databaseClears {
                receiver.pendingClears.insert(clear, ofDatabase: database)
            }
        }
        // What the sender has removed it has not told.
        returns.noteRemoval(there.versions.stamps.max() ?? .zero)
        returns.noteKept(from: joiner.keptFrom)
        receiver.versions.advance(to: latestOwnStamp)
        for stamp in there.versions.stamps where stamp.replica != replica { receiver.versions.advance(to: stamp) }
        receiver.deferred.purge(receiver.versions)
        receiver.pendingClears.purge(receiver.versions)
        if there.versions[replica] > ownPast {
            ownPast = there.versions[replica]
            ownTold = joiner.head.chains.first { $0.replica == replica }?.versions ?? Versions()
        }
        // A former life's too: what is settled there is told from it here as well. It has promised to write nothing more up
        // to there.
        for fence in there.fences.stamps { fences.advance(to: fence) }
        clock.observe(fences[replica])
        if joiner.raisesCut {
            cut = max(cut, joiner.head.cut)
            let settled = min(joiner.settledUpTo, joiner.head.cut)
            if walkers == 0 { announcedByAll = max(announcedByAll, settled) }
        }
        dependencyChain.noteNews()
        digestCache.invalidate()
    }
}
