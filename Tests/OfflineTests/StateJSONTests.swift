/// States as JSON and back: the same bytes, whatever the keys and values are made of.
import Base
import CRDT
import Engine
import TestSupport
import Testing

@testable import Offline

/// Makes states with every part there is.
struct RandomStates {
    var random: SeededRandom
    private var tick: UInt64 = 1 << 40

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func stamp(_ replica: Replica? = nil) -> Stamp {
        tick += UInt64(1 + random.below(5000))
        return Stamp(
            tick: tick,
            replica: replica ?? Replica(node: UInt8(1 + random.below(4)), generation: UInt8(random.below(3))))
    }

    mutating func bytes() -> [UInt8] {
        switch random.below(4) {
        case 0: Array("plain \(random.below(1000)) \"quoted\\\" é €\n".utf8)
        case 1: (0..<random.below(20)).map { _ in UInt8(random.below(256)) }
        case 2: []
        default: Array("\(random.below(1_000_000))".utf8)
        }
    }

    mutating func amount() -> Amount {
        switch random.below(4) {
        case 0: Amount(units: .min)
        case 1: Amount(units: .max)
        case 2: Amount(units: Int128(random.below(1_000_000)))
        default: Amount(Int64(random.below(1_000_000)) - 500_000)
        }
    }

    mutating func versions() -> Versions { Versions((0..<random.below(4)).map { _ in stamp() }) }

    mutating func keyState() -> KeyState {
        var bases: [CellBase] = []
        for index in 0..<random.below(3) {
            var base = CellBase(
                dot: stamp(), value: bytes(), deadline: random.below(2) == 0 ? Int64(random.below(1 << 40)) : nil,
                isSettled: index == 0 && random.below(2) == 0)
            if random.below(2) == 0 { base.rank = stamp() }
            bases.append(base)
        }
        var patches: [Patch] = []
        for _ in 0..<random.below(3) {
            let operations: [PatchOperation] = [
                .append(bytes()), .overwrite(offset: random.below(100), bytes: bytes()),
                .setBit(offset: random.below(100), bit: random.below(2) == 0),
            ]
            patches.append(
                Patch(stamp: stamp(), target: bases.first?.dot ?? .zero, operations: [operations[random.below(3)]]))
        }
        let resets = (0..<random.below(2)).map { _ in Reset(dot: stamp(), sum: amount()) }
        let runs = (0..<random.below(3)).map { _ -> Run in
            let start = stamp()
            return Run(start: start, last: stamp(start.replica), sum: amount())
        }
        var elements = (0..<random.below(4)).map { _ in
            AddWinsSet.Element(bytes: bytes(), dots: [stamp()], isSettled: random.below(2) == 0)
        }
        elements.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        elements = elements.indices.filter { $0 == 0 || elements[$0].bytes != elements[$0 - 1].bytes }.map {
            elements[$0]
        }
        let deadlines = (0..<random.below(3)).map { _ in
            DeadlineRegister.Entry(
                dot: stamp(), deadline: random.below(2) == 0 ? DeadlineRegister.persist : Int64(random.below(1 << 40)))
        }
        let settledStamp = elements.isEmpty ? Stamp.zero : stamp()
        let cell = Cell(
            bases: bases, patches: patches, runs: runs, resets: resets,
            settledSum: random.below(3) == 0 ? amount() : nil)
        return KeyState(
            modified: stamp(), cell: cell, members: AddWinsSet(elements: elements, settledStamp: settledStamp),
            deadline: DeadlineRegister(entries: deadlines))
    }

    mutating func clear() -> PendingClears.Clear {
        PendingClears.Clear(
            context: FrameContext(stamp: stamp(), dependencies: versions(), prev: stamp(), cut: stamp().asCut),
            slots: Slots(rawValue: UInt8(1 + random.below(7))))
    }

    mutating func state() -> [UInt8] {
        var head = StateHead()
        head.salt = random.next()
        head.context.versions = versions()
        head.context.fences = versions()
        head.cut = stamp().asCut
        head.context.settleCut = stamp()
        head.chains = [
            (replica: stamp().replica, versions: versions()), (replica: stamp().replica, versions: versions()),
        ]
        for _ in 0..<random.below(3) {
            head.context.deferred.insert(
                Deferred.Dot(stamp: stamp(), element: random.below(2) == 0 ? bytes() : nil),
                of: DatabaseKey(database: random.below(16), key: bytes()))
            head.context.pendingClears.insert(clear(), of: DatabaseKey(database: random.below(16), key: bytes()))
            head.context.pendingClears.insert(clear(), ofDatabase: random.below(16))
        }
        var out = ByteBuffer()
        head.encode(to: &out)
        for _ in 0..<1 + random.below(3) {
            StateExport.beginSlice(versions: versions(), fences: versions(), settleCut: stamp(), into: &out)
            for _ in 0..<random.below(8) { entry(&out) }
            StateExport.endSlice(into: &out)
        }
        StateExport.endState(into: &out)
        return out.array
    }

