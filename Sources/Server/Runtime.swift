/// The process: makes the node, starts a thread per loop, waits for signals, and ends it all in order.
import Base
import Commands
import Core
import Engine
import OS
import Options
import Replication
import Synchronization

/// What the runtime is told at the start.
struct RuntimeSettings: Sendable {
    var addresses = ["127.0.0.1"]
    var port: UInt16 = 6379
    var backlog = 511
    var nodeNumber: UInt8 = 1
    var threads = 1
    var databases = 16
    var windowBytes = 64 << 20
    var limits = ConnectionLimits()
    /// What CONFIG shows and changes.
    var options = Settings()
    var configurationPath: String?
}

final class Runtime {
    let shared: Shared
    private let stop: Stop
    private let listeners: [Int32]
    private var threads: [Thread] = []
    private let signals: Signals
    private let poller: Poller

    /// How long a drain may take before the process ends anyway.
    private static let drainMillisecondsMax: Int64 = 3_000

    /// Made before any thread, because threads inherit which signals are blocked.
    init(_ settings: RuntimeSettings) throws(SystemError) {
        signals = try Signals()
        stop = try Stop()
        poller = try Poller(capacity: 8)
        var listeners: [Int32] = []
        for address in settings.addresses {
            let listener = try Socket.listen(binding: address, port: settings.port, backlog: settings.backlog)
            if let listener { listeners.append(listener) }
        }
        self.listeners = listeners
        shared = try Self.makeShared(settings, stop)
        try poller.add(signals.descriptor, token: 0, for: .read)
        try poller.add(stop.wakeUp.descriptor, token: 1, for: .read)
    }

    private static func makeShared(_ settings: RuntimeSettings, _ stop: Stop) throws(SystemError) -> Shared {
        let pages = HugePages()
        let source = PageSource(allocate: { pages.allocate($0) }, release: { pages.release($0, $1) })
        let replica = Replica(node: settings.nodeNumber, generation: 0)
        let locks = PartitionLocks(
            replica: replica, databases: settings.databases, hashSeed: Entropy.seed, pages: source)
        let window = Window(
            capacity: settings.windowBytes, memory: pages.allocateZeroed(settings.windowBytes))
        let box = SharedBox()
        let node = Node(
            replica: replica, databaseCount: settings.databases, partitions: locks.array, window: window,
            statistics: (0..<settings.threads).map { _ in
                LoopStatistics(rowCount: CommandTable.shared.rowCount)
            }, settings: settings.options,
            identity: NodeIdentity(
                settings.options, loopCount: settings.threads, configurationPath: settings.configurationPath),
            process: ProcessInterface(box))
        var mailboxes: [Mailbox] = []
        for _ in 0..<settings.threads { mailboxes.append(try Mailbox()) }
        let shared = Shared(node: node, locks: locks, mailboxes: mailboxes, limits: settings.limits, stop: stop)
        box.fill(shared)
        return shared
    }

    /// Starts the loops.
    func start() throws(SystemError) {
        for index in shared.mailboxes.indices {
            let shared = shared
            let listeners = index == 0 ? listeners : []
            threads.append(
                try Thread.start(name: "a2-loop-\(index)") {
                    do {
                        // Made in its own thread, which alone ever sees it.
                        try EventLoop(index: index, shared: shared, listeners: listeners).run()
                    } catch {
                        preconditionFailure("loop \(index) could not start: \(error)")
                    }
                    shared.loopsRunning.subtract(1, ordering: .releasing)
                    shared.stop.wakeUp.signal()
                })
        }
    }

    /// Until a signal or SHUTDOWN says that it is time, then drains. Returns the exit code.
    func waitForTheEnd(onHangUp: () -> Void, onUserOne: () -> Void) -> Int32 {
        var drainsUntil: Int64?
        while true {
            let now = SystemClock.monotonicMilliseconds
            let timeout = drainsUntil.map { Int(max($0 - now, 0)) } ?? -1
            _ = poller.wait(timeoutMilliseconds: timeout)
            stop.wakeUp.clear()
            while let signal = signals.next() {
                switch signal {
                case .hangUp: onHangUp()
                case .userOne: onUserOne()
                case .interrupt, .terminate:
                    if drainsUntil != nil { return signal == .interrupt ? 130 : 143 }
                    stop.ask(.graceful)
                }
            }
            switch stop.current {
            case .none: continue
            case .immediate: return 0
            case .graceful: break
            }
            if drainsUntil == nil {
                drainsUntil = SystemClock.monotonicMilliseconds + Self.drainMillisecondsMax
                shared.isDraining.store(true, ordering: .releasing)
                for mailbox in shared.mailboxes { mailbox.post(.drain) }
            }
            if shared.loopsRunning.load(ordering: .acquiring) == 0 { return 0 }
            if let limit = drainsUntil, SystemClock.monotonicMilliseconds >= limit { return 0 }
        }
    }
}
