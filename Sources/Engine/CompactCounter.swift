/// A number whose increments have not settled, kept in its entry without a heap object.
///
/// The same facts as a `KeyState` whose cell holds at most one base, an integer, and integer increments of a
/// few replicas; `state` and `init(_: KeyState)` convert without loss. Whatever does not fit (other values,
/// patches, EXPIREs of their own, sums past Int64) takes the general form.
///
///     value    shown(8) base's dot(8) base(8) settled sum(8) flags(1) parts(1), then parts of 24 bytes:
///     part     start(8, all ones for a reset) last(8) sum(8)
import Base
import CRDT

struct CompactCounter {
    struct Part {
        /// `Part.reset` for what a reset covers, else where the run began.
        var start: Stamp
        var last: Stamp
        var sum: Int64

        static let reset = Stamp.distantFuture
        var isReset: Bool { start == Self.reset }
    }

    static let partsMax = 8
    static let headBytes = 34
    static let partBytes = 24

    var modified = Stamp.zero
    /// Zero without a base.
    var baseDot = Stamp.zero
    var base: Int64 = 0
    var isBaseSettled = false
    /// The base's own deadline.
    var deadline: Int64?
    var settledSum: Int64?
    private(set) var count = 0
    private var parts = InlineArray<8, Part>(repeating: Part(start: .zero, last: .zero, sum: 0))

    init() {}

    /// A plain integer.
    init(plain value: Int64, stamp: Stamp, deadline: Int64?, isSettled: Bool) {
        modified = stamp
        baseDot = stamp
        base = value
        self.deadline = deadline
        isBaseSettled = isSettled
    }

    subscript(index: Int) -> Part { parts[index] }

    var hasRuns: Bool {
        for index in 0..<count where !parts[index].isReset { return true }
        return false
    }

    var exists: Bool { !baseDot.isZero || settledSum != nil || hasRuns }
    var isBlank: Bool { baseDot.isZero && settledSum == nil && count == 0 }

    /// The base says everything: a plain integer.
    var isPlain: Bool { count == 0 && settledSum == nil && !baseDot.isZero && baseDot == modified }

    /// What a reader sees; nil where it leaves Int64, on the way at least.
    var shown: Int64? {
        var total = baseDot.isZero ? 0 : base
        var failed = false
        func add(_ amount: Int64?) {
            guard let amount else { return failed = true }
            let (sum, overflow) = total.addingReportingOverflow(amount)
            total = sum
            if overflow { failed = true }
        }
        if let settledSum { add(settledSum) }
        for index in 0..<count where !parts[index].isReset { add(remainder(of: parts[index])) }
        return failed ? nil : total
    }

    private func remainder(of run: Part) -> Int64? {
        guard let at = reset(of: run.last.replica), parts[at].last >= run.start else { return run.sum }
        let (sum, overflow) = run.sum.subtractingReportingOverflow(parts[at].sum)
        return overflow ? nil : sum
    }

    private func reset(of replica: Replica) -> Int? {
        for index in 0..<count where parts[index].isReset && parts[index].last.replica == replica { return index }
        return nil
    }

    /// The latest live run of a replica.
    func lastRun(of replica: Replica) -> Part? {
        var latest: Part?
        for index in 0..<count where !parts[index].isReset && parts[index].last.replica == replica {
            if parts[index].last > latest?.last ?? .zero { latest = parts[index] }
        }
        return latest
    }

    // MARK: changing, by the rules of `Cell`

    private mutating func remove(_ index: Int) {
        count -= 1
        parts[index] = parts[count]
    }

    private mutating func append(_ part: Part) -> Bool {
        guard count < Self.partsMax else { return false }
        parts[count] = part
        count += 1
        return true
    }

    private mutating func removeRuns(_ isRemoved: (Stamp) -> Bool) {
        var index = 0
        while index < count {
            if !parts[index].isReset, isRemoved(parts[index].last) { remove(index) } else { index += 1 }
        }
    }

    /// Removes what a writer had observed.
    mutating func clear(_ covers: (Stamp) -> Bool) {
        if !baseDot.isZero, isBaseSettled || covers(baseDot) { removeBase() }
        removeRuns(covers)
        settledSum = nil
    }

