/// What is judged: conditions, comparisons, options that make no sense, recordings.
import Base
import Client
import TestSupport
import Testing

@testable import Bench

@Suite struct VerdictTests {
    // MARK: Conditions

    @Test("Conditions read metrics, comparisons and units")
    func conditions() throws {
        let slow = try #require(FailCondition("p99 > 5ms"))
        #expect(slow.metric == .percentile(99) && slow.bound == 5000 && slow.holds(5001) && !slow.holds(5000))
        let rate = try #require(FailCondition("rps<50k"))
        #expect(rate.bound == 50000 && rate.holds(49999) && !rate.holds(50000))
        #expect(FailCondition("error-rate>=1%")?.bound == 0.01)
        #expect(FailCondition("p99.9>=1s")?.bound == 1_000_000)
        #expect(FailCondition("max>3")?.bound == 3000)
        let change = try #require(FailCondition("p50>+10%"))
        #expect(change.isChange && change.bound == 0.1)
        for text in ["p99", "p99>", "speed>1", "p101>1", "rps>fast", ">5", "p99=5"] {
            #expect(FailCondition(text) == nil)
        }
    }

    // MARK: Comparing

    private func side(_ value: Double, _ noise: Double?) -> CompareVerb.Side {
        CompareVerb.Side(value: value, noise: noise)
    }

    private func verdict(
        _ metric: BenchMetric, _ before: Double, _ after: Double, noise: Double? = 0.005, threshold: Double = 0.02
    ) -> CompareVerb.Verdict {
        CompareVerb.verdict(metric, side(before, noise), side(after, noise), threshold: threshold)
    }

    @Test("A change counts beyond noise and threshold, in the metric's own direction")
    func verdicts() {
        #expect(verdict(.requestsPerSecond, 100, 95) == .worse)
        #expect(verdict(.requestsPerSecond, 100, 105) == .better)
        #expect(verdict(.percentile(99), 100, 105) == .worse)
        #expect(verdict(.percentile(99), 100, 95) == .better)
        #expect(verdict(.percentile(99), 100, 101.9) == .same)
        #expect(verdict(.percentile(99), 100, 110, noise: 0.05) == .same)
        #expect(verdict(.percentile(99), 100, 110, threshold: 0.2) == .same)
        #expect(verdict(.percentile(99), 100, 110, noise: nil) == .worse)
        #expect(verdict(.errors, 0, 1) == .worse)
        #expect(verdict(.maximum, 100, 900) == .unjudged && verdict(.clientCPU, 100, 900) == .unjudged)
        #expect(CompareVerb.verdict(.serverCPU, side(0, nil), side(1, nil), threshold: 0) == .same)
    }

    private func file(_ runs: [String], version: Int = 1) -> String {
        "{\"schema_version\": \(version), \"tool\": \"a2 bench\", \"runs\": [\(runs.joined(separator: ","))]}"
    }

    private func run(_ rps: Int, p99: Int, series: [Int] = []) -> String {
        let intervals = series.map {
            "{\"length\": 1, \"rps\": \($0), \"p50_us\": 1, \"p99_us\": \(p99), \"p999_us\": 1}"
        }
        return
            "{\"name\": \"SET\", \"rps\": \(rps), \"error_count\": 0, \"latency_us\": {\"p99\": \(p99)}, "
            + "\"series\": [\(intervals.joined(separator: ","))]}"
    }

    @Test("Noise comes from several runs, or from the intervals of one")
    func noise() throws {
        let steady = try BenchFile(text: file([run(100, p99: 5, series: [100, 100, 100, 100])]), path: "a")
        #expect(steady.side("SET", .requestsPerSecond)?.noise == 0)
        let wild = try BenchFile(text: file([run(100, p99: 5, series: [50, 150, 50, 150])]), path: "a")
        let error = try #require(wild.side("SET", .requestsPerSecond)?.noise)
        #expect(abs(error - 0.2887) < 0.001)
        let runs = try BenchFile(text: file([run(90, p99: 5), run(110, p99: 5)]), path: "a")
        let side = try #require(runs.side("SET", .requestsPerSecond))
        #expect(side.value == 100 && abs((side.noise ?? 0) - 0.1) < 0.001)
        #expect(steady.side("SET", .serverCPU) == nil && steady.side("GET", .errors) == nil)
    }

    @Test("Settings that differ are named")
    func settings() throws {
        func file(_ pipeline: Int, seed: Int) throws -> BenchFile {
            let text =
                "{\"schema_version\": 1, \"tool\": \"a2 bench\", \"config\": {\"pipeline\": \(pipeline), "
                + "\"seed\": \"\(seed)\", \"requests\": null}, \"runs\": [{\"name\": \"SET\"}]}"
            return try BenchFile(text: text, path: "x")
        }
        #expect(try file(16, seed: 1).differences(from: try file(4, seed: 2)) == ["pipeline was 16, then 4"])
        #expect(try file(16, seed: 1).differences(from: try file(16, seed: 2)).isEmpty)
    }

