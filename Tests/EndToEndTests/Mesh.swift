/// Several nodes of one cluster as real processes on the loopback, linked with nothing but one --peer each.
import Base
import Foundation
import TestSupport

final class Mesh {
    private(set) var nodes: [ServerProcess?] = []
    let peerPorts: [Int]
    private let settings: [(name: String, value: String)]

    init(_ count: Int, settings: [(name: String, value: String)] = []) throws {
        self.settings = settings
        peerPorts = try (0..<count).map { _ in try ServerProcess.freePort() }
        for number in 0..<count { nodes.append(try launch(number)) }
    }

    /// Node ids begin with 1; each node is told one other, the first one the second.
    private func launch(_ number: Int) throws -> ServerProcess {
        let seed = number == 0 ? 1 : 0
        var all = [
            (name: "node-id", value: "\(number + 1)"), (name: "peer-port", value: "\(peerPorts[number])"),
            (name: "enable-debug-command", value: "local"),
        ]
        if peerPorts.count > 1 { all.append((name: "peer", value: "127.0.0.1:\(peerPorts[seed])")) }
        return try ServerProcess.start(.a2, .init(settings: all + settings))
    }

    func node(_ number: Int) throws -> ServerProcess {
        guard let node = nodes[number] else { throw TestSupportError("node \(number + 1) is down") }
        return node
    }

    func connect(_ number: Int) throws -> RESPClient { try node(number).connect() }

    func kill(_ number: Int) throws {
        try node(number).process.signal(SIGKILL)
        try node(number).process.waitForExit(seconds: 10)
        nodes[number] = nil
    }

    func restart(_ number: Int) throws { nodes[number] = try launch(number) }

    /// Waits until a node takes writes.
    func waitUntilWritable(_ number: Int, seconds: Double = 15) throws {
        let client = try connect(number)
        let isWritable = try poll(forSeconds: seconds) { try client.call("SET", "writable:\(number)", "yes") == .ok }
        guard isWritable else { throw TestSupportError("node \(number + 1) takes no writes:\n\(try node(number).log)") }
    }

    func waitUntilAllWritable() throws { for number in nodes.indices { try waitUntilWritable(number) } }

    func digest(_ number: Int) throws -> String {
        let reply = try connect(number).call("A2.DIGEST")
        guard let text = reply.string else { throw TestSupportError("A2.DIGEST: \(reply)") }
        return text
    }

    /// Waits until all nodes that are up show the same.
    func waitUntilEqual(seconds: Double = 20) throws {
        var digests: [String] = []
        let isEqual = try poll(forSeconds: seconds) {
            digests = try nodes.indices.filter { nodes[$0] != nil }.map { try digest($0) }
            return Set(digests).count == 1
        }
        guard isEqual else {
            let logs = nodes.compactMap { $0?.log }.joined(separator: "\n----\n")
            throw TestSupportError("the digests do not become equal: \(digests)\n\(logs)")
        }
    }
}
