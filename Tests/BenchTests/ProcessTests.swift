/// `a2 bench` as a process, against redis-server and real nodes.
import Base
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Bench

@Suite(.serialized) struct ProcessTests {
    private func bench(_ words: String..., seconds: Double = 60) throws -> (exit: ChildProcess.Exit, output: String) {
        try ChildProcess.run(try TestEnvironment.a2Binary(), ["bench"] + words, seconds: seconds)
    }

    private func document(_ path: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test("Its JSON has what its schema promises, and compares with itself as the same")
    func schema() throws {
        let redis = try ServerProcess.start(.redis)
        let directory = try TemporaryDirectory()
        let path = directory.file("run.json")
        let run = try bench(
            "-p", "\(redis.port)", "-t", "set,get", "-n", "3000", "-P", "4", "-r", "100", "-q", "--interval", "20ms",
            "--runs",
            "2", "--json", path, "--hdr", directory.file("run.hlog"), "--fail-if", "errors>0")
        #expect(run.exit == .exited(0), "\(run.output)")
        #expect(run.output.contains("SET: ") && run.output.contains(" requests per second, p50="))
        let report = try document(path)
        let wanted: Set = [
            "schema_version", "tool", "version", "verb", "started_unix_ms", "interrupted", "flags", "operands",
            "config",
            "host", "servers", "runs", "failed",
        ]
        #expect(wanted.isSubset(of: report.keys))
        let runs = try #require(report["runs"] as? [[String: Any]])
        #expect(runs.compactMap { $0["name"] as? String } == ["SET", "SET", "GET", "GET"])
        let keys: Set = [
            "name", "loop", "seconds", "requests", "rps", "error_count", "error_rate", "errors", "nulls",
            "wrong_replies",
            "client", "server_cpu_us_per_request", "latency_us", "service_us", "commands", "nodes", "series",
            "histogram",
        ]
        for run in runs { #expect(keys.isSubset(of: run.keys) && run["requests"] as? Int == 3000) }
        let latency = try #require(runs[0]["latency_us"] as? [String: Double])
        #expect(Set(["avg", "min", "p50", "p90", "p95", "p99", "p99.9", "max"]).isSubset(of: latency.keys))
        let server = try #require((report["servers"] as? [[String: Any]])?.first)
        #expect((server["before"] as? [String: String])?["redis_version"] != nil && server["after"] != nil)
        let log = try String(contentsOfFile: directory.file("run.hlog"), encoding: .utf8)
        #expect(log.contains("Tag=SET,") && log.contains(",HISTF"))
        let same = try bench("compare", path, path)
        #expect(same.exit == .exited(0) && same.output.contains("No regression."), "\(same.output)")
    }

    @Test("A slower run is a regression")
    func regression() throws {
        let directory = try TemporaryDirectory()
        func file(_ name: String, _ rps: Int) throws -> String {
            let series = (0..<5).map {
                "{\"length\": 1, \"rps\": \(rps + $0), \"p50_us\": 1, \"p99_us\": 1, \"p999_us\": 1}"
            }
            return try directory.write(
                "{\"schema_version\": 1, \"tool\": \"a2 bench\", \"runs\": [{\"name\": \"SET\", \"rps\": \(rps), "
                    + "\"error_count\": 0, \"series\": [\(series.joined(separator: ","))]}]}", to: name)
        }
        let (fast, slow) = (try file("fast.json", 1000), try file("slow.json", 800))
        let worse = try bench("compare", fast, slow)
        #expect(worse.exit == .exited(1) && worse.output.contains("REGRESSION: SET rps"), "\(worse.output)")
        #expect(try bench("compare", slow, fast).exit == .exited(0))
        #expect(try bench("compare", fast, slow, "--threshold", "30%").exit == .exited(0))
        #expect(try bench("compare", slow, fast, "--fail-if", "rps>+10%").exit == .exited(1))
        // A condition about what no file has is not taken for met.
        #expect(try bench("compare", slow, fast, "--fail-if", "p99.9>1s").exit == .exited(1))
        #expect(try bench("compare", fast, directory.file("none.json")).exit == .exited(2))
        #expect(try bench("compare", fast, try directory.write("{}", to: "other.json")).exit == .exited(5))
    }

    @Test("Exit codes say what went wrong")
    func exitCodes() throws {
        let redis = try ServerProcess.start(.redis, .init(password: "secret"))
        let port = "\(redis.port)"
        #expect(try bench("-p", port, "-n", "10", "-t", "set", "-q").exit == .exited(4))
        #expect(try bench("-p", port, "-a", "wrong", "-n", "10", "-t", "set", "-q").exit == .exited(4))
        #expect(try bench("-p", port, "-a", "secret", "-n", "10", "-t", "set", "-q").exit == .exited(0))
        #expect(
            try bench("-p", port, "-a", "secret", "-n", "10", "-q", "--fail-if", "p50>0us", "PING").exit == .exited(1))
        #expect(try bench("-p", port, "-a", "secret", "-n", "10", "-q", "NONSENSE").exit == .exited(1))
        #expect(
            try bench("-p", port, "-a", "secret", "-n", "10", "-q", "--max-error-rate", "100%", "NONSENSE").exit
                == .exited(0))
        #expect(try bench("-p", "\(try ServerProcess.freePort())", "-n", "10", "-q").exit == .exited(3))
        #expect(try bench("-n", "x").exit == .exited(2))
        #expect(try bench("converge", "--targets", "a:1").exit == .exited(2))
        let csv = try bench("-p", port, "-a", "secret", "-n", "10", "--csv", "-t", "set", "-3", "--dbnum", "2")
        #expect(csv.output.hasPrefix("\"test\",\"rps\",\"avg_latency_ms\"") && csv.output.contains("\n\"SET\",\""))
    }

