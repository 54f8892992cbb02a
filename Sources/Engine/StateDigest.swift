/// What a state shows, added up: the digest of a snapshot, and how many keys of which kind are in it.
///
/// The sum is that of `Partition.digest`, so that a snapshot can be compared with a node by A2.DIGEST: over all
/// partitions, of the keys that are there at a time. It does not depend on the order of partitions or keys.
import Base
import CRDT

public struct StateDigest: Equatable, Sendable {
    public private(set) var sum: UInt128 = 0
    /// Keys that are there at the time.
    public private(set) var keys = 0
    public private(set) var volatileKeys = 0
    public private(set) var strings = 0
    public private(set) var sets = 0
    /// Keys with a history: concurrent values, running counters, patches.
    public private(set) var unsettledKeys = 0
    /// Entries that are stored and show nothing at the time.
    public private(set) var hiddenEntries = 0
    public private(set) var nameBytes = 0
    public private(set) var valueBytes = 0

    /// Keys that expire up to here are not there. Unix milliseconds.
    public let beforeMilliseconds: Int64
    private let key0: UInt64
    private let key1: UInt64

    /// `key` is the cluster's: `Fingerprint.key(named:)` of its name.
    public init(beforeMilliseconds: Int64, key: (UInt64, UInt64)) {
        self.beforeMilliseconds = beforeMilliseconds
        key0 = key.0
        key1 = key.1
    }

    /// As A2.DIGEST prints it.
    public var text: String { Fingerprint.hexadecimal(sum) }

    /// Adds a whole state; where it fails, the digest is worth nothing.
    public mutating func add(state bytes: ByteView, databases: Int = Limits.databasesMax) throws(StateFailure) {
        var reader = try StateReader(bytes, databases: databases)
        while let item = try reader.next() {
            if case .entry(let entry) = item { add(entry) }
        }
    }

    /// Adds what one call of `StateExport.writeSlice` has written, for whoever never has the whole.
    public mutating func add(slice bytes: ByteView, databases: Int = Limits.databasesMax) throws(StateFailure) {
        var reader = ByteReader(bytes)
        guard reader.byte() == StateExport.Tag.slice else { throw .malformed }
        _ = reader.versions()
        _ = reader.versions()
        _ = reader.readStamp()
        guard reader.isValid else { throw .malformed }
        while let entry = reader.stateEntry(databases: databases) { add(entry) }
        guard reader.isValid else { throw .malformed }
    }

    public mutating func add(_ entry: StateEntry) {
        if case .general = entry { unsettledKeys += 1 }
        guard let fingerprint = entry.fingerprint(at: beforeMilliseconds, key: (key0, key1)) else {
            hiddenEntries += 1
            return
        }
        sum &+= fingerprint
        keys += 1
        switch entry {
        case .plain(let entry):
            strings += 1
            nameBytes += entry.key.count
            valueBytes += entry.integer == nil ? entry.value.count : 8
            if entry.deadline != nil { volatileKeys += 1 }
        case .general(_, let name, let state):
            nameBytes += name.count
            if state.deadline(at: beforeMilliseconds) != nil { volatileKeys += 1 }
            switch state.visible(at: beforeMilliseconds) {
            case .string(let value):
                strings += 1
                valueBytes += value.count
            case .set(let elements):
                sets += 1
                valueBytes += elements.reduce(0) { $0 + $1.count }
            case nil: break
            }
        case .name: break
        }
    }
}
