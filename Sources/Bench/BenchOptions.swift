/// What the command line asks for, read and checked before anything is connected.
import Base
import OS

public struct BenchOptions: Sendable {
    public enum Verb: String, Sendable, CaseIterable {
        case run, load, converge, compare, replay
    }

    public enum Output: Sendable { case text, quiet, csv }

    public var verb = Verb.run
    /// What follows the verb: a command to send, or files.
    public var operands: [String] = []
    /// As given, for reports.
    public var given: [(name: String, value: String)] = []

    var targets: [LoadTarget] = []
    var clients = 50
    var connectionsPerNode: Int?
    var requests: Int?
    var keyCount: Int?
    var valueSizes = 3...3
    var pipeline = 1
    var tests: [String] = []
    var mix: [(test: CatalogTest, weight: Int)] = []
    var output = Output.text
    var threads = 1
    var keepsAlive = true
    var loops = false
    var isIdle = false
    var precision = 3
    var durationSeconds: Double?
    var warmupSeconds = 0.0
    var rates: RatePlan?
    var arrival = Arrival.fixed
    var distribution = KeyDistribution.uniform
    var keyPrefix: String?
    var seed: UInt64 = 0
    var takesTurns = false
    var verifies = false
    var jsonPath: String?
    var hdrPath: String?
    var percentiles: [Double] = [50, 75, 90, 95, 99, 99.9, 99.99, 100]
    var intervalSeconds = 1.0
    var maxErrorRate = 0.0
    var failConditions: [FailCondition] = []
    var runs = 1
    // Verbs' own.
    var partitions: [PartitionPlan] = []
    var pollStepSeconds = 0.0002
    var drainSeconds = 60.0
    var keepsKeys = false
    var speed = 1.0
    var threshold = 0.02

    public static let defaultRequests = 100_000
    static let defaultMixKeys = 100_000

    public init(
        _ verb: Verb, _ values: [(name: String, value: String)], operands: [String], environment: [String: String] = [:]
    ) throws(BenchFailure) {
        self.verb = verb
        self.operands = operands
        given = values
        var reader = BenchOptionReader(environment: environment)
        for (name, value) in values { try reader.read(name, value, into: &self) }
        targets = try reader.targets()
        try check()
    }

    static func usage(_ text: String) -> BenchFailure { BenchFailure(description: text, exitStatus: 2) }

    private mutating func check() throws(BenchFailure) {
        if seed == 0 { seed = Entropy.seed | 1 }
        switch verb {
        case .run: break
        case .load, .converge:
            if let word = operands.first {
                throw Self.usage("\(verb.rawValue) takes no operand, but there is '\(word)'")
            }
        case .compare:
            if operands.count != 2 {
                throw Self.usage("compare needs two files, as in: a2 bench compare A.json B.json")
            }
            return
        case .replay:
            if operands.count != 1 { throw Self.usage("replay needs one file with the output of MONITOR") }
        }
        if failConditions.contains(where: \.isChange) {
            throw Self.usage("a change in percent, as in --fail-if '\(failConditions[0].text)', is for compare")
        }
        if verb == .run { try checkRun() }
        if !partitions.isEmpty, verb != .converge { throw Self.usage("--partition is for converge") }
        if verb == .converge, targets.count < 2 {
            throw Self.usage("converge needs two nodes or more: --targets HOST:PORT,HOST:PORT")
        }
        if rates != nil, durationSeconds == nil, requests == nil, let total = rates?.totalSeconds, total.isFinite {
            durationSeconds = total
        }
        if durationSeconds == nil, requests == nil { requests = Self.defaultRequests }
        if threads > clientCount { threads = clientCount }
    }

    private func checkRun() throws(BenchFailure) {
        if !operands.isEmpty, !tests.isEmpty || !mix.isEmpty {
            throw Self.usage("a command to send and -t or --mix exclude each other")
        }
        if !tests.isEmpty, !mix.isEmpty { throw Self.usage("-t and --mix exclude each other") }
        if rates != nil, !keepsAlive { throw Self.usage("-k 0 is for the closed loop, without --rate or --ramp") }
    }

    /// Clients over all targets.
    var clientCount: Int {
        guard let connectionsPerNode else { return clients }
        return takesTurns ? connectionsPerNode : connectionsPerNode * targets.count
    }

    /// Everything but commands and keys.
    var basePlan: LoadPlan {
        var plan = LoadPlan()
        plan.targets = targets
        plan.clients = clientCount
        plan.takesTurns = takesTurns && targets.count > 1
        plan.pipeline = pipeline
        plan.requests = requests
        plan.durationSeconds = durationSeconds
        plan.warmupSeconds = warmupSeconds
        plan.threads = threads
        plan.keepsAlive = keepsAlive
        plan.intervalSeconds = intervalSeconds
        plan.seed = seed
        plan.distribution = distribution
        plan.shape.valueSizes = valueSizes
        plan.shape.verifies = verifies
        plan.shape.keyCount = keyCount ?? (usesKeysByDefault ? Self.defaultMixKeys : 0)
        if let keyPrefix { plan.shape.keyPrefix = keyPrefix }
        if let rates { plan.mode = .open(rates, arrival) }
        // What is counted by the interval is to be told by the step as well: an interval ends with its step.
        if let rates, rates.isRamp {
            plan.intervalSeconds = rates.steps[0].seconds / (rates.steps[0].seconds / intervalSeconds).rounded(.up)
        }
        plan.logsHistograms = hdrPath?.hasSuffix(".hlog") ?? false
        return plan
    }

    /// Without -r redis-benchmark's tests use one key; what asks for a choice of keys gets some.
    private var usesKeysByDefault: Bool { !mix.isEmpty || distribution != .uniform || verb != .run || verifies }
}
