/// Everything a partition knows of one key that is not plain and settled.
///
/// A key has one slot per type and one deadline. The type whose latest live write is later is visible. Nothing
/// is remembered of an empty slot, so a deleted key needs no tombstone; that the loser of a conflict never
/// resurfaces is the writers' duty: whoever writes to the visible slot clears what it has seen of the other.
import Base

public enum ValueType: Equatable, Sendable {
    case string
    case set
}

/// What a reader sees.
public enum VisibleValue: Equatable, Sendable {
    case string([UInt8])
    /// In byte order.
    case set([[UInt8]])
}

public struct KeyState: Equatable, Sendable {
    /// The stamp of the last record applied to the key, or a later one: whoever has applied all up to it knows the key.
    public internal(set) var modified: Stamp
    public internal(set) var cell = Cell()
    public internal(set) var members = AddWinsSet()
    public internal(set) var deadline = DeadlineRegister()

    /// A key never heard of.
    public init() { modified = .zero }

    /// From the Engine's compact form. `isSettled`: the stamp is not above the receiver's settle cut.
    public init(value: [UInt8], stamp: Stamp, deadline: Int64?, isSettled: Bool) {
        modified = stamp
        cell.bases = [CellBase(dot: stamp, value: value, deadline: deadline, isSettled: isSettled)]
    }

    /// A plain string at the settled stamp `dot`.
    public init(settledValue: [UInt8], dot: Stamp, deadline: Int64?) {
        self.init(value: settledValue, stamp: dot, deadline: deadline, isSettled: true)
    }

    /// The plain form, when it says everything: one base whose dot is also the key's last stamp.
    public var compact: (value: [UInt8], dot: Stamp, deadline: Int64?)? {
        guard cell.bases.count == 1, cell.patches.isEmpty, !cell.hasIncrements, cell.resets.isEmpty,
            members.isBlank, deadline.isBlank
        else { return nil }
        let base = cell.bases[0]
        guard base.dot == modified, base.rank == base.dot else { return nil }
        return (value: base.value, dot: base.dot, deadline: base.deadline)
    }

    /// A later record was applied, though nothing of it is to be seen.
    public mutating func raiseModified(to stamp: Stamp) { modified = max(modified, stamp) }

    /// Nothing is left to remember: the key can go.
    public var isBlank: Bool { cell.isBlank && members.isBlank && deadline.isBlank }

    // MARK: reading

    /// The type that wins, expiry left aside.
    public var winningType: ValueType? {
        switch (cell.exists, members.isBlank) {
        case (false, true): nil
        case (true, true): .string
        case (false, false): .set
        case (true, false): cell.written > members.written ? .string : .set
        }
    }

    /// When the key expires, in Unix milliseconds; nil for never, or when there is no key.
    public var effectiveDeadline: Int64? {
        switch winningType {
        case nil: nil
        case .set: deadline.effective(base: nil)
        case .string: deadline.effective(base: cell.winnerIndex().map { cell.bases[$0] })
        }
    }

    /// The state as it is seen at a time: without what has expired by then. What was written at or after the
    /// deadline, by somebody who had not seen it, survives it.
    public func living(at unixMilliseconds: Int64) -> KeyState {
        var state = self
        while let expiry = state.effectiveDeadline, expiry <= unixMilliseconds {
            state.cell.hide(before: expiry)
            state.members.hide(before: expiry)
            // Whatever survives was not given this deadline.
            state.deadline = DeadlineRegister()
        }
        return state
    }

    public func type(at unixMilliseconds: Int64) -> ValueType? { living(at: unixMilliseconds).winningType }

    public func exists(at unixMilliseconds: Int64) -> Bool { type(at: unixMilliseconds) != nil }

    public func visible(at unixMilliseconds: Int64) -> VisibleValue? {
        let state = living(at: unixMilliseconds)
        switch state.winningType {
        case nil: return nil
        case .string: return state.cell.visible.map { .string($0) }
        case .set: return .set(state.members.elements.map(\.bytes))
        }
    }

    /// The deadline a TTL command reports at a time.
    public func deadline(at unixMilliseconds: Int64) -> Int64? { living(at: unixMilliseconds).effectiveDeadline }

    // MARK: settling

    /// Drops what no frame still in flight can ask for. `cut` is the settle cut: the lowest stable cut any
    /// member has announced, so that whoever's frame arrives later had seen everything up to it.
    public mutating func settle(_ cut: Stamp) {
        let seen = living(at: cut.unixMilliseconds)
        // Content that outlived a deadline stands beside what the deadline hides. The next write tells everybody
        // which is which; until then nobody may forget either.
        if seen.winningType != nil, seen != self { return }
        if modified <= cut {
            fold(upTo: modified, unixMilliseconds: cut.unixMilliseconds)
            cell.resets = []
            cell.patches = []
            return
        }
        if seen != self { return }
        if members.isBlank { cell.settlePartly(cut) }
        if !cell.exists { members.settle(cut) }
    }

    /// Turns everything up to `stamp` into one settled part: the visible type's visible value.
    mutating func fold(upTo stamp: Stamp, unixMilliseconds: Int64) {
        var old = self
        old.cell = cell.restricted(to: stamp)
        old.members = members.restricted(to: stamp)
        old.deadline.entries.removeAll { $0.dot > stamp }
        old = old.living(at: unixMilliseconds)
        let expiry = old.effectiveDeadline
        switch old.winningType {
        case nil:
            cell.removeAll(upTo: stamp)
            members.removeAll(upTo: stamp)
            deadline.settle(stamp, deadline: nil)
        case .string:
            cell.removeAll(upTo: stamp)
            members.removeAll(upTo: stamp)
            deadline.settle(stamp, deadline: nil)
            if let value = old.cell.visible {
                cell.insert(CellBase(dot: stamp, value: value, deadline: expiry, isSettled: true))
            }
        case .set:
            cell.removeAll(upTo: stamp)
            members.settle(stamp)
            deadline.settle(stamp, deadline: expiry)
        }
    }
}
