/// What is done in place with peers, compact counters and records merged from their bytes, leaves what the
/// general form leaves. Two clusters run the same schedule: one as shipped, one with every write accumulated and
/// every record decoded.
import Base
import CRDT
import Testing

@testable import Engine

private struct Schedule {
    var random: SeededRandom

    mutating func value() -> [UInt8] {
        switch random.below(8) {
        case 0..<5: Array("\(random.below(100) - 20)".utf8)
        case 5: Array("\(Int64.max - Int64(random.below(3)))".utf8)
        case 6: Array("text".utf8)
        default: [UInt8](repeating: 65, count: random.below(2) == 0 ? 0 : Limits.sharedValueBytesMin)
        }
    }
}

private final class Member {
    let bench: PartitionBench
    let isGeneral: Bool
    var frames: [(frame: FrameContext, records: [UInt8])] = []
    /// Of each other member, how many of its frames are here.
    var taken = [0, 0, 0, 0]

    init(node: UInt8, isGeneral: Bool) {
        bench = PartitionBench(node: node, seed: UInt64(node))
        bench.partition.pointee.startCounting()
        self.isGeneral = isGeneral
    }

    var partition: UnsafeMutablePointer<Partition> { bench.partition }

    func write(_ name: [UInt8], _ body: (KeyHandle) -> String) -> String {
        bench.context.pointee.accumulates = isGeneral
        let dependencies = partition.pointee.dependencies
        let reply = bench.with(name, body)
        if let written = bench.commit() {
            var frame = written.frame
            frame.dependencies = dependencies
            frames.append((frame, written.records))
        }
        return reply
    }

    func take(_ frame: FrameContext, _ records: [UInt8]) -> MergeOutcome {
        guard isGeneral else { return bench.receive(frame, records) }
        // As `mergeNext`, with every record decoded.
        return records.withView { records in
            let partition = self.partition
            partition.pointee.receiver.versions.advance(to: partition.pointee.latestOwnStamp)
            guard partition.pointee.applyAny(records, frame, &bench.context.pointee) else { return .malformed }
            partition.pointee.receiver.advance(to: frame.stamp)
            partition.pointee.clock.observe(frame.stamp)
            return .applied
        }
    }

    /// The same states, whenever they settled.
    func state(_ name: [UInt8]) -> KeyState {
        var state = bench.with(name) { $0.state }
        state.settle(partition.pointee.settleCut)
        return state
    }
}

private struct Cluster {
    let members: [Member]

    init(count: Int, isGeneral: Bool) {
        members = (1...count).map { Member(node: UInt8($0), isGeneral: isGeneral) }
    }

    func deliver(from: Int, to: Int) -> MergeOutcome? {
        guard members[to].taken[from] < members[from].frames.count else { return nil }
        let (frame, records) = members[from].frames[members[to].taken[from]]
        // Everything behind the cut is here: the schedule sees to it.
        members[to].taken[from] += 1
        return members[to].take(frame, records)
    }

    func adopt(_ tick: UInt64, settles: Bool) {
        let cut = Stamp(tick: tick, replica: Replica(node: 1, generation: 0)).asCut
        let fences = Versions(members.map { Stamp(tick: tick + 1, replica: $0.partition.pointee.replica) })
        for member in members {
            member.partition.pointee.adopt(cut: cut, settleCut: cut, fences: fences)
            guard settles else { continue }
            while !member.partition.pointee.isAllSettled(cut) {
                member.partition.pointee.settleWhatIsStable(&member.bench.context.pointee)
            }
        }
    }
}

extension Partition {
    fileprivate mutating func isAllSettled(_ cut: Stamp) -> Bool {
        var isReady = false
        waitingCounters.peek(1, cut) { _, _ in isReady = true }
        return !isReady && (unsettled.isEmpty || cut <= unsettled.cut)
    }
}

@Suite struct SharedWayTests {
    @Test("In place and the general way leave the same states", arguments: 0..<8, [true, false])
    func equivalence(batch: UInt64, settles: Bool) {
        for seed in batch * 4..<batch * 4 + 4 {
            var count = Counts()
            if let difference = difference(seed: seed, settles, &count) {
                Issue.record("seed \(seed), settles \(settles): \(difference)")
                return
            }
            #expect(count.compact > 0, "seed \(seed) made no compact counter")
        }
    }

    private struct Counts { var compact = 0 }

