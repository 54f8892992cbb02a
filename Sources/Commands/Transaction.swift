/// The commands queued between MULTI and EXEC, their bytes kept in one buffer.
import Base
import Engine
import RESP

public final class Transaction {
    public struct Queued {
        public let command: Command.Reference
        let firstRange: Int
        let count: Int
    }

    public private(set) var queue: [Queued] = []
    /// A command was refused while queueing: EXEC will abort.
    public var isBroken = false
    /// Partitions of every key named so far; all of them once a queued command walks.
    public private(set) var partitions = PartitionSet()
    private var ranges: [ArgumentRange] = []
    private var bytes = ByteBuffer(capacity: 256)
    private var blocks: [SharedBlock] = []

    public init() {}

    deinit {
        for block in blocks { block.release() }
    }

    public func append(_ command: Command.Reference, _ arguments: Arguments) {
        let first = ranges.count
        for index in 0..<arguments.count {
            switch arguments.value(index) {
            case .bytes(let view) where bytes.count + view.count <= Int(Int32.max):
                ranges.append(ArgumentRange(offset: Int32(bytes.count), count: view.count))
                bytes.append(view)
            case .bytes(let view):
                keep(.copying(view))
            case .block(let block):
                keep(block)
            }
        }
        queue.append(Queued(command: command, firstRange: first, count: arguments.count))
        if command.pointee.flags.contains(.walks) { partitions = .all }
        if command.pointee.firstKey > 0 {
            for index in stride(
                from: command.pointee.firstKey, to: command.pointee.keyEnd(arguments.count),
                by: command.pointee.keyStep)
            {
                partitions.insert(Slots.partition(of: arguments[index]))
            }
        }
    }

    private func keep(_ block: SharedBlock) {
        ranges.append(ArgumentRange(offset: 0, count: block.count, block: Int32(blocks.count)))
        blocks.append(block)
    }

    public var hasWrites: Bool { queue.contains { $0.command.pointee.flags.contains(.write) } }

    public var queuedBytes: Int { bytes.count + ranges.count * 16 + queue.count * 32 }

    /// Lends the arguments of each queued command in turn.
    public func forEach(_ body: (Command.Reference, Arguments) -> Void) {
        ranges.withUnsafeBufferPointer { ranges in
            blocks.withUnsafeBufferPointer { blocks in
                withUnsafeTemporaryAllocation(of: SharedBlock.self, capacity: 1) { none in
                    guard let rangeStart = ranges.baseAddress, let noBlocks = none.baseAddress else { return }
                    for queued in queue {
                        body(
                            queued.command,
                            Arguments(
                                ranges: rangeStart + queued.firstRange, count: queued.count, buffer: bytes.view.start,
                                side: bytes.view.start, blocks: blocks.baseAddress ?? UnsafePointer(noBlocks)))
                    }
                }
            }
        }
    }
}
