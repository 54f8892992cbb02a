/// One state on its way into a partition, key by key.
import Base
import CIntrinsics
import CRDT

struct StateJoiner {
    let head: StateHead
    /// What was known here before.
    let known: StateContext
    private(set) var keysChanged = 0
    /// The highest cut that anything joined may have been settled at.
    private(set) var settledUpTo = Stamp.zero
    /// The lowest stamp of a key that stays as it is here although the sender has it otherwise. What he removed of it may
    /// never have come here, and nothing of the key tells of that.
    private(set) var keptFrom = Stamp.distantFuture
    /// The sender's cuts hold here too, once this is done.
    var raisesCut = false

    /// Salted hashes of the names the sender has; nothing is kept where nothing was here. Looked up, never iterated.
    private var names: Set<UInt64> = []
    private let keepsNames: Bool
    private let faults: Faults
    /// Nothing has been removed ahead of its coming, on either side.
    private let isUnhindered: Bool

    init(_ head: StateHead, _ known: StateContext, keepsNames: Bool, faults: Faults) {
        var head = head
        if faults.contains(.joinForgetsPending) {
            head.context.deferred = Deferred()
            head.context.pendingClears = PendingClears()
        }
        var known = known
        if faults.contains(.joinRaisesEarly) { known.versions.formUnion(head.context.versions) }
        self.head = head
        self.known = known
        self.keepsNames = keepsNames
        self.faults = faults
        isUnhindered = known.deferred.isEmpty && known.pendingClears.isEmpty
    }

    private func rule(_ context: StateContext) -> StateJoin {
        var (here, there) = (known, context)
        there.deferred = head.context.deferred
        there.pendingClears = head.context.pendingClears
        if faults.contains(.joinIgnoresPast) {
            here.settleCut = .zero
            there.settleCut = .zero
        }
        return StateJoin(here: here, there: there)
    }

    // MARK: what the sender has

    mutating func join(
        _ slice: StateSlice, _ partition: UnsafeMutablePointer<Partition>,
        _ context: UnsafeMutablePointer<ExecutionContext>
    ) {
        let rule = rule(slice.context)
        settledUpTo = max(settledUpTo, slice.context.settleCut)
        var reader = ByteReader(slice.entries)
        while let entry = reader.stateEntry(databases: partition.pointee.databaseCount) {
            switch entry {
            case .plain(let entry):
                let handle = KeyHandle(
                    partition: partition, context: context, database: entry.database,
                    hash: partition.pointee.hash(of: entry.key), name: entry.key)
                note(handle)
                if !takesShortWay(entry, handle, rule) {
                    join(entry.state(settledUpTo: slice.context.settleCut), handle, rule)
                }
            case .general(let database, let key, let state):
                let handle = KeyHandle(
                    partition: partition, context: context, database: database,
                    hash: partition.pointee.hash(of: key), name: key)
                note(handle)
                join(state, handle, rule)
            case .name(let hash):
                if keepsNames, !faults.contains(.joinClearsUnsent) { names.insert(hash) }
            }
        }
    }

    @inline(__always)
    private mutating func note(_ handle: KeyHandle) {
        guard keepsNames else { return }
        names.insert(StateExport.nameHash(handle.name, database: handle.database, salt: head.salt))
    }

    /// A plain key that is not here, or is here as it is there: nearly all of them.
    @inline(__always)
    private mutating func takesShortWay(_ entry: PlainEntry, _ handle: KeyHandle, _ rule: StateJoin) -> Bool {
        if let position = handle.partition.pointee.tables[handle.database].find(handle.name, handle.hash) {
            return !position.entry.isUnsettled && position.entry.stamp == entry.stamp
        }
        if !rule.isDominated {
            guard isUnhindered else { return false }
            // Seen, and gone: it was removed here.
            if known.covers(entry.stamp) { return true }
        }
        handle.insert(entry)
        keysChanged += 1
        return true
    }

    private mutating func join(_ theirs: KeyState, _ handle: KeyHandle, _ rule: StateJoin) {
        var mine = handle.partition.pointee.state(of: handle)
        var theirs = theirs
        if faults.contains(.joinIgnoresPast) { (mine, theirs) = (mine.named(), theirs.named()) }
        var joined = mine
        rule.join(&joined, theirs, of: DatabaseKey(database: handle.database, key: handle.name.array))
        guard joined != mine else {
            if joined != theirs, !mine.isBlank { keptFrom = min(keptFrom, mine.modified) }
            return
        }
        if !mine.isBlank, joined.modified <= mine.modified {
            // It changed by what is gone, and who does not know that yet must not take it for known.
            joined.raiseModified(to: rule.there.versions.stamps.max() ?? .zero)
        }
        handle.noteWrite()
        handle.partition.pointee.store(joined, for: handle)
        keysChanged += 1
    }

    // MARK: what the sender does not have

    mutating func joinAbsent(
        _ partition: UnsafeMutablePointer<Partition>, _ context: UnsafeMutablePointer<ExecutionContext>
    ) {
        guard keepsNames, !faults.contains(.joinKeepsAbsent) else { return }
        let rule = rule(head.context)
        let isHindered = !head.context.deferred.isEmpty || !head.context.pendingClears.isEmpty
        for database in 0..<partition.pointee.databaseCount {
            var doubtful: [[UInt8]] = []
            var position: UInt64? = 0
            while let at = position {
                position = partition.pointee.tables[database].visit(at) { slot in
                    let entry = slot.entry
                    // What is plain and news to the sender stays.
                    if !isHindered, !entry.isUnsettled, !rule.there.covers(entry.stamp) {
                        keptFrom = min(keptFrom, entry.stamp)
                        return
                    }
                    let hash = StateExport.nameHash(entry.key, database: database, salt: head.salt)
                    if !names.contains(hash) { doubtful.append(entry.key.array) }
                }
            }
            for name in doubtful {
                name.withView { name in
                    join(
                        KeyState(),
                        KeyHandle(
                            partition: partition, context: context, database: database,
                            hash: partition.pointee.hash(of: name), name: name), rule)
                }
            }
        }
    }
}

extension KeyHandle {
    /// Puts in a key that is known to be absent.
    @inline(__always)
    fileprivate func insert(_ plain: PlainEntry) {
        noteWrite()
        let isLarge = plain.value.count >= Limits.sharedValueBytesMin
        let isInteger = plain.integer != nil
        let entry = partition.pointee.allocate(
            kind: isInteger ? .integer : isLarge ? .shared : .bytes, key: name,
            valueLength: isInteger || isLarge ? 8 : plain.value.count, deadline: plain.deadline, stamp: plain.stamp,
            access: context.pointee.access.initialWord)
        if let integer = plain.integer {
            entry.integer = integer
        } else if isLarge {
            let block = SharedBlock.copying(plain.value)
            entry.block = block
            partition.pointee.ownedBytes += block.footprintBytes
        } else {
            a2_memory_copy(entry.valueAddress, plain.value.start, plain.value.count)
        }
        if plain.isRaw { entry.isRaw = true }
        partition.pointee.insert(entry, database, hash)
    }
}