    private mutating func removeBase() {
        baseDot = .zero
        base = 0
        deadline = nil
        isBaseSettled = false
    }

    mutating func setBase(_ value: Int64, dot: Stamp, deadline: Int64?) {
        baseDot = dot
        base = value
        self.deadline = deadline
        isBaseSettled = false
    }

    /// False, as everywhere below: it does not fit, and what is left of this value is of no use.
    mutating func raise(_ dot: Stamp, sum: Int64) -> Bool {
        if let present = reset(of: dot.replica) {
            guard dot > parts[present].last else { return true }
            remove(present)
        }
        removeRuns { $0.replica == dot.replica && $0 <= dot }
        return append(Part(start: Part.reset, last: dot, sum: sum))
    }

    /// Takes the run as its author has it now: the same start replaces, another start is another run.
    mutating func insert(start: Stamp, last: Stamp, sum: Int64) -> Bool {
        let replica = last.replica
        for index in 0..<count where !parts[index].isReset && parts[index].start == start {
            guard parts[index].last.replica == replica else { continue }
            guard last > parts[index].last else { return true }
            remove(index)
            break
        }
        if let reset = reset(of: replica), last <= parts[reset].last { return true }
        return append(Part(start: start, last: last, sum: sum))
    }

    /// Everything live becomes resets, as a SET or DEL by somebody who has seen all of it leaves them: of each
    /// replica its latest run.
    mutating func resetAll() -> Bool {
        let old = self
        clear { _ in true }
        for index in 0..<old.count where !old[index].isReset {
            guard old.lastRun(of: old[index].last.replica)?.last == old[index].last else { continue }
            guard raise(old[index].last, sum: old[index].sum) else { return false }
        }
        return true
    }

    /// Forgets what nobody can ask for any more.
    mutating func settle(_ cut: Stamp) -> Bool {
        if let deadline, deadline <= cut.unixMilliseconds { return false }
        guard modified <= cut else { return settlePartly(cut) }
        guard let total = shown else { return false }
        let remains = exists
        count = 0
        settledSum = nil
        guard remains else { return true }
        baseDot = modified
        base = total
        isBaseSettled = true
        return true
    }

    private mutating func settlePartly(_ cut: Stamp) -> Bool {
        for index in 0..<count where !parts[index].isReset && parts[index].last <= cut {
            guard let amount = remainder(of: parts[index]) else { return false }
            let (sum, overflow) = (settledSum ?? 0).addingReportingOverflow(amount)
            guard !overflow else { return false }
            settledSum = sum
        }
        removeRuns { $0 <= cut }
        return true
    }
}

// MARK: the general form

extension CompactCounter {
    init?(_ state: KeyState) {
        guard state.members.isBlank, state.deadline.isBlank, state.cell.patches.isEmpty,
            state.cell.bases.count <= 1, state.cell.runs.count + state.cell.resets.count <= Self.partsMax
        else { return nil }
        modified = state.modified
        if let only = state.cell.bases.first {
            guard !only.dot.isZero, only.rank == only.dot,
                let value = only.value.withView({ $0.canonicalInteger })
            else { return nil }
            setBase(value, dot: only.dot, deadline: only.deadline)
            isBaseSettled = only.isSettled
        }
        if let sum = state.cell.settledSum {
            guard let integer = sum.integer else { return nil }
            settledSum = integer
        }
        for run in state.cell.runs {
            guard let sum = run.sum.integer, append(Part(start: run.start, last: run.last, sum: sum)) else {
                return nil
            }
        }
        for reset in state.cell.resets {
            guard let sum = reset.sum.integer, append(Part(start: Part.reset, last: reset.dot, sum: sum)) else {
                return nil
            }
        }
        if shown == nil { return nil }
    }

    var state: KeyState {
        var runs: [Run] = []
        var resets: [Reset] = []
        for index in 0..<count {
            let sum = Amount(parts[index].sum)
            if parts[index].isReset {
                resets.append(Reset(dot: parts[index].last, sum: sum))
            } else {
                runs.append(Run(start: parts[index].start, last: parts[index].last, sum: sum))
            }
        }
        var only: CellBase?
        if !baseDot.isZero {
            only = CellBase(
                dot: baseDot, value: Array(String(base).utf8), deadline: deadline, isSettled: isBaseSettled)
        }
        return KeyState(
            modified: modified, base: only, runs: runs, resets: resets, settledSum: settledSum.map { Amount($0) })
    }
}

