/// What Redis has no name for: what a key remembers, what the node has seen, and whether two nodes agree.
import Base
import CRDT
import Engine
import Options
import RESP

private let flags: CommandFlags = [.readOnly, .admin, .walks]

let a2Commands: [Command] = [
    Command(
        name: "A2.DIGEST", arity: -1, flags: flags, arguments: "[partition [bucket]] [WITHVERSIONS] [KEYS]",
        summary: "Returns a fingerprint of all keys, values and deadlines; nodes with the same data return the same.",
        since: "0.1.0", group: "a2", complexity: "O(N) where N is the number of keys looked at",
        conflict: "equal on every node that has seen the same writes", handler: digest),
    Command(
        name: "A2.EXPORT", arity: 2, flags: flags, arguments: "partition",
        summary: "Returns the whole state of a partition, as a snapshot keeps it.", since: "0.1.0", group: "a2",
        complexity: "O(N) where N is the number of keys in the partition",
        conflict: "joined with any other state of the partition, nothing of either is lost", handler: export),
    Command(
        name: "A2.META", arity: 2, flags: [.readOnly, .admin], keys: [.one("RO", at: 1)], arguments: "key",
        summary: "Returns what is remembered of a key: type, stamp, per-replica parts, deadline and size.",
        since: "0.1.0", group: "a2", conflict: "shows the parts that concurrent writes left side by side",
        handler: meta),
    Command(
        name: "A2.VERSIONS", arity: -1, flags: flags, arguments: "[partition]",
        summary: "Returns the latest stamp of each replica that this node has applied, by partition.",
        since: "0.1.0", group: "a2", complexity: "O(P) where P is the number of partitions",
        conflict: "equal on every node that has seen the same writes", handler: versions),
]

extension Arguments {
    /// A partition or bucket number below `bound`, if the argument is a number at all.
    fileprivate func number(_ index: Int, below bound: Int, _ error: StaticString) throws(CommandError) -> Int? {
        guard index < count, let number = self[index].canonicalInteger else { return nil }
        guard 0..<Int64(bound) ~= number else { throw .fixed(error) }
        return Int(number)
    }
}

extension ReplyWriter {
    /// Replica and stamp, alternating: a map by replica.
    fileprivate mutating func versions(_ versions: [Stamp]) {
        map(versions.count)
        for stamp in versions {
            bulk(stamp.replica.description)
            bulk(stamp.description)
        }
    }
}

// MARK: A2.DIGEST

@Sendable
private func digest(_ call: inout Invocation) throws(CommandError) {
    var index = 1
    let partition = try call.arguments.number(
        index, below: Slots.partitionCount, "ERR partition must be between 0 and 255")
    if partition != nil { index += 1 }
    var bucket: Int?
    if partition != nil {
        bucket = try call.arguments.number(index, below: Slots.perPartition, "ERR bucket must be between 0 and 63")
        if bucket != nil { index += 1 }
    }
    let walk = DigestWalk(
        partition: partition, bucket: bucket,
        clusterKey: call.node.settings.text(.cluster).withBytes { Fingerprint.key(named: $0) },
        databaseCount: call.node.databaseCount)
    while index < call.arguments.count {
        if call.arguments.isWord(index, "withversions") {
            walk.tellsVersions = true
        } else if call.arguments.isWord(index, "keys") {
            walk.tellsKeys = true
        } else {
            throw .syntax
        }
        index += 1
    }
    call.effect = .walk(walk)
}

/// Adds up the fingerprints of the keys; a sum has no order, so hash seeds and insertion order leave no trace.
/// A bucket is one of a partition's 64 hash slots.
private final class DigestWalk: Walk {
    private struct KeyLine {
        let database: Int
        let key: [UInt8]
        let fingerprint: UInt128
    }

    private let single: Int?
    private let bucket: Int?
    private let clusterKey: (UInt64, UInt64)
    private let databaseCount: Int
    var tellsVersions = false
    var tellsKeys = false
    private var database = 0
    private var position: UInt64 = 0
    private var sum: UInt128 = 0
    private var lines: [KeyLine] = []
    private var versions: [(partition: Int, stamps: [Stamp])] = []

