/// Whole nodes with the shipping replication between them: a simulated network, simulated clocks, one seed.
///
/// What a process would do for its node is done here: dialling, moving bytes, calling `turn` when it is wanted. What
/// goes wrong stands in `Cluster+Faults`, the clients in `Cluster+Clients`, what must hold in `Cluster+Checks`.
import Base
import Commands
import Core
import Replication

public final class Cluster {
    public internal(set) var failures: [String] = []
    public internal(set) var counts = Counts()
    /// What happens, line by line, for whoever replays a seed.
    public var trace: ((String) -> Void)?
    /// What every node remembers of this key is told at every check.
    public var watchedKey: [UInt8]?

    /// Names that are free again are taken up in every other run, where that may be.
    private let prefersFreedNames: Bool

    public struct Counts: Sendable {
        public var milliseconds: Int64 = 0
        public var turns = 0
        public var commands = 0
        public var bytes = 0
        public var dials = 0
        public var crashes = 0
        public var joins = 0
        public var departures = 0
        public var generations = 0
        /// Names that became free again, and that were taken up.
        public var namesFreed = 0
        public var namesTaken = 0
        public var jumps = 0
        public var logReads = 0
        public var statesJoined = 0
        public var gaps = 0
        public var framesApplied = 0
        public var duplicates = 0
        public var heldAhead = 0
        public var abandoned = 0
        public var restarts = 0
        public var recoveries = 0
        public var batchesLost = 0
        public var snapshots = 0
        public var setBack = 0

        public static func += (left: inout Counts, right: Counts) {
            left.milliseconds += right.milliseconds
            left.turns += right.turns
            left.commands += right.commands
            left.bytes += right.bytes
            left.dials += right.dials
            left.crashes += right.crashes
            left.joins += right.joins
            left.departures += right.departures
            left.generations += right.generations
            left.namesFreed += right.namesFreed
            left.namesTaken += right.namesTaken
            left.jumps += right.jumps
            left.logReads += right.logReads
            left.statesJoined += right.statesJoined
            left.gaps += right.gaps
            left.framesApplied += right.framesApplied
            left.duplicates += right.duplicates
            left.heldAhead += right.heldAhead
            left.abandoned += right.abandoned
            left.restarts += right.restarts
            left.recoveries += right.recoveries
            left.batchesLost += right.batchesLost
            left.snapshots += right.snapshots
            left.setBack += right.setBack
        }
    }

    /// A place for a process: its address and its clock outlive it.
    struct Slot {
        let number: UInt8
        let address: PeerAddress
        var clock: SimClock
        var lives = 0
        var node: ClusterNode?
        var crashedAt: Int64?
        /// It is to come back by itself.
        var isToRestart = false
        /// It left or was expelled, and has not come back.
        var isGone = false
        /// The operator starts it again, empty.
        var comesBack = false
        /// Nil for one that keeps no log.
        var disk: ClusterDisk?
        /// The disk as it was once.
        var copy: ClusterDisk?
        /// The life that began with such a copy.
        var lifeSetBack = 0

        /// What this process has announced is there, whatever happened to the one before.
        var keepsWhatItSays: Bool { disk != nil && lifeSetBack != lives }
    }

    let plan: ClusterPlan
    var random: SeededRandom
    var workload: Workload
    var now: Int64 = 1_750_000_000_000
    var queue = EventQueue()
    var slots: [Slot] = []
    var connections: [SimConnection] = []
    /// Nothing gets from one to the other.
    var cuts: [[Bool]]
    var delays: [[Int64]]
    var ledger = Ledger()
    var chains = Chains()
    var covered: Set<CutPair> = []
    /// The same, by what the other had on its disk.
    var coveredOnDisk: Set<CutPair> = []
    var pipeIsSlow = false

    static let nodesMax = 7

