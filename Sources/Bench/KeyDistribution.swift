/// Which of the keys a request touches.
import Base
import Glibc

public enum KeyDistribution: Sendable, Equatable {
    case uniform
    /// Rank k is asked for in proportion to 1 / k^exponent; key 0 is the hottest.
    case zipf(exponent: Double)
    /// Writes go on to the next key, reads prefer what was written last.
    case latest
    /// One after the other, around and around.
    case sequential
    /// A part of the keys gets a part of the requests.
    case hotspot(keys: Double, requests: Double)

    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        switch (parts[0], parts.count) {
        case ("uniform", 1): self = .uniform
        case ("latest", 1): self = .latest
        case ("seq", 1), ("sequential", 1): self = .sequential
        case ("zipf", 1): self = .zipf(exponent: 0.99)
        case ("zipf", 2):
            guard let exponent = Double(parts[1]), exponent > 0, exponent <= 10 else { return nil }
            self = .zipf(exponent: exponent)
        case ("hotspot", 1): self = .hotspot(keys: 0.2, requests: 0.8)
        case ("hotspot", 3):
            guard let keys = Double(parts[1]), let requests = Double(parts[2]), keys > 0, keys <= 1,
                0...1 ~= requests
            else { return nil }
            self = .hotspot(keys: keys, requests: requests)
        default: return nil
        }
    }

    public static let spelling = "uniform, zipf:EXPONENT, latest, seq or hotspot:KEYS:REQUESTS"
}

/// Draws key numbers below `count`; each worker has its own.
struct KeyChooser {
    private let distribution: KeyDistribution
    private let count: Int
    private let zipf: ZipfSampler
    private let hotCount: Int
    /// Of `latest` and `seq`: workers take turns, so that together they walk through all keys.
    private var cursor: Int
    private var stride: Int

    init(_ distribution: KeyDistribution, count: Int, worker: Int, workers: Int) {
        self.distribution = distribution
        self.count = max(count, 1)
        let exponent = if case .zipf(let exponent) = distribution { exponent } else { 0.99 }
        zipf = ZipfSampler(count: self.count, exponent: exponent)
        let hotShare = if case .hotspot(let keys, _) = distribution { keys } else { 1.0 }
        hotCount = min(max(Int(hotShare * Double(self.count)), 1), self.count)
        cursor = worker % self.count
        stride = workers
    }

    @inline(__always)
    mutating func next(_ random: inout SeededRandom, isWrite: Bool) -> Int {
        switch distribution {
        case .uniform: return random.below(count)
        case .zipf: return zipf.next(&random)
        case .sequential: return advance()
        case .latest:
            if isWrite { return advance() }
            let back = zipf.next(&random) * stride
            let at = (cursor - stride - back) % count
            return at < 0 ? at + count : at
        case .hotspot(_, let requests):
            let isHot = hotCount == count || random.unit() < requests
            return isHot ? random.below(hotCount) : hotCount + random.below(count - hotCount)
        }
    }

    @inline(__always)
    mutating func seek(to key: Int) {
        cursor = key % count
        stride = 1
    }

    @inline(__always)
    private mutating func advance() -> Int {
        let key = cursor
        cursor += stride
        if cursor >= count { cursor %= count }
        return key
    }
}

extension SeededRandom {
    /// Evenly from [0, 1).
    @inline(__always)
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// Zipf's law by rejection inversion (Hörmann and Derflinger 1996): constant time and memory for any number of
/// keys and any exponent, exactly distributed.
struct ZipfSampler {
    private let count: Double
    private let exponent: Double
    private let integralOfFirst: Double
    private let integralOfLast: Double
    private let shortcut: Double

    init(count: Int, exponent: Double) {
        self.count = Double(count)
        self.exponent = exponent
        integralOfFirst = Self.integral(1.5, exponent) - 1
        integralOfLast = Self.integral(Double(count) + 0.5, exponent)
        shortcut = 2 - Self.inverse(Self.integral(2.5, exponent) - Self.density(2, exponent), exponent)
    }

    /// From 0, the most frequent.
    func next(_ random: inout SeededRandom) -> Int {
        while true {
            let level = integralOfLast + random.unit() * (integralOfFirst - integralOfLast)
            let place = Self.inverse(level, exponent)
            let rank = min(max((place + 0.5).rounded(.down), 1), count)
            if rank - place <= shortcut
                || level >= Self.integral(rank + 0.5, exponent) - Self.density(rank, exponent)
            {
                return Int(rank) - 1
            }
        }
    }

    private static func density(_ x: Double, _ exponent: Double) -> Double { exp(-exponent * log(x)) }

    private static func integral(_ x: Double, _ exponent: Double) -> Double {
        let logarithm = log(x)
        let scaled = (1 - exponent) * logarithm
        let ratio = abs(scaled) > 1e-8 ? expm1(scaled) / scaled : 1 + scaled / 2
        return ratio * logarithm
    }

    private static func inverse(_ x: Double, _ exponent: Double) -> Double {
        let scaled = max(x * (1 - exponent), -1)
        let ratio = abs(scaled) > 1e-8 ? log1p(scaled) / scaled : 1 - scaled / 2
        return exp(ratio * x)
    }
}
