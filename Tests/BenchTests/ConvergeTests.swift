/// `a2 bench converge` over real nodes that agree, and over scripted ones that do not.
import Base
import Foundation
import TestSupport
import Testing

@testable import Bench

@Suite(.serialized) struct ConvergeTests {
    private func converge(_ words: [String]) throws -> (exit: ChildProcess.Exit, output: String, report: [String: Any])
    {
        let directory = try TemporaryDirectory()
        let path = directory.file("report.json")
        let run = try ChildProcess.run(
            try TestEnvironment.a2Binary(), ["bench", "converge", "--json", path] + words, seconds: 60)
        guard let data = FileManager.default.contents(atPath: path),
            let document = try JSONSerialization.jsonObject(with: data) as? [String: Any],
            let report = document["converge"] as? [String: Any]
        else { return (run.exit, run.output, [:]) }
        return (run.exit, run.output, report)
    }

    @Test("Two nodes, parted for a while, end with every increment, and all is measured")
    func realNodes() throws {
        let ports = try (0..<2).map { _ in try ServerProcess.freePort() }
        let nodes = try (0..<2).map { number in
            try ServerProcess.start(
                .a2,
                .init(
                    settings: [
                        ("node-id", "\(number + 1)"), ("peer-port", "\(ports[number])"),
                        ("peer", "127.0.0.1:\(ports[1 - number])"), ("enable-debug-command", "local"),
                    ], threads: 1))
        }
        for node in nodes {
            let client = try node.connect()
            let isWritable = try poll(forSeconds: 20) { try client.call("SET", "writable", "yes") == .ok }
            try #require(isWritable, "\(node.log)")
        }
        let targets = nodes.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let run = try converge([
            "--targets", targets, "--duration", "2s", "-c", "4", "--rate", "2000", "--partition", "1/2@300ms..800ms",
        ])
        #expect(run.exit == .exited(0), "\(run.output)")
        #expect(run.report["is_correct"] as? Bool == true && run.report["compared_by"] as? String == "digest")
        #expect((run.report["drain_seconds"] as? Double).map { $0 < 20 } == true)
        let pairs = try #require(run.report["visibility"] as? [[String: Any]])
        #expect(pairs.count == 2)
        for pair in pairs {
            #expect((pair["samples"] as? Int ?? 0) > 10 && (pair["p99_us"] as? Int ?? 0) > 0, "\(run.output)")
        }
        let partitions = try #require(run.report["partitions"] as? [[String: Any]])
        #expect(partitions.count == 1 && partitions[0]["heal_seconds"] is Double, "\(run.output)")
        // Half a second of writes waited.
        #expect((partitions[0]["peak_backlog_bytes"] as? Int ?? 0) > 10_000, "\(run.output)")
        #expect((run.report["replication_bytes"] as? Int ?? 0) > 10_000)
        // Its keys are gone again.
        let isEmpty = try poll(forSeconds: 10) {
            try nodes.allSatisfy { try $0.connect().call("KEYS", "a2bench:*").elements?.isEmpty == true }
        }
        #expect(isEmpty)
        let unknown = try converge(["--targets", targets, "--duration", "1s", "--partition", "1/9@0s..1s"])
        #expect(unknown.exit == .exited(2) && unknown.output.contains("node 9"), "\(unknown.output)")
    }

    @Test("One increment in a hundred that is acknowledged and dropped is found")
    func plantedLoss() throws {
        // Both ports lead to one store: what one node has, the other shows at once.
        let store = ScriptedStore(dropsEvery: 100)
        let servers = try (0..<2).map { _ in try ScriptedServer { store.reply($0) } }
        defer { for server in servers { server.stop() } }
        let targets = servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let run = try converge(["--targets", targets, "-n", "2000", "-c", "4", "--drain-timeout", "5s"])
        #expect(run.exit == .exited(1) && run.output.contains("20 increments lost"), "\(run.output)")
        let checks = try #require(run.report["correctness"] as? [[String: Any]])
        #expect(checks.map { $0["lost"] as? Int } == [20, 20] && checks.map { $0["duplicate"] as? Int } == [0, 0])
        #expect(run.report["compared_by"] as? String == "values")
    }

    @Test("Nodes that never become the same are told, and that nothing was seen")
    func plantedDifference() throws {
        let stores = [ScriptedStore(), ScriptedStore()]
        let servers = try stores.map { store in try ScriptedServer { store.reply($0) } }
        defer { for server in servers { server.stop() } }
        let targets = servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let run = try converge(["--targets", targets, "-n", "500", "-c", "2", "--drain-timeout", "300ms"])
        #expect(run.exit == .exited(1) && run.output.contains("the nodes are not the same"), "\(run.output)")
        #expect(run.report["drain_seconds"] is NSNull)
    }
}
