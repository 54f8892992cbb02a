/// The cuts of a partition: what every member has applied, and what may be forgotten.
///
/// They are the node's, computed by Replication from what members announce, and handed down as plain values. A
/// node that counts only itself is its own last member: everything it has written is stable at once.
import Base
import CRDT

extension Partition {
    /// What every member is known to have applied.
    public var announcedCut: Stamp { isSole ? latestOwnStamp : cut }

    /// Somebody may have folded any run of this replica that ended at or before this: of a former life it is not known
    /// which cut it announced last.
    var foldedUpTo: Stamp { max(announcedCut, formerOwnPast) }

    /// What every member has announced as its cut: history at or before it may be forgotten.
    public var settleCut: Stamp {
        if isSole { return latestOwnStamp }
        if announcedByAll < settlesAfter { return .zero }
        return receiver.faults.contains(.settlesAtOwnCut) ? cut : announcedByAll
    }

    /// The cut, where it speaks of everybody: not on a node that counts only itself, nor while there are writes here from
    /// before both sides had heard of each other.
    var cutAgreed: Stamp { isSole || announcedByAll < settlesAfter ? .zero : cut }

    /// Whether what is here was written among others, as far as it shows.
    public var knowsOthers: Bool {
        let own = replica.node
        return versions.stamps.contains { $0.replica.node != own } || fences.stamps.contains { $0.replica.node != own }
    }

    /// There are peers now, or there will be: from here on only what they have applied is stable.
    public mutating func startCounting() {
        guard isSole else { return }
        isSole = false
        returns.noteRemoval(latestOwnStamp)
        dependencyChain.startOver()
    }

    /// Takes over the node's cuts, and the fences up to which it has applied everything of each replica. Whatever
    /// can settle now waits for `settleWhatIsStable`.
    public mutating func adopt(cut: Stamp, settleCut: Stamp, fences: Versions) {
        self.cut = max(self.cut, cut)
        if walkers == 0 { announcedByAll = max(announcedByAll, settleCut) }
        returns.settle(settleCut)
        // A state, or this node's former life, may have shown more of somebody than has been heard since.
        if fences.covers(self.fences) { self.fences = fences } else { self.fences.formUnion(fences) }
        if receiver.deferred.isEmpty, receiver.pendingClears.isEmpty { return }
        // What a crash has lost everywhere never comes; nobody has to remember that it was removed.
        var applied = receiver.versions
        applied.formUnion(fences)
        receiver.deferred.purge(applied)
        receiver.pendingClears.purge(applied)
    }

    /// Nothing is written here any more with a tick at or below this.
    public mutating func raiseFence(tick: UInt64) {
        clock.observe(Stamp(tick: tick, replica: replica))
    }

    /// Whether what was known of one replica is here, as far as the cut speaks of it.
    @inline(__always)
    func holds(_ known: Stamp, upTo cut: Stamp) -> Bool {
        let replica = known.replica
        return replica == self.replica || receiver.versions[replica] >= min(known, cut) || fences[replica] >= cut
    }

    /// Whether everything that a frame's cut promises to be everywhere is here. All that its author knew of a
    /// replica up to the cut is what every member has of it.
    func holdsEverything(upTo cut: Stamp, of dependencies: Versions) -> Bool {
        for known in dependencies.stamps where !holds(known, upTo: cut) { return false }
        return true
    }
}
