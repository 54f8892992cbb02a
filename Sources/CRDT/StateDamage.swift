/// Spoiling a state on purpose, so that looking for differences can be seen to find one.
import Base

extension KeyState {
    /// Changes what the key shows, and nothing by which anybody would know. False where it shows nothing.
    public mutating func damage() -> Bool {
        switch winningType {
        case nil: return false
        case .set:
            members.elements[members.elements.count - 1].bytes.append(33)
        case .string:
            if let winner = cell.winnerIndex() {
                if cell.bases[winner].value.isEmpty { cell.bases[winner].value = [48] }
                // A digit stays one.
                cell.bases[winner].value[cell.bases[winner].value.count - 1] ^= 1
            } else if !cell.runs.isEmpty {
                cell.runs[0].sum += Amount(1)
            } else if let sum = cell.settledSum {
                cell.settledSum = sum + Amount(1)
            } else {
                cell.patches[cell.patches.count - 1].operations.append(.append([33]))
            }
        }
        return true
    }
}
