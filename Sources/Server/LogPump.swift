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
    var nextReportMilliseconds: Int64 = 0
    /// The end has been marked as clean: nothing comes behind it.
    private var isFinished = false
    var counts = PersistenceReport()

    private static let batchBytesMax = 1 << 20

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
    func turn(_ requests: [LogPost.Request], isEnding: Bool) throws(StorageError) -> Rest {
        lock.lock()
        defer { leave(for: nil) }
        // Pauses go by a clock that nobody sets.
        let now = SystemClock.monotonicMilliseconds
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
        try syncIfDue(atOnce: wantsSync, telling: nil)
        letWritesGoOn()
        if now >= nextReportMilliseconds { publish(now) }
        return Rest(
            position: position, hasBatch: !batch.isEmpty, hasOpenGroup: openGroups > 0,
            hasUnsynced: writer.durablePosition < writer.endPosition, lastWriteMilliseconds: lastWriteMilliseconds)
    }

    /// By a loop whose replies wait: all that is in the window goes to the disk. Returns at once where another sees to
    /// that, who tells the loop when it can come again.
    func commit(for loop: Int) {
        guard tryEnter() else { return }
        defer { leave(for: loop) }
        if isFinished { return }
        let now = SystemClock.monotonicMilliseconds
        do throws(StorageError) {
            try lookForRoom(now)
            try writeAll(now)
            try syncIfDue(atOnce: true, telling: loop)
        } catch {
            post.die(error)
        }
        letWritesGoOn()
        if now >= nextReportMilliseconds { publish(now) }
    }

    /// By the log thread, as the last.
    func finish() throws(StorageError) -> UInt64 {
        lock.lock()
        defer { leave(for: nil) }
        let end = try writer.finishCleanly()
        isFinished = true
        noteDurable(telling: nil)
        publish(SystemClock.monotonicMilliseconds)
        return end
    }

    private func tryEnter() -> Bool {
        if lock.tryLock() { return true }
        // Before the second try: who leaves after that sees it.
        isWanted.store(true, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return lock.tryLock()
    }

    private func leave(for loop: Int?) {
        lock.unlock()
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isWanted.load(ordering: .sequentiallyConsistent) {
            isWanted.store(false, ordering: .sequentiallyConsistent)
            tellLoops(but: loop)
        }
    }

    /// Those with replies that wait look again at what is on the disk.
    func tellLoops(but telling: Int?) {
        for (index, counters) in shared.counters.enumerated()
        where index != telling && counters.repliesWithheld.load(ordering: .sequentiallyConsistent) > 0 {
            shared.mailboxes[index].post(.logDurable)
        }
    }

    // MARK: Writing

    /// Everything that is in the window, in batches. Leaves the last where the disk has no room for it, or where a
    /// transaction is still being entered.
    private func writeAll(_ now: Int64) throws(StorageError) {
        if try !flushWhole(now) { return }
        while let entry = window.entryForLog(at: position) {
            if let kind = LogRecordKind(entry.kind)?.rawValue {
                if let beside = post.buffer.takeBeside(position) {
                    if try !flushWhole(now) {
                        preconditionFailure("a log entry beside the window that found no room")
                    }
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
        writer.writesAhead = post.buffer.isSynchronous.load(ordering: .relaxed)
        do throws(StorageError) {
            try writer.append(batch.view, entryCount: batchEntries, unixMilliseconds: SystemClock.wallMilliseconds)
        } catch {
            guard error.isFull else { throw error }
            noteFull(error, now)
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
