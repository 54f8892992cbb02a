/// What a server does with its data directory, step by step under a seed, next to a model of what it was promised.
import Base
import OS
import Simulator
import Storage

/// What was appended and promised, whatever becomes of the disk.
struct StorageModel {
    struct Batch: Equatable {
        var position: UInt64
        var content: [UInt8]
    }

    /// All that may still be in the log, oldest first.
    var batches: [Batch] = []
    /// Up to here it must be.
    var durable: UInt64 = 0
    /// Nothing before is asked for any more.
    var first: UInt64 = 0
    var leaseKept: UInt64 = 0
    var leaseTried: UInt64 = 0
    var snapshots: [SnapshotFacts] = []
    var snapshotTried: SnapshotFacts?
    var counter: UInt64 = 0

    var end: UInt64 { batches.last.map { $0.position + UInt64($0.content.count) } ?? first }
}

struct Broken: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// One life of a server, from its start to whatever ends it.
struct StoredLife {
    static let owner = LogOwner(node: 9, generation: 2, incarnation: 77)
    static let path = "/data"

    let disk: SimDisk
    var model: StorageModel
    var random: SeededRandom
    var faults: StorageFaults = []
    var segmentBytes = 4096
    var tornBytes = 0
    /// Sizes that let a stale batch fit behind a new one.
    var sizes = [40, 40, 40, 200, 700]

    /// Runs until something ends it; throws `Broken` when a promise was, and whatever error storage had otherwise.
    mutating func run(steps: Int) throws {
        let directory = try DataDirectory(Self.path, on: disk, for: .serving(processIdentifier: 1))
        var identity: IdentityFile<SimDisk>
        if directory.isNew {
            if model.leaseKept > 0 { throw Broken("the identity is gone") }
            identity = try IdentityFile(creating: Identity(owner: Self.owner, clusterName: "c"), in: directory)
        } else {
            identity = try IdentityFile(opening: directory)
        }
        let lease = identity.identity.leaseUnixMilliseconds
        if lease < model.leaseKept || lease > model.leaseTried {
            throw Broken("a lease of \(lease), kept was \(model.leaseKept), tried \(model.leaseTried)")
        }
        var manifest = try Manifest.read(from: directory)
        try check(manifest)
        try directory.sweepSnapshots(manifest)
        let start = try StartingPoint.find(in: directory, manifest)
        if !start.passedOver.isEmpty { throw Broken("passed over \(start.passedOver)") }
        let log = try LogRecovery.open(
            directory, from: start.from, durable: max(identity.identity.logPosition, manifest.durablePosition),
            owner: Self.owner, faults: faults)
        try check(log)
        tornBytes += log.tornBytes
        var writer = try LogWriter.open(
            continuing: log, in: directory, owner: Self.owner, segmentBytes: segmentBytes)
        writer.writesAhead = random.below(2) == 0
        if writer.durablePosition != log.end { throw Broken("not durable after recovery") }
        model.durable = max(model.durable, log.end)
        for _ in 0..<steps { try step(directory, &identity, &manifest, &writer) }
        if random.below(4) == 0 {
            let end = try writer.finishCleanly()
            model.durable = end
            try identity.markClean(logPosition: end)
        }
    }

    private mutating func check(_ manifest: Manifest) throws {
        let tried = model.snapshotTried
        var expected = model.snapshots
        if manifest.snapshots != expected, let tried { expected = Array((expected + [tried]).suffix(2)) }
        guard manifest.snapshots == expected else {
            throw Broken(
                "snapshots \(manifest.snapshots), expected \(model.snapshots) or with \(String(describing: tried))")
        }
        model.snapshots = expected
        model.snapshotTried = nil
    }