    @Test("Ctrl-C prints what was measured so far")
    func interrupted() throws {
        let redis = try ServerProcess.start(.redis)
        let directory = try TemporaryDirectory()
        let child = try ChildProcess(
            try TestEnvironment.a2Binary(),
            [
                "bench", "-p", "\(redis.port)", "--duration", "1h", "-t", "set", "-q", "--json",
                directory.file("run.json"),
            ],
            outputPath: directory.file("output"))
        let client = try redis.connect()
        let isRunning = try poll(forSeconds: 20) { try client.call("EXISTS", "key:__rand_int__").integerValue == 1 }
        #expect(isRunning)
        child.signal(SIGINT)
        #expect(child.waitForExit(seconds: 10) == .exited(130))
        #expect(child.output.contains("SET: "))
        #expect(try document(directory.file("run.json"))["interrupted"] as? Bool == true)
    }

    @Test("A recording of MONITOR is sent again in its order and its databases")
    func replay() throws {
        let redis = try ServerProcess.start(.redis)
        let directory = try TemporaryDirectory()
        let recording = (0..<50).map {
            "100.\(String(format: "%06d", $0 * 2000)) [3 127.0.0.1:\(1 + $0 % 2)] \"rpush\" \"l\($0 % 2)\" \"\($0)\"\n"
        }.joined()
        let path = try directory.write("OK\n" + recording, to: "monitor.txt")
        for (speed, list) in [("1", 25), ("max", 50)] {
            let began = ContinuousClock.now
            let run = try bench("replay", "-p", "\(redis.port)", "-q", "--speed", speed, path)
            #expect(run.exit == .exited(0), "\(run.output)")
            if speed == "1" { #expect(ContinuousClock.now - began >= .milliseconds(98)) }
            let client = try redis.connect()
            _ = try client.call("SELECT", "3")
            let elements = try client.call("LRANGE", "l0", "0", "-1").elements?.compactMap(\.string) ?? []
            #expect(elements.count == list)
            #expect(Array(elements.suffix(25)) == (0..<25).map { "\($0 * 2)" })
        }
    }

    @Test("Every way of choosing load, keys and nodes is taken")
    func flags() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("redis.sock")
        let nodes = [
            try ServerProcess.start(.redis, .init(settings: [("unixsocket", path)])), try ServerProcess.start(.redis),
        ]
        let one = ["-p", "\(nodes[0].port)"]
        func both(_ database: Int) -> [String] {
            ["--targets", nodes.map { "redis://127.0.0.1:\($0.port)/\(database)" }.joined(separator: ",")]
        }
        let cases: [[String]] = [
            ["-s", path, "-n", "200", "-t", "set"], one + ["-n", "200", "-k", "0", "-t", "ping"],
            one + ["--ramp", "500..1500/500@100ms", "-t", "incr"],
            one + ["--rate", "2000", "--arrival", "poisson", "--duration", "200ms", "-t", "get", "--threads", "2"],
            one + ["--mix", "get=9,set=1", "--dist", "zipf:0.9", "-d", "1-64", "-n", "500", "--verify", "-P", "8"],
            one + ["--dist", "latest", "-n", "200", "-t", "set,get", "--key-prefix", "p:"],
            one + ["--dist", "hotspot:0.1:0.9", "-r", "50", "--seed", "7", "-n", "200", "-t", "mset"],
            both(1) + ["--spread", "round-robin", "-c", "3", "-n", "400", "-t", "incr", "--warmup", "50ms"],
            both(2) + ["--connections-per-node", "2", "-n", "400", "-t", "incr", "--threads", "2"],
            one + ["-n", "100", "-r", "10", "EVAL", "return {ARGV[1],{1,2}}", "0", "{rand 5}"],
        ]
        for words in cases {
            let run = try ChildProcess.run(try TestEnvironment.a2Binary(), ["bench", "-q"] + words)
            #expect(run.exit == .exited(0) && run.output.contains("requests per second"), "\(words): \(run.output)")
        }
        // Clients that take turns send every node the same.
        let sent = try nodes.map { node in
            let client = try node.connect()
            _ = try client.call("SELECT", "1")
            return try client.call("GET", "counter:__rand_int__").string.flatMap { Int($0) } ?? 0
        }
        #expect(sent.reduce(0, +) >= 400 && abs(sent[0] - sent[1]) < 300, "\(sent)")
        let table = try bench(
            "-p", "\(nodes[0].port)", "-n", "100", "-t", "set", "-q", "--hdr", directory.file("run.hgrm"))
        #expect(table.exit == .exited(0), "\(table.output)")
        #expect(try String(contentsOfFile: directory.file("run.hgrm"), encoding: .utf8).contains("#[Max     ="))
    }

