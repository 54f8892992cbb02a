/// A data directory as a snapshot: the newest snapshot in it and the log behind that, put together as a node would
/// that starts. Nothing in the directory is changed, and nobody may be serving from it.
import Base
import CRDT
import Commands
import Core
import Engine
import OS
import Options
import Replication
import Storage

/// Nobody else is there: nothing to lock.
struct Undisturbed: PartitionLending {
    func acquire(_ partition: Int) {}
    func release(_ partition: Int) {}
    func ticks() -> UInt64 { 0 }
}

final class DirectorySnapshot: SnapshotSource {
    let path: String
    private let memory: UnsafeMutableRawPointer
    private let windowMemory: UnsafeMutableRawPointer
    private let partitions: PartitionArray
    private let header: SnapshotHeader
    private var origin: SnapshotOrigin
    private(set) var framesReplayed = 0
    private(set) var tornBytes = 0

    private static let strideBytes = (MemoryLayout<Partition>.size + 63) & ~63
    private static let windowBytes = 1 << 16

    var name: String { path }
    var description: SnapshotDescription { SnapshotDescription(header: header, footer: nil) }

    init(_ path: String, _ tool: Tool) throws {
        self.path = path
        let directory = try DataDirectory(path, on: SystemDisk(), for: .reading)
        let identity = try IdentityFile.read(from: directory)
        let start = try StartingPoint.find(in: directory, try Manifest.read(from: directory))
        let manifest = try Manifest.read(from: directory)
        let log = try LogRecovery.open(
            directory, from: start.from, durable: max(identity.logPosition, manifest.durablePosition),
            owner: identity.owner)
        tornBytes = log.tornBytes
        let own = SnapshotDescription(
            header: SnapshotHeader(
                createdUnixMilliseconds: SystemClock.wallMilliseconds, owner: identity.owner,
                clusterName: identity.clusterName, databaseCount: UInt32(Limits.databasesMax), start: 0))
        guard let latest = own.replica else { throw ToolFailure.corrupt("\(path): the identity names no node") }
        header = own.header
        origin =
            start.snapshot.flatMap { SnapshotDescription.origin($0.footer) }
            ?? SnapshotOrigin(replica: Replica(node: latest.node, generation: 0), countsOthers: false)
        memory = .allocate(byteCount: Self.strideBytes * Slots.partitionCount, alignment: 64)
        windowMemory = .allocate(byteCount: Self.windowBytes, alignment: 64)
        windowMemory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.windowBytes)
        for index in 0..<Slots.partitionCount {
            (memory + index * Self.strideBytes).bindMemory(to: Partition.self, capacity: 1).initialize(
                to: Partition(index: index, replica: origin.replica, hashSeed: Entropy.seed))
        }
        partitions = PartitionArray(first: memory, strideBytes: Self.strideBytes)
        try replay(start, log, as: latest, identity, tool)
    }

    deinit {
        for index in 0..<Slots.partitionCount { partitions[index].deinitialize(count: 1) }
        memory.deallocate()
        windowMemory.deallocate()
    }

    private func replay(
        _ start: StartingPoint, _ log: RecoveredLog, as latest: Replica, _ identity: Identity, _ tool: Tool
    ) throws {
        let node = Node(
            replica: origin.replica, databaseCount: Limits.databasesMax, partitions: partitions,
            window: Window(capacity: Self.windowBytes, memory: windowMemory), statistics: [])
        var replayer = LogReplayer<Undisturbed>(
            node: node, cluster: identity.clusterName, share: 0, of: 1, countsOthers: origin.countsOthers,
            nowMilliseconds: SystemClock.wallMilliseconds)
        let progress = Progress(tool, "reading \(path)")
        if let snapshot = start.snapshot {
            _ = try BinarySnapshot(snapshot).forEachSection { (partition, _, state) throws(ToolFailure) in
                do throws(ReplayFailure) { try replayer.reload(partition, state) } catch {
                    throw .corrupt("\(snapshot.path): partition \(partition) holds \(error)")
                }
                progress.show("partition \(partition + 1) of the snapshot")
            }
        }
        for segment in log.segments where segment.end > start.from {
            for batch in segment.batches where batch.end > start.from {
                for entry in batch.entries {
                    do throws(ReplayFailure) { try replayer.replay(kind: entry.kind, entry.content) } catch {
                        throw ToolFailure.corrupt(
                            "\(segment.segment.path), byte \(batch.fileOffset): the batch there holds \(error)")
                    }
                }
                progress.show("\(replayer.framesReplayed) frames of the log")
            }
        }
        progress.end()
        framesReplayed = replayer.framesReplayed
        replayer.finish(as: latest, leaseMilliseconds: Int64(identity.leaseUnixMilliseconds))
        origin = SnapshotOrigin(
            replica: latest, countsOthers: origin.countsOthers || !partitions[0].pointee.isSole)
    }

    func forEachSection(_ body: SectionBody) throws(ToolFailure) -> SnapshotFooter {
        var digest = StateDigest(beforeMilliseconds: .min, key: description.clusterKey)
        var state = ByteBuffer(capacity: 1 << 20)
        for partition in 0..<Slots.partitionCount {
            state.removeAll()
            write(partition, into: &state)
            do throws(StateFailure) { try digest.add(state: state.view) } catch {
                throw .state(error, partition: partition)
            }
            try body(partition, [state.count], state.view)
        }
        return SnapshotFooter(
            partitionCount: UInt32(Slots.partitionCount), keyCount: UInt64(digest.keys), digest: digest.sum, end: 0,
            versions: origin.encoded)
    }

    private func write(_ partition: Int, into state: inout ByteBuffer) {
        var export = StateExport(.everything)
        export.writeHead(partitions[partition], into: &state)
        while !export.writeSlice(partitions[partition], bucketsMax: .max, into: &state) {}
    }

    func state(_ partition: Int) throws(ToolFailure) -> [UInt8] {
        var state = ByteBuffer()
        write(partition, into: &state)
        return state.array
    }

    /// All that is known of a key; nil where that is nothing.
    func keyState(database: Int, key: [UInt8]) -> KeyState? {
        let partition = key.withView { Slots.partition(of: $0) }
        var states = ByteBuffer()
        partitions[partition].pointee.writeKeyStates([(database: database, name: key)], into: &states)
        var reader = KeyStatesReader(states.view)
        return reader.next()
    }
}
