/// `a2 bench converge`: whether nodes that are written to at once become the same, how soon, and at what cost.
///
/// All increments go to keys of this run's own, so every acknowledged one has to be found on every node at the end.
/// What was sent and never answered may or may not be there, key by key; anything beyond is lost or counted twice.
import Base
import OS
import RESP
import Synchronization

struct ConvergeVerb {
    let options: BenchOptions
    let interruption: Interruption?
    private let prefix: String

    private static let defaultKeys = 1000
    private static let defaultSeconds = 10.0

    init(options: BenchOptions, interruption: Interruption?) {
        self.options = options
        self.interruption = interruption
        prefix =
            options.keyPrefix ?? "a2bench:\(String(options.seed ^ UInt64(SystemClock.wallMicroseconds), radix: 36)):"
    }

    private var plan: LoadPlan {
        var plan = options.basePlan
        plan.name = "converge"
        plan.shape.keyPrefix = prefix
        plan.shape.keyCount = options.keyCount ?? Self.defaultKeys
        plan.shape.verifies = false
        plan.tracksKeys = true
        plan.outlastsOutages = true
        if !options.given.contains(where: { ["duration", "requests"].contains($0.name) }) {
            let lastHeal = options.partitions.map(\.toSeconds).max().map { $0 + 2 } ?? 0
            plan.requests = nil
            plan.durationSeconds = max(options.durationSeconds ?? Self.defaultSeconds, lastHeal)
        }
        let incr = CommandTemplate(name: "INCR", arguments: [[.text(Array("INCR".utf8))], [.key]])
        plan.commands = [RequestPlan(incr, plan.shape)]
        plan.weights = [1]
        return plan
    }

    func run() throws(BenchFailure) -> Int32 {
        let plan = plan
        let started = SystemClock.wallMilliseconds
        var nodes: [ConvergeNode] = []
        for (number, target) in options.targets.enumerated() { nodes.append(try ConvergeNode(target, number: number)) }
        guard Set(nodes.map(\.id)).count == nodes.count else {
            throw BenchOptions.usage("two targets are the same node")
        }
        let connections = try ConvergeConnections(nodes)
        for connection in connections.all {
            let values = try ConvergeConnections.values(connection, prefix: prefix, count: plan.shape.keyCount)
            guard values.allSatisfy({ $0 == nil }) else {
                throw BenchFailure(
                    description: "\(connection.target.name) has keys of '\(prefix)' already", exitStatus: 1)
            }
        }
        var servers: [ServerFacts] = []
        for target in options.targets {
            servers.append(ServerFacts(target: target, before: try ServerFacts.read(target), after: nil))
        }
        let sentBefore = try connections.bytesSent()
        let observer = VisibilityObserver(nodes, prefix: prefix, stepSeconds: options.pollStepSeconds)
        let driver = try PartitionDriver(
            nodes, options.partitions, prefix: prefix, observer: observer, timeoutSeconds: options.drainSeconds)
        let (result, drained) = try load(plan, observer, driver) { result throws(BenchFailure) in
            try drain(connections, nodes, plan, &result)
        }
        var report = ConvergeReport(options: options, nodes: nodes, result: result, pairs: observer.results)
        report.resolutionMicroseconds = observer.resolutionMicroseconds
        report.outcomes = driver.outcomes
        report.peak = driver.peak
        (report.drainSeconds, report.drainStepSeconds) = drained
        report.bytesSent = try connections.bytesSent() - sentBefore
        for index in servers.indices { servers[index].after = try? ServerFacts.read(servers[index].target) }
        report.servers = servers
        for (number, connection) in connections.all.enumerated() {
            let values = try ConvergeConnections.values(connection, prefix: prefix, count: plan.shape.keyCount)
            report.checks.append(ConvergeCheck(values, result.workers, node: number))
        }
        if !options.keepsKeys { try clear(connections.all[0], plan.shape.keyCount, nodes.count) }
        return try conclude(report, started)
    }

    private typealias Drain = (seconds: Double?, stepSeconds: Double)