    public init(seed: UInt64, plan: ClusterPlan) {
        self.plan = plan
        random = SeededRandom(seed: seed)
        prefersFreedNames = seed % 2 == 0
        workload = Workload(random: SeededRandom(seed: random.next()))
        cuts = Array(repeating: Array(repeating: false, count: Self.nodesMax), count: Self.nodesMax)
        delays = []
        for number in 0..<Self.nodesMax {
            let clock = SimClock(
                skewMilliseconds: Int64(random.below(Int(2 * plan.skewMilliseconds + 1))) - plan.skewMilliseconds,
                drift: Int64(random.below(2 * plan.driftMax + 1) - plan.driftMax), now: now,
                monotonicStart: Int64(random.below(1_000_000)))
            slots.append(
                Slot(number: UInt8(number + 1), address: Self.address(number), clock: clock))
            delays.append((0..<Self.nodesMax).map { _ in [0, 1, 5, 40][random.below(4)] })
        }
        if plan.durablePercent == 0 { return }
        for index in slots.indices where chance(plan.durablePercent) { slots[index].disk = makeDisk(index) }
    }

    private static func address(_ index: Int) -> PeerAddress {
        guard let address = try? PeerAddress(host: "n\(index + 1)", port: 16379) else {
            preconditionFailure("no address")
        }
        return address
    }

    func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    func pick<Choice>(_ choices: [Choice]) -> Choice { choices[random.below(choices.count)] }

    func fail(_ text: String) {
        if failures.count < 20 { failures.append("at \(now - 1_750_000_000_000) ms: \(text)") }
        trace?("✗ \(text)")
    }

    func note(_ text: @autoclosure () -> String) { trace?("\(now - 1_750_000_000_000) \(text())") }

    // MARK: the run

    public func run() {
        let start = now
        if plan.startsApart, chance(25) { isolate(for: 3000 + Int64(random.below(3000))) }
        for index in 0..<plan.nodes { startFounder(index) }
        queue.insert(.client, at: now + 100)
        queue.insert(.check, at: now + 500)
        if !plan.faults.isEmpty { queue.insert(.disturb, at: now + Int64(random.below(1500))) }
        advance(to: start + plan.milliseconds)
        if failures.isEmpty, !isAbandoned { quiesce() }
        counts.milliseconds += now - start
        for index in slots.indices { collect(index) }
    }

    /// Lets happen what is due until then.
    func advance(to end: Int64) {
        while failures.isEmpty, !isAbandoned, let time = queue.nextTime, time <= end, let (_, event) = queue.next() {
            now = max(now, time)
            happen(event)
        }
        now = max(now, end)
    }

    private func happen(_ event: EventQueue.Event) {
        switch event {
        case .turn(let index, let life):
            if let node = running(index, life), node.nextTurn <= now { turn(index) }
        case .arrive(let connection, let end): arrive(connection, end)
        case .connect(let index, let life, let target, let to): connect(index, life, target, to)
        case .lose(let connection, let end, let reason): lose(connection, end, reason)
        case .client:
            serveClient()
            if !isQuiescing { queue.insert(.client, at: now + 1 + Int64(random.below(2 * plan.clientMilliseconds))) }
        case .disturb:
            if !isQuiescing {
                disturb()
                queue.insert(.disturb, at: now + 1 + Int64(random.below(2 * plan.disturbMilliseconds)))
            }
        case .sync(let index, let life): if let node = running(index, life) { sync(index, node) }
        case .walk(let index, let life): if let node = running(index, life) { walk(index, node) }
        case .check:
            check("meanwhile")
            if !isQuiescing { queue.insert(.check, at: now + 300 + Int64(random.below(800))) }
        case .start(let index): if slots[index].node == nil { start(index) }
        case .stop(let index): stop(index, returns: slots[index].comesBack || chance(40))
        case .heal(let from, let to): heal(from, to)
        }
    }

    var isQuiescing = false
    var isAbandoned = false

    func running(_ index: Int, _ life: Int) -> ClusterNode? {
        guard let node = slots[index].node, node.life == life else { return nil }
        return node
    }

    /// Places where a process runs that takes part.
    var members: [Int] { slots.indices.filter { slots[$0].node != nil && slots[$0].node?.isOutside == false } }

    func moment(_ index: Int) -> Moment { slots[index].clock.moment(now) }

    // MARK: processes

    private func startFounder(_ index: Int) {
        let others = (0..<plan.nodes).filter { $0 != index }
        // Whom it is told of; the rest it must learn.
        let seeds = chance(50) ? others : others.filter { $0 == (index + 1) % plan.nodes || chance(40) }
        start(index, seeds: seeds)
    }

