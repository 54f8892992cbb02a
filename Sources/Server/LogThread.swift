/// The thread that turns the log's pump: at a pace, or when the bell rings. Besides it renews the stamp lease, and asks
/// for snapshots.
import Base
import Commands
import Engine
import OS
import Options
import Replication
import Storage
import Synchronization

final class LogThread {
    let shared: Shared
    let post: LogPost
    let pump: LogPump
    let poller: Poller
    private var nextLeaseMilliseconds: Int64 = 0
    private var lastSavingMilliseconds: Int64 = 0
    /// A partition was held when the lease was renewed: its clock is to be looked at soon.
    private var hasMissedPartition = false
    private var isEnding = false

    /// While there is something to write: longer pauses make larger batches.
    private static let paceMilliseconds = 5
    private static let leaseCheckMilliseconds: Int64 = 250
    private static let leaseRetryMilliseconds: Int64 = 10
    /// After a snapshot that failed.
    private static let retryMilliseconds: Int64 = 60_000

    init(_ shared: Shared, _ post: LogPost, _ pump: LogPump) throws(SystemError) {
        self.shared = shared
        self.post = post
        self.pump = pump
        poller = try Poller(capacity: 4)
        try poller.add(post.bell.wakeUp.descriptor, token: 0, for: .read)
    }

    /// Turns until told to end.
    func run() {
        do throws(StorageError) {
            while true {
                let rest = try turn()
                if isEnding, rest.position == shared.node.window.end, !rest.hasBatch { break }
                if !isEnding { sleep(rest) }
            }
            let end = pump.finish()
            // Who still asks for its past has to ask again.
            post.keeper.note(post.buffer.placesNow.sample)
            if post.knowsOwnPast.load(ordering: .acquiring) { try post.keeper.markClean(logPosition: end) }
        } catch {
            post.die(error)
        }
    }

    private func turn() throws(StorageError) -> LogPump.Rest {
        let requests = post.takeAll()
        if requests.contains(where: { $0.isEnd }) { isEnding = true }
        let now = SystemClock.monotonicMilliseconds
        // The pump may be turned meanwhile: nobody's replies wait for this.
        try renewLease(now)
        let rest = pump.turn(requests, isEnding: isEnding)
        askForSnapshot(now)
        return rest
    }

    private func renewLease(_ now: Int64) throws(StorageError) {
        let isOver = SystemClock.wallMilliseconds >= post.buffer.leaseMilliseconds
        guard now >= nextLeaseMilliseconds || isOver else { return }
        post.keeper.note(post.buffer.placesNow.sample)
        hasMissedPartition = try !post.renewLease(
            shared, logPosition: post.durableEnd.load(ordering: .acquiring), SystemClock.wallMilliseconds)
        nextLeaseMilliseconds = now + (hasMissedPartition ? Self.leaseRetryMilliseconds : Self.leaseCheckMilliseconds)
    }

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
        let end = post.endPosition.load(ordering: .acquiring)
        guard end > report.start, end - report.start > UInt64(after) else { return }
        if report.hasFailed, now - lastSavingMilliseconds < Self.retryMilliseconds { return }
        post.snapshots.ask()
    }

    private func sleep(_ rest: LogPump.Rest) {
        // Its rest is a moment away; where that waits for room, it says so.
        if rest.hasOpenGroup { return pause(milliseconds: 1) }
        if rest.hasBatch { return pause(milliseconds: 50) }
        let hasWritten = SystemClock.monotonicMilliseconds - rest.lastWriteMilliseconds < 200
        let isSynchronous = post.buffer.isSynchronous.load(ordering: .relaxed)
        if rest.hasUnsynced || hasWritten, !isSynchronous {
            return pause(milliseconds: hasWritten ? Self.paceMilliseconds : 50)
        }
        guard post.bell.arm(shared.node.window, seen: rest.position) else {
            // The loops see to it by themselves, and this thread would be in their way.
            if isSynchronous, pump.isDiskQuick.load(ordering: .relaxed) { pause(milliseconds: 1) }
            return
        }
        pause(milliseconds: hasMissedPartition ? Int(Self.leaseRetryMilliseconds) : 500)
        post.bell.disarm()
    }

    /// Unless somebody asks for something, or waits for room in the window.
    private func pause(milliseconds: Int) { _ = poller.wait(timeoutMilliseconds: milliseconds) }
}
