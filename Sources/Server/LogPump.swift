/// Moves what the window gets to the disk, in batches. Whoever needs that turns it, one at a time.
///
/// The log thread does at its pace. With `fsync always` a loop whose replies wait for the disk goes there itself, where
/// the disk is quick: to wake a thread, and to be woken by it, would take as long as the sync. Who finds somebody here
/// does not wait; he is told when to come again, and what he has written may be on the disk by then.
///
/// A failed write or sync is the end of the process: what the system still holds in memory may not be what is on the
/// disk, and nobody can find out from here. A full disk is not: that shows while a whole segment is still free, and
/// until there is room again clients' writes are refused and peers' frames wait.
import Base
import Commands
import Engine
import OS
import Options
import Replication
import Storage
import Synchronization
import Wire

final class LogPump: @unchecked Sendable {
    let shared: Shared
    let post: LogPost
    let window: Window
    /// Guards everything below that changes and is not atomic.
    private let lock = Lock()
    /// Somebody has come while another was here.
    private let isWanted = Atomic<Bool>(false)
    /// The last sync was over sooner than another thread would have seen to it.
    let isDiskQuick = Atomic<Bool>(true)
    var writer: LogWriter<SystemDisk>
    /// Of the window: everything before is in the batch, or written.
    private var position: UInt64
    var batch = ByteBuffer(capacity: 1 << 20)
    private var batchEntries = 0
    /// Transactions of which the batch has the beginning and not the end: they are not to be torn.
    private var openGroups = 0
    /// Of the window: everything before has been handed to the system.
    var writtenPosition: UInt64
    private(set) var lastWriteMilliseconds: Int64 = 0
    var lastSyncMilliseconds: Int64 = 0
    var nextRoomMilliseconds: Int64 = 0
    private var nextFlushMilliseconds: Int64 = 0
    var nextReportMilliseconds: Int64 = 0
    /// There is more on the disk than has been told.
    private var hasNews = false
    /// The end has been marked as clean: nothing comes behind it.
    private var isFinished = false
    var counts = PersistenceReport()

    private static let batchBytesMax = 1 << 20
    /// Between tries to write a batch for which there was no room.
    private static let roomlessMilliseconds: Int64 = 50

    init(_ shared: Shared, _ post: LogPost, _ store: Store) {
        self.shared = shared
        self.post = post
        writer = store.takeWriter()
        window = shared.node.window
        position = window.start
        writtenPosition = window.start
        counts = shared.node.persistence.withLock { $0 }
        post.endPosition.store(writer.endPosition, ordering: .relaxed)
        post.durableEnd.store(writer.durablePosition, ordering: .relaxed)
        post.buffer.note(LogPlace(window: position, log: writer.endPosition))
    }

    // MARK: Who turns it

    /// What the log thread goes by when it rests.
    struct Rest {
        /// Of the window: how far it has been read.
        let position: UInt64
        let hasBatch: Bool
        let hasOpenGroup: Bool
        let hasUnsynced: Bool
        let lastWriteMilliseconds: Int64
    }

    /// By the log thread.
    func turn(_ requests: [LogPost.Request], isEnding: Bool) -> Rest {
        lock.lock()
        defer { leave(for: nil) }
        // Pauses go by a clock that nobody sets.
        let now = SystemClock.monotonicMilliseconds
        do throws(StorageError) {
            try obey(requests, isEnding: isEnding, now)
        } catch {
            // Before anybody else comes in and finds only that the log is closed.
            post.die(error)
        }
        letWritesGoOn()
        if now >= nextReportMilliseconds { publish(now) }
        return Rest(
            position: position, hasBatch: !batch.isEmpty, hasOpenGroup: openGroups > 0,
            hasUnsynced: writer.durablePosition < writer.endPosition, lastWriteMilliseconds: lastWriteMilliseconds)
    }

    private func obey(_ requests: [LogPost.Request], isEnding: Bool, _ now: Int64) throws(StorageError) {
        var wantsSync = isEnding
        for request in requests {
            switch request {
            case .dropBefore(let position):
                if try writer.removeSegments(endingBefore: position) > 0 {
                    post.buffer.forgetPlaces(before: writer.firstPosition)
                }
            case .sync: wantsSync = true
            case .end: break
            }
        }
        try lookForRoom(now)
        try writeAll(now)
        try syncIfDue(atOnce: wantsSync)
    }

    /// By a loop whose replies wait: all that is whole in the window now goes to the disk. Returns at once where another
    /// is here, who tells the loop when he leaves.
    func commit(for loop: Int) {
        guard tryEnter() else { return }
        defer { leave(for: loop) }
        if isFinished { return }
        let now = SystemClock.monotonicMilliseconds
        // What others write from here on they see to themselves.
        let end = window.end
        do throws(StorageError) {
            try lookForRoom(now)
            // What somebody was just writing before this loop did is whole after a sync.
            for _ in 0..<2 where writtenPosition < end {
                try writeAll(upTo: end, now)
                try syncIfDue(atOnce: true)
            }
            // What was written before the policy was this one.
            try syncIfDue(atOnce: true)
        } catch {
            post.die(error)
        }
        letWritesGoOn()
        if now >= nextReportMilliseconds { publish(now) }
    }

