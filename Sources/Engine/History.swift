/// What a partition still remembers beyond its keys and values: on a quiet cluster, nothing.
import Base
import CRDT

public struct History: Equatable, Sendable {
    /// Strings in general form that will settle.
    public var unsettledStrings = 0
    /// Strings that stand beside what a deadline hides: they keep their history until the next write.
    public var outlivedStrings = 0
    public var deferredKeys = 0
    public var pendingClears = 0
    /// Keys waiting to be settled.
    public var waitingKeys = 0

    public init() {}

    public static func += (left: inout History, right: History) {
        left.unsettledStrings += right.unsettledStrings
        left.outlivedStrings += right.outlivedStrings
        left.deferredKeys += right.deferredKeys
        left.pendingClears += right.pendingClears
        left.waitingKeys += right.waitingKeys
    }
}

extension Partition {
    /// Looks at every key: not for the hot path.
    public var history: History {
        var history = History()
        history.deferredKeys = receiver.deferred.sorted.count
        history.pendingClears = receiver.pendingClears.sortedKeys.count + receiver.pendingClears.databaseClears.count
        history.waitingKeys = unsettled.count + waitingCounters.count
        for database in 0..<databaseCount {
            var position: UInt64? = 0
            while let at = position {
                position = tables[database].visit(at) { slot in
                    guard let state = slot.entry.unsettledState else { return }
                    let living = state.living(at: settleCut.unixMilliseconds)
                    if state.modified <= settleCut, living.winningType != nil, living != state {
                        history.outlivedStrings += 1
                    } else if state.winningType != .set {
                        history.unsettledStrings += 1
                    }
                }
            }
        }
        return history
    }

    #if DEBUG
        /// Leaves rules out, so that tests can show that each is needed.
        public mutating func leaveOut(_ faults: Faults) { receiver.faults = faults }
    #endif
}
