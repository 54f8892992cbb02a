/// Reading what `StateExport` wrote. Everything is looked at before anything is done, so that a state that is
/// damaged changes nothing; whatever the bytes say, this ends and takes no more memory than they do.
import Base
import CRDT

public enum StateFailure: Error, Equatable {
    case malformed
    case version(UInt8)
}

public struct StateHead: Sendable {
    public var salt: UInt64 = 0
    /// What the sender knew before it wrote the first key.
    public var context = StateContext(versions: Versions())
    public var cut = Stamp.zero
    /// What the last frame of each origin depends on.
    public var chains: [(replica: Replica, versions: Versions)] = []

    public init() {}
}

/// Keys, and what the sender knew when it wrote them.
struct StateSlice {
    let context: StateContext
    let entries: ByteView
}

/// One key of a slice.
public enum StateEntry {
    case plain(PlainEntry)
    case general(database: Int, key: ByteView, KeyState)
    /// Left out.
    case name(UInt64)
}

/// A string, or a number, that one write made what it is.
public struct PlainEntry {
    public var database = 0
    public var key = ByteView.empty
    public var stamp = Stamp.zero
    public var deadline: Int64?
    /// Empty where it is a number.
    public var value = ByteView.empty
    public var integer: Int64?
    /// Keeps its bytes as they are, whatever they spell: SETRANGE and the like made it.
    public var isRaw = false

    public init() {}

    public func state(settledUpTo cut: Stamp) -> KeyState {
        let bytes = integer.map { Array(String($0).utf8) } ?? value.array
        return KeyState(value: bytes, stamp: stamp, deadline: deadline, isSettled: stamp <= cut)
    }
}

struct StateDocument {
    let head: StateHead
    let slices: [StateSlice]

    init(_ bytes: ByteView, databases: Int, visit: (StateEntry) -> Void) throws(StateFailure) {
        var reader = ByteReader(bytes)
        let version = reader.byte()
        guard reader.isValid else { throw .malformed }
        guard version == StateExport.version else { throw .version(version) }
        guard let head = reader.stateHead(databases: databases) else { throw .malformed }
        var slices: [StateSlice] = []
        while true {
            let tag = reader.byte()
            if tag == StateExport.Tag.endOfState { break }
            guard tag == StateExport.Tag.slice else { throw .malformed }
            var context = head.context
            context.versions = reader.versions()
            context.fences = reader.versions()
            context.settleCut = reader.readStamp()
            guard reader.isValid else { throw .malformed }
            let start = reader.offset
            while let entry = reader.stateEntry(databases: databases) { visit(entry) }
            guard reader.isValid else { throw .malformed }
            slices.append(StateSlice(context: context, entries: bytes.slice(start, reader.offset - start)))
        }
        guard reader.isValid, reader.isAtEnd else { throw .malformed }
        self.head = head
        self.slices = slices
    }
}

/// A state read from front to back, for those who look at one without joining it.
public struct StateReader {
    public enum Item {
        /// What the sender knew when it wrote the keys that follow; `deferred` and clears are the head's.
        case slice(StateContext)
        case entry(StateEntry)
        case endOfSlice
    }

    public let head: StateHead
    private var reader: ByteReader
    private let databases: Int
    private var isInSlice = false
    private var isDone = false

    public init(_ bytes: ByteView, databases: Int = Limits.databasesMax) throws(StateFailure) {
        reader = ByteReader(bytes)
        self.databases = databases
        let version = reader.byte()
        guard reader.isValid else { throw .malformed }
        guard version == StateExport.version else { throw .version(version) }
        guard let head = reader.stateHead(databases: databases) else { throw .malformed }
        self.head = head
    }

    /// Nil behind the last.
    public mutating func next() throws(StateFailure) -> Item? {
        if isDone { return nil }
        if isInSlice {
            if let entry = reader.stateEntry(databases: databases) { return .entry(entry) }
            guard reader.isValid else { throw .malformed }
            isInSlice = false
            return .endOfSlice
        }
        switch reader.byte() {
        case StateExport.Tag.slice:
            var context = StateContext(versions: reader.versions())
            context.fences = reader.versions()
            context.settleCut = reader.readStamp()
            guard reader.isValid else { throw .malformed }
            isInSlice = true
            return .slice(context)
        case StateExport.Tag.endOfState:
            guard reader.isValid, reader.isAtEnd else { throw .malformed }
            isDone = true
            return nil
        default: throw .malformed
        }
    }
}

