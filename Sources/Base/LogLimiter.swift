/// Keeps what may happen a thousand times a second from filling the log: one line at once, then one an interval.

public struct LogLimiter {
    public let intervalMilliseconds: Int64
    private var nextMilliseconds = Int64.min
    private var withheld = 0

    public init(intervalMilliseconds: Int64) { self.intervalMilliseconds = intervalMilliseconds }

    /// Notes one more; returns how many were withheld before it when it is to be logged, nil when it is not.
    public mutating func note(nowMilliseconds: Int64) -> Int? {
        if nowMilliseconds < nextMilliseconds {
            withheld += 1
            return nil
        }
        return take(nowMilliseconds)
    }

    /// How many were withheld and are due to be told, 0 for none.
    public mutating func due(nowMilliseconds: Int64) -> Int {
        withheld > 0 && nowMilliseconds >= nextMilliseconds ? take(nowMilliseconds) : 0
    }

    private mutating func take(_ now: Int64) -> Int {
        defer { withheld = 0 }
        nextMilliseconds = now + intervalMilliseconds
        return withheld
    }
}
