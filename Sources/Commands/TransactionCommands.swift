/// MULTI, EXEC, DISCARD, WATCH, UNWATCH. What EXEC does stands in `Core/Executor+Transaction`.

import RESP

let transactionCommands: [Command] = [
    Command(
        name: "MULTI", arity: 1, flags: [.noScript, .loading, .stale, .fast, .allowBusy, .notQueued],
        summary: "Starts a transaction.", since: "1.2.0", group: "transactions", handler: multi),
    Command(
        name: "EXEC", arity: 1, flags: [.noScript, .loading, .stale, .skipSlowLog, .notQueued],
        summary: "Executes all commands in a transaction.", since: "1.2.0", group: "transactions",
        complexity: "Depends on commands in the transaction",
        conflict: "atomic for every local observer; a peer applies each partition's part at once", handler: exec),
    Command(
        name: "DISCARD", arity: 1, flags: [.noScript, .loading, .stale, .fast, .allowBusy, .notQueued],
        summary: "Discards a transaction.", since: "2.0.0", group: "transactions",
        complexity: "O(N), when N is the number of queued commands", handler: discard),
    Command(
        name: "WATCH", arity: -2, flags: [.noScript, .loading, .stale, .fast, .allowBusy, .notQueued],
        keys: [KeySpec(1, -1, "RO")], arguments: "key [key ...]",
        summary: "Monitors changes to keys to determine the execution of a transaction.", since: "2.2.0",
        group: "transactions", complexity: "O(1) for every key.",
        conflict: "also fails when a write of another region arrived", handler: watch),
    Command(
        name: "UNWATCH", arity: 1, flags: [.noScript, .loading, .stale, .fast, .allowBusy],
        summary: "Forgets about watched keys of a transaction.", since: "2.2.0", group: "transactions",
        handler: unwatch),
]

@Sendable
private func multi(_ call: inout Invocation) throws(CommandError) {
    guard call.session.transaction == nil else { throw .fixed("ERR MULTI calls can not be nested") }
    call.session.transaction = Transaction()
    call.session.refreshNeedsCare()
    call.reply.ok()
}

@Sendable
private func exec(_ call: inout Invocation) throws(CommandError) {
    guard call.session.transaction != nil else { throw .fixed("ERR EXEC without MULTI") }
    call.effect = .exec
}

@Sendable
private func discard(_ call: inout Invocation) throws(CommandError) {
    guard call.session.transaction != nil else { throw .fixed("ERR DISCARD without MULTI") }
    call.session.transaction = nil
    call.session.refreshNeedsCare()
    call.effect = .unwatch
    call.reply.ok()
}

@Sendable
private func watch(_ call: inout Invocation) throws(CommandError) {
    guard call.session.transaction == nil else { throw .fixed("ERR WATCH inside MULTI is not allowed") }
    call.effect = .watch
}

@Sendable
private func unwatch(_ call: inout Invocation) throws(CommandError) {
    if !call.isInTransaction { call.effect = .unwatch }
    call.reply.ok()
}
