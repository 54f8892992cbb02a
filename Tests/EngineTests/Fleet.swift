/// Replicas of one partition that exchange frames, heartbeats and whole states, beside one that only ever applies
/// frames and never settles: what that one shows, all must show.
import Base
import CRDT

@testable import Engine

struct FleetFrame {
    let stamp: Stamp
    let prev: Stamp
    let cut: Stamp
    let dependencies: [Stamp]
    let hasAllDependencies: Bool
    let records: [UInt8]
}

struct FleetBeat {
    let framesBefore: Int
    let fences: Versions
    let cut: Stamp
}

final class FleetNode {
    let replica: Replica
    let members: [Replica]
    var bench: PartitionBench
    var sent: [FleetFrame] = []
    var beats: [FleetBeat] = []
    var fences = Versions()
    var cut = Stamp.zero
    var settleCut = Stamp.zero
    var applied: [Replica: Versions] = [:]
    var announced: [Replica: Stamp] = [:]
    private var faults: Faults = []

    init(replica: Replica, members: [Replica], seed: UInt64, faults: Faults = []) {
        self.replica = replica
        self.members = members
        self.faults = faults
        bench = PartitionBench(node: replica.node, seed: seed)
        bench.partition.pointee.startCounting()
        #if DEBUG
            bench.partition.pointee.leaveOut(faults)
        #endif
    }

    var partition: UnsafeMutablePointer<Partition> { bench.partition }
    var settles: Bool { members.contains(replica) }

    /// All memory is gone.
    func forget(seed: UInt64) {
        bench = PartitionBench(node: replica.node, seed: seed)
        bench.partition.pointee.startCounting()
        #if DEBUG
            bench.partition.pointee.leaveOut(faults)
        #endif
        fences = Versions()
        cut = .zero
        settleCut = .zero
        applied = [:]
        announced = [:]
    }

    /// Closes the frame that `body` drafts.
    func write(_ now: Int64, _ body: (PartitionBench) -> Void) {
        bench.now = now
        bench.context.pointee.accumulates = true
        body(bench)
        let partition = partition
        guard !partition.pointee.draftStamp.isZero else {
            bench.context.pointee.endAccumulating()
            return
        }
        let cut = partition.pointee.announcedCut
        let stamp = partition.pointee.draftStamp
        let prev = partition.pointee.latestOwnStamp
        let isAll = partition.pointee.tellsAllDependencies
        let dependencies =
            partition.pointee.hasDependenciesToTell ? partition.pointee.takeDependencies().array : []
        partition.pointee.writeAccumulated(&bench.context.pointee)
        bench.context.pointee.endAccumulating()
        let records = bench.context.pointee.records.array
        bench.context.pointee.records.removeAll()
        partition.pointee.closeDraft()
        sent.append(
            FleetFrame(
                stamp: stamp, prev: prev, cut: cut, dependencies: dependencies, hasAllDependencies: isAll,
                records: records))
    }

    func receive(_ frame: FleetFrame, _ now: Int64) -> MergeOutcome {
        bench.now = now
        var dependencies = FewStamps()
        for stamp in frame.dependencies { dependencies.append(stamp) }
        return frame.records.withView {
            partition.pointee.receive(
                stamp: frame.stamp, prev: frame.prev, cut: frame.cut, dependencies: dependencies,
                hasAllDependencies: frame.hasAllDependencies, isElided: false, records: $0, &bench.context.pointee)
        }
    }

    // MARK: stability

    func beat(_ now: Int64) {
        let tick = UInt64(now - Stamp.epochMilliseconds) << Stamp.counterBits
        let last = partition.pointee.clock.tick
        let fence = Stamp(tick: max(tick, last), replica: replica)
        partition.pointee.raiseFence(tick: fence.tick)
        fences.advance(to: fence)
        note(FleetBeat(framesBefore: sent.count, fences: fences, cut: cut), by: replica)
        beats.append(FleetBeat(framesBefore: sent.count, fences: fences, cut: cut))
    }

    func note(_ beat: FleetBeat, by other: Replica) {
        fences.advance(to: beat.fences[other])
        applied[other, default: Versions()].formUnion(beat.fences)
        announced[other] = max(announced[other] ?? .zero, beat.cut)
        adopt()
    }

