/// One of the two servers of a difference run, with its two connections and a third for looking around.
import TestSupport

final class Endpoint {
    private(set) var server: ServerProcess
    private let protocolVersion: Int
    private(set) var connections: [RESPClient] = []
    /// Works in a database that the generator leaves alone.
    private(set) var observer: RESPClient
    /// Planted differences, for checking that a run finds them.
    var alterRequest: ((Command) -> Command)?
    var alterReply: ((Command, Reply) -> Reply)?

    static let observerDatabase = "15"

    init(server: ServerProcess, protocolVersion: Int) throws {
        self.server = server
        self.protocolVersion = protocolVersion
        observer = try server.connect(protocolVersion: protocolVersion)
        try reset()
    }

    /// Fresh connections to an empty server; a server that died is started anew.
    func reset() throws {
        if !server.process.isRunning { server = try ServerProcess.start(server.kind, server.options) }
        for connection in connections { connection.close() }
        observer.close()
        observer = try server.connect(protocolVersion: protocolVersion)
        connections = try (0..<2).map { _ in try server.connect(protocolVersion: protocolVersion) }
        for command in [["FLUSHALL"], ["SELECT", Endpoint.observerDatabase]] {
            let reply = try observer.call(bytes: command.map { Array($0.utf8) })
            guard reply == .ok else { throw TestSupportError("\(server.kind.rawValue): \(command): \(reply)") }
        }
    }

    func reopen(_ connection: Int) throws {
        connections[connection].close()
        connections[connection] = try server.connect(protocolVersion: protocolVersion)
    }

    func send(_ commands: [Command], on connection: Int) throws {
        let client = connections[connection]
        for command in commands { client.enqueue(alterRequest?(command) ?? command) }
        try client.flush()
    }

    func receive(_ command: Command, on connection: Int) throws -> Reply {
        let reply = try connections[connection].receive()
        return alterReply?(command, reply) ?? reply
    }

    func call(_ command: Command, on connection: Int) throws -> Reply {
        try send([command], on: connection)
        return try receive(command, on: connection)
    }

    /// What a payload restores to here, as the value's bytes.
    func value(ofPayload payload: [UInt8]) throws -> Reply {
        let key = Array("payload".utf8)
        let restored = try observer.call(bytes: [
            Array("RESTORE".utf8), key, Array("0".utf8), payload, Array("REPLACE".utf8),
        ])
        guard restored == .ok else { return restored }
        let value = try observer.call(bytes: [Array("GET".utf8), key])
        _ = try observer.call(bytes: [Array("DEL".utf8), key])
        return value
    }
}
