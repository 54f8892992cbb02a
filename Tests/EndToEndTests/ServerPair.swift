/// The subject and a redis-server with the same options, and ways of asking both the same.
import TestSupport
import Testing

struct ServerPair {
    let oracle: ServerProcess
    let subject: ServerProcess

    init(_ options: ServerProcess.Options = .init()) throws {
        oracle = try .start(.redis, options)
        subject = try .start(TestEnvironment.subject, options)
    }

    /// What a server answers to raw bytes: everything until it closes, or until the marker sent after them.
    static func answer(_ server: ServerProcess, to bytes: [UInt8], closes: Bool) throws -> String {
        let client = try RESPClient(port: server.port, timeoutSeconds: 5)
        do {
            if closes {
                try client.send(raw: bytes)
                return escaped(try client.receiveToEnd(), limit: 4000) + " and closes"
            }
            let marker = Array("end-of-answer".utf8)
            try client.send(raw: bytes + Array("ECHO end-of-answer\r\n".utf8))
            let (answer, isClosed) = try client.receiveRaw(until: marker + [13, 10])
            return escaped(answer, limit: 4000) + (isClosed ? " and closes" : "")
        } catch RESPClient.Failure.timedOut {
            return "neither an end nor a close: " + escaped(try client.unexpectedBytes(), limit: 4000)
        }
    }

    func expectSameAnswer(
        to bytes: [UInt8], closes: Bool = false, _ comment: Comment? = nil, location: SourceLocation = #_sourceLocation
    ) throws {
        let expected = try ServerPair.answer(oracle, to: bytes, closes: closes)
        #expect(!expected.hasPrefix("neither"), "redis, to \(escaped(bytes, limit: 200)): \(expected)")
        let actual = try ServerPair.answer(subject, to: bytes, closes: closes)
        #expect(actual == expected, comment ?? "\(escaped(bytes, limit: 200))", sourceLocation: location)
    }
}

/// One subject with these options.
func startSubject(_ options: ServerProcess.Options = .init()) throws -> ServerProcess {
    try .start(TestEnvironment.subject, options)
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