    @Test("Load fills every key and says when one is missing; a run after it finds all values right")
    func load() throws {
        let redis = try ServerProcess.start(.redis)
        let port = "\(redis.port)"
        let run = try bench("load", "-p", port, "-r", "5000", "-d", "10-30", "--verify", "-q", "--threads", "2")
        #expect(run.exit == .exited(0), "\(run.output)")
        let client = try redis.connect()
        #expect(try client.call("DBSIZE").integerValue == 5000)
        let words = ["-p", port, "-r", "5000", "-d", "10-30", "--verify", "-q", "-t", "get", "-n", "2000"]
        #expect(try ChildProcess.run(try TestEnvironment.a2Binary(), ["bench"] + words).exit == .exited(0))
        for key in 0..<5000 { _ = try client.call("SETRANGE", keyName("key:", key), "2", "~") }
        let wrong = try ChildProcess.run(try TestEnvironment.a2Binary(), ["bench"] + words)
        #expect(wrong.exit == .exited(1) && wrong.output.contains("wrong replies"), "\(wrong.output)")
    }

    @Test("The password is asked for on the terminal where that is wanted")
    func askingForPassword() throws {
        let redis = try ServerProcess.start(.redis, .init(password: "secret"))
        for (answer, status) in [("secret", 0), ("public", 4)] as [(String, Int32)] {
            let terminal = try PseudoTerminal(
                try TestEnvironment.a2Binary(),
                ["bench", "-p", "\(redis.port)", "--askpass", "-n", "100", "-q", "PING"])
            try terminal.wait(for: "Password: ")
            try terminal.type(answer + "\r")
            #expect(terminal.waitForExit() == status && !terminal.output.contains(answer))
        }
    }
}
