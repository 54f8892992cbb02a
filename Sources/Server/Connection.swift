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
    var blocks: [SharedBlock] = []
    /// The last of them is still being read.
    var blockBytesMissing = 0

    var lastActiveMilliseconds: Int64
    var lastCommand: Command.Reference?
    /// Since when more output was pending than the soft limit allows; 0 while it is not.
    var overSoftLimitSinceMilliseconds: Int64 = 0
    var hold = Hold.none

    /// The socket may have more than was read.
    var mayHaveInput = false
    /// In one of the loop's lists for this turn.
    var isReady = false
    var isScheduled = false
    /// Close once everything has been sent; nothing more is executed.
    var closesAfterReply = false
    /// The peer has closed its side.
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
        /// Until this time; then the reply is what `reply` says.
        case timer(untilMilliseconds: Int64, reply: TimerReply)

        enum TimerReply { case ok, zero }
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
        reply.pointee.removeAll { Connection.release($0) }
        reply.deinitialize(count: 1)
        reply.deallocate()
        for block in blocks { block.release() }
        Socket.close(descriptor)
    }

    var isHeld: Bool {
        if case .none = hold { return false }
        return true
    }

    /// Lets a value go that a reply has been sending.
    static func release(_ token: UInt) {
        guard let address = UnsafeMutableRawPointer(bitPattern: token) else { return }
        SharedBlock(address: address).release()
    }

    mutating func releaseBlocks() {
        for block in blocks { block.release() }
        blocks.removeAll()
    }
}
