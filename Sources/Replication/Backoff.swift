/// How long to wait before a peer is dialled again: a bound that doubles with each failure, and a random share of it,
/// so that nodes that lost the same peer do not all come back to it at once.
import Base

public struct Backoff: Equatable, Sendable {
    public let millisecondsMin: Int64
    public let millisecondsMax: Int64
    /// What the next delay stays within.
    public private(set) var boundMilliseconds: Int64

    public init(millisecondsMin: Int64 = 100, millisecondsMax: Int64 = 5000) {
        precondition(millisecondsMin > 0 && millisecondsMax >= millisecondsMin, "a back-off of no time")
        self.millisecondsMin = millisecondsMin
        self.millisecondsMax = millisecondsMax
        boundMilliseconds = millisecondsMin
    }

    /// The delay after one more failure.
    public mutating func failed(_ random: inout SeededRandom) -> Int64 {
        let delay = 1 + Int64(random.below(Int(boundMilliseconds)))
        boundMilliseconds = min(boundMilliseconds * 2, millisecondsMax)
        return delay
    }

    /// The delay after the peer has answered and refused: only an operator changes that, so the longest bound.
    public mutating func refused(_ random: inout SeededRandom) -> Int64 {
        boundMilliseconds = millisecondsMax
        return failed(&random)
    }

    /// A handshake came to its end. A connection alone is no success: a peer that accepts and then drops us would
    /// be dialled without a pause.
    public mutating func succeeded() { boundMilliseconds = millisecondsMin }
}
