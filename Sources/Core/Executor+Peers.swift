/// The two sides of replication that need a partition: telling peers what has been applied here, and taking in
/// what they wrote.
import Base
import Commands
import Engine
import Replication
import Wire

extension Executor {
    /// Promises that nothing is written here any more with a tick at or below this.
    public mutating func raiseFence(_ partition: Int, tick: UInt64) {
        lending.acquire(partition)
        partitions[partition].pointee.raiseFence(tick: tick)
        lending.release(partition)
    }

    /// Hands a partition the node's cuts and fences, and lets it forget what they allow.
    public mutating func adopt(_ partition: Int, cut: Stamp, settleCut: Stamp, fences: Versions) {
        lending.acquire(partition)
        partitions[partition].pointee.adopt(cut: cut, settleCut: settleCut, fences: fences)
        partitions[partition].pointee.settleWhatIsStable(&context.pointee)
        lending.release(partition)
    }

    /// Takes in a peer's frame. A frame whose records were too large for the window, or that builds on one
    /// which never came here, is a gap like a missing one.
    /// `bytes` is the frame as it came, for the log.
    public mutating func receive(_ header: FrameHeader, records: ByteView, bytes: ByteView) -> MergeOutcome {
        node.window.log?.reserve(header.stamp)
        lending.acquire(header.partition)
        defer { lending.release(header.partition) }
        let outcome = partitions[header.partition].pointee.receive(
            stamp: header.stamp, prev: header.prev, cut: header.cut, dependencies: header.dependencies,
            hasAllDependencies: header.hasAllDependencies, isElided: header.isElided, records: records,
            &context.pointee)
        if outcome == .applied, node.window.log != nil { enter(.foreign, .empty, bytes) }
        return outcome
    }
}
