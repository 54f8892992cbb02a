/// Fingerprints of what a partition holds, for comparing nodes, and the states of single keys that differ.
import Base
import Commands
import Engine

extension Executor {
    func digest(_ partition: Int, before expiry: Int64, key: (UInt64, UInt64)) -> PartitionDigest {
        lending.acquire(partition)
        defer { lending.release(partition) }
        return partitions[partition].pointee.digest(before: expiry, key: key)
    }

    func keyDigests(_ partition: Int, bucket: Int, before expiry: Int64, key: (UInt64, UInt64)) -> [KeyDigest] {
        lending.acquire(partition)
        defer { lending.release(partition) }
        return partitions[partition].pointee.keyDigests(bucket: bucket, before: expiry, key: key)
    }

    func writeKeyStates(
        _ partition: Int, _ keys: [(database: Int, name: [UInt8])], into output: inout ByteBuffer
    ) {
        lending.acquire(partition)
        defer { lending.release(partition) }
        partitions[partition].pointee.writeKeyStates(keys, into: &output)
    }

    /// Takes over those states that win. Nil where the bytes are none.
    mutating func adoptKeyStates(_ partition: Int, _ states: ByteView, key: (UInt64, UInt64)) -> Int? {
        lending.acquire(partition)
        defer { lending.release(partition) }
        let adopted = partitions[partition].pointee.adopt(keyStates: states, key: key, &context.pointee)
        if let adopted, adopted > 0 { enterKeyStates(partition, states) }
        return adopted
    }
}
