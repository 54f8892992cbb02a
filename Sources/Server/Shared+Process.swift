/// The process as the node sees it: who it is, what it reads of itself, and what follows from CONFIG SET.
import Base
import Commands
import OS
import Options
import Synchronization

/// What all loops share, which comes to be after the node that asks for it.
final class SharedBox: Sendable {
    private let box = Guarded<Shared?>(nil)

    func fill(_ shared: Shared) { box.withLock { $0 = shared } }

    var counters: [LoopCounters] { box.withLock { $0?.counters ?? [] } }

    var peers: PeerPost? { box.withLock { $0?.peers } }

    func adoptSettings(_ changed: [Option]) { box.withLock { $0 }?.adoptSettings(changed) }
}

extension ProcessInterface {
    init(_ box: SharedBox, port: Int, peerPort: Int, loopCount: Int) {
        self.init()
        readings = {
            var readings = ProcessReadings(box.counters, port: port)
            readings.peerPort = peerPort
            readings.peerInputBytes = box.peers?.inputBytes.load(ordering: .relaxed) ?? 0
            readings.peerOutputBytes = box.peers?.outputBytes.load(ordering: .relaxed) ?? 0
            return readings
        }
        traffic = {
            var sum = (inputBytes: UInt64(0), outputBytes: UInt64(0))
            for loop in box.counters {
                sum.inputBytes &+= loop.inputBytes.load(ordering: .relaxed)
                sum.outputBytes &+= loop.outputBytes.load(ordering: .relaxed)
            }
            return sum
        }
        wallMicroseconds = { SystemClock.wallMicroseconds }
        onConfigurationChange = { _, changed in box.adoptSettings(changed) }
        let budget = DescriptorBudget(loopCount: loopCount)
        objection = { settings, changed in
            guard changed.contains(.maxclients) else { return nil }
            let (clients, _) = budget.fit(settings.integer(.maxclients))
            if clients == settings.integer(.maxclients) { return nil }
            return .refused(
                Option.maxclients.name,
                reason:
                    "The operating system is not able to handle the specified number of clients, try with \(clients)")
        }
        let ticks: UInt64 = 1 << 30
        nanosecondsPerTick = Double(TickScale().nanoseconds(ticks)) / Double(ticks)
        releaseMemory = { ProcessFacts.trimHeap() }
    }
}

extension ProcessReadings {
    fileprivate init(_ loops: [LoopCounters], port: Int) {
        self.init()
        self.port = port
        residentBytes = ProcessFacts.residentBytes
        let times = ProcessFacts.cpuTimes
        userCPUMicroseconds = times.userMicroseconds
        systemCPUMicroseconds = times.systemMicroseconds
        let children = ProcessFacts.childrenCPUTimes
        childrenUserCPUMicroseconds = children.userMicroseconds
        childrenSystemCPUMicroseconds = children.systemMicroseconds
        // The loop that accepts is what Redis calls its main thread.
        mainThreadUserCPUMicroseconds = loops.first?.userCPUMicroseconds.load(ordering: .relaxed) ?? 0
        mainThreadSystemCPUMicroseconds = loops.first?.systemCPUMicroseconds.load(ordering: .relaxed) ?? 0
        for loop in loops {
            connectedClients += loop.clients.load(ordering: .relaxed)
            blockedClients += loop.blockedClients.load(ordering: .relaxed)
            connectionsReceived &+= loop.connectionsReceived.load(ordering: .relaxed)
            connectionsRejected &+= loop.connectionsRejected.load(ordering: .relaxed)
            inputBytes &+= loop.inputBytes.load(ordering: .relaxed)
            outputBytes &+= loop.outputBytes.load(ordering: .relaxed)
            reads &+= loop.reads.load(ordering: .relaxed)
            writes &+= loop.writes.load(ordering: .relaxed)
            clientBytes += loop.clientBytes.load(ordering: .relaxed)
            loopTurns &+= loop.turns.load(ordering: .relaxed)
            inputBufferBytesMax = max(inputBufferBytesMax, loop.inputBufferBytesMax.load(ordering: .relaxed))
            outputBufferBytesMax = max(outputBufferBytesMax, loop.outputBufferBytesMax.load(ordering: .relaxed))
        }
    }
}

extension NodeIdentity {
    init(_ settings: Settings, loopCount: Int, configurationPath: String?) {
        self.init()
        runID = (0..<5).map { _ in Self.digits(Entropy.seed) }.joined()
        startMilliseconds = SystemClock.wallMilliseconds
        processID = Int(ProcessFacts.id)
        systemName = ProcessFacts.systemName
        executable = ProcessFacts.executablePath
        configurationFile = configurationPath ?? ""
        physicalMemoryBytes = ProcessFacts.physicalMemoryBytes
        self.loopCount = loopCount
    }

    /// Eight hex digits of a random number.
    private static func digits(_ number: UInt64) -> String {
        let text = String(number & 0xFFFF_FFFF, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }
}