    func adopt() {
        if settles {
            var lowest = Stamp.distantFuture
            for member in members {
                for other in members { lowest = min(lowest, (applied[member] ?? Versions())[other].asCut) }
            }
            cut = max(cut, lowest)
            settleCut = max(settleCut, members.map { announced[$0] ?? .zero }.min() ?? .zero)
        }
        partition.pointee.adopt(cut: cut, settleCut: settleCut, fences: fences)
    }

    func settle() { partition.pointee.settleWhatIsStable(&bench.context.pointee) }

    // MARK: states

    func join(_ state: [UInt8], fences: Versions, adoptsOwnPast: Bool = false) -> StateJoinOutcome {
        let outcome = state.withView { partition.pointee.joinState($0, &bench.context.pointee) }
        if adoptsOwnPast { partition.pointee.adoptOwnPast() }
        for fence in fences.stamps where fence.replica != replica { self.fences.advance(to: fence) }
        adopt()
        return outcome
    }

    /// What a key shows at a time, and until when.
    func view(_ key: String, at time: Int64) -> String {
        bench.now = time
        return bench.with(Array(key.utf8)) { handle in
            let text =
                switch handle.visible {
                case nil: "nil"
                case .string(let bytes): "'" + String(decoding: bytes, as: UTF8.self) + "'"
                case .set(let elements):
                    "{" + elements.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",") + "}"
                }
            return "\(text) until \(handle.visibleDeadline.map { "\($0)" } ?? "-")"
        }
    }
}

struct FleetPlan {
    var members = 3
    var steps = 220
    var faults: Faults = []
    /// Whether nodes lose their memory.
    var forgets = true
    /// Whether whole states go round at all.
    var transfers = true
    /// How often frames are lost and states go round, in a hundred steps.
    var disturbances = 6
    /// Whether the sender writes between the slices of a state.
    var writesBetweenSlices = true
}

struct Fleet {
    let plan: FleetPlan
    var random: SeededRandom
    var now = PartitionBench.start
    var nodes: [FleetNode] = []
    var skew: [Int64] = []
    /// By origin and node: frames before this have been lost on the way.
    var lost: [[Int]]
    var nextBeat: [[Int]]
    var speed: [[Int]]
    /// Of each node its latest frame that a state may have shown some of.
    var shown: [Stamp]
    var failures: [String] = []
    var transfers = 0
    var keysChanged = 0
    var losses = 0
    private var isQuiet = false
    /// A state has shown writes that the versions with it do not cover.
    private var hasBusyStates = false
    var trace: [String]?

    static let keys = ["c", "d", "s", "mixed"]

    init(seed: UInt64, plan: FleetPlan = FleetPlan()) {
        self.plan = plan
        var random = SeededRandom(seed: seed)
        let members = (1...plan.members).map { Replica(node: UInt8($0), generation: 0) }
        for replica in members + [Replica(node: 99, generation: 0)] {
            nodes.append(FleetNode(replica: replica, members: members, seed: random.next(), faults: plan.faults))
            skew.append(Int64(random.below(11)) - 5)
        }
        let count = nodes.count
        lost = Array(repeating: Array(repeating: 0, count: count), count: plan.members)
        nextBeat = lost
        shown = Array(repeating: .zero, count: plan.members)
        speed = lost.map { $0.map { _ in [15, 60, 100][random.below(3)] } }
        self.random = random
    }

    var shadow: Int { plan.members }

    mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    mutating func run() {
        work()
        if failures.isEmpty { quiesce() }
    }

    mutating func work() {
        for step in 0..<plan.steps where failures.isEmpty {
            now += Int64([0, 0, 1, 2][random.below(4)])
            let isCalm = step / 25 % 2 == 1
            let writer = random.below(plan.members)
            switch random.below(100) {
            case 0..<(isCalm ? 8 : 30): write(writer)
            case 30..<72:
                deliverSome()
                deliverSome()
            case 72..<72 + plan.disturbances: if plan.transfers { disturb() }
            default:
                beat(writer)
                if isCalm, chance(60) {
                    for node in 0..<plan.members { beat(node) }
                    for _ in 0..<24 { deliverSome() }
                }
                for node in nodes.indices where chance(60) { nodes[node].settle() }
            }
        }
    }

    func note(_ text: @autoclosure () -> String) -> String? { trace == nil ? nil : text() }

    mutating func beat(_ node: Int) {
        nodes[node].beat(now + skew[node])
        trace?.append("\(node) beats, cut \(nodes[node].cut) settle \(nodes[node].settleCut)")
    }

