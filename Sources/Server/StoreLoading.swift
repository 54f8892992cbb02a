/// Reading a node back into memory at the start: the newest snapshot that is whole, then the log behind it, on every
/// core. Each thread has its share of the partitions; all of them go through the whole log.
import Base
import Commands
import Core
import Engine
import Glibc
import OS
import Options
import Replication
import Storage
import Synchronization

/// What a load has come to.
struct StoreLoad: Sendable {
    var cut = Stamp.zero
    var settleCut = Stamp.zero
    var framesReplayed = 0
    var milliseconds: Int64 = 0
}

struct StoreLoader {
    let node: Node
    let cluster: String
    let snapshot: SnapshotReader?
    let log: RecoveredLog
    /// From where on the log is replayed.
    let start: UInt64
    let origin: SnapshotOrigin?
    /// Whom the identity says that this node is.
    let replica: Replica
    let leaseMilliseconds: Int64

    func load(threads count: Int, nowMilliseconds now: Int64) throws(StoreFailure) -> StoreLoad {
        let started = SystemClock.monotonicMilliseconds
        let results = Guarded<[Result<StoreLoad, StoreFailure>]>([])
        var threads: [Thread] = []
        for share in 0..<count {
            let loader = self
            do throws(SystemError) {
                threads.append(
                    try Thread.start(name: "a2-load-\(share)") {
                        let result: Result<StoreLoad, StoreFailure>
                        do throws(StoreFailure) {
                            result = .success(try loader.loadShare(share, of: count, now))
                        } catch {
                            result = .failure(error)
                        }
                        results.withLock { $0.append(result) }
                    })
            } catch {
                for thread in threads { thread.join() }
                throw .system(error)
            }
        }
        for thread in threads { thread.join() }
        var sum = StoreLoad()
        for result in results.withLock({ $0 }) {
            let part = try result.get()
            sum.cut = max(sum.cut, part.cut)
            sum.settleCut = max(sum.settleCut, part.settleCut)
            sum.framesReplayed += part.framesReplayed
        }
        sum.milliseconds = SystemClock.monotonicMilliseconds - started
        return sum
    }

    private func loadShare(_ share: Int, of count: Int, _ now: Int64) throws(StoreFailure) -> StoreLoad {
        var replayer = LogReplayer<PartitionLocks>(
            node: node, cluster: cluster, share: share, of: count, countsOthers: origin?.countsOthers ?? false,
            nowMilliseconds: now)
        if let snapshot { try reload(snapshot, &replayer, share, count) }
        for segment in log.segments where segment.end > start {
            for batch in segment.batches where batch.end > start {
                for entry in batch.entries {
                    do throws(ReplayFailure) {
                        try replayer.replay(kind: entry.kind, entry.content)
                    } catch {
                        throw .log(segment.segment.path, offset: batch.fileOffset, error)
                    }
                }
            }
        }
        // The identity has a name before anything is written under it, and one that only the log tells of never was.
        replayer.finish(as: replica, leaseMilliseconds: leaseMilliseconds)
        var result = StoreLoad()
        (result.cut, result.settleCut) = replayer.cuts
        result.framesReplayed = replayer.framesReplayed
        return result
    }

    private func reload(
        _ snapshot: SnapshotReader, _ replayer: inout LogReplayer<PartitionLocks>, _ share: Int, _ count: Int
    ) throws(StoreFailure) {
        var state = ByteBuffer(capacity: 1 << 20)
        for partition in stride(from: share, to: Slots.partitionCount, by: count) {
            state.removeAll()
            do throws(StorageError) {
                try snapshot.forEachPiece(ofPartition: partition) { state.append($0) }
            } catch {
                throw .storage(error)
            }
            if state.isEmpty { continue }
            do throws(ReplayFailure) {
                try replayer.reload(partition, state.view)
            } catch {
                throw .snapshot(snapshot.path, partition: partition, error)
            }
        }
    }
}

/// Why a node cannot be made again out of its directory.
enum StoreFailure: Error, CustomStringConvertible {
    case storage(StorageError)
    case system(SystemError)
    case log(String, offset: Int, ReplayFailure)
    case snapshot(String, partition: Int, ReplayFailure)
    case otherNode(String)
    /// The process ends.
    case stopped

    var description: String {
        switch self {
        case .storage(let error): error.description
        case .system(let error): error.description
        case .log(let path, let offset, let failure):
            "\(path), byte \(offset): the batch there holds \(failure). `a2 inspect log` shows it; with "
                + "--repair-from-peers the log is dropped from there on and peers are asked for the rest"
        case .snapshot(let path, let partition, let failure):
            "\(path): partition \(partition) holds \(failure). `a2 snapshot verify` looks at all of it"
        case .otherNode(let text): text
        case .stopped: "this process ends"
        }
    }

    var exitStatus: Int32 {
        switch self {
        case .storage(let error): Self.exitStatus(error)
        case .system, .stopped: ExitStatus.negative
        case .log, .snapshot: ExitStatus.corruptData
        case .otherNode: ExitStatus.configuration
        }
    }

    private static func exitStatus(_ error: StorageError) -> Int32 {
        if error.isCorruption { return ExitStatus.corruptData }
        // No directory, or one that is not ours to use: the settings name the wrong one.
        guard case .system(let errno) = error.kind, [ENOTDIR, EACCES, EPERM, EROFS, ENOENT, EEXIST].contains(errno)
        else { return ExitStatus.negative }
        return ExitStatus.configuration
    }
}
