/// CLIENT: this connection, and through the process around the node every other one.
import Base
import RESP

private let own: CommandFlags = [.noScript, .loading, .stale]
private let others: CommandFlags = [.admin, .noScript, .loading, .stale]

private func row(
    _ name: StaticString, _ arity: Int, _ flags: CommandFlags, _ arguments: StaticString = "", since: StaticString,
    complexity: StaticString = "O(1)", tips: StaticString = "", _ summary: StaticString, _ handler: @escaping Handler
) -> Command {
    Command(
        name: name, arity: arity, flags: flags, arguments: arguments, summary: summary, since: since,
        group: "connection", complexity: complexity, tips: tips, handler: handler)
}

let clientCommands: [Command] = [
    Command(
        name: "CLIENT", arity: -2, summary: "A container for client connection commands.", since: "2.4.0",
        group: "connection", complexity: "Depends on subcommand.",
        subcommands: [
            row(
                "CACHING", 3, own, "<YES | NO>", since: "6.0.0",
                "Instructs the server whether to track the keys in the next request.", clientCaching),
            row("GETNAME", 2, own, since: "2.6.9", "Returns the name of the connection.", clientGetName),
            row(
                "GETREDIR", 2, own, since: "6.0.0",
                "Returns the client ID to which the connection's tracking notifications are redirected.", clientGetRedir
            ),
            row(
                "HELP", 2, [.loading, .stale], since: "5.0.0", "Returns helpful text about the different subcommands.",
                clientHelp),
            row("ID", 2, own, since: "5.0.0", "Returns the unique client ID of the connection.", clientID),
            row(
                "INFO", 2, own, since: "6.2.0", tips: "nondeterministic_output",
                "Returns information about the connection.", clientInfo),
            row(
                "KILL", -3, others,
                "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | [MAXAGE max-age] ...>>",
                since: "2.4.0", complexity: "O(N) where N is the number of client connections",
                "Terminates open connections.", clientKill),
            row(
                "LIST", -2, others, "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
                since: "2.4.0", complexity: "O(N) where N is the number of client connections",
                tips: "nondeterministic_output", "Lists open connections.", clientList),
            row(
                "NO-EVICT", 3, others, "<ON | OFF>", since: "7.0.0", "Sets the client eviction mode of the connection.",
                clientNoEvict),
            row(
                "NO-TOUCH", 3, own, "<ON | OFF>", since: "7.2.0",
                "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.", clientNoTouch),
            row(
                "PAUSE", -3, others, "timeout [WRITE | ALL]", since: "2.9.50", "Suspends commands processing.",
                clientPause),
            row(
                "REPLY", 3, own, "<ON | OFF | SKIP>", since: "3.2.0",
                "Instructs the server whether to reply to commands.", clientReply),
            row(
                "SETINFO", 4, own, "<LIB-NAME libname | LIB-VER libver>", since: "7.2.0",
                tips: "request_policy:all_nodes response_policy:all_succeeded",
                "Sets information specific to the client or connection.", clientSetInfo),
            row(
                "SETNAME", 3, own, "connection-name", since: "2.6.9",
                tips: "request_policy:all_nodes response_policy:all_succeeded", "Sets the connection name.",
                clientSetName),
            row(
                "TRACKING", -3, own,
                "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
                since: "6.0.0", complexity: "O(1). Some options may introduce additional complexity.",
                "Controls server-assisted client-side caching for the connection.", clientTracking),
            row(
                "TRACKINGINFO", 2, own, since: "6.2.0",
                "Returns information about server-assisted client-side caching for the connection.", clientTrackingInfo),
            row(
                "UNBLOCK", -3, others, "client-id [TIMEOUT | ERROR]", since: "5.0.0",
                complexity: "O(log N) where N is the number of client connections",
                "Unblocks a client blocked by a blocking command from a different connection.", clientUnblock),
            row(
                "UNPAUSE", 2, others, since: "6.2.0", complexity: "O(N) Where N is the number of paused clients",
                "Resumes processing commands from paused clients.", clientUnpause),
        ])
]

// MARK: This connection

@Sendable
private func clientID(_ call: inout Invocation) throws(CommandError) {
    call.reply.integer(Int64(call.session.id))
}

@Sendable
private func clientGetName(_ call: inout Invocation) throws(CommandError) {
    if call.session.name.isEmpty { return call.reply.null() }
    call.session.name.withView { call.reply.bulk($0) }
}

@Sendable
private func clientSetName(_ call: inout Invocation) throws(CommandError) {
    guard isPrintable(call.arguments[2]) else { throw .badClientName }
    call.session.name = call.arguments[2].array
    call.reply.ok()
}

