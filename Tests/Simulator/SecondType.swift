/// Commands on the general container, so that there are two types before there are collections: T.ADD, T.REM
/// and T.ALL are SADD, SREM and SMEMBERS in byte order.
import Base
import CRDT
import Commands
import Engine
import RESP

public enum SecondType {
    public static let table = CommandTable(groups: [
        [
            Command(
                name: "T.ADD", arity: 3, flags: [.write], keys: [.one("RW INSERT")], arguments: "key element",
                summary: "Adds an element.", since: "test", group: "test", handler: add),
            Command(
                name: "T.REM", arity: 3, flags: [.write], keys: [.one("RW DELETE")], arguments: "key element",
                summary: "Removes an element.", since: "test", group: "test", handler: remove),
            Command(
                name: "T.ALL", arity: 2, flags: [.readOnly], keys: [.one("RO ACCESS")], arguments: "key",
                summary: "Lists the elements.", since: "test", group: "test", handler: all),
        ]
    ])
}

private func elements(_ key: KeyHandle) throws(CommandError) -> [[UInt8]] {
    guard let type = key.type else { return [] }
    guard type == .set, case .set(let elements)? = key.visible else { throw .wrongType }
    return elements
}

@Sendable
private func add(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    let element = call.arguments[2].array
    let isNew = try !elements(key).contains(element)
    key.addElement(element)
    call.reply.integer(isNew ? 1 : 0)
}

@Sendable
private func remove(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    let element = call.arguments[2].array
    guard try elements(key).contains(element) else { return call.reply.integer(0) }
    key.removeElement(element)
    call.reply.integer(1)
}

@Sendable
private func all(_ call: inout Invocation) throws(CommandError) {
    let found = try elements(call.key(1))
    call.reply.array(found.count)
    for element in found { element.withView { call.reply.bulk($0) } }
}
