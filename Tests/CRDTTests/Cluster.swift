/// A few replicas of one partition that exchange encoded frames, small enough to run thousands of schedules.
import Base

@testable import CRDT

/// Mutations the replicas themselves leave out, beside `Faults`.
struct ClusterFaults {
    var merging: Faults = []
    /// One record per command instead of one per key and frame.
    var severalRecords = false
    /// Resets up to the frame's cut are left out, as dots are.
    var noStableResets = false
    /// A write that creates a key does not clear it.
    var noClearOnCreation = false
    /// Frames apply before the receiver has everything up to their cut.
    var noHold = false
    /// Settling drops what a deadline hides even beside content that outlived it.
    var forgetsSurvivors = false
}

struct TestFrame {
    var context: FrameContext
    var records: [[UInt8]]
}

struct TestNode {
    let replica: Replica
    let members: [Replica]
    var isObserver = false
    var faults = ClusterFaults()
    var keys: [DatabaseKey: KeyState] = [:]
    var receiver = MergeContext()
    var clock = HybridClock()
    /// What each member is known to have applied, and the cut it announced last.
    var known: [Replica: Versions] = [:]
    var announced: [Replica: Stamp] = [:]
    var settleActions = 0

    init(replica: Replica, members: [Replica]) {
        self.replica = replica
        self.members = members
    }

    func state(_ key: String) -> KeyState { keys[testKey(key)] ?? KeyState() }

    var stableCut: Stamp {
        var cut = announced[replica] ?? .zero
        var lowest = Stamp.distantFuture
        for member in members {
            let versions = member == replica ? receiver.versions : known[member] ?? Versions()
            for other in members { lowest = min(lowest, versions[other]) }
        }
        cut = max(cut, lowest)
        return cut
    }

    var settleCut: Stamp { members.map { announced[$0] ?? .zero }.min() ?? .zero }

    // MARK: writing

    /// Runs commands as one frame. Each sees what those before it did.
    mutating func write(_ commands: [(key: String, operation: KeyOperation)], now: Int64) -> TestFrame {
        let stamp = clock.next(unixMilliseconds: now, replica: replica)
        let context = FrameContext(
            stamp: stamp, dependencies: receiver.versions, prev: receiver.versions[replica], cut: stableCut)
        let author = Delta.Author(stamp: stamp, announcedCut: context.cut)
        var deltas: [(key: DatabaseKey, delta: Delta)] = []
        for (name, operation) in commands {
            let key = testKey(name)
            if faults.severalRecords {
                let before = keys[key] ?? KeyState()
                var delta = Delta()
                guard delta.compose(operation, before: before, author: author), !delta.isEmpty else { continue }
                merge(delta, key, context)
                deltas.append((key, delta))
                continue
            }
            let before = keys[key] ?? KeyState()
            let index = deltas.firstIndex { $0.key == key } ?? deltas.count
            if index == deltas.count { deltas.append((key, Delta())) }
            deltas[index].delta.compose(operation, before: before, author: author)
        }
        for index in deltas.indices {
            let before = keys[deltas[index].key] ?? KeyState()
            if faults.noStableResets { deltas[index].delta.resets.removeAll { $0.dot <= context.cut } }
            if faults.noClearOnCreation, before.isBlank, deltas[index].delta.base == nil {
                deltas[index].delta.cleared = []
            }
        }
        var records: [[UInt8]] = []
        for (key, delta) in deltas where !delta.isEmpty {
            if !faults.severalRecords { merge(delta, key, context) }
            var buffer = ByteBuffer()
            RecordCodec.append(.key(key, delta), to: &buffer)
            records.append(buffer.array)
        }
        finish(context)
        return TestFrame(context: context, records: records)
    }

    mutating func flush(now: Int64) -> TestFrame {
        let stamp = clock.next(unixMilliseconds: now, replica: replica)
        let context = FrameContext(
            stamp: stamp, dependencies: receiver.versions, prev: receiver.versions[replica], cut: stableCut)
        var records: [[UInt8]] = []
        for key in keys.keys.sorted() {
            guard let state = keys[key], state.cell.hasIncrements else { continue }
            var delta = Delta()
            delta.compose(.clear, before: state, author: Delta.Author(stamp: stamp, announcedCut: context.cut))
            var buffer = ByteBuffer()
            RecordCodec.append(.key(key, delta), to: &buffer)
            records.append(buffer.array)
        }
        var buffer = ByteBuffer()
        RecordCodec.appendClearDatabase(database: 0, to: &buffer)
        records.append(buffer.array)
        for record in records { take(record, context) }
        finish(context)
        return TestFrame(context: context, records: records)
    }

    // MARK: receiving

    func accepts(_ frame: TestFrame) -> Bool {
        let context = frame.context
        return context.stamp > receiver.versions[context.origin] && context.prev == receiver.versions[context.origin]
            && (faults.noHold || members.allSatisfy { $0 == context.origin || receiver.versions[$0] >= context.cut })
    }

    mutating func receive(_ frame: TestFrame) {
        precondition(accepts(frame))
        clock.observe(frame.context.stamp)
        for record in frame.records { take(record, frame.context) }
        finish(frame.context)
    }

