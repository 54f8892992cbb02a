/// Writing: one send per connection and turn; what the socket does not take waits for it to become writable.
import Base
import Commands
import Core
import Engine
import OS
import RESP
import Replication
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

extension EventLoop {
    private static var bufferBytesKept: Int { 64 * 1024 }
    /// What one connection may take in one turn.
    private static var turnBytesMax: Int { 256 * 1024 }

    @inline(__always)
    func flushScheduled() {
        var position = 0
        while position < scheduled.count {
            let slot = scheduled[position]
            position += 1
            guard let connection = connections[slot] else { continue }
            if withholds, !isDurable(connection) {
                connection.pointee.isWithheld = true
                withheld.append(slot)
                continue
            }
            connection.pointee.isScheduled = false
            flush(slot, connection)
        }
        scheduled.removeAll(keepingCapacity: true)
    }

    // MARK: Replies that wait for the disk

    private func isDurable(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        guard let log = node.window.log else { return true }
        return connection.pointee.replyPosition <= log.durablePosition
    }

    /// Goes to the disk for what they wait for, or has the log thread go where that would keep this loop away for long.
    func seeToWithheld() {
        // From here on whoever has more on the disk tells this loop.
        counters.repliesWithheld.store(withheld.count, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let end = node.window.end
        if let pump, pump.isDiskQuick.load(ordering: .relaxed), node.diskGate == nil {
            counters.isAtDisk.store(true, ordering: .relaxed)
            pump.commit(for: index)
        } else {
            shared.log?.ringIfAsleep(node.window)
        }
        sendWithheld()
        // Another was at the disk, and brought there what was waited for, but not what this turn wrote for nobody.
        if withheld.isEmpty, let log = shared.log, log.buffer.durablePosition < end { log.ringIfAsleep(node.window) }
    }

    /// What waited for no more than the disk has now.
    func sendWithheld() {
        var waiting = 0
        for position in withheld.indices {
            let slot = withheld[position]
            guard let connection = connections[slot] else { continue }
            if withholds, !isDurable(connection) {
                withheld[waiting] = slot
                waiting += 1
                continue
            }
            connection.pointee.isWithheld = false
            connection.pointee.isScheduled = false
            let doomedBefore = doomed.count
            flush(slot, connection)
            if doomed.count > doomedBefore { continue }
            if connection.pointee.mayHaveInput { unread.append(slot) }
            if connection.pointee.runsOnceSent {
                connection.pointee.runsOnceSent = false
                makeReady(slot, connection)
            }
        }
        withheld.removeLast(withheld.count - waiting)
        counters.repliesWithheld.store(withheld.count, ordering: .sequentiallyConsistent)
    }

    @inline(__always)
    private func flush(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        let reply = connection.reply
        var total = 0
        while reply.pointee.hasOutput {
            let sent =
                reply.pointee.isContiguous
                ? Socket.send(connection.pointee.descriptor, reply.pointee.buffer.view)
                : sendPieces(connection.pointee.descriptor, reply)
            guard sent > 0 else {
                if sent == -11 { return holdBack(slot, connection) }
                return doom(slot)
            }
            LoopCounters.bump(counters.outputBytes, sent)
            total += sent
            LoopCounters.bump(counters.writes, 1)
            reply.pointee.consume(sent) { Connection.release($0) }
            // A fast reader of a large reply leaves room for the others; the socket will not report again.
            if total >= Self.turnBytesMax, reply.pointee.hasOutput {
                unsent.append(slot)
                return
            }
        }
        if connection.pointee.overSoftLimitSinceMilliseconds != 0 {
            connection.pointee.overSoftLimitSinceMilliseconds = 0
        }
        if reply.pointee.buffer.capacity > Self.bufferBytesKept { reply.pointee.buffer.shrink(to: 4096) }
        if connection.pointee.closesAfterReply || connection.pointee.hasEnded && !connection.pointee.isHeld {
            doom(slot)
        }
    }

    /// Goes on with replies that had more than their share of an earlier turn.
    func scheduleUnsent() {
        for slot in unsent {
            if let connection = connections[slot] { schedule(slot, connection) }
        }
        unsent.removeAll(keepingCapacity: true)
    }

    /// Closing edits the list being walked, so it waits until the walk is over.
    private func doom(_ slot: Int) {
        guard let connection = connections[slot] else { return }
        // Marked as scheduled so that nobody schedules it again; `close` takes it out of every list.
        connection.pointee.isScheduled = true
        doomed.append(slot)
    }

    private func sendPieces(_ descriptor: Int32, _ reply: UnsafeMutablePointer<ReplyWriter>) -> Int {
        withUnsafeTemporaryAllocation(of: OutputPiece.self, capacity: 4) { pieces in
            let count = reply.pointee.gather(into: pieces)
            guard let start = pieces.baseAddress else { return 0 }
            // An output piece is laid out as an iovec.
            return start.withMemoryRebound(to: iovec.self, capacity: count) {
                Socket.send(descriptor, parts: UnsafePointer($0), count: count)
            }
        }
    }

    /// The socket is full. Over the client's limits the connection ends; else epoll reports when it goes on.
    private func holdBack(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        let pending = connection.reply.pointee.outputBytes
        census.noteOutput(bytes: pending)
        if limits.outputBytesHard > 0, pending > limits.outputBytesHard { return doom(slot) }
        guard limits.outputBytesSoft > 0, pending > limits.outputBytesSoft else {
            connection.pointee.overSoftLimitSinceMilliseconds = 0
            return
        }
        let now = steadyMilliseconds
        if connection.pointee.overSoftLimitSinceMilliseconds == 0 {
            connection.pointee.overSoftLimitSinceMilliseconds = now
        } else if now - connection.pointee.overSoftLimitSinceMilliseconds > Int64(limits.outputSoftSeconds) * 1000 {
            doom(slot)
        }
    }

    /// Closes what this turn has given up.
    func closeDoomed() {
        let slots = doomed
        doomed.removeAll(keepingCapacity: true)
        for slot in slots { close(slot) }
    }
}
