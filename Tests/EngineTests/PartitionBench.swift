/// One partition and a context to work on it, outside of any node.
import Base
import CRDT

@testable import Engine

final class PartitionBench {
    let partition: UnsafeMutablePointer<Partition>
    let context: UnsafeMutablePointer<ExecutionContext>

    static let start: Int64 = 1_750_000_000_000

    init(node: UInt8 = 1, databases: Int = 2, seed: UInt64 = 7) {
        partition = .allocate(capacity: 1)
        partition.initialize(
            to: Partition(
                index: 0, replica: Replica(node: node, generation: 0), databases: databases, hashSeed: seed))
        context = .allocate(capacity: 1)
        context.initialize(to: ExecutionContext(random: SeededRandom(seed: seed)))
        context.pointee.nowMilliseconds = Self.start
    }

    deinit {
        partition.deinitialize(count: 1)
        partition.deallocate()
        context.deinitialize(count: 1)
        context.deallocate()
    }

    var now: Int64 {
        get { context.pointee.nowMilliseconds }
        set { context.pointee.nowMilliseconds = newValue }
    }

    func with<Result>(_ name: [UInt8], database: Int = 0, _ body: (KeyHandle) -> Result) -> Result {
        name.withView { view in
            body(
                KeyHandle(
                    partition: partition, context: context, database: database,
                    hash: partition.pointee.hash(of: view), name: view))
        }
    }

    func set(_ name: String, _ value: String, deadline: Int64? = nil) {
        with(Array(name.utf8)) { key in
            Array(value.utf8).withView {
                key.set(.bytes($0), deadline: deadline.map { .at(milliseconds: $0) } ?? .none)
            }
        }
        _ = commit()
    }

    func visible(_ name: String) -> VisibleValue? { with(Array(name.utf8)) { $0.visible } }

    /// Ends the frame being drafted. Returns its context and records; nil when nothing was written.
    func commit() -> (frame: FrameContext, records: [UInt8])? {
        if partition.pointee.draftStamp.isZero {
            context.pointee.endAccumulating()
            return nil
        }
        if context.pointee.accumulates { partition.pointee.writeAccumulated(&context.pointee) }
        context.pointee.endAccumulating()
        let frame = FrameContext(
            stamp: partition.pointee.draftStamp, dependencies: Versions(), prev: partition.pointee.latestOwnStamp,
            cut: partition.pointee.announcedCut)
        let records = context.pointee.records.array
        context.pointee.records.removeAll()
        partition.pointee.closeDraft()
        return (frame, records)
    }

    func receive(_ frame: FrameContext, _ records: [UInt8]) -> MergeOutcome {
        records.withView { partition.pointee.merge(frame, records: $0, &context.pointee) }
    }
}