// MARK: in its entry

extension CompactCounter {
    private static let flagBaseSettled: UInt8 = 1
    private static let flagSettledSum: UInt8 = 2
    private static let flagExists: UInt8 = 4

    init(_ entry: Entry) {
        let place = entry.valueAddress
        modified = entry.stamp
        baseDot = Stamp(rawValue: place.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        base = place.loadUnaligned(fromByteOffset: 16, as: Int64.self)
        let flags = place.load(fromByteOffset: 32, as: UInt8.self)
        isBaseSettled = flags & Self.flagBaseSettled != 0
        if flags & Self.flagSettledSum != 0 { settledSum = place.loadUnaligned(fromByteOffset: 24, as: Int64.self) }
        if entry.hasDeadline { deadline = entry.deadlineMilliseconds }
        count = entry.counterPartCount
        for index in 0..<count { parts[index] = entry.counterPart(index) }
    }

    var bytesNeeded: Int { Self.headBytes + count * Self.partBytes }

    /// Writes everything but stamp and deadline, which are the entry's.
    func write(to entry: Entry, shown: Int64) {
        let place = entry.valueAddress
        place.storeBytes(of: shown, as: Int64.self)
        place.storeBytes(of: baseDot.rawValue, toByteOffset: 8, as: UInt64.self)
        place.storeBytes(of: base, toByteOffset: 16, as: Int64.self)
        place.storeBytes(of: settledSum ?? 0, toByteOffset: 24, as: Int64.self)
        let flags =
            (isBaseSettled ? Self.flagBaseSettled : 0) | (settledSum != nil ? Self.flagSettledSum : 0)
            | (exists ? Self.flagExists : 0)
        place.storeBytes(of: flags, toByteOffset: 32, as: UInt8.self)
        place.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: 33, as: UInt8.self)
        for index in 0..<count {
            let at = place + Self.headBytes + index * Self.partBytes
            at.storeBytes(of: parts[index].start.rawValue, as: UInt64.self)
            at.storeBytes(of: parts[index].last.rawValue, toByteOffset: 8, as: UInt64.self)
            at.storeBytes(of: parts[index].sum, toByteOffset: 16, as: Int64.self)
        }
    }
}

extension Entry {
    /// The whole state of what has not settled, in whichever form; nil for a plain value.
    var unsettledState: KeyState? {
        switch kind {
        case .general: general.takeUnretainedValue().state
        case .counter: CompactCounter(self).state
        case .bytes, .shared, .integer: nil
        }
    }
}

/// Only of kind `.counter`.
extension Entry {
    /// What a reader sees.
    @inline(__always)
    var counterShown: Int64 {
        get { valueAddress.loadUnaligned(as: Int64.self) }
        nonmutating set { valueAddress.storeBytes(of: newValue, as: Int64.self) }
    }

    /// Nothing but resets are left of a deleted counter.
    @inline(__always)
    var counterExists: Bool { valueAddress.load(fromByteOffset: 32, as: UInt8.self) & 4 != 0 }

    @inline(__always)
    var counterPartCount: Int { Int(valueAddress.load(fromByteOffset: 33, as: UInt8.self)) }

    @inline(__always)
    private func partAddress(_ index: Int) -> UnsafeMutableRawPointer {
        valueAddress + CompactCounter.headBytes + index * CompactCounter.partBytes
    }

    @inline(__always)
    func counterPart(_ index: Int) -> CompactCounter.Part {
        let at = partAddress(index)
        return CompactCounter.Part(
            start: Stamp(rawValue: at.loadUnaligned(as: UInt64.self)),
            last: Stamp(rawValue: at.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            sum: at.loadUnaligned(fromByteOffset: 16, as: Int64.self))
    }

    /// A run goes on.
    @inline(__always)
    func extendCounterRun(_ index: Int, last: Stamp, sum: Int64) {
        let at = partAddress(index)
        at.storeBytes(of: last.rawValue, toByteOffset: 8, as: UInt64.self)
        at.storeBytes(of: sum, toByteOffset: 16, as: Int64.self)
    }
}
