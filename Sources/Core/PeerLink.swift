/// One connection to a peer, as the Replicator knows it.
///
/// Who dialled is the upstream: its frames flow to the acceptor, whose acknowledgements flow back. The shell
/// fills and empties the bytes; everything they mean is in here.
import Base
import Engine
import Replication

final class PeerLink {
    /// The shell's number for the connection, never used twice.
    let number: Int
    /// We dialled: our frames go out on it.
    let isUpstream: Bool
    /// The dial target this came from.
    let target: Int?
    let output: UnsafeMutablePointer<ByteBuffer>
    /// The pieces of a state that is coming.
    let state: UnsafeMutablePointer<ByteBuffer>
    let openedMilliseconds: Int64

    var handshake: Handshake
    /// Known and trusted since the handshake is over.
    var peer: PeerIdentity?
    /// What both speak.
    var protocolVersion = Handshake.lowestProtocol
    var isClosing = false
    /// Monotonic: when anything came in last.
    var heardMilliseconds: Int64

    var sending = Sending()
    var receiving = Receiving()
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0

    init(number: Int, target: Int?, handshake: Handshake, _ now: Moment) {
        self.number = number
        self.target = target
        isUpstream = target != nil
        self.handshake = handshake
        openedMilliseconds = now.monotonicMilliseconds
        heardMilliseconds = now.monotonicMilliseconds
        output = .allocate(capacity: 1)
        output.initialize(to: ByteBuffer(capacity: 4096))
        state = .allocate(capacity: 1)
        state.initialize(to: ByteBuffer())
    }

    deinit {
        output.deinitialize(count: 1)
        output.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    var isEstablished: Bool { peer != nil && !isClosing }

    func send(_ message: LinkMessage) { output.pointee.append(message) }

    /// The member table, in the words of both.
    func sendTable(_ entries: [MemberEntry]) {
        let knowsClosing = protocolVersion >= Handshake.closedNamesProtocol
        send(.members(knowsClosing ? entries : MemberTable.withoutClosing(entries)))
    }

    /// The upstream's side: where we are in our own window, and what we owe the peer.
    struct Sending {
        /// The next frame to be sent stands here in our window.
        var cursor: UInt64 = 0
        /// The peer has applied everything before this.
        var acknowledged: UInt64 = 0
        var framesAcknowledged: UInt64 = 0
        var framesSent: UInt64 = 0
        /// The cursor has passed entries that are not for the peer, who has not heard of it.
        var owesPosition = false
        /// When it was last said for that reason alone.
        var positionSaidMilliseconds: Int64 = 0
        /// Made, and to be sent once the cursor has passed its position.
        var heartbeat: Heartbeat?
        /// States asked for, served one after the other.
        var exports: [Export] = []
        /// While the peer is served from the log: the cursor is behind the window.
        var fromLog: LogService?
        /// Far more than `RepairPlan` asks for at a time.
        static let exportsMax = 64
        var statesServed: UInt64 = 0
        var roundTripMilliseconds: Int64?
    }

    /// A peer that is behind the window and gets what it lacks from the log.
    struct LogService {
        /// Of the log: the next read begins here.
        var next: UInt64
        /// Frames that have been read and are not in the output yet, from `taken` on.
        var chunk: LogChunk?
        var taken = 0
        var isReading = false
        let startedMilliseconds: Int64
        var frames: UInt64 = 0
        var bytes: UInt64 = 0
    }

    struct Export {
        let request: UInt64
        let partition: Int
        var export: StateExport
        var hasHead = false
    }

    /// The downstream's side: what has come of the peer's window.
    struct Receiving {
        /// All frames before this position of the peer's window have come.
        var receivedPosition: UInt64 = 0
        /// And all before this have been applied.
        var appliedPosition: UInt64 = 0
        var acknowledgedPosition: UInt64 = 0
        /// Of what has been applied, what is on the disk, and what of that the peer was told.
        var durable = DurableProgress<UInt64>(0)
        var acknowledgedDurable: UInt64 = 0
        var owesAcknowledgement = false
        var framesApplied: UInt64 = 0
        /// Monotonic: when that was last more.
        var appliedMilliseconds = Int64.min
        var echoUnixMilliseconds: Int64 = 0
        /// The stream goes on where it broke off, or we have compared with the peer since it began: nothing of the peer's
        /// own is missing that is not asked for or on its way.
        var isResumed = false
        /// A heartbeat that waits until nothing of the peer's own is missing.
        var heartbeat: Heartbeat?
        /// What the peer knew of everybody when it told its versions: ours too, once all it led in is repaired.
        var comparison: Versions?
        /// The versions of all partitions have not come yet.
        var awaitsVersions = true
        /// Whose pieces are coming.
        var stateRequest: UInt64?
        var lagMilliseconds: Int64?
        /// Whom the peer counts; nil before its first heartbeat.
        var announcedCounted: [Replica]?
        /// Not to be asked for its versions before this.
        var nextLeadMilliseconds: Int64 = 0
        var nextDigestMilliseconds: Int64 = 0
    }
}
