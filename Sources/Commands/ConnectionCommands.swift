/// Who is there and in which protocol: PING, ECHO, AUTH, HELLO, RESET, QUIT, SELECT.
import Base
import Options
import RESP

private let handshakeFlags: CommandFlags = [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy]

let connectionCommands: [Command] = [
    Command(
        name: "AUTH", arity: -2, flags: handshakeFlags, arguments: "[username] password",
        summary: "Authenticates the connection.", since: "1.0.0", group: "connection",
        complexity: "O(N) where N is the number of passwords defined for the user", handler: authenticate),
    Command(
        name: "ECHO", arity: 2, flags: [.loading, .stale, .fast], arguments: "message",
        summary: "Returns the given string.", since: "1.0.0", group: "connection", handler: echo),
    Command(
        name: "HELLO", arity: -1, flags: handshakeFlags,
        arguments: "[protover [AUTH username password] [SETNAME clientname]]",
        summary: "Handshakes with the server.", since: "6.0.0", group: "connection", handler: hello),
    Command(
        name: "PING", arity: -1, flags: [.fast], arguments: "[message]",
        summary: "Returns the server's liveliness response.", since: "1.0.0", group: "connection",
        tips: "request_policy:all_shards response_policy:all_succeeded", handler: ping),
    Command(
        name: "QUIT", arity: -1, flags: handshakeFlags.union(.notQueued), summary: "Closes the connection.",
        since: "1.0.0", group: "connection", handler: quit),
    Command(
        name: "RESET", arity: 1, flags: handshakeFlags.union(.notQueued), summary: "Resets the connection.",
        since: "6.2.0", group: "connection", handler: reset),
    Command(
        name: "SELECT", arity: 2, flags: [.loading, .stale, .fast], arguments: "index",
        summary: "Changes the selected database.", since: "1.0.0", group: "connection", handler: select),
]

@Sendable
private func ping(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 2 else { throw .wrongArity("ping") }
    if call.arguments.count == 1 { call.reply.pong() } else { call.reply.bulk(call.arguments[1]) }
}

@Sendable
private func echo(_ call: inout Invocation) throws(CommandError) {
    call.reply.bulk(call.arguments[1])
}

@Sendable
private func quit(_ call: inout Invocation) throws(CommandError) {
    call.reply.ok()
    call.effect = .close
}

@Sendable
private func select(_ call: inout Invocation) throws(CommandError) {
    let database = try call.arguments.integer(1)
    guard Int64(Int32.min)...Int64(Int32.max) ~= database else { throw .outOfInt32 }
    guard 0..<Int64(call.node.databaseCount) ~= database else { throw .databaseOutOfRange }
    call.session.database = Int(database)
    call.reply.ok()
}

// MARK: Passwords

extension Invocation {
    private var password: [UInt8] { Array(node.settings.text(.requirepass).utf8) }

    /// Checks the one user there is; takes the same time wherever a wrong password begins to differ.
    fileprivate func admits(user: ByteView, password given: ByteView) -> Bool {
        let expected = password
        let isRight = expected.isEmpty || expected.withView { Self.equalsInConstantTime($0, given) }
        return user == ByteView("default") && isRight
    }

    fileprivate var hasPassword: Bool { !password.isEmpty }

    private static func equalsInConstantTime(_ expected: ByteView, _ given: ByteView) -> Bool {
        var difference = UInt8(expected.count == given.count ? 0 : 1)
        for index in 0..<given.count { difference |= given[index] ^ expected[index % expected.count] }
        return difference == 0
    }
}

@Sendable
private func authenticate(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 3 else { throw .syntax }
    if call.arguments.count == 2, !call.hasPassword {
        throw .fixed(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
        )
    }
    let user = call.arguments.count == 2 ? ByteView("default") : call.arguments[1]
    guard call.admits(user: user, password: call.arguments[call.arguments.count - 1]) else { throw .wrongPassword }
    call.session.isAuthenticated = true
    call.session.refreshNeedsCare()
    call.reply.ok()
}

@Sendable
private func hello(_ call: inout Invocation) throws(CommandError) {
    var version: Int64?
    var credentials: (user: ByteView, password: ByteView)?
    var name: ByteView?
    if call.arguments.count > 1 {
        guard let asked = call.arguments[1].canonicalInteger else {
            throw .fixed("ERR Protocol version is not an integer or out of range")
        }
        guard asked == 2 || asked == 3 else { throw .fixed("NOPROTO unsupported protocol version") }
        version = asked
    }
    var index = 2
    while index < call.arguments.count {
        let left = call.arguments.count - index - 1
        if call.arguments.isWord(index, "auth"), left >= 2 {
            credentials = (call.arguments[index + 1], call.arguments[index + 2])
            index += 3
        } else if call.arguments.isWord(index, "setname"), left >= 1 {
            name = call.arguments[index + 1]
            guard isPrintable(call.arguments[index + 1]) else { throw .badClientName }
            index += 2
        } else {
            throw .quoting("ERR Syntax error in HELLO option '", call.arguments[index])
        }
    }
    if let credentials {
        guard call.admits(user: credentials.user, password: credentials.password) else { throw .wrongPassword }
        call.session.isAuthenticated = true
        call.session.refreshNeedsCare()
    }
    guard call.session.isAuthenticated else {
        throw .fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
        )
    }
    if let name { call.session.name = name.array }
    if let version { call.reply.protocolVersion = UInt8(version) }
    replyHello(&call)
}

private func replyHello(_ call: inout Invocation) {
    call.reply.map(7)
    call.reply.bulk("server")
    call.reply.bulk("redis")
    call.reply.bulk("version")
    call.reply.bulk(Version.redisLevel)
    call.reply.bulk("proto")
    call.reply.integer(Int(call.reply.protocolVersion))
    call.reply.bulk("id")
    call.reply.integer(Int64(call.session.id))
    call.reply.bulk("mode")
    call.reply.bulk("standalone")
    call.reply.bulk("role")
    call.reply.bulk("master")
    call.reply.bulk("modules")
    call.reply.array(0)
}

@Sendable
private func reset(_ call: inout Invocation) throws(CommandError) {
    call.session.transaction = nil
    call.session.database = 0
    call.session.name = []
    call.session.replyMode = .on
    call.session.isNoEvict = false
    call.session.isNoTouch = false
    call.session.isAuthenticated = !call.hasPassword
    call.reply.protocolVersion = 2
    call.effect = call.session.isMonitor ? .host(.endMonitor) : .unwatch
    call.session.isMonitor = false
    call.session.refreshNeedsCare()
    call.reply.simple("RESET")
}

/// Whether all bytes show in a CLIENT LIST line without breaking it.
func isPrintable(_ bytes: ByteView) -> Bool {
    for index in 0..<bytes.count where bytes[index] < UInt8(ascii: "!") || bytes[index] > UInt8(ascii: "~") {
        return false
    }
    return true
}
