/// Reads the values of flags; what they mean together is checked in BenchOptions.
import Base
import Client
import OS

struct BenchOptionReader {
    init(environment: [String: String]) {
        if let given = environment["REDISCLI_AUTH"], !given.isEmpty { password = given }
    }

    private var host = "127.0.0.1"
    private var port: UInt16 = 6379
    private var unixPath: String?
    private var user: String?
    private var password: String?
    private var database = 0
    private var usesRESP3 = false
    private var uri: String?
    private var list: [String] = []

    private func bad(_ name: String, _ value: String, _ wanted: String) -> BenchFailure {
        BenchOptions.usage("--\(name): '\(value)' is not \(wanted)")
    }

    mutating func read(_ name: String, _ value: String, into options: inout BenchOptions) throws(BenchFailure) {
        if try readConnection(name, value) { return }
        if try readLoad(name, value, into: &options) { return }
        if try readOutput(name, value, into: &options) { return }
        if try readShape(name, value, into: &options) { return }
        preconditionFailure("a flag without a meaning: \(name)")
    }

    private mutating func readConnection(_ name: String, _ value: String) throws(BenchFailure) -> Bool {
        switch name {
        case "host": host = value
        case "port": port = UInt16(try integer(name, value, 1...65535))
        case "socket": unixPath = value
        case "password": password = value
        case "user": user = value
        case "dbnum": database = try integer(name, value, 0...Int(Int32.max))
        case "resp3": usesRESP3 = true
        case "uri": uri = value
        case "password-file": password = try Self.password(inFile: value)
        case "askpass":
            guard let answer = Terminal.askSecret("Password: ") else {
                throw BenchOptions.usage("--askpass needs a terminal to ask on")
            }
            password = answer
        case "targets": list += value.split(separator: ",").map(String.init)
        default: return false
        }
        return true
    }

    /// The first line of a file.
    private static func password(inFile path: String) throws(BenchFailure) -> String {
        let text = String(decoding: try BenchFiles.read(path), as: UTF8.self)
        guard let line = text.split(separator: "\n").first else { throw BenchOptions.usage("\(path) has no password") }
        return String(line)
    }

    private func readLoad(
        _ name: String, _ value: String, into options: inout BenchOptions
    ) throws(BenchFailure) -> Bool {
        switch name {
        case "clients": options.clients = try integer(name, value, 1...100_000)
        case "connections-per-node": options.connectionsPerNode = try integer(name, value, 1...100_000)
        case "requests": options.requests = try integer(name, value, 1...Int.max / 2)
        case "pipeline": options.pipeline = try integer(name, value, 1...100_000)
        case "threads": options.threads = try integer(name, value, 1...512)
        case "keepalive":
            guard value == "0" || value == "1" else { throw bad(name, value, "0 or 1") }
            options.keepsAlive = value == "1"
        case "loop": options.loops = true
        case "idle": options.isIdle = true
        case "runs": options.runs = try integer(name, value, 1...10_000)
        case "duration": options.durationSeconds = try seconds(name, value)
        case "warmup": options.warmupSeconds = try seconds(name, value)
        case "rate":
            guard let rate = Quantity.number(value), rate > 0 else { throw bad(name, value, "a rate above 0") }
            options.rates = RatePlan(perSecond: rate)
        case "ramp":
            guard let plan = RatePlan(ramp: value) else {
                throw bad(name, value, "FROM..TO/STEP@TIME, as in 100..1000/100@10s")
            }
            options.rates = plan
        case "arrival":
            guard let arrival = Arrival(rawValue: value) else { throw bad(name, value, "fixed or poisson") }
            options.arrival = arrival
        case "spread":
            guard ["round-robin", "pinned"].contains(value) else { throw bad(name, value, "round-robin or pinned") }
            options.takesTurns = value == "round-robin"
        case "partition":
            guard let plan = PartitionPlan(value) else { throw bad(name, value, PartitionPlan.spelling) }
            options.partitions.append(plan)
        case "poll-step": options.pollStepSeconds = try seconds(name, value)
        case "drain-timeout": options.drainSeconds = try seconds(name, value)
        case "keep": options.keepsKeys = true
        case "speed":
            if value == "max" {
                options.speed = 0
            } else {
                guard let speed = Double(value), speed > 0, speed.isFinite else {
                    throw bad(name, value, "a factor above 0, or max")
                }
                options.speed = speed
            }
        default: return false
        }
        return true
    }

    private func readShape(
        _ name: String, _ value: String, into options: inout BenchOptions
    ) throws(BenchFailure) -> Bool {
        switch name {
        case "value-size": options.valueSizes = try sizes(name, value)
        case "keyspace": options.keyCount = try integer(name, value, 1...999_999_999_999)
        case "tests": options.tests = try tests(value)
        case "mix": options.mix = try mix(value)
        case "dist":
            guard let distribution = KeyDistribution(value) else { throw bad(name, value, KeyDistribution.spelling) }
            options.distribution = distribution
        case "key-prefix": options.keyPrefix = value
        case "seed": options.seed = UInt64(try integer(name, value, 1...Int.max))
        case "verify": options.verifies = true
        default: return false
        }
        return true
    }

