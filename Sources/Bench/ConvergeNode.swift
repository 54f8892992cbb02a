/// What converging asks of a node: who it is, whether it is equal to others, what waits for others.
import Base
import Client
import OS
import RESP

struct ConvergeNode: Sendable {
    let target: LoadTarget
    /// a2's node id; of a server that has none its place in the list.
    let id: Int
    /// Speaks A2.DIGEST.
    let hasDigest: Bool

    init(_ target: LoadTarget, number: Int) throws(BenchFailure) {
        self.target = target
        let connection = try ControlConnection(target)
        let info = try connection.call("INFO", "everything")
        id = ServerInfo(info.text ?? "")["a2_node_id"].flatMap { Int($0) } ?? number + 1
        if case .error = try connection.call("A2.DIGEST") { hasDigest = false } else { hasDigest = true }
    }
}

/// A connection to every node, of one thread.
struct ConvergeConnections {
    let all: [ControlConnection]

    init(_ nodes: [ConvergeNode], timeoutMilliseconds: Int = 10_000) throws(BenchFailure) {
        all = try nodes.map { node throws(BenchFailure) in
            try ControlConnection(node.target, timeoutMilliseconds: timeoutMilliseconds)
        }
    }

    /// What every node has of the numbered keys of a prefix; nil where there is no number.
    static func values(
        _ connection: ControlConnection, prefix: String, count: Int
    ) throws(BenchFailure) -> [Int64?] {
        var values: [Int64?] = []
        values.reserveCapacity(count)
        for start in stride(from: 0, to: count, by: 500) {
            var words = [Array("MGET".utf8)]
            for key in start..<min(start + 500, count) { words.append(Array(keyName(prefix, key).utf8)) }
            let reply = try connection.call(words)
            guard let elements = reply.elements, elements.count == words.count - 1 else {
                throw BenchFailure(
                    description: "\(connection.target.name): MGET: \(reply.text ?? "an unexpected reply")",
                    exitStatus: 1)
            }
            values += elements.map(\.integer)
        }
        return values
    }

    /// Whether all nodes are the same now: their digests, or where one has none the values of the keys.
    func areEqual(_ nodes: [ConvergeNode], prefix: String, count: Int) throws(BenchFailure) -> Bool {
        if nodes.allSatisfy(\.hasDigest) {
            var first: String?
            for connection in all {
                let digest = try connection.call("A2.DIGEST").text ?? ""
                if let first, first != digest { return false }
                first = digest
            }
            return true
        }
        var first: [Int64?]?
        for connection in all {
            let values = try Self.values(connection, prefix: prefix, count: count)
            if let first, first != values { return false }
            first = values
        }
        return true
    }

    struct Backlog: Sendable {
        var frames: Int64 = 0
        var bytes: Int64 = 0
        var lagMilliseconds: Int64 = 0
    }

    /// What the node furthest behind has still to get.
    func backlog() throws(BenchFailure) -> Backlog {
        var most = Backlog()
        for connection in all {
            for peer in try connection.call("A2.PEERS").elements ?? [] {
                most.frames = max(most.frames, peer["pending-frames"]?.integer ?? 0)
                most.bytes = max(most.bytes, peer["pending-bytes"]?.integer ?? 0)
                most.lagMilliseconds = max(most.lagMilliseconds, peer["lag-ms"]?.integer ?? 0)
            }
        }
        return most
    }

    /// Bytes all nodes have sent each other so far.
    func bytesSent() throws(BenchFailure) -> Int64 {
        var sum: Int64 = 0
        for connection in all {
            for peer in try connection.call("A2.PEERS").elements ?? [] { sum += peer["bytes-sent"]?.integer ?? 0 }
        }
        return sum
    }
}

enum Pause {
    /// Not for a loop.
    static func seconds(_ seconds: Double) {
        guard let poller = try? Poller(capacity: 1) else { return }
        _ = poller.wait(timeoutNanoseconds: Int64(seconds * 1e9))
    }
}
