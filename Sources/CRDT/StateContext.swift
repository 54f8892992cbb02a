/// What a replica knew when it showed a state: without it, nobody can tell what is missing there from what is new.
import Base

public struct StateContext: Sendable {
    /// For each replica the highest stamp applied.
    public var versions: Versions
    /// For each replica a stamp up to which everything has been applied, though no frame need have it.
    public var fences: Versions
    /// Up to here the state may have been settled.
    public var settleCut: Stamp
    /// What was removed ahead of its coming.
    public var deferred: Deferred
    public var pendingClears: PendingClears

    public init(
        versions: Versions, fences: Versions = Versions(), settleCut: Stamp = .zero, deferred: Deferred = Deferred(),
        pendingClears: PendingClears = PendingClears()
    ) {
        self.versions = versions
        self.fences = fences
        self.settleCut = settleCut
        self.deferred = deferred
        self.pendingClears = pendingClears
    }

    /// The stamp up to which everything of a replica has been applied.
    public func coverage(of replica: Replica) -> Stamp { max(versions[replica], fences[replica]) }

    public func covers(_ dot: Stamp) -> Bool { versions.covers(dot) || fences.covers(dot) }

    public func knows(_ replica: Replica) -> Bool { !coverage(of: replica).isZero }

    /// Whether everything applied there has been applied here.
    public func coversAll(of other: StateContext) -> Bool { other.versions.stamps.allSatisfy { covers($0) } }

    /// Whether everything that may have been settled there has been applied here. Of a replica that nobody here has
    /// heard of nothing has: a cut passes only what all members have announced, and who comes new to a cluster writes
    /// above the cuts it finds. That speaks for those alone who take part in cuts.
    func coversSettled(of other: StateContext) -> Bool { coversAll(upTo: other.settleCut, of: other) }

    /// Whether everything up to a stamp that has been applied there has been applied here.
    func coversAll(upTo limit: Stamp, of other: StateContext) -> Bool {
        other.versions.stamps.allSatisfy { stamp in
            covers(stamp) || coverage(of: stamp.replica).asCut >= limit.asCut
                || takesPart(with: other) && !knows(stamp.replica)
        }
    }

    /// Whether the cuts there waited for this side. It need not have a cut itself: who has taken in somebody's fence had
    /// all that was settled there by then, and is counted since.
    private func takesPart(with other: StateContext) -> Bool {
        !settleCut.isZero || fences.stamps.contains { !other.fences[$0.replica].isZero }
    }

    /// Whether a dot that is not here is to stay away: it was removed, or will be on arrival.
    func refuses(_ dot: Stamp, in slot: Slots, of key: DatabaseKey) -> Bool {
        covers(dot) || pendingClears.covers(dot, in: slot, of: key)
    }

    /// The same for what a remove can name: an element's dot, or an EXPIRE.
    func refuses(_ dot: Stamp, element: [UInt8]?, in slot: Slots, of key: DatabaseKey) -> Bool {
        refuses(dot, in: slot, of: key)
            || deferred.contains(Deferred.Dot(stamp: dot, element: element), of: key)
    }
}
