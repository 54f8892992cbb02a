/// What the members of a partition are known to have applied, and the cuts that follow from it.
///
/// The cut is the lowest entry of any member's version vector. Each member announces its own cut with its
/// frames; the lowest announced is the settle cut, the one history is forgotten at: whoever's frame arrives
/// later had, when it was written, seen everything up to it. Both rest on versions travelling inside each
/// origin's own stream, and neither ever goes back.
import Base

struct Stability {
    /// Ascending, this replica included.
    private(set) var members: [Replica] = []
    private var known: [Versions] = []
    private var announced: [Stamp] = []
    private(set) var cut = Stamp.zero
    private(set) var settleCut = Stamp.zero

    init() {}

    /// Other members than before: what is known of those who stay remains known, and no cut goes back.
    init(members: [Replica], after former: Stability, cut: Stamp, settleCut: Stamp) {
        self.members = members.sorted()
        self.cut = cut
        self.settleCut = settleCut
        for member in self.members {
            let place = former.members.firstIndex(of: member)
            known.append(place.map { former.known[$0] } ?? Versions())
            announced.append(place.map { former.announced[$0] } ?? .zero)
        }
    }

    /// A member has told what it had applied when it wrote `stamp`.
    mutating func note(_ versions: Versions, stamp: Stamp, cut announcedCut: Stamp) {
        guard let index = members.firstIndex(of: stamp.replica) else { return }
        known[index].formUnion(versions)
        known[index].advance(to: stamp)
        announced[index] = max(announced[index], announcedCut)
        recompute()
    }

    /// This replica has applied more, and has told nobody yet.
    mutating func noteApplied(_ versions: Versions, by replica: Replica) {
        guard let index = members.firstIndex(of: replica) else { return }
        known[index].formUnion(versions)
        recompute()
    }

    private mutating func recompute() {
        var lowest = Stamp.distantFuture
        for versions in known {
            for member in members { lowest = min(lowest, versions[member]) }
        }
        cut = max(cut, lowest)
        settleCut = max(settleCut, announced.min() ?? .zero)
    }
}
