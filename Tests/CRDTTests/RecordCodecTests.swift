/// Records as bytes: every delta survives the trip, and no bytes do harm.
import Base
import Testing

@testable import CRDT

private func encoded(_ record: Record) -> [UInt8] {
    var buffer = ByteBuffer()
    RecordCodec.append(record, to: &buffer)
    return buffer.array
}

private func decoded(_ bytes: [UInt8]) -> (record: Record?, offset: Int) {
    bytes.withView { view in
        var reader = ByteReader(view)
        let record = RecordCodec.decode(&reader)
        return (record, reader.offset)
    }
}

private struct Generator {
    var random: SeededRandom

    mutating func coin() -> Bool { random.below(2) == 0 }
    mutating func stamp() -> Stamp { Stamp(rawValue: random.next() | 1) }
    mutating func bytes() -> [UInt8] { (0..<random.below(12)).map { _ in UInt8(random.below(256)) } }
    mutating func stamps() -> [Stamp] { (0..<random.below(3)).map { _ in stamp() } }

    mutating func amount() -> Amount {
        coin()
            ? Amount(Int64(truncatingIfNeeded: random.next()) >> Int64(random.below(64)))
            : Amount(units: Int128(truncatingIfNeeded: random.next()) << Int128(random.below(60)))
    }

    mutating func deadline() -> Int64 { coin() ? Int64(random.below(1 << 50)) : random.below(9) == 0 ? 0 : .max - 1 }

    mutating func operation() -> PatchOperation {
        switch random.below(3) {
        case 0: .append(bytes())
        case 1: .overwrite(offset: random.below(1000), bytes: bytes())
        default: .setBit(offset: random.below(1 << 20), bit: coin())
        }
    }

    mutating func delta() -> Delta {
        var delta = Delta()
        delta.cleared = Slots(rawValue: UInt8(random.below(8)))
        if coin() { delta.resets = (0..<random.below(3)).map { _ in Reset(dot: stamp(), sum: amount()) } }
        if coin() { delta.base = Delta.NewBase(value: bytes(), deadline: coin() ? nil : deadline()) }
        if coin() {
            let amount = amount()
            delta.increment =
                coin()
                ? Delta.Increment(start: nil, sum: amount, amount: amount)
                : Delta.Increment(start: stamp(), sum: self.amount(), amount: amount)
        }
        if coin() { delta.deadline = Delta.NewDeadline(removed: stamps(), deadline: coin() ? .max : deadline()) }
        if coin() {
            let target: PatchTarget = [.empty, .base(stamp()), .settled(stamp())][random.below(3)]
            delta.patches = Delta.NewPatches(target: target, operations: (0...random.below(3)).map { _ in operation() })
        }
        if coin() {
            var elements: [[UInt8]] = []
            for _ in 0..<random.below(4) {
                let element = bytes()
                if !elements.contains(element) { elements.append(element) }
            }
            delta.elements = elements.sorted { $0.lexicographicallyPrecedes($1) }.map {
                Delta.ElementChange(element: $0, removed: stamps(), adds: coin())
            }
        }
        return delta
    }
}

@Suite struct RecordCodecTests {
    @Test("Every delta reads back as itself, and half of it as nothing")
    func roundTrip() {
        var generator = Generator(random: SeededRandom(seed: 11))
        for round in 0..<5000 {
            let delta = generator.delta()
            if delta.isEmpty { continue }
            let key = DatabaseKey(database: generator.random.below(16), key: generator.bytes())
            let bytes = encoded(.key(key, delta))
            let (record, offset) = decoded(bytes + [7])
            #expect(record == .key(key, delta), "seed 11, round \(round)")
            #expect(offset == bytes.count)
            let short = decoded(Array(bytes.prefix(generator.random.below(bytes.count))))
            #expect(short.record == nil, "seed 11, round \(round), cut")
        }
        #expect(decoded(encoded(.clearDatabase(3))).record == .clearDatabase(3))
    }