    /// Starts, or starts again, with some of those who run as seeds.
    func start(_ index: Int) {
        var seeds = slots.indices.filter { $0 != index && (slots[$0].node != nil || slots[$0].isToRestart) }
        if seeds.count > 1, chance(50) { seeds = [pick(seeds)] }
        // Whom it knew it finds by itself.
        if let disk = slots[index].disk, chance(30) {
            let known = (KeptReplication(disk.members)?.members ?? []).map(\.replica.node)
            if seeds.allSatisfy({ known.contains(slots[$0].number) }), !seeds.isEmpty { seeds = [] }
        }
        start(index, seeds: seeds)
    }

    func start(_ index: Int, seeds: [Int]) {
        var settings = ReplicationSettings(
            nodeNumber: slots[index].number, name: "node\(slots[index].number)", region: "", cluster: "simulated",
            incarnation: UInt128(random.next()), advertise: slots[index].address,
            seeds: seeds.map { slots[$0].address })
        settings.timing = plan.timing
        settings.bounds.linkOutputBytesMax = plan.outputBytesMax
        slots[index].lives += 1
        slots[index].isToRestart = false
        slots[index].isGone = false
        slots[index].comesBack = false
        guard let node = slots[index].disk == nil ? bear(index, settings) : wake(index, settings) else { return }
        slots[index].node = node
        note("node \(slots[index].number) starts, life \(node.life), seeds \(seeds.map { slots[$0].number })")
        #if DEBUG
            if !plan.mergeFaults.isEmpty { node.core.leaveOut(plan.mergeFaults) }
            node.replicator.leaveOut(plan.faultsOfReplication.union(prefersFreedNames ? .prefersFreedNames : []))
        #endif
        node.replicator.start(moment(index))
        obey(index)
        planTurn(index, in: 0)
    }

    /// A process that has nothing to go on from.
    private func bear(_ index: Int, _ settings: ReplicationSettings) -> ClusterNode {
        ClusterNode(settings: settings, life: slots[index].lives, windowBytes: plan.windowBytes, random: &random)
    }

    func planTurn(_ index: Int, in milliseconds: Int64) {
        guard let node = slots[index].node, now + milliseconds < node.nextTurn else { return }
        node.nextTurn = now + milliseconds
        queue.insert(.turn(node: index, life: node.life), at: node.nextTurn)
    }

    func turn(_ index: Int) {
        guard let node = slots[index].node else { return }
        node.nextTurn = .max
        counts.turns += 1
        node.turns += 1
        let moment = moment(index)
        renewLease(index)
        let tookWrites = node.takesWrites
        let wanted = node.replicator.turn(moment)
        if node.takesWrites, !tookWrites { checkPast(index, node) }
        obey(index)
        drain(index)
        pump(index)
        planTurn(index, in: max(wanted - moment.monotonicMilliseconds, 1) + Int64(random.below(3)))
    }

    /// What the node's replication wants done.
    func obey(_ index: Int) {
        guard let node = slots[index].node else { return }
        // What nobody has seen is renamed, and renamed again where the cluster's state has come.
        noteName(index, node, isRestamped: node.wasListening)
        node.wasListening = node.replicator.isListening
        while true {
            let actions = node.replicator.takeActions()
            if actions.isEmpty { return }
            for action in actions {
                switch action {
                case .dial(let target, let address): dial(index, target, address)
                case .close(let link): close(index, link)
                case .readLog(let link, let read):
                    node.replicator.logRead(link: link, readLog(index, read), moment(index))
                    planTurn(index, in: 1)
                case .endLogRead: break
                case .keepMembers(let entries):
                    if !plan.faultsOfDisk.contains(.forgetsMembers) {
                        slots[index].disk?.members = KeptReplication(members: entries).encoded
                    }
                case .noteResumePoints(let points, let onceSynced):
                    if !onceSynced { slots[index].disk?.resumePoints = points }
                case .keepReplica(let replica, let incarnation, let isUnsure):
                    if !plan.faultsOfDisk.contains(.forgetsGeneration) { slots[index].disk?.replica = replica }
                    slots[index].disk?.knownIncarnation = incarnation
                    slots[index].disk?.isUnsure = isUnsure
                case .keepHome: slots[index].disk?.isCopy = false
                case .log(let severity, let text):
                    node.lines.append(ClusterNode.Line(severity: severity, text: text))
                    note("\(slots[index].number) \(severity): \(text)")
                    if text.hasSuffix("counts as written now") { noteName(index, node, isRestamped: true) }
                    if text.hasPrefix("everybody in reach has what this node wrote") { checkFarewell(index, node) }
                    if text.contains("its name is free") { counts.namesFreed += 1 }
                    if text.contains("a name that is free again") { counts.namesTaken += 1 }
                    noteRefusal(index, node, text)
                    obeyOperator(index, node, text)
                    if severity == .error, !isExpected(text) { fail("node \(slots[index].number) says: \(text)") }
                }
            }
        }
    }

