/// CONFIG: the settings of the running node, by the one table of options.
import Base
import Options
import RESP
import Synchronization

private let flags: CommandFlags = [.admin, .noScript, .loading, .stale]

let configurationCommands: [Command] = [
    Command(
        name: "CONFIG", arity: -2, summary: "A container for server configuration commands.", since: "2.0.0",
        group: "server", complexity: "Depends on subcommand.",
        conflict: "settings are each node's own; nothing of them is replicated",
        subcommands: [
            Command(
                name: "GET", arity: -3, flags: flags, arguments: "parameter [parameter ...]",
                summary: "Returns the effective values of configuration parameters.", since: "2.0.0",
                group: "server", complexity: "O(N) when N is the number of configuration parameters provided",
                handler: configGet),
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Returns helpful text about the different subcommands.", since: "5.0.0", group: "server",
                handler: configHelp),
            Command(
                name: "RESETSTAT", arity: 2, flags: flags, summary: "Resets the server's statistics.",
                since: "2.0.0", group: "server", handler: configResetStatistics),
            Command(
                name: "REWRITE", arity: 2, flags: flags,
                summary: "Persists the effective configuration to file.", since: "2.8.0", group: "server",
                handler: configRewrite),
            Command(
                name: "SET", arity: -4, flags: flags, arguments: "parameter value [parameter value ...]",
                summary: "Sets configuration parameters in-flight.", since: "2.0.0", group: "server",
                complexity: "O(N) when N is the number of configuration parameters provided",
                tips: "request_policy:all_nodes response_policy:all_succeeded", handler: configSet),
        ])
]

@Sendable
private func configGet(_ call: inout Invocation) throws(CommandError) {
    let arguments = call.arguments
    let found = call.node.settings.parameters { name in
        name.withBytes { name in
            (2..<arguments.count).contains { GlobPattern(arguments[$0], ignoresCase: true).matches(name) }
        }
    }
    call.reply.map(found.count)
    for (name, value) in found {
        // What is asked for by name and not by pattern keeps the asker's spelling.
        let first = (2..<arguments.count).first { index in
            name.withBytes { GlobPattern(arguments[index], ignoresCase: true).matches($0) }
        }
        if let first, arguments[first].count == name.utf8.count, !isPattern(arguments[first]) {
            call.reply.bulk(arguments[first])
        } else {
            call.reply.bulk(name)
        }
        call.reply.bulk(value)
    }
}

private func isPattern(_ text: ByteView) -> Bool {
    "[*?".utf8.contains { text.firstIndex(of: $0) != nil }
}

@Sendable
private func configSet(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count % 2 == 0 else { throw .syntax }
    let changes = stride(from: 2, to: call.arguments.count, by: 2).map {
        (name: call.arguments[$0].string, value: call.arguments[$0 + 1].string)
    }
    do {
        try call.node.change(changes)
    } catch {
        throw .built(error.reply)
    }
    call.reply.ok()
}

@Sendable
private func configRewrite(_ call: inout Invocation) throws(CommandError) {
    call.effect = .host(.rewriteConfiguration)
}

@Sendable
private func configResetStatistics(_ call: inout Invocation) throws(CommandError) {
    call.node.resetStatistics()
    call.reply.ok()
}

@Sendable
private func configHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
    ])
}

extension Node {
    func resetStatistics() {
        for loop in statistics { loop.reset() }
        rates.reset()
        let readings = process.readings()
        baseline.withLock { $0 = readings }
    }
}
