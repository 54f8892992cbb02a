/// A running node as a snapshot: its partitions, one after the other, over its port.
import Base
import Client
import Core
import Engine
import OS
import Options
import RESP
import Storage

final class NodeSnapshot: SnapshotSource {
    let connection: Connection
    private let header: SnapshotHeader
    private let origin: SnapshotOrigin
    private let progress: Progress

    var name: String { "\(connection.endpoint)" }
    var description: SnapshotDescription { SnapshotDescription(header: header, footer: nil) }

    init(_ connection: Connection, _ tool: Tool) throws {
        self.connection = connection
        progress = Progress(tool, "exporting \(connection.endpoint)")
        let info = try connection.info()
        guard info["a2_version"] != nil else {
            throw ToolFailure.refused("\(connection.endpoint) is no a2 node; `a2 snapshot import-rdb` reads from Redis")
        }
        guard let id = info.integer("a2_node_id"), 1...255 ~= id else {
            throw ToolFailure.refused("\(connection.endpoint) does not say which node it is")
        }
        let replica = info["a2_replica"].flatMap { StampText.replica($0) } ?? Replica(node: UInt8(id), generation: 0)
        let incarnation = info["a2_incarnation"].flatMap { UInt128($0, radix: 16) } ?? 0
        let peers = try connection.ask("A2.PEERS").elements ?? []
        origin = SnapshotOrigin(replica: replica, countsOthers: !peers.isEmpty)
        header = SnapshotHeader(
            createdUnixMilliseconds: SystemClock.wallMilliseconds,
            owner: LogOwner(
                node: UInt32(replica.node), generation: UInt32(replica.generation), incarnation: incarnation),
            clusterName: try connection.setting("cluster") ?? "", databaseCount: UInt32(Limits.databasesMax), start: 0)
    }

    /// A partition's state as the node has it now.
    func state(_ partition: Int) throws(ToolFailure) -> [UInt8] {
        do {
            let reply = try connection.ask("A2.EXPORT", "\(partition)", timeoutMilliseconds: 600_000)
            guard case .bulk(let bytes) = reply else {
                throw ToolFailure.refused("\(name) answers A2.EXPORT with something else than a state")
            }
            return bytes
        } catch let failure as ToolFailure {
            throw failure
        } catch let failure as ClientError {
            throw ToolFailure(failure.exitStatus, failure.description)
        } catch { preconditionFailure("\(error)") }
    }

    func forEachSection(_ body: SectionBody) throws(ToolFailure) -> SnapshotFooter {
        var digest = StateDigest(beforeMilliseconds: .min, key: description.clusterKey)
        for partition in 0..<Slots.partitionCount {
            let bytes = try state(partition)
            try bytes.withView { (view) throws(ToolFailure) in
                do throws(StateFailure) { try digest.add(state: view) } catch {
                    throw .state(error, partition: partition)
                }
                try body(partition, [view.count], view)
            }
            progress.show("partition \(partition + 1) of \(Slots.partitionCount), \(digest.keys) keys")
        }
        progress.end()
        return SnapshotFooter(
            partitionCount: UInt32(Slots.partitionCount), keyCount: UInt64(digest.keys), digest: digest.sum, end: 0,
            versions: origin.encoded)
    }
}