    private func isExpected(_ text: String) -> Bool {
        let isOfPlan =
            switch plan.profile {
            case .flips: text.hasPrefix("closing the link")
            case .clocks, .skewed, .everything, .diskEverything: text.contains("clock")
            default: false
            }
        let isOfOperator = plan.durablePercent > 0 && text.hasPrefix("this node has left")
        // All come back in the end, and then it writes.
        if text.hasPrefix("all generations of node") { return true }
        return isOfPlan || isOfOperator || text.hasPrefix("this node was expelled")
            || text.hasPrefix("this node was replaced")
    }

    /// A node that came back empty has just begun to take writes, so it must know its past. Unless nobody it met could
    /// tell, because they had come back empty too or were out of reach: a limit of nodes without a disk, and nothing
    /// holds from there on.
    private func checkPast(_ index: Int, _ node: ClusterNode) {
        guard node.life > 1 else { return }
        for other in members where other != index {
            guard let peer = slots[other].node else { continue }
            let forgotten = Self.watchedPartitions.contains {
                peer.versions($0)[node.replica] > node.versions($0)[node.replica]
            }
            if !forgotten { continue }
            let status = node.report.peers.first { $0.replica == peer.replica }
            if status?.incoming == "up" || node.isWhole {
                fail("node \(slots[index].number) takes writes, and \(slots[other].number) knows more of its past")
            } else {
                note("nobody could tell node \(slots[index].number) of its past: the run ends here")
                isAbandoned = true
            }
        }
        checkDisks(index, node)
        if isAbandoned { counts.abandoned += 1 }
    }

    /// The same of who is not running, and whose disk knows more. To know of them is the member table there: a node whose
    /// disk has always been its own has to ask them, or to take another name.
    private func checkDisks(_ index: Int, _ node: ClusterNode) {
        let beganEmpty = slots[index].disk.map { $0.firstLife > 1 } ?? true
        let known = node.report.peers.filter { $0.membership == "member" || $0.membership == "joining" }
        for other in slots.indices where other != index && slots[other].node == nil {
            guard let disk = slots[other].disk, let has = disk.batches.last?.versions ?? disk.synced else { continue }
            for (position, partition) in Self.watchedPartitions.enumerated()
            where has[position][node.replica] > node.versions(partition)[node.replica] {
                let isMember = known.contains { $0.replica.node == slots[other].number }
                if !beganEmpty, isMember, !disk.isCut {
                    fail("node \(slots[index].number) takes writes, and \(slots[other].number)'s disk knows more of it")
                    return
                }
                note("only a disk could tell node \(slots[index].number) of its past: the run ends here")
                isAbandoned = true
            }
        }
    }

    /// Adds up what a process has counted.
    func collect(_ index: Int) {
        guard let node = slots[index].node else { return }
        let report = node.report
        counts.statesJoined += Int(report.statesJoined)
        counts.gaps += Int(report.gaps)
        counts.framesApplied += Int(report.framesApplied)
        counts.duplicates += Int(report.duplicates)
        counts.heldAhead += Int(report.framesAhead)
        counts.jumps += node.lines.count { $0.text.contains("fell out of the window") }
        for text in node.core.failures { fail(text) }
        if report.forks > 0 { fail("node \(slots[index].number) counted \(report.forks) forks") }
        if report.divergedKeys > 0 { fail("node \(slots[index].number) found \(report.divergedKeys) keys diverged") }
    }
}
