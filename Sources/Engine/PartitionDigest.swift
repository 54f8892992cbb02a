/// Fingerprints of what a partition shows: partitions that have applied the same writes have the same ones.
///
/// One sum for each of the partition's slots, over all databases, of the fingerprints of the keys that are still
/// there at a time in the near future: a key about to expire would differ with every clock. The sums are worked out
/// when they are asked for and kept while nothing was written, so that they cost a write nothing.
import Base
import CRDT

public struct PartitionDigest: Equatable, Sendable {
    /// Names the versions the sums stand for; zero while nothing has been applied.
    public var versions: UInt64 = 0
    public var sum: UInt128 = 0
    /// By slot within the partition.
    public var buckets: [UInt128] = []
}

public struct KeyDigest: Equatable, Sendable {
    public var database: Int
    public var name: [UInt8]
    public var fingerprint: UInt128
    /// The stamp of the last record applied to the key.
    public var modified: Stamp
}

/// The sums last worked out, and what they hold for.
struct DigestCache {
    fileprivate var versions = Versions()
    fileprivate var digest: PartitionDigest?
    fileprivate var key: (UInt64, UInt64) = (0, 0)
    fileprivate var beforeMilliseconds: Int64 = 0
    /// No key had a deadline: the time does not matter.
    fileprivate var isTimeless = false

    mutating func invalidate() { digest = nil }
}

extension Partition {
    /// The sums over keys that are there at `before`, Unix milliseconds. `key` is the cluster's.
    public mutating func digest(before milliseconds: Int64, key: (UInt64, UInt64)) -> PartitionDigest {
        let versions = versions
        if let digest = digestCache.digest, digestCache.versions == versions, digestCache.key == key,
            digestCache.isTimeless || digestCache.beforeMilliseconds == milliseconds
        {
            return digest
        }
        var digest = PartitionDigest()
        digest.buckets = Array(repeating: 0, count: Slots.perPartition)
        var isTimeless = true
        for database in 0..<databaseCount {
            if tables[database].volatileCount > 0 { isTimeless = false }
            var position: UInt64? = 0
            while let at = position {
                position = tables[database].visit(at) { slot in
                    let name = slot.entry.key
                    guard
                        let fingerprint = slot.entry.fingerprint(database: database, at: milliseconds, key: key)
                    else { return }
                    digest.buckets[Self.digestBucket(of: name)] &+= fingerprint
                    digest.sum &+= fingerprint
                }
            }
        }
        if !versions.stamps.isEmpty {
            var fingerprint = Fingerprint(key: key)
            for stamp in versions.stamps { fingerprint.combine(stamp.rawValue) }
            digest.versions = max(UInt64(truncatingIfNeeded: fingerprint.finish()), 1)
        }
        digestCache = DigestCache(
            versions: versions, digest: digest, key: key, beforeMilliseconds: milliseconds, isTimeless: isTimeless)
        return digest
    }

    /// The keys of one slot, as they go into its sum.
    public func keyDigests(bucket: Int, before milliseconds: Int64, key: (UInt64, UInt64)) -> [KeyDigest] {
        var digests: [KeyDigest] = []
        for database in 0..<databaseCount {
            var position: UInt64? = 0
            while let at = position {
                position = tables[database].visit(at) { slot in
                    let entry = slot.entry
                    guard Self.digestBucket(of: entry.key) == bucket,
                        let fingerprint = entry.fingerprint(database: database, at: milliseconds, key: key)
                    else { return }
                    digests.append(
                        KeyDigest(
                            database: database, name: entry.key.array, fingerprint: fingerprint,
                            modified: entry.unsettledState?.modified ?? entry.stamp))
                }
            }
        }
        return digests
    }

    static func digestBucket(of name: ByteView) -> Int { Slots.slot(of: name) % Slots.perPartition }

    /// Spoils what a key shows, so that nodes differ although they have applied the same: for tests of repair.
    public mutating func corrupt(database: Int, key: ByteView, _ context: inout ExecutionContext) -> Bool {
        var isDone = false
        withHandle(database, key, &context) { handle in
            var state = handle.partition.pointee.state(of: handle)
            guard state.damage() else { return }
            isDone = true
            handle.noteWrite()
            handle.partition.pointee.store(state, for: handle)
        }
        if isDone { digestCache.invalidate() }
        return isDone
    }
}

extension Entry {
    /// Of what `KeyHandle.fingerprint` would show at a time. Nil where the key is gone by then.
    func fingerprint(database: Int, at milliseconds: Int64, key clusterKey: (UInt64, UInt64)) -> UInt128? {
        if let state = unsettledState {
            return state.fingerprint(database: database, name: key, at: milliseconds, key: clusterKey)
        }
        let deadline = hasDeadline ? deadlineMilliseconds : nil
        if let deadline, deadline <= milliseconds { return nil }
        switch kind {
        case .integer:
            return Array(String(integer).utf8).withView {
                Fingerprint.ofString($0, database: database, name: key, deadline: deadline, key: clusterKey)
            }
        case .shared:
            return Fingerprint.ofString(block.view, database: database, name: key, deadline: deadline, key: clusterKey)
        case .bytes, .general, .counter:
            return Fingerprint.ofString(inlineBytes, database: database, name: key, deadline: deadline, key: clusterKey)
        }
    }
}

extension StateEntry {
    /// The same of a key as a state shows it. Nil also where its name alone is there.
    func fingerprint(at milliseconds: Int64, key clusterKey: (UInt64, UInt64)) -> UInt128? {
        switch self {
        case .plain(let entry):
            if let deadline = entry.deadline, deadline <= milliseconds { return nil }
            func ofString(_ value: ByteView) -> UInt128 {
                Fingerprint.ofString(
                    value, database: entry.database, name: entry.key, deadline: entry.deadline, key: clusterKey)
            }
            guard let integer = entry.integer else { return ofString(entry.value) }
            return Array(String(integer).utf8).withView { ofString($0) }
        case .general(let database, let name, let state):
            return state.fingerprint(database: database, name: name, at: milliseconds, key: clusterKey)
        case .name: return nil
        }
    }
}

extension KeyState {
    func fingerprint(
        database: Int, name: ByteView, at milliseconds: Int64, key: (UInt64, UInt64)
    ) -> UInt128? {
        var fingerprint = Fingerprint(key: key)
        fingerprint.begin(database, name)
        switch visible(at: milliseconds) {
        case nil: return nil
        case .string(let bytes): bytes.withView { fingerprint.combine(string: $0) }
        case .set(let elements):
            fingerprint.combine(2)
            fingerprint.combine(UInt64(elements.count))
            for element in elements {
                fingerprint.combine(UInt64(element.count))
                element.withView { fingerprint.combine($0) }
            }
        }
        fingerprint.combine(UInt64(bitPattern: deadline(at: milliseconds) ?? -1))
        return fingerprint.finish()
    }
}

extension Fingerprint {
    fileprivate static func ofString(
        _ value: ByteView, database: Int, name: ByteView, deadline: Int64?, key: (UInt64, UInt64)
    ) -> UInt128 {
        var fingerprint = Fingerprint(key: key)
        fingerprint.begin(database, name)
        fingerprint.combine(string: value)
        fingerprint.combine(UInt64(bitPattern: deadline ?? -1))
        return fingerprint.finish()
    }

    fileprivate mutating func begin(_ database: Int, _ name: ByteView) {
        combine(UInt64(database))
        combine(UInt64(name.count))
        combine(name)
    }

    fileprivate mutating func combine(string bytes: ByteView) {
        combine(1)
        combine(UInt64(bytes.count))
        combine(bytes)
    }
}
