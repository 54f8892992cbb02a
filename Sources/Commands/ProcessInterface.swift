/// What the process around the node tells it and does for it. Everything here is injected, so that the
/// commands above it stay deterministic in the simulator.
import Options

/// Who this node is, fixed when it starts.
public struct NodeIdentity: Sendable {
    /// 40 hex digits, new with every start.
    public var runID = String(repeating: "0", count: 40)
    public var startMilliseconds: Int64 = 0
    public var processID = 0
    public var systemName = ""
    public var executable = ""
    public var configurationFile = ""
    public var physicalMemoryBytes = 0
    public var loopCount = 1
    /// "epoll", as INFO's multiplexing_api.
    public var pollingInterface = "epoll"

    public init() {}
}

/// Readings of the process and its machine at one moment.
public struct ProcessReadings: Sendable {
    public var residentBytes = 0
    public var userCPUMicroseconds: Int64 = 0
    public var systemCPUMicroseconds: Int64 = 0
    public var childrenUserCPUMicroseconds: Int64 = 0
    public var childrenSystemCPUMicroseconds: Int64 = 0
    /// Of the thread that accepts connections.
    public var mainThreadUserCPUMicroseconds: Int64 = 0
    public var mainThreadSystemCPUMicroseconds: Int64 = 0
    /// The port clients connect to, when it was left to the system.
    public var port = 0
    public var peerPort = 0
    /// Over links with peers.
    public var peerInputBytes: UInt64 = 0
    public var peerOutputBytes: UInt64 = 0
    public var connectedClients = 0
    public var blockedClients = 0
    public var connectionsReceived: UInt64 = 0
    public var connectionsRejected: UInt64 = 0
    public var inputBytes: UInt64 = 0
    public var outputBytes: UInt64 = 0
    public var reads: UInt64 = 0
    public var writes: UInt64 = 0
    /// Turns of all loops.
    public var loopTurns: UInt64 = 0
    public var inputBufferBytesMax = 0
    public var outputBufferBytesMax = 0
    public var clientBytes = 0
    public var pendingFrameBytes = 0

    public init() {}
}

public struct ProcessInterface: Sendable {
    /// Read for INFO and the like.
    public var readings: @Sendable () -> ProcessReadings = { ProcessReadings() }
    /// Bytes moved so far over all loops: read ten times a second.
    public var traffic: @Sendable () -> (inputBytes: UInt64, outputBytes: UInt64) = { (0, 0) }
    /// Unix microseconds now, finer than the time of the loop's turn; 0 where there is no such clock.
    public var wallMicroseconds: @Sendable () -> Int64 = { 0 }
    /// Before CONFIG SET takes effect: why the process cannot follow these settings, of which some have changed.
    public var objection: @Sendable (Settings, [Option]) -> ChangeError? = { _, _ in nil }
    /// After CONFIG SET: the settings as they are now, and which of them changed.
    public var onConfigurationChange: @Sendable (Settings, [Option]) -> Void = { _, _ in }
    /// MEMORY PURGE: gives free memory back to the system.
    public var releaseMemory: @Sendable () -> Void = {}
    /// How long a tick of the executor's counter takes.
    public var nanosecondsPerTick = 1.0

    public init() {}
}
