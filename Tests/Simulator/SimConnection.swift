/// A simulated TCP connection: two pipes of bytes, in order and unharmed unless the plan says otherwise.
///
/// A pipe takes as many bytes as its buffer has room for and gives them up in pieces of any size, no earlier than
/// their time. What is cut off waits, as if it were sent again and again, until the way is open or an end gives up.
import Base

final class SimConnection {
    struct Chunk {
        let due: Int64
        let bytes: [UInt8]
    }

    struct Pipe {
        var chunks: [Chunk] = []
        var head = 0
        var bytesWaiting = 0
        var capacity: Int
        var delayMilliseconds: Int64
        /// Zero: no limit.
        var bytesPerMillisecond: Int
        /// When the last byte taken arrives.
        var lastDue: Int64 = 0
        /// An arrival has been planned.
        var isPlanned = false
        /// The sender has closed: what waits comes, then the end.
        var isFinished = false
        /// Some of what was sent is lost, so nothing that is sent after it may come.
        var isBroken = false
        /// Of a flip: this many bytes later one bit turns.
        var bytesToFlip: Int?

        var room: Int { max(capacity - bytesWaiting, 0) }
        var isEmpty: Bool { head == chunks.count }
        var nextDue: Int64? { head < chunks.count ? chunks[head].due : nil }

        mutating func append(_ bytes: [UInt8], now: Int64) {
            if isBroken { return }
            var due = max(now + delayMilliseconds, lastDue)
            if bytesPerMillisecond > 0 { due += Int64(bytes.count / bytesPerMillisecond) }
            lastDue = due
            bytesWaiting += bytes.count
            chunks.append(Chunk(due: due, bytes: bytes))
        }

        mutating func take() -> [UInt8] {
            let bytes = chunks[head].bytes
            bytesWaiting -= bytes.count
            head += 1
            if head > 64, head * 2 > chunks.count {
                chunks.removeFirst(head)
                head = 0
            }
            return bytes
        }

        /// Keeps the first pieces of what waits.
        mutating func truncate(chunks count: Int) {
            isBroken = true
            chunks.removeSubrange((head + count)...)
            bytesWaiting = chunks[head...].reduce(0) { $0 + $1.bytes.count }
        }

        mutating func discard() {
            chunks = []
            head = 0
            bytesWaiting = 0
        }
    }

    struct End {
        let node: Int
        let life: Int
        /// The node's number for it.
        let link: Int
        /// The node's side has not been closed.
        var isOpen = true
    }

    /// The dialler and the acceptor.
    var ends: [End]
    /// Towards the acceptor, and towards the dialler: a pipe has the number of the end it comes from.
    var pipes: [Pipe]
    /// An end went without a word: nothing answers.
    var isSilent = false

    init(dialler: End, acceptor: End, pipes: [Pipe]) {
        ends = [dialler, acceptor]
        self.pipes = pipes
    }
}
