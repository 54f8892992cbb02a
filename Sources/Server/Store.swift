/// A node's data directory as the server holds it: opened and locked before anything else, read back into memory,
/// then shared by the threads that write the log, the snapshots and the identity.
import Base
import Commands
import Core
import OS
import Options
import Replication
import Storage
import Synchronization

/// What cannot be copied, behind what can be shared: nothing of a directory's own ever changes.
private final class DirectoryBox: @unchecked Sendable {
    let value: DataDirectory<SystemDisk>
    init(_ value: consuming DataDirectory<SystemDisk>) { self.value = value }
}

private struct Writing: ~Copyable {
    var writer: LogWriter<SystemDisk>?
}

final class Store: Sendable {
    let keeper: IdentityKeeper
    /// Whom the node writes as, as far as its identity knows.
    let replica: Replica
    let incarnation: UInt128
    /// Positions of the window before this one belong to former lives of the node.
    let windowStart: UInt64
    private let identity: Identity
    private let directory: DirectoryBox
    private let manifest: Guarded<Manifest>
    private let writing = Guarded<Writing>(Writing(writer: nil))
    private let isRepairing: Bool
    /// It has stopped in order, and here: nobody has written on since.
    private var isAsLeft: Bool { identity.isClean && !keeper.isCopy }
    private let logger: Logger

    /// A window never grows by more than four megabytes a millisecond.
    private static let windowBytesPerMillisecondBits: UInt64 = 22

    private init(
        _ directory: consuming DataDirectory<SystemDisk>, _ identity: consuming IdentityFile<SystemDisk>,
        _ settings: Settings, _ logger: Logger
    ) throws(StorageError) {
        self.identity = identity.identity
        self.logger = logger
        isRepairing = settings.flag(.repairFromPeers)
        replica = Replica(
            node: UInt8(truncatingIfNeeded: self.identity.owner.node),
            generation: UInt8(truncatingIfNeeded: self.identity.owner.generation))
        incarnation = self.identity.owner.incarnation
        keeper = IdentityKeeper(identity)
        let latest = max(SystemClock.wallMilliseconds, Int64(self.identity.leaseUnixMilliseconds))
        windowStart = UInt64(max(latest - Stamp.epochMilliseconds, 0)) << Self.windowBytesPerMillisecondBits
        manifest = Guarded(try Manifest.read(from: directory))
        self.directory = DirectoryBox(directory)
    }

