/// Fingerprints of what a partition holds, for comparing nodes. Until partitions keep them nothing is compared.
import Base
import Commands
import Engine

struct KeyDigest {
    var database: Int
    var name: [UInt8]
    var fingerprint: UInt128
    var modified: Stamp
}

extension Executor {
    func digest(_ partition: Int, before expiry: Int64) -> (versions: UInt64, sum: UInt128, buckets: [UInt128]) {
        (0, 0, Array(repeating: 0, count: Slots.perPartition))
    }

    func keyDigests(_ partition: Int, bucket: Int, before expiry: Int64) -> [KeyDigest] { [] }

    func writeKeyStates(
        _ partition: Int, _ keys: [(database: Int, name: [UInt8])], into output: inout ByteBuffer
    ) {}

    mutating func adoptKeyStates(_ partition: Int, _ states: ByteView) -> Int? { 0 }
}
