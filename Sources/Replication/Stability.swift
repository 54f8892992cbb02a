/// What every member is known to have applied, and the cuts that follow from it.
///
/// A fence is a promise: its author writes nothing at or below it any more, and whoever announces the fence as
/// applied has everything its author wrote up to there, in every partition. Members announce, inside their own
/// streams, the fences they have applied and the cut they computed from what others announced. The lowest
/// fence anybody has applied of anybody is the cut; the lowest announced cut is the settle cut, the one history
/// is forgotten at: whoever's frame arrives later had, when it was written, seen everything up to it.
/// Neither ever goes back.
import Base

public struct Stability: Sendable {
    private struct Member: Sendable {
        let replica: Replica
        /// Fences: for each replica the stamp up to which this member has everything.
        var applied = Versions()
        var announcedCut = Stamp.zero
    }

    /// Ascending by replica.
    private var members: [Member] = []
    public private(set) var cut = Stamp.zero
    public private(set) var settleCut = Stamp.zero

    public init() {}

    /// Goes on where a former life of this node stood: what was stable then is.
    public mutating func resume(cut: Stamp, settleCut: Stamp) {
        self.cut = max(self.cut, cut)
        self.settleCut = max(self.settleCut, settleCut)
    }

    public var counted: [Replica] { members.map(\.replica) }

    /// Declares who counts. What is known of those who stay remains known.
    public mutating func count(_ replicas: [Replica]) {
        var kept: [Member] = []
        for replica in replicas.sorted() {
            kept.append(members.first { $0.replica == replica } ?? Member(replica: replica))
        }
        members = kept
        recompute()
    }

    /// A member has announced which fences it has applied, its own last one among them, and its cut.
    public mutating func note(applied: Versions, cut: Stamp, by replica: Replica) {
        guard let index = members.firstIndex(where: { $0.replica == replica }) else { return }
        members[index].applied.formUnion(applied)
        members[index].announcedCut = max(members[index].announcedCut, cut)
        recompute()
    }

    /// The fences a member has announced.
    public func applied(by replica: Replica) -> Versions {
        members.first { $0.replica == replica }?.applied ?? Versions()
    }

    /// A node that counted only itself until now meets others: nobody else ever relied on its cut.
    public mutating func startOver() {
        cut = .zero
        settleCut = .zero
    }

    /// The members whose silence holds the cut back, and where each stands.
    public var slowest: [(replica: Replica, applied: Stamp)] {
        members.map { member in (member.replica, lowest(of: member)) }.sorted { $0.applied < $1.applied }
    }

    private func lowest(of member: Member) -> Stamp {
        var lowest = Stamp.distantFuture
        for other in members { lowest = min(lowest, member.applied[other.replica].asCut) }
        return lowest
    }

    private mutating func recompute() {
        guard !members.isEmpty else { return }
        var lowest = Stamp.distantFuture
        var announced = Stamp.distantFuture
        for member in members {
            lowest = min(lowest, self.lowest(of: member))
            announced = min(announced, member.announcedCut)
        }
        cut = max(cut, lowest)
        settleCut = max(settleCut, announced)
    }
}
