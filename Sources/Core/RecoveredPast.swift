/// What a node's disk remembers of its replication, for a start that goes on from there. How it is written there stands in
/// `KeptReplication`.
import Base
import Commands
import Replication

public struct RecoveredPast: Sendable {
    /// The member table as it stood; empty for a node that is new.
    public var members: [MemberEntry]
    public var cut: Stamp
    public var settleCut: Stamp
    /// Nothing that was ever told to anybody can be missing: the node knew its own past, and then stopped in order, or
    /// told nobody anything that was not on its disk.
    public var isWhole: Bool
    /// How far of each peer's window everything is on this disk.
    public var resumePoints: [HandshakeFacts.ResumePoint]
    /// It took writes before everybody had said whether its name had been used before, and has not heard since.
    public var isUnsure: Bool
    /// As what the node is known where that is not what it began as.
    public var incarnation: UInt128?
    /// Its directory was copied from one that may have been written to since, under names of which it knows nothing.
    public var isCopy: Bool

    public init(
        members: [MemberEntry] = [], cut: Stamp = .zero, settleCut: Stamp = .zero, isWhole: Bool = false,
        resumePoints: [HandshakeFacts.ResumePoint] = [], isUnsure: Bool = false, incarnation: UInt128? = nil,
        isCopy: Bool = false
    ) {
        self.members = members
        self.resumePoints = resumePoints
        self.cut = cut
        self.settleCut = settleCut
        self.isWhole = isWhole
        self.isUnsure = isUnsure
        self.incarnation = incarnation
        self.isCopy = isCopy
    }
}

extension Replicator {
    /// Before anything else is done: everybody we knew is dialled, and nobody is told that we are new.
    func resume(_ recovered: RecoveredPast) {
        members.merge(recovered.members)
        membersKept = members.version
        stability.resume(cut: recovered.cut, settleCut: recovered.settleCut)
        let others = members.entries.filter { $0.replica.node != replica.node }
        hasEverMet = !others.isEmpty
        hasCluster = hasEverMet
        // A restored snapshot has no members, and what it holds is no news to those it was taken among.
        hasSharedPast = hasEverMet || executor.knowsOthers()
        past.isWhole = recovered.isWhole
        past.isUnsure = recovered.isUnsure
        past.isCopy = recovered.isCopy
        resumePoints = recovered.resumePoints
    }

    /// How far of each peer's window everything is on the disk here, once a second where that has become more.
    func keepResumePoints(_ now: Moment) {
        guard node.window.log != nil, now.monotonicMilliseconds >= nextResumePointsMilliseconds else { return }
        nextResumePointsMilliseconds = now.monotonicMilliseconds + 1000
        let points = resumePoints { $0.resumeOnDisk }
        guard points != resumePoints else { return }
        resumePoints = points
        actions.append(.noteResumePoints(points, onceSynced: false))
    }

    /// The same for the last time: what has been applied is on the disk when the log has been written to its end.
    func keepLastResumePoints() {
        guard node.window.log != nil else { return }
        actions.append(.noteResumePoints(resumePoints { $0.resumePosition }, onceSynced: true))
    }

    private func resumePoints(_ position: (Peer) -> UInt64?) -> [HandshakeFacts.ResumePoint] {
        var points = resumePoints
        for peer in peers {
            guard let position = position(peer) else { continue }
            points.removeAll { $0.replica == peer.identity.replica }
            points.append(
                HandshakeFacts.ResumePoint(
                    peer.identity.replica, incarnation: peer.identity.incarnation, position: position))
        }
        return points
    }

    /// The table is kept on the disk whenever it has changed; the first time not before the log has what was renamed.
    func keepMembers() {
        guard membersKept != members.version, hasKeptNames else { return }
        membersKept = members.version
        actions.append(.keepMembers(members.entries))
    }
}