    // MARK: the network

    mutating func deliverSome() {
        let origin = random.below(plan.members)
        let node = random.below(nodes.count)
        if chance(speed[origin][node]) { deliver(from: origin, to: node) }
    }

    /// The next frame or heartbeat. Returns whether something was taken in.
    @discardableResult
    mutating func deliver(from origin: Int, to node: Int) -> Bool {
        guard origin != node else { return false }
        let frames = nodes[origin].sent
        let applied = nodes[node].partition.pointee.versions[nodes[origin].replica]
        let next = frames.firstIndex { $0.stamp > applied } ?? frames.count
        let beat = nextBeat[origin][node]
        if beat < nodes[origin].beats.count, nodes[origin].beats[beat].framesBefore <= next {
            nextBeat[origin][node] += 1
            nodes[node].note(nodes[origin].beats[beat], by: nodes[origin].replica)
            return true
        }
        guard next < frames.count, next >= lost[origin][node] else { return false }
        let outcome = nodes[node].receive(frames[next], now + skew[node])
        trace?.append("\(node) ← \(frames[next].stamp): \(outcome)")
        switch outcome {
        case .applied: return true
        case .waitsForCut: return false
        case .gap where frames[next].prev == applied && node != shadow:
            // Dependencies that cannot be resolved: a state has to do it.
            lost[origin][node] = next + 1
            return false
        default:
            failures.append("\(outcome) for \(frames[next].stamp) at \(applied)")
            return false
        }
    }

    mutating func synchronize() {
        var goesOn = true
        var rounds = 0
        while goesOn, failures.isEmpty, rounds < 1000 {
            goesOn = false
            rounds += 1
            for origin in 0..<plan.members {
                for node in nodes.indices { while deliver(from: origin, to: node) { goesOn = true } }
            }
            if goesOn { continue }
            for origin in 0..<plan.members {
                for node in 0..<plan.members where node != origin && !isUpToDate(node, origin) && !goesOn {
                    transfer(from: origin, to: node)
                    goesOn = true
                }
            }
        }
        for origin in 0..<plan.members {
            for node in nodes.indices where node != origin && !isUpToDate(node, origin) {
                failures.append("\(node) does not get on with \(origin)")
            }
        }
    }

    private func isUpToDate(_ node: Int, _ origin: Int) -> Bool {
        guard let last = nodes[origin].sent.last else { return true }
        return nodes[node].partition.pointee.versions[nodes[origin].replica] >= last.stamp
    }

    // MARK: states

    mutating func disturb() {
        let origin = random.below(plan.members)
        let node = random.below(plan.members)
        switch random.below(5) {
        case 0 where origin != node:
            // Some frames never arrive.
            let applied = nodes[node].partition.pointee.versions[nodes[origin].replica]
            let next = nodes[origin].sent.firstIndex { $0.stamp > applied } ?? nodes[origin].sent.count
            lost[origin][node] = max(lost[origin][node], next + 1 + random.below(4))
            losses += 1
        case 1 where plan.forgets && chance(40): forget(node)
        default:
            if origin == node { return }
            transfer(from: origin, to: node)
            if chance(30) {
                transfer(from: node, to: origin)
                compare(origin, node)
            }
        }
    }

    /// A whole state, sometimes with writes of the sender or the receiver while it is on its way.
    mutating func transfer(from origin: Int, to node: Int, adoptsOwnPast: Bool = false) {
        nodes[origin].bench.now = now + skew[origin]
        nodes[node].bench.now = now + skew[node]
        var request = ByteBuffer()
        nodes[node].partition.pointee.stateRequest().encode(to: &request)
        guard let decoded = StateRequest.decode(request.view) else {
            failures.append("a request that nobody can read")
            return
        }
        var export = StateExport(decoded)
        var state = ByteBuffer()
        export.writeHead(nodes[origin].partition, into: &state)
        let fences = nodes[origin].fences
        let isBusy = plan.writesBetweenSlices && !isQuiet && !adoptsOwnPast && chance(30)
        while !export.writeSlice(nodes[origin].partition, bucketsMax: isBusy ? 1 : 1000, into: &state) {
            if isBusy, chance(50) { write(origin) }
        }
        shown[origin] = nodes[origin].partition.pointee.latestOwnStamp
        hasBusyStates = hasBusyStates || isBusy
        if isBusy, chance(30) { write(node) }
        take(state.array, fences, origin, node, adoptsOwnPast)
    }

