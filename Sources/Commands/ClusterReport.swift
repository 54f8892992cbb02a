/// What the replication of a node last said of itself: read by INFO, ROLE and A2.PEERS on any loop.
import Base

public struct ClusterReport: Sendable {
    public struct Peer: Sendable {
        public var replica: Replica
        public var name = ""
        public var region = ""
        public var address = ""
        /// Where clients reach it; empty where it has not said.
        public var clientAddress = ""
        /// "member", "joining", "left" or "expelled".
        public var membership = ""
        /// "alive", "unreachable from here", "suspect" or "dead".
        public var health = ""
        /// The links, ours to it and its to us: "up", "connecting", "syncing", "down".
        public var outgoing = "down"
        public var incoming = "down"
        /// How old what comes from it is, by heartbeats; nil before the first.
        public var lagMilliseconds: Int64?
        public var roundTripMilliseconds: Int64?
        /// Since its last heartbeat.
        public var silentMilliseconds: Int64?
        /// Of our window, what it has not acknowledged.
        public var pendingBytes: UInt64 = 0
        public var pendingFrames: UInt64 = 0
        public var framesSent: UInt64 = 0
        public var framesReceived: UInt64 = 0
        public var bytesSent: UInt64 = 0
        public var bytesReceived: UInt64 = 0
        public var keysRepaired: UInt64 = 0
        /// Partitions whose state is still to come from it.
        public var partitionsMissing = 0

        public init(replica: Replica) { self.replica = replica }
    }

    /// In order of replica.
    public var peers: [Peer] = []
    /// Replicas the cut waits for, this node among them.
    public var counted: [Replica] = []
    public var stableUnixMilliseconds: Int64 = 0
    /// Who holds the cut back.
    public var slowest: Replica?
    public var framesReceived: UInt64 = 0
    public var framesApplied: UInt64 = 0
    public var duplicates: UInt64 = 0
    public var gaps: UInt64 = 0
    public var forks: UInt64 = 0
    public var framesHeldBytes = 0
    public var framesAhead: UInt64 = 0
    public var statesJoined: UInt64 = 0
    public var statesServed: UInt64 = 0
    /// Peers that are behind the window now and get what they lack from the log, and what all such have got.
    public var peersOnLog = 0
    public var framesServedFromLog: UInt64 = 0
    public var bytesServedFromLog: UInt64 = 0
    public var keysRepaired: UInt64 = 0
    public var divergedKeys: UInt64 = 0
    public var digestRounds: UInt64 = 0
    public var refusals: UInt64 = 0

    public init() {}
}

/// Why no client may write at the moment; the node may still be read.
public struct WriteGate: Sendable, Equatable {
    /// The error reply, code first.
    public var text: String

    public init(_ text: String) { self.text = text }
}
