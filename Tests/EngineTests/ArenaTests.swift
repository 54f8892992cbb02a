/// Blocks do not overlap, keep what is in them, and are counted.
import Base
import Testing

@testable import Engine

@Suite struct ArenaTests {
    private struct Block {
        let address: UnsafeMutableRawPointer
        let bytes: Int
        let mark: UInt8

        func fill() { address.initializeMemory(as: UInt8.self, repeating: mark, count: bytes) }

        var isIntact: Bool {
            UnsafeRawBufferPointer(start: address, count: bytes).allSatisfy { $0 == mark }
        }
    }

    @Test("Random allocations and frees against a list of them", arguments: 1...4)
    func randomUse(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var arena = Arena(pages: .heap)
        var blocks: [Block] = []
        for step in 0..<6000 {
            if random.below(100) < (step / 1500 % 2 == 0 ? 65 : 40) || blocks.isEmpty {
                let sizes = [21 + random.below(60), 64, 1 + random.below(600), 4090 + random.below(12), 20_000]
                let bytes = sizes[random.below(random.below(10) == 0 ? 5 : 4)]
                let block = Block(address: arena.allocate(bytes), bytes: bytes, mark: UInt8(step & 0xFF))
                block.fill()
                blocks.append(block)
            } else {
                let block = blocks.remove(at: random.below(blocks.count))
                #expect(block.isIntact, "seed \(seed), step \(step): \(block.bytes) bytes")
                arena.free(block.address, block.bytes)
            }
        }
        #expect(blocks.allSatisfy { $0.isIntact }, "seed \(seed)")
        #expect(arena.liveBytes == blocks.reduce(0) { $0 + Arena.roundedUp($1.bytes) })
        for block in blocks { #expect(Int(bitPattern: block.address) % 8 == 0) }
        for block in blocks { arena.free(block.address, block.bytes) }
        #expect(arena.liveBytes == 0)
        arena.removeAll()
        #expect(arena.spanBytes == 0)
    }

    @Test("A size class is never smaller than asked for, and wastes at most a quarter")
    func classes() {
        for bytes in 1...5000 {
            let rounded = Arena.roundedUp(bytes)
            #expect(rounded >= bytes && rounded <= max(bytes + 16, bytes + bytes / 4), "\(bytes) → \(rounded)")
        }
    }

    @Test(
        "An entry says what was put into it, at every length of key",
        arguments: [0, 1, 44, 65_534, 65_535, 65_536, 200_000], [nil, 1_750_000_000_123 as Int64])
    func entry(keyLength: Int, deadline: Int64?) {
        var arena = Arena(pages: .heap)
        let key = (0..<keyLength).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let value: [UInt8] = [1, 2, 3]
        let bytes = Entry.bytesNeeded(key: keyLength, value: value.count, deadline: deadline != nil)
        let entry = Entry(address: arena.allocate(bytes))
        let stamp = Stamp(tick: 99, replica: Replica(node: 3, generation: 1))
        key.withView {
            entry.initialize(
                kind: .bytes, key: $0, valueLength: value.count, deadline: deadline, stamp: stamp, access: 77)
            entry.valueAddress.copyMemory(from: value, byteCount: value.count)
            #expect(entry.matches($0))
        }
        #expect(entry.key.array == key)
        #expect(entry.inlineBytes.array == value)
        #expect(entry.stamp == stamp && entry.access == 77 && entry.kind == .bytes)
        #expect(entry.hasDeadline == (deadline != nil))
        if let deadline { #expect(entry.deadlineMilliseconds == deadline) }
        #expect(entry.allocatedBytes == bytes)
        entry.isRaw = true
        #expect(entry.isRaw && entry.hasDeadline == (deadline != nil))
        (key + [1]).withView { #expect(!entry.matches($0)) }
        arena.free(entry.address, bytes)
    }
}
