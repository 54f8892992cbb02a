/// A pipeline runs as a batch: up to 32 commands are parsed and looked up, the table slots of their keys are
/// prefetched meanwhile, and then they are executed in order, the entries of the next few on their way. Most of
/// a small command's time is one cache miss; here the misses of a batch overlap, never more of them than a core
/// can wait for at once.
import Base
import Commands
import Core
import Engine
import RESP
import Synchronization

struct Batch: ~Copyable {
    struct Prepared {
        var command: Command.Reference?
        var firstArgument: Int
        var argumentCount: Int
        var end: Int
        var hash: UInt64
        /// Negative: not a plain command with one key.
        var partition: Int
    }

    /// Why parsing stopped.
    private enum Stop {
        case full
        case incomplete
        case failure(ProtocolFailure)
        case largeBulk(length: Int, payloadOffset: Int, available: Int)
    }

    /// A core has room for ten to sixteen lines on their way, and most entries are two.
    private static let entriesAhead = 12

    private let prepared = UnsafeMutablePointer<Prepared>.allocate(capacity: Limits.batchCommandsMax)

    deinit { prepared.deallocate() }

    /// Executes everything that has arrived whole on the connection, until it runs out or has to wait.
    borrowing func execute(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>, _ loop: EventLoop) {
        while !connection.pointee.isHeld, !connection.pointee.closesAfterReply {
            guard connection.pointee.blockBytesMissing == 0 else { return }
            let (count, stop) = parse(connection, loop)
            run(count, slot, connection, loop)
            connection.pointee.query.consume(
                connection.pointee.parser.finishBatch(&connection.pointee.arguments))
            if !connection.pointee.blocks.isEmpty, !connection.pointee.parser.isInsideCommand {
                connection.pointee.blocks.releaseAll()
            }
            if connection.pointee.isHeld || connection.pointee.closesAfterReply { return }
            switch stop {
            case .full: continue
            case .incomplete:
                if connection.pointee.query.count > loop.limits.queryBufferBytesMax {
                    connection.pointee.closesAfterReply = true
                }
                if connection.pointee.query.isEmpty, connection.pointee.query.capacity > 4 * Connection.queryBytesKept {
                    connection.pointee.query.shrink(to: Connection.queryBytesKept)
                }
                return
            case .failure(let failure):
                failure.append(to: &connection.reply.pointee.buffer)
                connection.pointee.closesAfterReply = true
                return
            case .largeBulk:
                // The batch is finished: ask again for offsets that count from the new origin.
                guard startBlock(connection, loop) else { return }
            }
        }
    }

    private borrowing func startBlock(
        _ connection: UnsafeMutablePointer<Connection>, _ loop: EventLoop
    ) -> Bool {
        let outcome = connection.pointee.parser.next(
            connection.pointee.query.view, into: &connection.pointee.arguments, limits: loop.parserLimits)
        guard case .largeBulk(let length, let payloadOffset, let available) = outcome else {
            preconditionFailure("a large argument turned into \(outcome)")
        }
        loop.startBlock(connection, length: length, payloadOffset: payloadOffset, available: available)
        return connection.pointee.blockBytesMissing == 0
    }

    @inline(__always)
    private borrowing func parse(
        _ connection: UnsafeMutablePointer<Connection>, _ loop: EventLoop
    ) -> (count: Int, stop: Stop) {
        let view = connection.pointee.query.view
        let database = connection.session.pointee.database
        // What AUTH changes must hold for the very next command.
        let isAuthenticated = connection.session.pointee.isAuthenticated
        var limits = loop.parserLimits
        limits.isAuthenticated = isAuthenticated
        let countMax = isAuthenticated ? Limits.batchCommandsMax : 1
        var count = 0
        while count < countMax {
            switch connection.pointee.parser.next(view, into: &connection.pointee.arguments, limits: limits) {
            case .command(let range, let end):
                prepare(count, range, end, view, connection, database, loop.node)
                count += 1
            case .incomplete: return (count, .incomplete)
            case .failure(let failure): return (count, .failure(failure))
            case .largeBulk(let length, let payloadOffset, let available):
                return (count, .largeBulk(length: length, payloadOffset: payloadOffset, available: available))
            }
        }
        return (count, .full)
    }

