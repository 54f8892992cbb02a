/// What a record was written against: the frame around it, which names its write and what its author had seen.
import Base

public struct FrameContext: Sendable {
    /// The frame's own stamp: the dot of everything its records add.
    public var stamp: Stamp
    /// What the origin had applied in the partition before this frame.
    public var dependencies: Versions
    /// The origin's frame before this one.
    public var prev: Stamp
    /// The stable cut the origin announces with this frame. Every member has applied everything up to it, and a
    /// receiver holds the frame until it has too.
    public var cut: Stamp

    public init(stamp: Stamp, dependencies: Versions, prev: Stamp, cut: Stamp) {
        self.stamp = stamp
        self.dependencies = dependencies
        self.prev = prev
        self.cut = cut
    }

    public var origin: Replica { stamp.replica }

    /// Whether the origin had applied `dot` before it wrote this frame: never true of the frame's own stamp,
    /// because a record that clears and writes must not clear what it writes.
    public func covers(_ dot: Stamp) -> Bool {
        if dot <= cut { return dot != stamp }
        return dot.replica == origin ? dot <= prev : dependencies.covers(dot)
    }

    /// Whether a replica at `versions` has applied everything the origin had.
    public func isCovered(by versions: Versions) -> Bool {
        dependencies.stamps.allSatisfy { $0 <= cut || $0.replica == origin || versions.covers($0) }
    }
}

/// The parts of a key that a record can clear.
public struct Slots: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let cell = Slots(rawValue: 1)
    public static let members = Slots(rawValue: 2)
    public static let deadline = Slots(rawValue: 4)
    public static let all: Slots = [.cell, .members, .deadline]
}

/// Rules to leave out, so that the tests can show that each is needed. Only debug builds look at them.
public struct Faults: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let noDeferred = Faults(rawValue: 1)
    public static let earlyLoserDrop = Faults(rawValue: 2)
    public static let noRunStart = Faults(rawValue: 4)
    public static let clearCoversOwnFrame = Faults(rawValue: 8)
    public static let noPendingClear = Faults(rawValue: 16)
    /// A remove takes only the dots it spells out, not those up to its cut.
    public static let noCutCover = Faults(rawValue: 32)
    /// A patch on a settled value is applied to a value that is not.
    public static let noFoldForPatch = Faults(rawValue: 64)
    /// What a writer had dropped of the other type by settling stays with those who have not settled.
    public static let keepOtherType = Faults(rawValue: 128)
    public static let severalRecords = Faults(rawValue: 256)
    public static let ignoresCut = Faults(rawValue: 512)
    public static let settlesAtOwnCut = Faults(rawValue: 1024)
    /// A state's versions are taken over before its keys.
    public static let joinRaisesEarly = Faults(rawValue: 2048)
    /// What the sender of a state removed ahead of its coming is not taken over.
    public static let joinForgetsPending = Faults(rawValue: 4096)
    /// What the sender of a state does not have stays.
    public static let joinKeepsAbsent = Faults(rawValue: 8192)
    /// What the sender of a state left out is taken for absent.
    public static let joinClearsUnsent = Faults(rawValue: 16384)
    /// Parts that settled go by their own stamps, as if nobody had settled anything.
    public static let joinIgnoresPast = Faults(rawValue: 32768)
    /// What is part of a value that settled is merged with it once more.
    public static let repeatsSettled = Faults(rawValue: 65536)
}

/// The receiver's side of a merge: what it has applied in the partition, and what it remembers of removes
/// that came before what they remove.
public struct MergeContext: Sendable {
    /// What the receiver has applied, this frame not included.
    public var versions: Versions
    public var deferred: Deferred
    public var pendingClears: PendingClears

    public init(
        versions: Versions = Versions(), deferred: Deferred = Deferred(), pendingClears: PendingClears = PendingClears()
    ) {
        self.versions = versions
        self.deferred = deferred
        self.pendingClears = pendingClears
    }

    /// Call after a frame's records are merged: advances the versions and forgets what they now cover.
    public mutating func advance(to stamp: Stamp) {
        versions.advance(to: stamp)
        deferred.purge(versions)
        pendingClears.purge(versions)
    }

    #if DEBUG
        public var faults: Faults = []
    #else
        public var faults: Faults { [] }
    #endif
}
