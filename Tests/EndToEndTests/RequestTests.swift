/// Requests in every form a socket can deliver them, compared with redis-server where the answer is its to say.
import Base
import TestSupport
import Testing

/// Raw bytes and whether they end the connection.
struct RawRequest: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let closes: Bool

    init(_ text: String, closes: Bool = false, name: String? = nil) {
        testDescription = name ?? escaped(Array(text.utf8), limit: 60)
        bytes = Array(text.utf8)
        self.closes = closes
    }
}

private let rawRequests: [RawRequest] = [
    // Inline commands.
    RawRequest("PING\r\n"), RawRequest("PING\n"), RawRequest("\r\n\r\nPING\r\n"), RawRequest("   PING   \r\n"),
    RawRequest("   \r\n"), RawRequest("SET a b\r\nGET a\r\n"), RawRequest("SET a \"b c\"\r\nGET a\r\n"),
    RawRequest("ECHO \"\\x41\\n\\t\\\"\\\\\"\r\n"), RawRequest("ECHO 'single \\' quoted'\r\n"),
    RawRequest("ECHO 'no \\n escape'\r\n"), RawRequest("ECHO \"\"\r\n"), RawRequest("ECHO a\tb\r\n"),
    RawRequest("ECHO \"\\xzz\\a\\b\\r\"\r\n"), RawRequest("ping hello\r\n"), RawRequest("NOSUCH a b\r\n"),
    RawRequest("ECHO \"unbalanced\r\n", closes: true), RawRequest("ECHO \"a\"b\r\n", closes: true),
    RawRequest("ECHO 'unbalanced\r\n", closes: true), RawRequest("ECHO 'a'b\r\n", closes: true),
    RawRequest("ECHO \(String(repeating: "x", count: 60_000))\r\n", name: "an inline command of 60 kB"),
    RawRequest(String(repeating: "x", count: 70_000), closes: true, name: "70 kB without a line end"),
    RawRequest("PING\r\n" + String(repeating: "y", count: 70_000), closes: true, name: "PING and 70 kB of nothing"),
    // Arrays of strings.
    RawRequest("*0\r\n"), RawRequest("*-1\r\n"), RawRequest("*-100\r\n"), RawRequest("*0\r\n*1\r\n$4\r\nPING\r\n"),
    RawRequest("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"), RawRequest("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"),
    RawRequest("*1\r\n$4\r\nPINGxx"), RawRequest("*1\r\n$0\r\n\r\n"),
    RawRequest("*2\r\n$4\r\nECHO\r\n$3\r\n\r\n\r\r\n"),
    RawRequest("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n\u{0}\r\n"),
    // What is not.
    RawRequest("*abc\r\n", closes: true), RawRequest("*\r\n", closes: true), RawRequest("*1a\r\n", closes: true),
    RawRequest("*2147483648\r\n", closes: true),
    RawRequest("*99999999999999999999\r\n", closes: true), RawRequest("* 1\r\n", closes: true),
    RawRequest("*+1\r\n", closes: true), RawRequest("*01\r\n", closes: true),
    RawRequest("*1\r\nPING\r\n", closes: true),
    RawRequest("*1\r\n:4\r\n", closes: true), RawRequest("*1\r\n\r\n", closes: true),
    RawRequest("*1\r\n$abc\r\n", closes: true), RawRequest("*1\r\n$-1\r\n", closes: true),
    RawRequest("*1\r\n$\r\n", closes: true), RawRequest("*1\r\n$536870913\r\n", closes: true),
    RawRequest("*1\r\n$4 \r\nPING\r\n", closes: true), RawRequest("*1\r\n$99999999999999999999\r\n", closes: true),
    RawRequest("*1\r\n*1\r\n$4\r\nPING\r\n", closes: true), RawRequest("*2\r\n$4\r\nECHO\r\n$1\r\nabc\r\n"),
    RawRequest("PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!\r\n", closes: true),
    RawRequest("*" + String(repeating: "1", count: 70_000), closes: true, name: "an array length of 70,000 digits"),
    RawRequest("*1\r\n$" + String(repeating: "1", count: 70_000), closes: true, name: "a length of 70,000 digits"),
    RawRequest("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", closes: true),
    RawRequest("POST / HTTP/1.1\r\n", closes: true),
    RawRequest("QUIT\r\nPING\r\n", closes: true),
]

private let unauthenticatedRequests: [RawRequest] = [
    RawRequest("*11\r\n", closes: true), RawRequest("*1\r\n$16385\r\n", closes: true),
    RawRequest("*10\r\n" + String(repeating: "$1\r\nx\r\n", count: 10)),
    RawRequest("GET a\r\n"), RawRequest("NOSUCH\r\n"), RawRequest("PING\r\n"), RawRequest("GET\r\n"),
    RawRequest("HELLO 3\r\n"), RawRequest("AUTH wrong\r\n"), RawRequest("AUTH default wrong\r\nGET a\r\n"),
    RawRequest("AUTH secret\r\nGET a\r\n"), RawRequest("AUTH default secret\r\nGET a\r\n"),
    RawRequest("HELLO 2 AUTH default wrong\r\nGET a\r\n"), RawRequest("MULTI\r\nGET a\r\nEXEC\r\n"),
    RawRequest("QUIT\r\n", closes: true), RawRequest("RESET\r\n"), RawRequest("COMMAND COUNT\r\n"),
    RawRequest("AUTH secret\r\nRESET\r\nGET a\r\n"), RawRequest("AUTH\r\n"), RawRequest("AUTH a b c\r\n"),
]

