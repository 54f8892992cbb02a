/// Connections to real servers, and to one that says what the test wants.
import Client
import RESP
import TestSupport
import Testing

@Suite struct ConnectionTests {
    private func endpoint(_ server: ServerProcess) -> Endpoint { Endpoint(port: UInt16(server.port)) }

    @Test("A server of either kind greets, in the protocol asked for", arguments: [ServerProcess.Kind.a2, .redis])
    func greeting(_ kind: ServerProcess.Kind) throws {
        let server = try ServerProcess.start(kind)
        let three = try Connection(endpoint(server), clientName: "me")
        #expect(three.protocolVersion == 3)
        #expect(try three.call("CLIENT", "GETNAME").text == "me")
        let two = try Connection(endpoint(server), protocolVersion: .two, clientName: "you")
        #expect(two.protocolVersion == 2)
        #expect(try two.call("CLIENT", "GETNAME").text == "you")
        var third = endpoint(server)
        third.database = 3
        let selected = try Connection(third)
        #expect(try selected.call("CLIENT", "INFO").text?.contains(" db=3 ") == true)
        third.database = 99
        #expect(throws: ClientError.refused("SELECT 99 failed: ERR DB index is out of range")) { try Connection(third) }
    }

    @Test("Passwords: right, wrong, missing, and a missing one that may come later")
    func passwords() throws {
        let server = try ServerProcess.start(.a2, ServerProcess.Options(password: "sesame"))
        for version in [Connection.ProtocolVersion.preferThree, .two] {
            var known = endpoint(server)
            known.password = "sesame"
            #expect(try Connection(known, protocolVersion: version).call("PING").text == "PONG")
            known.password = "simsim"
            let wrong = #expect(throws: ClientError.self) { try Connection(known, protocolVersion: version) }
            #expect(wrong?.exitStatus == 4)
            let none = #expect(throws: ClientError.self) { try Connection(endpoint(server), protocolVersion: version) }
            #expect(none?.exitStatus == 4)
            let late = try Connection(endpoint(server), protocolVersion: version, mayBeUnauthenticated: true)
            #expect(late.needsAuthentication)
            #expect(try late.call("AUTH", "sesame").text == "OK")
            #expect(try late.call("DBSIZE").integer == 0)
        }
    }

    @Test("Nobody there, and a server that goes, are told apart")
    func failures() throws {
        let free = UInt16(try ServerProcess.freePort())
        let refused = #expect(throws: ClientError.self) { try Connection(Endpoint(port: free)) }
        #expect(refused?.description == "cannot connect to 127.0.0.1:\(free): Connection refused")
        #expect(refused?.exitStatus == 3)
        let server = try ServerProcess.start(.a2)
        let connection = try Connection(endpoint(server))
        server.stop()
        let gone = #expect(throws: ClientError.self) { try connection.call("PING") }
        guard case .closed = gone else {
            Issue.record("\(String(describing: gone))")
            return
        }
    }

    @Test("A reply that does not come in time ends the connection")
    func timeout() throws {
        let server = try ServerProcess.start(.redis)
        let connection = try Connection(endpoint(server))
        let late = #expect(throws: ClientError.self) {
            try connection.call([Array("BLPOP".utf8), Array("none".utf8), Array("5".utf8)], timeoutMilliseconds: 30)
        }
        guard case .timeout = late else {
            Issue.record("\(String(describing: late))")
            return
        }
        #expect(!connection.isOpen)
    }

    @Test("Messages and confirmations are told from replies", arguments: [Connection.ProtocolVersion.two, .three])
    func messages(_ version: Connection.ProtocolVersion) throws {
        let server = try ServerProcess.start(.redis)
        let listener = try Connection(endpoint(server), protocolVersion: version)
        let speaker = try Connection(endpoint(server))
        let last = try listener.call("SUBSCRIBE", "a", "b")
        #expect(last.elements?.map(\.text) == ["subscribe", "b", "2"])
        #expect(listener.subscriptionCount == 2)
        _ = try listener.call("PSUBSCRIBE", "x*")
        _ = try speaker.call("PUBLISH", "a", "hello")
        _ = try speaker.call("PUBLISH", "xy", "world")
        #expect(try listener.call("PING").isError == false)
        let heard = listener.takePushes().compactMap { $0.elements?.compactMap(\.text) }
        #expect(heard == [["message", "a", "hello"], ["pmessage", "x*", "xy", "world"]])
        _ = try listener.call("UNSUBSCRIBE")
        #expect(listener.subscriptionCount == 1)
        _ = try listener.call("RESET")
        #expect(!listener.isSubscribed)
    }

    @Test("Lines of MONITOR are told from replies")
    func monitor() throws {
        let server = try ServerProcess.start(.a2)
        let listener = try Connection(endpoint(server))
        #expect(try listener.call("MONITOR").text == "OK")
        #expect(listener.isMonitoring)
        _ = try Connection(endpoint(server)).call("SET", "k", "v")
        var lines: [String] = []
        while !lines.contains(where: { $0.hasSuffix("\"SET\" \"k\" \"v\"") }) {
            #expect(try listener.call("PING").text == "PONG")
            lines += listener.takePushes().compactMap(\.text)
        }
        _ = try listener.call("RESET")
        #expect(!listener.isMonitoring)
    }

    @Test("A pipeline larger than any buffer comes back whole, as does one long reply")
    func largePipeline() throws {
        let server = try ServerProcess.start(.redis)
        let connection = try Connection(endpoint(server))
        let value = [UInt8](repeating: 0x61, count: 100)
        let commands = (0..<20_000).map { [Array("RPUSH".utf8), Array("list".utf8), value + Array("\($0)".utf8)] }
        let replies = try connection.pipeline(commands, timeoutMilliseconds: 30_000)
        #expect(replies.last?.integer == 20_000)
        let all = try connection.call("LRANGE", "list", "0", "-1", timeoutMilliseconds: 30_000)
        #expect(all.elements?.count == 20_000)
        #expect(all.elements?.last?.bytes == value + Array("19999".utf8))
    }

    @Test("What CLIENT REPLY silences is not waited for")
    func muted() throws {
        let server = try ServerProcess.start(.a2)
        let connection = try Connection(endpoint(server))
        for words in [
            ["CLIENT", "REPLY", "SKIP"], ["SET", "a", "1"], ["CLIENT", "REPLY", "OFF"], ["SET", "b", "1"],
        ] {
            try connection.send(words.map { Array($0.utf8) })
        }
        #expect(connection.repliesAwaited == 0)
        #expect(try connection.call("CLIENT", "REPLY", "ON").text == "OK")
        #expect(try connection.call("MGET", "a", "b").elements?.map(\.text) == ["1", "1"])
    }
}
