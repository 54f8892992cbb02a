/// Random schedules: whatever the order of frames and the moments of settling, everybody ends with the same.
import Base
import Testing

@testable import CRDT

struct Schedule {
    var cluster: Cluster
    var random: SeededRandom
    let skew: [Int64]
    let speed: [Int]
    var failures: [String] = []

    static let keys = ["c", "d", "s", "mixed"]

    init(seed: UInt64, members: Int = 3, faults: ClusterFaults = ClusterFaults()) {
        cluster = Cluster(members, faults: faults)
        var random = SeededRandom(seed: seed)
        skew = (0..<members).map { _ in Int64(random.below(11)) - 5 }
        speed = (0..<members * (members + 1)).map { _ in [15, 60, 100][random.below(3)] }
        self.random = random
    }

    mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    mutating func run(steps: Int) {
        for step in 0..<steps {
            cluster.now += Int64([0, 0, 1, 2][random.below(4)])
            // Busy and calm phases alternate, so that settling happens in the middle.
            let calm = step / 25 % 2 == 1
            let writer = random.below(cluster.memberCount)
            switch random.below(100) {
            case 0..<(calm ? 6 : 26): write(writer)
            case 0..<74:
                deliverSome()
                deliverSome()
            default:
                cluster.write(writer, [], skew: skew[writer])
                if calm, chance(60) {
                    for node in 0..<cluster.memberCount { cluster.write(node, [], skew: skew[node]) }
                    for _ in 0..<24 { deliverSome() }
                }
                for node in cluster.nodes.indices where chance(60) { cluster.nodes[node].settle() }
            }
        }
        quiesce()
    }

    mutating func deliverSome() {
        let origin = random.below(cluster.memberCount)
        let node = random.below(cluster.nodes.count)
        if chance(speed[origin * cluster.nodes.count + node]) { cluster.deliver(from: origin, to: node) }
    }

    mutating func quiesce() {
        cluster.now += 20
        for node in 0..<cluster.memberCount { cluster.write(node, [], skew: skew[node]) }
        cluster.synchronize()
        check("after delivery")
        cluster.settleAll()
        check("after settling")
        for node in 0..<cluster.memberCount {
            let left = cluster.nodes[node]
            if !left.receiver.deferred.isEmpty || !left.receiver.pendingClears.isEmpty {
                failures.append("node \(node) still remembers removes")
            }
            for (key, state) in left.keys
            where state.type(at: cluster.now) == .string && state.compact == nil
                && state.living(at: cluster.now) == state
            {
                failures.append("node \(node) keeps \(key) in general form: \(state)")
            }
        }
    }

    mutating func check(_ moment: String) {
        for key in Self.keys {
            for later: Int64 in [0, 12, 30, 100_000] {
                let views = cluster.views(key, at: cluster.now + 10 + later)
                if Set(views).count > 1 { failures.append("\(moment), \(key) at +\(later): \(views)") }
            }
        }
    }

    // MARK: commands

    mutating func write(_ node: Int) {
        if chance(2) {
            cluster.frames[node].append(cluster.nodes[node].flush(now: cluster.now + skew[node]))
            return
        }
        var commands: [(key: String, operation: KeyOperation)] = []
        let now = cluster.now + skew[node]
        // What the frame has done so far, tried out on a copy: commands that would be refused are not written.
        var trial = cluster.nodes[node]
        _ = trial.write([], now: now)
        let time = trial.receiver.versions[trial.replica].unixMilliseconds
        let key = Self.keys[random.below(Self.keys.count)]
        for _ in 0..<[1, 1, 1, 2, 3][random.below(5)] {
            let name = chance(80) ? key : Self.keys[random.below(Self.keys.count)]
            let state = trial.state(name)
            guard let operation = operation(on: state, key: name, time: time) else { continue }
            commands.append((name, operation))
            trial = cluster.nodes[node]
            _ = trial.write(commands, now: now)
            let expected = expectation(operation, state, time)
            let seen = trial.state(name).visible(at: time)
            if seen != expected, trial.faults.merging.isEmpty {
                failures.append(
                    "\(operation) on \(text(state.visible(at: time))) gave \(text(seen)), not \(text(expected))")
            }
        }
        cluster.write(node, commands, skew: skew[node])
    }

