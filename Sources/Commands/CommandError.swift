/// What a handler throws: the error reply, in Redis' words where Redis has some.
import Base
import Engine

public enum CommandError: Error {
    case fixed(StaticString)
    case built(String)
    /// With words of the client's, which need not be text.
    case bytes([UInt8])

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
        let name = (call.command.pointee.parent ?? call.command.pointee.name).description
        return .bytes(
            Array("ERR unknown subcommand or wrong number of arguments for '".utf8) + shown(call.arguments[1], 128)
                + Array("'. Try \(name) HELP.".utf8))
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

    public static let debuggingRefused = CommandError.fixed(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
    )

    public static let moduleNotAllowed = CommandError.fixed(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
    )

    public static func unknownCommand(_ arguments: Arguments) -> CommandError {
        var text = Array("ERR unknown command '".utf8) + shown(arguments[0], 128)
        text += Array("', with args beginning with: ".utf8)
        var length = 0
        for index in 1..<max(arguments.count, 1) where length < 128 {
            let part = shown(arguments[index], 128 - length)
            text += [UInt8(ascii: "'")] + part + Array("' ".utf8)
            length += part.count + 3
        }
        return .bytes(text)
    }

    public static func unknownSubcommand(_ row: Command, _ arguments: Arguments) -> CommandError {
        let name = row.name.description.uppercased()
        return .bytes(
            Array("ERR unknown subcommand '".utf8) + shown(arguments[1], 128) + Array("'. Try \(name) HELP.".utf8))
    }

    /// An error that repeats an argument.
    public static func quoting(_ before: String, _ argument: ByteView, _ after: String = "'") -> CommandError {
        .bytes(Array(before.utf8) + shown(argument, 128) + Array(after.utf8))
    }

    /// A client's word as C prints it: up to a length or a NUL.
    private static func shown(_ word: ByteView, _ countMax: Int) -> [UInt8] {
        Array(word.raw.prefix(max(countMax, 0)).prefix { $0 != 0 })
    }

    /// The error's text, code first.
    public var text: [UInt8] {
        switch self {
        case .fixed(let text): ByteView(text).array
        case .built(let text): Array(text.utf8)
        case .bytes(let text): text
        }
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