    /// A prefix of what was appended, with all that was synced, and nothing else from now on.
    private mutating func check(_ log: RecoveredLog) throws {
        var found: [StorageModel.Batch] = []
        log.forEachBatch { found.append(StorageModel.Batch(position: $0.position, content: $0.content.array)) }
        let expected = model.batches.filter { $0.position + UInt64($0.content.count) > log.from }
        guard found.count <= expected.count, found == Array(expected.prefix(found.count)) else {
            let index = zip(found, expected).prefix { $0 == $1 }.count
            throw Broken("batch \(index) of \(found.count) is not what was written there")
        }
        if log.end < model.durable { throw Broken("the log ends at \(log.end), durable was \(model.durable)") }
        model.batches = model.batches.filter { $0.position < log.end }
    }

    private mutating func step(
        _ directory: borrowing DataDirectory<SimDisk>, _ identity: inout IdentityFile<SimDisk>,
        _ manifest: inout Manifest, _ writer: inout LogWriter<SimDisk>
    ) throws {
        switch random.below(20) {
        case 0..<12: try append(&writer)
        case 12..<16:
            try writer.sync()
            model.durable = writer.durablePosition
        case 16:
            let lease = model.leaseTried + UInt64(random.below(5))
            model.leaseTried = lease
            try identity.renew(leaseUnixMilliseconds: lease, logPosition: writer.durablePosition)
            model.leaseKept = lease
        case 17: try snapshot(directory, &manifest, &writer)
        case 18:
            var larger = identity.identity
            larger.members += [UInt8](repeating: 7, count: random.below(900))
            if larger.members.count > 20_000 { larger.members = [] }
            try identity.write(larger)
        default:
            let next = try writer.prepareNext()
            if case .full(let error) = next, !error.isFull { throw Broken("full for another reason: \(error)") }
        }
    }

    mutating func append(_ writer: inout LogWriter<SimDisk>) throws {
        var content = ByteBuffer()
        let count = 1 + random.below(3)
        for _ in 0..<count {
            model.counter += 1
            var bytes = sizes[random.below(sizes.count)]
            if random.below(60) == 0 { bytes = 6000 }
            LogEntry.appendHead(kind: random.below(16), length: bytes, into: &content)
            content.append(littleEndian: model.counter)
            content.append([UInt8](repeating: UInt8(truncatingIfNeeded: model.counter), count: bytes - 8))
        }
        // From here on it may be on disk, whatever is answered.
        model.batches.append(StorageModel.Batch(position: writer.endPosition, content: content.array))
        do {
            try writer.append(content.view, entryCount: count, unixMilliseconds: 0)
        } catch {
            guard error.isFull, !writer.isStopped else { throw error }
            model.batches.removeLast()
        }
    }

    private mutating func snapshot(
        _ directory: borrowing DataDirectory<SimDisk>, _ manifest: inout Manifest, _ writer: inout LogWriter<SimDisk>
    ) throws {
        let number = manifest.nextNumber
        let start = writer.endPosition
        let header = SnapshotHeader(
            createdUnixMilliseconds: 0, owner: Self.owner, clusterName: "c", databaseCount: 1, start: start)
        var file = try SnapshotWriter(number: number, in: directory, header)
        for partition in 0..<3 {
            try [UInt8](repeating: UInt8(partition), count: random.below(2000)).withView {
                (view) throws(StorageError) in
                try file.append(partition: partition, view)
            }
            try append(&writer)
            try file.end(partition: partition)
        }
        let end = writer.endPosition
        let bytes = try file.finish(
            SnapshotFooter(partitionCount: 3, keyCount: 0, digest: 0, end: end, versions: []))
        try writer.sync()
        model.durable = writer.durablePosition
        let facts = SnapshotFacts(
            number: number, start: start, end: end, createdUnixMilliseconds: 0, bytes: UInt64(bytes), keys: 0)
        model.snapshotTried = facts
        try directory.keep(facts, in: &manifest, keeping: 2, durablePosition: writer.durablePosition)
        model.snapshots = Array((model.snapshots + [facts]).suffix(2))
        model.snapshotTried = nil
        _ = try writer.removeSegments(endingBefore: manifest.logNeededFrom)
    }
}
