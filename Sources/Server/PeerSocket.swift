/// One link as the peer thread sees it: a socket, what has come over it, and how far its life has got.
import Base
import OS
import Replication

final class PeerSocket {
    enum State {
        /// A name is being resolved, or a connection is on its way.
        case dialling(Dial)
        case open
        /// What is owed is still sent; then, or when the time is over, the link is closed.
        case closing(untilMilliseconds: Int64, reason: String)
        /// The machine has been told that it is closed. The other end reads the last bytes in peace: closing with
        /// something unread would make the system take them back.
        case lingering(untilMilliseconds: Int64)
    }

    struct Dial {
        let target: Int
        let address: PeerAddress
        /// The addresses not tried yet.
        var candidates: [SocketAddress] = []
        var untilMilliseconds: Int64
        var failure = "no address"
    }

    let link: Int
    var descriptor: Int32
    var state: State
    /// "ip:port" of the other end.
    var address: String
    /// The socket may have more than was read, and room for more than was written.
    var mayHaveInput = false
    var hasRoom = false
    /// Not read before its output has shrunk.
    var isPaused = false
    /// Why nothing more will come, once nothing more does.
    var endReason: String?
    var input = ByteBuffer(capacity: PeerSocket.inputBytesKept)
    var delayed = DelayedBytes()

    static let inputBytesKept = 64 * 1024

    init(link: Int, descriptor: Int32, state: State, address: String) {
        self.link = link
        self.descriptor = descriptor
        self.state = state
        self.address = address
    }

    deinit { closeDescriptor() }

    func closeDescriptor() {
        if descriptor >= 0 { Socket.close(descriptor) }
        descriptor = -1
    }

    var isOpen: Bool {
        if case .open = state { return true }
        return false
    }

    var isDialling: Bool {
        if case .dialling = state { return true }
        return false
    }

    /// Something waits in the socket and is wanted.
    var wantsReading: Bool {
        switch state {
        case .open: mayHaveInput && !isPaused
        case .lingering: mayHaveInput
        case .dialling, .closing: false
        }
    }

    /// Known to the machine.
    var isLink: Bool {
        switch state {
        case .open, .closing: true
        case .dialling, .lingering: false
        }
    }

    var deadlineMilliseconds: Int64? {
        switch state {
        case .dialling(let dial): dial.untilMilliseconds
        case .open: delayed.nextMilliseconds
        case .closing(let until, _): until
        case .lingering(let until): until
        }
    }
}

/// Bytes that have come and are to be received later: what A2.LINK DELAY makes of a network.
struct DelayedBytes {
    private var waiting: [(dueMilliseconds: Int64, bytes: [UInt8])] = []
    private(set) var count = 0

    var isEmpty: Bool { waiting.isEmpty }

    var nextMilliseconds: Int64? { waiting.first?.dueMilliseconds }

    /// What came earlier stays earlier, also when the delay has become shorter.
    mutating func append(_ bytes: ByteView, dueMilliseconds: Int64) {
        if let last = waiting.last, last.dueMilliseconds >= dueMilliseconds {
            waiting[waiting.count - 1].bytes += bytes.raw
        } else {
            waiting.append((dueMilliseconds, bytes.array))
        }
        count += bytes.count
    }

    /// Moves what is due to `buffer`. Returns whether anything was.
    mutating func take(into buffer: inout ByteBuffer, nowMilliseconds: Int64) -> Bool {
        var taken = 0
        while taken < waiting.count, waiting[taken].dueMilliseconds <= nowMilliseconds {
            buffer.append(waiting[taken].bytes)
            count -= waiting[taken].bytes.count
            taken += 1
        }
        waiting.removeFirst(taken)
        return taken > 0
    }
}
