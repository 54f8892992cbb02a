/// Three real nodes, and the console's views of them: within the test's own process, or by the program.
import Base
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Console

/// Three nodes on the loopback that know each other.
final class ClusterTrio {
    let nodes: [ServerProcess]

    init() throws {
        let ports = try (0..<3).map { _ in try ServerProcess.freePort() }
        nodes = try (0..<3).map { index in
            let settings = [
                (name: "node-id", value: "\(index + 1)"), (name: "peer-port", value: "\(ports[index])"),
                (name: "region", value: ["eu", "us", "ap"][index]), (name: "enable-debug-command", value: "local"),
                (name: "repair-interval", value: "3600"),
                (name: "peer", value: "127.0.0.1:\(ports[index == 0 ? 1 : 0])"),
            ]
            return try ServerProcess.start(.a2, .init(settings: settings, threads: 1))
        }
        for (index, node) in nodes.enumerated() {
            let client = try node.connect()
            let isReady = try poll(forSeconds: 20) {
                guard try client.call("SET", "ready:\(index)", "yes") == .ok else { return false }
                let peers = try client.call("INFO", "a2").string ?? ""
                return peers.contains("a2_peers_up:2\r\n")
            }
            guard isReady else { throw TestSupportError("node \(index + 1) is not ready:\n\(node.log)") }
        }
    }

    func call(_ index: Int, _ words: String...) throws -> Reply {
        try nodes[index].connect().call(bytes: words.map { Array($0.utf8) })
    }

    /// Runs a command of the console against node 1 and returns what it printed.
    func console(_ line: String, isJSON: Bool = true) throws -> (status: Int32, text: String) {
        let words = line.split(separator: " ").map(String.init)
        let printed = Mutex("")
        var context = ViewContext(endpoints: [ClusterEndpoint(host: "127.0.0.1", port: UInt16(nodes[0].port))])
        context.isJSON = isJSON
        context.print = { text in printed.withLock { $0 += text } }
        let command = try #require(ViewCommand.named(words[0]))
        let status = try command.run(words.dropFirst().map { Array($0.utf8) }, context)
        return (status, printed.withLock { $0 })
    }

    /// The same as a document.
    func document(_ line: String) throws -> (status: Int32, members: [String: Any]) {
        let (status, text) = try console(line)
        let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return (status, try #require(value as? [String: Any], "\(text)"))
    }

    /// The same by the program itself.
    func program(_ line: String, _ flags: String...) throws -> (exit: ChildProcess.Exit, text: String) {
        let node = ["console", "--node", "127.0.0.1:\(nodes[0].port)"]
        let result = try ChildProcess.run(try TestEnvironment.a2Binary(), node + flags + ["-c", ":" + line])
        return (result.exit, result.output)
    }
}
