/// What a run of a cluster is made of: how many nodes, how long, and what may go wrong. Percentages are of a die
/// that is thrown whenever something is disturbed.
import CRDT
import Core
import Replication

public struct ClusterPlan: Sendable {
    public enum Profile: String, CaseIterable, Sendable {
        /// Nothing fails but the weather: delays, chunks, some skew.
        case calm
        /// Connections break, stall and come back.
        case flaky
        /// Slow pipes and windows that are overrun.
        case slow
        /// Whole nodes cut off from each other, in one direction or both, for long.
        case partitions
        /// Processes end without a word and come back empty.
        case crashes
        /// Nodes join, leave, are expelled, come back.
        case churn
        /// Clocks step by seconds.
        case clocks
        /// Clocks minutes apart.
        case skewed
        /// Bits turn on the way.
        case flips
        /// All of it but turned bits and clocks minutes apart.
        case everything
        /// Nodes that keep a log: crashes that lose its tail, restarts, power lost everywhere at once.
        case disks
        /// The same while snapshots are written all the time.
        case snapshots
        /// Snapshots that take as long to write as writes take to settle everywhere.
        case slowWalks
        /// Some keep a log and some do not.
        case mixed
        /// Nodes lose their past again and again, for so long that the names they gave up are free again and taken up.
        case names
        /// Directories are copied, and nodes set back to such a copy.
        case copies
        /// Logs, snapshots, and all that else can go wrong.
        case diskEverything
    }

    public var profile: Profile
    public var nodes: Int
    /// How long clients write, in simulated milliseconds.
    public var milliseconds: Int64 = 6000
    /// How long the cluster may take to come to rest afterwards.
    public var restMilliseconds: Int64 = 40_000
    public var clientMilliseconds = 25
    public var disturbMilliseconds = 300
    public var windowBytes = 1 << 16
    public var outputBytesMax = 1 << 20
    /// Pipes that take a few bytes a millisecond.
    public var slowPipesPercent = 0
    public var timing: ReplicationTiming
    /// Weights of what disturbs.
    public var faults: [(ClusterFault, Int)] = []
    public var skewMilliseconds: Int64 = 30
    /// Parts in a million that a clock may gain or lose.
    public var driftMax = 200
    /// FLUSHDB among the commands; then nothing is counted.
    public var flushes = false
    public var bigValues = false
    /// More than the window holds is written at once, now and then.
    public var overruns = true
    /// Some write before they meet the others.
    public var startsApart = false
    /// Words are added to texts. Who joins with a text of its own writes it over the cluster's, so all begin together.
    public var appends = false
    /// How many nodes of a hundred keep a log.
    public var durablePercent = 0
    /// About how long between two snapshots; 0: none.
    public var walkMilliseconds = 0
    /// Between the slices of the partition of most keys, at most; 0: as between all others.
    public var slowWalkMilliseconds = 0
    public var faultsOfDisk: DiskFaults = []
    #if DEBUG
        /// Rules left out.
        public var mergeFaults: Faults = []
        public var faultsOfReplication: ReplicatorFaults = []
    #endif

