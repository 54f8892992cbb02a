/// INFO's instantaneous rates: the mean over the last sixteen tenths of a second.
import Base

public final class RateMeter: Sendable {
    public struct Rates: Sendable {
        public var commandsPerSecond = 0.0
        public var inputKilobytesPerSecond = 0.0
        public var outputKilobytesPerSecond = 0.0
    }

    private struct Reading {
        var milliseconds: Int64
        var commands: UInt64
        var inputBytes: UInt64
        var outputBytes: UInt64
    }

    private static let readingsMax = 17
    private let readings = Guarded<[Reading]>([])

    func sample(nowMilliseconds: Int64, commands: UInt64, inputBytes: UInt64, outputBytes: UInt64) {
        readings.withLock { readings in
            // The clock stepped back: what was measured before says nothing about now.
            if let last = readings.last, last.milliseconds >= nowMilliseconds { readings.removeAll() }
            readings.append(
                Reading(
                    milliseconds: nowMilliseconds, commands: commands, inputBytes: inputBytes,
                    outputBytes: outputBytes))
            if readings.count > Self.readingsMax { readings.removeFirst() }
        }
    }

    var current: Rates {
        readings.withLock { readings in
            guard let first = readings.first, let last = readings.last, last.milliseconds > first.milliseconds else {
                return Rates()
            }
            let seconds = Double(last.milliseconds - first.milliseconds) / 1000
            return Rates(
                commandsPerSecond: Self.difference(first.commands, last.commands) / seconds,
                inputKilobytesPerSecond: Self.difference(first.inputBytes, last.inputBytes) / seconds / 1024,
                outputKilobytesPerSecond: Self.difference(first.outputBytes, last.outputBytes) / seconds / 1024)
        }
    }

    func reset() { readings.withLock { $0.removeAll() } }

    /// Counters fall when CONFIG RESETSTAT sets them to zero.
    private static func difference(_ first: UInt64, _ last: UInt64) -> Double {
        last >= first ? Double(last - first) : 0
    }
}
