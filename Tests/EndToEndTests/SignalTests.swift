/// How a server ends, and how it does not.
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Signals {
        @Test("SIGTERM ends the server in order: whole replies, then the end, exit status 0")
        func terminate() throws {
            let server = try startSubject()
            let client = try server.connect(timeoutSeconds: 20)
            for number in 0..<10_000 { client.enqueue([bytes("SET"), bytes("k\(number)"), bytes("v")]) }
            try client.flush()
            #expect(try client.receive() == .ok)
            server.process.signal(SIGTERM)
            var replies = 1
            do {
                while true {
                    #expect(try client.receive() == .ok)
                    replies += 1
                }
            } catch RESPClient.Failure.closed {}
            #expect(try client.unexpectedBytes().isEmpty, "a reply was cut after \(replies)")
            #expect(server.process.waitForExit(seconds: 10) == .exited(0), "\(server.log)")
            #expect(throws: (any Error).self) { try RESPClient(port: server.port) }
        }

        @Test("A second SIGTERM does not wait for a client that takes nothing")
        func terminateTwice() throws {
            let server = try startSubject()
            let admin = try server.connect()
            _ = try admin.call(bytes: [bytes("SET"), bytes("big"), Array(repeating: 120, count: 1 << 20)])
            let stuck = try server.connect()
            let request = Array(repeating: bytes("GET big\r\n"), count: 50).flatMap { $0 }
            #expect(stuck.sendWithoutReading(raw: request) == request.count)
            _ = try admin.call("PING")
            server.process.signal(SIGTERM)
            server.process.signal(SIGTERM)
            #expect(server.process.waitForExit(seconds: 5) != nil)
        }

        @Test("SIGTERM ends the server even when clients stay silent")
        func terminateIdle() throws {
            let server = try startSubject()
            let clients = try (0..<20).map { _ in try server.connect() }
            for client in clients { _ = try client.call("PING") }
            server.process.signal(SIGTERM)
            for client in clients { #expect(try client.receiveToEnd().isEmpty) }
            #expect(server.process.waitForExit(seconds: 10) == .exited(0), "\(server.log)")
        }

        @Test("SIGHUP and SIGPIPE leave the server running")
        func harmless() throws {
            let server = try startSubject()
            let client = try server.connect()
            _ = try client.call("SET", "k", "v")
            for signal in [SIGHUP, SIGPIPE] {
                server.process.signal(signal)
                #expect(try client.call("GET", "k") == .text("v"))
            }
            #expect(try server.connect().call("GET", "k") == .text("v"))
        }
    }
}