@Sendable
private func clientSetInfo(_ call: inout Invocation) throws(CommandError) {
    let isName = call.arguments.isWord(2, "lib-name")
    guard isName || call.arguments.isWord(2, "lib-ver") else {
        throw .quoting("ERR Unrecognized option '", call.arguments[2])
    }
    guard isPrintable(call.arguments[3]) else {
        throw .quoting("ERR ", call.arguments[2], " cannot contain spaces, newlines or special characters.")
    }
    if isName {
        call.session.libraryName = call.arguments[3].array
    } else {
        call.session.libraryVersion = call.arguments[3].array
    }
    call.reply.ok()
}

@Sendable
private func clientReply(_ call: inout Invocation) throws(CommandError) {
    if call.arguments.isWord(2, "on") {
        call.session.replyMode = .on
        call.reply.ok()
    } else if call.arguments.isWord(2, "off") {
        call.session.replyMode = .off
    } else if call.arguments.isWord(2, "skip") {
        if call.session.replyMode != .off { call.session.replyMode = .skipNext }
    } else {
        throw .syntax
    }
    call.session.refreshNeedsCare()
}

/// ON or OFF at an argument index.
private func onOrOff(_ call: borrowing Invocation, _ index: Int) throws(CommandError) -> Bool {
    if call.arguments.isWord(index, "on") { return true }
    if call.arguments.isWord(index, "off") { return false }
    throw .syntax
}

@Sendable
private func clientNoEvict(_ call: inout Invocation) throws(CommandError) {
    call.session.isNoEvict = try onOrOff(call, 2)
    call.session.refreshNeedsCare()
    call.reply.ok()
}

@Sendable
private func clientNoTouch(_ call: inout Invocation) throws(CommandError) {
    call.session.isNoTouch = try onOrOff(call, 2)
    call.session.refreshNeedsCare()
    call.reply.ok()
}

// MARK: Tracking, which a2 does not do

@Sendable
private func clientTracking(_ call: inout Invocation) throws(CommandError) {
    var index = 3
    while index < call.arguments.count {
        let hasValue = index + 1 < call.arguments.count
        if call.arguments.isWord(index, "redirect"), hasValue {
            _ = try call.arguments.integer(index + 1)
            index += 2
        } else if call.arguments.isWord(index, "prefix"), hasValue {
            index += 2
        } else if call.arguments.isWord(index, "bcast") || call.arguments.isWord(index, "optin")
            || call.arguments.isWord(index, "optout") || call.arguments.isWord(index, "noloop")
        {
            index += 1
        } else {
            throw .syntax
        }
    }
    if try onOrOff(call, 2) { throw .fixed("ERR Client tracking is not supported by this server") }
    call.reply.ok()
}

