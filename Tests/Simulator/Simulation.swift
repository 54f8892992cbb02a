/// One run: nodes, the network between them and their clocks, all driven by one seed.
///
/// Every frame a node writes is offered to every other node, per origin in order unless the network loses or
/// repeats some; a lost frame is read again from its origin's window. Clocks are skewed and sometimes step.
/// One node more than the members applies everything and never settles: the shadow all others must equal.
import Base
import CRDT
import Commands
import Core
import Engine
import RESP
import Wire

public struct SimulationPlan: Sendable {
    public var members: Int
    public var steps: Int
    #if DEBUG
        public var faults: Faults = []
    #endif
    /// Frames overtake each other between partitions, get lost and repeated, and links are cut.
    public var networkFails = true

    public init(members: Int = 3, steps: Int = 160) {
        self.members = members
        self.steps = steps
    }
}

public struct Simulation {
    public internal(set) var failures: [String] = []
    public internal(set) var counts = Counts()

    public struct Counts: Sendable {
        public var commands = 0
        public var framesApplied = 0
        public var duplicates = 0
        public var gaps = 0
        public var held = 0
        public var settleMoves = 0
        public var watchFailures = 0
        public var transactions = 0
    }

    struct Link {
        /// Everything before this index of the origin's frames has been applied.
        var next = 0
        var nextBeat = 0
        var percent: Int
        var isCut = false
    }

    struct Watch {
        let key: [UInt8]
        let seen: KeyView
        /// How many frames of each origin the node had.
        var since: [Int]
        /// The node's own client named it: even a write that leaves no frame, as a SET into the past does where
        /// nothing was, fails the EXEC.
        var wasNamed = false
    }

    let plan: SimulationPlan
    var random: SeededRandom
    var workload: Workload
    var now: Int64 = 1_750_000_000_000
    var skew: [Int64]
    var nodes: [SimNode] = []
    var links: [[Link]]
    var watches: [Watch?]

    public init(seed: UInt64, plan: SimulationPlan = SimulationPlan()) {
        self.plan = plan
        random = SeededRandom(seed: seed)
        workload = Workload(random: SeededRandom(seed: random.next()))
        let members = (1...plan.members).map { Replica(node: UInt8($0), generation: 0) }
        let shadow = Replica(node: 99, generation: 0)
        for member in members { nodes.append(SimNode(replica: member, counted: members, seed: random.next())) }
        nodes.append(SimNode(replica: shadow, counted: members, seed: random.next()))
        skew = []
        links = []
        watches = Array(repeating: nil, count: members.count)
        for _ in nodes { skew.append(Int64(random.below(21)) - 10) }
        for _ in members {
            var row: [Link] = []
            for _ in members { row.append(Link(percent: [15, 60, 100][random.below(3)])) }
            // The shadow may hear of one much later than of another: nobody waits for it.
            row.append(Link(percent: [1, 15, 100][random.below(3)]))
            links.append(row)
        }
        #if DEBUG
            for node in nodes where !plan.faults.isEmpty { node.leaveOut(plan.faults) }
        #endif
    }

    var memberCount: Int { plan.members }

    mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    /// What happens, line by line, for whoever replays a seed.
    public var trace: ((String) -> Void)?

    mutating func fail(_ text: String) {
        if failures.count < 20 { failures.append(text) }
    }

    // MARK: the schedule

    public mutating func run() {
        for step in 0..<plan.steps where failures.isEmpty {
            now += Int64([0, 0, 1, 2][random.below(4)])
            // Busy and calm phases alternate, so that settling happens in the middle.
            let isCalm = step / 25 % 2 == 1
            let writer = random.below(memberCount)
            switch random.below(100) {
            case 0..<(isCalm ? 8 : 30): write(writer)
            case 0..<72:
                deliverSome()
                deliverSome()
            case 72..<76: disturb()
            case 76..<80: maintain(random.below(nodes.count))
            default:
                heartbeat(writer)
                if isCalm, chance(60) { calmDown() }
            }
            if chance(10) { compareEquals("at step \(step)") }
        }
        if failures.isEmpty { quiesce() }
        for node in nodes { for text in node.failures { fail(text) } }
    }

    private mutating func calmDown() {
        for node in 0..<memberCount { heartbeat(node) }
        for _ in 0..<24 { deliverSome() }
    }

    mutating func heartbeat(_ node: Int) {
        setClock(node)
        nodes[node].beat()
        trace?("\(node) beats: \(nodes[node].fences)")
    }

    func setClock(_ node: Int) { nodes[node].setClock(now + skew[node]) }

    /// Something goes wrong somewhere.
    private mutating func disturb() {
        guard plan.networkFails else { return }
        let origin = random.below(memberCount)
        let node = random.below(nodes.count)
        switch random.below(4) {
        case 0: links[origin][node].isCut.toggle()
        case 1: skew[node] = Int64(random.below(21)) - 10
        case 2: repeatFrame(from: origin, to: node)
        default: now += Int64(random.below(30))
        }
    }

