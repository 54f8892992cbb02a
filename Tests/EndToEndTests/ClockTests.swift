/// Clocks that are ahead, and clocks that are set while nodes run.
import Foundation
import TestSupport
import Testing

@Suite struct ClockTests {
    private func shimmed(_ directory: TemporaryDirectory, seconds: Int) throws -> [String: String] {
        [
            "LD_PRELOAD": try Shim.clock.build(in: directory),
            "SET_CLOCK_FILE": try directory.write("\(seconds)", to: "offset"),
        ]
    }

    private func hasRoundTrip(_ client: RESPClient) throws -> Bool {
        let fields = try client.call("A2.PEERS").elements?.first?.elements ?? []
        let name = fields.firstIndex { $0.string == "rtt-ms" }
        return name.map { fields[$0 + 1].integerValue ?? -1 >= 0 } ?? false
    }

    private func linked(_ own: Int, _ ports: [Int]) -> [String] {
        ["--node-id", "\(own + 1)", "--peer-port", "\(ports[own])", "--peer", "127.0.0.1:\(ports[1 - own])"]
    }

    @Test("Behind a peer whose clock is ahead no stamp is given that the disk does not know of")
    func peerAhead() throws {
        let (directory, other) = (try TemporaryDirectory(), try TemporaryDirectory())
        let ports = [try ServerProcess.freePort(), try ServerProcess.freePort()]
        let ahead = try DurableServer(in: other, linked(1, ports), environment: try shimmed(other, seconds: 20))
        let server = try DurableServer(in: directory, linked(0, ports))
        let (far, near) = (try ahead.connect(), try server.connect())
        #expect(try poll(forSeconds: 30) { try far.call("SET", "key", "1") == .ok })
        #expect(try poll(forSeconds: 30) { try near.call("GET", "key").string == "1" })
        let written = try #require(try near.increment("key"))
        #expect(written > nowMilliseconds() + 10_000, "the peer's clock is not ahead")
        #expect(try directory.leaseMilliseconds() > written)
        ahead.end(SIGTERM)
        server.end(SIGTERM)
    }

    @Test("A clock that is set back stops nothing: timeouts, expiry, rates and the log go on")
    func clockSetBack() throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(in: directory, environment: try shimmed(directory, seconds: 0))
        let (client, other) = (try server.connect(), try server.connect())
        #expect(try client.call("SET", "before", "1") == .ok)
        _ = try directory.write("-3600", to: "offset")
        // The hour is waited for by nobody.
        client.timeoutSeconds = 20
        #expect(try client.call("SET", "fleeting", "1", "PX", "1") == .ok)
        #expect(try client.call("WAIT", "1", "100") == .integer(0))
        #expect(try client.call("CLIENT", "PAUSE", "200", "ALL") == .ok)
        #expect(try client.call("GET", "before").string == "1")
        let isSwept = try poll(forSeconds: 20) { try other.call("DBSIZE") == .integer(1) }
        #expect(isSwept, "what has expired is still there")
        let logEnd = try #require(Int(try server.info("a2_log_end")))
        #expect(try client.call("SET", "after", "1") == .ok)
        let isTold = try poll(forSeconds: 20) { try Int(server.info("a2_log_end")) ?? 0 > logEnd }
        #expect(isTold, "INFO persistence stands still")
        server.end(SIGTERM)
    }

    @Test("Nodes whose clocks are all set back go on telling each other what they write")
    func allSetBack() throws {
        let directories = [try TemporaryDirectory(), try TemporaryDirectory()]
        let ports = [try ServerProcess.freePort(), try ServerProcess.freePort()]
        let servers = try (0..<2).map { number in
            try DurableServer(
                in: directories[number], linked(number, ports),
                environment: try shimmed(directories[number], seconds: 3600))
        }
        let clients = try servers.map { try $0.connect() }
        #expect(try poll(forSeconds: 30) { try clients[0].call("SET", "before", "1") == .ok })
        #expect(try poll(forSeconds: 30) { try clients[1].call("GET", "before").string == "1" })
        // Each has heard what the other's clock says.
        for client in clients { #expect(try poll(forSeconds: 30) { try hasRoundTrip(client) }) }
        for directory in directories { _ = try directory.write("0", to: "offset") }
        for (number, client) in clients.enumerated() {
            // Whose clock is set back later leads the other's until then, and takes no writes.
            #expect(try poll(forSeconds: 30) { try client.call("SET", "after:\(number)", "1") == .ok })
            let isThere = try poll(forSeconds: 30) {
                try clients[1 - number].call("GET", "after:\(number)").string == "1"
            }
            #expect(isThere, "what node \(number + 1) wrote is held")
        }
        for server in servers { server.end(SIGTERM) }
    }
}
