/// What a server does with its connections: how many, how long, how much, and who watches.
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct Connections {
        @Test("One client too many is told so and closed")
        func maxclients() throws {
            let pair = try ServerPair(.init(settings: [("maxclients", "10")]))
            var answers: [String] = []
            for server in [pair.oracle, pair.subject] {
                // The connection that waited for the server to start may still be counted.
                var clients: [RESPClient] = []
                let isFull = try poll(forSeconds: 5) {
                    while clients.count < 10 {
                        let client = try RESPClient(port: server.port)
                        guard try client.call("PING") == .simple(bytes("PONG")) else { break }
                        clients.append(client)
                    }
                    return clients.count == 10
                }
                #expect(isFull, "\(server.kind.rawValue) took \(clients.count) clients")
                answers.append(escaped(try RESPClient(port: server.port).receiveToEnd()))
                clients.removeLast()
                let hasRoom = poll(forSeconds: 5) {
                    (try? RESPClient(port: server.port).call("PING")) == .simple(bytes("PONG"))
                }
                #expect(hasRoom, "\(server.kind.rawValue) keeps the place of a client that left")
            }
            #expect(answers[1] == answers[0])
        }

        @Test("An idle client is closed after the timeout, a busy one is not")
        func timeout() throws {
            let server = try startSubject(.init(settings: [("timeout", "1")]))
            let idle = try server.connect(timeoutSeconds: 20)
            let busy = try server.connect()
            let closed = try poll(forSeconds: 15) {
                let answer = try busy.call("PING")
                return idle.isAtEnd || answer != .simple(bytes("PONG"))
            }
            #expect(closed)
            #expect(try busy.call("PING") == .simple(bytes("PONG")))
        }

        @Test("CLIENT KILL closes the clients it names")
        func clientKill() throws {
            let server = try startSubject()
            let admin = try server.connect()
            let byIdentifier = try server.connect()
            let identifier = try #require(try byIdentifier.call("CLIENT", "ID").integerValue)
            #expect(try admin.call("CLIENT", "KILL", "ID", "\(identifier)") == .integer(1))
            #expect(try byIdentifier.receiveToEnd().isEmpty)
            let byAddress = try server.connect()
            _ = try byAddress.call("PING")
            #expect(try admin.call("CLIENT", "KILL", "ADDR", "127.0.0.1:\(byAddress.localPort)") == .integer(1))
            #expect(try byAddress.receiveToEnd().isEmpty)
            let oldForm = try server.connect()
            _ = try oldForm.call("PING")
            #expect(try admin.call("CLIENT", "KILL", "127.0.0.1:\(oldForm.localPort)") == .ok)
            #expect(try oldForm.receiveToEnd().isEmpty)
            let others = try (0..<3).map { _ in try server.connect() }
            for other in others { _ = try other.call("PING") }
            #expect(try admin.call("CLIENT", "KILL", "TYPE", "normal") == .integer(3))
            for other in others { #expect(try other.receiveToEnd().isEmpty) }
            #expect(try admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") == .integer(1))
            #expect(try admin.receiveToEnd().isEmpty)
        }

        @Test("What a transaction lists comes in the protocol it was asked in", arguments: ["LIST", "INFO"])
        func listBeforeHello(word: String) throws {
            let pair = try ServerPair()
            let answers = try [pair.oracle, pair.subject].map { server in
                let client = try server.connect()
                for command in [["MULTI"], ["CLIENT", word], ["HELLO", "3"], ["CLIENT", word]] {
                    _ = try client.call(bytes: command.map { bytes($0) })
                }
                return try client.call("EXEC").elements?.map(\.typeName) ?? []
            }
            #expect(answers[0].count == 3 && answers[0] == answers[1], "\(answers)")
        }

        @Test("MONITOR shows every command in redis-server's words")
        func monitor() throws {
            let pair = try ServerPair()
            let lines = try [pair.oracle, pair.subject].map { server -> [String] in
                let watcher = try server.connect()
                #expect(try watcher.call("MONITOR") == .ok)
                let client = try server.connect()
                let commands: [[[UInt8]]] = [
                    [bytes("SET"), bytes("k"), [0, 255, 10, 13, 9, 7, 8, 34, 92, 32, 127]], [bytes("get"), bytes("k")],
                    [bytes("SELECT"), bytes("3")], [bytes("GET"), []], [bytes("NOSUCH")], [bytes("GET")],
                    [bytes("MULTI")], [bytes("INCR"), bytes("n")], [bytes("EXEC")], [bytes("ECHO"), bytes("last")],
                ]
                for command in commands { _ = try client.call(bytes: command) }
                var lines: [String] = []
                while lines.last?.hasSuffix("\"ECHO\" \"last\"") != true {
                    let reply = try watcher.receive()
                    guard case .simple(let line) = reply else { throw TestSupportError("MONITOR sent \(reply)") }
                    lines.append(String(decoding: line, as: UTF8.self))
                }
                let time = #/^[0-9]{10}\.[0-9]{6} \[/#
                for line in lines { #expect(line.prefixMatch(of: time) != nil, "\(server.kind.rawValue): \(line)") }
                return lines.map { line in
                    line.replacing(#/^[0-9.]+ /#, with: "").replacing("127.0.0.1:\(client.localPort)", with: "client")
                }
            }
            #expect(lines[1] == lines[0])
        }

        @Test("A client that does not take its replies is closed at the output-buffer limit")
        func outputBufferLimit() throws {
            let server = try startSubject()
            let admin = try server.connect()
            #expect(
                try admin.call("CONFIG", "SET", "client-output-buffer-limit", "normal 4194304 0 0") == .ok)
            #expect(try admin.call(bytes: [bytes("SET"), bytes("big"), Array(repeating: 120, count: 1 << 20)]) == .ok)
            let greedy = try server.connect()
            let request = Array(repeating: bytes("GET big\r\n"), count: 500).flatMap { $0 }
            #expect(greedy.sendWithoutReading(raw: request) == request.count)
            let isClosed = try poll(forSeconds: 20) {
                let list = try admin.call("CLIENT", "LIST").string ?? ""
                return !list.contains("addr=127.0.0.1:\(greedy.localPort) ")
            }
            #expect(isClosed)
            #expect(try greedy.receiveToEnd().count < 500 << 20)
            #expect(server.process.residentBytes < 300 << 20)
            #expect(try admin.call("PING") == .simple(bytes("PONG")))
        }

        @Test("Memory of many idle and vanished clients comes back")
        func vanishingClients() throws {
            let server = try startSubject()
            let admin = try server.connect()
            for _ in 0..<20 {
                let clients = try (0..<50).map { _ in try server.connect() }
                // Half a request each, and gone.
                for client in clients { try client.send(raw: bytes("*2\r\n$3\r\nGET\r\n$100000\r\nhalf")) }
            }
            let isAlone = try poll(forSeconds: 10) {
                try admin.call("INFO", "clients").string?.contains("connected_clients:1\r\n") == true
            }
            #expect(isAlone)
            #expect(server.process.residentBytes < 300 << 20)
        }
    }
}