    mutating func maintain(_ node: Int) {
        setClock(node)
        for partition in Workload.partitions {
            var left = 20
            while nodes[node].executor.maintain(partition, bucketsMax: 4), left > 0 { left -= 1 }
        }
    }

    // MARK: the network

    private mutating func deliverSome() {
        let origin = random.below(memberCount)
        let node = random.below(nodes.count)
        guard !links[origin][node].isCut, chance(links[origin][node].percent) else { return }
        // Sometimes the next frame is lost and one behind it arrives.
        let ahead = plan.networkFails && chance(10) ? 1 + random.below(3) : 0
        deliver(from: origin, to: node, ahead: ahead)
    }

    /// Offers a node a frame of an origin. Returns whether it was applied.
    @discardableResult
    mutating func deliver(from origin: Int, to node: Int, ahead: Int = 0) -> Bool {
        guard origin != node else { return false }
        advance(origin, node)
        let index = links[origin][node].next + ahead
        guard index < nodes[origin].sent.count else { return false }
        setClock(node)
        let frame = nodes[origin].sent[index]
        let latest = nodes[node].partition(frame.header.partition).pointee.versions[frame.header.origin]
        let outcome = offer(frame, from: origin, to: node)
        switch outcome {
        case .applied:
            counts.framesApplied += 1
            if frame.keys.contains(where: { $0.key == Workload.pair[0] }) { checkPair(node) }
            if frame.header.prev != latest { fail("\(frame.header) applied on \(latest)") }
        case .waitsForCut: counts.held += 1
        case .gap(let after):
            counts.gaps += 1
            if ahead == 0 || after != latest { fail("a gap after \(after) where there is none: \(frame.header)") }
        case .duplicate where ahead > 0: break
        case .duplicate, .fork, .malformed: fail("\(outcome) for \(frame.header) at \(latest)")
        }
        trace?(
            "\(node) ← \(frame.header.stamp) [\(frame.keys.map { text($0.key) }.joined(separator: " "))]: \(outcome)")
        checkVersions(node, frame.header.partition)
        return outcome == .applied
    }

    private mutating func offer(_ frame: SentFrame, from origin: Int, to node: Int) -> MergeOutcome {
        guard let (header, records) = nodes[origin].readFrames(at: frame.position)?.frames[frame.number] else {
            fail("a frame has left the window")
            return .malformed
        }
        return nodes[node].receive(header, records)
    }

    /// Moves a link past what its node has, and over the heartbeats in front of what it has not.
    private mutating func advance(_ origin: Int, _ node: Int) {
        skipApplied(origin, node)
        while links[origin][node].nextBeat < nodes[origin].beats.count {
            let beat = nodes[origin].beats[links[origin][node].nextBeat]
            guard beat.framesBefore <= links[origin][node].next else { return }
            links[origin][node].nextBeat += 1
            setClock(node)
            nodes[node].hear(beat, from: nodes[origin].replica)
        }
    }

    private mutating func skipApplied(_ origin: Int, _ node: Int) {
        while links[origin][node].next < nodes[origin].sent.count {
            let header = nodes[origin].sent[links[origin][node].next].header
            guard nodes[node].partition(header.partition).pointee.versions[header.origin] >= header.stamp else {
                return
            }
            links[origin][node].next += 1
        }
    }

    /// Delivers something once more: nothing may change.
    private mutating func repeatFrame(from origin: Int, to node: Int) {
        guard origin != node, links[origin][node].next > 0 else { return }
        setClock(node)
        let frame = nodes[origin].sent[random.below(links[origin][node].next)]
        let before = views(node, at: now)
        let outcome = offer(frame, from: origin, to: node)
        counts.duplicates += 1
        if outcome != .duplicate { fail("a repeated frame was taken as \(outcome)") }
        if views(node, at: now) != before { fail("a repeated frame changed something") }
    }

    /// Delivers everything to everybody.
    mutating func synchronize() {
        var goesOn = true
        while goesOn, failures.isEmpty {
            goesOn = false
            for origin in 0..<memberCount {
                for node in nodes.indices {
                    while deliver(from: origin, to: node) { goesOn = true }
                }
            }
        }
        for origin in 0..<memberCount where failures.isEmpty {
            for node in nodes.indices where node != origin {
                advance(origin, node)
                if links[origin][node].next < nodes[origin].sent.count {
                    fail("node \(node) does not get on with \(nodes[origin].sent[links[origin][node].next].header)")
                }
            }
        }
    }

    mutating func quiesce() {
        synchronize()
        compareAll("after delivery")
        settleAll()
        compareAll("after settling")
        checkMemory()
        // Far behind every deadline but the longest, and everything expired is reclaimed.
        now += 1000
        settleAll()
        compareAll("after expiry")
    }

    /// Heartbeats until everything is stable.
    mutating func settleAll() {
        for _ in 0..<3 {
            now += 25
            for node in 0..<memberCount {
                setClock(node)
                nodes[node].beat()
            }
            synchronize()
        }
        for node in nodes.indices { maintain(node) }
    }
}
