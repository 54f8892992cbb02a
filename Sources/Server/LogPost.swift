/// The log thread as other threads see it: its bell, what it is asked for, and whether clients' writes must wait.
import Base
import Commands
import Engine
import OS
import Options
import Replication
import Storage
import Synchronization

enum FsyncPolicy: String, Sendable {
    case always, everysec, no

    init(_ settings: Settings) { self = FsyncPolicy(rawValue: settings.text(.fsync)) ?? .everysec }
}

final class LogPost: Sendable {
    enum Request: Sendable {
        /// No snapshot that is kept needs what lies before this position of the log.
        case dropBefore(UInt64)
        /// Sync now: somebody waits for it.
        case sync
        /// The last: write everything, sync, and say that the end is clean.
        case end

        var isEnd: Bool { if case .end = self { true } else { false } }
    }

    let bell: Bell
    let buffer: LogBuffer
    let snapshots: SnapshotPost
    let keeper: IdentityKeeper
    private let logger: Logger
    /// Clients' writes are held back: so much waits to be written, or it waits so long, that more would be lost; or the
    /// disk knows of no stamps that could be given to them.
    let holdsWrites = Atomic<Bool>(false)
    /// Since when the oldest batch is not synced that is not, by the clock that nobody sets; 0 where all is.
    let unsyncedSinceMilliseconds = Atomic<Int64>(0)
    /// Nothing is promised of the disk: `fsync no`. Syncs are far apart, and nobody waits for one.
    let syncsLazily = Atomic<Bool>(false)
    /// Where the next batch of the log begins.
    let endPosition = Atomic<UInt64>(0)
    /// Of the log: everything before is on the disk. Told before the window's is.
    let durableEnd = Atomic<UInt64>(0)
    let isRunning = Atomic<Bool>(false)
    /// Whether this node has all that it ever wrote under its name, or still asks its peers for it.
    let knowsOwnPast = Atomic<Bool>(true)
    private let requests = Guarded<[Request]>([])

    /// With `everysec` no more than this may be lost, so no more is taken while the disk stands still.
    static let unsyncedMillisecondsMax: Int64 = 2000

    init(_ buffer: LogBuffer, _ keeper: IdentityKeeper, _ bell: Bell, _ logger: Logger) throws(SystemError) {
        self.buffer = buffer
        self.keeper = keeper
        self.bell = bell
        self.logger = logger
        snapshots = try SnapshotPost()
    }

    /// By whoever may have written. What is on the disk already is no reason to wake anybody.
    @inline(__always)
    func ringIfAsleep(_ window: Window) { bell.ringIfAsleep(window, besides: buffer.durablePosition) }

    func post(_ request: Request) {
        requests.withLock { $0.append(request) }
        bell.wakeUp.signal()
    }

    func takeAll() -> [Request] {
        bell.wakeUp.clear()
        return requests.withLock { requests in
            let taken = requests
            requests.removeAll()
            return taken
        }
    }

    /// Return when the disk has it.
    func keep(_ members: [MemberEntry]) {
        do throws(StorageError) { try keeper.keep(members) } catch { die(error) }
    }

    func keep(_ replica: Replica, incarnation: UInt128, isUnsure: Bool) {
        do throws(StorageError) {
            try keeper.keep(replica, incarnation: incarnation, isUnsure: isUnsure)
        } catch {
            die(error)
        }
    }

    func keepHome() {
        do throws(StorageError) { try keeper.keepHome() } catch { die(error) }
    }

    /// A disk that fails is told of, and then nothing is promised any more.
    func die(_ error: StorageError) -> Never { Self.die(error, logger) }

    static func die(_ error: StorageError, _ logger: Logger) -> Never {
        logger.error("the disk has failed: this process ends at once", ["reason": .text("\(error)")])
        ProcessEnd.now(ExitStatus.corruptData)
    }

