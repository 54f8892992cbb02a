/// The node as its commands see it: identity, limits, statistics, settings. One per process, shared by all
/// loops. What commands must know on every write is an atomic of its own; the rest stands behind locks.
import Base
import Engine
import Options
import Replication
import Synchronization

public final class Node: Sendable {
    private let replicaNumber: Atomic<UInt16>
    public let databaseCount: Int
    public let partitions: PartitionArray
    public let window: Window
    public let statistics: [LoopStatistics]
    public let identity: NodeIdentity
    public let process: ProcessInterface
    public let slowLog = SlowLog()
    public let latency = LatencyMonitor()
    public let rates = RateMeter()

    /// Commands that take longer are offered to the slow log and the latency monitor: the lower of the two.
    public let slowTicks = Atomic<UInt64>(.max)
    let slowLogTicks = Atomic<UInt64>(.max)
    let latencyTicks = Atomic<UInt64>(.max)
    /// 0: no limit.
    public let memoryLimitBytes = Atomic<Int>(0)
    public let policyNumber = Atomic<Int>(0)
    public let evictionSamplesNumber = Atomic<Int>(5)
    let frequencyLogFactor = Atomic<Int>(10)
    let frequencyDecayMinutes = Atomic<Int>(1)
    /// DEBUG SET-ACTIVE-EXPIRE 0 stops the sweep; reads hide expired keys all the same.
    public let sweepsExpired = Atomic<Bool>(true)
    let peakBytes = Atomic<Int>(0)
    private let dataBytes = Atomic<Int>(0)
    /// Writes of clients that were refused because memory is full.
    public let writesRefused = Atomic<UInt64>(0)
    let errorReplies = Atomic<UInt64>(0)

    /// How far each peer has taken in this node's window.
    public let acknowledgements = PeerAcknowledgements()
    /// What replication last said of itself.
    public let cluster = Guarded<ClusterReport>(ClusterReport())
    private let gate = Guarded<WriteGate?>(nil)
    private let disk = Guarded<WriteGate?>(nil)
    /// What the log and the snapshots last said of themselves.
    public let persistence = Guarded<PersistenceReport>(PersistenceReport())
    /// Memory is limited, or a gate is shut: writes are looked at before they run.
    let writesNeedCare = Atomic<Bool>(false)

    let settingsBox: Guarded<Settings>
    /// What the process had counted at the last CONFIG RESETSTAT.
    let baseline = Guarded<ProcessReadings>(ProcessReadings())

    public init(
        replica: Replica, databaseCount: Int, partitions: PartitionArray, window: Window,
        statistics: [LoopStatistics], settings: Settings = Settings(), identity: NodeIdentity = NodeIdentity(),
        process: ProcessInterface = ProcessInterface()
    ) {
        replicaNumber = Atomic(replica.rawValue)
        self.databaseCount = databaseCount
        self.partitions = partitions
        self.window = window
        self.statistics = statistics
        self.identity = identity
        self.process = process
        settingsBox = Guarded(settings)
        adopt(settings)
    }

    /// Whom this node writes as.
    public var replica: Replica { Replica(rawValue: replicaNumber.load(ordering: .relaxed)) }

    /// The node could not be sure of its past. Every partition has been told, and nothing has been written since.
    public func goOn(as replica: Replica) { replicaNumber.store(replica.rawValue, ordering: .relaxed) }

    /// Why clients may not write; nil while they may.
    public var writeGate: WriteGate? {
        get { gate.withLock { $0 } }
        set {
            gate.withLock { $0 = newValue }
            refreshWritesNeedCare()
        }
    }

    /// Why the disk lets clients write nothing; nil while it does.
    public var diskGate: WriteGate? {
        get { disk.withLock { $0 } }
        set {
            disk.withLock { $0 = newValue }
            refreshWritesNeedCare()
        }
    }

    /// Whether everything before this position of the window would survive a crash.
    public func isOnDisk(_ position: UInt64) -> Bool {
        guard let log = window.log else { return false }
        return log.durablePosition >= position
    }

    private func refreshWritesNeedCare() {
        let isShut = gate.withLock { $0 != nil } || disk.withLock { $0 != nil }
        writesNeedCare.store(isShut || memoryLimitBytes.load(ordering: .relaxed) > 0, ordering: .relaxed)
    }

    /// Whether a write may run without being looked at.
    @inline(__always)
    public var admitsWritesPlainly: Bool { !writesNeedCare.load(ordering: .relaxed) }

    public var evictionPolicy: EvictionPolicy {
        EvictionPolicy(rawValue: policyNumber.load(ordering: .relaxed)) ?? .noEviction
    }

    /// Whether a client may use the commands that can hurt.
    public func allowsDebugging(_ session: borrowing Session) -> Bool {
        switch settingsBox.withLock({ $0.text(.enableDebugCommand) }) {
        case "yes": true
        case "local": session.isLocal
        default: false
        }
    }

    public var evictionSamples: Int { evictionSamplesNumber.load(ordering: .relaxed) }

    /// Memory of keys, values and tables over all partitions: exact under a limit, else as of the last upkeep.
    public func usedBytes() -> Int { dataBytes.load(ordering: .relaxed) }

    /// To be called by whoever holds the partition.
    public func report(_ partition: UnsafeMutablePointer<Partition>) {
        let change = partition.pointee.takeUnreportedBytes()
        if change != 0 { dataBytes.add(change, ordering: .relaxed) }
    }

    /// Of the window beside the data, and the most both ever were at a tick or an INFO.
    func memoryNow() -> (used: Int, peak: Int) {
        let used = usedBytes()
        return (used, max(peakBytes.max(used, ordering: .relaxed).newValue, used))
    }

