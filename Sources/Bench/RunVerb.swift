/// `a2 bench run`: one load after another, each reported as it ends.
import Base
import Client
import OS

struct RunVerb {
    let options: BenchOptions
    let interruption: Interruption?
    private var facts: [ServerFacts] = []
    private var documents: [JSONText] = []
    private var failures: [String] = []
    private var log: HistogramLog?
    private var signal: Int32 = 0
    private let startMilliseconds = SystemClock.wallMilliseconds
    private let startNanoseconds = SystemClock.monotonicNanoseconds

    init(_ options: BenchOptions, _ interruption: Interruption?) {
        self.options = options
        self.interruption = interruption
    }

    mutating func run() throws(BenchFailure) -> Int32 {
        if options.isIdle { return try idle() }
        let plans = try self.plans()
        if options.output == .csv { Terminal.print(RunText.csvHeader) }
        repeat {
            for plan in plans where signal == 0 {
                for _ in 0..<options.runs where signal == 0 { try measure(plan) }
            }
        } while options.loops && signal == 0
        return try conclude()
    }

    /// Runs given plans once each, as replay does.
    mutating func run(_ plans: [LoadPlan]) throws(BenchFailure) -> Int32 {
        if options.output == .csv { Terminal.print(RunText.csvHeader) }
        for plan in plans where signal == 0 { try measure(plan) }
        return try conclude()
    }

    private mutating func conclude() throws(BenchFailure) -> Int32 {
        if let path = options.jsonPath {
            let document = RunJSON.document(
                options, servers: facts, runs: documents, startMilliseconds: startMilliseconds,
                isInterrupted: signal != 0, failures: failures)
            try BenchFiles.write(document.document, to: path)
        }
        if let log, let path = options.hdrPath { try BenchFiles.write(log.text, to: path) }
        for failure in failures { Terminal.printError("a2 bench: \(failure)\n") }
        if signal != 0 { return 128 + signal }
        return failures.isEmpty ? 0 : 1
    }

    // MARK: What to run

    private func plans() throws(BenchFailure) -> [LoadPlan] {
        if !options.operands.isEmpty { return [try customPlan()] }
        if !options.mix.isEmpty { return [mixPlan()] }
        var tests: [CatalogTest] = []
        for test in CatalogTest.all {
            guard options.tests.isEmpty ? test.isDefault : options.tests.contains(test.name) else { continue }
            if let first = test.preparation, !tests.contains(where: { $0.name == first }) {
                tests += CatalogTest.named(first)
            }
            tests.append(test)
        }
        let missing = try missingCommands(tests.map(\.template))
        return tests.filter { test in
            guard missing.contains(test.template.commandName) else { return true }
            let isWanted = options.tests.contains(test.name)
            if isWanted || options.output == .text {
                Terminal.printError(
                    "a2 bench: \(test.title) is left out: the server has no \(test.template.commandName)\n")
            }
            return false
        }.map { plan($0.title, [($0.template, 1)], keyPrefix: $0.keyPrefix) }
    }

    private func missingCommands(_ templates: [CommandTemplate]) throws(BenchFailure) -> Set<String> {
        var missing: Set<String> = []
        let names = Set(templates.map(\.commandName)).sorted()
        for target in options.targets { missing.formUnion(try ServerFacts.missing(names, at: target)) }
        return missing
    }

    private func plan(_ name: String, _ commands: [(CommandTemplate, Int)], keyPrefix: String) -> LoadPlan {
        var plan = options.basePlan
        plan.name = name
        plan.shape.keyPrefix = options.keyPrefix ?? keyPrefix
        plan.commands = commands.map { RequestPlan($0.0, plan.shape) }
        plan.weights = commands.map(\.1)
        return plan
    }

    private func customPlan() throws(BenchFailure) -> LoadPlan {
        do {
            let template = try CommandTemplate(words: options.operands)
            return plan(template.name, [(template, 1)], keyPrefix: "key:")
        } catch {
            throw BenchOptions.usage(error.description)
        }
    }

    /// Strings and counters are different keys, unless only counters are written: then they are what is read.
    private func mixPlan() -> LoadPlan {
        let name = options.mix.map { "\($0.test.name)=\($0.weight)" }.joined(separator: ",")
        let counters = Set(options.mix.map(\.test).filter { $0.keyPrefix == "counter:" }.map(\.name))
        let writesStrings = options.mix.contains { entry in
            CommandFacts.isWrite(entry.test.template.commandName) && !counters.contains(entry.test.name)
        }
        var plan = plan(name, [], keyPrefix: "key:")
        plan.commands = options.mix.map { entry in
            var shape = plan.shape
            let readsCounters = !counters.isEmpty && !writesStrings
            shape.keyPrefix = options.keyPrefix ?? (readsCounters ? "counter:" : entry.test.keyPrefix)
            // A counter has no value to check.
            if readsCounters || entry.test.keyPrefix == "counter:" { shape.verifies = false }
            return RequestPlan(entry.test.template, shape)
        }
        plan.weights = options.mix.map(\.weight)
        return plan
    }

    // MARK: Running it

