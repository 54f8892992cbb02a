/// `--fail-if 'p99>5ms'`: what a run must not show, for scripts and CI.
import Base

public struct FailCondition: Sendable, Equatable {
    enum Comparison: String, Sendable, CaseIterable {
        // Those of two characters first: one begins with the other.
        case atLeast = ">="
        case atMost = "<="
        case above = ">"
        case below = "<"

        func holds(_ left: Double, _ right: Double) -> Bool {
            switch self {
            case .atLeast: left >= right
            case .atMost: left <= right
            case .above: left > right
            case .below: left < right
            }
        }
    }

    /// As it was given.
    public let text: String
    let metric: BenchMetric
    let comparison: Comparison
    /// In the metric's unit; a share of the earlier value when `isChange`.
    let bound: Double
    /// A percentage of change between two runs.
    let isChange: Bool

    public init?(_ text: String) {
        guard let (comparison, range) = Self.comparison(in: text) else { return nil }
        let left = Self.trimmed(text[..<range.lowerBound])
        let right = Self.trimmed(text[range.upperBound...])
        guard let metric = BenchMetric(left), !right.isEmpty else { return nil }
        self.text = text
        self.metric = metric
        self.comparison = comparison
        if right.hasSuffix("%"), right.hasPrefix("+") || right.hasPrefix("-") {
            guard let percent = Double(right.dropLast()) else { return nil }
            bound = percent / 100
            isChange = true
            return
        }
        guard let bound = metric.value(right) else { return nil }
        self.bound = bound
        isChange = false
    }

    private static func trimmed(_ text: Substring) -> String { String(text.filter { $0 != " " }) }

    private static func comparison(in text: String) -> (Comparison, Range<String.Index>)? {
        for comparison in Comparison.allCases {
            if let range = text.firstRange(of: comparison.rawValue) { return (comparison, range) }
        }
        return nil
    }

    public static let spelling = "METRIC then >, >=, < or <= then a bound, as in p99>5ms, rps<50k, error-rate>0.1%"

    func holds(_ value: Double) -> Bool { comparison.holds(value, bound) }

    /// What was found, and what was not to be.
    func message(found value: Double) -> String { "\(text): it is \(metric.text(value))" }
}

/// A number a run is judged by.
public enum BenchMetric: Sendable, Hashable {
    case requestsPerSecond
    case average
    case minimum
    case percentile(Double)
    case maximum
    case errors
    case errorRate
    case misses
    /// Processor time per request.
    case clientCPU
    case serverCPU

    init?(_ name: String) {
        switch name.lowercased() {
        case "rps": self = .requestsPerSecond
        case "avg", "mean": self = .average
        case "min": self = .minimum
        case "max": self = .maximum
        case "errors": self = .errors
        case "error-rate": self = .errorRate
        case "misses": self = .misses
        case "client-cpu": self = .clientCPU
        case "server-cpu": self = .serverCPU
        case let other:
            guard other.hasPrefix("p"), let percentile = Double(other.dropFirst()), 0...100 ~= percentile else {
                return nil
            }
            self = .percentile(percentile)
        }
    }

    var name: String {
        switch self {
        case .requestsPerSecond: "rps"
        case .average: "avg"
        case .minimum: "min"
        case .percentile(let percentile): "p" + Self.shortest(percentile)
        case .maximum: "max"
        case .errors: "errors"
        case .errorRate: "error-rate"
        case .misses: "misses"
        case .clientCPU: "client-cpu"
        case .serverCPU: "server-cpu"
        }
    }

    static func shortest(_ number: Double) -> String {
        number == number.rounded() ? "\(Int(number))" : "\(number)"
    }

    var isBetterHigher: Bool { self == .requestsPerSecond }

    private var isTime: Bool {
        switch self {
        case .average, .minimum, .percentile, .maximum, .clientCPU, .serverCPU: true
        default: false
        }
    }

    /// A bound as it is spelled; times in microseconds, milliseconds where no unit is given.
    func value(_ text: String) -> Double? {
        if isTime {
            let hasUnit = text.last.map { !$0.isNumber } ?? false
            return Quantity.seconds(hasUnit ? text : text + "ms").map { $0 * 1e6 }
        }
        if self == .errorRate, text.hasSuffix("%") { return Double(text.dropLast()).map { $0 / 100 } }
        return Quantity.number(text)
    }

    func text(_ value: Double) -> String {
        if isTime { return Self.time(value) }
        switch self {
        case .errorRate: return String(fixed: value * 100, decimals: 3) + "%"
        case .requestsPerSecond: return String(fixed: value, decimals: 0)
        default: return String(fixed: value, decimals: 0)
        }
    }

    /// Of microseconds.
    static func time(_ microseconds: Double) -> String {
        switch microseconds {
        case ..<1000: String(fixed: microseconds, decimals: microseconds < 10 ? 2 : 0) + " µs"
        case ..<1_000_000: String(fixed: microseconds / 1000, decimals: microseconds < 10_000 ? 2 : 1) + " ms"
        default: String(fixed: microseconds / 1_000_000, decimals: 2) + " s"
        }
    }

    /// Nil where a run has no such number.
    func value(of result: LoadResult, serverCPU: Double?) -> Double? {
        let latency = result.latency
        switch self {
        case .requestsPerSecond: return result.requestsPerSecond
        case .average: return latency.mean
        case .minimum: return Double(latency.minimum)
        case .percentile(let percentile): return Double(latency.value(atPercentile: percentile))
        case .maximum: return Double(latency.maximum)
        case .errors: return Double(result.errorCount)
        case .errorRate: return result.errorRate
        case .misses: return Double(result.nulls)
        case .clientCPU: return result.replies > 0 ? Double(result.cpuMicroseconds) / Double(result.replies) : nil
        case .serverCPU: return serverCPU
        }
    }
}
