/// The net effect of one frame on one key, against the state before the frame, and how a replica takes it in.
///
/// The author and its peers apply a delta by the same `merge`, so there is one rule for both.
import Base

public struct Delta: Equatable, Sendable {
    public struct NewBase: Equatable, Sendable {
        public var value: [UInt8]
        /// Unix milliseconds.
        public var deadline: Int64?

        public init(value: [UInt8], deadline: Int64?) {
            self.value = value
            self.deadline = deadline
        }
    }

    public struct NewPatches: Equatable, Sendable {
        public var target: PatchTarget
        public var operations: [PatchOperation]

        public init(target: PatchTarget, operations: [PatchOperation]) {
            self.target = target
            self.operations = operations
        }
    }

    public struct Increment: Equatable, Sendable {
        /// Where the run this belongs to began; nil when it begins with this frame.
        public var start: Stamp?
        /// The run's whole sum, this frame included.
        public var sum: Amount
        /// What this frame added.
        public var amount: Amount

        public init(start: Stamp?, sum: Amount, amount: Amount) {
            self.start = start
            self.sum = sum
            self.amount = amount
        }
    }

    public struct NewDeadline: Equatable, Sendable {
        /// The entries this one replaces, those up to the frame's cut left out.
        public var removed: [Stamp]
        /// Unix milliseconds; `DeadlineRegister.persist` for none.
        public var deadline: Int64

        public init(removed: [Stamp], deadline: Int64) {
            self.removed = removed
            self.deadline = deadline
        }
    }

    public struct ElementChange: Equatable, Sendable {
        public var element: [UInt8]
        /// The dots this takes away, those up to the frame's cut left out.
        public var removed: [Stamp]
        public var adds: Bool

        public init(element: [UInt8], removed: [Stamp], adds: Bool) {
            self.element = element
            self.removed = removed
            self.adds = adds
        }
    }

    /// Slots of which everything observed is removed.
    public var cleared: Slots = []
    /// For each replica with live increments in a cleared cell: what the author saw of them. Always explicit
    /// until folded, because a run may go on while a clear is on its way.
    public var resets: [Reset] = []
    public var base: NewBase?
    public var patches: NewPatches?
    public var increment: Increment?
    public var deadline: NewDeadline?
    /// In byte order, each element once.
    public var elements: [ElementChange] = []

    public init() {}

    /// Nothing happened: no record.
    public var isEmpty: Bool {
        cleared.isEmpty && resets.isEmpty && base == nil && patches == nil && increment == nil && deadline == nil
            && elements.isEmpty
    }
}

extension KeyState {
    /// Takes in one record. The receiver has applied everything up to the frame's cut and all earlier frames
    /// of its origin; after the frame's last record, it calls `receiver.advance`.
    public mutating func merge(
        _ delta: Delta, of key: DatabaseKey, in frame: FrameContext, receiver: inout MergeContext
    ) {
        if hasSettled(frame.stamp), !receiver.faults.contains(.repeatsSettled) { return }
        modified = max(modified, frame.stamp)
        removeObserved(delta, of: key, in: frame, receiver: &receiver)
        mergeCell(delta, of: key, in: frame, receiver: receiver)
        if let change = delta.deadline {
            let dot = Deferred.Dot(stamp: frame.stamp, element: nil)
            if !receiver.deferred.contains(dot, of: key), receiver.admits(frame.stamp, in: .deadline, of: key) {
                deadline.insert(DeadlineRegister.Entry(dot: frame.stamp, deadline: change.deadline))
            }
        }
        for change in delta.elements where change.adds {
            let dot = Deferred.Dot(stamp: frame.stamp, element: change.element)
            if !receiver.deferred.contains(dot, of: key), receiver.admits(frame.stamp, in: .members, of: key) {
                members.add(change.element, dot: frame.stamp)
            }
        }
        if receiver.faults.contains(.earlyLoserDrop), let winner = cell.winnerIndex() {
            cell.bases = [cell.bases[winner]]
        }
    }

