/// What a node's replication is told at start: who it is, whom to dial, and how long to wait for what.
import Base

public struct ReplicationSettings: Sendable {
    public var nodeNumber: UInt8
    public var generation: UInt8
    public var name: String
    public var region: String
    public var cluster: String
    /// Made with the data directory, or at the start of an ephemeral node.
    public var incarnation: UInt128
    /// Where peers reach this node.
    public var advertise: PeerAddress
    /// Where clients reach this node, on the same host; 0: nobody is told.
    public var clientPort: UInt16 = 0
    /// Dialled without being asked; the rest of the cluster is learned from them.
    public var seeds: [PeerAddress]
    /// Shared by the cluster; empty: none.
    public var secret: [UInt8]

    public var timing = ReplicationTiming()
    public var bounds = ReplicationBounds()

    public init(
        nodeNumber: UInt8, generation: UInt8 = 0, name: String, region: String, cluster: String, incarnation: UInt128,
        advertise: PeerAddress, seeds: [PeerAddress] = [], secret: [UInt8] = []
    ) {
        self.nodeNumber = nodeNumber
        self.generation = generation
        self.name = name
        self.region = region
        self.cluster = cluster
        self.incarnation = incarnation
        self.advertise = advertise
        self.seeds = seeds
        self.secret = secret
    }

    public var replica: Replica { Replica(node: nodeNumber, generation: generation) }

    public var identity: PeerIdentity {
        PeerIdentity(
            cluster: cluster, replica: replica, incarnation: incarnation, name: name, region: region,
            address: advertise, clientPort: clientPort)
    }
}

public struct ReplicationTiming: Equatable, Sendable {
    /// A handshake that takes longer is given up.
    public var handshakeMilliseconds: Int64 = 5000
    public var dialMillisecondsMin: Int64 = 100
    public var dialMillisecondsMax: Int64 = 5000
    /// Between heartbeats while frames flow, and while nothing does. A key's increments are one run until the cut has
    /// passed them: what is incremented more often than that is cheap, and history is kept a little longer for it.
    public var heartbeatBusyMilliseconds: Int64 = 250
    public var heartbeatIdleMilliseconds: Int64 = 500
    public var detector = DetectorTiming()
    /// Another peer's versions may lead ours this long before we ask for what is missing.
    public var gapMilliseconds: Int64 = 1000
    public var antiEntropyMilliseconds: Int64 = 30_000
    /// How long a node asks for its own past before it goes on as its next generation.
    public var ownPastMilliseconds: Int64 = 5000
    /// How far ahead of our clock a frame may be, and we ahead of everybody else.
    public var clockLeadMilliseconds: Int64 = 60_000
    /// A link on which nothing came for this long is given up.
    public var linkSilenceMilliseconds: Int64 = 5000
    /// A member that has been dead for this long is expelled; 0: never.
    public var stabilityMilliseconds: Int64 = 0

    public init() {}
}

public struct ReplicationBounds: Equatable, Sendable {
    /// Frames waiting for a gap to be filled, in all partitions together.
    public var heldFrameBytesMax = 64 * 1024 * 1024
    /// Unsent bytes of one link; a slower peer falls out of the window and repairs.
    public var linkOutputBytesMax = 16 * 1024 * 1024

    public init() {}
}

public struct DetectorTiming: Equatable, Sendable {
    /// Silence after which others are asked whether they hear the peer.
    public var probeMilliseconds: Int64 = 1000
    /// Nobody has heard it for this long: suspect.
    public var suspectMilliseconds: Int64 = 3000
    /// A suspect that nobody vouches for is dead after so much more.
    public var deadMilliseconds: Int64 = 5000
    /// How many others are asked at a time.
    public var helperCount = 3

    public init() {}
}
