/// Commands off the short path, and what they leave to be done: pauses, monitors, walks, other loops.
import Base
import Commands
import Core
import Engine
import RESP
import Replication
import Synchronization

extension EventLoop {
    /// Somebody monitors, or clients are paused: every command takes the long way.
    @inline(__always)
    var isWatched: Bool {
        shared.monitorCount.load(ordering: .relaxed) > 0 || shared.pausedUntil.load(ordering: .relaxed) > 0
            || holdsWrites
    }

    /// Runs one command the long way. False when it is held back instead.
    func runWithCare(
        _ command: Command.Reference?, _ arguments: Arguments, _ slot: Int,
        _ connection: UnsafeMutablePointer<Connection>
    ) -> Bool {
        let session = connection.session
        if let command, isHeldBack(command, session) {
            hold(slot, connection, .paused)
            return false
        }
        if let command { connection.pointee.lastCommand = CommandTable.shared.resolve(command, arguments) }
        // EXEC takes the queue away; monitors see its commands when they run, as in Redis.
        let transaction = session.pointee.transaction
        let mark = connection.reply.pointee.mark
        let modeBefore = session.pointee.replyMode
        let effect = executor.dispatch(command, arguments, reply: connection.reply, session: session)
        if let command, executor.hasAdmitted, shared.monitorCount.load(ordering: .relaxed) > 0 {
            feedMonitors(command, arguments, transaction, connection)
        }
        if let command {
            carryOut(effect, command, arguments, slot, connection)
        } else if case .close = effect {
            connection.reply.pointee.removeAll { Connection.release($0) }
            connection.pointee.closesAfterReply = true
        }
        if modeBefore != .on || session.pointee.replyMode != .on {
            suppressReply(since: mark, modeBefore, connection)
        }
        return true
    }

    /// Writes wait for the disk. A full one is no reason to wait, but to be told so.
    private var waitsForDisk: Bool { holdsWrites && node.diskGate == nil }

    private func isHeldBack(_ command: Command.Reference, _ session: UnsafeMutablePointer<Session>) -> Bool {
        let pause = shared.pause(steadyMilliseconds)
        guard pause.isActive || waitsForDisk, !command.pointee.flags.contains(.allowBusy) else { return false }
        // EXEC writes if anything in its queue does.
        let writes =
            command.pointee.flags.contains(.write)
            || (session.pointee.transaction?.hasWrites ?? false) && command.pointee.name.description == "EXEC"
        if waitsForDisk, writes { return true }
        if !pause.isActive { return false }
        if pause.writesOnly { return writes }
        // Whoever paused must be able to take it back.
        return command.pointee.name.description != "CLIENT"
    }

    /// CLIENT REPLY OFF and SKIP: what the command wrote is taken back.
    private func suppressReply(
        since mark: ReplyWriter.Mark, _ before: Session.ReplyMode, _ connection: UnsafeMutablePointer<Connection>
    ) {
        let session = connection.session
        let after = session.pointee.replyMode
        if before == .off && after == .on { return }
        connection.reply.pointee.truncate(to: mark) { Connection.release($0) }
        if before == .skipNext, after == .skipNext {
            session.pointee.replyMode = .on
            session.pointee.refreshNeedsCare()
        }
    }

    func carryOut(
        _ effect: Effect, _ command: Command.Reference, _ arguments: Arguments, _ slot: Int,
        _ connection: UnsafeMutablePointer<Connection>
    ) {
        switch effect {
        case .none, .exec, .watch, .unwatch: break
        case .close: connection.pointee.closesAfterReply = true
        case .walk(let walk): start(walk, command, arguments, slot, connection)
        case .host(let request): serve(request, slot, connection)
        case .hostList(let requests):
            connection.pointee.owed = requests
            payOwed(slot, connection)
        }
    }

    // MARK: Holding

    func hold(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>, _ hold: Connection.Hold) {
        connection.pointee.hold = hold
        counters.blockedClients.add(1, ordering: .relaxed)
        if case .peers = hold { counters.clientsWaiting.add(1, ordering: .sequentiallyConsistent) }
        if let deadline = hold.deadlineMilliseconds {
            nextDeadlineMilliseconds = min(nextDeadlineMilliseconds, deadline)
        }
        if case .walk = hold {
            walking.append(slot)
            walksWait = false
        } else {
            held.append(slot)
        }
    }

    /// Lets a connection go on with what it has already sent.
    func letGo(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.isHeld else { return }
        forgetWaiting(connection)
        connection.pointee.hold = .none
        counters.blockedClients.subtract(1, ordering: .relaxed)
        held.removeAll { $0 == slot }
        walking.removeAll { $0 == slot }
        payOwed(slot, connection)
        if connection.pointee.isHeld { return }
        if connection.pointee.mayHaveInput { unread.append(slot) }
        makeReady(slot, connection)
        schedule(slot, connection)
    }

    /// Goes on with the answers that EXEC still owes, one after the other, up to one that has to wait.
    private func payOwed(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        while !connection.pointee.owed.isEmpty || !connection.pointee.owedBytes.isEmpty {
            connection.reply.pointee.buffer.append(connection.pointee.owedBytes)
            connection.pointee.owedBytes = []
            guard !connection.pointee.owed.isEmpty else { return }
            let next = connection.pointee.owed.removeFirst()
            connection.pointee.owedBytes = next.following
            serve(next.request, slot, connection)
            if connection.pointee.isHeld { return }
        }
    }

    // MARK: Walks

    /// Small walks finish at once; the others keep their arguments and go on between turns.
    private func start(
        _ walk: Walk, _ command: Command.Reference, _ arguments: Arguments, _ slot: Int,
        _ connection: UnsafeMutablePointer<Connection>
    ) {
        if advance(walk) {
            executor.finishWalk(
                walk, command, arguments, reply: connection.reply, session: connection.session)
            return
        }
        let kept = Transaction()
        kept.append(command, arguments)
        hold(slot, connection, .walk(walk, kept))
    }

    /// One slice of at most a millisecond. Returns whether the walk is done.
    private func advance(_ walk: Walk) -> Bool {
        let deadline = monotonicMicroseconds + 800
        repeat {
            if executor.stepWalk(walk, bucketsMax: Executor<PartitionLocks>.walkBucketsMax) { return true }
        } while monotonicMicroseconds < deadline
        return false
    }

    func stepWalks() {
        walksWait = true
        for slot in walking {
            guard let connection = connections[slot], case .walk(let walk, let kept) = connection.pointee.hold
            else { continue }
            if waitsForDisk, kept.hasWrites { continue }
            walksWait = false
            guard advance(walk) else { continue }
            kept.forEach { command, arguments in
                executor.finishWalk(
                    walk, command, arguments, reply: connection.reply, session: connection.session)
            }
            // What it wrote in earlier turns, too, is to be on the disk before its reply, and what it has read; but on a
            // full disk readers are not to wait.
            if withholds, kept.hasWrites || node.diskGate == nil {
                connection.pointee.replyPosition = node.window.end
            }
            letGo(slot, connection)
        }
        // What they let go goes on in this turn.
        executeReady()
    }
}