    private func run(_ choice: inout Schedule, _ now: Int64) -> (String, (KeyHandle) -> String) {
        let value = choice.value()
        switch choice.random.below(20) {
        case 0..<9:
            let amount = [1, 5, -2, 1 << 62][choice.random.below(choice.random.below(6) == 0 ? 4 : 3)]
            return ("INCRBY \(amount)", { key in (try? key.increment(by: Int64(amount))).map { "\($0)" } ?? "error" })
        case 9..<13:
            let deadline = now + Int64([20, 400, 100_000][choice.random.below(3)])
            let change: DeadlineChange = [.none, .none, .keep, .at(milliseconds: deadline)][choice.random.below(4)]
            return (
                "SET \(String(decoding: value.prefix(20), as: UTF8.self)) \(change)",
                { key in
                    value.withView { key.set(.bytes($0), deadline: change) }
                    return "ok"
                }
            )
        case 13..<16: return ("DEL", { "\($0.delete())" })
        case 16: return ("APPEND", { key in [49].withView { "\(key.append($0))" } })
        case 17:
            return (
                "EXPIRE",
                { key in
                    key.setDeadline(milliseconds: now + 300)
                    return "ok"
                }
            )
        default: return ("PERSIST", { "\($0.persist())" })
        }
    }

    private func difference(seed: UInt64, _ settles: Bool, _ counts: inout Counts) -> String? {
        var choice = Schedule(random: SeededRandom(seed: seed))
        let memberCount = 2 + choice.random.below(3)
        let clusters = [Cluster(count: memberCount, isGeneral: false), Cluster(count: memberCount, isGeneral: true)]
        let names = (0..<3).map { Array("k\($0)".utf8) }
        var now = PartitionBench.start
        for step in 0..<160 {
            now += Int64([0, 0, 1, 5, 60][choice.random.below(5)])
            let member = choice.random.below(memberCount)
            let what: String
            switch choice.random.below(20) {
            case 0:
                // Everything everywhere: what has been written up to now is stable.
                for from in 0..<memberCount {
                    for to in 0..<memberCount where to != from {
                        for cluster in clusters {
                            while let outcome = cluster.deliver(from: from, to: to) {
                                if outcome != .applied { return "step \(step): \(outcome)" }
                            }
                        }
                    }
                }
                let tick = clusters[0].members.map { $0.partition.pointee.clock.tick }.max() ?? 0
                for cluster in clusters {
                    for member in cluster.members { member.partition.pointee.raiseFence(tick: tick + 1) }
                    cluster.adopt(tick, settles: settles)
                }
                what = "settling"
            case 1..<11:
                let from = choice.random.below(memberCount)
                guard from != member else { continue }
                let outcomes = clusters.map { $0.deliver(from: from, to: member) }
                if outcomes[0] != outcomes[1] || outcomes[0] ?? .applied != .applied {
                    return "step \(step): \(from) to \(member): \(outcomes)"
                }
                what = "\(from) to \(member)"
            default:
                let name = names[choice.random.below(names.count)]
                let moment = max(now, clusters[0].members[member].partition.pointee.momentMilliseconds)
                let (title, operation) = run(&choice, moment)
                var replies: [String] = []
                for cluster in clusters {
                    cluster.members[member].bench.now = moment
                    replies.append(cluster.members[member].write(name, operation))
                    counts.compact += cluster.members[member].partition.pointee.waitingCounters.count
                }
                what = "\(title) on \(name) at \(member)"
                if replies[0] != replies[1] { return "step \(step), \(what): \(replies)" }
                if settles, let difference = recordDifference(clusters.map { $0.members[member] }) {
                    return "step \(step), \(what): \(difference)"
                }
            }
            if let difference = compare(clusters, names, now, settles) { return "step \(step), \(what): \(difference)" }
        }
        return nil
    }

    private func recordDifference(_ members: [Member]) -> String? {
        guard let left = members[0].frames.last, let right = members[1].frames.last else { return nil }
        guard left.records != right.records || left.frame.stamp != right.frame.stamp else { return nil }
        return "records \(left.records) in place, \(right.records) the general way"
    }

    private func compare(_ clusters: [Cluster], _ names: [[UInt8]], _ now: Int64, _ exactly: Bool) -> String? {
        for (index, (left, right)) in zip(clusters[0].members, clusters[1].members).enumerated() {
            if left.partition.pointee.versions != right.partition.pointee.versions { return "versions of \(index)" }
            for name in names {
                let states = [left, right].map { $0.state(name) }
                if exactly, states[0] != states[1] {
                    return "\(name) at \(index): \(states[0]) in place, \(states[1]) the general way"
                }
                for later: Int64 in [0, 30, 500] {
                    let isSame =
                        states[0].visible(at: now + later) == states[1].visible(at: now + later)
                        && states[0].deadline(at: now + later) == states[1].deadline(at: now + later)
                    if !isSame { return "\(name) at \(index): what shows at +\(later)" }
                }
                let key: (UInt64, UInt64) = (1, 2)
                let sums = [left, right].map { member in
                    member.bench.now = now
                    return member.bench.with(name) { $0.fingerprint(key: key) }
                }
                if sums[0] != sums[1] { return "fingerprints of \(name) at \(index)" }
            }
            if exactly {
                var histories = [left, right].map { $0.partition.pointee.history }
                for place in histories.indices { histories[place].waitingKeys = 0 }
                if histories[0] != histories[1] { return "histories \(histories) at \(index)" }
            }
        }
        return nil
    }
}
