/// The node's identity on its disk, written by the log thread (the lease) and the peer thread (who is a member, whom
/// this node writes as): one after the other.
import Base
import Core
import OS
import Replication
import Storage
import Synchronization

final class IdentityKeeper: @unchecked Sendable {
    /// Used under the lock alone.
    private var file: IdentityFile<SystemDisk>
    private let lock = Guarded<Void>(())

    /// Stamps may be handed out this far ahead of the time the disk was last told.
    private static let leaseMilliseconds: Int64 = 3000

    init(_ file: consuming IdentityFile<SystemDisk>) { self.file = file }

    /// Stamps up to `now` are in use. `logPosition` is how far the log is on the disk. Returns up to when stamps may be
    /// handed out from here on; written twice as often as needed.
    func renewLease(nowMilliseconds now: Int64, logPosition: UInt64) throws(StorageError) -> Int64 {
        try lock.withLock { (_) throws(StorageError) in
            let lease = Int64(file.identity.leaseUnixMilliseconds)
            if lease >= now + Self.leaseMilliseconds / 2, !file.identity.isClean { return lease }
            let renewed = max(lease, now + Self.leaseMilliseconds)
            try file.renew(
                leaseUnixMilliseconds: UInt64(max(renewed, 0)), logPosition: max(logPosition, file.identity.logPosition)
            )
            return renewed
        }
    }

    func keep(_ members: [MemberEntry]) throws(StorageError) {
        try change { $0.members = RecoveredPast.encode(members) }
    }

    func keep(_ replica: Replica) throws(StorageError) {
        try change { $0.owner.generation = UInt32(replica.generation) }
    }

    private func change(_ body: (inout Identity) -> Void) throws(StorageError) {
        try lock.withLock { (_) throws(StorageError) in
            var identity = file.identity
            body(&identity)
            try file.write(identity)
        }
    }

    func markClean(logPosition: UInt64) throws(StorageError) {
        try lock.withLock { (_) throws(StorageError) in try file.markClean(logPosition: logPosition) }
    }
}
