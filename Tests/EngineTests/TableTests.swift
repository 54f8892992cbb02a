/// The hash table against a dictionary, while it grows, shrinks and moves.
import Base
import Testing

@testable import Engine

private struct Keys: ~Copyable {
    var table: Table
    var arena = Arena(pages: .heap)
    var model: [Int: UnsafeMutableRawPointer] = [:]

    init(seed: UInt64) { table = Table(hashSeed: seed) }

    deinit { table.releaseArrays(.heap) }

    static func name(_ number: Int) -> [UInt8] { Array("key:\(number)".utf8) }

    mutating func insert(_ number: Int) {
        Self.name(number).withView { name in
            let bytes = Entry.bytesNeeded(key: name.count, value: 8, deadline: false)
            let entry = Entry(address: arena.allocate(bytes))
            entry.initialize(
                kind: .integer, key: name, valueLength: 8, deadline: nil, stamp: .zero, access: 0)
            entry.integer = Int64(number)
            table.insert(entry, keyHash(name, seed: table.hashSeed), &arena, .heap)
            model[number] = entry.address
        }
    }

    mutating func remove(_ number: Int) {
        Self.name(number).withView { name in
            let hash = keyHash(name, seed: table.hashSeed)
            guard let position = table.find(name, hash) else {
                Issue.record("\(number) is gone")
                return
            }
            let entry = position.entry
            table.remove(position, hash, &arena)
            arena.free(entry.address, entry.allocatedBytes)
            model[number] = nil
        }
    }

    func find(_ number: Int) -> UnsafeMutableRawPointer? {
        Self.name(number).withView { table.find($0, keyHash($0, seed: table.hashSeed))?.entry.address }
    }

    mutating func move() { table.move(bucketsMax: 2, &arena, .heap) }
    mutating func shrink() { table.shrinkIfSparse(&arena, .heap) }
}

@Suite struct TableTests {
    @Test("Random inserts, removes and finds, growing and shrinking", arguments: 1...6)
    func randomOperations(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var keys = Keys(seed: seed)
        let range = [30, 400, 6000][Int(seed) % 3]
        for step in 0..<30_000 {
            // Waves: mostly inserts, then mostly removes.
            let grows = step / 5000 % 2 == 0
            let number = random.below(range)
            switch random.below(10) {
            case 0..<(grows ? 6 : 1): if keys.model[number] == nil { keys.insert(number) }
            case 0..<7: if keys.model[number] != nil { keys.remove(number) }
            case 7: keys.move()
            case 8 where step % 50 == 0: keys.shrink()
            default: break
            }
            let looked = random.below(range)
            guard keys.find(looked) == keys.model[looked], keys.table.count == keys.model.count else {
                Issue.record("seed \(seed), step \(step): key \(looked)")
                return
            }
        }
        for number in 0..<range where keys.find(number) != keys.model[number] {
            Issue.record("seed \(seed): \(number) at the end")
        }
    }

    @Test("A walk shows every key that is there all the time, however the table changes under it", arguments: 1...8)
    func walk(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var keys = Keys(seed: seed)
        let staying = Set((0..<600).map { $0 * 3 })
        for number in staying.sorted() { keys.insert(number) }
        for round in 0..<12 {
            // Others come or go in bulk during the walk, so that it grows and shrinks under way.
            let grows = round % 2 == 0
            var seen: Set<Int> = []
            var position: UInt64? = 0
            var next = 0
            while let at = position {
                position = keys.table.visit(at) { seen.insert(Int($0.entry.integer)) }
                if let position, position <= at {
                    Issue.record("seed \(seed): the walk stands still at \(at)")
                    return
                }
                for _ in 0..<random.below(60) where next < 4000 {
                    let number = next * 3 + 1
                    next += 1
                    let isThere = keys.model[number] != nil
                    if grows, !isThere { keys.insert(number) }
                    if !grows, isThere { keys.remove(number) }
                }
                if random.below(4) == 0 { keys.move() }
                if !grows, random.below(8) == 0 { keys.shrink() }
            }
            let missed = staying.subtracting(seen).sorted()
            #expect(missed.isEmpty, "seed \(seed), round \(round): \(missed.prefix(5))")
        }
    }

    @Test("A walk of a table at rest shows each key once")
    func once() {
        var keys = Keys(seed: 3)
        for number in 0..<3000 { keys.insert(number) }
        while keys.table.isMoving { keys.move() }
        var seen: [Int] = []
        var position: UInt64? = 0
        while let at = position { position = keys.table.visit(at) { seen.append(Int($0.entry.integer)) } }
        #expect(seen.sorted() == Array(0..<3000))
    }
}
