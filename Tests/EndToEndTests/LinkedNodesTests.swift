/// Two nodes as two processes: what crosses the link between them, also when one stands still or goes.
import Glibc
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct LinkedNodes {
        private struct Pair {
            let first: OperatedServer
            let second: OperatedServer

            init(_ extra: [String] = []) throws {
                first = try OperatedServer.serving(["--node-id", "1"] + extra)
                let port = try #require(try Pair.peerPort(first))
                second = try OperatedServer.serving(["--node-id", "2", "--peer", "127.0.0.1:\(port)"] + extra)
            }

            private static func peerPort(_ server: OperatedServer) throws -> Int? {
                let text = try server.connect().call("INFO", "everything").string ?? ""
                let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("a2_peer_port:") }
                return line.flatMap { Int($0.dropFirst("a2_peer_port:".count)) }
            }

            /// A node that joins asks for its past before it takes writes, and says so.
            func write(_ key: String, _ value: String, _ client: RESPClient) throws {
                var reply: Reply?
                let isWritten = try poll(forSeconds: 20) {
                    reply = try client.call("SET", key, value)
                    return reply == .ok
                }
                #expect(isWritten, "\(String(describing: reply))")
            }
        }

        @Test("WAIT replies once the other node shows the write, in both directions")
        func wait() throws {
            let pair = try Pair()
            let (first, second) = (try pair.first.connect(), try pair.second.connect())
            for round in 1...20 {
                try pair.write("a", "\(round)", first)
                #expect(try first.call("WAIT", "1", "20000") == .integer(1))
                #expect(try second.call("GET", "a").string == "\(round)")
                try pair.write("b", "\(round)", second)
                #expect(try second.call("WAIT", "1", "20000") == .integer(1))
                #expect(try first.call("GET", "b").string == "\(round)")
            }
            // Nobody else is there.
            #expect(try first.call("WAIT", "2", "50") == .integer(1))
        }

        @Test("A node that stands still holds up nobody: its link is dropped, and mended when it goes on")
        func standstill() throws {
            let pair = try Pair()
            let (first, second) = (try pair.first.connect(), try pair.second.connect())
            try pair.write("k", "before", first)
            #expect(try first.call("WAIT", "1", "20000") == .integer(1))
            pair.second.process.signal(SIGSTOP)
            // A thread of it may have got one more letter before it stopped.
            let stands = try poll(forSeconds: 20) {
                guard try first.call("SET", "k", "during") == .ok else { return false }
                return try first.call("WAIT", "1", "100") == .integer(0)
            }
            #expect(stands)
            try pair.first.waitForLog("dropping the link")
            #expect(try first.call("SET", "k", "after") == .ok)
            pair.second.process.signal(SIGCONT)
            #expect(try first.call("WAIT", "1", "20000") == .integer(1))
            #expect(try second.call("GET", "k").string == "after")
        }

        @Test("A2.LINK DELAY makes a distance of a link: what crosses it is no less, and later")
        func delay() throws {
            let pair = try Pair(["--enable-debug-command", "yes"])
            let (first, second) = (try pair.first.connect(), try pair.second.connect())
            try pair.write("k", "near", first)
            #expect(try first.call("WAIT", "1", "20000") == .integer(1))
            #expect(try second.call("A2.LINK", "1", "DELAY", "300") == .ok)
            #expect(try first.call("SET", "k", "far") == .ok)
            var reply: Reply?
            let taken = try secondsTaken { reply = try first.call("WAIT", "1", "20000") }
            #expect(reply == .integer(1) && taken >= 0.25, "\(taken) s")
            #expect(try second.call("GET", "k").string == "far")
            #expect(try second.call("A2.LINK", "1", "UP") == .ok)
            try pair.write("back", "v", second)
            #expect(try second.call("WAIT", "1", "20000") == .integer(1))
        }

        @Test("A node that ends has sent what it was told to write")
        func farewell() throws {
            let pair = try Pair()
            let (first, second) = (try pair.first.connect(), try pair.second.connect())
            try pair.write("k", "v", first)
            #expect(try first.call("WAIT", "1", "20000") == .integer(1))
            let value = Array(repeating: UInt8(ascii: "x"), count: 200)
            let writes = (0..<20_000).map { [Array("SET".utf8), Array("key-\($0)".utf8), value] }
            #expect(try first.pipeline(writes).allSatisfy { $0 == .ok })
            var exit: ChildProcess.Exit?
            let taken = secondsTaken { exit = pair.first.end() }
            #expect(exit == .exited(0) && taken < 5)
            #expect(try poll(forSeconds: 20) { try second.call("DBSIZE") == .integer(20_001) })
        }
    }
}
