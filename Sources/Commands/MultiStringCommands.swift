/// Several strings in one command. The keys' partitions are all held, so nobody here sees half of it.
import Base
import Engine
import RESP

let multiStringCommands: [Command] = [
    Command(
        name: "MGET", arity: -2, flags: [.readOnly, .fast], keys: [KeySpec(1, -1, "RO ACCESS")],
        arguments: "key [key ...]", summary: "Atomically returns the string values of one or more keys.",
        since: "1.0.0", group: "string", complexity: "O(N) where N is the number of keys to retrieve.",
        tips: "request_policy:multi_shard", handler: getMany),
    Command(
        name: "MSET", arity: -3, flags: [.write, .denyOutOfMemory], keys: [KeySpec(1, -1, step: 2, "OW UPDATE")],
        arguments: "key value [key value ...]",
        summary: "Atomically creates or modifies the string values of one or more keys.", since: "1.0.1",
        group: "string", complexity: "O(N) where N is the number of keys to set.",
        conflict: "decided key by key as for SET; a peer applies each partition's part at once",
        tips: "request_policy:multi_shard response_policy:all_succeeded", handler: setMany),
    Command(
        name: "MSETNX", arity: -3, flags: [.write, .denyOutOfMemory], keys: [KeySpec(1, -1, step: 2, "OW INSERT")],
        arguments: "key value [key value ...]",
        summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
        since: "1.0.1", group: "string", complexity: "O(N) where N is the number of keys to set.",
        conflict: "both regions may see 1; the later value of each key stays",
        tips: "request_policy:multi_shard response_policy:agg_min", handler: setManyIfAbsent),
]

@Sendable
private func getMany(_ call: inout Invocation) throws(CommandError) {
    call.reply.array(call.arguments.count - 1)
    for index in 1..<call.arguments.count {
        let key = call.key(index)
        let value = key.read()
        if case .wrongType = value {
            call.reply.null()
        } else {
            try call.replyValue(key, value)
        }
    }
}

@Sendable
private func setMany(_ call: inout Invocation) throws(CommandError) {
    try requirePairs(call)
    setAll(call)
    call.reply.ok()
}

@Sendable
private func setManyIfAbsent(_ call: inout Invocation) throws(CommandError) {
    try requirePairs(call)
    for index in stride(from: 1, to: call.arguments.count, by: 2) where call.key(index).exists {
        call.reply.integer(0)
        return
    }
    setAll(call)
    call.reply.integer(1)
}

private func requirePairs(_ call: borrowing Invocation) throws(CommandError) {
    if call.arguments.count % 2 == 0 { throw .wrongArity(call.commandName) }
}

private func setAll(_ call: borrowing Invocation) {
    for index in stride(from: 1, to: call.arguments.count, by: 2) {
        call.key(index).set(call.arguments.value(index + 1))
    }
}
