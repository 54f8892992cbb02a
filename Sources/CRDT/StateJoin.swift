/// State as a join: two states of one key, each under what its replica knew, become what a replica that has
/// applied everything either has applied would hold.
///
/// Where neither has settled anything this is the observed-remove join: a part stays if both have it, or if one
/// has it and the other has never seen its dot. Settling takes names away, so for what was written up to the
/// higher of the two settle cuts, the past, another rule holds. Everything either side does not know of the other
/// was written by someone who had seen that past: he left it as it was, or removed all of it. The side with the
/// lower cut may lack removes of single parts, the other lacks none. So the past is taken whole as the side with
/// the higher cut has it, if the other still has any of it.
///
/// That needs both to have applied the past. A node that was away does not know how far the others' cut has come
/// since, but whether it has all that went into what they have settled of this key. Where one has not (it lost its
/// memory, or they wrote before they met), settled parts go by the stamp they were settled under, as parts like any
/// other.
import Base

public struct StateJoin: Sendable {
    public let here: StateContext
    public let there: StateContext
    /// Everything applied here has been applied there, so their state is the join.
    public let isDominated: Bool
    /// Both have applied what either may have settled.
    let sharesPast: Bool

    public init(here: StateContext, there: StateContext) {
        self.here = here
        self.there = there
        isDominated = there.coversAll(of: here)
        sharesPast = here.coversSettled(of: there) && there.coversSettled(of: here)
    }

    /// `mine` becomes the join.
    public func join(_ mine: inout KeyState, _ theirs: KeyState, of key: DatabaseKey) {
        if isDominated {
            mine = theirs
            return
        }
        let sides = Sides(self, mine, theirs, key)
        var joined = KeyState()
        joined.modified = max(mine.modified, theirs.modified)
        joined.cell = sides.joinedCell()
        joined.members = sides.joinedMembers()
        joined.deadline = sides.joinedDeadline()
        mine = joined
    }
}

/// One key on two sides, the one that speaks for the past first.
private struct Sides {
    let key: DatabaseKey
    let high: KeyState
    let low: KeyState
    let highContext: StateContext
    let lowContext: StateContext
    /// What was written up to here by replicas that `high` knows is the past; zero where there is none in common.
    let past: Stamp

    init(_ join: StateJoin, _ mine: KeyState, _ theirs: KeyState, _ key: DatabaseKey) {
        self.key = key
        var mineUpTo = mine.namelessUpTo(join.here.settleCut)
        var theirsUpTo = theirs.namelessUpTo(join.there.settleCut)
        if join.sharesPast {
            mineUpTo = max(mineUpTo, join.here.settleCut)
            theirsUpTo = max(theirsUpTo, join.there.settleCut)
        } else if !join.here.coversAll(upTo: theirsUpTo, of: join.there)
            || !join.there.coversAll(upTo: mineUpTo, of: join.here)
        {
            // Theirs are named by their stamps from here on: who has not seen them must not remove them.
            (high, low, highContext, lowContext) = (mine, theirs.named(), join.here, join.there)
            past = .zero
            return
        }
        past = max(mineUpTo, theirsUpTo)
        if theirsUpTo > mineUpTo {
            (high, low, highContext, lowContext) = (theirs, mine, join.there, join.here)
        } else {
            (high, low, highContext, lowContext) = (mine, theirs, join.here, join.there)
        }
    }

    private func isPast(_ stamp: Stamp) -> Bool { stamp <= past && highContext.knows(stamp.replica) }

    private func isRecent(_ stamp: Stamp) -> Bool { !isPast(stamp) }

    /// Parts that both have, and those of one side that the other does not refuse.
    private func joined<Part>(
        _ highs: [Part], _ lows: [Part], isSame: (Part, Part) -> Bool, refused: (Part, StateContext) -> Bool
    ) -> [Part] {
        var parts = highs.filter { part in lows.contains { isSame($0, part) } || !refused(part, lowContext) }
        for part in lows where !highs.contains(where: { isSame($0, part) }) && !refused(part, highContext) {
            parts.append(part)
        }
        return parts
    }

    private func hasPast(_ cell: Cell) -> Bool {
        if past.isZero { return false }
        return cell.settledSum != nil || cell.bases.contains { isPast($0.name) }
            || cell.patches.contains { isPast($0.stamp) } || cell.runs.contains { isPast($0.last) }
    }

    private func hasPast(_ element: AddWinsSet.Element) -> Bool {
        element.isSettled || element.dots.contains(where: isPast)
    }

    // MARK: the cell

    func joinedCell() -> Cell {
        var cell = Cell()
        if hasPast(high.cell), hasPast(low.cell) { cell = high.cell.keeping(isPast) }
        let highs = high.cell.keeping(isRecent)
        let lows = low.cell.keeping(isRecent)
        if past.isZero { cell.settledSum = Cell.larger(high.cell.settledSum, low.cell.settledSum) }
        for reset in high.cell.resets + low.cell.resets { cell.raise(reset) }
        joinBases(highs, lows, into: &cell)
        for patch in joined(
            highs.patches, lows.patches, isSame: { $0.stamp == $1.stamp },
            refused: { $1.refuses($0.stamp, in: .cell, of: key) })
        {
            // Flattened into the value on the other side.
            if let index = cell.baseIndex(target: patch.target), patch.stamp <= cell.bases[index].rank { continue }
            cell.insert(patch)
        }
        // A run is judged by the resets, which say how much of it was seen; a clear that is on its way is not.
        for run in joined(
            highs.runs, lows.runs, isSame: { $0.start == $1.start && $0.last.replica == $1.last.replica },
            refused: { $1.covers($0.last) })
        {
            cell.insert(run)
        }
        for run in lows.runs where highs.runs.contains(where: { $0.start == run.start }) { cell.insert(run) }
        return cell
    }

