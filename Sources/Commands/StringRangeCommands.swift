/// Parts of a string: its length, a piece of it, a change inside it or at its end.
import Base
import Engine
import RESP

let stringRangeCommands: [Command] = [
    Command(
        name: "STRLEN", arity: 2, flags: [.readOnly, .fast], keys: [.one("RO")], arguments: "key",
        summary: "Returns the length of a string value.", since: "2.2.0", group: "string", handler: length),
    Command(
        name: "APPEND", arity: 3, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW INSERT")],
        arguments: "key value",
        summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.", since: "2.0.0",
        group: "string",
        complexity:
            "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since room is kept for more.",
        conflict: "all appended pieces stay, in the order of their time; a concurrent SET of the value replaces them",
        handler: append),
    Command(
        name: "GETRANGE", arity: 4, flags: [.readOnly], keys: [.one("RO ACCESS")], arguments: "key start end",
        summary: "Returns a substring of the string stored at a key.", since: "2.4.0", group: "string",
        complexity: "O(N) where N is the length of the returned string.", handler: range),
    Command(
        name: "SUBSTR", arity: 4, flags: [.readOnly], keys: [.one("RO ACCESS")], arguments: "key start end",
        summary: "Returns a substring from a string value.", since: "1.0.0", group: "string",
        complexity: "O(N) where N is the length of the returned string.", handler: range),
    Command(
        name: "SETRANGE", arity: 4, flags: [.write, .denyOutOfMemory], keys: [.one("RW UPDATE")],
        arguments: "key offset value",
        summary:
            "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
        since: "2.2.0", group: "string", complexity: "O(M) with M being the length of the value argument.",
        conflict:
            "byte by byte the later change wins; different bytes all stay; a concurrent SET of the value replaces them",
        handler: setRange),
]

extension KeyHandle {
    /// How long a value is; 0 where there is none.
    func length(of value: StringValue) throws(CommandError) -> Int {
        switch value {
        case .missing: 0
        case .wrongType: throw .wrongType
        case .bytes(let view): view.count
        case .integer(let number): decimalLength(number)
        case .shared(let block): block.count
        }
    }

    /// A value's bytes, none where there is none. Valid until the next such call or write.
    func text(of value: StringValue) throws(CommandError) -> ByteView {
        if case .wrongType = value { throw .wrongType }
        return bytes(of: value) ?? .empty
    }
}

@Sendable
private func length(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    call.reply.integer(try key.length(of: key.read()))
}

@Sendable
private func append(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    let suffix = call.arguments[2]
    try requireLength(try key.length(of: key.peek()), plus: suffix.count)
    call.reply.integer(key.append(suffix))
}

@Sendable
private func range(_ call: inout Invocation) throws(CommandError) {
    var first = Int(try call.arguments.integer(2))
    var last = Int(try call.arguments.integer(3))
    let key = call.key(1)
    let text = try key.text(of: key.read())
    if first < 0, last < 0, first > last { return call.reply.bulk(.empty) }
    if first < 0 { first = max(first + text.count, 0) }
    if last < 0 { last = max(last + text.count, 0) }
    last = min(last, text.count - 1)
    call.reply.bulk(first > last ? .empty : text.slice(first, last - first + 1))
}

@Sendable
private func setRange(_ call: inout Invocation) throws(CommandError) {
    let offset = Int(try call.arguments.integer(2))
    guard offset >= 0 else { throw .fixed("ERR offset is out of range") }
    let key = call.key(1)
    let bytes = call.arguments[3]
    let present = try key.length(of: key.peek())
    if bytes.isEmpty { return call.reply.integer(present) }
    try requireLength(offset, plus: bytes.count)
    call.reply.integer(key.overwrite(at: offset, bytes))
}

private func requireLength(_ length: Int, plus added: Int) throws(CommandError) {
    let (sum, overflow) = length.addingReportingOverflow(added)
    if overflow || sum > Limits.bulkBytesMax { throw .stringTooLong }
}
