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
}
