/// The time, read here and handed down as an argument: below this layer nobody looks at a clock.
import CLinux

public enum SystemClock {
    /// Unix time.
    @inline(__always)
    public static var wallMilliseconds: Int64 { a2_wall_nanoseconds() / 1_000_000 }

    @inline(__always)
    public static var wallMicroseconds: Int64 { a2_wall_nanoseconds() / 1_000 }

    /// Never goes back, counts from an arbitrary point.
    @inline(__always)
    public static var monotonicNanoseconds: Int64 { a2_monotonic_nanoseconds() }

    @inline(__always)
    public static var monotonicMilliseconds: Int64 { a2_monotonic_nanoseconds() / 1_000_000 }

    /// The processor's counter: a third of the cost of a clock, for timing single commands. See `TickScale`.
    @inline(__always)
    public static var ticks: UInt64 { a2_ticks() }
}

/// How long a tick is: measured once, copied to whoever converts.
public struct TickScale: Sendable {
    /// Nanoseconds per tick as a fixed-point number with 32 fraction bits.
    private let nanosecondsPerTick: UInt64

    /// Compares both clocks for `milliseconds`, busy: 5 ms give an error below 0.01%.
    public init(measuringForMilliseconds milliseconds: Int64 = 5) {
        let firstTime = a2_monotonic_nanoseconds()
        let firstTick = a2_ticks()
        var lastTime = firstTime
        while lastTime - firstTime < milliseconds * 1_000_000 { lastTime = a2_monotonic_nanoseconds() }
        let ticks = max(a2_ticks() - firstTick, 1)
        nanosecondsPerTick = UInt64((Double(lastTime - firstTime) / Double(ticks) * 4_294_967_296).rounded())
    }

    @inline(__always)
    public func nanoseconds(_ ticks: UInt64) -> UInt64 {
        let product = ticks.multipliedFullWidth(by: nanosecondsPerTick)
        return product.high << 32 | product.low >> 32
    }

    @inline(__always)
    public func microseconds(_ ticks: UInt64) -> UInt64 { nanoseconds(ticks) / 1000 }
}
