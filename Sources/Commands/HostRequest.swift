/// What a command asks of the process around the node, which alone knows connections, files and clocks. The
/// handler has checked the arguments; whoever carries the request out writes the reply.
import Base

public enum HostRequest {
    /// CLIENT LIST and CLIENT INFO: one line per matching client.
    case clientList(ClientFilter)
    /// CLIENT KILL. With `repliesCount` the reply is how many were killed, else OK or "No such client".
    case clientKill(ClientFilter, repliesCount: Bool)
    case clientPause(milliseconds: Int64, writesOnly: Bool)
    case clientUnpause
    case clientUnblock(id: UInt64, withError: Bool)
    case monitor
    /// RESET of a monitor: it is fed no longer, and watches nothing. The reply is written.
    case endMonitor
    /// DEBUG SLEEP: this client's connection rests.
    case sleep(milliseconds: Int)
    /// WAIT and WAITAOF.
    case waitForPeers(PeerWaitRequest)
    /// For the thread that talks with the peers. The reply is OK.
    case peers(PeerRequest)
    /// SAVE and BGSAVE. The reply is written, unless the client waits for the end of it.
    case save(SaveRequest)
    case shutdown(ShutdownMode)
    /// CONFIG REWRITE.
    case rewriteConfiguration
}

/// So many peers have everything written so far, or the time is over.
public struct PeerWaitRequest: Sendable {
    public let kind: PeerAcknowledgements.Kind
    public let peerCount: Int
    /// 0: never.
    public let timeoutMilliseconds: Int
    /// And this node's own disk has it.
    public let waitsForDisk: Bool
}

public enum SaveRequest: Sendable {
    case background
    /// The client is answered when the snapshot is there.
    case andWait
}

/// A request of a transaction, whose reply stands among others: what follows it in EXEC's reply is kept back
/// until it is answered.
public struct OrderedRequest {
    public let request: HostRequest
    public let following: [UInt8]

    public init(_ request: HostRequest, following: [UInt8]) {
        self.request = request
        self.following = following
    }
}

public struct ShutdownMode: Sendable {
    /// NOW: do not wait for anybody.
    public var isImmediate = false
    /// FORCE: ignore errors on the way.
    public var isForced = false
    /// ABORT: take back a shutdown under way.
    public var isAbort = false

    public init() {}
}

/// Which clients a CLIENT LIST or KILL means; nil fields match every client.
public struct ClientFilter: Sendable {
    public var ids: [UInt64]?
    public var type: ClientType?
    public var address: [UInt8]?
    public var localAddress: [UInt8]?
    public var user: [UInt8]?
    /// KILL MAXAGE, seconds.
    public var ageSecondsMin: Int64?
    /// Do not kill the caller.
    public var skipsCaller = false
    /// What the caller speaks when it asks: within a transaction HELLO may come before the answer.
    public var protocolVersion: UInt8 = 2

    public init() {}
}

public enum ClientType: String, Sendable {
    case normal, master, replica, pubsub
}