    private mutating func take(
        _ state: [UInt8], _ fences: Versions, _ origin: Int, _ node: Int, _ adoptsOwnPast: Bool
    ) {
        nodes[node].bench.now = now + skew[node]
        let outcome = nodes[node].join(state, fences: fences, adoptsOwnPast: adoptsOwnPast)
        trace?.append(
            "\(node) joins \(origin): \(outcome), cut \(nodes[node].cut) settle \(nodes[node].settleCut), partition "
                + "\(nodes[node].partition.pointee.settleCut) \(nodes[node].partition.pointee.versions)")
        transfers += 1
        guard case .joined(let changed) = outcome else {
            failures.append("\(outcome) for a state of \(origin)")
            return
        }
        keysChanged += changed
        guard chance(20) else { return }
        let before = views(node)
        guard nodes[node].join(state, fences: fences) == .joined(keysChanged: 0) || views(node) == before else {
            failures.append("a state joined twice changed \(before) to \(views(node))")
            return
        }
    }

    /// Whoever has applied the same shows the same, unless a state has shown one of them more than that.
    private mutating func compare(_ left: Int, _ right: Int) {
        let versions = [left, right].map { nodes[$0].partition.pointee.versions }
        let isAhead = shown.contains { !versions[0].covers($0) }
        if versions[0] == versions[1], !isAhead, !hasBusyStates, views(left) != views(right) {
            failures.append("\(left) shows \(views(left)), \(right) \(views(right))")
        }
    }

    func views(_ node: Int) -> [String] {
        Self.keys.flatMap { key in [0, 20, 100_000].map { nodes[node].view(key, at: now + 10 + $0) } }
    }

    /// A node loses everything, and learns its own past from all others before it writes again.
    mutating func forget(_ node: Int) {
        let replica = nodes[node].replica
        func known(_ other: Int) -> Stamp { nodes[other].partition.pointee.versions[replica] }
        let others = (0..<plan.members).filter { $0 != node }
        let latest = others.map(known).max() ?? .zero
        // Frames go out before the end of a state whose later slices show what they did.
        if known(shadow) > latest || shown[node] > latest { return }
        // What nobody has heard of is lost.
        nodes[node].sent.removeAll { $0.stamp > latest }
        let left = nodes[node].sent.count
        nodes[node].beats.removeAll { $0.framesBefore > left }
        for other in nodes.indices { nextBeat[node][other] = min(nextBeat[node][other], nodes[node].beats.count) }
        for other in nodes.indices { lost[node][other] = min(lost[node][other], left) }
        trace?.append("\(node) forgets, back to \(latest)")
        nodes[node].forget(seed: random.next())
        for origin in 0..<plan.members { nextBeat[origin][node] = 0 }
        for other in others { transfer(from: other, to: node, adoptsOwnPast: true) }
        losses += 1
        if nodes[node].partition.pointee.latestOwnStamp != latest {
            failures.append("\(node) knows \(nodes[node].partition.pointee.latestOwnStamp) of itself, not \(latest)")
        }
        // A promise that was heard binds whoever made it.
        for other in others { nodes[node].partition.pointee.raiseFence(tick: nodes[other].fences[replica].tick) }
        nodes[node].partition.pointee.raiseFence(tick: nodes[shadow].fences[replica].tick)
    }

    // MARK: looking

    mutating func quiesce() {
        now += 30
        isQuiet = true
        synchronize()
        check("after delivery")
        for _ in 0..<4 where failures.isEmpty {
            now += 25
            for node in 0..<plan.members { beat(node) }
            synchronize()
        }
        for node in nodes.indices { nodes[node].settle() }
        check("after settling")
        for node in 0..<plan.members {
            let history = nodes[node].partition.pointee.history
            if history.deferredKeys + history.pendingClears + history.unsettledStrings > 0 {
                failures.append("\(node) remembers \(history)")
            }
        }
        check("for good")
    }

    mutating func check(_ moment: String) {
        for key in Self.keys {
            for later: Int64 in [0, 12, 30, 100_000] {
                let views = nodes.map { $0.view(key, at: now + 10 + later) }
                if Set(views).count > 1 { failures.append("\(moment), \(key) at +\(later): \(views)") }
            }
        }
    }
}
