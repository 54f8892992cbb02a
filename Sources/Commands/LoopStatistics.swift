/// What one loop counts. Written by its own thread only, read by whoever answers INFO: each number is a
/// relaxed atomic that its owner loads and stores, which costs what a plain one costs.
import Base
import Synchronization

public final class LoopStatistics: Sendable {
    /// Per row: calls, ticks, rejected, failed, and a histogram of durations by powers of two of ticks.
    private nonisolated(unsafe) let rows: UnsafeMutablePointer<Atomic<UInt64>>
    private let rowCount: Int
    /// Error replies by code ("ERR", "WRONGTYPE" …); rare, so a lock-free list is not worth it.
    private let errors = Guarded<[(code: [UInt8], count: UInt64)]>([])

    /// What the loop has counted in its execution context, published once a turn.
    private let published = LoopCounts()
    /// What they were at the last reset.
    private let baseline = LoopCounts()

    public static let histogramBuckets = 44
    private static let wordsPerRow = 4 + histogramBuckets

    public init(rowCount: Int) {
        self.rowCount = rowCount
        rows = .allocate(capacity: rowCount * Self.wordsPerRow)
        for index in 0..<rowCount * Self.wordsPerRow { (rows + index).initialize(to: Atomic(0)) }
    }

    deinit {
        rows.deinitialize(count: rowCount * Self.wordsPerRow)
        rows.deallocate()
    }

    @inline(__always)
    private func bump(_ word: Int, _ amount: UInt64) {
        let value = rows[word].load(ordering: .relaxed)
        rows[word].store(value &+ amount, ordering: .relaxed)
    }

    @inline(__always)
    public func count(_ row: Int, ticks: UInt64) {
        let first = row &* Self.wordsPerRow
        bump(first, 1)
        bump(first &+ 1, ticks)
        bump(first &+ 4 &+ min(64 &- ticks.leadingZeroBitCount, Self.histogramBuckets &- 1), 1)
    }

    public func countRejected(_ row: Int) { bump(row * Self.wordsPerRow + 2, 1) }

    public func countFailure(_ row: Int) { bump(row * Self.wordsPerRow + 3, 1) }

    public func countError(_ text: ByteView) {
        let code = text.slice(0, text.firstIndex(of: UInt8(ascii: " ")) ?? text.count)
        errors.withLock { errors in
            for index in errors.indices where errors[index].code.withView({ $0 == code }) {
                errors[index].count += 1
                return
            }
            // A client can make up codes through no command of ours; the bound is for peace of mind.
            if errors.count < 128 { errors.append((code.array, 1)) }
        }
    }

    /// Every command this loop has run.
    public var commandCount: UInt64 {
        var sum: UInt64 = 0
        for row in 0..<rowCount { sum &+= rows[row * Self.wordsPerRow].load(ordering: .relaxed) }
        return sum
    }

    /// Called by the loop itself.
    public func publish(_ counts: LoopCounts.Values) { published.values = counts }

    public var counts: LoopCounts.Values { published.values - baseline.values }

    public struct Row: Sendable {
        public var calls: UInt64 = 0
        public var ticks: UInt64 = 0
        public var rejected: UInt64 = 0
        public var failed: UInt64 = 0
        /// Bucket b counts durations below 2^b ticks and not below half of that.
        public var histogram = [UInt64](repeating: 0, count: LoopStatistics.histogramBuckets)
    }

    /// Adds this loop's counts of a row to `sum`.
    public func add(_ row: Int, to sum: inout Row) {
        let first = row * Self.wordsPerRow
        sum.calls &+= rows[first].load(ordering: .relaxed)
        sum.ticks &+= rows[first + 1].load(ordering: .relaxed)
        sum.rejected &+= rows[first + 2].load(ordering: .relaxed)
        sum.failed &+= rows[first + 3].load(ordering: .relaxed)
        for bucket in 0..<Self.histogramBuckets {
            sum.histogram[bucket] &+= rows[first + 4 + bucket].load(ordering: .relaxed)
        }
    }

    public var errorCounts: [(code: [UInt8], count: UInt64)] { errors.withLock { $0 } }

    /// CONFIG RESETSTAT. A count that its owner is just adding to may survive; nobody minds.
    public func reset() {
        for index in 0..<rowCount * Self.wordsPerRow { rows[index].store(0, ordering: .relaxed) }
        errors.withLock { $0.removeAll() }
        baseline.values = published.values
    }
}

/// Counters of a loop's execution context, where others can read them.
public final class LoopCounts: Sendable {
    public struct Values: Sendable {
        public var keyspaceHits: UInt64 = 0
        public var keyspaceMisses: UInt64 = 0
        public var expiredKeys: UInt64 = 0
        public var evictedKeys: UInt64 = 0
        public var frames: UInt64 = 0
        public var frameBytes: UInt64 = 0

        public init() {}

        static func + (left: Values, right: Values) -> Values { left.combined(right) { $0 &+ $1 } }
        static func - (left: Values, right: Values) -> Values { left.combined(right) { $0 &- $1 } }

        private func combined(_ other: Values, _ operation: (UInt64, UInt64) -> UInt64) -> Values {
            var result = Values()
            result.keyspaceHits = operation(keyspaceHits, other.keyspaceHits)
            result.keyspaceMisses = operation(keyspaceMisses, other.keyspaceMisses)
            result.expiredKeys = operation(expiredKeys, other.expiredKeys)
            result.evictedKeys = operation(evictedKeys, other.evictedKeys)
            result.frames = operation(frames, other.frames)
            result.frameBytes = operation(frameBytes, other.frameBytes)
            return result
        }
    }

    private let keyspaceHits = Atomic<UInt64>(0)
    private let keyspaceMisses = Atomic<UInt64>(0)
    private let expiredKeys = Atomic<UInt64>(0)
    private let evictedKeys = Atomic<UInt64>(0)
    private let frames = Atomic<UInt64>(0)
    private let frameBytes = Atomic<UInt64>(0)

    var values: Values {
        get {
            var values = Values()
            values.keyspaceHits = keyspaceHits.load(ordering: .relaxed)
            values.keyspaceMisses = keyspaceMisses.load(ordering: .relaxed)
            values.expiredKeys = expiredKeys.load(ordering: .relaxed)
            values.evictedKeys = evictedKeys.load(ordering: .relaxed)
            values.frames = frames.load(ordering: .relaxed)
            values.frameBytes = frameBytes.load(ordering: .relaxed)
            return values
        }
        set {
            keyspaceHits.store(newValue.keyspaceHits, ordering: .relaxed)
            keyspaceMisses.store(newValue.keyspaceMisses, ordering: .relaxed)
            expiredKeys.store(newValue.expiredKeys, ordering: .relaxed)
            evictedKeys.store(newValue.evictedKeys, ordering: .relaxed)
            frames.store(newValue.frames, ordering: .relaxed)
            frameBytes.store(newValue.frameBytes, ordering: .relaxed)
        }
    }
}
