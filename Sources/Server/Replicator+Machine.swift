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
    convenience init(
        _ shared: Shared, _ options: PeerOptions, listeners: [String], incarnation: UInt128? = nil,
        recovered: RecoveredPast = RecoveredPast()
    ) {
        var replication = options.replicationSettings(
            shared.node.settings, advertise: options.advertised(listeners: listeners) ?? PeerAddress.unreachable)
        replication.clientPort = UInt16(clamping: shared.node.process.readings().port)
        if let incarnation { replication.incarnation = incarnation }
        self.init(
            node: shared.node, lending: shared.locks, settings: replication,
            statistics: LoopStatistics(rowCount: CommandTable.shared.rowCount),
            random: SeededRandom(seed: Entropy.seed), recovered: recovered)
    }
}
