/// The thread that writes the log: everything the window gets, in batches, and on the disk when the policy says.
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

final class LogThread {
    let shared: Shared
    let post: LogPost
    let window: Window
    let poller: Poller
    var writer: LogWriter<SystemDisk>
    /// Of the window: everything before is in the batch, or written.
    private var position: UInt64
    var batch = ByteBuffer(capacity: 1 << 20)
    private var batchEntries = 0
    /// Transactions of which the batch has the beginning and not the end: they are not to be torn.
    private var openGroups = 0
    /// Of the window: everything before has been handed to the system.
    var writtenPosition: UInt64
    var lastSyncMilliseconds: Int64 = 0
    private var lastWriteMilliseconds: Int64 = 0
    var nextRoomMilliseconds: Int64 = 0
    private var nextLeaseMilliseconds: Int64 = 0
    private var lastSavingMilliseconds: Int64 = 0
    var nextReportMilliseconds: Int64 = 0
    var wantsSync = false
    var isEnding = false
    var counts = PersistenceReport()

    private static let batchBytesMax = 1 << 20
    /// While there is something to write: longer pauses make larger batches.
    private static let paceMilliseconds = 5
    private static let leaseCheckMilliseconds: Int64 = 250
    private static let leaseRetryMilliseconds: Int64 = 10
    /// After a snapshot that failed.
    private static let retryMilliseconds: Int64 = 60_000

    init(_ shared: Shared, _ post: LogPost, _ store: Store) throws(SystemError) {
        self.shared = shared
        self.post = post
        writer = store.takeWriter()
        window = shared.node.window
        position = window.start
        writtenPosition = window.start
        poller = try Poller(capacity: 4)
        try poller.add(post.bell.wakeUp.descriptor, token: 0, for: .read)
        counts = shared.node.persistence.withLock { $0 }
        post.endPosition.store(writer.endPosition, ordering: .relaxed)
        post.durableEnd.store(writer.durablePosition, ordering: .relaxed)
        post.buffer.note(LogPlace(window: position, log: writer.endPosition))
    }

    /// Turns until told to end.
    func run() {
        while true {
            do throws(StorageError) {
                try turn()
            } catch {
                post.die(error)
            }
            if isEnding, position == window.end, batch.isEmpty { break }
            sleep()
        }
        do throws(StorageError) {
            let end = try writer.finishCleanly()
            // Who still asks for its past has to ask again.
            post.keeper.note(post.buffer.placesNow.sample)
            if post.knowsOwnPast.load(ordering: .acquiring) { try post.keeper.markClean(logPosition: end) }
        } catch {
            post.die(error)
        }
        noteDurable()
        publish(SystemClock.monotonicMilliseconds)
    }

    private func turn() throws(StorageError) {
        for request in post.takeAll() {
            switch request {
            case .dropBefore(let position):
                if try writer.removeSegments(endingBefore: position) > 0 {
                    post.buffer.forgetPlaces(before: writer.firstPosition)
                }
            case .sync: wantsSync = true
            case .end: isEnding = true
            }
        }
        // Pauses go by a clock that nobody sets.
        let now = SystemClock.monotonicMilliseconds
        try renewLease(now)
        try lookForRoom(now)
        try writeAll(now)
        try syncIfDue()
        letWritesGoOn()
        askForSnapshot(now)
        if now >= nextReportMilliseconds { publish(now) }
    }

    private func renewLease(_ now: Int64) throws(StorageError) {
        let isOver = SystemClock.wallMilliseconds >= post.buffer.leaseMilliseconds
        guard now >= nextLeaseMilliseconds || isOver else { return }
        post.keeper.note(post.buffer.placesNow.sample)
        let hasSeenAll = try post.renewLease(
            shared, logPosition: writer.durablePosition, SystemClock.wallMilliseconds)
        nextLeaseMilliseconds = now + (hasSeenAll ? Self.leaseCheckMilliseconds : Self.leaseRetryMilliseconds)
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

    // MARK: Snapshots

    /// When the log has grown by what the settings say, and by the size of the last snapshot.
    private func askForSnapshot(_ now: Int64) {
        let report = shared.node.persistence.withLock {
            (
                isSaving: $0.isSaving, start: $0.snapshotStart, bytes: $0.snapshotBytes, hasFailed: $0.lastSaveFailed
            )
        }
        if report.isSaving { lastSavingMilliseconds = now }
        guard !report.isSaving, !isEnding else { return }
        let after = max(shared.node.settings.integer(.snapshotAfterBytes), report.bytes)
        guard writer.endPosition > report.start, writer.endPosition - report.start > UInt64(after) else { return }
        if report.hasFailed, now - lastSavingMilliseconds < Self.retryMilliseconds { return }
        post.snapshots.ask()
    }

    // MARK: Sleep

    private func sleep() {
        let now = SystemClock.monotonicMilliseconds
        let hasUnsynced = writer.durablePosition < writer.endPosition
        let isActive = hasUnsynced || now - lastWriteMilliseconds < 200
        if isEnding { return }
        // Its rest is a moment away, and may be waiting for room.
        if openGroups > 0 { return }
        if !batch.isEmpty {
            _ = poller.wait(timeoutMilliseconds: 50)
            return
        }
        if isActive, !post.buffer.isSynchronous.load(ordering: .relaxed) {
            let timeout = now - lastWriteMilliseconds < 200 ? Self.paceMilliseconds : 50
            _ = poller.wait(timeoutMilliseconds: timeout)
            return
        }
        guard post.bell.arm(window, seen: position) else { return }
        _ = poller.wait(timeoutMilliseconds: 500)
        post.bell.disarm()
    }
}