extension EndToEnd {
    @Suite struct Requests {
        @Test("Raw requests, broken ones too, are answered byte for byte as by redis-server")
        func rawBytes() throws {
            let pair = try ServerPair()
            for request in rawRequests {
                try pair.expectSameAnswer(to: request.bytes, closes: request.closes, "\(request.testDescription)")
            }
        }

        @Test("Before AUTH, requests are small and few are answered")
        func unauthenticated() throws {
            let pair = try ServerPair(.init(password: "secret"))
            for request in unauthenticatedRequests {
                // Without authentication the marker is refused too, so the request must end in QUIT.
                let quit = request.closes ? [] : Array("QUIT\r\n".utf8)
                try pair.expectSameAnswer(to: request.bytes + quit, closes: true, "\(request.testDescription)")
            }
        }

        @Test("Protected mode refuses clients from outside")
        func protectedMode() throws {
            let outside = try #require(
                ServerProcess.outsideAddress(), "this test needs a network interface besides the loopback")
            let options = ServerProcess.Options(settings: [("protected-mode", "yes")], bindAddress: outside)
            for server in [try ServerProcess.start(.redis, options), try startSubject(options)] {
                let client = try RESPClient(port: server.port, host: outside)
                let answer = String(decoding: try client.receiveToEnd(), as: UTF8.self)
                #expect(answer.hasPrefix("-DENIED ") && answer.hasSuffix("\r\n"), "\(server.kind.rawValue): \(answer)")
                #expect(try server.connect().call("PING") == .simple(bytes("PONG")))
            }
        }

        @Test("Ten thousand commands in one write are answered in order", arguments: [2, 3])
        func longPipeline(protocolVersion: Int) throws {
            let server = try startSubject()
            let client = try server.connect(protocolVersion: protocolVersion, timeoutSeconds: 30)
            for number in 0..<5_000 {
                client.enqueue([bytes("SET"), bytes("key:\(number)"), bytes("value \(number)")])
                client.enqueue([bytes("GET"), bytes("key:\(number)")])
            }
            try client.flush()
            for number in 0..<5_000 {
                #expect(try client.receive() == .ok)
                let value = try client.receive()
                guard value == .text("value \(number)") else {
                    Issue.record("reply \(number) is \(value)")
                    return
                }
            }
            #expect(try client.unexpectedBytes().isEmpty)
        }

        @Test("A request may be cut anywhere")
        func everySplit() throws {
            let server = try startSubject(.init(threads: 1))
            var request: [UInt8] = []
            RESPClient.encode([bytes("SET"), bytes("k\r\n"), [0, 13, 10, 36, 42]], into: &request)
            request += bytes("GET \"k\\r\\n\"\r\n\r\n")
            RESPClient.encode([bytes("ECHO"), []], into: &request)
            RESPClient.encode([bytes("ECHO"), Array(repeating: 7, count: 120)], into: &request)
            let expected: [Reply] = [
                .ok, .bulk([0, 13, 10, 36, 42]), .bulk([]), .bulk(Array(repeating: 7, count: 120)),
            ]
            let client = try server.connect()
            let other = try server.connect()
            for cut in 1..<request.count {
                try client.send(raw: Array(request[..<cut]))
                // The one loop has read the first part before it answers this.
                _ = try other.call("PING")
                try client.send(raw: Array(request[cut...]))
                let replies = try (0..<4).map { _ in try client.receive() }
                #expect(replies == expected, "cut at \(cut)")
            }
            for byte in request {
                try client.send(raw: [byte])
                _ = try other.call("PING")
            }
            #expect(try (0..<4).map { _ in try client.receive() } == expected, "byte by byte")
        }

        @Test("Keys and values are bytes", arguments: [2, 3])
        func binarySafety(protocolVersion: Int) throws {
            let server = try startSubject()
            let client = try server.connect(protocolVersion: protocolVersion, timeoutSeconds: 30)
            var random = SeededRandom(seed: 11)
            let all = (0...255).map { UInt8($0) }
            var samples: [[UInt8]] = [all, [], [0], Array(repeating: 0, count: 1000), bytes("$5\r\nhello\r\n")]
            for size in [1, 44, 45, 1_000, 16_383, 16_384, 32_768, 65_536, 1_000_000] {
                samples.append((0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) })
            }
            for sample in samples {
                let key = Array(sample.prefix(300))
                #expect(try client.call(bytes: [bytes("SET"), key, sample]) == .ok)
                #expect(try client.call(bytes: [bytes("GET"), key]) == .bulk(sample))
                #expect(try client.call(bytes: [bytes("STRLEN"), key]) == .integer(Int64(sample.count)))
                #expect(try client.call(bytes: [bytes("ECHO"), sample]) == .bulk(sample))
            }
        }
    }
}