    /// By the log thread, as the last.
    func finish() -> UInt64 {
        lock.lock()
        defer { leave(for: nil) }
        do throws(StorageError) {
            let end = try writer.finishCleanly()
            isFinished = true
            noteDurable()
            publish(SystemClock.monotonicMilliseconds)
            return end
        } catch {
            post.die(error)
        }
    }

    private func tryEnter() -> Bool {
        if lock.tryLock() { return true }
        // Before the second try: who leaves after that sees it.
        isWanted.store(true, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return lock.tryLock()
    }

    /// Others are told behind the lock: who is woken comes here next. `loop` looks for itself.
    private func leave(for loop: Int?) {
        let hasNews = hasNews
        self.hasNews = false
        lock.unlock()
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let isWanted = isWanted.load(ordering: .sequentiallyConsistent)
        // Before they are told, so that whoever comes now is told by the next.
        if isWanted { self.isWanted.store(false, ordering: .sequentiallyConsistent) }
        if hasNews || isWanted { tellLoops(but: loop) }
        if hasNews { tellThoseWhoWaitForPeers() }
    }

    /// Those with replies that wait look again at what is on the disk.
    private func tellLoops(but loop: Int?) {
        for (index, counters) in shared.counters.enumerated()
        where index != loop && counters.repliesWithheld.load(ordering: .sequentiallyConsistent) > 0 {
            shared.mailboxes[index].post(.logDurable)
        }
    }

    /// WAITAOF, and what peers wait for: frames under `fsync always`, and the word that theirs are on this disk.
    private func tellThoseWhoWaitForPeers() {
        for (index, counters) in shared.counters.enumerated()
        where counters.clientsWaiting.load(ordering: .sequentiallyConsistent) > 0 {
            shared.mailboxes[index].post(.peersAcknowledged)
        }
        if shared.peers.linkCount.load(ordering: .relaxed) > 0 { shared.peers.wakeUp.signal() }
    }

    /// Everything that has been written is on the disk.
    func noteDurable() {
        post.durableEnd.store(writer.durablePosition, ordering: .releasing)
        post.buffer.noteDurable(upTo: writtenPosition)
        post.unsyncedSinceMilliseconds.store(0, ordering: .relaxed)
        hasNews = true
    }

    // MARK: Writing

    /// Everything that is in the window before `end`, in batches. Leaves the last where the disk has no room for it, or
    /// where a transaction is still being entered.
    private func writeAll(upTo end: UInt64 = .max, _ now: Int64) throws(StorageError) {
        if try !flushWhole(now) { return }
        while position < end, let entry = window.entryForLog(at: position) {
            if let kind = LogRecordKind(entry.kind)?.rawValue {
                if let beside = post.buffer.takeBeside(position) {
                    // By itself, if there is room for what came before it.
                    _ = try flushWhole(now)
                    try take(entry.length, kind, beside)
                } else {
                    LogEntry.appendHead(kind: kind, length: entry.length, into: &batch)
                    window.copy(position, entry.length, into: &batch)
                }
                batchEntries += 1
            } else {
                openGroups += entry.kind == .groupBegins ? 1 : -1
            }
            position = entry.next
            post.buffer.consume(upTo: position)
            if batch.count >= Self.batchBytesMax, try !flushWhole(now) { return }
        }
        if try flushWhole(now), openGroups == 0 { batch.shrink(to: 4 * Self.batchBytesMax) }
    }

    /// Writes the batch, if there is one that may be. False where the disk has no room for it.
    private func flushWhole(_ now: Int64) throws(StorageError) -> Bool {
        if batch.isEmpty || openGroups > 0 { return true }
        return try flush(now)
    }

    private func take(_ length: Int, _ kind: Int, _ beside: LargeBody) throws(StorageError) {
        LogEntry.appendHead(kind: kind, length: length + beside.view.count, into: &batch)
        window.copy(position, length, into: &batch)
        batch.append(beside.view)
    }

    /// Returns whether there was room.
    private func flush(_ now: Int64) throws(StorageError) -> Bool {
        if now < nextFlushMilliseconds { return false }
        writer.writesAhead = post.buffer.isSynchronous.load(ordering: .relaxed)
        do throws(StorageError) {
            try writer.append(batch.view, entryCount: batchEntries, unixMilliseconds: SystemClock.wallMilliseconds)
        } catch {
            guard error.isFull else { throw error }
            noteFull(error, now)
            // A writer who waits for room in the window would have it tried all the time.
            nextFlushMilliseconds = now + Self.roomlessMilliseconds
            return false
        }
        batch.removeAll()
        batchEntries = 0
        writtenPosition = position
        lastWriteMilliseconds = now
        counts.batches &+= 1
        post.endPosition.store(writer.endPosition, ordering: .releasing)
        post.buffer.note(LogPlace(window: writtenPosition, log: writer.endPosition))
        if post.unsyncedSinceMilliseconds.load(ordering: .relaxed) == 0 {
            post.unsyncedSinceMilliseconds.store(now, ordering: .relaxed)
        }
        return true
    }
}
