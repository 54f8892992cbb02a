/// Encodes a partition's draft once, as a frame, into the node's log buffer.
import Base
import Commands
import Engine
import Replication
import Wire

struct FrameWriter: ~Copyable {
    private let window: Window
    private var header = ByteBuffer(capacity: 256)
    /// The frames of a group: one entry of the window, so that the log has all of them or none.
    private var group = ByteBuffer(capacity: 256)
    /// The group needs more than one entry.
    private var isLargeGroup = false

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
        var large: ByteBuffer?
        if isElided { large = takeRecords(context) }
        let hasNews = partition.pointee.hasDependenciesToTell
        let tellsAll = hasNews && partition.pointee.tellsAllDependencies
        let dependencies = hasNews ? partition.pointee.takeDependencies() : FewStamps()
        if isElided { partition.pointee.startDependenciesOver() }
        FrameCodec.encodeHeader(
            partition: partition.pointee.index, stamp: partition.pointee.draftStamp,
            prev: partition.pointee.latestOwnStamp, cut: partition.pointee.announcedCut,
            dependencies: dependencies, hasAllDependencies: tellsAll, isElided: isElided,
            isGrouped: isGrouped, records: context.pointee.records.view, into: &header)
        if let large = large.take() {
            if isGrouped { beginLargeGroup() }
            window.append(header.view, beside: large, .ownLarge)
        } else if isGrouped {
            appendToGroup(context.pointee.records.view)
        } else {
            window.append(header.view, context.pointee.records.view)
        }
        context.pointee.framesWritten &+= 1
        context.pointee.frameBytes &+= UInt64(header.count + context.pointee.records.count)
        context.pointee.records.removeAll()
        context.pointee.hasElidedRecord = false
        partition.pointee.closeDraft()
    }

    /// The records of a frame that goes out without them; nil where nobody keeps them.
    @inline(never)
    private mutating func takeRecords(_ context: UnsafeMutablePointer<ExecutionContext>) -> ByteBuffer? {
        guard window.log != nil else {
            context.pointee.records.removeAll()
            return nil
        }
        var records = ByteBuffer(capacity: 4096)
        swap(&records, &context.pointee.records)
        return records
    }

    // MARK: groups

    private mutating func appendToGroup(_ records: ByteView) {
        if group.count + header.count + records.count > window.frameBytesMax {
            // For peers it goes in pieces; the log takes what stands between two marks at once.
            beginLargeGroup()
            appendPiece()
        }
        group.append(header.view)
        group.append(records)
    }

    private mutating func beginLargeGroup() {
        if isLargeGroup { return }
        isLargeGroup = true
        window.append(.empty, .empty, .groupBegins)
    }

    private mutating func appendPiece() {
        if group.isEmpty { return }
        window.append(group.view, .empty)
        group.removeAll()
    }

    /// After the last commit of a group, with all its partitions still held.
    mutating func endGroup() {
        appendPiece()
        group.shrink(to: 1 << 20)
        guard isLargeGroup else { return }
        isLargeGroup = false
        window.append(.empty, .empty, .groupEnds)
    }
}
