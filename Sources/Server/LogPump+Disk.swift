/// What the log's pump has of the disk: when it syncs, what a full disk and a slow one hold up, and what INFO is told.
import Base
import Commands
import Engine
import OS
import Options
import Replication
import Storage
import Synchronization

extension LogPump {
    private static var syncMilliseconds: Int64 { 1000 }
    /// With the policy `no` snapshots still want to know what is on the disk,
    private static var lazySyncMilliseconds: Int64 { 10_000 }
    /// and peers, which take a node for gone that says nothing for five seconds: a newcomer waits until the disk has what
    /// it has renamed.
    private static var lazySyncMillisecondsWithPeers: Int64 { 2000 }

    /// Measured with syncs made slower: where they take this long it is the same whether the loop waits for the disk or
    /// wakes a thread that does.
    private static var quickSyncMicroseconds: Int64 { 1000 }

    // MARK: Syncing

    func syncIfDue(atOnce: Bool) throws(StorageError) {
        guard writer.durablePosition < writer.endPosition else {
            if post.buffer.durablePosition < writtenPosition { noteDurable() }
            return
        }
        let start = SystemClock.monotonicNanoseconds
        let now = Int64(start / 1_000_000)
        let isDue =
            atOnce || post.buffer.isSynchronous.load(ordering: .relaxed)
            || now - lastSyncMilliseconds >= syncPauseMilliseconds
        guard isDue else { return }
        try writer.sync()
        lastSyncMilliseconds = now
        let took = (SystemClock.monotonicNanoseconds - start) / 1000
        counts.syncs &+= 1
        counts.lastSyncMicroseconds = took
        counts.slowestSyncMicroseconds = max(counts.slowestSyncMicroseconds, took)
        isDiskQuick.store(took < Self.quickSyncMicroseconds, ordering: .relaxed)
        noteDurable()
    }

    private var syncPauseMilliseconds: Int64 {
        if !post.syncsLazily.load(ordering: .relaxed) { return Self.syncMilliseconds }
        let hasPeers = shared.peers.linkCount.load(ordering: .relaxed) > 0
        return hasPeers ? Self.lazySyncMillisecondsWithPeers : Self.lazySyncMilliseconds
    }

    // MARK: A disk that is full, a disk that is slow

    /// The segment after the current one is always there; where it cannot be, nothing more is taken.
    func lookForRoom(_ now: Int64) throws(StorageError) {
        // What waited for room may have found it by itself, and the segment after that.
        if writer.isNextReady, batch.isEmpty { return noteRoom() }
        guard !writer.isNextReady, now >= nextRoomMilliseconds else { return }
        nextRoomMilliseconds = now + 500
        switch try writer.prepareNext() {
        case .full(let error): noteFull(error, now)
        case .ready: noteRoom()
        }
    }

    private func noteRoom() {
        guard counts.diskIsFull else { return }
        counts.diskIsFull = false
        shared.node.diskGate = nil
        shared.logger.notice("there is room on the disk again: writes are taken")
    }

    func noteFull(_ error: StorageError, _ now: Int64) {
        nextRoomMilliseconds = now + 500
        guard !counts.diskIsFull else { return }
        counts.diskIsFull = true
        let reason = error.errno.map { SystemError(operation: "", errno: $0).reason } ?? "No space left on device"
        shared.node.diskGate = WriteGate("MISCONF Errors writing to the AOF file: \(reason)")
        shared.logger.error(
            "the disk is full: clients' writes are refused until there is room for another segment",
            ["reason": .text("\(error)")])
        publish(now)
    }

    /// What was held back because the log was behind.
    func letWritesGoOn() {
        guard post.holdsWrites.load(ordering: .relaxed) else { return }
        let hasLease = SystemClock.wallMilliseconds < post.buffer.leaseMilliseconds
        let hasRoom = post.buffer.backlogBytes(end: window.end) < window.capacity / 4
        guard hasLease, hasRoom, !post.isTooOld(SystemClock.monotonicMilliseconds) else { return }
        post.holdsWrites.store(false, ordering: .sequentiallyConsistent)
        for mailbox in shared.mailboxes { mailbox.post(.resumePaused) }
    }

    // MARK: Reports

    func publish(_ now: Int64) {
        nextReportMilliseconds = now + 100
        counts.fsync = FsyncPolicy(shared.node.settings).rawValue
        let counts = counts
        let (start, end, durable) = (writer.firstPosition, writer.endPosition, writer.durablePosition)
        let segments = writer.segmentCount
        shared.node.persistence.withLock {
            $0.fsync = counts.fsync
            $0.logStart = start
            $0.logEnd = end
            $0.logDurable = durable
            $0.segmentCount = segments
            $0.batches = counts.batches
            $0.syncs = counts.syncs
            $0.lastSyncMicroseconds = counts.lastSyncMicroseconds
            $0.slowestSyncMicroseconds = counts.slowestSyncMicroseconds
            $0.diskIsFull = counts.diskIsFull
        }
    }
}
