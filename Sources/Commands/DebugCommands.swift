/// DEBUG, as far as tests of Redis clients use it, and only where the operator allows it.
import Base
import Engine
import Options
import RESP
import Synchronization

let debugCommands: [Command] = [
    Command(
        name: "DEBUG", arity: -2, flags: [.admin, .noScript, .loading, .stale, .protected, .walks],
        arguments: "subcommand [arg [arg ...]]", summary: "A container for debugging commands.", since: "1.0.0",
        group: "server", complexity: "Depends on subcommand.", handler: debug)
]

@Sendable
private func debug(_ call: inout Invocation) throws(CommandError) {
    let count = call.arguments.count
    if call.arguments.isWord(1, "help"), count == 2 {
        replyDebugHelp(&call)
    } else if call.arguments.isWord(1, "sleep"), count == 3 {
        try debugSleep(&call)
    } else if call.arguments.isWord(1, "set-active-expire"), count == 3 {
        call.node.sweepsExpired.store((call.arguments[2].canonicalInteger ?? 0) != 0, ordering: .relaxed)
        call.reply.ok()
    } else if call.arguments.isWord(1, "object"), count == 3 {
        call.effect = .walk(ObjectWalk(key: call.arguments[2].array, database: call.session.database))
    } else if call.arguments.isWord(1, "error"), count == 3 {
        call.reply.error(call.arguments[2])
    } else if call.arguments.isWord(1, "protocol"), count == 3 {
        try debugProtocol(&call)
    } else {
        throw .badSubcommand(call)
    }
}

/// Only this client sleeps: the loop it lives on serves others.
private func debugSleep(_ call: inout Invocation) throws(CommandError) {
    let seconds = call.arguments[2].string
    let milliseconds = (Double(seconds) ?? 0) * 1000
    guard milliseconds > 0, milliseconds.isFinite, !call.isInTransaction else { return call.reply.ok() }
    call.effect = .host(.sleep(milliseconds: Int(min(milliseconds.rounded(.up), 1e12))))
}

/// DEBUG OBJECT names its key where no key spec says so: it visits the one partition of the key.
private final class ObjectWalk: Walk {
    private let key: [UInt8]
    private let database: Int
    private var text: String?

    init(key: [UInt8], database: Int) {
        self.key = key
        self.database = database
        super.init()
        partition = key.withView { Slots.partition(of: $0) }
    }

    override func visit(_ visit: inout PartitionVisit) {
        partition = nil
        key.withView { name in
            let handle = KeyHandle(
                partition: visit.partition, context: visit.context, database: database,
                hash: visit.partition.pointee.hash(of: name), name: name)
            guard let description = handle.describe() else { return }
            let idle = visit.context.pointee.access.idleSeconds(description.accessWord)
            let length = handle.bytes(of: handle.peek())?.count ?? description.footprintBytes
            let address = String(UInt(bitPattern: description.entry.address), radix: 16)
            text =
                "Value at:0x\(address) refcount:1 encoding:\(encoding(handle, description))"
                + " serializedlength:\(length + 1)"
                + " lru:\(description.accessWord & 0xFF_FFFF) lru_seconds_idle:\(idle)"
        }
    }

    /// As OBJECT ENCODING would say.
    private func encoding(_ handle: KeyHandle, _ description: KeyHandle.Description) -> String {
        switch handle.peek() {
        case .integer: return "int"
        case .wrongType: return "hashtable"
        case .bytes(let view) where !description.isRaw:
            return view.canonicalInteger != nil ? "int" : view.count <= 44 ? "embstr" : "raw"
        case .bytes, .shared, .missing: return "raw"
        }
    }

    override func finish(_ call: inout Invocation) {
        if let text {
            text.withBytes { call.reply.simple($0) }
        } else {
            call.reply.error("ERR no such key")
        }
    }
}

/// One reply of each kind the protocols have, for tests of clients.
private func debugProtocol(_ call: inout Invocation) throws(CommandError) {
    if call.arguments.isWord(2, "string") {
        call.reply.bulk("Hello World")
    } else if call.arguments.isWord(2, "integer") {
        call.reply.integer(12345)
    } else if call.arguments.isWord(2, "double") {
        call.reply.double(3.141)
    } else if call.arguments.isWord(2, "null") {
        call.reply.null()
    } else if call.arguments.isWord(2, "array") {
        call.reply.array(3)
        for number in 0..<3 { call.reply.integer(number) }
    } else if call.arguments.isWord(2, "set") {
        call.reply.set(3)
        for number in 0..<3 { call.reply.integer(number) }
    } else if call.arguments.isWord(2, "map") {
        call.reply.map(3)
        for number in 0..<3 {
            call.reply.integer(number)
            call.reply.boolean(number == 1)
        }
    } else if call.arguments.isWord(2, "bignum") {
        call.reply.bigNumber(ByteView("1234567999999999999999999999999999999"))
    } else if call.arguments.isWord(2, "true") {
        call.reply.boolean(true)
    } else if call.arguments.isWord(2, "false") {
        call.reply.boolean(false)
    } else if call.arguments.isWord(2, "verbatim") {
        call.reply.verbatim("txt", ByteView("This is a verbatim\nstring"))
    } else {
        throw .fixed(
            "ERR Wrong protocol type name. Please use one of the following: string|integer|double|null|array|set|map|bignum|verbatim|true|false"
        )
    }
}

private func replyDebugHelp(_ call: inout Invocation) {
    call.replyHelp([
        "ERROR <string>",
        "    Return a Redis protocol error with <string> as message. Useful for clients",
        "    unit tests to simulate Redis errors.",
        "OBJECT <key>",
        "    Show low level info about `key` and associated value.",
        "PROTOCOL <type>",
        "    Reply with a test value of the specified type. <type> can be: string,",
        "    integer, double, bignum, null, array, set, map, verbatim, true, false.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Setting it to 0 disables expiring keys in background when they are not",
        "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
        "    default.",
        "SLEEP <seconds>",
        "    Suspend this client for <seconds>. Decimals allowed.",
    ])
}