    mutating func operation(on state: KeyState, key: String, time: Int64) -> KeyOperation? {
        let type = state.type(at: time)
        let die = random.below(100)
        if die < 10 { return .clear }
        if die < 20 {
            guard type != nil else { return nil }
            return .setDeadline(chance(30) ? nil : time + [1, 4, 15, 60, 50_000][random.below(5)])
        }
        if key == "s" || key == "mixed" && die < 60 {
            if type == .string { return nil }
            let element = bytes(["x", "y", "z"][random.below(3)])
            return chance(60) ? .addElement(element) : .removeElement(element)
        }
        if die < 40 {
            let value = chance(70) ? "\(100 + random.below(6))" : ["txt", "", "1.50", "7e2", "00"][random.below(5)]
            let deadline: KeyOperation.Expiry =
                chance(60) ? .none : chance(40) ? .keep : .at(time + [1, 5, 20, 50_000][random.below(4)])
            return .set(bytes(value), deadline)
        }
        if type == .set { return nil }
        let value = state.living(at: time).cell.visible ?? bytes("0")
        if die < 68 {
            guard value.withView({ $0.canonicalInteger }) != nil else { return nil }
            return .increment([1, 2, 5, -3][random.below(4)])
        }
        if die < 80 {
            guard value.withView({ LongDouble(text: $0) }) != nil else { return nil }
            return .incrementFloat([0.1, 1.5, -2.25, 3.0e2][random.below(4)])
        }
        switch random.below(4) {
        case 0, 1: return .patch(.append(bytes(["a", "1", "."][random.below(3)])))
        case 2: return .patch(.overwrite(offset: random.below(3), bytes: bytes(["9", "Q"][random.below(2)])))
        default: return .patch(.setBit(offset: random.below(16), bit: chance(70)))
        }
    }

    /// What one Redis would show after the command.
    func expectation(_ operation: KeyOperation, _ state: KeyState, _ time: Int64) -> VisibleValue? {
        let before = state.visible(at: time)
        var value: [UInt8]?
        var elements: [[UInt8]] = []
        if case .string(let bytes) = before { value = bytes }
        if case .set(let present) = before { elements = present }
        switch operation {
        case .set(let bytes, _): return .string(bytes)
        case .clear: return nil
        case .setDeadline: return before
        case .increment(let amount):
            let old = (value ?? [48]).withView { $0.canonicalInteger } ?? 0
            return .string(bytes("\(old + amount)"))
        case .count(let amount):
            let old = (value ?? [48]).withView { Amount(decimal: $0) } ?? .zero
            return .string((old + amount).text)
        case .incrementFloat(let amount):
            let old = (value ?? [48]).withView { LongDouble(text: $0) } ?? 0
            return (old + amount).humanText.map { .string($0) }
        case .patch(let operation):
            var bytes = value ?? []
            operation.apply(to: &bytes)
            return .string(bytes)
        case .addElement(let element):
            if !elements.contains(element) { elements.append(element) }
            return .set(elements.sorted { $0.lexicographicallyPrecedes($1) })
        case .removeElement(let element):
            elements.removeAll { $0 == element }
            return elements.isEmpty ? nil : .set(elements)
        }
    }
}

@Suite struct ConvergenceTests {
    @Test("Three replicas that settle and one observer that never does agree", arguments: 0..<8)
    func threeReplicas(batch: UInt64) {
        var actions = 0
        for seed in batch * 100..<(batch + 1) * 100 {
            var schedule = Schedule(seed: seed)
            schedule.run(steps: 200)
            actions += schedule.cluster.nodes.reduce(0) { $0 + $1.settleActions }
            guard schedule.failures.isEmpty else {
                Issue.record("seed \(seed): \(schedule.failures.prefix(4).joined(separator: "\n"))")
                return
            }
        }
        #expect(actions > 300, "settling hardly happened: \(actions)")
    }

    @Test("Two and four replicas agree too", arguments: [2, 4])
    func otherSizes(members: Int) {
        for seed: UInt64 in 0..<100 {
            var schedule = Schedule(seed: seed, members: members)
            schedule.run(steps: 200)
            guard schedule.failures.isEmpty else {
                Issue.record("seed \(seed): \(schedule.failures.prefix(4).joined(separator: "\n"))")
                return
            }
        }
    }

    /// Each rule left out must be seen to diverge, or the tests above prove nothing about it. Rules that chance
    /// seldom needs are in RuleTests.
    @Test("A rule left out is caught", arguments: mutations.map(\.name))
    func leftOutRule(name: String) throws {
        let faults = try #require(mutations.first { $0.name == name }).faults
        for seed: UInt64 in 0..<500 {
            var schedule = Schedule(seed: seed, faults: faults)
            schedule.run(steps: 200)
            if !schedule.failures.isEmpty { return }
        }
        Issue.record("leaving out \(name) was not caught")
    }
}

private let mutations: [(name: String, faults: ClusterFaults)] = [
    ("deferred", ClusterFaults(merging: .noDeferred)),
    ("losers kept", ClusterFaults(merging: .earlyLoserDrop)),
    ("a clear spares its own frame", ClusterFaults(merging: .clearCoversOwnFrame)),
    ("pending clear", ClusterFaults(merging: .noPendingClear)),
    ("one record per key", ClusterFaults(severalRecords: true)),
    ("a remove covers its cut", ClusterFaults(merging: .noCutCover)),
]
