/// One partition's state as bytes, written in slices between which clients get their turn.
///
///     state    = head slice … end(2)
///     head     = version(1) salt(8) versions fences cut(8) settleCut(8) chains deferred clears flushes
///     chains   = count, then replica(varint) versions: what the last frame of each origin depends on
///     deferred = count, then database key count, then stamp(8) kind(1: 1 with an element) [element]
///     clears   = count, then database key count, then clear     flushes = count, then database clear
///     clear    = slots(1) stamp(8) prev(8) cut(8) versions
///     slice    = 1 versions fences settleCut(8) entry … 0
///     entry    = 16 + (1 deadline · 2 integer · 4 raw), database key stamp(8) [deadline(8)] value or integer(8)
///              | 32 database key state | 48 hash(8): a key of this name is here, and was left out
///
/// Versions raise the receiver's only as far as the head's, which are older than every key. What a slice's keys
/// lack is judged by the slice's own, as the partition stood then. The hash of a name is salted, so that nobody
/// can choose names that pass for each other.
import Base
import CRDT

public struct StateExport: Sendable {
    public static let version: UInt8 = 1

    enum Tag {
        static let endOfSlice: UInt8 = 0
        static let slice: UInt8 = 1
        static let endOfState: UInt8 = 2
        static let plain: UInt8 = 16
        static let plainDeadline: UInt8 = 1
        static let plainInteger: UInt8 = 2
        static let plainRaw: UInt8 = 4
        static let general: UInt8 = 32
        static let name: UInt8 = 48
    }

    private let request: StateRequest
    private var salt: UInt64 = 0
    /// Keys last written up to here are known where this goes.
    private var since = Stamp.zero
    private var database = 0
    private var position: UInt64 = 0

    public init(_ request: StateRequest) { self.request = request }

    /// To be called once, before the first slice; the partition is lent for the length of each call.
    public mutating func writeHead(_ partition: UnsafeMutablePointer<Partition>, into out: inout ByteBuffer) {
        let versions = partition.pointee.versions
        if !request.isEmpty { since = firstNews(versions) }
        salt = partition.pointee.exportSalt(versions)
        var head = StateHead()
        head.salt = salt
        head.context = StateContext(
            versions: versions, fences: partition.pointee.fences, settleCut: partition.pointee.settleCut,
            deferred: partition.pointee.receiver.deferred, pendingClears: partition.pointee.receiver.pendingClears)
        // A node that counts only itself has a cut that nobody else has agreed to.
        head.cut = partition.pointee.isSole ? .zero : partition.pointee.cut
        head.chains = partition.pointee.exportChains
        head.encode(to: &out)
    }

    /// The lowest coverage among replicas of which this node has news.
    private func firstNews(_ versions: Versions) -> Stamp {
        var lowest = Stamp.distantFuture
        for stamp in versions.stamps {
            let there = request.coverage(of: stamp.replica)
            if stamp > there { lowest = min(lowest, there) }
        }
        return lowest
    }

    /// Writes the keys of the next buckets, no more of them once there are `bytesWanted`. Returns whether that was the
    /// last of the state.
    public mutating func writeSlice(
        _ partition: UnsafeMutablePointer<Partition>, bucketsMax: Int, bytesWanted: Int = .max,
        into out: inout ByteBuffer
    ) -> Bool {
        let start = out.count
        Self.beginSlice(
            versions: partition.pointee.versions, fences: partition.pointee.fences,
            settleCut: partition.pointee.settleCut, into: &out)
        var left = bucketsMax
        while left > 0, out.count - start < bytesWanted, database < partition.pointee.databaseCount {
            if partition.pointee.tables[database].count == 0 {
                database += 1
                position = 0
                continue
            }
            let next = partition.pointee.tables[database].visit(position) { write($0.entry, partition, &out) }
            position = next ?? 0
            if next == nil { database += 1 }
            left -= 1
        }
        out.append(Tag.endOfSlice)
        guard database == partition.pointee.databaseCount else { return false }
        out.append(Tag.endOfState)
        return true
    }

    /// For those who put a state together without a partition.
    public static func beginSlice(
        versions: Versions, fences: Versions, settleCut: Stamp, into out: inout ByteBuffer
    ) {
        out.append(Tag.slice)
        out.append(versions)
        out.append(fences)
        out.append(settleCut)
    }

    public static func endSlice(into out: inout ByteBuffer) { out.append(Tag.endOfSlice) }

    public static func endState(into out: inout ByteBuffer) { out.append(Tag.endOfState) }

    @inline(__always)
    private func write(
        _ entry: Entry, _ partition: UnsafeMutablePointer<Partition>, _ out: inout ByteBuffer
    ) {
        let mayBeBack = partition.pointee.returns.mayContain(entry.stamp)
        let stamp = mayBeBack ? partition.pointee.returns.raised : entry.stamp
        if stamp <= since {
            out.append(Tag.name)
            out.append(littleEndian: Self.nameHash(entry.key, database: database, salt: salt))
        } else if mayBeBack {
            var state = partition.pointee.state(of: entry)
            state.raiseModified(to: stamp)
            entry.export(state, database: database, to: &out)
        } else {
            entry.export(database: database, to: &out)
        }
    }

