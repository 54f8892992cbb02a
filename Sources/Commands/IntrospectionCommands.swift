/// COMMAND: the rows, told to whoever asks. Completion, hints and `help` of redis-cli come from here.
import Base
import RESP

let introspectionCommands: [Command] = [
    Command(
        name: "COMMAND", arity: -1, flags: [.loading, .stale],
        summary: "Returns detailed information about all commands.", since: "2.8.13", group: "server",
        complexity: "O(N) where N is the total number of Redis commands", categories: "@connection",
        tips: "nondeterministic_output_order",
        subcommands: [
            Command(
                name: "COUNT", arity: 2, flags: [.loading, .stale], summary: "Returns a count of commands.",
                since: "2.8.13", group: "server", categories: "@connection", handler: commandCount),
            Command(
                name: "DOCS", arity: -2, flags: [.loading, .stale], arguments: "[command-name [command-name ...]]",
                summary: "Returns documentary information about one, multiple or all commands.", since: "7.0.0",
                group: "server", complexity: "O(N) where N is the number of commands to look up",
                categories: "@connection", tips: "nondeterministic_output_order", handler: commandDocs),
            Command(
                name: "GETKEYS", arity: -4, flags: [.loading, .stale], arguments: "command [arg [arg ...]]",
                summary: "Extracts the key names from an arbitrary command.", since: "2.8.13", group: "server",
                complexity: "O(N) where N is the number of arguments to the command", categories: "@connection",
                handler: commandGetKeys),
            Command(
                name: "GETKEYSANDFLAGS", arity: -4, flags: [.loading, .stale], arguments: "command [arg [arg ...]]",
                summary: "Extracts the key names and access flags for an arbitrary command.", since: "7.0.0",
                group: "server", complexity: "O(N) where N is the number of arguments to the command",
                categories: "@connection", handler: commandGetKeysAndFlags),
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Returns helpful text about the different subcommands.", since: "5.0.0", group: "server",
                categories: "@connection", handler: commandHelp),
            Command(
                name: "INFO", arity: -2, flags: [.loading, .stale], arguments: "[command-name [command-name ...]]",
                summary: "Returns information about one, multiple or all commands.", since: "2.8.13",
                group: "server", complexity: "O(N) where N is the number of commands to look up",
                categories: "@connection", tips: "nondeterministic_output_order", handler: commandInfo),
            Command(
                name: "LIST", arity: -2, flags: [.loading, .stale],
                arguments: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
                summary: "Returns a list of command names.", since: "7.0.0", group: "server",
                complexity: "O(N) where N is the total number of Redis commands", categories: "@connection",
                tips: "nondeterministic_output_order", handler: commandList),
        ], handler: command)
]

extension CommandTable {
    /// The row of "get" or "client|kill".
    func find(fullName name: ByteView) -> Command.Reference? {
        guard let bar = name.firstIndex(of: UInt8(ascii: "|")) else { return find(name) }
        return find(name.slice(0, bar))?.pointee.subcommand(named: name.dropFirst(bar + 1))
    }
}

@Sendable
private func command(_ call: inout Invocation) throws(CommandError) {
    let rows = CommandTable.shared.commands
    call.reply.array(rows.count)
    for row in rows { row.describe(into: &call.reply) }
}

@Sendable
private func commandCount(_ call: inout Invocation) throws(CommandError) {
    call.reply.integer(CommandTable.shared.commands.count)
}

@Sendable
private func commandInfo(_ call: inout Invocation) throws(CommandError) {
    if call.arguments.count == 2 { return try command(&call) }
    call.reply.array(call.arguments.count - 2)
    for index in 2..<call.arguments.count {
        if let row = CommandTable.shared.find(fullName: call.arguments[index]) {
            row.pointee.describe(into: &call.reply)
        } else {
            call.reply.null()
        }
    }
}

@Sendable
private func commandDocs(_ call: inout Invocation) throws(CommandError) {
    if call.arguments.count == 2 {
        let rows = CommandTable.shared.commands
        call.reply.map(rows.count)
        for row in rows {
            call.reply.bulk(row.fullName)
            row.document(into: &call.reply)
        }
        return
    }
    // Names nobody knows are left out.
    let reply = call.reply.beginDeferred(.map)
    var count = 0
    for index in 2..<call.arguments.count {
        guard let row = CommandTable.shared.find(fullName: call.arguments[index]) else { continue }
        call.reply.bulk(row.pointee.fullName)
        row.pointee.document(into: &call.reply)
        count += 1
    }
    call.reply.endDeferred(reply, count: count)
}