    private func joinBases(_ highs: Cell, _ lows: Cell, into cell: inout Cell) {
        for base in joined(
            highs.bases, lows.bases, isSame: { $0.dot == $1.dot },
            refused: { $1.refuses($0.name, in: .cell, of: key) })
        {
            var base = base
            if let other = lows.bases.first(where: { $0.dot == base.dot }), other.rank > base.rank {
                base.rank = other.rank
                base.value = other.value
            }
            cell.insert(base)
        }
    }

    // MARK: sets

    func joinedMembers() -> AddWinsSet {
        var members = AddWinsSet()
        for element in high.members.elements { join(element.bytes, into: &members) }
        for element in low.members.elements where !high.members.contains(element.bytes) {
            join(element.bytes, into: &members)
        }
        if members.elements.contains(where: \.isSettled) {
            members.settledStamp = max(high.members.settledStamp, low.members.settledStamp)
        }
        return members
    }

    private func join(_ bytes: [UInt8], into members: inout AddWinsSet) {
        let highElement = high.members.element(bytes)
        let lowElement = low.members.element(bytes)
        var element = AddWinsSet.Element(bytes: bytes)
        if past.isZero {
            element.isSettled =
                highElement.isSettled
                && (!lowElement.isBlank
                    || !lowContext.refuses(high.members.settledStamp, element: bytes, in: .members, of: key))
        } else if hasPast(highElement), hasPast(lowElement) {
            element.isSettled = highElement.isSettled
            element.dots = highElement.dots.filter(isPast)
        }
        element.dots += joined(
            highElement.dots.filter(isRecent), lowElement.dots.filter(isRecent), isSame: { $0 == $1 },
            refused: { $1.refuses($0, element: bytes, in: .members, of: key) })
        element.dots.sort()
        if !element.isBlank { members.insert(element) }
    }

    // MARK: deadlines

    func joinedDeadline() -> DeadlineRegister {
        var deadline = DeadlineRegister()
        let highs = high.deadline.entries
        let lows = low.deadline.entries
        let lowHasPast = lows.contains { isPast($0.dot) }
        // Settling makes the entries part of the value; there they are until an EXPIRE the other does not know.
        let lowFolded =
            lows.contains { !highContext.covers($0.dot) }
            ? .zero : low.cell.bases.first(where: \.isSettled)?.dot ?? .zero
        for entry in highs where isPast(entry.dot) && (lowHasPast || entry.dot <= lowFolded) {
            deadline.insert(entry)
        }
        for entry in joined(
            highs.filter { isRecent($0.dot) }, lows.filter { isRecent($0.dot) }, isSame: { $0.dot == $1.dot },
            refused: { $1.refuses($0.dot, element: nil, in: .deadline, of: key) })
        {
            deadline.insert(entry)
        }
        return deadline
    }
}

extension CellBase {
    /// The stamp it goes by: patches without a base go by the last of them.
    fileprivate var name: Stamp { dot.isZero ? rank : dot }
}

extension Cell {
    /// The part of it that is named by stamps of a range, without the resets.
    fileprivate func keeping(_ isKept: (Stamp) -> Bool) -> Cell {
        var part = self
        part.bases.removeAll { !isKept($0.name) }
        part.patches.removeAll { !isKept($0.stamp) }
        part.runs.removeAll { !isKept($0.last) }
        part.resets = []
        return part
    }

    /// Sums of nodes that do not share a past cannot be told apart: whoever joins twice must not add twice.
    fileprivate static func larger(_ left: Amount?, _ right: Amount?) -> Amount? {
        guard let left, let right else { return left ?? right }
        return left.units >= right.units ? left : right
    }
}

extension AddWinsSet {
    fileprivate func element(_ bytes: [UInt8]) -> Element {
        let (index, found) = find(bytes)
        return found ? elements[index] : Element(bytes: bytes)
    }

    fileprivate mutating func insert(_ element: Element) { elements.insert(element, at: find(element.bytes).index) }
}

extension KeyState {
    /// Up to where parts have lost their own names. `cut` is the settle cut: increments that were folded do not say
    /// which they were.
    fileprivate func namelessUpTo(_ cut: Stamp) -> Stamp {
        var latest = cell.settledSum == nil ? Stamp.zero : min(cut, modified)
        for base in cell.bases where base.isSettled || base.rank > base.dot { latest = max(latest, base.rank) }
        if members.elements.contains(where: \.isSettled) { latest = max(latest, members.settledStamp) }
        return latest
    }

    /// With every part under a stamp: what settled goes by the last that went into it.
    public func named() -> KeyState {
        var state = self
        for index in state.cell.bases.indices { state.cell.bases[index].isSettled = false }
        for index in state.members.elements.indices where state.members.elements[index].isSettled {
            state.members.elements[index].isSettled = false
            let dots = [members.settledStamp] + state.members.elements[index].dots
            state.members.elements[index].dots = dots.sorted()
        }
        state.members.settledStamp = .zero
        return state
    }
}

extension KeyState {
    /// Whether a part goes by a stamp like this.
    public func hasPart(_ matches: (Stamp) -> Bool) -> Bool {
        cell.bases.contains { matches($0.name) } || cell.patches.contains { matches($0.stamp) }
            || cell.runs.contains { matches($0.last) } || members.elements.contains { $0.dots.contains(where: matches) }
            || members.elements.contains(where: \.isSettled) && matches(members.settledStamp)
            || deadline.entries.contains { matches($0.dot) }
    }
}
