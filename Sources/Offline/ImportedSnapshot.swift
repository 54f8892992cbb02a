/// A snapshot made of what another database had: all keys written at one moment by one replica, which nobody else
/// knows yet.
///
/// A dump's keys come in any order and a snapshot's by partition. A file is gone through several times, each time for
/// as many partitions as fit a bound, so that no dump is too large; what can be read only once is held in memory.
import Base
import CRDT
import Core
import Engine
import OS
import Options
import Storage

struct ImportedSnapshot {
    private let source: any ImportSource
    private let rules: ImportRules
    private let replica: Replica
    private let cluster: String
    /// The moment everything is written at.
    private let stamp: Stamp
    private let boundBytes: Int

    static let boundBytesDefault = 256 << 20

    init(_ source: any ImportSource, _ rules: ImportRules, _ tool: Tool, boundBytes: Int = boundBytesDefault) throws {
        let node = try tool.arguments.integer("node-id", in: 1...255) ?? 1
        self.init(
            source, rules, replica: Replica(node: UInt8(node), generation: 0), cluster: tool.value("cluster") ?? "a2",
            boundBytes: boundBytes)
    }

    init(
        _ source: any ImportSource, _ rules: ImportRules, replica: Replica, cluster: String,
        boundBytes: Int = boundBytesDefault
    ) {
        self.source = source
        self.rules = rules
        self.replica = replica
        self.cluster = cluster
        self.boundBytes = boundBytes
        let tick = UInt64(max(rules.now - Stamp.epochMilliseconds, 1)) << Stamp.counterBits
        stamp = Stamp(tick: tick, replica: replica)
    }

    func write(to path: String) throws(ToolFailure) -> ImportReport {
        let header = SnapshotHeader(
            createdUnixMilliseconds: rules.now,
            owner: LogOwner(
                node: UInt32(replica.node), generation: UInt32(replica.generation),
                incarnation: Entropy.bytes(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }),
            clusterName: cluster, databaseCount: UInt32(Limits.databasesMax), start: 0)
        let target = try BinaryTarget(path, header)
        var digest = StateDigest(
            beforeMilliseconds: .min, key: cluster.withBytes { Fingerprint.key(named: $0) })
        var report = ImportReport()
        for range in try ranges() {
            report = ImportReport()
            let sections = try gather(range, &report)
            for partition in range {
                guard let state = sections.finish(partition, stamp) else { continue }
                try state.withView { (view) throws(ToolFailure) in
                    do throws(StateFailure) { try digest.add(state: view) } catch {
                        throw .state(error, partition: partition)
                    }
                    try target.section(partition, pieces: [view.count], view)
                }
            }
        }
        let footer = SnapshotFooter(
            partitionCount: UInt32(Slots.partitionCount), keyCount: UInt64(digest.keys), digest: digest.sum, end: 0,
            versions: SnapshotOrigin(replica: replica, countsOthers: false).encoded)
        try target.finish(footer)
        report.counters = digest.unsettledKeys
        return report
    }

    /// Runs of partitions that each fit the bound.
    private func ranges() throws(ToolFailure) -> [Range<Int>] {
        guard source.isRepeatable else { return [0..<Slots.partitionCount] }
        var sizes = [Int](repeating: 0, count: Slots.partitionCount)
        var report = ImportReport()
        try source.forEachKey(&report) { (key) throws(ToolFailure) in
            sizes[Slots.partition(of: key.name)] += key.name.count + key.value.count + 64
        }
        var ranges: [Range<Int>] = []
        var (first, sum) = (0, 0)
        for partition in 0..<Slots.partitionCount {
            if sum > 0, sum + sizes[partition] > boundBytes {
                ranges.append(first..<partition)
                (first, sum) = (partition, 0)
            }
            sum += sizes[partition]
        }
        ranges.append(first..<Slots.partitionCount)
        return ranges
    }

    private func gather(_ range: Range<Int>, _ report: inout ImportReport) throws(ToolFailure) -> ImportedSections {
        let sections = ImportedSections(range)
        let rules = rules
        let stamp = stamp
        try source.forEachKey(&report) { (key) throws(ToolFailure) in
            let partition = Slots.partition(of: key.name)
            guard range.contains(partition) else { return }
            guard sections.note(key, partition) else {
                throw .corrupt("\(DiffVerb.quoted(key.name.array)) is in the dump twice")
            }
            sections.append(key, partition, stamp, counter: rules.counter(key.name, key.value))
        }
        return sections
    }
}

/// Entries of some partitions, encoded.
private final class ImportedSections {
    private final class Section {
        var bytes = ByteBuffer(capacity: 256)
        var names: Set<UInt128> = []
    }

    private let first: Int
    private let sections: [Section]

    init(_ range: Range<Int>) {
        first = range.lowerBound
        sections = range.map { _ in Section() }
    }

    /// False for a key that was here before.
    func note(_ key: ImportedKey, _ partition: Int) -> Bool {
        var fingerprint = Fingerprint(key: (0, 0))
        fingerprint.combine(UInt64(key.database))
        fingerprint.combine(key.name)
        return sections[partition - first].names.insert(fingerprint.finish()).inserted
    }

    func append(_ key: ImportedKey, _ partition: Int, _ stamp: Stamp, counter: Int64?) {
        let section = sections[partition - first]
        if let counter {
            let cell = Cell(
                bases: [], patches: [], runs: [Run(start: stamp, last: stamp, sum: Amount(counter))], resets: [],
                settledSum: nil)
            let deadlines = key.deadline.map { [DeadlineRegister.Entry(dot: stamp, deadline: $0)] } ?? []
            let state = KeyState(
                modified: stamp, cell: cell, members: AddWinsSet(), deadline: DeadlineRegister(entries: deadlines))
            return StateEntry.general(database: key.database, key: key.name, state).encode(to: &section.bytes)
        }
        var plain = PlainEntry()
        plain.database = key.database
        plain.key = key.name
        plain.stamp = stamp
        plain.deadline = key.deadline
        plain.integer = key.value.canonicalInteger
        if plain.integer == nil { plain.value = key.value }
        StateEntry.plain(plain).encode(to: &section.bytes)
    }

    /// The whole state of a partition, whose entries are given up.
    func finish(_ partition: Int, _ stamp: Stamp) -> [UInt8]? {
        let section = sections[partition - first]
        var head = StateHead()
        let isEmpty = section.bytes.isEmpty
        let versions = isEmpty ? Versions() : Versions([stamp])
        head.context.versions = versions
        head.salt = UInt64(partition)
        head.chains = [(replica: stamp.replica, versions: Versions())]
        var state = ByteBuffer(capacity: section.bytes.count + 128)
        head.encode(to: &state)
        StateExport.beginSlice(versions: versions, fences: Versions(), settleCut: .zero, into: &state)
        state.append(section.bytes.view)
        StateExport.endSlice(into: &state)
        StateExport.endState(into: &state)
        section.bytes = ByteBuffer(capacity: 16)
        section.names = []
        return state.array
    }
}
