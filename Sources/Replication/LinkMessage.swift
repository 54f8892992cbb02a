/// What two nodes say to each other on a link.
///
/// The dialler is the upstream: its frames, heartbeats and state flow to the acceptor, whose acknowledgements and
/// requests flow back. Both directions use one envelope, see MessageWriting. Bulk bodies are views into the bytes
/// that were read: whoever keeps them copies them.
import Base

public enum LinkMessage: Equatable {
    // Handshake.
    case hello(Hello)
    case challenge(Challenge)
    case proof([UInt8])
    /// How far the acceptor has applied the dialler's window; nil: it does not know this incarnation's.
    case welcome(resume: UInt64?)
    case refuse(Refusal)

    // From the upstream.
    /// Frames as the window holds them, one behind the other, and the window's position after the last.
    case frames(position: UInt64, frames: ByteView)
    /// The window has moved past the downstream: what lies before this position comes by repair.
    case jumped(position: UInt64)
    case heartbeat(Heartbeat)

    // From the downstream.
    case acknowledgement(Acknowledgement)

    // From either side.
    case members([MemberEntry])
    case versionsRequest
    case versions(VersionsReport)
    case stateRequest(request: UInt64, partition: Int, body: ByteView)
    case state(request: UInt64, partition: Int, isLast: Bool, body: ByteView)
    case stateRefused(request: UInt64, text: String)
    case digestRequest(DigestRequest)
    case digestReply(request: UInt64, body: ByteView)
    case keyStatesRequest(request: UInt64, partition: Int, keys: KeyNames)
    case keyStates(request: UInt64, body: ByteView)
    case probe(sequence: UInt64, about: Replica)
    case probeReply(sequence: UInt64, report: PeerReport)
    case leave(Replica)
    case expel(Replica, isForced: Bool)
}

public enum MessageKind: UInt8, Sendable, CaseIterable {
    case hello = 1
    case challenge, proof, welcome, refuse
    case frames = 16
    case jumped, heartbeat, acknowledgement
    case members = 32
    case versionsRequest, versions, stateRequest, state, stateRefused, digestRequest, digestReply, keyStatesRequest
    case keyStates, probe, probeReply, leave, expel
}

/// Who a node says it is.
public struct PeerIdentity: Equatable, Sendable {
    public var cluster: String
    public var replica: Replica
    public var incarnation: UInt128
    public var name: String
    public var region: String
    public var address: PeerAddress
    /// Where clients reach the node, on the same host; 0: not told.
    public var clientPort: UInt16

    public init(
        cluster: String, replica: Replica, incarnation: UInt128, name: String, region: String, address: PeerAddress,
        clientPort: UInt16 = 0
    ) {
        self.cluster = cluster
        self.replica = replica
        self.incarnation = incarnation
        self.name = name
        self.region = region
        self.address = address
        self.clientPort = clientPort
    }
}

public struct Hello: Equatable, Sendable {
    public var lowestProtocol: UInt8
    public var highestProtocol: UInt8
    public var identity: PeerIdentity
    public var nonce: UInt128
    public var hasSecret: Bool
    /// No cut in the dialler's cluster is later than this; zero for one that has no cluster.
    public var horizon: Stamp
    /// The dialler has taken writes without having heard of its own past from everybody.
    public var isUnsure: Bool

    public init(
        lowestProtocol: UInt8, highestProtocol: UInt8, identity: PeerIdentity, nonce: UInt128, hasSecret: Bool,
        horizon: Stamp = .zero, isUnsure: Bool = false
    ) {
        self.horizon = horizon
        self.isUnsure = isUnsure
        self.lowestProtocol = lowestProtocol
        self.highestProtocol = highestProtocol
        self.identity = identity
        self.nonce = nonce
        self.hasSecret = hasSecret
    }
}

public struct Challenge: Equatable, Sendable {
    /// The version both will speak from here on.
    public var protocolVersion: UInt8
    public var identity: PeerIdentity
    public var nonce: UInt128
    /// No cut in the acceptor's cluster is later than this; zero for one that has no cluster.
    public var horizon: Stamp
    public var isUnsure: Bool
    /// The acceptor's cluster has heard of the dialler, under this incarnation.
    public var knowsDialler: Bool
    /// Empty where the cluster has no secret.
    public var proof: [UInt8]

    public init(
        protocolVersion: UInt8, identity: PeerIdentity, nonce: UInt128, horizon: Stamp = .zero, isUnsure: Bool = false,
        knowsDialler: Bool = false, proof: [UInt8]
    ) {
        self.horizon = horizon
        self.isUnsure = isUnsure
        self.knowsDialler = knowsDialler
        self.protocolVersion = protocolVersion
        self.identity = identity
        self.nonce = nonce
        self.proof = proof
    }
}

public enum RefusalCode: UInt8, Sendable, CaseIterable {
    /// A reason that this build does not know by number; the text says it.
    case other = 0
    case otherCluster, secretMissing, secretWrong, protocolVersion
    /// A node has dialled itself: nothing to report.
    case oneself
    case duplicateNode, expelled, unexpectedMessage, malformedMessage, busy, otherHistory
    /// Only one side has heard so far that both belong together: nothing to report, and soon to be tried again.
    case notYet
}

public struct Refusal: Error, Equatable, Sendable {
    public var code: RefusalCode
    public var text: String

    public init(_ code: RefusalCode, _ text: String) {
        self.code = code
        self.text = text
    }

    public static func notYet(_ own: PeerIdentity) -> Refusal {
        Refusal(.notYet, "\(own.label) is joining a cluster and does not know all of it yet")
    }
}

