/// The disk of a place in a cluster: it outlives the process. What was synced is there after a crash; of what was
/// only written, entries up to some point.
import Base
import CRDT
import Commands
import Core
import Engine
import Replication

/// Rules of whoever keeps a node's log to leave out, so that the tests can show that each is needed.
public struct DiskFaults: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A restart does not look at how far stamps were reserved.
    public static let ignoresLease = DiskFaults(rawValue: 1)
    /// The positions of the window begin at the same place in every life.
    public static let reusesPositions = DiskFaults(rawValue: 2)
    public static let forgetsMembers = DiskFaults(rawValue: 8)
    /// The next generation is not kept before it writes.
    public static let forgetsGeneration = DiskFaults(rawValue: 16)
    /// Stamps are reserved by the wall clock, also where peers have driven a partition's clock past it.
    public static let leasesByWallClock = DiskFaults(rawValue: 32)
    /// The log before a snapshot's walk is dropped before the log has the walk's end.
    public static let dropsLogEarly = DiskFaults(rawValue: 64)
    /// Whoever stops in order has everything, even if he did not know his past yet.
    public static let stopsMakeWhole = DiskFaults(rawValue: 128)
    /// A snapshot's part of a partition is headed by what the partition has when the part is done.
    public static let headsWalksLate = DiskFaults(rawValue: 256)
}

struct ClusterDisk {
    enum Sync: String { case always, everySecond, slow }

    /// What was entered between two looks, and what of the watched partitions the node had then.
    struct Batch {
        var entries: [SimEntry]
        let versions: [Versions]
    }

    struct Snapshot {
        let states: [Int: [UInt8]]
        let countsOthers: Bool
        let replica: Replica
    }

    let sync: Sync

    // The identity: what is written there is there.
    var incarnation: UInt128 = 0
    var replica: Replica
    var members: [UInt8] = []
    var resumePoints: [HandshakeFacts.ResumePoint] = []
    var isUnsure = false
    var knownIncarnation: UInt128?
    var leaseMilliseconds: Int64 = 0
    /// All that was told to anybody is on the disk.
    var isWhole = false
    var isCopy = false

    /// Whom the log began with, and in which of the place's lives.
    let founder: Replica
    var firstLife = 0
    var snapshot: Snapshot?
    var batches: [Batch] = []
    /// Dropped ones before the first.
    var batchesDropped = 0
    var batchesSynced = 0
    /// The last batch kept was cut by a crash.
    var isCut = false
    /// The versions of the batch before all that are kept, and all that was synced when the process ended.
    var floor: [Versions] = []
    /// Where the clocks of the watched partitions stood when the process ended: up to there fences may have promised that
    /// nothing more is written.
    var moments: [Int64] = []
    /// What the node showed at the end of its process, where nothing of it was lost.
    var shown: (at: Int64, views: [KeyView])?

    init(replica: Replica, sync: Sync) {
        self.replica = replica
        founder = replica
        self.sync = sync
    }

    /// What of the watched partitions would be there after a crash; nil before anything is.
    var synced: [Versions]? {
        if batchesSynced > batchesDropped { return batches[batchesSynced - batchesDropped - 1].versions }
        return floor.isEmpty ? nil : floor
    }

    var batchesWritten: Int { batchesDropped + batches.count }

    /// Whom a node is before the log is replayed to it.
    var replicaAtStart: Replica { snapshot?.replica ?? founder }

    mutating func drop(before batch: Int) {
        guard batch > batchesDropped else { return }
        floor = batches[batch - batchesDropped - 1].versions
        batches.removeFirst(batch - batchesDropped)
        batchesDropped = batch
    }

    /// Power is lost: what was not synced is there up to somewhere, perhaps in the middle of a batch.
    mutating func lose(random: inout SeededRandom) -> Int {
        let unsynced = batchesWritten - batchesSynced
        guard unsynced > 0 else { return 0 }
        // Where a snapshot counted too early, what was dropped for it is gone, synced or not.
        let kept = max(batchesSynced + random.below(unsynced + 1), batchesDropped)
        let lost = batchesWritten - kept
        guard lost > 0 else { return 0 }
        let next = batches[kept - batchesDropped]
        batches.removeLast(lost)
        if next.entries.count > 1, random.below(2) == 0 {
            var entries = Array(next.entries.prefix(1 + random.below(next.entries.count - 1)))
            while entries.last?.continues == true { entries.removeLast() }
            if !entries.isEmpty {
                batches.append(Batch(entries: entries, versions: next.versions))
                isCut = true
            }
        }
        return lost
    }

    /// Makes a node out of the snapshot and the log.
    func replay(
        into node: SimNode, shares: Int, leaseMilliseconds: Int64, nowMilliseconds: Int64, faults: Faults
    ) throws(ReplayFailure) -> (cut: Stamp, settleCut: Stamp) {
        #if DEBUG
            if !faults.isEmpty { node.leaveOut(faults) }
        #endif
        var highest = (cut: Stamp.zero, settleCut: Stamp.zero)
        for share in 0..<shares {
            var replayer = LogReplayer<PlainLending>(
                node: node.node, cluster: "simulated", share: share, of: shares,
                countsOthers: snapshot?.countsOthers ?? false, nowMilliseconds: nowMilliseconds)
            for partition in 0..<Slots.partitionCount {
                guard let state = snapshot?.states[partition] else { continue }
                try state.withView { bytes throws(ReplayFailure) in try replayer.reload(partition, bytes) }
            }
            for batch in batches {
                for entry in batch.entries {
                    try entry.content.withView { bytes throws(ReplayFailure) in
                        try replayer.replay(kind: entry.kind, bytes)
                    }
                }
            }
            replayer.finish(as: replica, leaseMilliseconds: leaseMilliseconds)
            highest = (max(highest.cut, replayer.cuts.cut), max(highest.settleCut, replayer.cuts.settleCut))
        }
        node.node.goOn(as: replica)
        return highest
    }
}
