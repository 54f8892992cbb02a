/// The process: binds its addresses, makes the node, starts a thread per loop and one for the peers. `Runtime+Wait`
/// sees it to its end.
///
/// Everything is made before the first thread starts: the memory of all partitions, the window, one mailbox for
/// each loop. From then on a loop owns its connections, and partitions are shared behind their locks.
import Base
import Commands
import Core
import Engine
import OS
import Options
import Replication
import Storage
import Synchronization

/// What the runtime is told at the start.
struct RuntimeSettings: Sendable {
    var addresses = ["127.0.0.1"]
    var port: UInt16 = 6379
    var backlog = 511
    var peers = PeerOptions()
    var nodeNumber: UInt8 = 1
    var threads = 1
    var databases = 16
    var windowBytes = 64 << 20
    /// Where the node is kept; nil for one that lives in memory alone.
    var store: Store?
    /// What CONFIG shows and changes.
    var options = Settings()
    var configurationPath: String?
}

final class Runtime {
    let shared: Shared
    let stop: Stop
    private let listeners: [Int32]
    private let peerListeners: [Int32]
    private let peerOptions: PeerOptions
    private var threads: [Thread] = []
    private let store: Store?
    private var recovered = RecoveredPast()
    private var pump: LogPump?
    let signals: Signals
    let poller: Poller

    /// Made before any thread, because threads inherit which signals are blocked.
    init(_ settings: RuntimeSettings, _ logger: Logger) throws(SystemError) {
        signals = try Signals()
        stop = try Stop()
        poller = try Poller(capacity: 8)
        listeners = try Self.listen(settings.addresses, settings.port, settings.backlog)
        peerOptions = settings.peers
        store = settings.store
        peerListeners = try Self.listenForPeers(settings)
        let port = listeners.first.map { Int(Socket.localPort($0)) } ?? 0
        let peerPort = peerListeners.first.map { Int(Socket.localPort($0)) } ?? 0
        shared = try Self.makeShared(settings, port: port, peerPort: peerPort, stop, logger)
        try poller.add(signals.descriptor, token: 0, for: .read)
        try poller.add(stop.wakeUp.descriptor, token: 1, for: .read)
    }

    /// What is listened on, as "127.0.0.1:6379".
    var addresses: [String] { listeners.map { Socket.localAddress($0) } }

    /// The same of the peer port.
    var peerAddresses: [String] { peerListeners.map { Socket.localAddress($0) } }

    private static func listenForPeers(_ settings: RuntimeSettings) throws(SystemError) -> [Int32] {
        do throws(SystemError) {
            return try listen(settings.peers.addresses, settings.peers.port, settings.backlog)
        } catch {
            let hint = "for peers (--peer-port N chooses another port, 0 lets the system choose)"
            throw SystemError(operation: "\(error.operation) \(hint)", errno: error.errno)
        }
    }

    private static func listen(
        _ addresses: [String], _ port: UInt16, _ backlog: Int
    ) throws(SystemError) -> [Int32] {
        for attempt in 1... {
            do throws(SystemError) {
                let listeners = try listenOnce(addresses, port, backlog)
                if !listeners.isEmpty { return listeners }
            } catch {
                // The port that the system chose for one address may be taken on the next (EADDRINUSE).
                guard port == 0, error.errno == 98, attempt < 16 else { throw error }
                continue
            }
            // EADDRNOTAVAIL: all of them were marked as optional, and none is there.
            throw SystemError(operation: "listen on any of '\(addresses.joined(separator: " "))'", errno: 99)
        }
        return []
    }

    /// On every address the same port, also when it was left to the system.
    private static func listenOnce(
        _ addresses: [String], _ port: UInt16, _ backlog: Int
    ) throws(SystemError) -> [Int32] {
        var listeners: [Int32] = []
        for address in addresses {
            let port = port == 0 ? listeners.first.map { Socket.localPort($0) } ?? 0 : port
            do throws(SystemError) {
                let listener = try Socket.listen(binding: address, port: port, backlog: backlog)
                if let listener { listeners.append(listener) }
            } catch {
                for listener in listeners { Socket.close(listener) }
                throw error
            }
        }
        return listeners
    }

