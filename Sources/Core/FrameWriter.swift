/// Encodes a partition's draft once, as a frame, into the node's log buffer.
import Base
import Commands
import Engine
import Replication
import Wire

struct FrameWriter: ~Copyable {
    private let window: Window
    private var header = ByteBuffer(capacity: 256)

    private let recordBytesMax: Int

    init(window: Window) {
        self.window = window
        recordBytesMax = min(window.frameBytesMax, FrameCodec.contentBytesMax) - 4096
    }

    @inline(__always)
    mutating func commit(
        _ partition: UnsafeMutablePointer<Partition>, _ context: UnsafeMutablePointer<ExecutionContext>,
        isGrouped: Bool
    ) {
        if partition.pointee.draftStamp.isZero { return }
        if context.pointee.accumulates {
            partition.pointee.writeAccumulated(&context.pointee)
            if !isGrouped { context.pointee.endAccumulating() }
        }
        write(partition, context, isGrouped)
    }

    @inline(__always)
    private mutating func write(
        _ partition: UnsafeMutablePointer<Partition>, _ context: UnsafeMutablePointer<ExecutionContext>,
        _ isGrouped: Bool
    ) {
        // What does not fit the window stays out of it: peers see the gap in the chain and repair the keys.
        let isElided = context.pointee.hasElidedRecord || context.pointee.records.count > recordBytesMax
        if isElided { context.pointee.records.removeAll() }
        let hasNews = partition.pointee.hasDependenciesToTell
        let tellsAll = hasNews && partition.pointee.tellsAllDependencies
        let dependencies = hasNews ? partition.pointee.takeDependencies() : FewStamps()
        if isElided { partition.pointee.startDependenciesOver() }
        FrameCodec.encodeHeader(
            partition: partition.pointee.index, stamp: partition.pointee.draftStamp,
            prev: partition.pointee.latestOwnStamp, cut: partition.pointee.announcedCut,
            dependencies: dependencies, hasAllDependencies: tellsAll, isElided: isElided,
            isGrouped: isGrouped, records: context.pointee.records.view, into: &header)
        window.append(header.view, context.pointee.records.view)
        context.pointee.framesWritten &+= 1
        context.pointee.frameBytes &+= UInt64(header.count + context.pointee.records.count)
        context.pointee.records.removeAll()
        context.pointee.hasElidedRecord = false
        partition.pointee.closeDraft()
    }
}
