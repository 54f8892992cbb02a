/// The shipping core's replication as what the peer thread obeys.
import Base
import Commands
import Core
import OS
import Options
import Replication

extension Replicator: PeerMachine where Lending == PartitionLocks {}

extension Replicator where Lending == PartitionLocks {
    /// To be made on the peer thread, which alone ever sees it.
    convenience init(_ shared: Shared, _ options: PeerOptions, listeners: [String]) {
        let settings = shared.node.settings
        let incarnation = UInt128(Entropy.seed) << 64 | UInt128(Entropy.seed)
        let number = UInt8(settings.integer(.nodeID))
        let name = settings.text(.name)
        var replication = ReplicationSettings(
            nodeNumber: number, name: name.isEmpty ? "node-\(number)" : name, region: settings.text(.region),
            cluster: settings.text(.cluster), incarnation: incarnation,
            advertise: options.advertised(listeners: listeners) ?? PeerAddress.unreachable, seeds: options.seeds,
            secret: options.secret)
        replication.bounds.linkOutputBytesMax = options.bufferBytes
        replication.timing.antiEntropyMilliseconds = Int64(options.repairIntervalSeconds) * 1000
        replication.timing.stabilityMilliseconds = Int64(options.stabilityTimeoutSeconds) * 1000
        self.init(
            node: shared.node, lending: shared.locks, settings: replication,
            statistics: LoopStatistics(rowCount: CommandTable.shared.rowCount),
            random: SeededRandom(seed: Entropy.seed))
    }
}
