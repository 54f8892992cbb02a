/// Key states put together out of their parts, for tools that read them from a text.
///
/// Nothing is checked here: whoever does not know that the parts fit together encodes the state and reads it back.
import Base

extension KeyState {
    public init(modified: Stamp, cell: Cell, members: AddWinsSet, deadline: DeadlineRegister) {
        self.modified = modified
        self.cell = cell
        self.members = members
        self.deadline = deadline
    }
}

extension Cell {
    public init(bases: [CellBase], patches: [Patch], runs: [Run], resets: [Reset], settledSum: Amount?) {
        self.bases = bases
        self.patches = patches
        self.runs = runs
        self.resets = resets
        self.settledSum = settledSum
    }
}

extension AddWinsSet {
    public init(elements: [Element], settledStamp: Stamp) {
        self.elements = elements
        self.settledStamp = settledStamp
    }
}

extension DeadlineRegister {
    public init(entries: [Entry]) { self.entries = entries }
}
