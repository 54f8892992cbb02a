/// A command's grip on one key: partition, database, hash and name, worked out once.
///
/// Valid while the partition is lent, that is until the command returns. Reading is in `KeyHandle+Read`,
/// writing in `KeyHandle+Write`; both end in the partition's own methods.
import Base
import CRDT

public struct KeyHandle {
    public let partition: UnsafeMutablePointer<Partition>
    public let context: UnsafeMutablePointer<ExecutionContext>
    public let database: Int
    public let hash: UInt64
    public let name: ByteView

    @inline(__always)
    public init(
        partition: UnsafeMutablePointer<Partition>, context: UnsafeMutablePointer<ExecutionContext>, database: Int,
        hash: UInt64, name: ByteView
    ) {
        self.partition = partition
        self.context = context
        self.database = database
        self.hash = hash
        self.name = name
    }

    /// The same key's place in another database.
    public func inDatabase(_ database: Int) -> KeyHandle {
        KeyHandle(partition: partition, context: context, database: database, hash: hash, name: name)
    }
}

/// What a key holds, as far as string commands care. Views are valid until the next write to the partition.
public enum StringValue {
    case missing
    case wrongType
    case bytes(ByteView)
    case integer(Int64)
    case shared(SharedBlock)
}

extension KeyHandle {
    /// The live entry, or nil where the key is absent or past its deadline. Does not count as an access.
    @inline(__always)
    func liveEntry() -> SlotPosition? {
        guard let position = partition.pointee.tables[database].find(name, hash) else { return nil }
        if position.entry.hasDeadline || position.entry.isUnsettled { return visible(position) }
        return position
    }

    @inline(never)
    private func visible(_ position: SlotPosition) -> SlotPosition? {
        var entry = position.entry
        if entry.kind == .counter {
            guard entry.hasDeadline, entry.deadlineMilliseconds <= context.pointee.nowMilliseconds else {
                return entry.counterExists ? position : nil
            }
            partition.pointee.generalize(position, self)
            entry = position.entry
        }
        if entry.kind == .general {
            // What somebody wrote without having seen the deadline outlives it; what is only remembered of a
            // deleted key is no key.
            if entry.general.takeUnretainedValue().state.exists(at: context.pointee.nowMilliseconds) {
                return position
            }
        } else if entry.deadlineMilliseconds > context.pointee.nowMilliseconds {
            return position
        }
        if entry.hasDeadline {
            partition.pointee.reclaimExpired(position, database, hash, &context.pointee)
        } else if partition.pointee.isSole {
            // A short write that follows takes the slot for free.
            partition.pointee.discard(position, database, hash)
        }
        return nil
    }

    @inline(__always)
    func noteAccess(_ entry: Entry) {
        if context.pointee.leavesAccessAlone { return }
        entry.access = context.pointee.access.touched(entry.access, &context.pointee.random)
    }

    public var exists: Bool { liveEntry() != nil }

    /// As `exists`, counting as a read and an access: EXISTS, TOUCH.
    public func touch() -> Bool {
        guard let position = liveEntry() else {
            context.pointee.keyspaceMisses &+= 1
            return false
        }
        context.pointee.keyspaceHits &+= 1
        noteAccess(position.entry)
        return true
    }

    public var type: ValueType? {
        guard let entry = liveEntry()?.entry else { return nil }
        guard entry.kind == .general else { return .string }
        return entry.general.takeUnretainedValue().state.type(at: context.pointee.nowMilliseconds)
    }

    /// The value, counted as a keyspace hit or miss: what a reading command calls.
    @inline(__always)
    public func read() -> StringValue {
        guard let position = liveEntry() else {
            context.pointee.keyspaceMisses &+= 1
            return .missing
        }
        context.pointee.keyspaceHits &+= 1
        noteAccess(position.entry)
        return value(of: position.entry)
    }

    /// The value, not counted: what a writing command looks at first.
    @inline(__always)
    public func peek() -> StringValue {
        guard let position = liveEntry() else { return .missing }
        return value(of: position.entry)
    }

    @inline(__always)
    private func value(of entry: Entry) -> StringValue {
        switch entry.kind {
        case .bytes: return .bytes(entry.inlineBytes)
        case .integer: return .integer(entry.integer)
        case .shared: return .shared(entry.block)
        case .counter: return .integer(entry.counterShown)
        case .general: return entry.general.takeUnretainedValue().stringValue(at: context.pointee.nowMilliseconds)
        }
    }

    /// The bytes a value shows, whatever its form; nil where there is none. An integer's are put together
    /// in the context's scratch and last until the next such call.
    @inline(__always)
    public func bytes(of value: StringValue) -> ByteView? {
        switch value {
        case .missing, .wrongType: return nil
        case .bytes(let view): return view
        case .shared(let block): return block.view
        case .integer(let number):
            context.pointee.text.removeAll()
            context.pointee.text.append(decimal: number)
            return context.pointee.text.view
        }
    }

    /// Unix milliseconds at which the key ends, nil where it does not; only of a key that exists.
    public var deadlineMilliseconds: Int64? {
        guard let entry = liveEntry()?.entry, entry.hasDeadline else { return nil }
        guard entry.kind == .general else { return entry.deadlineMilliseconds }
        return entry.general.takeUnretainedValue().state.deadline(at: context.pointee.nowMilliseconds)
    }

    /// What OBJECT and A2.META tell of a key, without touching it.
    public struct Description {
        public let entry: Entry
        public let stamp: Stamp
        public let deadlineMilliseconds: Int64?
        public let isRaw: Bool
        public let footprintBytes: Int
        public let accessWord: UInt32
    }

    public func describe() -> Description? {
        guard let entry = liveEntry()?.entry else { return nil }
        return Description(
            entry: entry, stamp: entry.stamp,
            deadlineMilliseconds: entry.hasDeadline ? entry.deadlineMilliseconds : nil, isRaw: entry.isRaw,
            footprintBytes: entry.footprintBytes, accessWord: entry.access)
    }
}
