/// Who belongs to the cluster: a table that every node holds and merges with everybody else's.
///
/// A row per replica and incarnation, so that a join is a maximum per row and nothing depends on which message came
/// first. Of several rows of a replica one is current; the others say which of its incarnations are gone, and stay.
/// Being counted for stability is another matter: see MemberCounting.
import Base

public struct MemberTable: Equatable, Sendable {
    /// Ascending by replica, then incarnation.
    public private(set) var entries: [MemberEntry] = []
    /// Grows with every change here; two nodes' versions have nothing to do with each other.
    public private(set) var version: UInt64 = 0

    public init() {}

    /// Tables are equal that say the same, however they came to it.
    public static func == (left: MemberTable, right: MemberTable) -> Bool { left.entries == right.entries }

    public func entry(of replica: Replica, incarnation: UInt128) -> MemberEntry? {
        entries.first { $0.replica == replica && $0.incarnation == incarnation }
    }

    /// The row that speaks for the replica: of those that are not gone the one that came last, or else the one that
    /// went last.
    public func current(_ replica: Replica) -> MemberEntry? {
        var found: MemberEntry?
        for entry in entries where entry.replica == replica {
            guard let present = found else {
                found = entry
                continue
            }
            let isLater = (present.epoch, present.incarnation) < (entry.epoch, entry.incarnation)
            if present.status.isGone == entry.status.isGone ? isLater : present.status.isGone { found = entry }
        }
        return found
    }

    /// All replicas of the table, ascending.
    public var replicas: [Replica] {
        var replicas: [Replica] = []
        for entry in entries where replicas.last != entry.replica { replicas.append(entry.replica) }
        return replicas
    }

    /// The current rows of all replicas that are not gone, ascending: whom to dial.
    public var present: [MemberEntry] {
        replicas.compactMap { current($0) }.filter { !$0.status.isGone }
    }

    /// Replicas that two incarnations claim at once, because two nodes admitted them without knowing of each other.
    public var conflicts: [Replica] {
        replicas.filter { replica in
            entries.count { $0.replica == replica && !$0.status.isGone } > 1
        }
    }

    // MARK: Merging

    /// Takes in what a peer's table says; whether anything changed.
    @discardableResult
    public mutating func merge(_ others: [MemberEntry]) -> Bool {
        var isChanged = false
        for other in others { isChanged = put(other) || isChanged }
        if isChanged { version += 1 }
        return isChanged
    }

    private mutating func put(_ other: MemberEntry) -> Bool {
        let index = entries.firstIndex { !MemberEntry.isOrdered($0, other) } ?? entries.count
        guard index < entries.count, entries[index].replica == other.replica,
            entries[index].incarnation == other.incarnation
        else {
            entries.insert(other, at: index)
            return true
        }
        let before = entries[index]
        entries[index].formJoin(other)
        return entries[index] != before
    }

    // MARK: Changing

    /// A node has shown who it is: a new row for an incarnation that was not known, the present one brought up to date
    /// otherwise. A new incarnation replaces the former ones of its replica. Nothing changes for one that is gone.
    @discardableResult
    public mutating func admit(_ identity: PeerIdentity) -> Bool {
        if let present = entry(of: identity.replica, incarnation: identity.incarnation) {
            guard !present.status.isGone else { return false }
            var changed = othersOfTheNode(identity)
            var entry = MemberEntry(identity, status: present.status, epoch: present.epoch)
            if entry != present {
                entry.epoch = Self.next(present.epoch)
                changed.append(entry)
            }
            return changed.isEmpty ? false : merge(changed)
        }
        var changed: [MemberEntry] = []
        var epoch: UInt64 = 0
        for former in entries where former.replica == identity.replica {
            epoch = max(epoch, former.epoch)
            if former.status.isGone { continue }
            changed.append(former)
            changed[changed.count - 1].status = .replaced
        }
        changed += othersOfTheNode(identity)
        changed.append(MemberEntry(identity, epoch: Self.next(epoch)))
        return merge(changed)
    }

    /// One process has a node id: what others of that id wrote as their next generations is theirs no more. Rows that
    /// say so, also where the node itself is known from others' tables already.
    private func othersOfTheNode(_ identity: PeerIdentity) -> [MemberEntry] {
        var changed: [MemberEntry] = []
        for other in entries where other.replica.node == identity.replica.node && other.replica != identity.replica {
            guard !other.status.isGone, other.incarnation != identity.incarnation else { continue }
            changed.append(other)
            changed[changed.count - 1].status = .left
        }
        return changed
    }

    /// Every member counts the joiner: it is one of them. See `MemberCounting.missingAcknowledgements`.
    @discardableResult
    public mutating func promote(_ replica: Replica) -> Bool {
        guard var entry = current(replica), entry.status == .joining else { return false }
        entry.status = .member
        return merge([entry])
    }

    /// The replica takes its leave, or one of its generations is closed. `cut`: its last stamp, zero where all count.
    @discardableResult
    public mutating func leave(_ replica: Replica, cut: Stamp = .zero) -> Bool {
        end(replica, .left, cut: cut, isForced: false)
    }

    /// `cut`: the highest stamp of it that anybody holds, found by the proposer.
    @discardableResult
    public mutating func expel(_ replica: Replica, cut: Stamp, isForced: Bool) -> Bool {
        end(replica, .expelled, cut: cut, isForced: isForced)
    }

    /// Ends every incarnation of the replica that is not gone. What has left may still be expelled, because somebody
    /// goes on counting it, and an expel may still be forced.
    private mutating func end(_ replica: Replica, _ status: MemberStatus, cut: Stamp, isForced: Bool) -> Bool {
        var changed = entries.filter { entry in
            guard entry.replica == replica else { return false }
            return !entry.status.isGone || entry.status != .replaced && entry.status <= status
        }
        for index in changed.indices {
            changed[index].status = status
            changed[index].cut = max(changed[index].cut, cut)
            changed[index].isForced = changed[index].isForced || isForced
        }
        return merge(changed)
    }

    /// All have what a replica that is gone wrote under any incarnation, and it has settled; see `MemberEntry.isClosed`.
    @discardableResult
    public mutating func close(_ replica: Replica) -> Bool {
        guard current(replica)?.status.isGone == true else { return false }
        var changed = entries.filter { $0.replica == replica && !$0.isClosed }
        for index in changed.indices { changed[index].isClosed = true }
        return merge(changed)
    }

    /// All know that a replica is closed.
    @discardableResult
    public mutating func free(_ replica: Replica) -> Bool {
        guard var entry = current(replica), entry.isClosed, !entry.isFree else { return false }
        entry.isFree = true
        return merge([entry])
    }

    /// For those who know nothing of names that are free again.
    public static func withoutClosing(_ entries: [MemberEntry]) -> [MemberEntry] {
        entries.map { entry in
            var entry = entry
            entry.isClosed = false
            entry.isFree = false
            return entry
        }
    }

    /// Whether somebody may go on under the name, as another incarnation.
    public func isFree(_ replica: Replica) -> Bool { current(replica)?.isFree == true }

    /// Epochs come from peers too: one that cannot grow stays.
    private static func next(_ epoch: UInt64) -> UInt64 { epoch == .max ? epoch : epoch + 1 }
}
