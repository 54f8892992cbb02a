/// What a handler throws: the error reply, in Redis' words where Redis has some.
import Base
import Engine

public enum CommandError: Error {
    case fixed(StaticString)
    case built(String)

    public static let syntax = CommandError.fixed("ERR syntax error")
    public static let notInteger = CommandError.fixed("ERR value is not an integer or out of range")
    public static let notFloat = CommandError.fixed("ERR value is not a valid float")
    public static let wrongType = CommandError.fixed(
        "WRONGTYPE Operation against a key holding the wrong kind of value")
    public static let noSuchKey = CommandError.fixed("ERR no such key")
    public static let overflow = CommandError.fixed("ERR increment or decrement would overflow")
    public static let stringTooLong = CommandError.fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    public static let invalidDatabase = CommandError.fixed("ERR invalid DB index")
    public static let databaseOutOfRange = CommandError.fixed("ERR DB index is out of range")

    public static let outOfInt32 = CommandError.fixed(
        "ERR value is out of range, value must between -2147483648 and 2147483647")
    public static let wrongPassword = CommandError.fixed(
        "WRONGPASS invalid username-password pair or user is disabled.")
    public static let badClientName = CommandError.fixed(
        "ERR Client names cannot contain spaces, newlines or special characters.")

    /// A subcommand called with more arguments than any of its forms has.
    public static func badSubcommand(_ call: borrowing Invocation) -> CommandError {
        let word = String(decoding: call.arguments[1].raw.prefix(128), as: UTF8.self)
        let name = (call.command.pointee.parent ?? call.command.pointee.name).description
        return .built("ERR unknown subcommand or wrong number of arguments for '\(word)'. Try \(name) HELP.")
    }

    public static func invalidExpireTime(_ call: borrowing Invocation) -> CommandError {
        .built("ERR invalid expire time in '\(call.commandName)' command")
    }

    public static func wrongArity(_ name: String) -> CommandError {
        .built("ERR wrong number of arguments for '\(name)' command")
    }

    public static let authenticationRequired = CommandError.fixed("NOAUTH Authentication required.")
    public static let outOfMemory = CommandError.fixed(
        "OOM command not allowed when used memory > 'maxmemory'.")
    public static let transactionAborted = CommandError.fixed(
        "EXECABORT Transaction discarded because of previous errors.")
    public static let notInTransaction = CommandError.fixed("ERR Command not allowed inside a transaction")

    public static func unknownCommand(_ arguments: Arguments) -> CommandError {
        let name = String(decoding: arguments[0].raw.prefix(128), as: UTF8.self)
        var text = "ERR unknown command '\(name)', with args beginning with: "
        var shown = 0
        for index in 1..<max(arguments.count, 1) where shown < 128 {
            let part = String(decoding: arguments[index].raw.prefix(128 - shown), as: UTF8.self)
            text += "'\(part)' "
            shown += part.utf8.count + 3
        }
        return .built(text)
    }

    public static func unknownSubcommand(_ row: Command, _ arguments: Arguments) -> CommandError {
        let word = String(decoding: arguments[1].raw.prefix(128), as: UTF8.self)
        return .built("ERR unknown subcommand '\(word)'. Try \(row.name.description.uppercased()) HELP.")
    }
}

extension CommandError {
    public init(_ failure: IncrementFailure) {
        switch failure {
        case .wrongType: self = .wrongType
        case .notANumber: self = .notInteger
        case .overflow: self = .overflow
        }
    }
}
