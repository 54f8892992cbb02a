/// Runs a load: starts the workers together, watches over them, and gathers what they measured.
import Base
import Client
import Glibc
import OS

/// Ctrl-C and SIGTERM, once for the whole process; before any thread starts.
final class Interruption: Sendable {
    private let descriptor: Int32

    /// Nil where signals cannot be had; then they end the process as they always do.
    init?() {
        guard let signals = try? Signals() else { return nil }
        descriptor = signals.takeDescriptor()
    }

    /// The signal that came, 0 if none.
    func next() -> Int32 { Signals.read(descriptor)?.rawValue ?? 0 }

    /// Where there is nothing measured that could be lost: ends the process if a signal came.
    func endIfAsked() {
        let signal = next()
        if signal != 0 { exit(128 + signal) }
    }

    func addTo(_ poller: borrowing Poller) throws(SystemError) { try poller.addLevelTriggered(descriptor, token: 0) }
}

/// What a run has measured.
struct LoadResult: Sendable {
    let plan: LoadPlan
    var totals: [LoadCounts]
    let intervals: [LoadInterval]
    /// As many as the ramp has.
    var steps: [LoadStep] = []
    let errors: [String: Int64]
    let workers: [WorkerReport]
    /// From the first measured request to the last reply.
    let seconds: Double
    let startUnixMilliseconds: Int64
    /// The last reply, or the moment of measuring nothing.
    let endNanoseconds: Int64
    /// The signal that ended it, 0 if none did.
    var signal: Int32

    var replies: Int64 { totals.reduce(0) { $0 + $1.replies } }
    /// Those of the warm-up too: what the server has worked for.
    var allReplies: Int64 { replies + workers.reduce(0) { $0 + $1.unmeasuredReplies } }
    var errorCount: Int64 { errors.values.reduce(0, +) }
    var nulls: Int64 { totals.reduce(0) { $0 + $1.nulls } }
    var mismatches: Int64 { totals.reduce(0) { $0 + $1.mismatches } }
    var requestsPerSecond: Double { seconds > 0 ? Double(replies) / seconds : 0 }
    var errorRate: Double {
        let all = replies + errorCount
        return all > 0 ? Double(errorCount) / Double(all) : 0
    }

    func counts(ofCommand command: Int) -> LoadCounts {
        var sum = LoadCounts()
        let commands = max(plan.commands.count, 1)
        for slot in totals.indices where slot % commands == command { sum.add(totals[slot]) }
        return sum
    }

    func counts(ofNode node: Int) -> LoadCounts {
        var sum = LoadCounts()
        let commands = max(plan.commands.count, 1)
        for slot in totals.indices where slot / commands == node { sum.add(totals[slot]) }
        return sum
    }

    var all: LoadCounts { totals.reduce(into: LoadCounts()) { $0.add($1) } }

    /// How long a step of the ramp has lasted: the run may have ended before.
    func seconds(ofStep step: Int) -> Double {
        let length = plan.rampSteps[step].seconds
        return min(max(seconds - length * Double(step), 0), length)
    }

    /// What a client of the server would call its latency.
    var latency: Histogram { plan.isOpen ? all.response : all.service }

    var cpuMicroseconds: Int64 { workers.reduce(0) { $0 + $1.cpuMicroseconds } }
    /// Of the busiest thread.
    var cpuShareMax: Double {
        workers.map { $0.wallMicroseconds > 0 ? Double($0.cpuMicroseconds) / Double($0.wallMicroseconds) : 0 }.max()
            ?? 0
    }
    /// The load was as high as this process can make it: the server may be faster than measured.
    var isClientBound: Bool { cpuShareMax >= 0.95 }
}

enum LoadRun {
    /// Called once per interval while a run goes on; for the live line.
    typealias Watcher = (RunBoard) -> Void

    /// Runs `plan` to its end, or to a signal's.
    static func run(
        _ plan: LoadPlan, interruption: Interruption?, board given: RunBoard? = nil, watcher: Watcher = { _ in }
    ) throws(BenchFailure) -> LoadResult {
        let board = given ?? RunBoard(plan)
        let workers = try start(plan, board)
        var signal: Int32 = 0
        do {
            signal = try watch(board, interruption, watcher)
        } catch {
            board.fail(BenchFailure(description: error.description, exitStatus: 70))
        }
        for worker in workers { worker.join() }
        if let failure = board.failure { throw failure }
        return result(board, signal: signal)
    }

    /// Starts a plan's threads; they begin when the board says so.
    static func start(_ plan: LoadPlan, _ board: RunBoard) throws(BenchFailure) -> [Thread] {
        do {
            _ = ProcessFacts.raiseDescriptorLimit(to: plan.clients * plan.targets.count + 64)
            var resolved: [[SocketAddress]] = []
            for target in plan.targets {
                resolved.append(
                    target.endpoint.socketPath == nil
                        ? try SocketAddress.resolve(target.endpoint.host, port: target.endpoint.port) : [])
            }
            let addresses = resolved
            var threads: [Thread] = []
            for number in 0..<plan.threads {
                threads.append(
                    try Thread.start(name: "bench-\(number)") {
                        do {
                            try LoadWorker(plan, board, number: number, addresses: addresses).run()
                        } catch {
                            board.fail(BenchFailure(description: "\(error)", exitStatus: 70))
                        }
                    })
            }
            return threads
        } catch {
            board.stopNow()
            throw BenchFailure(description: error.description, exitStatus: 3)
        }
    }

    /// Begins when all are connected, and comes back when all have ended, with the signal that ended them.
    private static func watch(
        _ board: RunBoard, _ interruption: Interruption?, _ watcher: Watcher
    ) throws(SystemError) -> Int32 {
        let poller = try Poller(capacity: 4)
        if let interruption { try interruption.addTo(poller) }
        var signal: Int32 = 0
        let interval = max(Int64(board.plan.intervalSeconds * 1e9), 10_000_000)
        var nextLook = Int64.max
        while board.finishedCount < board.plan.threads, board.failure == nil || board.startNanoseconds > 0 {
            if board.startNanoseconds == 0, board.connectedCount == board.plan.threads {
                let now = SystemClock.monotonicNanoseconds
                board.begin(at: now + 1_000_000)
                nextLook = now + interval
            }
            if board.failure != nil, board.connectedCount < board.plan.threads { break }
            _ = poller.wait(timeoutMilliseconds: board.startNanoseconds == 0 ? 1 : 5)
            if let came = interruption?.next(), came != 0 {
                // Who asks twice does not wait for what is still to be read.
                if signal != 0 { exit(128 + came) }
                signal = came
                board.stopNow()
            }
            let now = SystemClock.monotonicNanoseconds
            if now >= nextLook {
                watcher(board)
                nextLook = now + interval
            }
        }
        return signal
    }

    static func result(_ board: RunBoard, signal: Int32) -> LoadResult {
        let state = board.snapshot()
        let end = max(state.lastReplyNanoseconds, state.measuredFromNanoseconds)
        let seconds = state.measuredFromNanoseconds == Int64.max ? 0 : Double(end - state.measuredFromNanoseconds) / 1e9
        let ago = (SystemClock.monotonicNanoseconds - min(state.measuredFromNanoseconds, end)) / 1_000_000
        return LoadResult(
            plan: board.plan, totals: state.totals, intervals: state.intervals, steps: state.steps,
            errors: state.errors, workers: state.workers, seconds: seconds,
            startUnixMilliseconds: SystemClock.wallMilliseconds - max(ago, 0), endNanoseconds: end, signal: signal)
    }
}
