/// Increments of a replica whose process has ended: the next process of it does not go on with its runs.
import Base
import CRDT
import Testing

@testable import Engine

@Suite struct FormerRunTests {
    private static let key = Array("n".utf8)

    private func increment(_ bench: PartitionBench, _ amount: Int64) throws -> (frame: FrameContext, records: [UInt8]) {
        bench.now += 1000
        bench.with(Self.key) { _ = try? $0.increment(by: amount) }
        return try #require(bench.commit())
    }

    /// Somebody who has folded the run, because the process that wrote it had announced a cut behind it.
    private func folded(_ write: (frame: FrameContext, records: [UInt8])) -> PartitionBench {
        let peer = PartitionBench(node: 2)
        peer.partition.pointee.startCounting()
        #expect(peer.receive(write.frame, write.records) == .applied)
        let cut = Stamp(tick: write.frame.stamp.tick + 1, replica: write.frame.stamp.replica).asCut
        var fences = Versions()
        fences.advance(to: Stamp(tick: cut.tick + 1, replica: Replica(node: 1, generation: 0)))
        fences.advance(to: Stamp(tick: cut.tick + 1, replica: Replica(node: 2, generation: 0)))
        peer.partition.pointee.adopt(cut: cut, settleCut: cut, fences: fences)
        for _ in 0..<20 { peer.partition.pointee.settleWhatIsStable(&peer.context.pointee) }
        peer.with(Self.key) { #expect(!$0.state.cell.bases.isEmpty && !$0.state.cell.hasIncrements) }
        return peer
    }

    private func author() -> PartitionBench {
        let author = PartitionBench()
        author.partition.pointee.startCounting()
        return author
    }

    @Test("A process that came back from its log begins a run of its own")
    func log() throws {
        let author = author()
        let first = try increment(author, 5)
        let peer = folded(first)
        author.partition.pointee.finishReplay(tick: 0, &author.context.pointee)
        let second = try increment(author, 2)
        let third = try increment(author, 3)
        #expect(peer.receive(second.frame, second.records) == .applied)
        #expect(peer.receive(third.frame, third.records) == .applied)
        #expect(author.visible("n") == .string(Array("10".utf8)))
        #expect(peer.visible("n") == .string(Array("10".utf8)))
        // A reset covers both runs.
        author.with(Self.key) { _ = $0.delete() }
        let last = try #require(author.commit())
        #expect(peer.receive(last.frame, last.records) == .applied)
        #expect(peer.visible("n") == nil)
    }

    @Test("So does one that has its past back from a peer")
    func peer() throws {
        let former = author()
        let first = try increment(former, 5)
        let peer = folded(first)
        let author = author()
        var export = StateExport(.everything)
        var bytes = ByteBuffer()
        export.writeHead(former.partition, into: &bytes)
        _ = export.writeSlice(former.partition, bucketsMax: .max, into: &bytes)
        // As of somebody to whom the author is a peer.
        let outcome = author.partition.pointee.joinState(bytes.view, &author.context.pointee)
        guard case .joined = outcome else { return #expect(Bool(false), "\(outcome)") }
        author.partition.pointee.adoptOwnPast()
        author.now = former.now
        let second = try increment(author, 2)
        #expect(peer.receive(second.frame, second.records) == .applied)
        #expect(author.visible("n") == .string(Array("7".utf8)))
        #expect(peer.visible("n") == .string(Array("7".utf8)))
    }
}
