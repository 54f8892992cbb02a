/// LATENCY's memory: for each kind of event the latest spikes above the threshold, at most one a second.
import Base

public final class LatencyMonitor: Sendable {
    /// In alphabetical order, which is the order of every reply.
    public enum Event: Int, CaseIterable, Sendable {
        case command, evictionCycle, expireCycle, fastCommand

        public var name: String {
            switch self {
            case .command: "command"
            case .evictionCycle: "eviction-cycle"
            case .expireCycle: "expire-cycle"
            case .fastCommand: "fast-command"
            }
        }
    }

    public struct Sample: Sendable {
        public let unixSeconds: Int64
        public var milliseconds: Int64
    }

    public struct Series: Sendable {
        /// Oldest first.
        public var samples: [Sample] = []
        public var millisecondsMax: Int64 = 0
    }

    private static let samplesMax = 160

    private let series = Guarded<[Series]>(Array(repeating: Series(), count: Event.allCases.count))

    public func add(_ event: Event, milliseconds: Int64, nowSeconds: Int64) {
        series.withLock { series in
            series[event.rawValue].millisecondsMax = max(series[event.rawValue].millisecondsMax, milliseconds)
            if let last = series[event.rawValue].samples.last, last.unixSeconds == nowSeconds {
                let index = series[event.rawValue].samples.count - 1
                series[event.rawValue].samples[index].milliseconds = max(last.milliseconds, milliseconds)
                return
            }
            series[event.rawValue].samples.append(Sample(unixSeconds: nowSeconds, milliseconds: milliseconds))
            if series[event.rawValue].samples.count > Self.samplesMax { series[event.rawValue].samples.removeFirst() }
        }
    }

    subscript(event: Event) -> Series { series.withLock { $0[event.rawValue] } }

    /// Returns whether there was anything to forget.
    func reset(_ event: Event) -> Bool {
        series.withLock { series in
            let had = !series[event.rawValue].samples.isEmpty
            series[event.rawValue] = Series()
            return had
        }
    }
}