    private mutating func take(_ record: [UInt8], _ context: FrameContext) {
        record.withView { bytes in
            var reader = ByteReader(bytes)
            switch RecordCodec.decode(&reader) {
            case .key(let key, let delta): merge(delta, key, context)
            case .clearDatabase(let database):
                for key in keys.keys.sorted() where key.database == database {
                    keys[key]?.mergeClear(in: context)
                    if keys[key]?.isBlank == true { keys[key] = nil }
                }
                if !context.isCovered(by: receiver.versions), !receiver.faults.contains(.noPendingClear) {
                    receiver.pendingClears.insert(
                        PendingClears.Clear(context: context, slots: .all), ofDatabase: database)
                }
            case nil: fatalError("undecodable record")
            }
        }
    }

    private mutating func merge(_ delta: Delta, _ key: DatabaseKey, _ context: FrameContext) {
        var state = keys[key] ?? KeyState()
        state.merge(delta, of: key, in: context, receiver: &receiver)
        keys[key] = state.isBlank ? nil : state
    }

    private mutating func finish(_ context: FrameContext) {
        receiver.advance(to: context.stamp)
        var versions = context.dependencies
        versions.advance(to: context.stamp)
        known[context.origin, default: Versions()].formUnion(versions)
        announced[context.origin] = context.cut
    }

    mutating func settle() {
        if isObserver { return }
        let cut = settleCut
        for key in keys.keys.sorted() {
            guard var state = keys[key] else { continue }
            let before = state
            if faults.forgetsSurvivors { state = state.living(at: cut.unixMilliseconds) }
            state.settle(cut)
            // The Engine keeps what is plain in its own form, which remembers less.
            if let (value, dot, deadline) = state.compact {
                state = KeyState(value: value, stamp: dot, deadline: deadline, isSettled: dot <= cut)
            }
            if state != before { settleActions += 1 }
            var buffer = ByteBuffer()
            state.encode(to: &buffer)
            let decoded = buffer.array.withView { bytes in
                var reader = ByteReader(bytes)
                return KeyState.decode(&reader)
            }
            precondition(decoded == state || !faults.merging.isEmpty, "\(state) did not survive encoding")
            keys[key] = state.isBlank ? nil : state
        }
    }
}

func testKey(_ name: String) -> DatabaseKey { DatabaseKey(database: 0, key: Array(name.utf8)) }

/// Members, plus an observer that never settles, and every frame ever written.
struct Cluster {
    var nodes: [TestNode]
    var frames: [[TestFrame]]
    var now: Int64 = 1_750_000_000_000

    init(_ count: Int, faults: ClusterFaults = ClusterFaults()) {
        let members = (1...count).map { Replica(node: UInt8($0), generation: 0) }
        nodes = members.map { TestNode(replica: $0, members: members) }
        var observer = TestNode(replica: Replica(node: 99, generation: 0), members: members)
        observer.isObserver = true
        nodes.append(observer)
        frames = Array(repeating: [], count: count)
        for index in nodes.indices {
            nodes[index].faults = faults
            nodes[index].receiver.faults = faults.merging
        }
    }

    var memberCount: Int { frames.count }

    mutating func write(_ node: Int, _ commands: [(key: String, operation: KeyOperation)], skew: Int64 = 0) {
        frames[node].append(nodes[node].write(commands, now: now + skew))
    }

    /// One command of one node, a millisecond later than the last.
    mutating func write(_ node: Int, _ key: String, _ operation: KeyOperation) {
        now += 1
        write(node, [(key, operation)])
    }

    /// Delivers the next frame of `origin` to `node`, if it fits.
    @discardableResult
    mutating func deliver(from origin: Int, to node: Int) -> Bool {
        guard origin != node else { return false }
        let applied = nodes[node].receiver.versions[nodes[origin].replica]
        var low = 0
        var high = frames[origin].count
        while low < high {
            let middle = (low + high) / 2
            if frames[origin][middle].context.stamp <= applied { low = middle + 1 } else { high = middle }
        }
        guard low < frames[origin].count, nodes[node].accepts(frames[origin][low]) else { return false }
        nodes[node].receive(frames[origin][low])
        return true
    }

    mutating func synchronize() {
        var progress = true
        while progress {
            progress = false
            for origin in 0..<memberCount {
                for node in nodes.indices where deliver(from: origin, to: node) { progress = true }
            }
        }
    }

    /// Heartbeats until everything is stable, and settling everywhere.
    mutating func settleAll() {
        for _ in 0..<4 {
            now += 1
            for node in 0..<memberCount { write(node, []) }
            synchronize()
        }
        for node in nodes.indices { nodes[node].settle() }
    }

    /// What every node shows for `key`, and until when.
    func views(_ key: String, at time: Int64? = nil) -> [String] {
        nodes.map { node in
            let state = node.state(key)
            let time = time ?? now
            return "\(text(state.visible(at: time))) until \(state.deadline(at: time).map { "\($0)" } ?? "-")"
        }
    }

    func values(_ key: String) -> Set<String> {
        Set(nodes.map { text($0.state(key).visible(at: now)) })
    }
}

func text(_ value: VisibleValue?) -> String {
    switch value {
    case nil: "nil"
    case .string(let bytes): "'" + String(decoding: bytes, as: UTF8.self) + "'"
    case .set(let elements): "{" + elements.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",") + "}"
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
