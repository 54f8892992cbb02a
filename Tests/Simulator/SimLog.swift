/// What a node has entered into its log, in one piece.
import Base
import Replication

public struct SimLog {
    public private(set) var entries: [SimEntry] = []

    public init() {}

    /// Takes what has been entered since the last time.
    public mutating func drain(_ node: SimNode) { entries += node.takeEntries() }
}
