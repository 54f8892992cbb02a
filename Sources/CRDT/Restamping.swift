/// The same content under a new name.
///
/// For a node that wrote before it met anybody and now meets a cluster whose cut has moved past its writes: a cut
/// says that everything up to it is known, and of these nobody has heard. As nobody has, they may be renamed, and
/// once the cluster's state has come, they are written over it.
import Base

extension KeyState {
    /// What is visible at a time, as if it had been written under `stamp`; nil for nothing.
    public func restamped(_ stamp: Stamp, at unixMilliseconds: Int64) -> KeyState? {
        let seen = living(at: unixMilliseconds)
        var state = KeyState()
        state.modified = stamp
        switch seen.winningType {
        case nil: return nil
        case .string:
            if seen.cell.bases.isEmpty, seen.cell.patches.isEmpty {
                // Still only a count: it adds up with what others have counted.
                state.cell.runs = [Run(start: stamp, last: stamp, sum: seen.cell.incrementSum)]
            } else {
                state.cell.bases = [CellBase(dot: stamp, value: seen.cell.visible ?? [])]
            }
        case .set:
            for element in seen.members.elements { state.members.add(element.bytes, dot: stamp) }
        }
        guard let expiry = seen.effectiveDeadline else { return state }
        if state.cell.bases.isEmpty {
            state.deadline.insert(DeadlineRegister.Entry(dot: stamp, deadline: expiry))
        } else {
            state.cell.bases[0].deadline = expiry
        }
        return state
    }
}

extension KeyState {
    /// What is visible here, written over `theirs` by somebody who sees that.
    public func written(over theirs: KeyState, by author: Delta.Author) -> KeyState {
        let seen = living(at: author.stamp.unixMilliseconds)
        let expiry = seen.effectiveDeadline
        var delta = Delta()
        func compose(_ operation: KeyOperation) -> Bool { delta.compose(operation, before: theirs, author: author) }
        switch seen.winningType {
        case nil: return theirs
        case .string:
            let isCount = seen.cell.bases.isEmpty && seen.cell.patches.isEmpty
            guard isCount, compose(.count(seen.cell.incrementSum)) else {
                _ = compose(.set(seen.cell.visible ?? [], expiry.map { .at($0) } ?? .none))
                break
            }
            if let expiry { _ = compose(.setDeadline(expiry)) }
        case .set:
            for element in seen.members.elements { _ = compose(.addElement(element.bytes)) }
            if let expiry { _ = compose(.setDeadline(expiry)) }
        }
        return theirs.applying(delta, author: author)
    }
}
