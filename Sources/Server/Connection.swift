/// One client's connection: its socket, its buffers, its session. Owned by the loop that serves it.
import Base
import Commands
import Engine
import OS
import RESP

struct Connection: ~Copyable {
    let descriptor: Int32
    let address: String
    let localAddress: String
    let createdMilliseconds: Int64
    /// Both stay where they are while a command that points at them runs.
    let session: UnsafeMutablePointer<Session>
    let reply: UnsafeMutablePointer<ReplyWriter>

    var query = ByteBuffer(capacity: Connection.queryBytesKept)
    var parser = RequestParser()
    var arguments = ArgumentList()
    /// Blocks that hold large arguments of the command being received.
    var blocks = BlockList()
    /// The last of them is still being read.
    var blockBytesMissing = 0

    var lastActiveMilliseconds: Int64
    var lastCommand: Command.Reference?
    /// Since when more output was pending than the soft limit allows; 0 while it is not.
    var overSoftLimitSinceMilliseconds: Int64 = 0
    var hold = Hold.none
    /// Answers that EXEC still owes, and the bytes behind the one being waited for.
    var owed: [OrderedRequest] = []
    var owedBytes: [UInt8] = []

    /// The socket may have more than was read.
    var mayHaveInput = false
    /// In one of the loop's lists for this turn.
    var isReady = false
    var isScheduled = false
    /// Where the window ended when the latest reply was made: it goes out once the log is durable up to there.
    var replyPosition: UInt64 = 0
    /// Its replies wait for that. Nothing more is read and run until they are out: who never stops asking would move the
    /// position on and on, and never hear anything.
    var isWithheld = false
    /// It was to run while it was withheld.
    var runsOnceSent = false
    /// Close once everything has been sent; nothing more is executed.
    var closesAfterReply = false
    /// The poller has reported the end of the stream, which stands behind what is still to be read.
    var peerHasClosed = false
    /// The end of the stream has been read.
    var hasEnded = false

    /// Why the commands of a connection wait.
    enum Hold {
        case none
        /// CLIENT PAUSE.
        case paused
        /// A walk is under way.
        case walk(Walk, Transaction)
        /// Other loops are being asked.
        case gathering
        /// DEBUG SLEEP.
        case timer(untilMilliseconds: Int64)
        /// Peers have not acknowledged enough.
        case peers(PeerWait)

        var deadlineMilliseconds: Int64? {
            switch self {
            case .timer(let until): until
            case .peers(let wait): wait.untilMilliseconds
            case .none, .paused, .walk, .gathering: nil
            }
        }
    }

    static let queryBytesKept = 16 * 1024

    init(
        descriptor: Int32, session: consuming Session, address: String, localAddress: String, nowMilliseconds: Int64
    ) {
        self.descriptor = descriptor
        self.address = address
        self.localAddress = localAddress
        createdMilliseconds = nowMilliseconds
        lastActiveMilliseconds = nowMilliseconds
        self.session = .allocate(capacity: 1)
        self.session.initialize(to: session)
        reply = .allocate(capacity: 1)
        reply.initialize(to: ReplyWriter(capacity: 4096))
    }

    deinit {
        session.deinitialize(count: 1)
        session.deallocate()
        let reply = reply
        reply.pointee.removeAll { Connection.release($0) }
        reply.deinitialize(count: 1)
        reply.deallocate()
        Socket.close(descriptor)
    }

    var isHeld: Bool {
        if case .none = hold { return false }
        return true
    }

    /// Waits for other loops' answers, which no client can tell from an ordinary command.
    var isAsking: Bool {
        if case .gathering = hold { return true }
        return false
    }

    /// What the connection takes for itself and its buffers.
    var memoryBytes: Int {
        query.capacity + reply.pointee.buffer.capacity + arguments.memoryBytes + MemoryLayout<Connection>.size
    }

    /// Lets a value go that a reply has been sending.
    static func release(_ token: UInt) {
        guard let address = UnsafeMutableRawPointer(bitPattern: token) else { return }
        SharedBlock(address: address).release()
    }

}

/// Blocks by number, at an address that stays while a command runs.
struct BlockList: ~Copyable {
    private(set) var start = UnsafeMutablePointer<SharedBlock>.allocate(capacity: 1)
    private var capacity = 1
    private(set) var count = 0

    deinit {
        for index in 0..<count { start[index].release() }
        start.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    subscript(index: Int) -> SharedBlock { start[index] }

    mutating func append(_ block: SharedBlock) {
        if count == capacity {
            let larger = UnsafeMutablePointer<SharedBlock>.allocate(capacity: capacity * 2)
            larger.update(from: start, count: count)
            start.deallocate()
            start = larger
            capacity *= 2
        }
        start[count] = block
        count += 1
    }

    mutating func releaseAll() {
        for index in 0..<count { start[index].release() }
        count = 0
    }
}

/// Shorter, and the only way that compiles for ThreadSanitizer: there the compiler crashes on a change of what a
/// stored pointer of a noncopyable struct points at.
extension UnsafeMutablePointer<Connection> {
    @inline(__always) var session: UnsafeMutablePointer<Session> { pointee.session }
    @inline(__always) var reply: UnsafeMutablePointer<ReplyWriter> { pointee.reply }
}