    @Test("Hostile bytes are refused or mean what they say, and merging them does no harm")
    func fuzz() {
        var generator = Generator(random: SeededRandom(seed: 12))
        var accepted = 0
        for round in 0..<100_000 {
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = (0..<generator.random.below(40)).map { _ in UInt8(generator.random.below(256)) }
            } else {
                let delta = generator.delta()
                bytes = encoded(.key(DatabaseKey(database: 0, key: [1]), delta))
                for _ in 0...generator.random.below(3) {
                    bytes[generator.random.below(bytes.count)] = UInt8(generator.random.below(256))
                }
            }
            guard let record = decoded(bytes).record else { continue }
            accepted += 1
            #expect(decoded(encoded(record)).record == record, "seed 12, round \(round)")
            guard case .key(let key, let delta) = record, round % 16 < 2 else { continue }
            // A patch may rightly ask for half a gigabyte; not in this test.
            let isSmall =
                delta.patches?.operations.allSatisfy {
                    switch $0 {
                    case .append: true
                    case .overwrite(let offset, _): offset < 1 << 16
                    case .setBit(let offset, _): offset < 1 << 19
                    }
                } ?? true
            guard isSmall else { continue }
            var state = KeyState()
            var receiver = MergeContext()
            let frame = FrameContext(
                stamp: generator.stamp(), dependencies: Versions(), prev: .zero, cut: generator.stamp())
            state.merge(delta, of: key, in: frame, receiver: &receiver)
            _ = state.visible(at: 0)
            _ = state.cell.overflowed
            state.settle(.distantFuture)
            _ = state.visible(at: .max)
        }
        #expect(accepted > 1000)
    }

    @Test("The Engine's shapes are what composing gives")
    func fastPaths() {
        func written(_ body: (inout ByteBuffer) -> Void) -> Delta? {
            var buffer = ByteBuffer()
            body(&buffer)
            guard case .key(let key, let delta)? = decoded(buffer.array).record else { return nil }
            return key == DatabaseKey(database: 2, key: bytes("key")) ? delta : nil
        }
        let author = Delta.Author(stamp: Stamp(rawValue: 900), announcedCut: Stamp(rawValue: 500))
        let settled = KeyState(settledValue: bytes("5"), dot: Stamp(rawValue: 400), deadline: nil)
        func composed(_ operation: KeyOperation, _ before: KeyState = settled) -> Delta {
            var delta = Delta()
            delta.compose(operation, before: before, author: author)
            return delta
        }
        let key = ByteView("key")
        #expect(
            written { RecordCodec.appendSet(database: 2, key: key, value: ByteView("v"), deadline: 77, to: &$0) }
                == composed(.set(bytes("v"), .at(77))))
        #expect(
            written { RecordCodec.appendSet(database: 2, key: key, value: ByteView(""), deadline: nil, to: &$0) }
                == composed(.set([], .none), KeyState()))
        for (createsKey, before) in [(false, settled), (true, KeyState())] {
            #expect(
                written {
                    RecordCodec.appendIncrement(database: 2, key: key, amount: -4, createsKey: createsKey, to: &$0)
                } == composed(.increment(-4), before))
        }
        #expect(written { RecordCodec.appendClear(database: 2, key: key, to: &$0) } == composed(.clear))
        #expect(
            written { RecordCodec.appendDeadline(database: 2, key: key, deadline: .max, to: &$0) }
                == composed(.setDeadline(nil)))
        for (target, before) in [(PatchTarget.settled(Stamp(rawValue: 400)), settled), (.empty, KeyState())] {
            #expect(
                written {
                    RecordCodec.appendPatch(database: 2, key: key, target: target, append: ByteView("xy"), to: &$0)
                } == composed(.patch(.append(bytes("xy"))), before))
            #expect(
                written {
                    RecordCodec.appendPatch(
                        database: 2, key: key, target: target, overwriteAt: 300, with: ByteView("xy"), to: &$0)
                } == composed(.patch(.overwrite(offset: 300, bytes: bytes("xy"))), before))
            #expect(
                written {
                    RecordCodec.appendPatch(database: 2, key: key, target: target, setBitAt: 9, to: true, out: &$0)
                } == composed(.patch(.setBit(offset: 9, bit: true)), before))
        }
    }

    @Test("A continued run")
    func continuedRun() {
        var state = KeyState()
        let first = Delta.Author(
            stamp: Stamp(tick: 5000, replica: Replica(node: 1, generation: 0)), announcedCut: .zero)
        var delta = Delta()
        delta.compose(.increment(4), before: state, author: first)
        state = state.applying(delta, author: first)
        let second = Delta.Author(
            stamp: Stamp(tick: 5001, replica: Replica(node: 1, generation: 0)), announcedCut: .zero)
        var next = Delta()
        next.compose(.increment(3), before: state, author: second)
        var buffer = ByteBuffer()
        RecordCodec.appendIncrement(
            database: 0, key: ByteView("k"), runStart: first.stamp, amount: 3, sum: 7, to: &buffer)
        #expect(decoded(buffer.array).record == .key(testKey("k"), next))
    }

    @Test("Hostile states are refused or can be used")
    func stateFuzz() {
        var generator = Generator(random: SeededRandom(seed: 13))
        var accepted = 0
        var state = KeyState()
        var receiver = MergeContext()
        for round in 0..<20_000 {
            if round % 50 == 0 {
                state = KeyState()
                receiver = MergeContext()
            }
            var delta = generator.delta()
            delta.patches = nil
            let frame = FrameContext(stamp: generator.stamp(), dependencies: Versions(), prev: .zero, cut: .zero)
            state.merge(delta, of: testKey("k"), in: frame, receiver: &receiver)
            var buffer = ByteBuffer()
            state.encode(to: &buffer)
            var bytes = buffer.array
            for _ in 0...generator.random.below(3) {
                bytes[generator.random.below(bytes.count)] = UInt8(generator.random.below(256))
            }
            let decoded = bytes.withView { view in
                var reader = ByteReader(view)
                return KeyState.decode(&reader)
            }
            guard var decoded else { continue }
            accepted += 1
            _ = decoded.visible(at: 0)
            decoded.settle(.distantFuture)
            _ = decoded.visible(at: .max)
        }
        #expect(accepted > 1000)
    }
}