    /// A FLUSHDB reaching this key.
    public mutating func mergeClear(in frame: FrameContext) {
        if hasSettled(frame.stamp) { return }
        modified = max(modified, frame.stamp)
        clear(.all) { frame.covers($0) }
    }

    /// Whether a write is part of the value that settled. Its frame comes after that where a snapshot was walked
    /// while a peer's patch said what the key had become: the state has the value, the log has the frame as well.
    private func hasSettled(_ stamp: Stamp) -> Bool { cell.bases.contains { $0.isSettled && stamp <= $0.dot } }

    private mutating func clear(_ slots: Slots, _ covers: (Stamp) -> Bool) {
        if slots.contains(.cell) { cell.clear(covers) }
        if slots.contains(.members) { members.clear(covers) }
        if slots.contains(.deadline) { deadline.clear(covers) }
    }

    private mutating func removeObserved(
        _ delta: Delta, of key: DatabaseKey, in frame: FrameContext, receiver: inout MergeContext
    ) {
        if !delta.cleared.isEmpty {
            var context = frame
            if receiver.faults.contains(.clearCoversOwnFrame) { context.prev = frame.stamp }
            clear(delta.cleared) { context.covers($0) }
            if !context.isCovered(by: receiver.versions), !receiver.faults.contains(.noPendingClear) {
                receiver.pendingClears.insert(PendingClears.Clear(context: context, slots: delta.cleared), of: key)
            }
        }
        // Whoever writes to one slot has left nothing in the other, if only by settling: what it had dropped
        // there without a clear goes here too.
        if !receiver.faults.contains(.keepOtherType) {
            if !delta.elements.isEmpty { cell.clear { frame.covers($0) } }
            if delta.increment != nil || delta.patches != nil { members.clear { frame.covers($0) } }
        }
        for reset in delta.resets { cell.raise(reset) }
        let cut = receiver.faults.contains(.noCutCover) ? .zero : frame.cut
        if let change = delta.deadline {
            deadline.clear { $0 <= cut || change.removed.contains($0) }
            for dot in change.removed { receiver.deferUnseen(dot, element: nil, of: key) }
        }
        for change in delta.elements {
            members.remove(change.element, dots: change.removed, cut: cut)
            for dot in change.removed { receiver.deferUnseen(dot, element: change.element, of: key) }
        }
    }

    private mutating func mergeCell(
        _ delta: Delta, of key: DatabaseKey, in frame: FrameContext, receiver: MergeContext
    ) {
        guard delta.base != nil || delta.patches != nil || delta.increment != nil else { return }
        let admitted = receiver.admits(frame.stamp, in: .cell, of: key)
        if admitted, let base = delta.base {
            cell.insert(CellBase(dot: frame.stamp, value: base.value, deadline: base.deadline))
        }
        if admitted, let patches = delta.patches {
            if case .settled(let stamp) = patches.target, !receiver.faults.contains(.noFoldForPatch),
                !cell.bases.contains(where: { $0.isSettled && $0.dot >= stamp })
            {
                fold(upTo: stamp, unixMilliseconds: frame.stamp.unixMilliseconds)
            }
            cell.insert(
                Patch(stamp: frame.stamp, target: patches.target.stamp, operations: patches.operations))
        }
        // A run that goes on beyond what a clear covers is judged by the resets, which say how much of it was seen.
        if admitted, let increment = delta.increment {
            let start = receiver.faults.contains(.noRunStart) ? .zero : increment.start ?? frame.stamp
            cell.insert(Run(start: start, last: frame.stamp, sum: increment.sum))
        }
    }
}

extension MergeContext {
    /// Whether no clear that came ahead removes what `dot` adds.
    func admits(_ dot: Stamp, in slot: Slots, of key: DatabaseKey) -> Bool {
        !pendingClears.covers(dot, in: slot, of: key)
    }

    /// Remembers a removed dot that is still on its way.
    mutating func deferUnseen(_ dot: Stamp, element: [UInt8]?, of key: DatabaseKey) {
        if versions.covers(dot) || faults.contains(.noDeferred) { return }
        deferred.insert(Deferred.Dot(stamp: dot, element: element), of: key)
    }
}
