/// What a replica knew when it showed a state: without it, nobody can tell what is missing there from what is new.
import Base

public struct StateContext: Sendable {
    /// For each replica the highest stamp applied.
    public var versions: Versions
    /// For each replica a stamp up to which everything has been applied, though no frame need have it.
    public var fences: Versions
    /// Up to here the state may have been settled.
    public var settleCut: Stamp
    /// Up to here everybody has announced to have applied all that this replica had heard of.
    public var cut: Stamp
    /// What was removed ahead of its coming.
    public var deferred: Deferred
    public var pendingClears: PendingClears

    public init(
        versions: Versions, fences: Versions = Versions(), settleCut: Stamp = .zero, cut: Stamp = .zero,
        deferred: Deferred = Deferred(), pendingClears: PendingClears = PendingClears()
    ) {
        self.versions = versions
        self.fences = fences
        self.settleCut = settleCut
        self.cut = cut
        self.deferred = deferred
        self.pendingClears = pendingClears
    }

    /// The stamp up to which everything of a replica has been applied.
    public func coverage(of replica: Replica) -> Stamp { max(versions[replica], fences[replica]) }

    public func covers(_ dot: Stamp) -> Bool { versions.covers(dot) || fences.covers(dot) }

    public func knows(_ replica: Replica) -> Bool { !coverage(of: replica).isZero }

    /// Whether everything applied there has been applied here.
    public func coversAll(of other: StateContext) -> Bool { other.versions.stamps.allSatisfy { covers($0) } }

    /// Whether everything that may have been settled there has been applied here.
    func coversSettled(of other: StateContext) -> Bool { coversAll(upTo: other.settleCut, of: other) }

    /// Whether everything up to a stamp that has been applied there has been applied here. Of whom this side has not heard
    /// it has nothing: but who comes new writes above every cut that he finds, and so above the cut here.
    func coversAll(upTo limit: Stamp, of other: StateContext) -> Bool {
        other.versions.stamps.allSatisfy { stamp in
            covers(stamp) || coverage(of: stamp.replica).asCut >= limit.asCut
                || limit.asCut <= cut && !knows(stamp.replica)
        }
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
