/// The thread that writes snapshots while everybody else goes on: partition by partition, in slices.
///
/// The log is replayed from where it stood when the walk began, so nothing has to stand still. A snapshot counts once
/// the log is on the disk up to the walk's end: until then it may hold what the log would lose in a crash.
import Base
import Commands
import Core
import Engine
import OS
import Options
import Replication
import Storage
import Synchronization

final class SnapshotThread {
    let shared: Shared
    let log: LogPost
    let store: Store
    private let poller: Poller

    init(_ shared: Shared, _ log: LogPost, _ store: Store) throws(SystemError) {
        self.shared = shared
        self.log = log
        self.store = store
        poller = try Poller(capacity: 2)
        try poller.add(log.snapshots.wakeUp.descriptor, token: 0, for: .read)
    }

    /// Until told to end.
    func run() {
        Thread.giveWay()
        while !log.snapshots.isEnding {
            let request = log.snapshots.take()
            if request.isWanted {
                let failure = save()
                for asker in request.askers { shared.mailboxes[asker.loop].post(.saved(asker, failure: failure)) }
                continue
            }
            _ = poller.wait(timeoutMilliseconds: 1000)
        }
    }

    /// Nil, or Redis' reply to a snapshot that failed.
    private func save() -> String? {
        let started = SystemClock.wallMilliseconds
        let steadyStart = SystemClock.monotonicMilliseconds
        shared.node.persistence.withLock {
            $0.isSaving = true
            $0.saveStartMilliseconds = started
        }
        var outcome: SnapshotFacts?
        var reason = ""
        do throws(StorageError) { outcome = try write(started) } catch { reason = error.description }
        let milliseconds = SystemClock.monotonicMilliseconds - steadyStart
        let count = store.snapshotCount
        let frames = shared.node.statistics.reduce(UInt64(0)) { $0 &+ $1.counts.frames }
        shared.node.persistence.withLock {
            $0.isSaving = false
            $0.lastSaveSeconds = milliseconds / 1000
            $0.lastSaveFailed = outcome == nil
            $0.snapshotCount = count
            guard let outcome else { return }
            $0.saves &+= 1
            $0.lastSaveUnixSeconds = started / 1000
            $0.snapshotBytes = Int(outcome.bytes)
            $0.snapshotKeys = Int(outcome.keys)
            $0.snapshotStart = outcome.start
            $0.framesAtSave = frames
        }
        guard let outcome else {
            if log.snapshots.isEnding { return "ERR the server is shutting down" }
            shared.logger.error("no snapshot was written", ["reason": .text(reason)])
            return "ERR \(reason)"
        }
        shared.logger.notice(
            "snapshot written",
            [
                "file": .text(outcome.fileName), "keys": .number(Int(outcome.keys)),
                "bytes": .number(Int(outcome.bytes)),
                "duration-ms": .number(Int(milliseconds)),
            ])
        return nil
    }

    /// Nil where the process ends first.
    private func write(_ now: Int64) throws(StorageError) -> SnapshotFacts? {
        let walk = SnapshotWalk(shared.node, lending: shared.locks)
        let origin = walk.origin
        // Whatever is not in the log yet at this moment comes behind this position.
        let start = log.endPosition.load(ordering: .acquiring)
        let settings = shared.node.settings
        let clusterKey = Array(settings.text(.cluster).utf8).withView { Fingerprint.key(named: $0) }
        var digest = StateDigest(beforeMilliseconds: .min, key: clusterKey)
        let number = store.nextSnapshotNumber
        var writer = try store.beginSnapshot(
            number, start: start, databases: shared.node.databaseCount, replica: origin.replica, now)
        for partition in 0..<Slots.partitionCount {
            if log.snapshots.isEnding { break }
            Thread.yield()
            try walk.write(partition) { (bytes, isSlice) throws(StorageError) in
                if isSlice { try? digest.add(slice: bytes, databases: shared.node.databaseCount) }
                try writer.append(partition: partition, bytes)
                // The partition's lock comes next, and whoever has to wait for that waits for this thread's core, too.
                Thread.yield()
            }
            try writer.end(partition: partition)
        }
        guard let end = waitForDisk() else { return nil }
        let byteCount = try writer.finish(
            SnapshotFooter(
                partitionCount: UInt32(Slots.partitionCount), keyCount: UInt64(digest.keys), digest: digest.sum,
                end: end, versions: origin.encoded))
        let facts = SnapshotFacts(
            number: number, start: start, end: end, createdUnixMilliseconds: now, bytes: UInt64(byteCount),
            keys: UInt64(digest.keys))
        let needed = try store.keep(
            facts, keeping: settings.integer(.snapshotKeep),
            durablePosition: log.durableEnd.load(ordering: .acquiring))
        log.post(.dropBefore(needed))
        return facts
    }

    /// Until all that the walk may have seen is on the disk. Returns where the log is durable then; nil where the
    /// process ends first.
    private func waitForDisk() -> UInt64? {
        let walked = shared.node.window.end
        log.post(.sync)
        while log.buffer.durablePosition < walked {
            if log.snapshots.isEnding || !log.isRunning.load(ordering: .relaxed) { return nil }
            _ = poller.wait(timeoutMilliseconds: 5)
        }
        return log.snapshots.isEnding ? nil : log.durableEnd.load(ordering: .acquiring)
    }
}
