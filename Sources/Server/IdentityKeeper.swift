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
    private var kept: KeptReplication
    /// The directory was written somewhere else than here: whoever has what this was copied from may have written since.
    let isCopy: Bool
    /// Until nobody knows more of it than it does, a copy is one.
    private var isAtHome: Bool
    private var lastResumePoints: [HandshakeFacts.ResumePoint]?

    /// Stamps may be handed out this far ahead of the time the disk was last told.
    private static let leaseMilliseconds: Int64 = 3000

    init(_ file: consuming IdentityFile<SystemDisk>) {
        self.file = file
        // What cannot be read is refused before anything is written.
        kept = KeptReplication(self.file.identity.members) ?? KeptReplication()
        let home = self.file.home
        isCopy = kept.home != 0 && kept.home != home
        isAtHome = !isCopy
    }

    /// Stamps up to `now` are in use. `logPosition` is how far the log is on the disk. Returns up to when stamps may be
    /// handed out from here on; written twice as often as needed.
    func renewLease(nowMilliseconds now: Int64, logPosition: UInt64) throws(StorageError) -> Int64 {
        try lock.withLock { (_) throws(StorageError) in
            let lease = Int64(file.identity.leaseUnixMilliseconds)
            if lease >= now + Self.leaseMilliseconds / 2, !file.identity.isClean { return lease }
            let renewed = max(lease, now + Self.leaseMilliseconds)
            try write {
                $0.leaseUnixMilliseconds = UInt64(max(renewed, 0))
                $0.logPosition = max(logPosition, $0.logPosition)
                $0.isClean = false
            }
            return renewed
        }
    }

    func keep(_ members: [MemberEntry]) throws(StorageError) {
        try change { _ in kept.members = members }
    }

    /// Written with what is written next; those that hold once everything is synced, with the mark of a clean end.
    func note(_ points: [HandshakeFacts.ResumePoint], onceSynced: Bool) {
        lock.withLock { _ in
            if onceSynced { lastResumePoints = points } else { kept.resumePoints = points }
        }
    }

    func note(_ places: [LogPlace]) { lock.withLock { _ in kept.places = places } }

    func keep(_ replica: Replica, incarnation: UInt128, isUnsure: Bool) throws(StorageError) {
        try change {
            kept.isUnsure = isUnsure
            kept.incarnation = incarnation
            $0.owner.generation = UInt32(replica.generation)
        }
    }

    func keepHome() throws(StorageError) {
        try change { _ in isAtHome = true }
    }

    func markClean(logPosition: UInt64) throws(StorageError) {
        try change {
            $0.logPosition = logPosition
            $0.isClean = true
            if let lastResumePoints { kept.resumePoints = lastResumePoints }
        }
    }

    private func change(_ body: (inout Identity) -> Void) throws(StorageError) {
        try lock.withLock { (_) throws(StorageError) in try write(body) }
    }

    /// With the lock. What is said of the directory is said of where it lies.
    private func write(_ body: (inout Identity) -> Void) throws(StorageError) {
        var identity = file.identity
        body(&identity)
        if isAtHome { kept.home = file.home }
        identity.members = kept.encoded
        if isAtHome, !file.hasRoom(for: identity) {
            // It is made anew, and lies somewhere else then: nobody knows where before that is written.
            kept.home = 0
            identity.members = kept.encoded
            try file.write(identity)
            kept.home = file.home
            identity.members = kept.encoded
        }
        try file.write(identity)
    }
}
