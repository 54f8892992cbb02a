/// What all loops of the process share beyond the node itself: each other's mailboxes, the limits, the pause.
import Base
import Commands
import Core
import OS
import Options
import Synchronization

/// What an operator may change while the server runs, as far as connections care.
struct ConnectionLimits: Sendable {
    var clientsMax = 10_000
    var idleSecondsMax = 0
    var keepAliveSeconds = 300
    var bulkBytesMax = Limits.bulkBytesMax
    var queryBufferBytesMax = Limits.queryBufferBytesMax
    /// Of a normal client; 0 is no limit.
    var outputBytesHard = 0
    var outputBytesSoft = 0
    var outputSoftSeconds = 0
    /// SHA-free on purpose: compared in constant time, kept in memory only. Empty: no password.
    var password: [UInt8] = []
    var isProtected = true
    var ticksPerSecond = 10
}

final class Shared: Sendable {
    let node: Node
    let locks: PartitionLocks
    let mailboxes: [Mailbox]
    let counters: [LoopCounters]
    let nextClient = Atomic<UInt64>(1)
    /// Clients connected to all loops.
    let clientCount = Atomic<Int>(0)
    let monitorCount = Atomic<Int>(0)
    /// Until when clients are held back, by the clock that nobody sets; 0 when they are not.
    let pausedUntil = Atomic<Int64>(0)
    /// The pause holds back writes only.
    let pausesWritesOnly = Atomic<Bool>(false)
    let isDraining = Atomic<Bool>(false)
    let loopsRunning: Atomic<Int>
    let peers: PeerPost
    /// Nil where nothing is kept on disk.
    let log: LogPost?
    private let limitsBox: Guarded<ConnectionLimits>
    private let rewriteRequests = Guarded<[ClientAddress]>([])
    /// Asks the main thread to stop the process.
    let stop: Stop
    let logger: Logger

    init(
        node: Node, locks: PartitionLocks, mailboxes: [Mailbox], peers: PeerPost, log: LogPost? = nil, stop: Stop,
        logger: Logger
    ) {
        self.node = node
        self.locks = locks
        self.mailboxes = mailboxes
        self.peers = peers
        self.log = log
        self.stop = stop
        self.logger = logger
        loopsRunning = Atomic(mailboxes.count)
        counters = mailboxes.map { _ in LoopCounters() }
        limitsBox = Guarded(ConnectionLimits(node.settings))
    }

    /// So much waits to be written that nothing more is taken from peers.
    var isLogBehind: Bool { log.map { $0.isBehind(node.window) } ?? false }

    var limits: ConnectionLimits { limitsBox.withLock { $0 } }

    /// After the settings changed. Reads them under the lock, so that of two changes the later one stays.
    func adoptSettings(_ changed: [Option]) {
        limitsBox.withLock {
            let settings = node.settings
            $0 = ConnectionLimits(settings)
            log?.follow(FsyncPolicy(settings))
        }
        if let level = LogLevel(named: node.settings.text(.logLevel)) { logger.level = level }
        for mailbox in mailboxes { mailbox.post(.reloadLimits) }
        logger.info("settings changed", ["options": .text(changed.map(\.name).joined(separator: ", "))])
    }

    /// CONFIG REWRITE: the main thread does it and answers by mail.
    func requestRewrite(_ asker: ClientAddress) {
        rewriteRequests.withLock { $0.append(asker) }
        stop.wakeUp.signal()
    }

    func takeRewriteRequests() -> [ClientAddress] {
        rewriteRequests.withLock { requests in
            let taken = requests
            requests.removeAll()
            return taken
        }
    }

    /// Whether commands are held back at this moment, and which.
    func pause(_ steadyMilliseconds: Int64) -> (isActive: Bool, writesOnly: Bool) {
        let until = pausedUntil.load(ordering: .relaxed)
        guard until > steadyMilliseconds else { return (false, false) }
        return (true, pausesWritesOnly.load(ordering: .relaxed))
    }
}

/// Numbers of one loop that INFO sums up; written by the loop alone.
final class LoopCounters: Sendable {
    let clients = Atomic<Int>(0)
    let blockedClients = Atomic<Int>(0)
    /// In WAIT or WAITAOF: whom the peer thread tells what has been acknowledged.
    let clientsWaiting = Atomic<Int>(0)
    /// Clients whose replies wait for the disk: they are told when there is more on it.
    let repliesWithheld = Atomic<Int>(0)
    /// Until it turns again, which it does when the disk has answered: nothing to restart the process for.
    let isAtDisk = Atomic<Bool>(false)
    let connectionsReceived = Atomic<UInt64>(0)
    let connectionsRejected = Atomic<UInt64>(0)
    let inputBytes = Atomic<UInt64>(0)
    let outputBytes = Atomic<UInt64>(0)
    let reads = Atomic<UInt64>(0)
    let writes = Atomic<UInt64>(0)
    /// Of the loop's thread, and of its clients' buffers: brought up to date by the tick.
    let userCPUMicroseconds = Atomic<Int64>(0)
    let systemCPUMicroseconds = Atomic<Int64>(0)
    let clientBytes = Atomic<Int>(0)
    let turns = Atomic<UInt64>(0)
    let inputBufferBytesMax = Atomic<Int>(0)
    let outputBufferBytesMax = Atomic<Int>(0)

    @inline(__always)
    static func bump(_ counter: borrowing Atomic<UInt64>, _ amount: Int) {
        counter.store(counter.load(ordering: .relaxed) &+ UInt64(amount), ordering: .relaxed)
    }
}

/// How the main thread learns that it is time to go.
final class Stop: Sendable {
    enum Request: Int, Sendable {
        case none, graceful, immediate
    }

    private let request = Guarded<(kind: Request, reason: String)>((.none, ""))
    let wakeUp: WakeUp

    init() throws(SystemError) { wakeUp = try WakeUp() }

    /// The first reason stays; a more urgent kind replaces a lesser one.
    func ask(_ kind: Request, reason: String) {
        request.withLock { request in
            if request.kind == .none { request.reason = reason }
            if kind.rawValue > request.kind.rawValue { request.kind = kind }
        }
        wakeUp.signal()
    }

    var current: (kind: Request, reason: String) { request.withLock { $0 } }
}
