/// Writing keys into a running node or Redis as a client would: the node stamps them anew, so they win over all that
/// it had seen, a mistaken FLUSHALL included.
import Base
import CRDT
import Client
import RESP

final class NodeWriter {
    private let connection: Connection
    private let keepsExisting: Bool
    private var database = 0
    private var waiting: [[[UInt8]]] = []
    private var waitingBytes = 0
    private(set) var written = 0
    private(set) var kept = 0
    private(set) var failed = 0
    private(set) var firstError: String?

    private static let commandsMax = 256
    private static let bytesMax = 1 << 20

    /// `keepsExisting`: keys that are there stay as they are.
    init(_ connection: Connection, keepsExisting: Bool) throws {
        self.connection = connection
        self.keepsExisting = keepsExisting
        _ = try connection.ask("SELECT", "0")
    }

    func write(_ key: VisibleKey) throws(ToolFailure) {
        var commands = WriteCommands.of(key, selecting: key.database == database ? nil : key.database)
        database = key.database
        if keepsExisting, case .string = key.value { commands[commands.count - 1].append(Array("NX".utf8)) }
        try enqueue(commands)
    }

    /// A counter: what is there already is added to, as two imports of one counter are.
    func add(_ name: ByteView, _ amount: Int64, database: Int, deadline: Int64?) throws(ToolFailure) {
        var commands: [[[UInt8]]] = []
        if database != self.database { commands.append([Array("SELECT".utf8), Array("\(database)".utf8)]) }
        self.database = database
        commands.append([Array("INCRBY".utf8), name.array, Array("\(amount)".utf8)])
        if let deadline { commands.append([Array("PEXPIREAT".utf8), name.array, Array("\(deadline)".utf8)]) }
        try enqueue(commands)
    }

    private func enqueue(_ commands: [[[UInt8]]]) throws(ToolFailure) {
        for command in commands {
            waiting.append(command)
            waitingBytes += command.reduce(16) { $0 + $1.count + 16 }
        }
        if waiting.count >= Self.commandsMax || waitingBytes >= Self.bytesMax { try flush() }
    }

    func flush() throws(ToolFailure) {
        guard !waiting.isEmpty else { return }
        let replies: [ReplyValue]
        do { replies = try connection.pipeline(waiting, timeoutMilliseconds: 60_000) } catch {
            throw ToolFailure(error.exitStatus, error.description)
        }
        for (command, reply) in zip(waiting, replies) {
            let name = String(decoding: command[0], as: UTF8.self)
            if let error = reply.errorText {
                failed += 1
                if firstError == nil { firstError = "\(name): \(error)" }
            } else if name == "SET", reply.isNull {
                kept += 1
            } else if name == "SET" || name == "SADD" || name == "INCRBY" {
                written += 1
            }
        }
        waiting.removeAll(keepingCapacity: true)
        waitingBytes = 0
    }
}
