/// Building a delta from the commands of one frame.
///
/// Each operation is composed onto what the frame has done to the key so far, so that a MULTI ships one record
/// per key: its net effect against the state before it. Arguments and types are the caller's to check.
import Base

public enum KeyOperation: Equatable, Sendable {
    public enum Expiry: Equatable, Sendable {
        case none
        case keep
        /// Unix milliseconds.
        case at(Int64)
    }

    case set([UInt8], Expiry)
    /// DEL, and every command that leaves the key empty.
    case clear
    case increment(Int64)
    /// What has been counted, written anew.
    case count(Amount)
    /// Refused (see `compose`) when the sum is not finite or the value no number.
    case incrementFloat(LongDouble)
    case patch(PatchOperation)
    /// Unix milliseconds; nil for PERSIST.
    case setDeadline(Int64?)
    case addElement([UInt8])
    case removeElement([UInt8])
}

extension Delta {
    /// What composing needs to know of the frame.
    public struct Author: Sendable {
        public var stamp: Stamp
        /// The stable cut this frame announces.
        public var announcedCut: Stamp
        /// Somebody may have folded any run that ended at or before this: it does not go on.
        public var foldedUpTo: Stamp

        public init(stamp: Stamp, announcedCut: Stamp, foldedUpTo: Stamp = .zero) {
            self.stamp = stamp
            self.announcedCut = announcedCut
            self.foldedUpTo = max(foldedUpTo, announcedCut)
        }
    }

    /// Adds one operation to the frame's effect on the key. Returns false, and changes nothing, when the
    /// operation cannot be done on the value as it is.
    @discardableResult
    public mutating func compose(_ operation: KeyOperation, before: KeyState, author: Author) -> Bool {
        var composer = Composer(delta: self, before: before, author: author)
        guard composer.apply(operation) else { return false }
        self = composer.delta
        return true
    }
}

extension KeyState {
    /// The author's own view of the key after `delta`: it has seen everything it depends on.
    public func applying(_ delta: Delta, author: Delta.Author) -> KeyState {
        var state = self
        if delta.cleared.contains(.cell) { state.cell.clear { _ in true } }
        if delta.cleared.contains(.members) { state.members.clear { _ in true } }
        if delta.cleared.contains(.deadline) { state.deadline.clear { _ in true } }
        var rest = delta
        rest.cleared = []
        let frame = FrameContext(
            stamp: author.stamp, dependencies: Versions(), prev: .zero, cut: author.announcedCut)
        var receiver = MergeContext()
        state.merge(rest, of: DatabaseKey(database: 0, key: []), in: frame, receiver: &receiver)
        return state
    }
}

private struct Composer {
    var delta: Delta
    let before: KeyState
    let author: Delta.Author
    let now: Int64

    init(delta: Delta, before: KeyState, author: Delta.Author) {
        self.delta = delta
        self.before = before
        self.author = author
        now = author.stamp.unixMilliseconds
    }

    /// The key as the frame has it now.
    var current: KeyState { delta.isEmpty ? before : before.applying(delta, author: author) }

    mutating func apply(_ operation: KeyOperation) -> Bool {
        switch operation {
        case .set(let value, let expiry): set(value, expiry)
        case .clear: clear()
        case .increment(let amount): return increment(Amount(amount))
        case .count(let amount): return increment(amount)
        case .incrementFloat(let amount): return increment(float: amount)
        case .patch(let operation): patch(operation)
        case .setDeadline(let deadline): setDeadline(deadline)
        case .addElement(let element): add(element)
        case .removeElement(let element): remove(element)
        }
        return true
    }

    // MARK: clearing

    /// Everything the state before the frame holds is removed, and whatever the frame did so far forgotten.
    mutating func clear() {
        delta = Delta()
        if before.isBlank { return }
        clear(.all)
    }

    mutating func clear(_ slots: Slots) {
        delta.cleared.formUnion(slots)
        if slots.contains(.cell) { delta.resets = before.cell.observedIncrements }
    }

    /// Before a write that keeps what is there: a write that creates the key clears, what partly outlived its
    /// deadline is written anew without it, and the hidden type goes.
    mutating func prepare(for slot: Slots) {
        let state = current
        let living = state.living(at: now)
        if living.winningType == nil {
            clear()
            // Even where nothing is left here: an EXPIRE that outlived a DEL goes when the key settles, and
            // whoever has not settled yet must not give that deadline to the new key.
            delta.cleared = .all
        } else if living != state {
            rewrite(living)
        } else if slot == .cell, !state.members.isBlank {
            clear(.members)
        } else if slot == .members, state.cell.exists {
            clear(.cell)
        }
    }

    mutating func rewrite(_ living: KeyState) {
        let expiry = living.effectiveDeadline
        clear()
        delta.cleared = .all
        if living.winningType == .string {
            delta.base = living.cell.visible.map { Delta.NewBase(value: $0, deadline: expiry) }
        } else {
            delta.elements = living.members.elements.map {
                Delta.ElementChange(element: $0.bytes, removed: [], adds: true)
            }
            if let expiry { delta.deadline = Delta.NewDeadline(removed: [], deadline: expiry) }
        }
    }

