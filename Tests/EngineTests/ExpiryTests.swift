/// The sweep frees what is due and nothing else; eviction takes what its policy says.
import Base
import CRDT
import Testing

@testable import Engine

@Suite struct ExpiryTests {
    @Test("The sweep frees everything due and nothing else", arguments: 1...5)
    func sweep(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let bench = PartitionBench(seed: seed)
        var deadlines: [String: Int64] = [:]
        for round in 0..<30 {
            for _ in 0..<random.below(200) {
                let name = "k\(random.below(1500))"
                switch random.below(4) {
                case 0:
                    deadlines[name] = .max
                    bench.set(name, "v")
                default:
                    let deadline = bench.now + 1 + Int64(random.below(300_000))
                    deadlines[name] = deadline
                    bench.set(name, "v", deadline: deadline)
                }
            }
            // Longer than a partition ever rests.
            bench.now += 11_000
            while bench.partition.pointee.sweepExpired(bucketsMax: 1 + random.below(8), &bench.context.pointee) {}
            deadlines = deadlines.filter { $0.value > bench.now }
            guard bench.partition.pointee.count(database: 0) == deadlines.count,
                bench.partition.pointee.volatileCount(database: 0) == deadlines.values.count(where: { $0 < .max })
            else {
                Issue.record("seed \(seed), round \(round): \(deadlines.count) keys expected")
                return
            }
            for (name, _) in deadlines where bench.visible(name) == nil {
                Issue.record("seed \(seed), round \(round): \(name) was not due")
            }
        }
        bench.now += 400_000
        while bench.partition.pointee.sweepExpired(bucketsMax: 8, &bench.context.pointee) {}
        #expect(bench.partition.pointee.volatileCount(database: 0) == 0)
        #expect(bench.partition.pointee.earliestDeadlineMilliseconds == .max)
    }

    @Test("Many keys of one bucket expire in one sweep")
    func crowded() {
        let bench = PartitionBench()
        for number in 0..<5000 { bench.set("k\(number)", "v", deadline: bench.now + 10) }
        bench.now += 20_000
        var rounds = 0
        while bench.partition.pointee.count(database: 0) > 0, rounds < 10 {
            while bench.partition.pointee.sweepExpired(bucketsMax: 16, &bench.context.pointee) {}
            bench.now += 11_000
            rounds += 1
        }
        #expect(bench.partition.pointee.count(database: 0) == 0 && rounds == 1)
        #expect(bench.context.pointee.expiredKeys == 5000)
    }

    // MARK: eviction

    /// Keys k0…k9, used in that order a minute apart; the odd ones expire, the later the sooner.
    private func crowd() -> PartitionBench {
        let bench = PartitionBench()
        for number in 0..<10 {
            bench.context.pointee.access.seconds = UInt32(number * 60)
            bench.set("k\(number)", "v", deadline: number % 2 == 1 ? bench.now + Int64(1_000_000 - number * 1000) : nil)
        }
        bench.context.pointee.access.seconds = 660
        return bench
    }

    private func candidate(_ bench: PartitionBench, _ policy: EvictionPolicy) -> String? {
        var best: EvictionCandidate?
        for _ in 0..<40 {
            _ = bench.partition.pointee.sampleForEviction(policy, keysMax: 100, best: &best, &bench.context.pointee)
        }
        return best.map { String(decoding: $0.key, as: UTF8.self) }
    }

    @Test("Each policy picks its key")
    func policies() {
        #expect(candidate(crowd(), .noEviction) == nil)
        #expect(candidate(crowd(), .allKeysLRU) == "k0")
        #expect(candidate(crowd(), .volatileLRU) == "k1")
        #expect(candidate(crowd(), .volatileTTL) == "k9")
        for policy in [EvictionPolicy.volatileRandom, .volatileLFU] {
            let name = candidate(crowd(), policy)
            #expect(["k1", "k3", "k5", "k7", "k9"].contains(name), "\(policy): \(name ?? "none")")
        }
        #expect(candidate(crowd(), .allKeysRandom) != nil)
    }

    @Test("What is evicted is deleted by a frame of its own")
    func evict() {
        let bench = crowd()
        var best: EvictionCandidate?
        _ = bench.partition.pointee.sampleForEviction(.allKeysLRU, keysMax: 100, best: &best, &bench.context.pointee)
        guard let best else {
            Issue.record("nothing to evict")
            return
        }
        bench.partition.pointee.evict(best, &bench.context.pointee)
        #expect(bench.context.pointee.evictedKeys == 1)
        #expect(bench.commit() != nil)
        #expect(bench.partition.pointee.count(database: 0) == 9)
    }

    // MARK: WATCH

    @Test("A watched key fails by a write, a flush or its expiry, and by nothing else")
    func watch() {
        let bench = PartitionBench()
        bench.set("a", "1", deadline: bench.now + 100)
        bench.set("b", "1")
        func watch(_ client: UInt64, _ name: String) {
            Array(name.utf8).withView {
                bench.partition.pointee.watch(client: client, database: 0, key: $0, &bench.context.pointee)
            }
        }
        func fails(_ client: UInt64) -> Bool {
            bench.partition.pointee.watchFailed(client: client, &bench.context.pointee)
        }
        watch(1, "a")
        watch(2, "b")
        watch(3, "missing")
        bench.set("c", "1")
        #expect(!fails(1) && !fails(2) && !fails(3))
        bench.set("b", "2")
        #expect(!fails(1) && fails(2) && !fails(3))
        bench.now += 200
        #expect(fails(1) && !fails(3))
        bench.partition.pointee.unwatch(client: 2)
        watch(2, "b")
        #expect(!fails(2))
        bench.partition.pointee.flush(database: 0, &bench.context.pointee)
        _ = bench.commit()
        #expect(fails(2) && !fails(3))
        bench.set("missing", "now")
        #expect(fails(3))
    }
}