    static func makeShared(
        _ settings: RuntimeSettings, port: Int, peerPort: Int, _ stop: Stop, _ logger: Logger
    ) throws(SystemError) -> Shared {
        let pages = HugePages()
        let populator = try Populator(pages)
        let source = PageSource(allocate: { populator.allocate($0) }, release: { pages.release($0, $1) })
        let replica = settings.store?.replica ?? Replica(node: settings.nodeNumber, generation: 0)
        let locks = PartitionLocks(
            replica: replica, databases: settings.databases, hashSeed: Entropy.seed, pages: source)
        let windowMemory = pages.allocateZeroed(settings.windowBytes)
        let log = try settings.store.map { (store) throws(SystemError) in try makeLog(store.keeper, logger) }
        let window = Window(
            capacity: settings.windowBytes, memory: windowMemory, start: settings.store?.windowStart ?? 0,
            log: log?.buffer)
        try populator.start(also: windowMemory, settings.windowBytes)
        let box = SharedBox()
        let node = Node(
            replica: replica, databaseCount: settings.databases, partitions: locks.array, window: window,
            statistics: (0..<settings.threads).map { _ in
                LoopStatistics(rowCount: CommandTable.shared.rowCount)
            }, settings: settings.options,
            identity: NodeIdentity(
                settings.options, loopCount: settings.threads, configurationPath: settings.configurationPath),
            process: ProcessInterface(box, port: port, peerPort: peerPort, loopCount: settings.threads))
        var mailboxes: [Mailbox] = []
        for _ in 0..<settings.threads { mailboxes.append(try Mailbox()) }
        let shared = Shared(
            node: node, locks: locks, mailboxes: mailboxes, peers: try PeerPost(), log: log, stop: stop, logger: logger)
        box.fill(shared)
        return shared
    }

    private static func makeLog(_ keeper: IdentityKeeper, _ logger: Logger) throws(SystemError) -> LogPost {
        let bell = try Bell()
        let buffer = LogBuffer(
            hastenReader: { bell.wakeUp.signal() },
            extendLease: { moment in
                do throws(StorageError) {
                    return try keeper.renewLease(nowMilliseconds: moment, logPosition: 0)
                } catch { LogPost.die(error, logger) }
            })
        return try LogPost(buffer, keeper, bell, logger)
    }

    /// Reads the node back from its directory; to be called before `start`.
    func recover() throws(StoreFailure) {
        guard let store else { return }
        recovered = try store.load(into: shared)
    }

    /// Starts the log, the loops and the thread of the peers.
    func start() throws(SystemError) {
        // The peers' thread opens it. Until that runs, clients are served already, and must not write either.
        let hasPeers =
            !peerOptions.seeds.isEmpty || recovered.members.contains { $0.replica.node != shared.node.replica.node }
        if hasPeers { shared.node.writeGate = .asksForPast }
        try startLog()
        try startLoops()
        try startPeers()
    }

    private func startLog() throws(SystemError) {
        guard let store, let log = shared.log else { return }
        let shared = shared
        let pump = LogPump(shared, log, store)
        self.pump = pump
        log.follow(FsyncPolicy(shared.node.settings))
        // No stamp is handed out that a crash would give to another write.
        do throws(StorageError) {
            _ = try log.renewLease(shared, logPosition: 0, SystemClock.wallMilliseconds)
        } catch { log.die(error) }
        log.isRunning.store(true, ordering: .releasing)
        log.snapshots.isRunning.store(true, ordering: .releasing)
        threads.append(
            try Thread.start(name: "a2-log") {
                do throws(SystemError) {
                    try LogThread(shared, log, pump).run()
                } catch {
                    preconditionFailure("the log thread could not start: \(error)")
                }
                log.isRunning.store(false, ordering: .releasing)
                shared.stop.wakeUp.signal()
            })
        threads.append(
            try Thread.start(name: "a2-snapshot") {
                do throws(SystemError) {
                    try SnapshotThread(shared, log, store).run()
                } catch {
                    preconditionFailure("the snapshot thread could not start: \(error)")
                }
                log.snapshots.isRunning.store(false, ordering: .releasing)
                shared.stop.wakeUp.signal()
            })
    }

    private func startPeers() throws(SystemError) {
        let (shared, options, listeners) = (shared, peerOptions, peerListeners)
        let addresses = peerAddresses
        let (recovered, incarnation) = (recovered, store?.incarnation)
        let resolver = try Resolver(answeringTo: shared.peers)
        var serving: LogServing?
        if let store { serving = try LogServing(store, answeringTo: shared.peers) }
        shared.peers.isRunning.store(true, ordering: .releasing)
        threads.append(
            try Thread.start(name: "a2-peers") { [serving] in
                do {
                    try PeerThread(
                        shared: shared, options: options, listeners: listeners, resolver: resolver,
                        serving: serving,
                        machine: Replicator(
                            shared, options, listeners: addresses, incarnation: incarnation, recovered: recovered)
                    ).run()
                } catch {
                    preconditionFailure("the thread of the peers could not start: \(error)")
                }
                shared.peers.isRunning.store(false, ordering: .releasing)
                shared.stop.wakeUp.signal()
            })
    }

    private func startLoops() throws(SystemError) {
        for index in shared.mailboxes.indices {
            let (shared, pump) = (shared, pump)
            let listeners = index == 0 ? listeners : []
            threads.append(
                try Thread.start(name: "a2-loop-\(index)") {
                    do {
                        // Made in its own thread, which alone ever sees it.
                        try EventLoop(index: index, shared: shared, pump: pump, listeners: listeners).run()
                    } catch {
                        preconditionFailure("loop \(index) could not start: \(error)")
                    }
                    shared.loopsRunning.subtract(1, ordering: .releasing)
                    shared.stop.wakeUp.signal()
                })
        }
    }
}