    @inline(__always)
    static func nameHash(_ name: ByteView, database: Int, salt: UInt64) -> UInt64 {
        keyHash(name, seed: salt &+ UInt64(truncatingIfNeeded: database) &* 0x9E37_79B9_7F4A_7C15)
    }
}

extension Entry {
    /// The key whole; its stamp is the key's last.
    func export(database: Int, to out: inout ByteBuffer) {
        if let state = unsettledState { return export(state, database: database, to: &out) }
        out.reserve(key.count + 64)
        out.append(
            StateExport.Tag.plain | (hasDeadline ? StateExport.Tag.plainDeadline : 0)
                | (kind == .integer ? StateExport.Tag.plainInteger : 0) | (isRaw ? StateExport.Tag.plainRaw : 0))
        out.append(varint: database)
        out.append(varint: key.count)
        out.append(key)
        out.append(littleEndian: stamp.rawValue)
        if hasDeadline { out.append(littleEndian: deadlineMilliseconds) }
        if kind == .integer {
            out.append(littleEndian: integer)
        } else {
            let value = kind == .shared ? block.view : inlineBytes
            out.append(varint: value.count)
            out.append(value)
        }
    }

    /// The same in general form.
    func export(_ state: KeyState, database: Int, to out: inout ByteBuffer) {
        out.append(StateExport.Tag.general)
        out.append(varint: database)
        out.append(varint: key.count)
        out.append(key)
        state.encode(to: &out)
    }
}

extension StateEntry {
    public func encode(to out: inout ByteBuffer) {
        switch self {
        case .plain(let entry):
            out.append(
                StateExport.Tag.plain | (entry.deadline != nil ? StateExport.Tag.plainDeadline : 0)
                    | (entry.integer != nil ? StateExport.Tag.plainInteger : 0)
                    | (entry.isRaw ? StateExport.Tag.plainRaw : 0))
            out.append(varint: entry.database)
            out.append(varint: entry.key.count)
            out.append(entry.key)
            out.append(entry.stamp)
            if let deadline = entry.deadline { out.append(littleEndian: deadline) }
            if let integer = entry.integer { return out.append(littleEndian: integer) }
            out.append(varint: entry.value.count)
            out.append(entry.value)
        case .general(let database, let key, let state):
            out.append(StateExport.Tag.general)
            out.append(varint: database)
            out.append(varint: key.count)
            out.append(key)
            state.encode(to: &out)
        case .name(let hash):
            out.append(StateExport.Tag.name)
            out.append(littleEndian: hash)
        }
    }
}

extension Partition {
    /// Differs from one state to the next, and nobody outside can tell it in advance.
    func exportSalt(_ versions: Versions) -> UInt64 {
        var bytes = ByteBuffer(capacity: 64)
        bytes.append(versions)
        return keyHash(bytes.view, seed: hashSeed)
    }

    fileprivate var exportChains: [(replica: Replica, versions: Versions)] {
        var chains = dependencyChain.origins.map { (replica: $0.replica, versions: $0.versions) }
        chains.append((replica, Versions(dependencyChain.told.stamps.filter { $0.replica != replica })))
        return chains
    }
}

extension StateHead {
    public func encode(to out: inout ByteBuffer) {
        out.append(StateExport.version)
        out.append(littleEndian: salt)
        out.append(context.versions)
        out.append(context.fences)
        out.append(cut)
        out.append(context.settleCut)
        out.append(varint: chains.count)
        for chain in chains {
            out.append(varint: UInt64(chain.replica.rawValue))
            out.append(chain.versions)
        }
        out.append(context.deferred)
        out.append(context.pendingClears)
    }
}

extension ByteBuffer {
    fileprivate mutating func append(_ key: DatabaseKey) {
        append(varint: key.database)
        append(varint: key.key.count)
        append(key.key)
    }

    fileprivate mutating func append(_ deferred: Deferred) {
        let sorted = deferred.sorted
        append(varint: sorted.count)
        for (key, dots) in sorted {
            append(key)
            append(varint: dots.count)
            for dot in dots {
                append(dot.stamp)
                append(dot.element == nil ? 0 : 1 as UInt8)
                guard let element = dot.element else { continue }
                append(varint: element.count)
                append(element)
            }
        }
    }

    fileprivate mutating func append(_ clears: PendingClears) {
        let keys = clears.sortedKeys
        append(varint: keys.count)
        for (key, clears) in keys {
            append(key)
            append(varint: clears.count)
            for clear in clears { append(clear) }
        }
        append(varint: clears.databaseClears.count)
        for (database, clear) in clears.databaseClears {
            append(varint: database)
            append(clear)
        }
    }

    private mutating func append(_ clear: PendingClears.Clear) {
        append(clear.slots.rawValue)
        append(clear.context.stamp)
        append(clear.context.prev)
        append(clear.context.cut)
        append(clear.context.dependencies)
    }
}
