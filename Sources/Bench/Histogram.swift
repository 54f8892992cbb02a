/// Latencies counted by value, as HdrHistogram counts them: three significant digits from a microsecond up.
///
/// Values share a bucket when they agree in their first three digits, so a histogram of any run is a few thousand
/// numbers, can be added to another one, and gives any percentile to a thousandth of its value. The layout is
/// HdrHistogram's, so that its tools read what is exported (see HistogramExport). The array of counts grows to the
/// largest value seen: there is no value that is cut off.
import Base

public struct Histogram: Sendable, Equatable {
    public let significantDigits: Int
    let subBucketHalfCountMagnitude: Int
    let subBucketHalfCount: Int
    let subBucketMask: Int64
    private(set) var counts: [Int64]
    public private(set) var totalCount: Int64 = 0
    public private(set) var sum: Int64 = 0
    private var smallest = Int64.max
    private var largest: Int64 = 0

    /// What a histogram has room for from the start; a minute is what the exported header names.
    public static let highestTrackableMicroseconds: Int64 = 60_000_000

    public init(significantDigits: Int = 3) {
        precondition(1...5 ~= significantDigits, "\(significantDigits) significant digits")
        self.significantDigits = significantDigits
        let resolvable = 2 * (0..<significantDigits).reduce(1) { value, _ in value * 10 }
        let magnitude = Int.bitWidth - (resolvable - 1).leadingZeroBitCount
        subBucketHalfCountMagnitude = magnitude - 1
        subBucketHalfCount = 1 << (magnitude - 1)
        subBucketMask = Int64(1 << magnitude) - 1
        counts = [Int64](repeating: 0, count: 2 << magnitude)
    }

    public var isEmpty: Bool { totalCount == 0 }
    public var minimum: Int64 { isEmpty ? 0 : smallest }
    public var maximum: Int64 { largest }
    /// From the values themselves, not from their buckets.
    public var mean: Double { isEmpty ? 0 : Double(sum) / Double(totalCount) }

    @inline(__always)
    func index(of value: Int64) -> Int {
        let bucket = Int64.bitWidth - (value | subBucketMask).leadingZeroBitCount - (subBucketHalfCountMagnitude + 1)
        return bucket << subBucketHalfCountMagnitude + Int(value >> Int64(bucket))
    }

    /// Counts a value; what is below zero, as when a clock was read on two cores, counts as zero.
    @inline(__always)
    public mutating func record(_ value: Int64) {
        let value = max(value, 0)
        let index = index(of: value)
        if index >= counts.count { grow(toHold: index) }
        counts[index] += 1
        totalCount += 1
        sum += value
        if value < smallest { smallest = value }
        if value > largest { largest = value }
    }

    @inline(never)
    private mutating func grow(toHold index: Int) {
        let wanted = max(index + 1, counts.count * 2)
        counts += [Int64](repeating: 0, count: wanted - counts.count)
    }

    /// The smallest value that is counted at `index`.
    func value(at index: Int) -> Int64 {
        var bucket = index >> subBucketHalfCountMagnitude - 1
        var subBucket = index & (subBucketHalfCount - 1) + subBucketHalfCount
        if bucket < 0 {
            subBucket -= subBucketHalfCount
            bucket = 0
        }
        return Int64(subBucket) << Int64(bucket)
    }

    /// How many values share a bucket with `value`.
    private func widthOfBucket(of value: Int64) -> Int64 {
        let bucket = Int64.bitWidth - (value | subBucketMask).leadingZeroBitCount - (subBucketHalfCountMagnitude + 1)
        return 1 << Int64(bucket)
    }

    func highestEquivalent(_ value: Int64) -> Int64 {
        let width = widthOfBucket(of: value)
        return value & ~(width - 1) + width - 1
    }

    private func medianEquivalent(_ value: Int64) -> Int64 {
        let width = widthOfBucket(of: value)
        return value & ~(width - 1) + width >> 1
    }

    public mutating func add(_ other: Histogram) {
        precondition(significantDigits == other.significantDigits, "histograms of different precision")
        if other.isEmpty { return }
        if other.counts.count > counts.count { grow(toHold: other.counts.count - 1) }
        let last = other.index(of: other.largest)
        for index in other.index(of: other.smallest)...last where other.counts[index] != 0 {
            counts[index] += other.counts[index]
        }
        totalCount += other.totalCount
        sum += other.sum
        smallest = min(smallest, other.smallest)
        largest = max(largest, other.largest)
    }

    public mutating func reset() {
        if isEmpty { return }
        for index in index(of: smallest)...index(of: largest) { counts[index] = 0 }
        totalCount = 0
        sum = 0
        smallest = Int64.max
        largest = 0
    }

    /// The value that `percentile` percent of all are not above, at the histogram's precision and never above the
    /// largest value seen.
    public func value(atPercentile percentile: Double) -> Int64 {
        if isEmpty { return 0 }
        let share = min(max(percentile, 0), 100) / 100
        let wanted = max(Int64(share * Double(totalCount) + 0.5), 1)
        var seen: Int64 = 0
        for index in index(of: smallest)...index(of: largest) {
            seen += counts[index]
            if seen >= wanted {
                let value = value(at: index)
                return percentile <= 0 ? value : min(highestEquivalent(value), largest)
            }
        }
        return largest
    }

    /// How many values are not above `value`, at the histogram's precision.
    public func count(upTo value: Int64) -> Int64 {
        if isEmpty || value < smallest { return 0 }
        return counts[index(of: smallest)...index(of: min(value, largest))].reduce(0, +)
    }

    /// The mean and deviation of bucket middles: what HdrHistogram prints.
    var bucketMean: Double {
        if isEmpty { return 0 }
        return recorded.reduce(0.0) { $0 + Double(medianEquivalent($1.value)) * Double($1.count) } / Double(totalCount)
    }

    var bucketDeviation: Double {
        if isEmpty { return 0 }
        let mean = bucketMean
        let squares = recorded.reduce(0.0) { total, entry in
            let distance = Double(medianEquivalent(entry.value)) - mean
            return total + distance * distance * Double(entry.count)
        }
        return (squares / Double(totalCount)).squareRoot()
    }

    /// Every bucket that is not empty, by its smallest value.
    var recorded: [(value: Int64, count: Int64)] {
        if isEmpty { return [] }
        return (index(of: smallest)...index(of: largest)).filter { counts[$0] > 0 }.map { (value(at: $0), counts[$0]) }
    }

    /// The counts up to the last that is not zero, for export.
    var usedCounts: ArraySlice<Int64> { isEmpty ? [] : counts[...index(of: largest)] }

    /// What the layout of HdrHistogram has for the highest value: its number of doublings.
    var bucketCount: Int {
        var (buckets, covered) = (1, Int64(subBucketMask) + 1)
        while covered <= max(Self.highestTrackableMicroseconds, largest) {
            covered <<= 1
            buckets += 1
        }
        return buckets
    }
}