    @Test("Files of others, of other versions and broken ones are refused")
    func files() {
        for text in [file([run(1, p99: 1)], version: 2), "{}", "{", file([])] {
            let failure = #expect(throws: BenchFailure.self) { try BenchFile(text: text, path: "x.json") }
            #expect(failure?.exitStatus == 5)
        }
        let failure = #expect(throws: BenchFailure.self) { try BenchFile(text: file([], version: 9), path: "x.json") }
        #expect(failure?.description == "x.json has schema version 9; this a2 reads 1")
    }

    // MARK: Options

    private func options(
        _ values: [(String, String)], verb: BenchOptions.Verb = .run, operands: [String] = []
    ) throws -> BenchOptions {
        try BenchOptions(verb, values.map { (name: $0.0, value: $0.1) }, operands: operands)
    }

    @Test(
        "What makes no sense is refused with a reason",
        arguments: [
            ("clients", "0"), ("clients", "x"), ("port", "65536"), ("mix", "get"), ("mix", "get=0"), ("mix", "fly=1"),
            ("tests", "set,fly"), ("dist", "zipf:0"), ("dist", "round"), ("ramp", "5..1/1@1s"), ("ramp", "1..2"),
            ("rate", "0"), ("arrival", "sometimes"), ("value-size", "9-3"), ("keepalive", "2"), ("hdr", "file.txt"),
            ("percentiles", "50,101"), ("interval", "1ms"), ("fail-if", "p99"), ("fail-if", "p99>+5%"),
            ("partition", "1/2@5s..3s"), ("partition", "1/1@1s..2s"), ("partition", "1/2@1s..2s"), ("seed", "0"),
            ("uri", "http://x"), ("targets", "a:0"), ("max-error-rate", "-1"), ("duration", "soon"),
        ])
    func refused(_ flag: (name: String, value: String)) {
        let failure = #expect(throws: BenchFailure.self) { try options([(flag.name, flag.value)]) }
        #expect(failure?.exitStatus == 2)
    }

    @Test("What excludes each other, and verbs without what they need")
    func combinations() {
        #expect(throws: BenchFailure.self) { try options([("tests", "set"), ("mix", "get=1")]) }
        #expect(throws: BenchFailure.self) { try options([("tests", "set")], operands: ["PING"]) }
        #expect(throws: BenchFailure.self) { try options([("rate", "10"), ("keepalive", "0")]) }
        #expect(throws: BenchFailure.self) { try options([("targets", "a:1")], verb: .converge) }
        #expect(throws: BenchFailure.self) { try options([], verb: .compare, operands: ["a"]) }
        #expect(throws: BenchFailure.self) { try options([], verb: .replay) }
    }

    @Test("Targets have ports, users and databases of their own")
    func targets() throws {
        let parsed = try options([
            ("targets", "h1:7001,redis://bob:pw@h2:7002/3"), ("targets", "[::1]:7003"), ("password", "common"),
            ("connections-per-node", "4"),
        ])
        #expect(parsed.targets.map(\.name) == ["h1:7001", "h2:7002", "[::1]:7003"])
        #expect(parsed.targets.map(\.endpoint.database) == [0, 3, 0])
        #expect(parsed.targets.map(\.endpoint.password) == ["common", "pw", "common"])
        #expect(parsed.targets[1].endpoint.user == "bob" && parsed.clientCount == 12)
        let single = try BenchOptions(.run, [], operands: [], environment: ["REDISCLI_AUTH": "env"])
        #expect(single.targets[0].endpoint.password == "env" && single.requests == 100_000)
    }

    // MARK: Recordings

    @Test("Lines of MONITOR become requests with their times, clients and databases")
    func monitor() throws {
        let log = MonitorLog(
            Array(
                """
                OK
                1339518083.107412 [0 127.0.0.1:60866] "set" "a \\"b\\"" "\\x00\\n\\\\"
                1339518083.107912 [3 127.0.0.1:60867] "GET" "k"
                nonsense
                1339518084.107412 [0 127.0.0.1:60866] "AUTH" "secret"
                1339518084.107412 [0 lua] "get" "k"

                """.utf8))
        let load = log.load
        #expect(log.skippedLines == 1)
        #expect(log.clientCount == 3)
        #expect(load.commandNames == ["SET", "GET"])
        #expect(load.requests.map(\.nanoseconds) == [0, 500_000, 1_000_000_000])
        #expect(load.requests.map(\.database) == [0, 3, 0])
        #expect(load.requests.map(\.client) == [0, 1, 2])
        let first = load.requests[0]
        #expect(
            String(decoding: load.bytes[first.offset..<first.offset + first.count], as: UTF8.self)
                == "*3\r\n$3\r\nset\r\n$5\r\na \"b\"\r\n$3\r\n\0\n\\\r\n")
    }

    // MARK: Increments

    @Test("Lost and doubled increments are told apart from those nobody answered for")
    func increments() {
        var worker = WorkerReport()
        worker.acknowledged = [5, 5, 5, 0]
        worker.unacknowledged = [0, 2, 0, 0]
        #expect(ConvergeCheck([5, 7, 5, nil], [worker], node: 0).isRight)
        let lost = ConvergeCheck([4, 5, nil, nil], [worker], node: 0)
        #expect(lost.lost == 6 && lost.duplicate == 0)
        let doubled = ConvergeCheck([5, 8, 5, 2], [worker], node: 0)
        #expect(doubled.lost == 0 && doubled.duplicate == 3)
    }
}
