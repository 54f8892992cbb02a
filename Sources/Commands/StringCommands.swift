/// Strings as a whole: reading one, replacing it, ending it. Parts are in `StringRangeCommands`, several keys
/// at once in `MultiStringCommands`, numbers in `CounterCommands`; all of them work on the same cell.
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
        name: "SETNX", arity: 3, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("OW INSERT")],
        arguments: "key value", summary: "Set the string value of a key only when the key doesn't exist.",
        since: "1.0.0", group: "string", conflict: "both regions may see 1; the later value stays",
        handler: setIfAbsent),
    Command(
        name: "SETEX", arity: 4, flags: [.write, .denyOutOfMemory], keys: [.one("OW UPDATE")],
        arguments: "key seconds value",
        summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
        since: "2.0.0", group: "string", conflict: "as SET; the time to live belongs to its value",
        handler: setExpiringSeconds),
    Command(
        name: "PSETEX", arity: 4, flags: [.write, .denyOutOfMemory], keys: [.one("OW UPDATE")],
        arguments: "key milliseconds value",
        summary:
            "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
        since: "2.6.0", group: "string", conflict: "as SET; the time to live belongs to its value",
        handler: setExpiringMilliseconds),
    Command(
        name: "GETSET", arity: 3, flags: [.write, .denyOutOfMemory, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments: "key value",
        summary: "Returns the previous string value of a key after setting it to a new value.", since: "1.0.0",
        group: "string", conflict: "as SET; both regions may be told the same previous value", handler: getSet),
    Command(
        name: "GETDEL", arity: 2, flags: [.write, .fast], keys: [.one("RW ACCESS DELETE")], arguments: "key",
        summary: "Returns the string value of a key after deleting the key.", since: "6.2.0", group: "string",
        conflict: "deletes what it has seen; both regions may get the value", handler: getDelete),
    Command(
        name: "GETEX", arity: -2, flags: [.write, .fast], keys: [.one("RW ACCESS UPDATE")],
        arguments:
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
        summary: "Returns the string value of a key after setting its expiration time.", since: "6.2.0",
        group: "string", conflict: "the longest time to live wins, PERSIST over all", handler: getExpiring),
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

extension StringValue {
    var isMissing: Bool {
        if case .missing = self { true } else { false }
    }
}

// MARK: SET and its older spellings

@Sendable
private func set(_ call: inout Invocation) throws(CommandError) {
    if call.arguments.count == 3 {
        call.key(1).set(call.arguments.value(2))
        call.reply.ok()
        return
    }
    try setWithOptions(&call)
}

@inline(never)
private func setWithOptions(_ call: inout Invocation) throws(CommandError) {
    let options = try SetOptions(call.arguments)
    let change = try options.expiry.change(call)
    let key = call.key(1)
    var exists = false
    if options.repliesPrevious {
        let previous = key.read()
        try call.replyValue(key, previous)
        exists = !previous.isMissing
    } else if options.condition != .always {
        exists = key.exists
    }
    guard options.condition.holds(exists: exists) else {
        if !options.repliesPrevious { call.reply.null() }
        return
    }
    if case .at(let deadline) = change, deadline <= call.nowMilliseconds {
        // A value that ends before it begins is none. Writing it would not do: what is written after a
        // deadline survives it.
        key.noteWrite()
        key.delete()
    } else {
        key.set(call.arguments.value(2), deadline: change)
    }
    if !options.repliesPrevious { call.reply.ok() }
}

private struct SetOptions {
    enum Condition {
        case always, ifAbsent, ifPresent

        func holds(exists: Bool) -> Bool {
            switch self {
            case .always: true
            case .ifAbsent: !exists
            case .ifPresent: exists
            }
        }
    }

    var condition = Condition.always
    var repliesPrevious = false
    var expiry = ExpiryOption()

    init(_ arguments: Arguments) throws(CommandError) {
        var index = 3
        while index < arguments.count {
            if arguments.isWord(index, "nx"), condition != .ifPresent {
                condition = .ifAbsent
            } else if arguments.isWord(index, "xx"), condition != .ifAbsent {
                condition = .ifPresent
            } else if arguments.isWord(index, "get") {
                repliesPrevious = true
            } else {
                try expiry.take(arguments, &index, alternative: ("keepttl", .keep))
            }
            index += 1
        }
    }
}

@Sendable
private func setIfAbsent(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    if key.exists {
        call.reply.integer(0)
        return
    }
    key.set(call.arguments.value(2))
    call.reply.integer(1)
}

@Sendable
private func setExpiringSeconds(_ call: inout Invocation) throws(CommandError) {
    let deadline = try ExpiryOption.deadline(call, at: 2, .seconds)
    call.key(1).set(call.arguments.value(3), deadline: .at(milliseconds: deadline))
    call.reply.ok()
}

@Sendable
private func setExpiringMilliseconds(_ call: inout Invocation) throws(CommandError) {
    let deadline = try ExpiryOption.deadline(call, at: 2, .milliseconds)
    call.key(1).set(call.arguments.value(3), deadline: .at(milliseconds: deadline))
    call.reply.ok()
}

@Sendable
private func getSet(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    try call.replyValue(key, key.read())
    key.set(call.arguments.value(2))
}

// MARK: Reading and ending

@Sendable
private func getDelete(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    try call.replyValue(key, key.read())
    _ = key.delete()
}

@Sendable
private func getExpiring(_ call: inout Invocation) throws(CommandError) {
    var option = ExpiryOption()
    var index = 2
    while index < call.arguments.count {
        try option.take(call.arguments, &index, alternative: ("persist", .persist))
        index += 1
    }
    let key = call.key(1)
    let value = key.read()
    // Redis looks at the time only where there is a string to end.
    switch value {
    case .missing: return call.reply.null()
    case .wrongType: throw .wrongType
    case .bytes, .integer, .shared: break
    }
    switch option.kind {
    case .none, .keep:
        try call.replyValue(key, value)
    case .persist:
        try call.replyValue(key, value)
        _ = key.persist()
    case .seconds, .milliseconds, .unixSeconds, .unixMilliseconds:
        let deadline = try option.deadline(call)
        try call.replyValue(key, value)
        if deadline <= call.nowMilliseconds {
            _ = key.delete()
        } else {
            key.setDeadline(milliseconds: deadline)
        }
    }
}
