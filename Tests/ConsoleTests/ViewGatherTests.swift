/// Gathering from nodes that answer late, wrongly or not at all: a row that says so, and never a hang.
import Base
import RESP
import TestSupport
import Testing

@testable import Console

@Suite struct ViewGatherTests {
    private let limits = ClusterLimits(
        connectMilliseconds: 20_000, silenceMilliseconds: 20_000, digestMilliseconds: 20_000)

    private func endpoint(_ port: Int) -> ClusterEndpoint { ClusterEndpoint(host: "127.0.0.1", port: UInt16(port)) }

    private func read(_ ports: Int...) -> ClusterReading {
        ClusterGatherer(ports.map(endpoint), limits: limits).read()
    }

    private func condition(_ reading: ClusterReading, _ place: Int = 0) -> String {
        if case .silent(let reason) = reading.nodes[place].condition {
            reason
        } else {
            "\(reading.nodes[place].condition)"
        }
    }

    @Test("From one node the others are learned, also over two steps, and stand in order of their ids")
    func discovery() throws {
        let third = try ViewScriptedNode.node(3)
        let first = try ViewScriptedNode.node(1, peers: [(3, "127.0.0.1:\(third.port)")])
        let second = try ViewScriptedNode.node(2, peers: [(1, "127.0.0.1:\(first.port)")])
        let reading = read(second.port)
        #expect(reading.nodes.map(\.label) == ["node-1", "node-2", "node-3"])
        #expect(reading.nodes.allSatisfy(\.isAnswering) && reading.nodes[0].keys == 7)
        #expect(reading.link(reader: 0, writer: 2).lagMilliseconds == 4)
        for node in [first, second, third] { node.close() }
    }

    @Test("A node whose client address nobody was told is named as such")
    func unaddressed() throws {
        let node = try ViewScriptedNode.node(1, peers: [(2, "")])
        let reading = read(node.port)
        #expect(reading.nodes.count == 1 && reading.unaddressed.map(\.id) == [2] && !reading.isWhole)
        node.close()
    }

    @Test("A node that is told of and does not listen has a row, with its name")
    func down() throws {
        let free = try ServerProcess.freePort()
        let node = try ViewScriptedNode.node(1, peers: [(2, "127.0.0.1:\(free)")])
        for reading in [read(node.port), read(node.port, free)] {
            #expect(reading.nodes.map(\.label) == ["node-1", "node-2"])
            #expect(condition(reading, 1) == "cannot connect: Connection refused")
            #expect(reading.link(reader: 1, writer: 0).state == .up, "what the other end says still counts")
        }
        node.close()
    }

    @Test("Silence, before and after the greeting, is told after the limit, and holds nobody up")
    func silence() throws {
        let mute = try ViewScriptedNode { _ in .silence }
        let late = try ViewScriptedNode { $0.hasPrefix("HELLO") ? .bytes("+OK\r\n") : .silence }
        let well = try ViewScriptedNode.node(1)
        var reading = ClusterReading()
        let limits = ClusterLimits(connectMilliseconds: 700, silenceMilliseconds: 700, digestMilliseconds: 700)
        let ports = [mute.port, late.port, well.port]
        let taken = secondsTaken { reading = ClusterGatherer(ports.map(endpoint), limits: limits).read() }
        #expect(taken < 10, "\(taken) s")
        #expect(reading.nodes[0].isAnswering)
        #expect(condition(reading, 1) == "connected, but no answer within 700 ms")
        #expect(condition(reading, 2) == "no answer within 700 ms")
        for node in [mute, late, well] { node.close() }
    }

    @Test("What is no RESP, wants a password or hangs up says so")
    func refusals() throws {
        let cases: [(ViewScriptedNode.Answer, String)] = [
            (.bytes("HTTP/1.1 400 Bad Request\r\n\r\n"), "what answers does not speak RESP"),
            (.bytes("-NOAUTH Authentication required.\r\n"), "NOAUTH Authentication required."),
            (.close, "the connection was closed before it answered"),
        ]
        for (answer, reason) in cases {
            let node = try ViewScriptedNode { _ in answer }
            #expect(condition(read(node.port)) == reason)
            node.close()
        }
    }

    @Test("A server from before HELLO is asked in the older protocol, with its password")
    func oldServer() throws {
        let node = try ViewScriptedNode { command in
            if command.hasPrefix("HELLO") { return .bytes("-ERR unknown command 'HELLO'\r\n") }
            if command.hasPrefix("AUTH") { return .bytes("+OK\r\n") }
            if command == "INFO" { return .bytes(ViewScriptedNode.bulk("redis_version:5.0.7\r\n")) }
            return .bytes("-ERR unknown command 'A2.PEERS'\r\n")
        }
        var seed = endpoint(node.port)
        seed.password = "secret"
        let reading = ClusterGatherer([seed], limits: limits).read()
        #expect(reading.nodes[0].condition == .foreign("Redis 5.0.7"))
        #expect(node.seen == ["HELLO 3 AUTH default secret", "AUTH secret", "INFO", "A2.PEERS"])
        node.close()
    }

    @Test("A node that comes back is asked over a new connection")
    func reconnect() throws {
        let node = try ViewScriptedNode.node(1, more: { _ in .close })
        let gatherer = ClusterGatherer([endpoint(node.port)], limits: limits)
        #expect(gatherer.read().nodes[0].isAnswering)
        guard case .failure(let reason) = gatherer.ask([0: [[Array("X".utf8)]]])[0] else {
            Issue.record("no failure")
            return
        }
        #expect(reason == "the connection was closed")
        #expect(gatherer.read().nodes[0].isAnswering)
        node.close()
    }

    @Test("A loopback address told by another machine's node is taken for that machine")
    func sibling() {
        let far = ClusterEndpoint(host: "db.example.org", port: 6379, username: "u", password: "p")
        #expect(
            far.sibling("127.0.0.1:7002")
                == ClusterEndpoint(host: "db.example.org", port: 7002, username: "u", password: "p"))
        #expect(far.sibling("10.0.0.2:7002")?.address == "10.0.0.2:7002")
        #expect(ClusterEndpoint(host: "127.0.0.1", port: 1).sibling("[::1]:7002")?.address == "[::1]:7002")
        #expect(far.sibling("") == nil)
    }

    @Test("Whoever is stopped while waiting leaves at once")
    func stopped() throws {
        let mute = try ViewScriptedNode { _ in .silence }
        let gatherer = ClusterGatherer([endpoint(mute.port)], limits: ClusterLimits())
        gatherer.isStopped = { true }
        var reading = ClusterReading()
        #expect(secondsTaken { reading = gatherer.read() } < 1)
        #expect(condition(reading) == "given up")
        mute.close()
    }
}