extension ByteReader {
    /// The next key of a slice; nil at its end, and where there is none: the reader has then failed.
    @inline(__always)
    mutating func stateEntry(databases: Int) -> StateEntry? {
        let tag = byte()
        if tag & 0xF8 == StateExport.Tag.plain {
            guard let entry = plainEntry(tag, databases: databases) else { return nil }
            return .plain(entry)
        }
        switch tag {
        case StateExport.Tag.name: return isValid ? .name(littleEndian(UInt64.self)) : nil
        case StateExport.Tag.endOfSlice: return nil
        case StateExport.Tag.general:
            guard let key = keyName(databases: databases), let state = KeyState.decode(&self), !state.isBlank else {
                fail()
                return nil
            }
            return .general(database: key.database, key: key.name, state)
        default:
            fail()
            return nil
        }
    }

    @inline(__always)
    private mutating func plainEntry(_ tag: UInt8, databases: Int) -> PlainEntry? {
        guard let key = keyName(databases: databases) else { return nil }
        var entry = PlainEntry()
        entry.database = key.database
        entry.key = key.name
        entry.stamp = readStamp()
        entry.isRaw = tag & StateExport.Tag.plainRaw != 0
        if tag & StateExport.Tag.plainDeadline != 0 { entry.deadline = littleEndian(Int64.self) }
        if tag & StateExport.Tag.plainInteger != 0 {
            entry.integer = littleEndian(Int64.self)
        } else {
            entry.value = lengthPrefixed()
        }
        guard isValid, !entry.stamp.isZero, entry.deadline != DeadlineRegister.persist,
            entry.value.count <= Limits.bulkBytesMax
        else {
            fail()
            return nil
        }
        return entry
    }

    @inline(__always)
    mutating func keyName(databases: Int) -> (database: Int, name: ByteView)? {
        let database = varint()
        let name = lengthPrefixed()
        guard isValid, database < UInt64(databases), name.count <= Limits.bulkBytesMax else {
            fail()
            return nil
        }
        return (Int(database), name)
    }

    fileprivate mutating func stateHead(databases: Int) -> StateHead? {
        var head = StateHead()
        head.salt = littleEndian(UInt64.self)
        head.context.versions = versions()
        head.context.fences = versions()
        head.cut = readStamp()
        head.context.settleCut = readStamp()
        head.context.cut = head.cut
        for _ in 0..<count() {
            let replica = varint()
            guard isValid, replica < UInt64(Replica.countMax) else { return nil }
            head.chains.append((replica: Replica(rawValue: UInt16(replica)), versions: versions()))
        }
        guard readDeferred(databases, &head.context.deferred),
            readClears(databases, &head.context.pendingClears), isValid
        else { return nil }
        return head
    }

    private mutating func readDeferred(_ databases: Int, _ deferred: inout Deferred) -> Bool {
        for _ in 0..<count() {
            guard let key = keyName(databases: databases) else { return false }
            let databaseKey = DatabaseKey(database: key.database, key: key.name.array)
            for _ in 0..<count() {
                let stamp = readStamp()
                let kind = byte()
                let element = kind == 1 ? lengthPrefixed().array : nil
                guard isValid, kind < 2, !stamp.isZero else { return false }
                deferred.insert(Deferred.Dot(stamp: stamp, element: element), of: databaseKey)
            }
        }
        return isValid
    }

    private mutating func readClears(_ databases: Int, _ clears: inout PendingClears) -> Bool {
        for _ in 0..<count() {
            guard let key = keyName(databases: databases) else { return false }
            let databaseKey = DatabaseKey(database: key.database, key: key.name.array)
            for _ in 0..<count() {
                guard let clear = readClear() else { return false }
                clears.insert(clear, of: databaseKey)
            }
        }
        for _ in 0..<count() {
            let database = varint()
            guard isValid, database < UInt64(databases), let clear = readClear() else { return false }
            clears.insert(clear, ofDatabase: Int(database))
        }
        return isValid
    }

    private mutating func readClear() -> PendingClears.Clear? {
        let slots = byte()
        let context = FrameContext(
            stamp: readStamp(), dependencies: Versions(), prev: .zero, cut: .zero)
        var clear = PendingClears.Clear(context: context, slots: Slots(rawValue: slots))
        clear.context.prev = readStamp()
        clear.context.cut = readStamp()
        clear.context.dependencies = versions()
        guard isValid, slots != 0, slots <= Slots.all.rawValue, !clear.context.stamp.isZero else { return nil }
        return clear
    }
}
