/// A pipeline runs as a batch: up to 32 commands are parsed and looked up, the table slots of their keys are
/// prefetched together, then the entries, and only then are they executed in order. Most of a small
/// command's time is one cache miss; here the misses of a batch overlap.
import Base
import Commands
import Core
import Engine
import RESP

struct Batch: ~Copyable {
    private struct Prepared {
        var command: Command.Reference?
        var firstArgument: Int
        var argumentCount: Int
        var end: Int
        var hash: UInt64
        /// Negative: not a plain command with one key.
        var partition: Int
    }

    private let prepared = UnsafeMutablePointer<Prepared>.allocate(capacity: Limits.batchCommandsMax)

    deinit { prepared.deallocate() }

    /// Executes everything that has arrived whole on the connection.
    @inline(__always)
    borrowing func execute(
        _ connection: UnsafeMutablePointer<Connection>, _ executor: inout Executor<PartitionLocks>
    ) {
        var goesOn = true
        let limits = ParserLimits()
        while goesOn {
            let view = connection.pointee.query.view
            var count = 0
            parsing: while count < Limits.batchCommandsMax {
                switch connection.pointee.parser.next(view, into: &connection.pointee.arguments, limits: limits) {
                case .command(let range, let end):
                    prepare(count, range, end, view, connection, executor.node)
                    count += 1
                default:
                    goesOn = false
                    break parsing
                }
            }
            if count > 1 {
                for index in 0..<count where prepared[index].partition >= 0 {
                    executor.node.partitions[prepared[index].partition].pointee.prefetchEntry(
                        database: connection.pointee.session.pointee.database, hash: prepared[index].hash)
                }
            }
            for index in 0..<count {
                let item = prepared[index]
                guard let command = item.command else {
                    connection.pointee.reply.pointee.error("ERR unknown command"); continue
                }
                let arguments = Arguments(
                    ranges: connection.pointee.arguments.pointer(at: item.firstArgument), count: item.argumentCount,
                    buffer: view.start, side: view.start, blocks: UnsafePointer(bitPattern: 8).unsafelyUnwrapped)
                if item.partition >= 0 {
                    _ = executor.runSingleKey(
                        command, arguments, partition: item.partition, hash: item.hash,
                        reply: connection.pointee.reply, session: connection.pointee.session)
                }
            }
            connection.pointee.query.consume(connection.pointee.parser.finishBatch(&connection.pointee.arguments))
        }
    }

    @inline(__always)
    private func prepare(
        _ index: Int, _ range: Range<Int>, _ end: Int, _ view: ByteView,
        _ connection: UnsafeMutablePointer<Connection>, _ node: Node
    ) {
        let name = connection.pointee.arguments.bytes(at: range.lowerBound, in: view)
        let command = CommandTable.shared.find(name)
        prepared[index] = Prepared(
            command: command, firstArgument: range.lowerBound, argumentCount: range.count, end: end, hash: 0,
            partition: -1)
        guard let command, command.pointee.hasSingleKey, command.pointee.accepts(argumentCount: range.count) else {
            return
        }
        let key = connection.pointee.arguments.bytes(at: range.lowerBound + command.pointee.firstKey, in: view)
        let partition = Slots.partition(of: key)
        let hash = node.partitions[partition].pointee.hash(of: key)
        prepared[index].partition = partition
        prepared[index].hash = hash
        node.partitions[partition].pointee.prefetchBucket(
            database: connection.pointee.session.pointee.database, hash: hash)
    }
}