    @inline(__always)
    private borrowing func prepare(
        _ index: Int, _ range: Range<Int>, _ end: Int, _ view: ByteView,
        _ connection: UnsafeMutablePointer<Connection>, _ database: Int, _ node: Node
    ) {
        let range0 = connection.pointee.arguments[range.lowerBound]
        let name =
            range0.block >= 0
            ? connection.pointee.blocks[Int(range0.block)].view
            : connection.pointee.arguments.bytes(at: range.lowerBound, in: view)
        let command = CommandTable.shared.find(name)
        prepared[index] = Prepared(
            command: command, firstArgument: range.lowerBound, argumentCount: range.count, end: end, hash: 0,
            partition: -1)
        guard let command, command.pointee.hasSingleKey, command.pointee.accepts(argumentCount: range.count),
            !command.pointee.isContainer
        else { return }
        let position = range.lowerBound + command.pointee.firstKey
        if connection.pointee.arguments[position].block >= 0 { return }
        let key = connection.pointee.arguments.bytes(at: position, in: view)
        let partition = Slots.partition(of: key)
        let hash = node.partitions[partition].pointee.hash(of: key)
        prepared[index].partition = partition
        prepared[index].hash = hash
        node.partitions[partition].prefetchBucket(database: database, hash: hash)
    }

    @inline(__always)
    private borrowing func prefetchEntry(_ index: Int, _ database: Int, _ loop: EventLoop) {
        let partition = prepared[index].partition
        guard partition >= 0 else { return }
        let locks = loop.shared.locks
        // Finding the entry reads the table, which another loop or a peer's frame may be replacing: then it stays
        // unfetched.
        guard locks.tryAcquire(partition) else { return }
        loop.node.partitions[partition].prefetchEntry(database: database, hash: prepared[index].hash)
        locks.release(partition)
    }

    @inline(__always)
    private borrowing func run(
        _ count: Int, _ slot: Int, _ connection: UnsafeMutablePointer<Connection>, _ loop: EventLoop
    ) {
        let session = connection.session
        let reply = connection.reply
        let isWatched = loop.isWatched
        let database = session.pointee.database
        if count > 1 {
            for index in 0..<min(count, Self.entriesAhead) { prefetchEntry(index, database, loop) }
        }
        loop.executor.startTiming()
        for index in 0..<count {
            let ahead = index + Self.entriesAhead
            if ahead < count { prefetchEntry(ahead, database, loop) }
            let item = prepared[index]
            let arguments = Arguments(
                ranges: connection.pointee.arguments.pointer(at: item.firstArgument), count: item.argumentCount,
                buffer: connection.pointee.query.view.start, side: connection.pointee.arguments.sideStart,
                blocks: UnsafePointer(connection.pointee.blocks.start))
            if let command = item.command, item.partition >= 0, !isWatched,
                loop.executor.admitsPlainly(command, session)
            {
                connection.pointee.lastCommand = command
                let effect = loop.executor.runSingleKey(
                    command, arguments, partition: item.partition, hash: item.hash, reply: reply, session: session)
                if case .none = effect { continue }
                loop.carryOut(effect, command, arguments, slot, connection)
            } else {
                guard loop.runWithCare(item.command, arguments, slot, connection) else {
                    // Held back before it ran: it is parsed again later.
                    let end = index == 0 ? 0 : prepared[index - 1].end
                    connection.pointee.parser.rewind(to: end, connection.pointee.arguments)
                    return
                }
            }
            if connection.pointee.isHeld || connection.pointee.closesAfterReply {
                connection.pointee.parser.rewind(to: item.end, connection.pointee.arguments)
                return
            }
        }
    }
}