    public init(_ profile: Profile, nodes: Int) {
        self.profile = profile
        self.nodes = nodes
        timing = Self.quickTiming
        switch profile {
        case .calm: faults = [(.slowDown, 1)]
        case .flaky: faults = [(.reset, 4), (.halfOpen, 1), (.cut, 3), (.slowDown, 1), (.twice, 1)]
        case .slow:
            faults = [(.reset, 2), (.slowDown, 5), (.cut, 2)]
            windowBytes = 1 << 15
            outputBytesMax = 4096
            slowPipesPercent = 40
            bigValues = true
        case .partitions:
            faults = [(.isolate, 3), (.cut, 2), (.halfOpen, 1)]
            windowBytes = 1 << 15
            bigValues = true
            startsApart = true
        case .crashes: faults = [(.crash, 2), (.reset, 1), (.cut, 2), (.isolate, 1)]
        case .churn: faults = [(.join, 2), (.leave, 1), (.expel, 1), (.crash, 1), (.reset, 1), (.cut, 1)]
        case .clocks: faults = [(.step, 4), (.reset, 1), (.isolate, 1), (.crash, 1)]
        case .skewed:
            faults = [(.leap, 2), (.reset, 1), (.isolate, 1)]
            skewMilliseconds = 100
            // What was written before a leap was noticed settles when its time has come.
            restMilliseconds = 12 * 60_000
        case .flips: faults = [(.flip, 4), (.reset, 1)]
        case .everything:
            faults = [
                (.reset, 3), (.halfOpen, 1), (.cut, 2), (.isolate, 1), (.slowDown, 2), (.crash, 1), (.join, 1),
                (.leave, 1), (.expel, 1), (.step, 1), (.twice, 1),
            ]
            windowBytes = 1 << 15
            outputBytesMax = 1 << 14
            startsApart = true
            bigValues = true
        case .disks, .snapshots, .slowWalks, .mixed, .copies, .diskEverything: setUpDisks()
        case .names:
            durablePercent = 60
            milliseconds = 90_000
            clientMilliseconds = 60
            disturbMilliseconds = 2000
            faults = [(.crash, 3), (.isolate, 2), (.cut, 1)]
        }
    }

    private mutating func setUpDisks() {
        durablePercent = profile == .mixed ? 60 : 100
        bigValues = true
        startsApart = true
        faults = [(.crash, 3), (.restart, 2), (.powerLoss, 1), (.reset, 1), (.cut, 1), (.isolate, 1)]
        if profile != .disks { walkMilliseconds = 700 }
        if profile == .slowWalks {
            slowWalkMilliseconds = 1500
            appends = true
            startsApart = false
            // Quiet enough that most of the time all take writes.
            milliseconds = 15_000
            clientMilliseconds = 40
            disturbMilliseconds = 2500
        }
        if profile == .copies {
            milliseconds = 20_000
            clientMilliseconds = 40
            disturbMilliseconds = 700
            faults += [(.copy, 4), (.setBack, 3)]
        }
        guard profile == .diskEverything else { return }
        faults += [(.join, 1), (.leave, 1), (.expel, 1), (.step, 1), (.slowDown, 1), (.halfOpen, 1)]
        windowBytes = 1 << 15
        outputBytesMax = 1 << 14
    }

    var mergeFaultsNow: Faults {
        #if DEBUG
            mergeFaults
        #else
            []
        #endif
    }

    /// The shipping intervals shortened, so that little time shows much.
    static var quickTiming: ReplicationTiming {
        var timing = ReplicationTiming()
        timing.handshakeMilliseconds = 1500
        timing.dialMillisecondsMin = 50
        timing.dialMillisecondsMax = 1000
        timing.heartbeatBusyMilliseconds = 200
        timing.heartbeatIdleMilliseconds = 500
        timing.gapMilliseconds = 400
        timing.antiEntropyMilliseconds = 3000
        timing.ownPastMilliseconds = 2500
        timing.linkSilenceMilliseconds = 2000
        timing.detector.probeMilliseconds = 700
        timing.detector.suspectMilliseconds = 1500
        timing.detector.deadMilliseconds = 2500
        return timing
    }
}

public enum ClusterFault: Sendable {
    /// A connection breaks, at any byte.
    case reset
    /// One end of a connection is gone without a word.
    case halfOpen
    /// Nothing gets from one node to another for a while.
    case cut
    /// A node, or a group, is cut off from all others.
    case isolate
    case slowDown
    /// A second connection where there is one.
    case twice
    case crash
    /// A process ends in order and comes back.
    case restart
    /// The directory of a node is copied as it is just then.
    case copy
    /// A process ends, and what comes back has the copy of its directory.
    case setBack
    /// Every process ends at once, without a word.
    case powerLoss
    case join
    case leave
    case expel
    /// A wall clock steps by up to three seconds.
    case step
    /// A wall clock is minutes off, for a while.
    case leap
    case flip
}