/// A fence and what its author knows: sent behind everything the window held before `position`.
public struct Heartbeat: Equatable, Sendable {
    /// No further stamp of the sender has this tick or a lower one.
    public var fenceTick: UInt64
    public var unixMilliseconds: Int64
    /// Where the sender's window ended at the fence.
    public var position: UInt64
    /// For each replica the highest fence behind which the sender has applied everything, in all partitions.
    public var applied: [AppliedFence]
    /// The cut that the sender goes by.
    public var cut: Stamp
    /// The replicas that the sender's cut waits for.
    public var counted: [Replica]
    /// Those among them of which the sender knows that every counted member counts them too.
    public var settled: [Replica]
    public var tableVersion: UInt64
    /// Raised by the sender to refute that it is suspect or dead.
    public var detectorIncarnation: UInt64
    /// What the sender hears of the others.
    public var reports: [PeerReport]

    public init(
        fenceTick: UInt64 = 0, unixMilliseconds: Int64, position: UInt64 = 0, applied: [AppliedFence] = [],
        cut: Stamp = .zero, counted: [Replica] = [], settled: [Replica] = [], tableVersion: UInt64 = 0,
        detectorIncarnation: UInt64 = 0, reports: [PeerReport] = []
    ) {
        self.fenceTick = fenceTick
        self.unixMilliseconds = unixMilliseconds
        self.position = position
        self.applied = applied
        self.cut = cut
        self.counted = counted
        self.settled = settled
        self.tableVersion = tableVersion
        self.detectorIncarnation = detectorIncarnation
        self.reports = reports
    }
}

public struct AppliedFence: Equatable, Sendable {
    public var replica: Replica
    public var tick: UInt64

    public init(_ replica: Replica, tick: UInt64) {
        self.replica = replica
        self.tick = tick
    }
}

public enum PeerHealth: UInt8, Comparable, Sendable, CaseIterable {
    case alive = 0
    case suspect = 1
    case dead = 2

    public static func < (left: PeerHealth, right: PeerHealth) -> Bool { left.rawValue < right.rawValue }
}

/// What one node says of another's health.
public struct PeerReport: Equatable, Sendable {
    public var replica: Replica
    /// The detector incarnation of `replica` that the rest is about.
    public var incarnation: UInt64
    public var health: PeerHealth
    /// Since the reporter itself last heard it; nil: never.
    public var heardMilliseconds: UInt32?

    public init(_ replica: Replica, incarnation: UInt64, health: PeerHealth, heardMilliseconds: UInt32?) {
        self.replica = replica
        self.incarnation = incarnation
        self.health = health
        self.heardMilliseconds = heardMilliseconds
    }
}

public struct Acknowledgement: Equatable, Sendable {
    /// Everything of the upstream's window before this has been applied.
    public var appliedPosition: UInt64
    /// Everything before this is durable.
    public var durablePosition: UInt64
    /// The wall time of the last heartbeat, for the round trip.
    public var echoedUnixMilliseconds: Int64
    /// Frames applied on this link so far.
    public var frameCount: UInt64

    public init(
        appliedPosition: UInt64, durablePosition: UInt64, echoedUnixMilliseconds: Int64, frameCount: UInt64
    ) {
        self.appliedPosition = appliedPosition
        self.durablePosition = durablePosition
        self.echoedUnixMilliseconds = echoedUnixMilliseconds
        self.frameCount = frameCount
    }
}

/// Everything a node has applied, at one moment.
public struct VersionsReport: Equatable, Sendable {
    /// Taken before the versions: for each replica the fence behind which the sender has everything.
    public var applied: [AppliedFence]
    public var partitions: [PartitionVersions]

    public init(applied: [AppliedFence], partitions: [PartitionVersions]) {
        self.applied = applied
        self.partitions = partitions
    }
}

public struct PartitionVersions: Equatable, Sendable {
    public var partition: Int
    public var versions: Versions

    public init(partition: Int, versions: Versions) {
        self.partition = partition
        self.versions = versions
    }
}

public struct DigestRequest: Equatable, Sendable {
    public enum Level: Equatable, Sendable {
        case partitions
        case buckets(partition: Int)
        case keys(partition: Int, bucket: Int)
    }

    public var request: UInt64
    /// Keys that expire before this are left out on both sides; whoever answers may have to name a later time.
    public var expiryUnixMilliseconds: Int64
    public var level: Level

    public init(request: UInt64, expiryUnixMilliseconds: Int64, level: Level) {
        self.request = request
        self.expiryUnixMilliseconds = expiryUnixMilliseconds
        self.level = level
    }
}

/// Names of keys as a message holds them, read one after the other without an array of them.
public struct KeyNames: Equatable, Sequence {
    public struct Name: Equatable {
        public var database: UInt8
        public var name: ByteView
    }

    /// Database and length-prefixed name, again and again; checked when it was decoded.
    public let bytes: ByteView

    public init(checked bytes: ByteView) { self.bytes = bytes }

    public struct Iterator: IteratorProtocol {
        fileprivate var reader: ByteReader

        public mutating func next() -> Name? {
            guard !reader.isAtEnd else { return nil }
            let database = reader.byte()
            let name = reader.lengthPrefixed()
            return reader.isValid ? Name(database: database, name: name) : nil
        }
    }

    public func makeIterator() -> Iterator { Iterator(reader: ByteReader(bytes)) }
}

extension ByteBuffer {
    /// Adds one name to the bytes of a `KeyNames`.
    public mutating func appendKeyName(database: UInt8, _ name: ByteView) {
        append(database)
        append(varint: name.count)
        append(name)
    }
}