    private func readOutput(
        _ name: String, _ value: String, into options: inout BenchOptions
    ) throws(BenchFailure) -> Bool {
        switch name {
        case "quiet": options.output = .quiet
        case "csv": options.output = .csv
        case "precision": options.precision = try integer(name, value, 0...6)
        case "json": options.jsonPath = value
        case "hdr":
            guard value.hasSuffix(".hlog") || value.hasSuffix(".hgrm") else {
                throw bad(name, value, "a file named .hlog (intervals) or .hgrm (percentile table)")
            }
            options.hdrPath = value
        case "percentiles":
            options.percentiles = []
            for word in value.split(separator: ",") {
                guard let percentile = Double(word), 0...100 ~= percentile else {
                    throw bad(name, value, "a list of percentiles, as in 50,99,99.9")
                }
                options.percentiles.append(percentile)
            }
        case "interval":
            options.intervalSeconds = try seconds(name, value)
            guard options.intervalSeconds >= 0.01 else { throw bad(name, value, "a time of 10 ms or more") }
        case "max-error-rate":
            let text = value.hasSuffix("%") ? String(value.dropLast()) : value
            guard let rate = Double(text), rate >= 0 else { throw bad(name, value, "a share, as in 0.01 or 1%") }
            options.maxErrorRate = value.hasSuffix("%") ? rate / 100 : rate
        case "fail-if":
            guard let condition = FailCondition(value) else { throw bad(name, value, FailCondition.spelling) }
            options.failConditions.append(condition)
        case "threshold":
            let text = value.hasSuffix("%") ? String(value.dropLast()) : value
            guard let share = Double(text), share >= 0 else { throw bad(name, value, "a share, as in 0.05 or 5%") }
            options.threshold = value.hasSuffix("%") ? share / 100 : share
        default: return false
        }
        return true
    }

    // MARK: Values

    private func integer(_ name: String, _ value: String, _ range: ClosedRange<Int>) throws(BenchFailure) -> Int {
        guard let number = Int(value), range ~= number else {
            throw bad(name, value, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func seconds(_ name: String, _ value: String) throws(BenchFailure) -> Double {
        guard let seconds = Quantity.seconds(value), seconds < 1e7 else {
            throw bad(name, value, "a time, as in 10s, 250ms or 5m")
        }
        return seconds
    }

    private func sizes(_ name: String, _ value: String) throws(BenchFailure) -> ClosedRange<Int> {
        let ends = value.split(separator: "-", omittingEmptySubsequences: false).map { Quantity.bytes(String($0)) }
        guard 1...2 ~= ends.count, let low = ends[0], let high = ends[ends.count - 1], low <= high else {
            throw bad(name, value, "a size or a range of sizes, as in 64 or 16-1kb")
        }
        return low...high
    }

    private func tests(_ value: String) throws(BenchFailure) -> [String] {
        var names: [String] = []
        for word in value.split(separator: ",") {
            let found = CatalogTest.named(String(word))
            if found.isEmpty { throw bad("tests", String(word), "a test; there are \(testNames)") }
            names += found.map(\.name)
        }
        return names
    }

    private var testNames: String { CatalogTest.all.map(\.name).joined(separator: ", ") }

    private func mix(_ value: String) throws(BenchFailure) -> [(test: CatalogTest, weight: Int)] {
        var mix: [(test: CatalogTest, weight: Int)] = []
        for part in value.split(separator: ",") {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2, let weight = Int(sides[1]), 1...1_000_000 ~= weight,
                let test = CatalogTest.named(String(sides[0])).first
            else { throw bad("mix", value, "a list of NAME=WEIGHT, as in get=90,incr=10; names are those of -t") }
            mix.append((test, weight))
        }
        guard !mix.isEmpty else { throw bad("mix", value, "a list of NAME=WEIGHT") }
        return mix
    }
}

extension BenchOptionReader {
    /// The servers, from --targets, -u, -s, or -h and -p.
    func targets() throws(BenchFailure) -> [LoadTarget] {
        var targets: [LoadTarget] = []
        if list.isEmpty {
            targets = [uri == nil ? own : try target(uri ?? "")]
        } else {
            if uri != nil || unixPath != nil { throw BenchOptions.usage("--targets and -u or -s exclude each other") }
            for entry in list { targets.append(try target(entry)) }
        }
        return targets
    }

    private var own: LoadTarget {
        LoadTarget(
            Endpoint(
                host: host, port: port, socketPath: unixPath, user: user, password: password, database: database),
            usesRESP3: usesRESP3)
    }

    /// "host:port" or a URI; user, password and database from their own flags where it has none.
    private func target(_ text: String) throws(BenchFailure) -> LoadTarget {
        do {
            var endpoint = try Endpoint(uri: text)
            if endpoint.password == nil {
                endpoint.password = password
                endpoint.user = user
            }
            if endpoint.database == 0 { endpoint.database = database }
            return LoadTarget(endpoint, usesRESP3: usesRESP3)
        } catch {
            throw BenchFailure(error)
        }
    }
}
