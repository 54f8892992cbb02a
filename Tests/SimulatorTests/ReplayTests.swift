/// A node made again out of its log, and of a snapshot and the rest of it, shows what it showed before.
import Base
import CRDT
import Commands
import Core
import Engine
import Glibc
import Replication
import Testing
import Wire

@testable import Simulator

@Suite struct ReplayTests {
    private static let runs = getenv("A2_SIM_RUNS").flatMap { UInt64(String(cString: $0)) } ?? 40

    /// A node without peers, under random commands.
    private final class Lone {
        let node: SimNode
        var log: SimLog
        var workload: Workload
        var now: Int64 = 1_750_000_000_000

        init(seed: UInt64) {
            node = SimNode(
                replica: Replica(node: 3, generation: 0), counted: [Replica(node: 3, generation: 0)], seed: seed,
                keepsLog: true)
            log = SimLog()
            workload = Workload(random: SeededRandom(seed: seed))
        }

        func step() {
            now += Int64(workload.random.below(4))
            workload.now = now
            node.setClock(now)
            switch workload.random.below(30) {
            case 0: transact()
            case 1: _ = node.run(["SET", "{a}big", String(repeating: "x", count: 300_000)].map { Array($0.utf8) })
            case 2: if workload.chance(20) { _ = node.run([Array("FLUSHDB".utf8)]) }
            case 3: _ = node.executor.maintain(Workload.partitions[workload.random.below(2)], bucketsMax: 16)
            default: _ = node.run(workload.command(), plainly: workload.chance(70))
            }
            log.drain(node)
        }

        private func transact() {
            _ = node.run([Array("MULTI".utf8)])
            for _ in 0..<workload.random.below(6) { _ = node.run(workload.command()) }
            for key in Workload.pair { _ = node.run([Array("INCR".utf8), key]) }
            _ = node.run([Array("EXEC".utf8)])
        }
    }

    private func views(_ node: SimNode, at now: Int64) -> [KeyView] {
        (Workload.keys + Workload.pair + [Array("{a}big".utf8)]).map { node.view($0, at: now) }
    }

    private func digest(_ node: SimNode) -> [UInt128] {
        Workload.partitions.map { node.partition($0).pointee.digest(before: .max, key: (1, 2)).sum }
    }

    private func expectSame(_ again: SimNode, _ lone: Lone, _ what: String) {
        #expect(views(again, at: lone.now) == views(lone.node, at: lone.now), "\(what)")
        #expect(digest(again) == digest(lone.node), "\(what)")
        for partition in Workload.partitions {
            #expect(
                again.partition(partition).pointee.versions == lone.node.partition(partition).pointee.versions,
                "\(what)")
            #expect(
                again.partition(partition).pointee.latestOwnStamp
                    == lone.node.partition(partition).pointee.latestOwnStamp, "\(what)")
            #expect(again.partition(partition).pointee.history == History(), "\(what)")
        }
    }

    private func fresh(seed: UInt64) -> SimNode {
        SimNode(
            replica: Replica(node: 3, generation: 0), counted: [Replica(node: 3, generation: 0)], seed: seed,
            keepsLog: true)
    }

    private func replayer(_ node: SimNode, _ now: Int64) -> LogReplayer<PlainLending> {
        LogReplayer(node: node.node, cluster: "a2", share: 0, of: 1, countsOthers: false, nowMilliseconds: now)
    }

    @Test("A node without peers comes back out of its log as it was")
    func wholeLog() throws {
        for seed in 0..<Self.runs {
            let lone = Lone(seed: seed)
            for _ in 0..<300 { lone.step() }
            let again = fresh(seed: seed ^ 99)
            var replayer = replayer(again, lone.now)
            for entry in lone.log.entries {
                do {
                    try entry.content.withView { bytes throws(ReplayFailure) in
                        try replayer.replay(kind: entry.kind, bytes)
                    }
                } catch {
                    Issue.record("seed \(seed): \(error)")
                    return
                }
            }
            replayer.finish(as: again.replica, leaseMilliseconds: lone.now)
            settle(lone.node)
            expectSame(again, lone, "seed \(seed)")
        }
    }

    @Test("A snapshot taken while writes go on, and the log from where it began, make the same node")
    func snapshotAndLog() throws {
        for seed in 0..<Self.runs {
            let lone = Lone(seed: seed)
            for _ in 0..<lone.workload.random.below(200) { lone.step() }
            let start = lone.log.entries.count
            var states: [Int: [UInt8]] = [:]
            for partition in 0..<Slots.partitionCount {
                var export = StateExport(.everything)
                var bytes = ByteBuffer()
                export.writeHead(lone.node.partition(partition), into: &bytes)
                while !export.writeSlice(lone.node.partition(partition), bucketsMax: 1, into: &bytes) {
                    lone.step()
                }
                if Workload.partitions.contains(partition) { lone.step() }
                states[partition] = bytes.array
            }
            for _ in 0..<100 { lone.step() }
            let again = fresh(seed: seed ^ 7)
            var replayer = replayer(again, lone.now)
            do {
                for partition in 0..<Slots.partitionCount {
                    guard let state = states[partition] else { continue }
                    try state.withView { bytes throws(ReplayFailure) in try replayer.reload(partition, bytes) }
                }
                for entry in lone.log.entries[start...] {
                    try entry.content.withView { bytes throws(ReplayFailure) in
                        try replayer.replay(kind: entry.kind, bytes)
                    }
                }
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
            replayer.finish(as: again.replica, leaseMilliseconds: lone.now)
            settle(lone.node)
            expectSame(again, lone, "seed \(seed)")
        }
    }

    private func settle(_ node: SimNode) {
        for partition in Workload.partitions {
            for _ in 0..<20 { _ = node.executor.maintain(partition, bucketsMax: 16) }
        }
    }

    @Test("A transaction too large for an entry of the window is whole in the log or not there", arguments: [0, 1, 2])
    func largeTransaction(largeValues: Int) throws {
        let node = SimNode(
            replica: Replica(node: 3, generation: 0), counted: [Replica(node: 3, generation: 0)], seed: 1,
            windowBytes: 1 << 16, keepsLog: true)
        node.setClock(1_750_000_000_000)
        func run(_ arguments: String...) { _ = node.run(arguments.map { Array($0.utf8) }) }
        run("SET", "before", "1")
        _ = node.takeEntries()
        run("MULTI")
        for number in 0..<8 {
            run("SET", "key:\(number)", String(repeating: "v", count: number < largeValues ? 40_000 : 5000))
        }
        run("EXEC")
        let entries = node.takeEntries()
        #expect(entries.count >= 3 && entries.dropLast().allSatisfy(\.continues), "\(entries.map(\.continues))")
        #expect(entries.last?.continues == false)
        #expect(entries.count { $0.kind == LogRecordKind.largeFrame.rawValue } == largeValues)
        // Peers pass over the marks.
        var position: UInt64 = 0
        var frames = 0
        while let (found, next) = node.readFrames(at: position) {
            frames += found.count
            position = next
        }
        #expect(frames == 9 || largeValues > 0)
        run("MULTI")
        run("SET", "small:1", "1")
        run("SET", "small:2", "1")
        run("EXEC")
        let small = node.takeEntries()
        #expect(small.count == 1 && small.first?.continues == false)
    }
}

