/// What the peer thread obeys: a node's replication as a state machine without sockets, clocks or threads.
///
/// Everything is called on the peer thread. Link numbers are given by the thread and never used again. For every link
/// that was dialled or accepted `closed` is called exactly once, whoever ended it.
import Base
import Commands
import Core
import Replication

protocol PeerMachine: ~Copyable {
    mutating func start(_ now: Moment)
    mutating func dialled(target: Int, link: Int, _ now: Moment)
    mutating func dialFailed(target: Int, reason: String, _ now: Moment)
    mutating func accepted(link: Int, from: String, _ now: Moment)
    /// Consumes whole messages and leaves the rest.
    mutating func receive(link: Int, _ bytes: inout ByteBuffer, _ now: Moment)
    mutating func closed(link: Int, reason: String, _ now: Moment)
    mutating func request(_ request: PeerRequest, _ now: Moment)
    /// Timers and output. Returns the monotonic milliseconds at which it wants to be called again; it is called
    /// earlier when something has happened, and when a link with much to send has sent it.
    mutating func turn(_ now: Moment) -> Int64
    /// What is to be sent over a link; the thread consumes what it has sent. Nil once the link is closed.
    func output(link: Int) -> UnsafeMutablePointer<ByteBuffer>?
    /// So much of a link's output has been sent.
    func noteSent(link: Int, byteCount: Int)
    mutating func takeActions() -> [PeerAction]
    /// What it has asked for of the log.
    mutating func logRead(link: Int, _ outcome: LogReadOutcome, _ now: Moment)
    /// What it has written into the log so far.
    var logEntriesWritten: UInt64 { get }
    /// Whether it is sure of all that it ever wrote.
    var knowsOwnPast: Bool { get }
    /// How much later than it came what comes over this link is to be received: A2.LINK DELAY.
    func deliveryDelayMilliseconds(link: Int) -> Int
}

extension PeerMachine where Self: ~Copyable {
    func deliveryDelayMilliseconds(link: Int) -> Int { 0 }
    func noteSent(link: Int, byteCount: Int) {}
    var knowsOwnPast: Bool { true }
    var logEntriesWritten: UInt64 { 0 }
    mutating func logRead(link: Int, _ outcome: LogReadOutcome, _ now: Moment) {}
}