    /// At the start, and as soon as it is changed: who is told that it is `always` is owed that from his next write on.
    func follow(_ policy: FsyncPolicy) {
        buffer.isSynchronous.store(policy == .always, ordering: .relaxed)
        syncsLazily.store(policy == .no, ordering: .relaxed)
        bell.wakeUp.signal()
    }

    // MARK: Holding writes back

    /// Ahead of the clocks of all partitions, which peers may have driven ahead of this machine's. Nobody is waited for:
    /// who holds a partition may be waiting for room in the ring, for which the pump has to be turned. False where one was
    /// held, whose clock is to be looked at a little later.
    func renewLease(_ shared: Shared, logPosition: UInt64, _ now: Int64) throws(StorageError) -> Bool {
        var latest = now
        var hasSeenAll = true
        for partition in 0..<Slots.partitionCount {
            guard shared.locks.tryAcquire(partition) else {
                hasSeenAll = false
                continue
            }
            latest = max(latest, shared.node.partitions[partition].pointee.momentMilliseconds)
            shared.locks.release(partition)
        }
        buffer.leaseMilliseconds = try keeper.renewLease(nowMilliseconds: latest, logPosition: logPosition)
        return hasSeenAll
    }

    /// By every loop in every turn, before it runs a request. At half of the ring: what is under way when it is noticed
    /// fits into the other half. At the end of the lease: the disk may stand still, and a stamp behind it may be given
    /// again after a crash.
    @inline(__always)
    func mustHold(_ window: Window, nowMilliseconds: Int64) -> Bool {
        if nowMilliseconds >= buffer.leaseMilliseconds {
            holdForLease()
            return true
        }
        if isBehind(window) { hold() }
        return holdsWrites.load(ordering: .relaxed)
    }

    /// The log thread renews it; it may be asleep, with a clock that has been set forward since, or have renewed it for
    /// the last time before it waited for the disk.
    @inline(never)
    private func holdForLease() {
        holdsWrites.store(true, ordering: .sequentiallyConsistent)
        bell.wakeUp.signal()
    }

    /// Somebody may have seen to what is held for just now, and nobody else would let go.
    @inline(never)
    private func hold() {
        if !holdsWrites.exchange(true, ordering: .sequentiallyConsistent) { bell.wakeUp.signal() }
    }

    func isBehind(_ window: Window) -> Bool { buffer.backlogBytes(end: window.end) > window.capacity / 2 }

    /// By every loop, because whoever is at the disk may stand still there.
    func lookAtAge(_ steadyMilliseconds: Int64) {
        if isTooOld(steadyMilliseconds) { hold() }
    }

    /// Whether more would be lost now than the policy says.
    func isTooOld(_ steadyMilliseconds: Int64) -> Bool {
        let since = unsyncedSinceMilliseconds.load(ordering: .relaxed)
        return since > 0 && steadyMilliseconds - since > Self.unsyncedMillisecondsMax
            && !syncsLazily.load(ordering: .relaxed)
    }
}

/// What the snapshot thread is asked for.
final class SnapshotPost: Sendable {
    private struct Wanted {
        var isWanted = false
        var askers: [ClientAddress] = []
        var isEnding = false
    }

    let wakeUp: WakeUp
    private let wanted = Guarded<Wanted>(Wanted())
    let isRunning = Atomic<Bool>(false)

    init() throws(SystemError) { wakeUp = try WakeUp() }

    func ask(for asker: ClientAddress? = nil) {
        wanted.withLock {
            $0.isWanted = true
            if let asker { $0.askers.append(asker) }
        }
        wakeUp.signal()
    }

    func end() {
        wanted.withLock { $0.isEnding = true }
        wakeUp.signal()
    }

    var isEnding: Bool { wanted.withLock { $0.isEnding } }

    /// What was asked for until now, in one.
    func take() -> (isWanted: Bool, askers: [ClientAddress]) {
        wakeUp.clear()
        return wanted.withLock { wanted in
            let taken = (isWanted: wanted.isWanted, askers: wanted.askers)
            wanted.isWanted = false
            wanted.askers = []
            return taken
        }
    }
}
