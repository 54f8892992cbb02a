/// What replication is told at the start, out of the settings.
import OS
import Options
import Replication

extension PeerOptions {
    /// `advertise` is where others reach this node; see `advertised(listeners:)`.
    func replicationSettings(_ settings: Settings, advertise: PeerAddress) -> ReplicationSettings {
        let words = Entropy.bytes(16)
        var result = ReplicationSettings(
            nodeNumber: UInt8(settings.integer(.nodeID)), name: settings.nodeName, region: settings.text(.region),
            cluster: settings.text(.cluster), incarnation: words.reduce(UInt128(0)) { $0 << 8 | UInt128($1) },
            advertise: advertise, seeds: seeds, secret: secret)
        result.timing.antiEntropyMilliseconds = Int64(repairIntervalSeconds) * 1000
        result.timing.stabilityMilliseconds = Int64(stabilityTimeoutSeconds) * 1000
        // Frames take half of it, so that a link full of them is still read: see PeerThread+Transfer.
        result.bounds.linkOutputBytesMax = bufferBytes / 2
        return result
    }
}