@Sendable
private func clientCaching(_ call: inout Invocation) throws(CommandError) {
    throw .fixed(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled")
}

@Sendable
private func clientGetRedir(_ call: inout Invocation) throws(CommandError) {
    call.reply.integer(-1)
}

@Sendable
private func clientTrackingInfo(_ call: inout Invocation) throws(CommandError) {
    call.reply.map(3)
    call.reply.bulk("flags")
    call.reply.set(1)
    call.reply.bulk("off")
    call.reply.bulk("redirect")
    call.reply.integer(-1)
    call.reply.bulk("prefixes")
    call.reply.array(0)
}

// MARK: All connections

@Sendable
private func clientInfo(_ call: inout Invocation) throws(CommandError) {
    var filter = ClientFilter()
    filter.ids = [call.session.id]
    filter.protocolVersion = call.reply.protocolVersion
    call.effect = .host(.clientList(filter))
}

private func clientType(_ word: ByteView) throws(CommandError) -> ClientType {
    if word.equalsIgnoringCase("normal") { return .normal }
    if word.equalsIgnoringCase("master") { return .master }
    if word.equalsIgnoringCase("slave") || word.equalsIgnoringCase("replica") { return .replica }
    if word.equalsIgnoringCase("pubsub") { return .pubsub }
    throw .quoting("ERR Unknown client type '", word)
}

@Sendable
private func clientList(_ call: inout Invocation) throws(CommandError) {
    var filter = ClientFilter()
    filter.protocolVersion = call.reply.protocolVersion
    if call.arguments.count == 4, call.arguments.isWord(2, "type") {
        filter.type = try clientType(call.arguments[3])
    } else if call.arguments.count > 3, call.arguments.isWord(2, "id") {
        var ids: [UInt64] = []
        for index in 3..<call.arguments.count {
            guard let id = call.arguments[index].canonicalInteger else { throw .fixed("ERR Invalid client ID") }
            if id > 0 { ids.append(UInt64(id)) }
        }
        filter.ids = ids
    } else if call.arguments.count != 2 {
        throw .syntax
    }
    call.effect = .host(.clientList(filter))
}

@Sendable
private func clientKill(_ call: inout Invocation) throws(CommandError) {
    var filter = ClientFilter()
    if call.arguments.count == 3 {
        filter.address = call.arguments[2].array
        call.effect = .host(.clientKill(filter, repliesCount: false))
        return
    }
    filter.skipsCaller = true
    var index = 2
    while index < call.arguments.count {
        guard index + 1 < call.arguments.count else { throw .syntax }
        try readKillOption(call, index, &filter)
        index += 2
    }
    call.effect = .host(.clientKill(filter, repliesCount: true))
}

private func readKillOption(
    _ call: borrowing Invocation, _ index: Int, _ filter: inout ClientFilter
) throws(CommandError) {
    let value = call.arguments[index + 1]
    if call.arguments.isWord(index, "id") {
        guard let id = value.canonicalInteger, id > 0 else {
            throw .fixed("ERR client-id should be greater than 0")
        }
        filter.ids = [UInt64(id)]
    } else if call.arguments.isWord(index, "type") {
        filter.type = try clientType(value)
    } else if call.arguments.isWord(index, "addr") {
        filter.address = value.array
    } else if call.arguments.isWord(index, "laddr") {
        filter.localAddress = value.array
    } else if call.arguments.isWord(index, "user") {
        guard value == ByteView("default") else { throw .quoting("ERR No such user '", value) }
        filter.user = value.array
    } else if call.arguments.isWord(index, "skipme") {
        guard value.equalsIgnoringCase("yes") || value.equalsIgnoringCase("no") else { throw .syntax }
        filter.skipsCaller = value.equalsIgnoringCase("yes")
    } else if call.arguments.isWord(index, "maxage") {
        guard let age = value.canonicalInteger, age > 0 else {
            throw .fixed("ERR maxage should be greater than 0")
        }
        filter.ageSecondsMin = age
    } else {
        throw .syntax
    }
}

@Sendable
private func clientPause(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 4 else { throw .badSubcommand(call) }
    var writesOnly = false
    if call.arguments.count == 4 {
        writesOnly = call.arguments.isWord(3, "write")
        guard writesOnly || call.arguments.isWord(3, "all") else {
            throw .fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")
        }
    }
    let timeout = try call.timeoutMilliseconds(2)
    call.effect = .host(.clientPause(milliseconds: timeout, writesOnly: writesOnly))
}

extension Invocation {
    /// A timeout in milliseconds, refused in Redis' words.
    func timeoutMilliseconds(_ index: Int) throws(CommandError) -> Int64 {
        guard let timeout = arguments[index].canonicalInteger else {
            throw .fixed("ERR timeout is not an integer or out of range")
        }
        guard timeout >= 0 else { throw .fixed("ERR timeout is negative") }
        return timeout
    }
}

@Sendable
private func clientUnpause(_ call: inout Invocation) throws(CommandError) {
    call.effect = .host(.clientUnpause)
}

@Sendable
private func clientUnblock(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 4 else { throw .badSubcommand(call) }
    var withError = false
    if call.arguments.count == 4 {
        withError = call.arguments.isWord(3, "error")
        guard withError || call.arguments.isWord(3, "timeout") else {
            throw .fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
        }
    }
    let id = try call.arguments.integer(2)
    guard id > 0 else { return call.reply.integer(0) }
    call.effect = .host(.clientUnblock(id: UInt64(id), withError: withError))
}

@Sendable
private func clientHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "CACHING (YES|NO)",
        "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
        "GETREDIR",
        "    Return the client ID we are redirecting to when tracking is enabled.",
        "GETNAME",
        "    Return the name of the current connection.",
        "ID",
        "    Return the ID of the current connection.",
        "INFO",
        "    Return information about the current client connection.",
        "KILL <ip:port>",
        "    Kill connection made from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Kill connections. Options are:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made from the specified address",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made to specified local address",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Kill connections by type.",
        "    * USER <username>",
        "      Kill connections authenticated by <username>.",
        "    * SKIPME (YES|NO)",
        "      Skip killing current connection (default: yes).",
        "    * MAXAGE <seconds>",
        "      Kill connections older than the specified age.",
        "LIST [options ...]",
        "    Return information about client connections. Options:",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Return clients of specified type.",
        "UNPAUSE",
        "    Stop the current client pause, resuming traffic.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Suspend all, or just write, clients for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Control the replies sent to the current connection.",
        "SETNAME <name>",
        "    Assign the name <name> to the current connection.",
        "SETINFO <option> <value>",
        "    Set client meta attr. Options are:",
        "    * LIB-NAME: the client lib name.",
        "    * LIB-VER: the client lib version.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    Unblock the specified blocked client.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Control server assisted client side caching.",
        "TRACKINGINFO",
        "    Report tracking status for the current connection.",
        "NO-EVICT (ON|OFF)",
        "    Protect current client connection from eviction.",
        "NO-TOUCH (ON|OFF)",
        "    Will not touch LRU/LFU stats when this mode is on.",
    ])
}