    private mutating func measure(_ plan: LoadPlan) throws(BenchFailure) {
        var servers: [ServerFacts] = []
        for target in plan.targets {
            servers.append(ServerFacts(target: target, before: try ServerFacts.read(target), after: nil))
        }
        var line = LiveLine()
        let offset = Double(SystemClock.monotonicNanoseconds - startNanoseconds) / 1e9 + plan.warmupSeconds
        let result = try LoadRun.run(plan, interruption: interruption) { line.show($0) }
        line.clear()
        signal = result.signal
        for index in servers.indices { servers[index].after = try? ServerFacts.read(servers[index].target) }
        let text = RunText(result: result, options: options, servers: servers)
        switch options.output {
        case .text: Terminal.print(text.full)
        case .quiet: Terminal.print(text.quiet)
        case .csv: Terminal.print(text.csv)
        }
        if options.output != .text { for note in text.notes { Terminal.printError("a2 bench: \(note)\n") } }
        let cpu = servers.compactMap(\.cpuMicroseconds)
        let serverCPU =
            cpu.count == servers.count && result.replies > 0
            ? cpu.reduce(0, +) / Double(result.allReplies) : nil
        judge(result, serverCPU)
        // Of several loads the first reading and the last stand for the servers.
        for (index, server) in servers.enumerated() {
            if facts.count > index { facts[index].after = server.after } else { facts.append(server) }
        }
        if options.jsonPath != nil {
            documents.append(RunJSON.run(result, percentiles: options.percentiles, serverCPU: serverCPU))
        }
        try export(result, offset)
    }

    private mutating func judge(_ result: LoadResult, _ serverCPU: Double?) {
        let name = result.plan.name
        if result.errorRate > options.maxErrorRate {
            failures.append("\(name): \(BenchMetric.errorRate.text(result.errorRate)) of requests failed")
        }
        if result.mismatches > 0 { failures.append("\(name): \(result.mismatches) wrong replies") }
        for condition in options.failConditions {
            guard let value = condition.metric.value(of: result, serverCPU: serverCPU) else {
                failures.append("\(name): \(condition.text): it cannot be told")
                continue
            }
            if condition.holds(value) { failures.append("\(name): \(condition.message(found: value))") }
        }
    }

    private mutating func export(_ result: LoadResult, _ offsetSeconds: Double) throws(BenchFailure) {
        guard let path = options.hdrPath else { return }
        if path.hasSuffix(".hgrm") {
            let isOne =
                documents.count <= 1 && options.tests.count == 1 || options.tests.isEmpty && !options.mix.isEmpty
            let base = isOne || !options.operands.isEmpty ? path : Self.path(path, adding: result.plan.name)
            try BenchFiles.write(result.latency.percentileTable(), to: base)
            if result.plan.isOpen {
                try BenchFiles.write(result.all.service.percentileTable(), to: Self.path(base, adding: "service"))
            }
            return
        }
        var log = log ?? HistogramLog(startMilliseconds: startMilliseconds)
        for interval in result.intervals {
            let begin = Double(interval.number) * result.plan.intervalSeconds
            let length = min(result.plan.intervalSeconds, result.seconds - begin)
            for (command, histogram) in interval.encoded.enumerated() where !histogram.isEmpty && length > 0 {
                log.add(
                    tag: result.plan.commands[command].template.name, startSeconds: offsetSeconds + begin,
                    lengthSeconds: length, histogram)
            }
        }
        self.log = log
    }

    /// "x.hgrm" and "SET" make "x.SET.hgrm".
    static func path(_ path: String, adding name: String) -> String {
        let word = String(name.prefix { $0 != " " }.filter { $0.isLetter || $0.isNumber || "_-=,".contains($0) })
        return String(path.dropLast(5)) + ".\(word.isEmpty ? "run" : word).hgrm"
    }

    // MARK: Idle

    /// Connections and nothing else, until somebody has seen enough.
    private func idle() throws(BenchFailure) -> Int32 {
        var connections: [ControlConnection] = []
        _ = ProcessFacts.raiseDescriptorLimit(to: options.clientCount * 2 + 64)
        for number in 0..<options.clientCount {
            connections.append(try ControlConnection(options.targets[number % options.targets.count]))
        }
        Terminal.print("\(connections.count) idle connections; Ctrl-C ends them\n")
        guard let interruption, let poller = try? Poller(capacity: 4), (try? interruption.addTo(poller)) != nil else {
            return 70
        }
        while true {
            _ = poller.wait(timeoutMilliseconds: 1000)
            let signal = interruption.next()
            if signal != 0 { return withExtendedLifetime(connections) { 128 + signal } }
        }
    }
}

enum BenchFiles {
    /// "-" is standard output.
    static func write(_ text: String, to path: String) throws(BenchFailure) {
        if path == "-" { return Terminal.print(text) }
        do {
            try Files.replace(path, with: Array(text.utf8))
        } catch {
            throw BenchFailure(description: error.description, exitStatus: error.exitStatus)
        }
    }

    static func read(_ path: String) throws(BenchFailure) -> [UInt8] {
        do {
            return try Files.read(path)
        } catch {
            throw BenchFailure(description: error.description, exitStatus: error.exitStatus)
        }
    }
}
