/// Strings as numbers. A counter and a string are one cell: INCR works on what SET wrote, SET over a counter.
import Base
import Engine
import RESP

private let incrementConflict: StaticString =
    "increments add up; a concurrent SET or DEL takes away only those it had seen"

let counterCommands: [Command] = [
    Command(
        name: "INCR", arity: 2, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key",
        summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        since: "1.0.0", group: "string", conflict: incrementConflict, handler: increment),
    Command(
        name: "DECR", arity: 2, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key",
        summary: "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        since: "1.0.0", group: "string", conflict: incrementConflict, handler: decrement),
    Command(
        name: "INCRBY", arity: 3, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key increment",
        summary:
            "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        since: "1.0.0", group: "string", conflict: incrementConflict, handler: incrementBy),
    Command(
        name: "DECRBY", arity: 3, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key decrement",
        summary:
            "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
        since: "1.0.0", group: "string", conflict: incrementConflict, handler: decrementBy),
    Command(
        name: "INCRBYFLOAT", arity: 3, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key increment",
        summary:
            "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        since: "2.6.0", group: "string", conflict: incrementConflict, handler: incrementByFloat),
]

@Sendable
private func increment(_ call: inout Invocation) throws(CommandError) { try add(1, &call) }

@Sendable
private func decrement(_ call: inout Invocation) throws(CommandError) { try add(-1, &call) }

@Sendable
private func incrementBy(_ call: inout Invocation) throws(CommandError) {
    try add(try call.arguments.integer(2), &call)
}

@Sendable
private func decrementBy(_ call: inout Invocation) throws(CommandError) {
    let amount = try call.arguments.integer(2)
    guard amount != .min else { throw .fixed("ERR decrement would overflow") }
    try add(-amount, &call)
}

@inline(__always)
private func add(_ amount: Int64, _ call: inout Invocation) throws(CommandError) {
    do {
        call.reply.integer(try call.key(1).increment(by: amount))
    } catch {
        throw CommandError(error)
    }
}

@Sendable
private func incrementByFloat(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    if case .wrongType = key.peek() { throw .wrongType }
    guard let amount = LongDouble(text: call.arguments[2]) else { throw .notFloat }
    do {
        call.reply.bulk(try key.incrementFloat(by: amount))
    } catch {
        switch error {
        case .wrongType: throw .wrongType
        case .notANumber: throw .notFloat
        case .overflow: throw .fixed("ERR increment would produce NaN or Infinity")
        }
    }
}