    /// The cell becomes one base of this frame: what increments and patches cannot share.
    mutating func rebase(_ value: [UInt8]) { set(value, .keep) }

    // MARK: strings and counters

    mutating func set(_ value: [UInt8], _ expiry: KeyOperation.Expiry) {
        let deadline: Int64? =
            switch expiry {
            case .none: nil
            case .keep: current.deadline(at: now)
            case .at(let milliseconds): milliseconds
            }
        clear()
        delta.cleared = .all
        delta.base = Delta.NewBase(value: value, deadline: deadline)
    }

    mutating func increment(_ amount: Amount) -> Bool {
        prepare(for: .cell)
        let cell = current.cell
        let value = cell.visible ?? [48]
        guard let number = value.withView({ Amount(decimal: $0) }) else { return false }
        if delta.base != nil || delta.patches != nil {
            rebase((number + amount).text)
            return true
        }
        if let increment = delta.increment {
            delta.increment = Delta.Increment(
                start: increment.start, sum: increment.sum + amount, amount: increment.amount + amount)
        } else if let run = before.cell.lastRun(of: author.stamp.replica), run.last > author.foldedUpTo,
            !delta.cleared.contains(.cell)
        {
            delta.increment = Delta.Increment(start: run.start, sum: run.sum + amount, amount: amount)
        } else {
            delta.increment = Delta.Increment(start: nil, sum: amount, amount: amount)
        }
        return true
    }

    /// The visible values before and after are Redis' own; what is shipped is their exact difference.
    mutating func increment(float amount: LongDouble) -> Bool {
        let value = current.living(at: now).cell.visible ?? [48]
        guard let number = value.withView({ LongDouble(text: $0) }), let text = (number + amount).humanText
        else { return false }
        guard let old = value.withView({ Amount(decimal: $0) }), let new = text.withView({ Amount(decimal: $0) })
        else {
            rebase(text)
            return true
        }
        return increment(new - old)
    }

    mutating func patch(_ operation: PatchOperation) {
        prepare(for: .cell)
        let cell = current.cell
        if delta.base != nil || cell.hasIncrements {
            var value = cell.visible ?? []
            operation.apply(to: &value)
            rebase(value)
        } else if delta.patches != nil {
            delta.patches?.operations.append(operation)
        } else {
            let target = delta.cleared.contains(.cell) ? .empty : before.cell.patchTarget
            delta.patches = Delta.NewPatches(target: target, operations: [operation])
        }
    }

    // MARK: expiry

    mutating func setDeadline(_ deadline: Int64?) {
        let state = current.living(at: now)
        guard state.winningType != nil else { return }
        if state != current { rewrite(state) }
        if delta.base != nil {
            delta.base?.deadline = deadline
            return
        }
        let observed = delta.cleared.contains(.deadline) ? [] : before.deadline.entries.map(\.dot)
        delta.deadline = Delta.NewDeadline(
            removed: observed.filter { $0 > author.announcedCut }, deadline: deadline ?? DeadlineRegister.persist)
    }

    // MARK: sets

    mutating func add(_ element: [UInt8]) {
        prepare(for: .members)
        change(element, adds: true)
    }

    mutating func remove(_ element: [UInt8]) {
        let state = current.living(at: now)
        guard state.members.contains(element) else { return }
        prepare(for: .members)
        change(element, adds: false)
        if current.members.isBlank { clear() }
    }

    mutating func change(_ element: [UInt8], adds: Bool) {
        let observed = delta.cleared.contains(.members) ? [] : before.members.dots(of: element)
        let wasThere = !delta.cleared.contains(.members) && before.members.contains(element)
        let change = Delta.ElementChange(
            element: element, removed: observed.filter { $0 > author.announcedCut }, adds: adds)
        let at =
            delta.elements.firstIndex { !$0.element.lexicographicallyPrecedes(element) } ?? delta.elements.count
        if at < delta.elements.count, delta.elements[at].element == element { delta.elements.remove(at: at) }
        if adds || wasThere { delta.elements.insert(change, at: at) }
    }
}

extension Cell {
    /// Resets for everything that is live here.
    var observedIncrements: [Reset] {
        var latest: [Reset] = []
        for run in runs {
            latest.removeAll { $0.dot.replica == run.last.replica }
            latest.append(Reset(dot: run.last, sum: run.sum))
        }
        return latest
    }

    func lastRun(of replica: Replica) -> Run? { runs.last { $0.last.replica == replica } }

    var patchTarget: PatchTarget {
        guard let winner = winnerIndex(), !bases[winner].dot.isZero else { return .empty }
        return bases[winner].isSettled ? .settled(bases[winner].dot) : .base(bases[winner].dot)
    }
}