@Sendable
private func commandList(_ call: inout Invocation) throws(CommandError) {
    enum Filter {
        case all, module
        case category(CommandCategory?)
        case pattern(ByteView)
    }
    let filter: Filter
    if call.arguments.count == 2 {
        filter = .all
    } else {
        guard call.arguments.count == 5, call.arguments.isWord(2, "filterby") else { throw .syntax }
        if call.arguments.isWord(3, "module") {
            filter = .module
        } else if call.arguments.isWord(3, "aclcat") {
            filter = .category(CommandCategory(named: call.arguments[4]))
        } else if call.arguments.isWord(3, "pattern") {
            filter = .pattern(call.arguments[4])
        } else {
            throw .syntax
        }
    }
    func passes(_ row: Command) -> Bool {
        switch filter {
        case .all: true
        // No row comes from a module.
        case .module: false
        case .category(let category): category.map { row.aclCategories.contains($0) } ?? false
        case .pattern(let pattern): row.fullName.withBytes { GlobPattern(pattern, ignoresCase: true).matches($0) }
        }
    }
    let reply = call.reply.beginDeferredArray()
    var count = 0
    for command in CommandTable.shared.commands {
        for row in [command] + command.subcommands where passes(row) {
            call.reply.bulk(row.fullName)
            count += 1
        }
    }
    call.reply.endDeferred(reply, count: count)
}

@Sendable
private func commandGetKeys(_ call: inout Invocation) throws(CommandError) {
    let named = try namedCall(&call)
    let reply = call.reply.beginDeferredArray()
    var count = 0
    named.row.forEachKey(named.arguments) { index, _ in
        call.reply.bulk(named.arguments[index])
        count += 1
    }
    call.reply.endDeferred(reply, count: count)
}

@Sendable
private func commandGetKeysAndFlags(_ call: inout Invocation) throws(CommandError) {
    let named = try namedCall(&call)
    let reply = call.reply.beginDeferredArray()
    var count = 0
    named.row.forEachKey(named.arguments) { index, spec in
        call.reply.array(2)
        call.reply.bulk(named.arguments[index])
        let flags = named.row.flags(of: spec, in: named.arguments)
        call.reply.set(flags.count)
        for flag in flags { flag.withBytes { call.reply.simple($0) } }
        count += 1
    }
    call.reply.endDeferred(reply, count: count)
}

/// The call that COMMAND GETKEYS is asked about.
private func namedCall(_ call: inout Invocation) throws(CommandError) -> (row: Command, arguments: Arguments) {
    let arguments = call.arguments.dropFirst(2)
    guard let found = CommandTable.shared.find(arguments[0]) else { throw .fixed("ERR Invalid command specified") }
    let row = CommandTable.shared.resolve(found, arguments).pointee
    guard row.subcommands.isEmpty || arguments.count == 1 else { throw .fixed("ERR Invalid command specified") }
    guard !row.keys.isEmpty else { throw .fixed("ERR The command has no key arguments") }
    guard row.accepts(argumentCount: arguments.count) else {
        throw .fixed("ERR Invalid number of arguments specified for command")
    }
    return (row, arguments)
}

extension Command {
    func forEachKey(_ arguments: Arguments, _ body: (Int, KeySpec) -> Void) {
        for spec in keys {
            let end = spec.last < 0 ? arguments.count + spec.last + 1 : min(spec.last + 1, arguments.count)
            for index in stride(from: spec.first, to: end, by: spec.step) { body(index, spec) }
        }
    }

    /// Where the access depends on the options, the access this call asks for.
    fileprivate func flags(of spec: KeySpec, in arguments: Arguments) -> [String] {
        let flags = spec.flagNames
        guard flags.contains("variable_flags") else { return flags }
        if name.description == "SET" {
            let reads = (3..<max(arguments.count, 3)).contains { arguments.isWord($0, "get") }
            return reads ? ["RW", "access", "update"] : ["OW", "update"]
        }
        return onlyReadsBits(arguments) ? ["RO", "access"] : ["RW", "access", "update"]
    }

    /// Whether a BITFIELD is made of GETs. One that makes no sense may write for all anybody knows.
    private func onlyReadsBits(_ arguments: Arguments) -> Bool {
        var index = 2
        while index < arguments.count {
            let following = arguments.count - index - 1
            if arguments.isWord(index, "get"), following >= 2 {
                index += 3
            } else if arguments.isWord(index, "overflow"), following >= 1 {
                index += 2
            } else {
                return false
            }
        }
        return true
    }
}

@Sendable
private func commandHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "(no subcommand)",
        "    Return details about all Redis commands.",
        "COUNT",
        "    Return the total number of commands in this Redis server.",
        "LIST",
        "    Return a list of all commands in this Redis server.",
        "INFO [<command-name> ...]",
        "    Return details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "DOCS [<command-name> ...]",
        "    Return documentation details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "GETKEYS <full-command>",
        "    Return the keys from a full Redis command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys and the access flags from a full Redis command.",
    ])
}
