/// Compact counters on their way back to plain integers.
///
/// A counter is put in line once, with the increment that makes it one, by its hash alone; a bit in its entry
/// says that it stands there. When the cut has passed what it was written with, it settles, or goes to the end
/// if it was written since: a key that is always written is looked at once per round of the cut, not once per
/// write.
import Base
import CRDT

struct WaitingCounters {
    private struct Place {
        let hash: UInt64
        /// The tick of the counter's latest write when it came to wait.
        let tick: UInt64
        let database: Int
    }

    /// What a slice takes: a share of the line, so that a counter in use is mostly found settled by its next
    /// write instead of being made plain for it, and never long.
    var slice: Int { min(max(count / 16, Self.sliceMin), Self.sliceMax) }

    private static let sliceMin = 64
    private static let sliceMax = 512

    private var line: [Place] = []
    private var head = 0

    var isEmpty: Bool { head == line.count }
    var count: Int { line.count - head }

    @inline(__always)
    mutating func append(hash: UInt64, database: Int, stamp: Stamp) {
        if head > 64, head * 2 > line.count { compact() }
        line.append(Place(hash: hash, tick: stamp.tick, database: database))
    }

    @inline(never)
    private mutating func compact() {
        line.removeSubrange(0..<head)
        head = 0
    }

    /// The first in line, if the cut has passed it.
    mutating func next(_ cut: Stamp) -> (hash: UInt64, database: Int)? {
        guard head < line.count, line[head].tick <= cut.tick else { return nil }
        let place = line[head]
        head += 1
        if head == line.count {
            if line.capacity > 1024 { line = [] } else { line.removeAll(keepingCapacity: true) }
            head = 0
        }
        return (place.hash, place.database)
    }

    /// Shows the first of the line, for those who want to fetch them ahead.
    @inline(__always)
    func peek(_ countMax: Int, _ cut: Stamp, _ body: (UInt64, Int) -> Void) {
        for place in line[head..<min(head + countMax, line.count)] where place.tick <= cut.tick {
            body(place.hash, place.database)
        }
    }
}

extension Partition {
    /// One slice.
    mutating func settleCounters(_ context: inout ExecutionContext) {
        if waitingCounters.isEmpty { return }
        let cut = isSole ? Stamp.distantFuture : settleCut
        // Nobody has used what merely settles.
        let leavesAccessAlone = context.leavesAccessAlone
        context.leavesAccessAlone = true
        defer { context.leavesAccessAlone = leavesAccessAlone }
        for step in 0..<waitingCounters.slice {
            if step % 8 == 0 { prefetchCounters(cut) }
            guard let (hash, database) = waitingCounters.next(cut) else { return }
            settleNext(hash, database, cut, &context)
        }
    }

    private mutating func prefetchCounters(_ cut: Stamp) {
        waitingCounters.peek(8, cut) { tables[$1].prefetchBucket($0) }
        waitingCounters.peek(8, cut) { tables[$1].prefetchEntry($0, secondLineOffset: 64) }
    }

    private mutating func settleNext(
        _ hash: UInt64, _ database: Int, _ cut: Stamp, _ context: inout ExecutionContext
    ) {
        let seed = hashSeed
        while let position = tables[database].find(hash, where: { $0.waits && keyHash($0.key, seed: seed) == hash }) {
            position.entry.waits = false
            guard position.entry.kind == .counter else { continue }
            if position.entry.stamp <= cut {
                settle(position, database, hash, &context)
            } else {
                position.entry.waits = true
                waitingCounters.append(hash: hash, database: database, stamp: position.entry.stamp)
                return
            }
        }
    }

    private mutating func settle(
        _ position: SlotPosition, _ database: Int, _ hash: UInt64, _ context: inout ExecutionContext
    ) {
        let entry = position.entry
        // The name lies in the entry, which is about to be freed.
        context.text.removeAll()
        context.text.append(entry.key)
        let name = context.text.view
        var counter = CompactCounter(entry)
        let cut = isSole ? counter.modified : settleCut
        withUnsafeMutablePointer(to: &self) { partition in
            withUnsafeMutablePointer(to: &context) { context in
                let handle = KeyHandle(
                    partition: partition, context: context, database: database, hash: hash, name: name)
                if counter.settle(cut), let shown = counter.shown {
                    partition.pointee.store(counter, shown: shown, at: position, for: handle)
                } else {
                    partition.pointee.store(CompactCounter(entry).state, for: handle)
                }
            }
        }
    }

    /// Makes a counter the key's state, in the most compact form that says it all.
    mutating func store(_ counter: CompactCounter, shown: Int64, at position: SlotPosition?, for handle: KeyHandle) {
        if counter.isPlain {
            handle.shape(
                position, kind: .integer, valueLength: 8, deadline: counter.deadline, stamp: counter.modified
            ).integer = counter.base
            return
        }
        if counter.isBlank {
            if let position { discard(position, handle.database, handle.hash) }
            return
        }
        let needed = counter.bytesNeeded
        let entry: Entry
        if let present = position?.entry, present.kind == .counter, present.storedValueLength >= needed,
            present.hasDeadline == (counter.deadline != nil)
        {
            entry = present
            entry.stamp = counter.modified
            if let deadline = counter.deadline { handle.setDeadline(entry, deadline) }
            handle.noteAccess(entry)
        } else {
            entry = handle.shape(
                position, kind: .counter, valueLength: needed, deadline: counter.deadline, stamp: counter.modified)
        }
        counter.write(to: entry, shown: shown)
        if !entry.waits {
            entry.waits = true
            waitingCounters.append(hash: handle.hash, database: handle.database, stamp: counter.modified)
        }
    }

    /// The same from a general state. False, and nothing done, where it does not fit.
    mutating func store(_ counter: CompactCounter, at position: SlotPosition?, for handle: KeyHandle) -> Bool {
        guard let shown = counter.shown else { return false }
        store(counter, shown: shown, at: position, for: handle)
        return true
    }

    /// A plain number as a counter that nobody has incremented; nil for what is no number.
    mutating func counter(plain entry: Entry) -> CompactCounter? {
        guard let number = entry.kind == .integer ? entry.integer : entry.inlineBytes.canonicalInteger else {
            return nil
        }
        return CompactCounter(
            plain: number, stamp: entry.stamp, deadline: entry.hasDeadline ? entry.deadlineMilliseconds : nil,
            isSettled: isSole || entry.stamp <= settleCut)
    }

    /// Gives a counter the general form, for those who look at what a deadline has left of it.
    mutating func generalize(_ position: SlotPosition, _ handle: KeyHandle) {
        let state = CompactCounter(position.entry).state
        let entry = handle.shape(
            position, kind: .general, valueLength: 8, deadline: state.effectiveDeadline, stamp: state.modified)
        entry.setGeneral(Unmanaged.passRetained(GeneralState(state)))
        if !isSole { unsettled.insert(DatabaseKey(database: handle.database, key: handle.name.array)) }
    }

    /// The stamp that a write would have now.
    @inline(__always)
    func nextStamp(_ context: borrowing ExecutionContext) -> Stamp {
        if !draftStamp.isZero { return draftStamp }
        var clock = clock
        return clock.next(unixMilliseconds: context.nowMilliseconds, replica: replica)
    }
}
