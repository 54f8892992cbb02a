/// Where recovery begins: the newest snapshot that is whole, or an older one if the log reaches back to it; and how
/// snapshots come to count and go.
import Base

public struct StartingPoint: Sendable {
    /// Nil: from the beginning of the log, with nothing.
    public let snapshot: SnapshotReader?
    public let facts: SnapshotFacts?
    /// The log is to be replayed from here on.
    public let from: UInt64
    /// Why newer snapshots were passed over.
    public let passedOver: [StorageError]
    /// In a repair: something before `from` is missing, and only the peers have it.
    public let isIncomplete: Bool

    /// Reads the whole of every snapshot it considers. With `repairing`, begins wherever anything can be read.
    public static func find<D: Disk>(
        in directory: borrowing DataDirectory<D>, _ manifest: Manifest, repairing: Bool = false
    ) throws(StorageError) -> StartingPoint {
        var passedOver: [StorageError] = []
        for facts in manifest.snapshots.reversed() {
            do throws(StorageError) {
                let snapshot = try SnapshotReader(facts, in: directory)
                try snapshot.verify()
                let isReached = try LogFiles(directory, from: facts.start).reachesBack
                if isReached || repairing {
                    return StartingPoint(
                        snapshot: snapshot, facts: facts, from: facts.start, passedOver: passedOver,
                        isIncomplete: !isReached)
                }
                throw StorageError(
                    .missing, directory.logPath,
                    "the log does not reach back to position \(facts.start), where \(facts.fileName) begins",
                    advice: Advice.log)
            } catch {
                guard error.isCorruption else { throw error }
                passedOver.append(error)
            }
        }
        let beginning = try LogFiles(directory, from: 0)
        guard let newest = passedOver.first else {
            return StartingPoint(snapshot: nil, facts: nil, from: 0, passedOver: [], isIncomplete: false)
        }
        if beginning.reachesBack || repairing {
            let first = beginning.reachesBack ? 0 : beginning.segments.first?.header.position ?? 0
            return StartingPoint(
                snapshot: nil, facts: nil, from: first, passedOver: passedOver, isIncomplete: !beginning.reachesBack)
        }
        throw StorageError(
            newest.kind, newest.path, at: newest.offset,
            "\(newest.reason); and neither an older snapshot nor the whole log is there to begin from instead",
            advice: Advice.snapshot + ["`a2 serve --repair-from-peers` begins with what can be read"])
    }
}

extension DataDirectory {
    /// Makes a finished snapshot count, durably, then removes the files of those it displaces and returns their facts.
    /// The log before `manifest.logNeededFrom` may go afterwards.
    @discardableResult
    public borrowing func keep(
        _ snapshot: SnapshotFacts, in manifest: inout Manifest, keeping count: Int, durablePosition: UInt64
    ) throws(StorageError) -> [SnapshotFacts] {
        var new = manifest
        let removed = new.add(snapshot, keeping: count, durablePosition: durablePosition)
        try new.write(to: self)
        manifest = new
        for old in removed { try removeSnapshot(old.fileName) }
        return removed
    }

    /// Removes what a crash has left in `snapshot/`: halves, and whole ones that never came to count.
    public borrowing func sweepSnapshots(_ manifest: Manifest) throws(StorageError) {
        let listed = Set(manifest.snapshots.map(\.fileName))
        for name in try disk.list(snapshotPath) where !listed.contains(name) {
            let isOurs = FileNames.number(of: name, suffix: FileNames.snapshotSuffix) != nil
            if isOurs || name.hasSuffix(FileNames.snapshotSuffix + FileNames.besideSuffix) {
                try removeSnapshot(name)
            }
        }
    }

    private borrowing func removeSnapshot(_ name: String) throws(StorageError) {
        do throws(StorageError) {
            try disk.remove(FileNames.join(snapshotPath, name))
        } catch {
            // Gone already: what was to be removed.
            guard error.errno == StorageError.noEntry else { throw error }
        }
    }
}
