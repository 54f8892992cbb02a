/// A node made of a snapshot, back among those who went on without it.
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Restored {
        private struct Node {
            let number: Int
            let peerPort: Int
            let seed: Int
            let directory: TemporaryDirectory

            func start() throws -> ChildProcess {
                try ChildProcess(
                    try TestEnvironment.a2Binary(),
                    [
                        "serve", "--data-dir", directory.file("data"), "--node-id", "\(number)", "--port", "\(port)",
                        "--peer-port", "\(peerPort)", "--peer", "127.0.0.1:\(seed)", "--threads", "1",
                    ], outputPath: directory.file("log"))
            }

            let port: Int

            func connect() throws -> RESPClient {
                var client: RESPClient?
                let isUp = poll(forSeconds: 20) {
                    client = try? RESPClient(port: port)
                    return (try? client?.call("PING")) == .simple(Array("PONG".utf8))
                }
                guard isUp, let client else { throw TestSupportError("node \(number) does not answer") }
                return client
            }

            func waitUntilWritable(_ client: RESPClient) throws {
                let isWritable = try poll(forSeconds: 20) { try client.call("SET", "writable\(number)", "y") == .ok }
                guard isWritable else { throw TestSupportError("node \(number) takes no writes") }
            }
        }

        private func equal(_ left: RESPClient, _ right: RESPClient) throws {
            let isEqual = try poll(forSeconds: 30) { try left.call("A2.DIGEST") == right.call("A2.DIGEST") }
            #expect(isEqual)
        }

        @Test(
            "An old snapshot of a node, restored into the running cluster, brings nothing back",
            arguments: [false, true])
        func oldSnapshot(isSettled: Bool) throws {
            let directory = try TemporaryDirectory()
            let peerPorts = try (0..<2).map { _ in try ServerProcess.freePort() }
            let nodes = try (0..<2).map { index in
                Node(
                    number: index + 1, peerPort: peerPorts[index], seed: peerPorts[1 - index],
                    directory: try TemporaryDirectory(), port: try ServerProcess.freePort())
            }
            var processes = try nodes.map { try $0.start() }
            defer { for process in processes { process.signal(9) } }
            var first = try nodes[0].connect()
            let second = try nodes[1].connect()
            try nodes[0].waitUntilWritable(first)
            try nodes[1].waitUntilWritable(second)
            for _ in 0..<3 { #expect(try !first.call("INCR", "count").isError) }
            #expect(try first.call("MSET", "text", "old", "gone", "old", "kept", "old") == .ok)
            func waitUntilSettled() throws {
                guard isSettled else { return }
                let isPlain = try poll(forSeconds: 20) {
                    guard case .array(let parts) = try first.call("A2.META", "count") else { return false }
                    return parts.count > 3 && parts[3].string != "counter"
                }
                #expect(isPlain)
            }
            try waitUntilSettled()
            let snapshot = directory.file("old.a2s")
            let saved = try ChildProcess.run(
                try TestEnvironment.a2Binary(),
                ["snapshot", "save", "--node", "127.0.0.1:\(nodes[0].port)", "-o", snapshot, "-q"])
            #expect(saved.exit == .exited(0), "\(saved.output)")
            #expect(try first.call("INCR", "count") == .integer(4))
            #expect(try first.call("SET", "text", "new") == .ok)
            #expect(try first.call("DEL", "gone") == .integer(1))
            try equal(first, second)
            try waitUntilSettled()
            processes[0].signal(15)
            processes[0].waitForExit(seconds: 10)
            #expect(try second.call("INCR", "count") == .integer(5))
            try FileManager.default.removeItem(atPath: nodes[0].directory.file("data"))
            let restored = try ChildProcess.run(
                try TestEnvironment.a2Binary(),
                ["snapshot", "restore", snapshot, "--data-dir", nodes[0].directory.file("data")])
            #expect(restored.exit == .exited(0), "\(restored.output)")
            processes[0] = try nodes[0].start()
            first = try nodes[0].connect()
            try nodes[0].waitUntilWritable(first)
            #expect(try first.call("INCR", "count") == .integer(6))
            try equal(first, second)
            for client in [first, second] {
                #expect(try client.call("GET", "count").string == "6")
                #expect(try client.call("GET", "text").string == "new")
                #expect(try client.call("EXISTS", "gone") == .integer(0))
                #expect(try client.call("GET", "kept").string == "old")
                let info = try client.call("INFO", "a2").string ?? ""
                #expect(info.contains("a2_keys_diverged:0") && info.contains("a2_forks:0"))
            }
        }
    }
}
