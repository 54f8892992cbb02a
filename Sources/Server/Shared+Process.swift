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

    func adopt(_ settings: Settings) {
        guard let shared = box.withLock({ $0 }) else { return }
        shared.changeLimits { $0 = ConnectionLimits(settings, password: settings.text(.requirepass)) }
    }
}

extension ProcessInterface {
    init(_ box: SharedBox) {
        self.init()
        readings = { ProcessReadings(box.counters) }
        traffic = {
            var sum = (inputBytes: UInt64(0), outputBytes: UInt64(0))
            for loop in box.counters {
                sum.inputBytes &+= loop.inputBytes.load(ordering: .relaxed)
                sum.outputBytes &+= loop.outputBytes.load(ordering: .relaxed)
            }
            return sum
        }
        wallMicroseconds = { SystemClock.wallMicroseconds }
        onConfigurationChange = { settings, _ in box.adopt(settings) }
        let ticks: UInt64 = 1 << 30
        nanosecondsPerTick = Double(TickScale().nanoseconds(ticks)) / Double(ticks)
        releaseMemory = { ProcessFacts.trimHeap() }
    }
}

extension ProcessReadings {
    fileprivate init(_ loops: [LoopCounters]) {
        self.init()
        residentBytes = ProcessFacts.residentBytes
        let times = ProcessFacts.cpuTimes
        userCPUMicroseconds = times.userMicroseconds
        systemCPUMicroseconds = times.systemMicroseconds
        let children = ProcessFacts.childrenCPUTimes
        childrenUserCPUMicroseconds = children.userMicroseconds
        childrenSystemCPUMicroseconds = children.systemMicroseconds
        for loop in loops {
            connectedClients += loop.clients.load(ordering: .relaxed)
            blockedClients += loop.blockedClients.load(ordering: .relaxed)
            connectionsReceived &+= loop.connectionsReceived.load(ordering: .relaxed)
            connectionsRejected &+= loop.connectionsRejected.load(ordering: .relaxed)
            inputBytes &+= loop.inputBytes.load(ordering: .relaxed)
            outputBytes &+= loop.outputBytes.load(ordering: .relaxed)
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
