/// Running nodes: who they are, how one gets in, and what they say of themselves.
import Base
import Client
import OS
import Options
import RESP

enum NodeAccess {
    /// The endpoint `text` names, with the password that flags, variables or a file give where it has none itself.
    static func endpoint(_ text: String, _ arguments: Arguments) throws -> Endpoint {
        var endpoint = try Endpoint(uri: text)
        if let user = arguments.value("user"), endpoint.user == nil { endpoint.user = user }
        if endpoint.password == nil { endpoint.password = try password(arguments) }
        return endpoint
    }

    private static func password(_ arguments: Arguments) throws -> String? {
        if let password = arguments.value("password") { return password }
        if let path = arguments.value("password-file") {
            let lines = String(decoding: try Files.read(path), as: UTF8.self).split(
                separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            return lines.first.map { $0.hasSuffix("\r") ? String($0.dropLast()) : String($0) }
        }
        if arguments.has("askpass") { return try PasswordPrompt.ask() }
        return Environment.all["REDISCLI_AUTH"]
    }

    /// A partition's state may be larger than any value.
    private static var replyBytesMax: Int { 1 << 40 }

    static func connect(_ text: String, _ arguments: Arguments) throws -> Connection {
        try Connection(
            try endpoint(text, arguments), protocolVersion: .preferThree,
            clientName: "a2-\(arguments.subcommand.name)", replyBytesMax: replyBytesMax)
    }

    /// The nodes named by --node, or the one on this machine.
    static func nodes(_ arguments: Arguments) throws -> [String] {
        let given = arguments.list("node")
        return given.isEmpty ? ["127.0.0.1:6379"] : given
    }
}

extension Connection {
    /// A reply that is no error.
    func ask(_ words: String..., timeoutMilliseconds: Int? = 30_000) throws -> ReplyValue {
        try ask(words.map { Array($0.utf8) }, timeoutMilliseconds: timeoutMilliseconds)
    }

    func ask(_ words: [[UInt8]], timeoutMilliseconds: Int? = 30_000) throws -> ReplyValue {
        let reply = try call(words, timeoutMilliseconds: timeoutMilliseconds)
        if let error = reply.errorText {
            let status =
                error.hasPrefix("NOAUTH") || error.hasPrefix("WRONGPASS") || error.hasPrefix("NOPERM")
                ? ExitStatus.authentication : ExitStatus.negative
            let command = words.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
            throw ToolFailure(status, "\(endpoint): \(command): \(error)")
        }
        return reply
    }

    func info(_ section: String = "everything") throws -> InfoText { InfoText(try ask("INFO", section).text ?? "") }

    func setting(_ name: String) throws -> String? { try ask("CONFIG", "GET", name)[name]?.text }
}

/// Asks on the terminal, without showing what is typed.
enum PasswordPrompt {
    static func ask() throws(ToolFailure) -> String {
        guard let password = Terminal.askSecret("Password: ") else {
            throw .usage("--askpass needs a terminal to ask on")
        }
        return password
    }
}