/// What a walk must keep still, on a node that has a peer.
@Suite struct WalkTests {
    private let one = Replica(node: 1, generation: 0)
    private let two = Replica(node: 2, generation: 0)
    private let key = Array("n".utf8)
    private let now: Int64 = 1_750_000_000_000

    private func node() -> SimNode {
        let node = SimNode(replica: one, counted: [one, two], seed: 5, keepsLog: true)
        node.setClock(now)
        return node
    }

    private func increment(_ node: SimNode) { _ = node.run([Array("INCRBY".utf8), key, Array("5".utf8)]) }

    @Test("Increments written and settled while a snapshot is walked are not counted again", arguments: [true, false])
    func frozen(isFrozen: Bool) throws {
        let node = node()
        let number = key.withView { Slots.partition(of: $0) }
        let partition = node.partition(number)
        increment(node)
        _ = node.takeEntries()
        if isFrozen { partition.pointee.beginWalk() }
        var export = StateExport(.everything)
        var state = ByteBuffer()
        export.writeHead(partition, into: &state)
        increment(node)
        // Everybody has it, and has said so.
        let cut = Stamp(tick: partition.pointee.latestOwnStamp.tick + 1, replica: one).asCut
        var fences = Versions()
        for replica in [one, two] { fences.advance(to: Stamp(tick: cut.tick + 1, replica: replica)) }
        node.executor.adopt(number, cut: cut, settleCut: cut, fences: fences)
        for _ in 0..<20 { _ = node.executor.maintain(number, bucketsMax: 16) }
        _ = export.writeSlice(partition, bucketsMax: .max, into: &state)
        if isFrozen { partition.pointee.endWalk() }

        let again = self.node()
        var replayer = LogReplayer<PlainLending>(
            node: again.node, cluster: "a2", share: 0, of: 1, countsOthers: true, nowMilliseconds: now)
        try state.view.array.withView { bytes throws(ReplayFailure) in try replayer.reload(number, bytes) }
        for entry in node.takeEntries() {
            try entry.content.withView { bytes throws(ReplayFailure) in
                try replayer.replay(kind: entry.kind, bytes)
            }
        }
        replayer.finish(as: one, leaseMilliseconds: now)
        let shown = again.view(key, at: now + 1000).value
        // Without the freeze the snapshot has the sum without its stamps, and the log adds to it once more.
        #expect((shown == .string(Array("10".utf8))) == isFrozen, "\(text(KeyView(value: shown)))")
    }
}
