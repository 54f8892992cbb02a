/// String and counter in one: base values by dot, patches on them, increments by replica.
///
/// What is visible is a function of the live parts alone: the base with the highest rank, its patches in stamp
/// order, and, when that spells a number (or there is no base), all live increments added to it. Losing bases
/// stay until the key is settled, because the winner's remover may not have seen them.
import Base

/// A value somebody SET.
public struct CellBase: Equatable, Sendable {
    /// The SET's stamp. Zero holds flattened patches that have no base; a settled base has the stamp of the
    /// key's last record then.
    public var dot: Stamp
    /// The last stamp that is part of `value`.
    public var rank: Stamp
    public var value: [UInt8]
    /// The SET's own expiry, Unix milliseconds.
    public var deadline: Int64?
    /// Observed by every remover still in flight: whatever clear arrives removes it.
    public var isSettled: Bool

    public init(dot: Stamp, value: [UInt8], deadline: Int64? = nil, isSettled: Bool = false) {
        self.dot = dot
        rank = dot
        self.value = value
        self.deadline = deadline
        self.isSettled = isSettled
    }
}

/// Increments of one replica, from `start` to `last`. A replica's increments form a chain, so observing `last`
/// is observing all of them, and resetting a prefix resets exactly those.
public struct Run: Equatable, Sendable {
    public var start: Stamp
    public var last: Stamp
    public var sum: Amount

    public init(start: Stamp, last: Stamp, sum: Amount) {
        self.start = start
        self.last = last
        self.sum = sum
    }
}

/// Removes all increments of the dot's replica up to it: whole runs, and `sum` of the one running then.
public struct Reset: Equatable, Sendable {
    public var dot: Stamp
    public var sum: Amount

    public init(dot: Stamp, sum: Amount) {
        self.dot = dot
        self.sum = sum
    }
}

public struct Cell: Equatable, Sendable {
    /// In dot order.
    public internal(set) var bases: [CellBase] = []
    /// In stamp order.
    public internal(set) var patches: [Patch] = []
    /// In order of `last`; only live ones.
    public internal(set) var runs: [Run] = []
    /// The highest per replica, in dot order.
    public internal(set) var resets: [Reset] = []
    /// Increments folded out of settled runs while the key itself is too busy to settle.
    public internal(set) var settledSum: Amount?

    public init() {}

    public init(settledValue: [UInt8], dot: Stamp, deadline: Int64?) {
        bases = [CellBase(dot: dot, value: settledValue, deadline: deadline, isSettled: true)]
    }

    public var isBlank: Bool {
        bases.isEmpty && patches.isEmpty && runs.isEmpty && resets.isEmpty && settledSum == nil
    }

    public var exists: Bool { !bases.isEmpty || !patches.isEmpty || hasIncrements }

    public var hasIncrements: Bool { !runs.isEmpty || settledSum != nil }

    /// The latest live write.
    public var written: Stamp {
        var latest = max(patches.last?.stamp ?? .zero, runs.last?.last ?? .zero)
        for base in bases { latest = max(latest, base.rank) }
        return latest
    }

    // MARK: what is visible

    /// The base a patch made on `target` changes now, if it still has one.
    func baseIndex(target: Stamp) -> Int? {
        if let exact = bases.firstIndex(where: { $0.dot == target }) { return exact }
        return bases.firstIndex { $0.isSettled && target <= $0.dot }
    }

    /// The base that is visible: highest rank wins, one made of patches alone only without any other.
    func winnerIndex() -> Int? {
        guard bases.count > 1 else { return bases.indices.first }
        var ranks = bases.map { $0.dot.isZero ? Stamp.zero : $0.rank }
        for patch in patches {
            if let index = baseIndex(target: patch.target), !bases[index].dot.isZero {
                ranks[index] = max(ranks[index], patch.stamp)
            }
        }
        return ranks.indices.max { ranks[$0] < ranks[$1] }
    }

    /// The visible base with its patches, increments left out; nil without either.
    var patchedValue: [UInt8]? {
        let winner = winnerIndex()
        if winner == nil, patches.isEmpty { return nil }
        var value = winner.map { bases[$0].value } ?? []
        // Patches whose base is gone show only where no base is left.
        let standsAlone = winner.map { bases[$0].dot.isZero } ?? true
        for patch in patches {
            let index = baseIndex(target: patch.target)
            guard index == winner || standsAlone && index == nil else { continue }
            for operation in patch.operations { operation.apply(to: &value) }
        }
        return value
    }

    /// What GET shows; nil when there is nothing. A base that is no number hides the increments.
    public var visible: [UInt8]? {
        let value = patchedValue
        guard hasIncrements else { return value }
        guard let value else { return incrementSum.text }
        guard let number = value.withView({ Amount(decimal: $0) }) else { return value }
        return (number + incrementSum).text
    }

