/// Whom stability waits for, and when a change of that has taken effect.
///
/// Each node announces in its heartbeats which replicas it counts. A replica is counted as long as any counted one
/// counts it, so a decision holds only when everybody has announced it, and until then the cut waits for more replicas
/// than needed, never for fewer. What somebody's health is has no say in any of this.
///
/// On a link a table goes out before the first announcement that follows from it: whoever reads that a joiner is
/// counted then knows everybody who had joined before, and waits for their word as well.
import Base

/// What one member has announced last; a member that was never heard is not in the list of these.
public struct CountAnnouncement: Equatable, Sendable {
    public var author: Replica
    public var counted: [Replica]

    public init(_ author: Replica, counted: [Replica]) {
        self.author = author
        self.counted = counted
    }
}

extension MemberTable {
    /// Whom a node with this table announces that it counts, ascending: everybody who joins or is a member, itself,
    /// and of those that are gone the ones in `unfinished`, of which it still lacks writes up to their cut. An expel by
    /// force is not waited for.
    public func counted(own: Replica, unfinished: [Replica] = []) -> [Replica] {
        var counted = [own]
        for replica in replicas {
            guard let entry = current(replica) else { continue }
            if !entry.status.isGone { counted.append(replica) }
            if entry.status.isGone, !isForcedOut(replica), unfinished.contains(replica) { counted.append(replica) }
        }
        return Self.ascending(counted)
    }

    /// Whom the cut waits for, ascending: what the node counts itself, and whatever anybody among these counts. Those
    /// that are gone have no say any more.
    public func countedByAny(own: Replica, counted: [Replica], announced: [CountAnnouncement]) -> [Replica] {
        var found = Self.ascending(counted + [own]).filter { !isForcedOut($0) || $0 == own }
        var asked = 0
        while asked < found.count {
            let author = found[asked]
            asked += 1
            guard author != own, current(author)?.status.isGone != true else { continue }
            for announcement in announced where announcement.author == author {
                for replica in announcement.counted where !found.contains(replica) && !isForcedOut(replica) {
                    found.append(replica)
                }
            }
        }
        return found.sorted()
    }

    /// The replicas that every counted member is known to count: a subset of `counted`, ascending.
    public func settled(own: Replica, counted: [Replica], announced: [CountAnnouncement]) -> [Replica] {
        let all = countedByAny(own: own, counted: counted, announced: announced)
        return counted.filter { replica in
            all.allSatisfy { author in
                author == own || author == replica || hasSay(author) == false
                    || announced.contains { $0.author == author && $0.counted.contains(replica) }
            }
        }.sorted()
    }

    /// Whose word is still missing before `joiner` becomes a member: only when all others count it does nobody drop
    /// anything that it will need, and its base may be cut. Others who are joining are asked too: of two that become
    /// members at the same time, neither may have missed the other.
    public func missingAcknowledgements(
        ofJoiner joiner: Replica, own: Replica, announced: [CountAnnouncement]
    ) -> [Replica] {
        voters(without: joiner).filter { author in
            if author == own { return !counted(own: own).contains(joiner) }
            return !announced.contains { $0.author == author && $0.counted.contains(joiner) }
        }
    }

    /// The others that still count a replica that left or was expelled, or have not been heard: until there are none
    /// it is waited for. None where an expel was forced.
    public func missingAcknowledgements(
        ofDeparture gone: Replica, own: Replica, counted: [Replica], announced: [CountAnnouncement]
    ) -> [Replica] {
        if isForcedOut(gone) { return [] }
        return voters(without: gone).filter { author in
            if author == own { return counted.contains(gone) }
            guard let word = announced.first(where: { $0.author == author }) else { return true }
            return word.counted.contains(gone)
        }
    }

    /// Expelled with force, and no incarnation of it has come back since.
    public func isForcedOut(_ replica: Replica) -> Bool {
        guard let entry = current(replica) else { return false }
        return entry.status == .expelled && entry.isForced
    }

    /// The last stamp of the replica that counts, where it is gone and such a stamp was set.
    public func cut(of replica: Replica) -> Stamp? {
        guard let entry = current(replica), entry.status.isGone, !entry.cut.isZero else { return nil }
        return entry.cut
    }

    private func hasSay(_ replica: Replica) -> Bool { current(replica)?.status.isGone != true }

    /// Everybody present but one, ascending.
    private func voters(without replica: Replica) -> [Replica] {
        replicas.filter { $0 != replica && hasSay($0) }
    }

    private static func ascending(_ replicas: [Replica]) -> [Replica] {
        var unique: [Replica] = []
        for replica in replicas.sorted() where unique.last != replica { unique.append(replica) }
        return unique
    }
}