    init(partition: Int?, bucket: Int?, clusterKey: (UInt64, UInt64), databaseCount: Int) {
        single = partition
        self.bucket = bucket
        self.clusterKey = clusterKey
        self.databaseCount = databaseCount
        super.init()
        self.partition = partition ?? 0
    }

    override func visit(_ visit: inout PartitionVisit) {
        var bucketsLeft = visit.bucketsMax
        while bucketsLeft > 0 {
            bucketsLeft -= 1
            let next = visit.partition.pointee.visitBucket(
                database: database, position: position, nowMilliseconds: visit.context.pointee.nowMilliseconds
            ) { add($0.name, visit) }
            if let next {
                position = next
                continue
            }
            position = 0
            database += 1
            if database < databaseCount { continue }
            let stamps = visit.partition.pointee.versions.stamps
            if tellsVersions, !stamps.isEmpty, let partition { versions.append((partition, stamps)) }
            database = 0
            if single == nil { advance() } else { partition = nil }
            return
        }
    }

    private func add(_ name: ByteView, _ visit: PartitionVisit) {
        if let bucket, Slots.slot(of: name) % Slots.perPartition != bucket { return }
        let handle = KeyHandle(
            partition: visit.partition, context: visit.context, database: database,
            hash: visit.partition.pointee.hash(of: name), name: name)
        guard let fingerprint = handle.fingerprint(key: clusterKey) else { return }
        sum &+= fingerprint
        if tellsKeys { lines.append(KeyLine(database: database, key: name.array, fingerprint: fingerprint)) }
    }

    override func finish(_ call: inout Invocation) {
        let text = Fingerprint.hexadecimal(sum)
        guard tellsVersions || tellsKeys else { return call.reply.bulk(text) }
        call.reply.map(1 + (tellsVersions ? 1 : 0) + (tellsKeys ? 1 : 0))
        call.reply.bulk("digest")
        call.reply.bulk(text)
        if tellsVersions {
            call.reply.bulk("versions")
            call.reply.map(versions.count)
            for (partition, stamps) in versions {
                call.reply.integer(partition)
                call.reply.versions(stamps)
            }
        }
        if tellsKeys { replyKeys(&call) }
    }

    private func replyKeys(_ call: inout Invocation) {
        lines.sort { left, right in
            left.database != right.database
                ? left.database < right.database : left.key.lexicographicallyPrecedes(right.key)
        }
        call.reply.bulk("keys")
        call.reply.array(lines.count)
        for line in lines {
            call.reply.array(3)
            call.reply.integer(line.database)
            line.key.withView { call.reply.bulk($0) }
            call.reply.bulk(Fingerprint.hexadecimal(line.fingerprint))
        }
    }
}

// MARK: A2.EXPORT

@Sendable
private func export(_ call: inout Invocation) throws(CommandError) {
    let partition = try call.arguments.number(
        1, below: Slots.partitionCount, "ERR partition must be between 0 and 255")
    guard let partition else { throw .notInteger }
    call.effect = .walk(ExportWalk(partition: partition))
}

/// Writes a partition out in slices, each bounded in buckets and bytes, into blocks that are sent from where they
/// are: copying them together would hold the loop up.
private final class ExportWalk: Walk {
    private var export = StateExport(.everything)
    private var hasHead = false
    private var blocks: [SharedBlock] = []
    private var byteCount = 0

    private static let sliceBuckets = 16
    /// A copy of this takes well below a millisecond.
    private static let visitBytes = 256 * 1024

    init(partition: Int) {
        super.init()
        self.partition = partition
    }

    deinit {
        for block in blocks { block.release() }
    }

    override func visit(_ visit: inout PartitionVisit) {
        var output = ByteBuffer(capacity: 16 * 1024)
        if !hasHead { export.writeHead(visit.partition, into: &output) }
        hasHead = true
        var bucketsLeft = visit.bucketsMax
        while bucketsLeft > 0, output.count < Self.visitBytes {
            bucketsLeft -= Self.sliceBuckets
            if export.writeSlice(visit.partition, bucketsMax: Self.sliceBuckets, into: &output) {
                partition = nil
                break
            }
        }
        blocks.append(.copying(output.view))
        byteCount += output.count
    }