    /// Whether merging took a sum of integers out of Int64. The visible text is the true sum.
    public var overflowed: Bool {
        guard hasIncrements, let text = visible, let amount = text.withView({ Amount(decimal: $0) }) else {
            return false
        }
        let (quotient, remainder) = amount.units.quotientAndRemainder(dividingBy: Amount.unitsPerOne)
        return remainder == 0 && Int64(exactly: quotient) == nil
    }

    var incrementSum: Amount {
        var total = settledSum ?? .zero
        for run in runs { total += remainder(of: run) }
        return total
    }

    /// What resets leave of a live run.
    func remainder(of run: Run) -> Amount {
        guard let reset = reset(of: run.last.replica), reset.dot >= run.start else { return run.sum }
        return run.sum - reset.sum
    }

    // MARK: merging

    func reset(of replica: Replica) -> Reset? { resets.first { $0.dot.replica == replica } }

    mutating func raise(_ reset: Reset) {
        if let index = resets.firstIndex(where: { $0.dot.replica == reset.dot.replica }) {
            guard reset.dot > resets[index].dot else { return }
            resets.remove(at: index)
        }
        resets.insert(reset, at: resets.firstIndex { $0.dot > reset.dot } ?? resets.count)
        runs.removeAll { $0.last.replica == reset.dot.replica && $0.last <= reset.dot }
    }

    /// Removes what the writer of `context` had observed. Runs it had not folded come as resets as well.
    mutating func clear(_ covers: (Stamp) -> Bool) {
        bases.removeAll { $0.isSettled || ($0.dot.isZero ? covers($0.rank) : covers($0.dot)) }
        patches.removeAll { covers($0.stamp) }
        runs.removeAll { covers($0.last) }
        settledSum = nil
    }

    mutating func insert(_ base: CellBase) {
        guard !bases.contains(where: { $0.dot == base.dot }) else { return }
        bases.insert(base, at: bases.firstIndex { $0.dot > base.dot } ?? bases.count)
    }

    mutating func insert(_ patch: Patch) {
        guard !patches.contains(where: { $0.stamp == patch.stamp }) else { return }
        patches.insert(patch, at: patches.firstIndex { $0.stamp > patch.stamp } ?? patches.count)
    }

    /// Takes the run as its author has it now: the same start replaces, another start is another run.
    mutating func insert(_ run: Run) {
        let replica = run.last.replica
        if let old = runs.firstIndex(where: { $0.last.replica == replica && $0.start == run.start }) {
            guard run.last > runs[old].last else { return }
            runs.remove(at: old)
        }
        if let reset = reset(of: replica), run.last <= reset.dot { return }
        runs.insert(run, at: runs.firstIndex { $0.last > run.last } ?? runs.count)
    }

    // MARK: expiry and settling

    /// Drops the content written before `milliseconds`, when a deadline then has passed, and what was written
    /// with a deadline of its own that was past already.
    mutating func hide(before milliseconds: Int64) {
        bases.removeAll {
            ($0.dot.isZero ? $0.rank : $0.dot).unixMilliseconds < milliseconds || $0.deadline ?? .max <= milliseconds
        }
        patches.removeAll { $0.stamp.unixMilliseconds < milliseconds }
        runs.removeAll { $0.last.unixMilliseconds < milliseconds }
        settledSum = nil
    }

    /// The parts written up to `cut`.
    func restricted(to cut: Stamp) -> Cell {
        var part = self
        part.bases.removeAll { $0.rank > cut && !$0.isSettled }
        part.patches.removeAll { $0.stamp > cut }
        part.runs.removeAll { $0.last > cut }
        return part
    }

    /// Removes the parts written up to `cut`.
    mutating func removeAll(upTo cut: Stamp) {
        bases.removeAll { $0.isSettled || $0.rank <= cut }
        patches.removeAll { $0.stamp <= cut }
        runs.removeAll { $0.last <= cut }
        settledSum = nil
    }

    /// Folds what can be folded while newer writes keep the cell as a whole unsettled.
    mutating func settlePartly(_ cut: Stamp) {
        let settled = runs.filter { $0.last <= cut }
        if !settled.isEmpty {
            settledSum = settled.reduce(settledSum ?? .zero) { $0 + remainder(of: $1) }
            runs.removeAll { $0.last <= cut }
        }
        guard let first = patches.first, first.stamp <= cut else { return }
        if bases.isEmpty { bases = [CellBase(dot: .zero, value: [])] }
        for index in patches.indices where patches[index].stamp <= cut {
            let patch = patches[index]
            let standsAlone = bases.count == 1 && bases[0].dot.isZero
            guard let target = baseIndex(target: patch.target) ?? (standsAlone ? 0 : nil) else { continue }
            for operation in patch.operations { operation.apply(to: &bases[target].value) }
            bases[target].rank = patch.stamp
            patches[index].operations = []
        }
        patches.removeAll { $0.operations.isEmpty }
    }
}