    /// To be called about ten times a second by one loop.
    public func sample(nowMilliseconds: Int64) {
        let traffic = process.traffic()
        var commands: UInt64 = 0
        for loop in statistics { commands &+= loop.commandCount }
        rates.sample(
            nowMilliseconds: nowMilliseconds, commands: commands, inputBytes: traffic.inputBytes,
            outputBytes: traffic.outputBytes)
        _ = memoryNow()
    }

    /// A command that took at least `slowTicks`.
    public func noteSlow(_ call: borrowing Invocation, ticks: UInt64) {
        let flags = call.command.pointee.flags
        if ticks > slowLogTicks.load(ordering: .relaxed), !flags.contains(.skipSlowLog) {
            slowLog.add(call, microseconds: microseconds(ticks), nowSeconds: call.nowMilliseconds / 1000)
        }
        if ticks > latencyTicks.load(ordering: .relaxed) {
            latency.add(
                flags.contains(.fast) ? .fastCommand : .command, milliseconds: Int64(microseconds(ticks) / 1000),
                nowSeconds: call.nowMilliseconds / 1000)
        }
    }

    /// Something of the server's own that kept clients waiting.
    public func noteEvent(_ event: LatencyMonitor.Event, ticks: UInt64, nowMilliseconds: Int64) {
        if ticks > latencyTicks.load(ordering: .relaxed) {
            latency.add(
                event, milliseconds: Int64(microseconds(ticks) / 1000), nowSeconds: nowMilliseconds / 1000)
        }
    }

    /// A write was refused because memory is full.
    public func countRefusedWrite() { writesRefused.add(1, ordering: .relaxed) }

    // MARK: Ticks

    func microseconds(_ ticks: UInt64) -> UInt64 {
        UInt64(Double(ticks) * process.nanosecondsPerTick / 1000)
    }

    private func ticks(microseconds: Int) -> UInt64 {
        let ticks = Double(microseconds) * 1000 / process.nanosecondsPerTick
        // A command is slow when it takes more ticks than this: one less, so that the threshold itself counts.
        return ticks < 1 ? 0 : UInt64(min(ticks, 0x1p62)) - 1
    }

    // MARK: Settings

    public var settings: Settings { settingsBox.withLock { $0 } }

    /// CONFIG SET: all changes or none.
    func change(_ changes: [(name: String, value: String)]) throws(ChangeError) {
        let result = try settingsBox.withLock { (settings) throws(ChangeError) in
            let result = try settings.changed(changes)
            if let objection = process.objection(result.settings, result.options) { throw objection }
            settings = result.settings
            adopt(result.settings)
            return result
        }
        if !result.options.isEmpty { process.onConfigurationChange(result.settings, result.options) }
    }

    /// Takes the values of `options`, and where they come from, out of settings that were read again. Returns which
    /// of them differed.
    public func reload(_ options: [Option], from loaded: Settings) throws(ChangeError) -> [Option] {
        let result = try settingsBox.withLock { (settings) throws(ChangeError) in
            let changed = options.filter { settings[$0] != loaded[$0] }
            var new = settings
            for option in options { new.set(option, loaded[option], from: loaded.source(of: option)) }
            if let objection = process.objection(new, changed) { throw objection }
            settings = new
            adopt(new)
            return (settings: new, options: changed)
        }
        if !result.options.isEmpty { process.onConfigurationChange(result.settings, result.options) }
        return result.options
    }

    /// Takes over what commands look at without a lock.
    private func adopt(_ settings: Settings) {
        memoryLimitBytes.store(settings.integer(.maxmemory), ordering: .relaxed)
        evictionSamplesNumber.store(settings.integer(.maxmemorySamples), ordering: .relaxed)
        policyNumber.store(Self.policy(named: settings.text(.maxmemoryPolicy)).rawValue, ordering: .relaxed)
        frequencyLogFactor.store(settings.integer(.lfuLogFactor), ordering: .relaxed)
        frequencyDecayMinutes.store(settings.integer(.lfuDecayTime), ordering: .relaxed)
        let slower = settings.integer(.slowlogLogSlowerThan)
        let logged = slower < 0 || settings.integer(.slowlogMaxLen) == 0 ? UInt64.max : ticks(microseconds: slower)
        let threshold = settings.integer(.latencyMonitorThreshold)
        let monitored = threshold == 0 ? UInt64.max : ticks(microseconds: min(threshold, 1 << 40) * 1000)
        slowLogTicks.store(logged, ordering: .relaxed)
        latencyTicks.store(monitored, ordering: .relaxed)
        slowTicks.store(min(logged, monitored), ordering: .relaxed)
        refreshWritesNeedCare()
        slowLog.trim(to: settings.integer(.slowlogMaxLen))
    }

    private static func policy(named name: String) -> EvictionPolicy {
        switch name {
        case "allkeys-lru": .allKeysLRU
        case "allkeys-lfu": .allKeysLFU
        case "allkeys-random": .allKeysRandom
        case "volatile-lru": .volatileLRU
        case "volatile-lfu": .volatileLFU
        case "volatile-random": .volatileRandom
        case "volatile-ttl": .volatileTTL
        default: .noEviction
        }
    }

    /// What a loop must know of the settings, brought up to date: called once a tick.
    public func refresh(_ access: inout AccessClock) {
        access.countsFrequency = evictionPolicy.countsFrequency
        access.logFactor = frequencyLogFactor.load(ordering: .relaxed)
        access.decayMinutes = frequencyDecayMinutes.load(ordering: .relaxed)
    }
}