    override func finish(_ call: inout Invocation) {
        call.reply.bulkHeader(byteCount)
        for block in blocks {
            call.reply.splice(block.bytes, count: block.count, token: UInt(bitPattern: block.address))
        }
        blocks.removeAll()
        call.reply.lineEnd()
    }
}

// MARK: A2.VERSIONS

@Sendable
private func versions(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 2 else { throw .syntax }
    let single = try call.arguments.number(1, below: Slots.partitionCount, "ERR partition must be between 0 and 255")
    if call.arguments.count == 2, single == nil { throw .notInteger }
    call.effect = .walk(VersionsWalk(partition: single))
}

private final class VersionsWalk: Walk {
    private let single: Int?
    private var versions: [(partition: Int, stamps: [Stamp])] = []

    init(partition: Int?) {
        single = partition
        super.init()
        self.partition = partition ?? 0
    }

    override func visit(_ visit: inout PartitionVisit) {
        guard let partition else { return }
        versions.append((partition, visit.partition.pointee.versions.stamps))
        if single == nil { advance() } else { self.partition = nil }
    }

    override func finish(_ call: inout Invocation) {
        if single != nil, let only = versions.first { return call.reply.versions(only.stamps) }
        let written = versions.filter { !$0.stamps.isEmpty }
        call.reply.map(written.count)
        for (partition, stamps) in written {
            call.reply.integer(partition)
            call.reply.versions(stamps)
        }
    }
}

// MARK: A2.META

@Sendable
private func meta(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    guard let description = key.describe() else { return call.reply.null() }
    let state = key.state
    let slot = Slots.slot(of: call.arguments[1])
    call.reply.map(14)
    call.reply.bulk("type")
    call.reply.bulk(key.type == .set ? "set" : "string")
    call.reply.bulk("form")
    call.reply.bulk(description.form)
    call.reply.bulk("stamp")
    call.reply.bulk(description.stamp.description)
    call.reply.bulk("written-ms")
    call.reply.integer(description.stamp.unixMilliseconds)
    call.reply.bulk("replica")
    call.reply.bulk(description.stamp.replica.description)
    call.reply.bulk("deadline-ms")
    call.reply.integer(description.deadlineMilliseconds ?? -1)
    call.reply.bulk("size-bytes")
    call.reply.integer(description.footprintBytes)
    call.reply.bulk("value-bytes")
    call.reply.integer(key.bytes(of: key.peek())?.count ?? 0)
    call.reply.bulk("slot")
    call.reply.integer(slot)
    call.reply.bulk("partition")
    call.reply.integer(slot / Slots.perPartition)
    call.reply.bulk("settled")
    call.reply.boolean(description.stamp <= key.partition.pointee.settleCut || key.partition.pointee.isSole)
    call.reply.bulk("bases")
    call.reply.array(state.cell.bases.count)
    for base in state.cell.bases {
        call.reply.map(3)
        call.reply.bulk("stamp")
        call.reply.bulk(base.dot.description)
        call.reply.bulk("value-bytes")
        call.reply.integer(base.value.count)
        call.reply.bulk("deadline-ms")
        call.reply.integer(base.deadline ?? -1)
    }
    call.reply.bulk("increments")
    call.reply.array(state.cell.runs.count)
    for run in state.cell.runs {
        call.reply.map(3)
        call.reply.bulk("replica")
        call.reply.bulk(run.last.replica.description)
        call.reply.bulk("stamp")
        call.reply.bulk(run.last.description)
        call.reply.bulk("sum")
        run.sum.text.withView { call.reply.bulk($0) }
    }
    call.reply.bulk("patches")
    call.reply.integer(state.cell.patches.count)
}

extension KeyHandle.Description {
    /// How the entry keeps its value.
    fileprivate var form: StaticString {
        switch entry.kind {
        case .bytes: "bytes"
        case .integer: "integer"
        case .shared: "shared"
        case .counter: "counter"
        case .general: "history"
        }
    }
}
