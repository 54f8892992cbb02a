/// What SCAN rests on: a walk by positions in hash space sees every key that is there all the time, however
/// the table grows, shrinks and moves in between.
import Base
import Testing

@testable import Engine

/// A table with its memory, and keys by number.
private struct Bench: ~Copyable {
    let seed: UInt64
    var table: Table
    var arena = Arena(pages: .heap)

    init(seed: UInt64) {
        self.seed = seed
        table = Table(hashSeed: seed)
    }

    private static func name(_ number: Int) -> [UInt8] { Array("key:\(number)".utf8) }

    mutating func insert(_ number: Int) {
        Self.name(number).withView { name in
            let bytes = Entry.bytesNeeded(key: name.count, value: 0, deadline: false)
            let entry = Entry(address: arena.allocate(bytes))
            entry.initialize(kind: .bytes, key: name, valueLength: 0, deadline: nil, stamp: .zero, access: 0)
            table.insert(entry, keyHash(name, seed: seed), &arena, .heap)
        }
    }

    mutating func remove(_ number: Int) {
        Self.name(number).withView { name in
            let hash = keyHash(name, seed: seed)
            guard let position = table.find(name, hash) else {
                Issue.record("key \(number) is gone")
                return
            }
            let entry = position.entry
            table.remove(position, hash, &arena)
            arena.free(entry.address, entry.allocatedBytes)
        }
    }

    func visit(_ position: UInt64, into seen: inout Set<String>) -> UInt64? {
        table.visit(position) { seen.insert($0.entry.key.string) }
    }

    mutating func end() {
        table.removeBuckets(&arena, .heap)
    }
}

@Suite struct TableWalkTests {
    /// Between two steps keys come and go by thousands, and the table moves a few buckets, all or none.
    private func walk(seed: UInt64, roundedBits: UInt64) -> (missing: Int, steps: Int, resizes: Int) {
        var random = SeededRandom(seed: seed)
        var bench = Bench(seed: random.next())
        let lasting = [1, 40, 400, 3000][random.below(4)]
        for number in 0..<lasting { bench.insert(number) }
        var passing: [Int] = []
        var nextNumber = lasting
        var seen: Set<String> = []
        var steps = 0
        var resizes = 0
        var sizeBefore = bench.table.bucketCount
        var position: UInt64? = 0
        while var at = position {
            steps += 1
            let entered = at
            repeat {
                guard let next = bench.visit(at, into: &seen) else {
                    position = nil
                    break
                }
                at = next
                position = (at >> roundedBits) << roundedBits
            } while at >> roundedBits <= entered >> roundedBits
            guard position != nil else { break }
            if random.below(4) == 0 {
                if random.below(2) == 0 {
                    for _ in 0..<random.below(1000) {
                        bench.insert(nextNumber)
                        passing.append(nextNumber)
                        nextNumber += 1
                    }
                } else {
                    let kept = random.below(passing.count + 1)
                    while passing.count > kept { bench.remove(passing.swapRemove(random.below(passing.count))) }
                    bench.table.shrinkIfSparse(&bench.arena, .heap)
                }
            }
            if random.below(3) == 0 { bench.table.move(bucketsMax: random.below(60), &bench.arena, .heap) }
            if bench.table.bucketCount != sizeBefore { resizes += 1 }
            sizeBefore = bench.table.bucketCount
        }
        let missing = (0..<lasting).filter { !seen.contains("key:\($0)") }
        bench.end()
        return (missing.count, steps, resizes)
    }

    @Test("No lasting key is missed while the table changes its size", arguments: 1...16)
    func resizing(_ seed: Int) {
        for roundedBits: UInt64 in [0, 24, 44] {
            let result = walk(seed: UInt64(seed), roundedBits: roundedBits)
            #expect(result.missing == 0, "seed \(seed), \(roundedBits) bits dropped")
        }
    }

    @Test("A table caught between two sizes shows every key", arguments: [true, false])
    func halfMoved(grows: Bool) {
        var random = SeededRandom(seed: 9)
        for round in 0..<40 {
            var bench = Bench(seed: random.next())
            // Enough for a table that does not move at once.
            var count = 0
            while bench.table.bucketCount < 384 || bench.table.isMoving {
                bench.insert(count)
                count += 1
            }
            if grows {
                while !bench.table.isMoving {
                    bench.insert(count)
                    count += 1
                }
            } else {
                while count > 300 {
                    count -= 1
                    bench.remove(count)
                }
                bench.table.shrinkIfSparse(&bench.arena, .heap)
            }
            let isMoving = bench.table.isMoving
            #expect(isMoving)
            bench.table.move(bucketsMax: random.below(380), &bench.arena, .heap)
            var seen: Set<String> = []
            var position: UInt64? = 0
            while let at = position { position = bench.visit(at, into: &seen) }
            #expect(seen.count == count, "round \(round)")
            bench.end()
        }
    }

    @Test("The schedules do resize")
    func resizesHappen() {
        var resizes = 0
        for seed: UInt64 in 1...10 { resizes += walk(seed: seed, roundedBits: 0).resizes }
        #expect(resizes > 50)
    }

    @Test("Without changes each bucket is shown once and in hash order")
    func quiet() {
        var bench = Bench(seed: 3)
        for number in 0..<5000 { bench.insert(number) }
        while bench.table.isMoving { bench.table.move(bucketsMax: 8, &bench.arena, .heap) }
        var shown = 0
        var position: UInt64? = 0
        var last: UInt64 = 0
        while let at = position {
            position = bench.table.visit(at) { _ in shown += 1 }
            if let position {
                #expect(position > last)
                last = position
            }
        }
        #expect(shown == 5000)
        bench.end()
    }
}

extension [Int] {
    fileprivate mutating func swapRemove(_ index: Int) -> Int {
        swapAt(index, count - 1)
        return removeLast()
    }
}