    /// A name that has its place in partition 7.
    private mutating func name() -> [UInt8] {
        let base = bytes()
        for suffix in 0... {
            let name = base + Array("\(suffix)".utf8)
            if name.withView({ Slots.partition(of: $0) }) == 7 { return name }
        }
        return base
    }

    private mutating func entry(_ out: inout ByteBuffer) {
        let (key, value) = (name(), bytes())
        let database = random.below(16)
        if random.below(3) == 0 {
            let state = keyState()
            if state.isBlank { return }
            return key.withView { StateEntry.general(database: database, key: $0, state).encode(to: &out) }
        }
        if random.below(8) == 0 { return StateEntry.name(random.next()).encode(to: &out) }
        var plain = PlainEntry()
        plain.database = database
        plain.stamp = stamp()
        plain.deadline = random.below(2) == 0 ? -Int64(random.below(1 << 40)) : nil
        plain.isRaw = random.below(4) == 0
        plain.integer = random.below(3) == 0 ? Int64(bitPattern: random.next()) : nil
        key.withView { key in
            value.withView { value in
                plain.key = key
                plain.value = value
                StateEntry.plain(plain).encode(to: &out)
            }
        }
    }
}

private func lines(_ state: [UInt8], partition: Int = 7, pieces: [Int]) throws -> [UInt8] {
    var text: [UInt8] = []
    try state.withView { view in
        try StateJSON().write(view, partition: partition, pieces: pieces) { (line) throws(ToolFailure) in
            text += line.array + [10]
        }
    }
    return text
}

private func readBack(_ text: [UInt8]) throws(ToolFailure) -> (partition: Int, pieces: [Int], state: [UInt8]) {
    try text.withView { (view) throws(ToolFailure) in
        var input = JSONInput(ByteSource(view, name: "text"))
        guard let first = try input.next() else { throw .corrupt("nothing") }
        let section = try StateFromJSON(first)
        while let object = try input.next() {
            if try section.add(object) { break }
        }
        try section.check()
        return (section.partition, section.pieces, section.bytes.array)
    }
}

@Suite struct StateJSONTests {
    @Test("A state comes back from JSON byte by byte")
    func roundTrip() throws {
        let seed = UInt64(TestEnvironment.integer("A2_FUZZ_SEED") ?? 11)
        var states = RandomStates(seed: seed)
        var readable = 0
        for round in 0..<200 {
            let state = states.state()
            // Only what a node would read is worth telling; the generator makes some that are not.
            let isReadable = state.withView { view in
                guard var reader = try? StateReader(view) else { return false }
                do throws(StateFailure) { while try reader.next() != nil {} } catch { return false }
                return true
            }
            guard isReadable else { continue }
            readable += 1
            let pieces = state.count > 10 ? [10, state.count - 10] : [state.count]
            let back = try readBack(try lines(state, pieces: pieces))
            #expect(back.partition == 7 && back.pieces == pieces)
            #expect(back.state == state, "seed \(seed), round \(round)")
        }
        #expect(readable > 100)
    }

    @Test("Whatever the text, reading it ends, and what comes out is a state")
    func fuzz() throws {
        let rounds = TestEnvironment.integer("A2_FUZZ_ROUNDS") ?? 300
        let seed = UInt64(TestEnvironment.integer("A2_FUZZ_SEED") ?? 12)
        var states = RandomStates(seed: seed)
        var texts: [[UInt8]] = []
        while texts.count < 20 {
            let state = states.state()
            if let text = try? lines(state, pieces: []) { texts.append(text) }
        }
        for round in 0..<rounds {
            var text = texts[states.random.below(texts.count)]
            for _ in 0..<1 + states.random.below(3) {
                let at = states.random.below(text.count)
                switch states.random.below(3) {
                case 0: text[at] = UInt8(32 + states.random.below(96))
                case 1: text.insert(UInt8(states.random.below(256)), at: at)
                default: text.removeSubrange(at..<min(at + 1 + states.random.below(20), text.count))
                }
                if text.isEmpty { text = [32] }
            }
            do throws(ToolFailure) { _ = try readBack(text) } catch {
                #expect(error.status == 5, "seed \(seed), round \(round): \(error)")
            }
        }
    }

    @Test("Stamps and times read as they are printed")
    func stamps() {
        var states = RandomStates(seed: 9)
        for _ in 0..<100 {
            let stamp = states.stamp()
            #expect(StampText.stamp(stamp.description) == stamp)
            #expect(StampText.stamp(stamp.asCut.description) == stamp.asCut)
        }
        for wrong in ["", "1", "1800000000000+0@", "1800000000000+4096@1", "1800000000000+0@1.4", "1700000000000+0@1"] {
            #expect(StampText.stamp(wrong) == nil, "\(wrong)")
        }
        #expect(TimeText.utc(0) == "1970-01-01T00:00:00.000Z")
        #expect(TimeText.utc(1_709_210_096_007) == "2024-02-29T12:34:56.007Z")
        #expect(TimeText.utc(-1) == "1969-12-31T23:59:59.999Z")
    }
}