    /// Locks the directory, and makes what is missing of a new one.
    static func open(_ settings: Settings, _ logger: Logger) throws(StoreFailure) -> Store {
        let path = settings.text(.dataDir)
        var refusal: String?
        do throws(StorageError) {
            let directory = try DataDirectory(
                path, on: SystemDisk(), for: .serving(processIdentifier: Int(ProcessFacts.id)))
            if directory.isNew {
                let incarnation = Entropy.bytes(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
                let fresh = Identity(
                    owner: LogOwner(
                        node: UInt32(settings.integer(.nodeID)), generation: 0, incarnation: incarnation),
                    clusterName: settings.text(.cluster))
                let identity = try IdentityFile(creating: fresh, in: directory)
                return try Store(directory, identity, settings, logger)
            }
            let identity = try IdentityFile(opening: directory)
            if let objection = objection(to: identity.identity, path, settings) { refusal = objection }
            if refusal == nil { return try Store(directory, identity, settings, logger) }
        } catch {
            throw .storage(error)
        }
        throw .otherNode(refusal ?? "")
    }

    private static func objection(to identity: Identity, _ path: String, _ settings: Settings) -> String? {
        let (node, cluster) = (settings.integer(.nodeID), settings.text(.cluster))
        if Int(identity.owner.node) != node {
            return "\(path) is the data directory of node \(identity.owner.node), and this is node \(node): give it "
                + "--node-id \(identity.owner.node), or another --data-dir"
        }
        if identity.clusterName != cluster {
            return "\(path) is the data directory of a node of cluster '\(identity.clusterName)', and this is one of "
                + "'\(cluster)': give it --cluster \(identity.clusterName), or another --data-dir"
        }
        return nil
    }

    // MARK: Loading

    /// Reads the node back into the partitions, and makes the log ready to be written on.
    func load(into shared: Shared) throws(StoreFailure) -> RecoveredPast {
        let settings = shared.node.settings
        let found: (start: StartingPoint, log: RecoveredLog)
        do throws(StorageError) {
            found = try recover(threads: Thread.coreCount)
        } catch {
            throw .storage(error)
        }
        let origin = try origin(of: found.start)
        let loader = StoreLoader(
            node: shared.node, cluster: settings.text(.cluster), snapshot: found.start.snapshot, log: found.log,
            start: found.start.from, origin: origin, replica: replica,
            leaseMilliseconds: Int64(identity.leaseUnixMilliseconds))
        let load = try loader.load(threads: Thread.coreCount, nowMilliseconds: SystemClock.wallMilliseconds)
        shared.node.goOn(as: replica)
        do throws(StorageError) {
            try beginWriting(found.log, settings)
        } catch {
            throw .storage(error)
        }
        if found.log.repair == nil, isAsLeft { notePlaces(found.log, shared.node.window) }
        report(found.start, found.log, load, shared)
        return try past(load, found.log)
    }

    private func recover(
        threads: Int
    ) throws(StorageError) -> (start: StartingPoint, log: RecoveredLog) {
        let manifest = manifest.withLock { $0 }
        try directory.value.sweepSnapshots(manifest)
        let start = try StartingPoint.find(in: directory.value, manifest, repairing: isRepairing)
        for error in start.passedOver {
            logger.error("a snapshot cannot be used, an older start is", ["reason": .text("\(error)")])
        }
        // As far back as a snapshot that is kept needs it, where it is there.
        var files = try LogFiles(directory.value, from: min(manifest.logNeededFrom, start.from))
        if !files.reachesBack { files = try LogFiles(directory.value, from: start.from) }
        let scans = Self.scan(files.segments, threads: threads)
        let log = try files.assemble(
            scans, in: directory.value, durable: max(identity.logPosition, manifest.durablePosition),
            owner: identity.owner, repairing: isRepairing)
        return (start, log)
    }

    /// Checks the segments, several at once.
    private static func scan(_ segments: [LogSegment], threads count: Int) -> [LogSegmentScan] {
        guard segments.count > 1, count > 1 else { return segments.map { $0.scan() } }
        let found = Guarded<[Int: LogSegmentScan]>([:])
        let next = Counter()
        var threads: [Thread] = []
        for _ in 1..<min(count, segments.count) {
            if let thread = try? Thread.start(name: "a2-scan", { work() }) { threads.append(thread) }
        }
        @Sendable func work() {
            while true {
                let index = next.next()
                guard index < segments.count else { return }
                let scan = segments[index].scan()
                found.withLock { $0[index] = scan }
            }
        }
        work()
        for thread in threads { thread.join() }
        return found.withLock { found in segments.indices.compactMap { found[$0] } }
    }

    private final class Counter: Sendable {
        private let number = Atomic<Int>(0)
        func next() -> Int { number.add(1, ordering: .relaxed).oldValue }
    }

    private func origin(of start: StartingPoint) throws(StoreFailure) -> SnapshotOrigin? {
        guard let snapshot = start.snapshot else { return nil }
        guard let origin = snapshot.footer.versions.withView({ SnapshotOrigin($0) }) else {
            throw .snapshot(snapshot.path, partition: 0, .malformed("a footer"))
        }
        return origin
    }

    private func beginWriting(_ log: RecoveredLog, _ settings: Settings) throws(StorageError) {
        try writing.withLock { (writing) throws(StorageError) in
            writing.writer = try LogWriter.open(
                continuing: log, in: directory.value, owner: identity.owner,
                segmentBytes: settings.integer(.logSegmentBytes))
        }
    }

    /// Peers that were away since a former life of this node are served from what it wrote in its log. After a crash no
    /// place of before counts: what it has lost has taken its place in the window with it.
    private func notePlaces(_ log: RecoveredLog, _ window: Window) {
        guard let kept = KeptReplication(identity.members), let first = log.firstPosition else { return }
        for place in LogPlaces.fitting(kept.places, window: window.start, log: first...log.end) {
            window.log?.note(place)
        }
    }

    private func past(_ load: StoreLoad, _ log: RecoveredLog) throws(StoreFailure) -> RecoveredPast {
        guard let kept = KeptReplication(identity.members) else {
            throw .otherNode("the member table in the identity of \(directory.value.path) cannot be read")
        }
        // What was given up of the log may be what peers are told to be here.
        if log.repair != nil { keeper.note([], onceSynced: false) }
        return RecoveredPast(
            members: kept.members, cut: load.cut, settleCut: load.settleCut,
            isWhole: isAsLeft && log.repair == nil,
            resumePoints: log.repair == nil ? kept.resumePoints : [], isUnsure: kept.isUnsure,
            incarnation: kept.incarnation, isCopy: keeper.isCopy)
    }

    private func report(_ start: StartingPoint, _ log: RecoveredLog, _ load: StoreLoad, _ shared: Shared) {
        let keys = Int(start.facts?.keys ?? 0)
        if let repair = log.repair {
            logger.error(
                "the log was damaged and is cut off: peers must have what it held",
                ["reason": .text("\(repair.problem)"), "kept": .text(repair.saved.joined(separator: ", "))])
        }
        if log.tornBytes > 0 {
            logger.warning("the end of the log was torn by a crash, and dropped", ["bytes": .number(log.tornBytes)])
        }
        if keeper.isCopy {
            logger.warning(
                "this data directory is a copy, or was restored: what was written since where it comes from is not in it"
            )
        }
        let wasClean = identity.isClean
        if !directory.value.isNew {
            logger.notice(
                "data loaded",
                [
                    "snapshot": .text(start.facts?.fileName ?? "none"), "keys": .number(keys),
                    "frames": .number(load.framesReplayed), "log-bytes": .number(Int(log.end &- start.from)),
                    "duration-ms": .number(Int(load.milliseconds)),
                    "ended": .text(wasClean ? "in order" : "by a crash"),
                ])
        }
        let count = snapshotCount
        shared.node.persistence.withLock {
            $0.isDurable = true
            $0.fsync = shared.node.settings.text(.fsync)
            $0.keysLoaded = keys
            $0.framesReplayed = load.framesReplayed
            $0.loadMilliseconds = load.milliseconds
            $0.bytesTruncated = log.tornBytes
            $0.snapshotCount = count
            guard let facts = start.facts else { return }
            $0.snapshotStart = facts.start
            $0.snapshotBytes = Int(facts.bytes)
            $0.snapshotKeys = keys
            $0.lastSaveUnixSeconds = facts.createdUnixMilliseconds / 1000
        }
    }

    // MARK: Writing

    /// For the log's pump, through which alone is written from then on.
    func takeWriter() -> LogWriter<SystemDisk> {
        let taken = writing.withLock { $0.writer.take() }
        guard let taken else { preconditionFailure("the log's writer is taken twice, or before the log was read") }
        return taken
    }

    /// For a peer that has fallen behind the window.
    func frames(
        from position: UInt64, entryBytesMax: Int
    ) throws(LogReadFailure) -> LogFrameReader<SystemDisk> {
        try LogFrameReader(directory.value, from: position, entryBytesMax: entryBytesMax)
    }

    var snapshotCount: Int { manifest.withLock { $0.snapshots.count } }

    /// For the next snapshot's file.
    var nextSnapshotNumber: UInt64 { manifest.withLock { $0.nextNumber } }

    func beginSnapshot(
        _ number: UInt64, start: UInt64, databases: Int, replica: Replica, _ now: Int64
    ) throws(StorageError) -> SnapshotWriter<SystemDisk> {
        var owner = identity.owner
        owner.generation = UInt32(replica.generation)
        let header = SnapshotHeader(
            createdUnixMilliseconds: now, owner: owner, clusterName: identity.clusterName,
            databaseCount: UInt32(databases), start: start)
        return try SnapshotWriter(number: number, in: directory.value, header)
    }

    /// The snapshot counts from here on, and the oldest goes. Returns from where on the log is still needed.
    func keep(
        _ facts: SnapshotFacts, keeping count: Int, durablePosition: UInt64
    ) throws(StorageError) -> UInt64 {
        try manifest.withLock { (manifest) throws(StorageError) in
            try directory.value.keep(facts, in: &manifest, keeping: count, durablePosition: durablePosition)
            return manifest.logNeededFrom
        }
    }
}