    /// The load, the observer and the partitions, each on threads of its own, and what `drain` finds right after.
    private func load(
        _ plan: LoadPlan, _ observer: VisibilityObserver, _ driver: PartitionDriver,
        drain: (inout LoadResult) throws(BenchFailure) -> Drain
    ) throws(BenchFailure) -> (LoadResult, Drain) {
        let board = RunBoard(plan)
        var helpers: [Thread] = []
        do {
            helpers.append(
                try Thread.start(name: "bench-observer") {
                    do throws(BenchFailure) { try observer.observe(board) } catch { board.fail(error) }
                })
            helpers.append(
                try Thread.start(name: "bench-links") {
                    do throws(BenchFailure) { try driver.drive(board) } catch { board.fail(error) }
                })
        } catch {
            board.stopNow()
            throw BenchFailure(description: "\(error)", exitStatus: 70)
        }
        var line = LiveLine()
        defer { line.clear() }
        let result: Result<(LoadResult, Drain), BenchFailure>
        do throws(BenchFailure) {
            var loaded = try LoadRun.run(plan, interruption: interruption, board: board) { line.show($0) }
            let drained = try drain(&loaded)
            result = .success((loaded, drained))
        } catch {
            result = .failure(error)
            board.stopNow()
        }
        for helper in helpers { helper.join() }
        if let failure = board.failure { throw failure }
        return try result.get()
    }

    /// Until all nodes are the same, and how long the last look took.
    private func drain(
        _ connections: ConvergeConnections, _ nodes: [ConvergeNode], _ plan: LoadPlan, _ result: inout LoadResult
    ) throws(BenchFailure) -> Drain {
        let start = result.endNanoseconds
        while true {
            let asked = SystemClock.monotonicNanoseconds
            let isEqual = try connections.areEqual(nodes, prefix: prefix, count: plan.shape.keyCount)
            let now = SystemClock.monotonicNanoseconds
            let seconds = Double(now - start) / 1e9
            if isEqual { return (seconds, Double(now - asked) / 1e9) }
            if let signal = interruption?.next(), signal != 0 {
                result.signal = signal
                return (nil, Double(now - asked) / 1e9)
            }
            if seconds > options.drainSeconds { return (nil, Double(now - asked) / 1e9) }
            Pause.seconds(0.001)
        }
    }

    private func clear(_ connection: ControlConnection, _ keys: Int, _ nodes: Int) throws(BenchFailure) {
        for start in stride(from: 0, to: keys, by: 500) {
            let names = (start..<min(start + 500, keys)).map { Array(keyName(prefix, $0).utf8) }
            _ = try connection.call([Array("DEL".utf8)] + names)
        }
        let markers = (0..<nodes).flatMap { from in (0..<nodes).map { Array("\(prefix)visible:\(from):\($0)".utf8) } }
        _ = try connection.call([Array("DEL".utf8)] + markers)
    }

    private func conclude(_ report: ConvergeReport, _ started: Int64) throws(BenchFailure) -> Int32 {
        if let path = options.jsonPath {
            let run = RunJSON.run(report.result, percentiles: options.percentiles, serverCPU: report.serverCPU)
            let document = RunJSON.document(
                options, servers: report.servers, runs: [run], extra: [("converge", report.json)],
                startMilliseconds: started, isInterrupted: report.result.signal != 0, failures: report.failures)
            try BenchFiles.write(document.document, to: path)
        }
        if options.jsonPath != "-" { Terminal.print(report.text) }
        for failure in report.failures { Terminal.printError("a2 bench: \(failure)\n") }
        if report.result.signal != 0 { return 128 + report.result.signal }
        return report.failures.isEmpty ? 0 : 1
    }
}

/// What one node has, against what was acknowledged.
struct ConvergeCheck: Sendable, Equatable {
    let node: Int
    private(set) var value: Int64 = 0
    private(set) var acknowledged: Int64 = 0
    /// Sent, but never answered: there or not.
    private(set) var unanswered: Int64 = 0
    private(set) var lost: Int64 = 0
    private(set) var duplicate: Int64 = 0

    init(_ values: [Int64?], _ workers: [WorkerReport], node: Int) {
        self.node = node
        for (key, found) in values.enumerated() {
            let found = found ?? 0
            let certain = workers.reduce(Int64(0)) {
                $0 + Int64(key < $1.acknowledged.count ? $1.acknowledged[key] : 0)
            }
            let open = workers.reduce(Int64(0)) {
                $0 + Int64(key < $1.unacknowledged.count ? $1.unacknowledged[key] : 0)
            }
            value += found
            acknowledged += certain
            unanswered += open
            lost += max(certain - found, 0)
            duplicate += max(found - certain - open, 0)
        }
    }

    var isRight: Bool { lost == 0 && duplicate == 0 }
}
