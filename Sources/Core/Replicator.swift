/// One node's replication: what it sends its peers, what it takes in from them, and how it mends what is missing.
///
/// A state machine without sockets, clocks or threads. The shell (Server's peer thread, or the simulator) opens
/// connections when told to, moves bytes in and out, and calls `turn` when time has passed or frames were
/// written; what it is to do comes back as actions. Links stand in `Replicator+Links`, the two directions in
/// `+Sending` and `+Receiving`, peers behind the window in `+LogService`, fences and cuts in `+Stability`, state
/// transfer in `+Repair`, the member table in `+Members`.
import Base
import CRDT
import Commands
import Engine
import Replication

public final class Replicator<Lending: PartitionLending> {
    let settings: ReplicationSettings
    let node: Node
    var executor: Executor<Lending>
    var random: SeededRandom
    var actions: [PeerAction] = []

    /// Ascending by number.
    var links: [PeerLink] = []
    var targets: [DialTarget] = []
    /// Ascending by replica: everybody we have ever shaken hands with.
    var peers: [Peer] = []

    var members = MemberTable()
    var departures: [Departure] = []
    /// Names that are about to be closed, or to be free again.
    var closings: [Closing] = []
    var detector: FailureDetector
    var nextDetectionMilliseconds: Int64 = 0
    /// Since when members have been dead.
    var deaths: [(replica: Replica, monotonicMilliseconds: Int64)] = []
    /// The version of the table that was last given to be kept.
    var membersKept: UInt64 = 0
    /// How far of each peer's window the disk was last said to have everything, former lives included.
    var resumePoints: [HandshakeFacts.ResumePoint] = []
    var nextResumePointsMilliseconds: Int64 = 0
    /// Somebody was met in this life or a former one that the disk remembers.
    var hasEverMet = false
    /// A former life had met somebody, and the disk remembers it.
    var hasCluster = false
    /// Behind what was renamed when the first was met: until the log is durable up to here nobody is shown any of it.
    var restampedPosition: UInt64 = 0
    /// What this node began with was written among others.
    var hasSharedPast = false
    /// Made at the start, when the clocks are known.
    var clockGuard: ClockGuard?
    var isClockRefused = false
    /// This node is no member any more.
    var isOut = false
    /// Raised after the last write of a node that leaves.
    var leavingFence: Stamp?
    /// Asked to leave; peers still lack some of what was written here.
    var isLeaving = false
    var complaintAboutClock = ""
    /// There are peers, or there will be: the partitions' cuts come from here.
    var isCounting = false
    /// Somebody has been met since the start: until then nothing is stable.
    var hasMet = false
    /// The link of the first who was met, while he is all that has been met and had no cluster either.
    var linkOfFirst: Int?
    /// Somebody who had a cluster has let us in.
    var hasJoined = false
    /// A cluster has let us in, and we say nothing before we have heard what it has; see `Replicator+Newcomer`.
    public internal(set) var isListening = false
    /// Partitions in which we have, where we listen.
    var heard = PartitionSet()
    var stability = Stability()
    /// For each replica the fence behind which everything of it has been applied here, in all partitions.
    var fences = Versions()
    /// Whose fences have been seen to be wrong, and were complained of.
    var brokenFences: [Replica] = []
    /// The same, as far as it is on the disk.
    var durableFences = DurableProgress<Versions>(Versions())
    /// And the cut.
    var durableCut = DurableProgress<Stamp>(.zero)
    /// Where the log was durable when peers were last told of it.
    var durableSeen: UInt64 = 0
    /// The cuts as the log has them.
    var cutsEntered = CutsEntered()
    var nextHeartbeatMilliseconds: Int64 = 0
    /// Where our window ended at the last heartbeat: whether anything was written since.
    var positionAtHeartbeat: UInt64 = 0
    var framesAtHeartbeat: UInt64 = 0
    var adoptsCuts = false

    #if DEBUG
        var faults: ReplicatorFaults = []
    #else
        var faults: ReplicatorFaults { [] }
    #endif

    var held: HeldFrames
    var repair = RepairPlan()
    var comparison = DigestComparison()
    var past = OwnPast()
    /// The one of our directory under which we are known.
    var incarnation: UInt128
    var counters = ReplicationCounters()
    var nextReportMilliseconds: Int64 = 0
    /// Whoever may knock may knock often; those who at least speak our protocol are not lost among the others.
    var strangers = LogLimiter(intervalMilliseconds: 10_000)
    var refusedPeers = LogLimiter(intervalMilliseconds: 10_000)
    /// A2.LINK: nodes whose links are kept down.
    var silenced: [UInt8] = []
    var delays: [(node: UInt8, milliseconds: Int)] = []

    public init(
        node: Node, lending: Lending, settings: ReplicationSettings, statistics: LoopStatistics, random: SeededRandom,
        recovered: RecoveredPast = RecoveredPast()
    ) {
        self.settings = settings
        self.node = node
        incarnation = recovered.incarnation ?? settings.incarnation
        var random = random
        executor = Executor(
            node: node, lending: lending, statistics: statistics, random: SeededRandom(seed: random.next()))
        detector = FailureDetector(
            own: node.replica, timing: settings.timing.detector, random: SeededRandom(seed: random.next()))
        held = HeldFrames(bytesMax: settings.bounds.heldFrameBytesMax)
        self.random = random
        resume(recovered)
    }

    /// The replica this node writes as: the next generation once it could not be sure of its past.
    var replica: Replica { node.replica }

