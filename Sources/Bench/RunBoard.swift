/// What the workers of a run tell each other and the one who waits: when to begin and end, and what was measured.
///
/// Workers count for themselves and bring what they have once per interval; nothing here is touched per request
/// but the number of requests still to send, once per batch.
import Base
import OS
import Options
import Synchronization

/// What is counted for one command on one node.
struct LoadCounts: Sendable {
    /// From the moment a request was sent.
    var service = Histogram()
    /// From the moment it was meant to be sent; empty in a closed loop.
    var response = Histogram()
    var replies: Int64 = 0
    var errors: Int64 = 0
    var nulls: Int64 = 0
    /// Replies of a type or value that cannot be.
    var mismatches: Int64 = 0

    mutating func add(_ other: LoadCounts) {
        service.add(other.service)
        response.add(other.response)
        replies += other.replies
        errors += other.errors
        nulls += other.nulls
        mismatches += other.mismatches
    }

    mutating func reset() {
        service.reset()
        response.reset()
        replies = 0
        errors = 0
        nulls = 0
        mismatches = 0
    }
}

/// One interval of the run.
struct LoadInterval: Sendable {
    let number: Int
    var replies: Int64 = 0
    var errors: Int64 = 0
    var byNode: [Int64]
    /// Response time in an open loop, service time in a closed one.
    var p50: Int64 = 0
    var p99: Int64 = 0
    var p999: Int64 = 0
    var maximum: Int64 = 0
    /// By command, for the interval log.
    var encoded: [Histogram] = []
}

/// What came of one step of a ramp while it lasted.
struct LoadStep: Sendable {
    var replies: Int64 = 0
    var errors: Int64 = 0
    var response = Histogram()
}

struct WorkerReport: Sendable {
    var cpuMicroseconds: Int64 = 0
    var wallMicroseconds: Int64 = 0
    /// Of the warm-up.
    var unmeasuredReplies: Int64 = 0
    var acknowledged: [UInt32] = []
    var unacknowledged: [UInt32] = []
}

final class RunBoard: Sendable {
    struct State: Sendable {
        /// By node, then command.
        var totals: [LoadCounts]
        var intervals: [LoadInterval] = []
        /// As many as the ramp has.
        var steps: [LoadStep] = []
        /// Intervals that not all workers have brought yet, with what they have so far.
        var open: [Int: (interval: LoadInterval, histogram: Histogram, arrived: Int)] = [:]
        var errors: [String: Int64] = [:]
        var workers: [WorkerReport] = []
        var failure: BenchFailure?
        var lastReplyNanoseconds: Int64 = 0
        var measuredFromNanoseconds = Int64.max
    }

    let plan: LoadPlan
    private let state: Mutex<State>
    /// Set by anybody; workers look once per turn. Relaxed: it carries nothing else.
    private let stop = Atomic<Bool>(false)
    /// 0 until all workers are connected, then the moment the run begins.
    private let start = Atomic<Int64>(0)
    private let connected = Atomic<Int>(0)
    /// Requests still to be claimed.
    private let unclaimed: Atomic<Int>
    private let finished = Atomic<Int>(0)

    init(_ plan: LoadPlan) {
        self.plan = plan
        let slots = plan.targets.count * plan.commands.count
        state = Mutex(
            State(
                totals: [LoadCounts](repeating: LoadCounts(), count: slots),
                steps: [LoadStep](repeating: LoadStep(), count: plan.rampSteps.count)))
        unclaimed = Atomic(plan.requests ?? Int.max)
    }

    var isStopped: Bool { stop.load(ordering: .relaxed) }
    func stopNow() { stop.store(true, ordering: .relaxed) }

    var startNanoseconds: Int64 { start.load(ordering: .acquiring) }
    func begin(at nanoseconds: Int64) { start.store(nanoseconds, ordering: .releasing) }

    var connectedCount: Int { connected.load(ordering: .acquiring) }
    func reportConnected() { connected.add(1, ordering: .acquiringAndReleasing) }

    var finishedCount: Int { finished.load(ordering: .acquiring) }

