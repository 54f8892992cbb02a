/// Strings and counters: one cell, so that INCR works on what SET wrote and SET over a counter.
///
/// To add one: add its row, then its handler below.
import Base
import Engine
import RESP

let stringCommands: [Command] = [
    Command(
        name: "GET", arity: 2, flags: [.readOnly, .fast], keys: [.one("RO ACCESS")], arguments: "key",
        summary: "Returns the string value of a key.", since: "1.0.0", group: "string", handler: get),
    Command(
        name: "SET", arity: -3, flags: [.write, .denyOutOfMemory],
        keys: [.one("RW ACCESS UPDATE VARIABLE_FLAGS")],
        arguments:
            "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        since: "1.0.0", group: "string", conflict: "the later SET wins; increments that no SET has seen survive it",
        handler: set),
    Command(
        name: "INCR", arity: 2, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key",
        summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        since: "1.0.0", group: "string", conflict: "increments add up", handler: increment),
]

@Sendable
private func get(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    try call.replyValue(key, key.read())
}

extension Invocation {
    /// Replies with a value as a bulk string.
    @inline(__always)
    func replyValue(_ key: KeyHandle, _ value: StringValue) throws(CommandError) {
        switch value {
        case .missing: reply.null()
        case .wrongType: throw .wrongType
        case .bytes(let view): reply.bulk(view)
        case .integer(let number): reply.bulk(number)
        case .shared(let block):
            block.retain()
            reply.bulk(shared: block.bytes, count: block.count, token: UInt(bitPattern: block.address))
        }
    }
}

@Sendable
private func set(_ call: inout Invocation) throws(CommandError) {
    if call.arguments.count == 3 {
        call.key(1).set(call.arguments.value(2))
        call.reply.ok()
        return
    }
    throw .syntax
}

@Sendable
private func increment(_ call: inout Invocation) throws(CommandError) {
    do {
        call.reply.integer(try call.key(1).increment(by: 1))
    } catch {
        throw CommandError(error)
    }
}
