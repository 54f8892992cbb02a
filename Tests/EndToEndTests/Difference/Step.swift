/// One step of a difference run: a command with the way its replies are compared, or something that takes
/// several exchanges.
import TestSupport

typealias Command = [[UInt8]]

struct Step: Sendable {
    enum Action: Sendable {
        case command(Command, Comparison)
        /// What cannot be one request and one reply. Skipped inside MULTI.
        case procedure(Procedure)
    }

    var action: Action
    /// Which of the two connections sends it.
    var connection: Int
    /// Steps of one batch on one connection go out in one write.
    var batch: Int
    /// Goes or stays with the step before it when a sequence is shrunk: what makes that step's outcome certain.
    var isTiedToPrevious = false
}

enum Procedure: Sendable {
    /// SCAN from 0 to 0 with these options; the elements as a set.
    case fullScan(options: Command)
    /// RANDOMKEY's answer must be a key the other server has.
    case randomKey
    /// Waits until both servers have let the key expire.
    case awaitExpiry(key: [UInt8])
    /// Commands of which only some are answered: CLIENT REPLY. `replies` is how many.
    case silenced([Command], replies: Int)
    /// Commands after which the server closes the connection.
    case closing([Command])
}

extension Step {
    /// The command, or the procedure as one line, for people.
    var text: String {
        let body =
            switch action {
            case .command(let command, _): escapedCommand(command, limit: 200)
            case .procedure(.fullScan(let options)): "(full scan) \(escapedCommand(options))"
            case .procedure(.randomKey): "(RANDOMKEY answers an existing key)"
            case .procedure(.awaitExpiry(let key)): "(wait until expired) \(escapedCommand([key]))"
            case .procedure(.silenced(let commands, _)), .procedure(.closing(let commands)):
                "(in one write) " + commands.map { escapedCommand($0) }.joined(separator: " ; ")
            }
        return "\(connection == 0 ? "A" : "B")> \(body)"
    }

    /// Every argument that is one of the generator's keys, for finding related steps.
    var keys: [[UInt8]] {
        switch action {
        case .command(let command, _): command.dropFirst().filter { CommandGenerator.allKeys.contains($0) }
        case .procedure(.awaitExpiry(let key)): [key]
        case .procedure: []
        }
    }

    /// The command's name in upper case, with its subcommand for containers: what findings are grouped by.
    var name: String {
        switch action {
        case .command(let command, _):
            let first = String(decoding: command.first ?? [], as: UTF8.self).uppercased()
            guard ["CLIENT", "CONFIG", "COMMAND", "OBJECT", "MEMORY", "SLOWLOG", "LATENCY", "DEBUG"].contains(first),
                command.count > 1
            else { return first }
            return first + " " + String(decoding: command[1], as: UTF8.self).uppercased()
        case .procedure(.fullScan): return "SCAN"
        case .procedure(.randomKey): return "RANDOMKEY"
        case .procedure(.awaitExpiry): return "(expiry)"
        case .procedure(.silenced): return "CLIENT REPLY"
        case .procedure(.closing(let commands)):
            return commands.first.map { String(decoding: $0.first ?? [], as: UTF8.self) } ?? "(closing)"
        }
    }
}

/// A command and how its reply, now or in EXEC's, is compared.
struct QueuedCommand: Sendable {
    let command: Command
    let comparison: Comparison
}

/// How two replies to one command are compared. An error is always compared exactly, whatever the case.
enum Comparison: Sendable {
    case exact
    /// Elements in any order, at the top level.
    case unordered
    /// The elements at `index` in any order, the rest exactly: one-call SCAN.
    case unorderedAt(Int)
    /// Numbers that may differ in the last digits of a long double.
    case float
    /// Integers that may differ by this much; negative ones (no key, no deadline) must be equal.
    case near(Int64)
    /// The same wire types all the way down, whatever the contents.
    case shape
    /// The same wire type at the top.
    case type
    /// embstr and raw are one answer.
    case encoding
    /// Payloads that each server must be able to read from the other.
    case payload
    /// Names that are not the generator's own commands are ignored.
    case commandNames
    /// One row per command: name, arity, flags and key positions; the rest by type.
    case commandInfo
    /// A map whose values for these keys are compared by type.
    case map(loose: [String])
    /// The replies of a transaction, compared by the commands queued.
    case transaction
}
