/// MULTI, WATCH and EXEC.
///
/// EXEC acquires every partition that the queued commands name or the client watches, so nobody on this node
/// sees half of it; each partition written gets one frame, and the frames form a group.
import Base
import Commands
import Engine
import RESP

extension Executor {
    mutating func runTransaction(
        _ exec: Command.Reference, _ arguments: Arguments, reply: UnsafeMutablePointer<ReplyWriter>,
        session: UnsafeMutablePointer<Session>
    ) -> Effect {
        guard let transaction = session.pointee.transaction else { return .none }
        session.pointee.transaction = nil
        session.pointee.refreshNeedsCare()
        if transaction.isBroken {
            unwatch(session)
            refuse(.transactionAborted, reply)
            return .none
        }
        var named = transaction.partitions
        named.formUnion(session.pointee.watchedPartitions)
        named.forEach { lending.acquire($0) }
        let now = enter(named)
        defer { context.pointee.nowMilliseconds = now }
        var isStale = false
        session.pointee.watchedPartitions.forEach {
            if partitions[$0].pointee.watchFailed(client: session.pointee.id, &context.pointee) { isStale = true }
        }
        forgetWatches(session)
        if isStale {
            named.forEach { lending.release($0) }
            reply.pointee.nullArray()
            return .none
        }
        context.pointee.accumulates = true
        reply.pointee.array(transaction.queue.count)
        var effects: [PlacedRequest] = []
        transaction.forEach { command, arguments in
            runQueued(command, arguments, reply: reply, session: session, &effects)
        }
        commit(named)
        named.forEach { lending.release($0) }
        return effects.isEmpty ? .none : .hostList(ordered(effects, reply))
    }

    private mutating func runQueued(
        _ command: Command.Reference, _ arguments: Arguments, reply: UnsafeMutablePointer<ReplyWriter>,
        session: UnsafeMutablePointer<Session>, _ effects: inout [PlacedRequest]
    ) {
        if command.pointee.flags.contains(.denyOutOfMemory), isOverMemoryLimit {
            node.countRefusedWrite()
            return refuse(.outOfMemory, reply)
        }
        var call = Invocation(
            arguments: arguments, command: command, reply: reply, session: session, context: context,
            partitions: partitions, node: node)
        call.isInTransaction = true
        invoke(&call)
        switch call.effect {
        case .walk(let walk):
            while let at = walk.partition {
                var visit = PartitionVisit(partition: partitions[at], context: context, bucketsMax: .max)
                walk.visit(&visit)
            }
            walk.finish(&call)
        case .host(let request): effects.append(PlacedRequest(request: request, place: reply.pointee.mark))
        default: break
        }
    }

    /// A request of the transaction and the place in its reply where the answer belongs.
    private struct PlacedRequest {
        let request: HostRequest
        let place: ReplyWriter.Mark
    }

    /// Takes the reply back up to the first answer that is missing, piece by piece from its end.
    private func ordered(
        _ placed: [PlacedRequest], _ reply: UnsafeMutablePointer<ReplyWriter>
    ) -> [OrderedRequest] {
        placed.reversed().map { item in
            let following = reply.pointee.take(from: item.place) { token in
                guard let address = UnsafeMutableRawPointer(bitPattern: token) else { return }
                SharedBlock(address: address).release()
            }
            return OrderedRequest(item.request, following: following)
        }.reversed()
    }

    // MARK: WATCH

    mutating func watch(
        _ arguments: Arguments, reply: UnsafeMutablePointer<ReplyWriter>, session: UnsafeMutablePointer<Session>
    ) -> Effect {
        for index in 1..<arguments.count {
            let key = arguments[index]
            let partition = Slots.partition(of: key)
            lending.acquire(partition)
            let now = enter(partition)
            partitions[partition].pointee.watch(
                client: session.pointee.id, database: session.pointee.database, key: key, &context.pointee)
            context.pointee.nowMilliseconds = now
            lending.release(partition)
            session.pointee.watchedPartitions.insert(partition)
        }
        reply.pointee.ok()
        return .none
    }

    /// UNWATCH, and what DISCARD, EXEC, RESET and the end of a connection do.
    public mutating func unwatch(_ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.isWatching else { return }
        session.pointee.watchedPartitions.forEach { partition in
            lending.acquire(partition)
            partitions[partition].pointee.unwatch(client: session.pointee.id)
            lending.release(partition)
        }
        session.pointee.watchedPartitions = PartitionSet()
    }

    /// The same where the partitions are already held.
    private func forgetWatches(_ session: UnsafeMutablePointer<Session>) {
        session.pointee.watchedPartitions.forEach {
            partitions[$0].pointee.unwatch(client: session.pointee.id)
        }
        session.pointee.watchedPartitions = PartitionSet()
    }
}
