/// Waiting for something to become true, with an end.
import Glibc

public struct Deadline: Sendable {
    private let end: ContinuousClock.Instant

    public init(seconds: Double) { end = ContinuousClock.now.advanced(by: .seconds(seconds)) }

    public var hasPassed: Bool { ContinuousClock.now >= end }

    public var remainingMilliseconds: Int32 {
        let left = ContinuousClock.now.duration(to: end)
        let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
        return Int32(clamping: max(0, milliseconds))
    }
}

/// Asks `condition` every few milliseconds until it holds; false when the time ran out first.
@discardableResult
public func poll(forSeconds seconds: Double, until condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Deadline(seconds: seconds)
    while true {
        if try condition() { return true }
        if deadline.hasPassed { return false }
        usleep(2000)
    }
}

/// Seconds that `body` took.
public func secondsTaken(_ body: () throws -> Void) rethrows -> Double {
    let duration = try ContinuousClock().measure(body)
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}
