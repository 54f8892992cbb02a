/// What one loop counts. Written by its own thread only, read by whoever answers INFO: each number is a
/// relaxed atomic that its owner loads and stores, which costs what a plain one costs.
import Base
import Synchronization

public final class LoopStatistics: Sendable {
    /// Per row: calls, ticks, rejected, failed, and a histogram of durations by powers of two of ticks.
    private nonisolated(unsafe) let rows: UnsafeMutablePointer<Atomic<UInt64>>
    private let rowCount: Int
    /// Error replies by code ("ERR", "WRONGTYPE" …); rare, so a lock-free list is not worth it.
    private let errors = Mutex<[(code: [UInt8], count: UInt64)]>([])

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
    }
}
