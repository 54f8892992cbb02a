/// The same content under a new name.
///
/// For a node that wrote before it met anybody and now meets a cluster whose cut has moved past its writes: a cut
/// says that everything up to it is known, and of these nobody has heard. As nobody has, they may be renamed.
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