    /// To be called once, before anything else.
    public func start(_ now: Moment) {
        setClock(now)
        clockGuard = ClockGuard(now, limitMilliseconds: settings.timing.clockLeadMilliseconds)
        members.admit(identity)
        // The process may have ended between taking a name and giving up the one before.
        for former in members.present where isOurs(former) && former.replica != replica {
            members.leave(former.replica)
        }
        recount()
        for address in settings.seeds { addTarget(address) }
        for entry in members.present where entry.replica.node != replica.node { addTarget(entry.address) }
        if !targets.isEmpty || hasEverMet { startCountingPartitions() }
        resumeDepartures()
        if !targets.isEmpty, !faults.contains(.noGate) {
            startAskingForPast(now)
        } else {
            // Nobody ever was there, or everybody that the disk remembers is gone.
            settleHome()
            if node.writeGate == .asksForPast { node.writeGate = nil }
        }
        noteOwnEntry(now)
        nextHeartbeatMilliseconds = now.monotonicMilliseconds
        publishReport(now)
    }

    /// Time has passed, or frames were written: does what is due and fills the links' outputs. Returns when it wants
    /// to be called again at the latest, in monotonic milliseconds.
    public func turn(_ now: Moment) -> Int64 {
        setClock(now)
        dialWhatIsDue(now)
        dropSilent(now)
        runDetector(now)
        // Before any fence: what a wrong clock has promised cannot be taken back.
        checkClock(now)
        if now.monotonicMilliseconds >= nextHeartbeatMilliseconds { beat(now) }
        settle()
        compareWhatIsDue(now)
        askForStates(now)
        checkPast(now)
        leaveWhenTold()
        acknowledgeWhatIsDurable()
        var hasMore = false
        for link in links where link.isEstablished {
            if link.isUpstream { hasMore = fill(link, now) || hasMore } else { acknowledge(link) }
        }
        keepMembers()
        keepResumePoints(now)
        if now.monotonicMilliseconds >= nextReportMilliseconds { publishReport(now) }
        return hasMore ? now.monotonicMilliseconds : nextDeadline(now)
    }

    /// What there is to be sent on a link; nil for one that is gone.
    public func output(link number: Int) -> UnsafeMutablePointer<ByteBuffer>? { link(number)?.output }

    public func takeActions() -> [PeerAction] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    private func nextDeadline(_ now: Moment) -> Int64 {
        if past.opensNext { return now.monotonicMilliseconds }
        var next = min(nextHeartbeatMilliseconds, nextReportMilliseconds)
        for target in targets where target.state == .waiting && isWorthDialling(target) {
            next = min(next, target.nextDialMilliseconds)
        }
        if links.contains(where: \.sending.owesPosition) { next = min(next, now.monotonicMilliseconds + 1) }
        if let due = repair.nextDueMilliseconds(after: now.monotonicMilliseconds) { next = min(next, due) }
        return max(next, now.monotonicMilliseconds)
    }

    func setClock(_ now: Moment) {
        executor.context.pointee.nowMilliseconds = now.unixMilliseconds
        executor.context.pointee.access.seconds = UInt32(truncatingIfNeeded: now.unixMilliseconds / 1000)
    }

    func link(_ number: Int) -> PeerLink? { links.first { $0.number == number } }

    func log(_ severity: LogSeverity, _ text: String) { actions.append(.log(severity, text)) }

    /// What anybody can bring about from outside is not said each time.
    func logRefusal(_ text: String, _ limiter: inout LogLimiter, _ now: Moment) {
        guard let withheld = limiter.note(nowMilliseconds: now.monotonicMilliseconds) else { return }
        log(.warning, withheld > 0 ? "\(text) (\(withheld) more were refused before)" : text)
    }
}

/// The cuts that were last entered into the log, and what has come into it since.
struct CutsEntered {
    var cut = Stamp.zero
    var settleCut = Stamp.zero
    var fences = Versions()
    var unixMilliseconds = Int64.min
    /// Where the window ended behind them.
    var position: UInt64 = 0
    /// What was last seen behind them is not later than this.
    var newsMilliseconds = Int64.max
    /// Something has come since.
    var hasNews = false
}

/// What has been counted since the start, for INFO and A2.PEERS.
struct ReplicationCounters {
    var framesReceived: UInt64 = 0
    var framesApplied: UInt64 = 0
    var duplicates: UInt64 = 0
    var framesHeld: UInt64 = 0
    var gaps: UInt64 = 0
    var forks: UInt64 = 0
    var statesJoined: UInt64 = 0
    var keysRepaired: UInt64 = 0
    var statesServed: UInt64 = 0
    var framesServedFromLog: UInt64 = 0
    var bytesServedFromLog: UInt64 = 0
    /// Keys that differed although both sides had applied the same.
    var divergedKeys: UInt64 = 0
    var refusals: UInt64 = 0
    var heldAhead: UInt64 = 0
}

/// Somebody we have shaken hands with.
struct Peer {
    var identity: PeerIdentity
    /// What of its window has been applied here, for going on where a link broke off.
    var resumePosition: UInt64?
    /// The same, as far as it is on the disk.
    var resumeOnDisk: UInt64?
    /// Link numbers; we to it, and it to us.
    var upstream: Int?
    var downstream: Int?
    var roundTripMilliseconds: Int64?
    var lagMilliseconds: Int64?
    var framesReceived: UInt64 = 0
    var framesSent: UInt64 = 0
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var keysRepaired: UInt64 = 0
    /// Wall time of its last heartbeat.
    var beatMilliseconds: Int64 = 0
}
