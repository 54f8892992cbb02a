/// Snapshots on demand. The log needs no command: it is always there, unless the node keeps nothing.
import Base
import Engine
import RESP
import Replication

let persistenceCommands: [Command] = [
    Command(
        name: "SAVE", arity: 1, flags: [.admin, .noScript, .noAsyncLoading, .noMulti],
        summary: "Synchronously saves the database(s) to disk.", since: "1.0.0", group: "server",
        complexity: "O(N) where N is the total number of keys in all databases",
        conflict: "writes a snapshot of this node; clients are served meanwhile", handler: save),
    Command(
        name: "BGSAVE", arity: -1, flags: [.admin, .noScript, .noAsyncLoading], arguments: "[SCHEDULE]",
        summary: "Asynchronously saves the database(s) to disk.", since: "1.0.0", group: "server",
        conflict: "writes a snapshot of this node", handler: saveInBackground),
    Command(
        name: "BGREWRITEAOF", arity: 1, flags: [.admin, .noScript, .noAsyncLoading],
        summary: "Asynchronously rewrites the append-only file to disk.", since: "1.0.0", group: "server",
        conflict: "writes a snapshot of this node, which takes the place of the log before it", handler: rewriteLog),
    Command(
        name: "LASTSAVE", arity: 1, flags: [.loading, .stale, .fast],
        summary: "Returns the Unix timestamp of the last successful save to disk.", since: "1.0.0", group: "server",
        categories: "@admin @dangerous", tips: "nondeterministic_output", handler: lastSave),
]

extension Invocation {
    fileprivate func checkDurable() throws(CommandError) {
        guard node.window.log != nil else {
            throw .fixed("ERR this node keeps nothing on disk: it was started with --ephemeral")
        }
    }

    private var isSaving: Bool { node.persistence.withLock { $0.isSaving } }

    fileprivate mutating func start(
        _ kind: SaveRequest, _ reply: StaticString, busy: StaticString
    ) throws(CommandError) {
        try checkDurable()
        if isSaving { throw .fixed(busy) }
        if kind == .andWait {
            effect = .host(.save(kind))
        } else {
            self.reply.simple(reply)
            effect = .host(.save(kind))
        }
    }
}

@Sendable
private func save(_ call: inout Invocation) throws(CommandError) {
    try call.start(.andWait, "OK", busy: "ERR Background save already in progress")
}

@Sendable
private func saveInBackground(_ call: inout Invocation) throws(CommandError) {
    let isScheduled = call.arguments.count == 2 && call.arguments.isWord(1, "schedule")
    if call.arguments.count > 1, !isScheduled { throw .syntax }
    try call.checkDurable()
    if isScheduled, call.node.persistence.withLock({ $0.isSaving }) {
        call.reply.simple("Background saving scheduled")
        call.effect = .host(.save(.background))
        return
    }
    try call.start(.background, "Background saving started", busy: "ERR Background save already in progress")
}

@Sendable
private func rewriteLog(_ call: inout Invocation) throws(CommandError) {
    try call.start(
        .background, "Background append only file rewriting started",
        busy: "ERR Background append only file rewriting already in progress")
}

@Sendable
private func lastSave(_ call: inout Invocation) throws(CommandError) {
    let saved = call.node.persistence.withLock { $0.lastSaveUnixSeconds }
    call.reply.integer(saved > 0 ? saved : call.node.identity.startMilliseconds / 1000)
}
