/// Renaming what a node wrote before it met anybody.
import Base
import CRDT
import Testing

@testable import Engine

@Suite struct RestampTests {
    @Test("Everything shows the same under one later stamp, and counters still add up")
    func renaming() throws {
        let bench = PartitionBench()
        bench.partition.pointee.startCounting()
        bench.set("plain", "value")
        for _ in 0..<3 {
            bench.with(Array("count".utf8)) { _ = try? $0.increment(by: 5) }
            _ = bench.commit()
        }
        bench.set("gone", "x")
        bench.with(Array("gone".utf8)) { _ = $0.delete() }
        _ = bench.commit()
        let former = bench.partition.pointee.latestOwnStamp
        let floor = Stamp(tick: former.tick + 1000, replica: Replica(node: 1, generation: 0))
        bench.partition.pointee.restamp(above: floor, &bench.context.pointee)
        #expect(bench.partition.pointee.latestOwnStamp > floor)
        #expect(bench.partition.pointee.versions.stamps == [bench.partition.pointee.latestOwnStamp])
        var states: [KeyState] = []
        for name in ["plain", "count"] { bench.with(Array(name.utf8)) { states.append($0.state) } }
        #expect(states.allSatisfy { $0.modified == bench.partition.pointee.latestOwnStamp })
        #expect(states[0].visible(at: bench.now) == .string(Array("value".utf8)))
        #expect(states[1].visible(at: bench.now) == .string(Array("15".utf8)))
        #expect(states[1].cell.bases.isEmpty && states[1].cell.hasIncrements)
        bench.with(Array("gone".utf8)) { #expect(!$0.exists) }
        // The next frame follows the new name.
        bench.with(Array("plain".utf8)) { $0.set(.bytes(ByteView("later"))) }
        let (frame, _) = try #require(bench.commit())
        #expect(frame.prev > floor)
    }

    private func export(_ bench: PartitionBench) -> [UInt8] {
        var export = StateExport(.everything)
        var state = ByteBuffer()
        export.writeHead(bench.partition, into: &state)
        while !export.writeSlice(bench.partition, bucketsMax: 100, into: &state) {}
        return state.array
    }

    /// One member has settled an increment that is still one at the other: beside a SET by somebody who has seen
    /// neither, it would be a value here and an increment there.
    @Test("What was written alone goes over what the cluster had, wherever that has settled")
    func adoption() {
        let members = [PartitionBench(node: 1), PartitionBench(node: 2, seed: 8)]
        let newcomer = PartitionBench(node: 3, seed: 9)
        for bench in members + [newcomer] { bench.partition.pointee.startCounting() }
        for (key, amount) in [("k", Int64(1)), ("n", 5), ("word", 2)] {
            members[0].with(Array(key.utf8)) { _ = try? $0.increment(by: amount) }
            guard let (frame, records) = members[0].commit() else {
                Issue.record("no frame")
                return
            }
            #expect(members[1].receive(frame, records) == .applied)
        }
        let latest = members[0].partition.pointee.latestOwnStamp
        members[0].partition.pointee.adopt(cut: latest, settleCut: latest, fences: Versions())
        members[0].partition.pointee.settleWhatIsStable(&members[0].context.pointee)

        newcomer.set("k", "103")
        newcomer.set("word", "no number", deadline: PartitionBench.start + 60_000)
        newcomer.set("own", "mine")
        newcomer.with(Array("n".utf8)) { _ = try? $0.increment(by: 7) }
        _ = newcomer.commit()
        let floor = Stamp(tick: latest.tick + 1000, replica: Replica(node: 3, generation: 0))
        newcomer.partition.pointee.restamp(above: floor, &newcomer.context.pointee)
        let outcome = export(members[1]).withView {
            newcomer.partition.pointee.adoptState($0, &newcomer.context.pointee)
        }
        #expect(outcome == .joined(keysChanged: 3))
        for member in members {
            _ = export(newcomer).withView { member.partition.pointee.joinState($0, &member.context.pointee) }
        }
        for bench in members + [newcomer] {
            for (key, value) in [("k", "103"), ("n", "12"), ("word", "no number"), ("own", "mine")] {
                #expect(bench.visible(key) == .string(Array(value.utf8)), "\(key)")
            }
            #expect(bench.partition.pointee.versions.covers(newcomer.partition.pointee.latestOwnStamp))
        }
        // Once is enough: what came since is not wiped.
        newcomer.set("later", "x")
        _ = export(members[0]).withView { newcomer.partition.pointee.adoptState($0, &newcomer.context.pointee) }
        #expect(newcomer.visible("later") == .string(Array("x".utf8)))
    }

    @Test("A state that cannot be read leaves what is here as it is")
    func malformedAdoption() {
        let bench = PartitionBench()
        bench.partition.pointee.startCounting()
        bench.set("k", "v")
        let versions = bench.partition.pointee.versions
        var state = export(bench)
        state.removeLast()
        let outcome = state.withView { bench.partition.pointee.adoptState($0, &bench.context.pointee) }
        #expect(outcome == .malformed)
        #expect(bench.visible("k") == .string(Array("v".utf8)))
        #expect(bench.partition.pointee.versions == versions)
    }
}
