/// When requests are meant to begin, whatever the server does: the open loop.
///
/// A load generator that waits for a reply before it sends on measures a slow server less often than a fast one
/// (coordinated omission). Here the times are fixed ahead; a request that has to wait for a free connection has
/// been waiting since the moment it was meant for.
import Base
import Glibc

/// The rate over time: one step that lasts, or several.
public struct RatePlan: Sendable, Equatable {
    public struct Step: Sendable, Equatable {
        public let perSecond: Double
        public let seconds: Double
    }

    public let steps: [Step]

    init(steps: [Step]) { self.steps = steps }

    public init(perSecond: Double) { steps = [Step(perSecond: perSecond, seconds: .infinity)] }

    /// "FROM..TO/STEP@TIME": from FROM, higher by STEP each TIME, up to TO.
    public init?(ramp text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = Quantity.seconds(String(parts[1])), time > 0,
            let range = parts[0].firstRange(of: "..")
        else { return nil }
        let ends = parts[0][range.upperBound...].split(separator: "/", omittingEmptySubsequences: false)
        guard ends.count == 2, let from = Quantity.number(String(parts[0][..<range.lowerBound])),
            let to = Quantity.number(String(ends[0])), let by = Quantity.number(String(ends[1])), from > 0, to >= from,
            by > 0, (to - from) / by < 10000
        else { return nil }
        steps = stride(from: from, through: to, by: by).map { Step(perSecond: $0, seconds: time) }
    }

    /// Whether the rate changes; steps of a ramp are all of one length.
    var isRamp: Bool { steps.count > 1 }

    public var totalSeconds: Double { steps.reduce(0) { $0 + $1.seconds } }
}

public enum Arrival: String, Sendable, CaseIterable {
    case fixed
    case poisson
}

/// The share of a plan that one lane of one worker has to send.
struct ArrivalSchedule {
    private let steps: [RatePlan.Step]
    private let arrival: Arrival
    private let shares: Double
    private var step = 0
    /// All in nanoseconds since the run's beginning.
    private var stepEnd: Double
    private var interval: Double
    private(set) var next: Double
    private var random: SeededRandom

    /// `share` of `shares`: fixed arrivals of all of them together are evenly spaced.
    init(_ plan: RatePlan, _ arrival: Arrival, share: Int, of shares: Int, seed: UInt64) {
        steps = plan.steps
        self.arrival = arrival
        self.shares = Double(shares)
        stepEnd = steps[0].seconds * 1e9
        interval = 1e9 * self.shares / steps[0].perSecond
        next = interval * Double(share) / self.shares
        random = SeededRandom(seed: seed)
        if arrival == .poisson { next = exponential() }
    }

    private mutating func exponential() -> Double { -log(1 - random.unit()) * interval }

    /// Goes on to the arrival after `next`; infinite when the plan is over.
    mutating func advance() {
        next += arrival == .fixed ? interval : exponential()
        while next >= stepEnd {
            step += 1
            guard step < steps.count else {
                next = .infinity
                return
            }
            let begin = stepEnd
            stepEnd += steps[step].seconds * 1e9
            interval = 1e9 * shares / steps[step].perSecond
            if arrival == .poisson { next = begin + exponential() }
        }
    }
}

/// Numbers with units as the command line has them.
public enum Quantity {
    /// "1000", "2.5", "10k", "1m".
    public static func number(_ text: String) -> Double? {
        let scales: [(String, Double)] = [("k", 1e3), ("m", 1e6), ("g", 1e9)]
        let lowered = text.lowercased()
        for (unit, scale) in scales where lowered.hasSuffix(unit) {
            return Double(lowered.dropLast()).flatMap { $0.isFinite && $0 >= 0 ? $0 * scale : nil }
        }
        return Double(lowered).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
    }

    /// "10" and "10s", "250ms", "100us", "5m", "1h".
    public static func seconds(_ text: String) -> Double? {
        let units: [(String, Double)] = [("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600)]
        for (unit, scale) in units where text.hasSuffix(unit) {
            return Double(text.dropLast(unit.count)).flatMap { $0.isFinite && $0 >= 0 ? $0 * scale : nil }
        }
        return Double(text).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
    }

    /// "64", "1kb", "2mb".
    public static func bytes(_ text: String) -> Int? {
        let lowered = text.lowercased()
        for (unit, scale) in [("kb", 1024), ("mb", 1 << 20), ("k", 1024), ("m", 1 << 20), ("b", 1)]
        where lowered.hasSuffix(unit) {
            return Int(lowered.dropLast(unit.count)).flatMap { 0...(1 << 29) / scale ~= $0 ? $0 * scale : nil }
        }
        return Int(lowered).flatMap { 0...1 << 29 ~= $0 ? $0 : nil }
    }
}
