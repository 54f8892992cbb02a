/// ACL, as far as it is true of a server with one user who may do everything.
import Base
import Options
import RESP

private let flags: CommandFlags = [.admin, .noScript, .loading, .stale]

private func row(
    _ name: StaticString, _ arity: Int, _ flags: CommandFlags, _ arguments: StaticString = "",
    _ summary: StaticString, _ handler: @escaping Handler
) -> Command {
    Command(
        name: name, arity: arity, flags: flags, arguments: arguments, summary: summary, since: "6.0.0",
        group: "server", handler: handler)
}

let accessCommands: [Command] = [
    Command(
        name: "ACL", arity: -2, summary: "A container for Access List Control commands.", since: "6.0.0",
        group: "server", complexity: "Depends on subcommand.",
        subcommands: [
            row(
                "CAT", -2, [.noScript, .loading, .stale], "[category]",
                "Lists the ACL categories, or the commands inside a category.", aclCategories),
            row(
                "DELUSER", -3, flags, "username [username ...]", "Deletes ACL users, and terminates their connections.",
                aclDeleteUser),
            row("GETUSER", 3, flags, "username", "Lists the ACL rules of a user.", aclGetUser),
            row("HELP", 2, [.loading, .stale], "", "Returns helpful text about the different subcommands.", aclHelp),
            row("LIST", 2, flags, "", "Dumps the effective rules in ACL file format.", aclList),
            row("LOAD", 2, flags, "", "Reloads the rules from the configured ACL file.", aclFile),
            row("SAVE", 2, flags, "", "Saves the effective ACL rules in the configured ACL file.", aclFile),
            row(
                "SETUSER", -3, flags, "username [rule [rule ...]]", "Creates and modifies an ACL user and its rules.",
                aclSetUser),
            row("USERS", 2, flags, "", "Lists all ACL users.", aclUsers),
            row(
                "WHOAMI", 2, [.noScript, .loading, .stale], "",
                "Returns the authenticated username of the current connection.", aclWhoAmI),
        ])
]

@Sendable
private func aclWhoAmI(_ call: inout Invocation) throws(CommandError) {
    call.reply.bulk("default")
}

@Sendable
private func aclUsers(_ call: inout Invocation) throws(CommandError) {
    call.reply.array(1)
    call.reply.bulk("default")
}

@Sendable
private func aclCategories(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 3 else { throw .badSubcommand(call) }
    if call.arguments.count == 2 {
        call.reply.array(CommandCategory.allCases.count)
        for category in CommandCategory.allCases { call.reply.bulk(category.rawValue) }
        return
    }
    guard let category = CommandCategory(named: call.arguments[2]) else {
        throw .quoting("ERR Unknown category '", call.arguments[2])
    }
    let reply = call.reply.beginDeferredArray()
    var count = 0
    for command in CommandTable.shared.commands {
        for row in [command] + command.subcommands where row.aclCategories.contains(category) {
            call.reply.bulk(row.fullName)
            count += 1
        }
    }
    call.reply.endDeferred(reply, count: count)
}

extension Invocation {
    fileprivate var isPasswordSet: Bool { !node.settings.text(.requirepass).isEmpty }
}

@Sendable
private func aclList(_ call: inout Invocation) throws(CommandError) {
    call.reply.array(1)
    // The password stays out of sight, even as a hash.
    call.reply.bulk(call.isPasswordSet ? "user default on ~* &* +@all" : "user default on nopass ~* &* +@all")
}

@Sendable
private func aclGetUser(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments[2] == ByteView("default") else { return call.reply.null() }
    call.reply.map(6)
    call.reply.bulk("flags")
    call.reply.set(call.isPasswordSet ? 1 : 2)
    call.reply.bulk("on")
    if !call.isPasswordSet { call.reply.bulk("nopass") }
    call.reply.bulk("passwords")
    call.reply.array(0)
    call.reply.bulk("commands")
    call.reply.bulk("+@all")
    call.reply.bulk("keys")
    call.reply.bulk("~*")
    call.reply.bulk("channels")
    call.reply.bulk("&*")
    call.reply.bulk("selectors")
    call.reply.array(0)
}

@Sendable
private func aclSetUser(_ call: inout Invocation) throws(CommandError) {
    throw .fixed(
        "ERR This server has one user, 'default', who may do everything. Its password is CONFIG SET requirepass.")
}

@Sendable
private func aclDeleteUser(_ call: inout Invocation) throws(CommandError) {
    for index in 2..<call.arguments.count where call.arguments[index] == ByteView("default") {
        throw .fixed("ERR The 'default' user cannot be removed")
    }
    call.reply.integer(0)
}

@Sendable
private func aclFile(_ call: inout Invocation) throws(CommandError) {
    throw .fixed(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
    )
}

@Sendable
private func aclHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "CAT [<category>]",
        "    List all commands that belong to <category>, or all command categories",
        "    when no category is specified.",
        "GETUSER <username>",
        "    Get the user's details.",
        "LIST",
        "    Show users details in config file format.",
        "USERS",
        "    List all the registered usernames.",
        "WHOAMI",
        "    Return the current connection username.",
    ])
}
