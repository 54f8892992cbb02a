/// Writing by the general rules: with peers, several writes in one frame, or a history that has not settled.
///
/// An operation is composed onto what the frame has done to the key so far, and the key becomes its state
/// before the frame with that net effect applied: by the merge that peers will use.
import Base
import CRDT

/// A key that the frame being drafted has touched: its state before, and the net effect so far.
struct TouchedKey {
    let partition: Int
    let key: DatabaseKey
    let before: KeyState
    var delta: Delta
}

/// The touched keys of a frame or a group of frames, in the order of their first touch.
struct TouchedKeys {
    private(set) var keys: [TouchedKey] = []
    /// Looked up, never iterated.
    private var positions: [DatabaseKey: Int] = [:]

    var isEmpty: Bool { keys.isEmpty }

    func position(of key: DatabaseKey) -> Int? { positions[key] }

    subscript(position: Int) -> TouchedKey { keys[position] }

    mutating func insert(_ touched: TouchedKey) {
        positions[touched.key] = keys.count
        keys.append(touched)
    }

    mutating func update(_ position: Int, _ delta: Delta) { keys[position].delta = delta }

    func names(partition: Int, database: Int) -> [[UInt8]] {
        keys.compactMap { $0.partition == partition && $0.key.database == database ? $0.key.key : nil }
    }

    mutating func removeAll() {
        keys.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
    }
}

extension KeyHandle {
    /// Applies one operation. False, and nothing changed, where it cannot be done on the value as it is.
    @discardableResult
    private func apply(_ operation: KeyOperation) -> Bool {
        let key = DatabaseKey(database: database, key: name.array)
        let accumulates =
            context.pointee.accumulates && !partition.pointee.receiver.faults.contains(.severalRecords)
        let touched = accumulates ? context.pointee.touched.position(of: key) : nil
        let before = touched.map { context.pointee.touched[$0].before } ?? partition.pointee.state(of: self)
        var delta = touched.map { context.pointee.touched[$0].delta } ?? Delta()
        let stamp = partition.pointee.stampForWrite(&context.pointee)
        let author = Delta.Author(
            stamp: stamp, announcedCut: partition.pointee.announcedCut, foldedUpTo: partition.pointee.foldedUpTo)
        guard delta.compose(operation, before: before, author: author) else { return false }
        noteWrite()
        partition.pointee.store(before.applying(delta, author: author), for: self)
        if !accumulates {
            if !delta.isEmpty {
                RecordCodec.append(delta, database: database, key: name, to: &context.pointee.records)
            }
        } else if let touched {
            context.pointee.touched.update(touched, delta)
        } else {
            context.pointee.touched.insert(
                TouchedKey(partition: partition.pointee.index, key: key, before: before, delta: delta))
        }
        return true
    }

    func generalSet(_ value: NewValue, _ change: DeadlineChange) {
        let expiry: KeyOperation.Expiry =
            switch change {
            case .none: .none
            case .keep: .keep
            case .at(let milliseconds): .at(milliseconds)
            }
        apply(.set(value.view.array, expiry))
        if case .block(let block) = value { block.release() }
    }

    func generalDelete() -> Bool {
        apply(.clear)
        return true
    }

    func generalIncrement(by amount: Int64) throws(IncrementFailure) -> Int64 {
        let present = try presentInteger()
        let (sum, overflow) = present.addingReportingOverflow(amount)
        if overflow { throw .overflow }
        guard apply(.increment(amount)) else { throw .notANumber }
        return sum
    }

    private func presentInteger() throws(IncrementFailure) -> Int64 {
        switch peek() {
        case .missing: return 0
        case .wrongType: throw .wrongType
        case .integer(let number): return number
        case .bytes(let view):
            guard let number = view.canonicalInteger else { throw .notANumber }
            return number
        case .shared: throw .notANumber
        }
    }

    /// INCRBYFLOAT: adds, and returns the new value as Redis writes it; valid until the next write.
    public func incrementFloat(by amount: LongDouble) throws(IncrementFailure) -> ByteView {
        let value = peek()
        if case .wrongType = value { throw .wrongType }
        var present: LongDouble = 0
        if let view = bytes(of: value) {
            guard let number = LongDouble(text: view) else { throw .notANumber }
            present = number
        }
        guard (present + amount).humanText != nil, apply(.incrementFloat(amount)) else { throw .overflow }
        return bytes(of: peek()) ?? .empty
    }

