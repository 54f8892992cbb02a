/// When keys end: EXPIRE and its kin, TTL and its kin, PERSIST.
import Base
import Engine
import RESP

let expiryCommands: [Command] = [
    expiryRow(
        "EXPIRE", "key seconds [NX | XX | GT | LT]",
        "Sets the expiration time of a key in seconds.", since: "1.0.0"
    ) {
        (call) throws(CommandError) in try expire(&call, .seconds, isRelative: true)
    },
    expiryRow(
        "PEXPIRE", "key milliseconds [NX | XX | GT | LT]",
        "Sets the expiration time of a key in milliseconds.", since: "2.6.0"
    ) {
        (call) throws(CommandError) in try expire(&call, .milliseconds, isRelative: true)
    },
    expiryRow(
        "EXPIREAT", "key unix-time-seconds [NX | XX | GT | LT]",
        "Sets the expiration time of a key to a Unix timestamp.", since: "1.2.0"
    ) { (call) throws(CommandError) in try expire(&call, .seconds, isRelative: false) },
    expiryRow(
        "PEXPIREAT", "key unix-time-milliseconds [NX | XX | GT | LT]",
        "Sets the expiration time of a key to a Unix milliseconds timestamp.",
        since: "2.6.0"
    ) { (call) throws(CommandError) in try expire(&call, .milliseconds, isRelative: false) },
    deadlineRow("TTL", "Returns the expiration time in seconds of a key.", since: "1.0.0") {
        (call) throws(CommandError) in replyDeadline(&call, .seconds, isRelative: true)
    },
    deadlineRow("PTTL", "Returns the expiration time in milliseconds of a key.", since: "2.6.0") {
        (call) throws(CommandError) in replyDeadline(&call, .milliseconds, isRelative: true)
    },
    deadlineRow("EXPIRETIME", "Returns the expiration time of a key as a Unix timestamp.", since: "7.0.0") {
        (call) throws(CommandError) in replyDeadline(&call, .seconds, isRelative: false)
    },
    deadlineRow(
        "PEXPIRETIME", "Returns the expiration time of a key as a Unix milliseconds timestamp.", since: "7.0.0"
    ) { (call) throws(CommandError) in replyDeadline(&call, .milliseconds, isRelative: false) },
    Command(
        name: "PERSIST", arity: 2, flags: [.write, .fast], keys: [.one("RW UPDATE")], arguments: "key",
        summary: "Removes the expiration time of a key.", since: "2.2.0", group: "generic",
        conflict: "wins over every deadline set concurrently", handler: persist),
]

private enum TimeUnit {
    case seconds, milliseconds
}

private func expiryRow(
    _ name: StaticString, _ arguments: StaticString, _ summary: StaticString, since: StaticString,
    handler: @escaping Handler
) -> Command {
    Command(
        name: name, arity: -3, flags: [.write, .fast], keys: [.one("RW UPDATE")], arguments: arguments,
        summary: summary, since: since, group: "generic",
        conflict: "the longest time to live wins, PERSIST over all; conditions look at this node", handler: handler)
}

private func deadlineRow(
    _ name: StaticString, _ summary: StaticString, since: StaticString, handler: @escaping Handler
) -> Command {
    Command(
        name: name, arity: 2, flags: [.readOnly, .fast], keys: [.one("RO ACCESS")], arguments: "key",
        summary: summary, since: since, group: "generic", handler: handler)
}

// MARK: Setting

private struct ExpiryConditions: OptionSet {
    let rawValue: UInt8

    static let onlyIfNone = ExpiryConditions(rawValue: 1)
    static let onlyIfSome = ExpiryConditions(rawValue: 2)
    static let onlyIfLater = ExpiryConditions(rawValue: 4)
    static let onlyIfEarlier = ExpiryConditions(rawValue: 8)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(_ arguments: Arguments) throws(CommandError) {
        var conditions: ExpiryConditions = []
        for index in 3..<max(arguments.count, 3) {
            if arguments.isWord(index, "nx") {
                conditions.insert(.onlyIfNone)
            } else if arguments.isWord(index, "xx") {
                conditions.insert(.onlyIfSome)
            } else if arguments.isWord(index, "gt") {
                conditions.insert(.onlyIfLater)
            } else if arguments.isWord(index, "lt") {
                conditions.insert(.onlyIfEarlier)
            } else {
                // Redis prints it as a C string.
                let word = arguments[index]
                throw .built("ERR Unsupported option \(word.slice(0, word.firstIndex(of: 0) ?? word.count).string)")
            }
        }
        if conditions.contains(.onlyIfNone), conditions != .onlyIfNone {
            throw .fixed("ERR NX and XX, GT or LT options at the same time are not compatible")
        }
        if conditions.isSuperset(of: [.onlyIfLater, .onlyIfEarlier]) {
            throw .fixed("ERR GT and LT options at the same time are not compatible")
        }
        self = conditions
    }

    /// No deadline counts as one that never comes.
    func allow(_ deadline: Int64, after present: Int64?) -> Bool {
        if contains(.onlyIfNone), present != nil { return false }
        if contains(.onlyIfSome), present == nil { return false }
        if contains(.onlyIfLater), deadline <= present ?? .max { return false }
        if contains(.onlyIfEarlier), let present, deadline >= present { return false }
        return true
    }
}

private func expire(_ call: inout Invocation, _ unit: TimeUnit, isRelative: Bool) throws(CommandError) {
    let conditions = try ExpiryConditions(call.arguments)
    let moment = try call.arguments.integer(2)
    let scaled = moment.multipliedReportingOverflow(by: unit == .seconds ? 1000 : 1)
    let sum = scaled.partialValue.addingReportingOverflow(isRelative ? call.nowMilliseconds : 0)
    if scaled.overflow || sum.overflow { throw .invalidExpireTime(call) }
    // The very last moment means "never" in a record.
    let deadline = min(sum.partialValue, .max - 1)
    let key = call.key(1)
    guard key.exists, conditions.allow(deadline, after: key.deadlineMilliseconds) else {
        return call.reply.integer(0)
    }
    if deadline <= call.nowMilliseconds {
        key.delete()
    } else {
        key.setDeadline(milliseconds: deadline)
    }
    call.reply.integer(1)
}

@Sendable
private func persist(_ call: inout Invocation) throws(CommandError) {
    call.reply.integer(call.key(1).persist() ? 1 : 0)
}

// MARK: Asking

private func replyDeadline(_ call: inout Invocation, _ unit: TimeUnit, isRelative: Bool) {
    let key = call.key(1)
    guard call.looksUp(key) else { return call.reply.integer(-2) }
    guard let deadline = key.deadlineMilliseconds else { return call.reply.integer(-1) }
    let milliseconds = isRelative ? max(deadline - call.nowMilliseconds, 0) : deadline
    switch unit {
    case .milliseconds: call.reply.integer(milliseconds)
    case .seconds: call.reply.integer(milliseconds / 1000 + (milliseconds % 1000 >= 500 ? 1 : 0))
    }
}