    /// Takes up to `wanted` requests from those still to send; `first` is the number of the first of them.
    @inline(__always)
    func claim(_ wanted: Int) -> (first: Int, count: Int) {
        guard let total = plan.requests else { return (0, wanted) }
        if unclaimed.load(ordering: .relaxed) <= 0 { return (0, 0) }
        let before = unclaimed.subtract(wanted, ordering: .relaxed).oldValue
        return (total - before, min(max(before, 0), wanted))
    }

    /// Gives claimed requests back that were never sent.
    func giveBack(_ count: Int) {
        if plan.requests != nil { unclaimed.add(count, ordering: .relaxed) }
    }

    /// The first failure is the one that is told.
    func fail(_ failure: BenchFailure) {
        state.withLock { if $0.failure == nil { $0.failure = failure } }
        stopNow()
    }

    var failure: BenchFailure? { state.withLock { $0.failure } }

    func snapshot() -> State { state.withLock { $0 } }

    /// What the live line needs.
    var lastInterval: LoadInterval? { state.withLock { $0.intervals.last } }

    var totalReplies: (replies: Int64, errors: Int64) {
        state.withLock { state in
            (state.totals.reduce(0) { $0 + $1.replies }, state.totals.reduce(0) { $0 + $1.errors })
        }
    }

    /// Brings a worker's counts of one interval.
    func add(_ counts: UnsafeMutableBufferPointer<LoadCounts>, interval number: Int) {
        let commandCount = max(plan.commands.count, 1)
        state.withLock { state in
            let fresh = LoadInterval(number: number, byNode: [Int64](repeating: 0, count: plan.targets.count))
            var (interval, histogram, arrived) = state.open[number] ?? (fresh, Histogram(), 0)
            if plan.logsHistograms, interval.encoded.isEmpty {
                interval.encoded = [Histogram](repeating: Histogram(), count: commandCount)
            }
            for slot in counts.indices where counts[slot].replies > 0 || counts[slot].errors > 0 {
                state.totals[slot].add(counts[slot])
                interval.replies += counts[slot].replies
                interval.errors += counts[slot].errors
                interval.byNode[slot / commandCount] += counts[slot].replies
                let measured = plan.isOpen ? counts[slot].response : counts[slot].service
                histogram.add(measured)
                if plan.logsHistograms { interval.encoded[slot % commandCount].add(measured) }
                counts[slot].reset()
            }
            arrived += 1
            state.open[number] = (interval, histogram, arrived)
            if arrived >= plan.threads { close(number, in: &state) }
        }
    }

    /// An interval that all have brought becomes numbers.
    private func close(_ number: Int, in state: inout State) {
        guard let entry = state.open.removeValue(forKey: number) else { return }
        var interval = entry.interval
        let histogram = entry.histogram
        interval.p50 = histogram.value(atPercentile: 50)
        interval.p99 = histogram.value(atPercentile: 99)
        interval.p999 = histogram.value(atPercentile: 99.9)
        interval.maximum = histogram.maximum
        state.intervals.append(interval)
        let steps = plan.rampSteps
        guard let first = steps.first else { return }
        // Replies that come when the ramp is over belong to its last step.
        let place = min(Int((Double(number) + 0.5) * plan.intervalSeconds / first.seconds), steps.count - 1)
        state.steps[place].replies += interval.replies
        state.steps[place].errors += interval.errors
        state.steps[place].response.add(histogram)
    }

    func finish(_ report: WorkerReport, errors: [String: Int64], measuredFrom: Int64, lastReply: Int64) {
        state.withLock { state in
            state.workers.append(report)
            state.errors.merge(errors) { $0 + $1 }
            state.lastReplyNanoseconds = max(state.lastReplyNanoseconds, lastReply)
            state.measuredFromNanoseconds = min(state.measuredFromNanoseconds, measuredFrom)
            guard state.workers.count == plan.threads else { return }
            for number in state.open.keys.sorted() { close(number, in: &state) }
            state.intervals.sort { $0.number < $1.number }
        }
        finished.add(1, ordering: .acquiringAndReleasing)
    }
}