    func generalDeadline(_ milliseconds: Int64?) {
        let wasRaw = liveEntry()?.entry.isRaw ?? false
        apply(.setDeadline(milliseconds))
        // The value has been stored anew, but it is the same.
        if wasRaw, let entry = liveEntry()?.entry, entry.kind == .bytes { entry.isRaw = true }
    }

    /// Returns the new length of the value.
    func generalPatch(_ operation: PatchOperation) -> Int {
        let wasThere = exists
        apply(.patch(operation))
        // APPEND to nothing stores what it was given, as SET would.
        if case .append = operation, !wasThere { return liveEntry().map { lengthOfValue($0.entry) } ?? 0 }
        if let entry = liveEntry()?.entry, entry.kind == .bytes { entry.isRaw = true }
        return liveEntry().map { lengthOfValue($0.entry) } ?? 0
    }

    /// The general container that collections will use; so far only tests do.
    public func addElement(_ element: [UInt8]) { apply(.addElement(element)) }
    public func removeElement(_ element: [UInt8]) { apply(.removeElement(element)) }

    /// Makes `destination` a container with the same elements and deadline: one record, net of its steps.
    func copyElements(to destination: KeyHandle) {
        guard case .set(let elements)? = visible else { return }
        let deadline = deadlineMilliseconds
        context.pointee.accumulates = true
        if destination.exists { destination.apply(.clear) }
        for element in elements { destination.apply(.addElement(element)) }
        if let deadline { destination.apply(.setDeadline(deadline)) }
    }

    /// What any reader sees, whatever the type.
    public var visible: VisibleValue? {
        partition.pointee.state(of: self).visible(at: context.pointee.nowMilliseconds)
    }

    /// When it will be gone for any reader; nil for never, or where there is nothing.
    public var visibleDeadline: Int64? {
        partition.pointee.state(of: self).deadline(at: context.pointee.nowMilliseconds)
    }
}

extension Partition {
    /// A key's state in general form, whatever form its entry has, expired or not.
    mutating func state(of handle: KeyHandle) -> KeyState {
        guard let entry = tables[handle.database].find(handle.name, handle.hash)?.entry else { return KeyState() }
        return state(of: entry)
    }

    mutating func state(of entry: Entry) -> KeyState {
        let deadline = entry.hasDeadline ? entry.deadlineMilliseconds : nil
        let isSettled = entry.stamp <= settleCut || isSole
        switch entry.kind {
        case .general: return entry.general.takeUnretainedValue().state
        case .counter: return CompactCounter(entry).state
        case .bytes:
            return KeyState(
                value: entry.inlineBytes.array, stamp: entry.stamp, deadline: deadline, isSettled: isSettled)
        case .shared:
            return KeyState(value: entry.block.view.array, stamp: entry.stamp, deadline: deadline, isSettled: isSettled)
        case .integer:
            return KeyState(
                value: Array(String(entry.integer).utf8), stamp: entry.stamp, deadline: deadline, isSettled: isSettled)
        }
    }

    /// Makes `state` the key's state, in the most compact form that says it all.
    mutating func store(_ state: KeyState, for handle: KeyHandle) {
        var state = state
        state.settle(isSole ? state.modified : settleCut)
        let position = tables[handle.database].find(handle.name, handle.hash)
        if state.isBlank {
            // A remove that came ahead of all it removes finds nothing, and is one all the same.
            returns.noteVanishing(state.modified)
            if let position { discard(position, handle.database, handle.hash) }
            return
        }
        if let compact = state.compact {
            compact.value.withView { handle.putPlain($0, compact.deadline, compact.dot, position) }
            return
        }
        if !isSole, state.modified > settleCut, let counter = CompactCounter(state),
            store(counter, at: position, for: handle)
        {
            return
        }
        let entry = handle.shape(
            position, kind: .general, valueLength: 8, deadline: state.effectiveDeadline, stamp: state.modified)
        entry.setGeneral(Unmanaged.passRetained(GeneralState(state)))
        // What is settled stays as it is until the next write: only other types keep the general form then.
        if !isSole, state.modified > settleCut {
            unsettled.insert(DatabaseKey(database: handle.database, key: handle.name.array))
        }
    }

    /// Writes the records of the keys the frame touched, one each, into the draft.
    public mutating func writeAccumulated(_ context: inout ExecutionContext) {
        writeFlushes(&context)
        for touched in context.touched.keys where touched.partition == index && !touched.delta.isEmpty {
            touched.key.key.withView {
                RecordCodec.append(touched.delta, database: touched.key.database, key: $0, to: &context.records)
            }
        }
    }
}
