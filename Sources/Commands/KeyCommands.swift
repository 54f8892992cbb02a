/// Keys whatever they hold: deleting, naming, describing them. Deadlines stand in ExpiryCommands, payloads in
/// PayloadCommands, what looks at all keys in WalkCommands.
import Base
import CRDT
import Engine
import RESP
import Synchronization

let keyCommands: [Command] = [
    Command(
        name: "DEL", arity: -2, flags: [.write], keys: [KeySpec(1, -1, "RM DELETE")], arguments: "key [key ...]",
        summary: "Deletes one or more keys.", since: "1.0.0", group: "generic",
        complexity:
            "O(N) where N is the number of keys that will be removed. When a key to remove holds a value other than a string, the individual complexity for this key is O(M) where M is the number of elements in the list, set, sorted set or hash. Removing a single key that holds a string value is O(1).",
        conflict: "removes what it had seen; a write it had not seen survives",
        tips: "request_policy:multi_shard response_policy:agg_sum", handler: delete),
    Command(
        name: "UNLINK", arity: -2, flags: [.write, .fast], keys: [KeySpec(1, -1, "RM DELETE")],
        arguments: "key [key ...]", summary: "Asynchronously deletes one or more keys.", since: "4.0.0",
        group: "generic",
        complexity:
            "O(1) for each key removed regardless of its size. Then the command does O(N) work in a different thread in order to reclaim memory, where N is the number of allocations the deleted objects where composed of.",
        conflict: "removes what it had seen; a write it had not seen survives",
        tips: "request_policy:multi_shard response_policy:agg_sum", handler: delete),
    Command(
        name: "EXISTS", arity: -2, flags: [.readOnly, .fast], keys: [KeySpec(1, -1, "RO")],
        arguments: "key [key ...]", summary: "Determines whether one or more keys exist.", since: "1.0.0",
        group: "generic", complexity: "O(N) where N is the number of keys to check.",
        tips: "request_policy:multi_shard response_policy:agg_sum", handler: exists),
    Command(
        name: "TOUCH", arity: -2, flags: [.readOnly, .fast], keys: [KeySpec(1, -1, "RO")],
        arguments: "key [key ...]",
        summary:
            "Returns the number of existing keys out of those specified after updating the time they were last accessed.",
        since: "3.2.1", group: "generic", complexity: "O(N) where N is the number of keys that will be touched.",
        conflict: "access times stay on their node", tips: "request_policy:multi_shard response_policy:agg_sum",
        handler: touch),
    Command(
        name: "TYPE", arity: 2, flags: [.readOnly, .fast], keys: [.one("RO")], arguments: "key",
        summary: "Determines the type of value stored at a key.", since: "1.0.0", group: "generic", handler: type),
    Command(
        name: "RENAME", arity: 3, flags: [.write],
        keys: [KeySpec(1, 1, "RW ACCESS DELETE"), KeySpec(2, 2, "OW UPDATE")], arguments: "key newkey",
        summary: "Renames a key and overwrites the destination.", since: "1.0.0", group: "generic",
        conflict:
            "the destination is a new write of the source's value; a write to the source that it had not seen stays there",
        handler: rename),
    Command(
        name: "RENAMENX", arity: 3, flags: [.write, .fast],
        keys: [KeySpec(1, 1, "RW ACCESS DELETE"), KeySpec(2, 2, "OW INSERT")], arguments: "key newkey",
        summary: "Renames a key only when the target key name doesn't exist.", since: "1.0.0", group: "generic",
        conflict: "NX looks at this node; of two destinations the later wins", handler: renameIfAbsent),
    Command(
        name: "COPY", arity: -3, flags: [.write, .denyOutOfMemory],
        keys: [KeySpec(1, 1, "RO ACCESS"), KeySpec(2, 2, "OW UPDATE")],
        arguments: "source destination [DB destination-db] [REPLACE]",
        summary: "Copies the value of a key to a new key.", since: "6.2.0", group: "generic",
        complexity:
            "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
        conflict: "the destination is a new write: of two the later wins", handler: copy),
    Command(
        name: "MOVE", arity: 3, flags: [.write, .fast], keys: [.one("RW ACCESS UPDATE")], arguments: "key db",
        summary: "Moves a key to another database.", since: "1.0.0", group: "generic",
        conflict:
            "the destination is a new write of the source's value; a write to the source that it had not seen stays there",
        handler: move),
    Command(
        name: "OBJECT", arity: -2, summary: "A container for object introspection commands.", since: "2.2.3",
        group: "generic", complexity: "Depends on subcommand.",
        subcommands: [
            Command(
                name: "ENCODING", arity: 3, flags: [.readOnly], keys: [.one("RO", at: 2)], arguments: "key",
                summary: "Returns the internal encoding of a Redis object.", since: "2.2.3", group: "generic",
                tips: "nondeterministic_output", handler: objectEncoding),
            Command(
                name: "FREQ", arity: 3, flags: [.readOnly], keys: [.one("RO", at: 2)], arguments: "key",
                summary: "Returns the logarithmic access frequency counter of a Redis object.", since: "4.0.0",
                group: "generic", conflict: "accesses are counted on their node", tips: "nondeterministic_output",
                handler: objectFrequency),
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Returns helpful text about the different subcommands.", since: "6.2.0", group: "generic",
                handler: objectHelp),
            Command(
                name: "IDLETIME", arity: 3, flags: [.readOnly], keys: [.one("RO", at: 2)], arguments: "key",
                summary: "Returns the time since the last access to a Redis object.", since: "2.2.3",
                group: "generic", conflict: "access times stay on their node", tips: "nondeterministic_output",
                handler: objectIdleTime),
            Command(
                name: "REFCOUNT", arity: 3, flags: [.readOnly], keys: [.one("RO", at: 2)], arguments: "key",
                summary: "Returns the reference count of a value of a key.", since: "2.2.3", group: "generic",
                tips: "nondeterministic_output", handler: objectReferenceCount),
        ]),
]

@Sendable
private func delete(_ call: inout Invocation) throws(CommandError) {
    var deleted = 0
    for index in 1..<call.arguments.count where call.key(index).delete() { deleted += 1 }
    call.reply.integer(deleted)
}

@Sendable
private func exists(_ call: inout Invocation) throws(CommandError) {
    var found = 0
    for index in 1..<call.arguments.count where call.looksUp(call.key(index)) { found += 1 }
    call.reply.integer(found)
}

@Sendable
private func touch(_ call: inout Invocation) throws(CommandError) {
    var found = 0
    for index in 1..<call.arguments.count where call.key(index).touch() { found += 1 }
    call.reply.integer(found)
}

@Sendable
private func type(_ call: inout Invocation) throws(CommandError) {
    let key = call.key(1)
    guard call.looksUp(key), let type = key.type else { return call.reply.simple("none") }
    call.reply.simple(type.redisName)
}

extension ValueType {
    /// What TYPE replies and SCAN's TYPE compares with.
    var redisName: StaticString {
        switch self {
        case .string: "string"
        case .set: "set"
        }
    }
}

extension Invocation {
    /// Whether the key exists, counted as a hit or a miss but not as a use of the key.
    func looksUp(_ key: KeyHandle) -> Bool {
        let before = context.pointee.leavesAccessAlone
        context.pointee.leavesAccessAlone = true
        defer { context.pointee.leavesAccessAlone = before }
        return key.touch()
    }

    /// The database an argument names: a 32-bit integer first, as Redis reads it, then one that exists.
    func database(at index: Int) throws(CommandError) -> Int {
        let number = try arguments.integer(index)
        guard let narrow = Int32(exactly: number) else {
            throw .fixed("ERR value is out of range, value must between -2147483648 and 2147483647")
        }
        guard narrow >= 0, narrow < node.databaseCount else { throw .databaseOutOfRange }
        return Int(narrow)
    }
}

// MARK: Names

private let sameObject = CommandError.fixed("ERR source and destination objects are the same")

@Sendable
private func rename(_ call: inout Invocation) throws(CommandError) {
    let source = call.key(1)
    guard source.exists else { throw .noSuchKey }
    if call.arguments[1] != call.arguments[2] { moveValue(of: source, to: call.key(2)) }
    call.reply.ok()
}

@Sendable
private func renameIfAbsent(_ call: inout Invocation) throws(CommandError) {
    let source = call.key(1)
    guard source.exists else { throw .noSuchKey }
    let destination = call.key(2)
    // The key itself counts as present.
    guard !destination.exists else { return call.reply.integer(0) }
    moveValue(of: source, to: destination)
    call.reply.integer(1)
}

/// The destination is written before the source goes: whoever sees only half of it sees two keys, not none.
private func moveValue(of source: KeyHandle, to destination: KeyHandle) {
    let accessWord = source.describe()?.accessWord
    source.copy(to: destination)
    if let accessWord { destination.setAccess(accessWord) }
    source.delete()
}

@Sendable
private func copy(_ call: inout Invocation) throws(CommandError) {
    var database = call.session.database
    var replaces = false
    var index = 3
    while index < call.arguments.count {
        if call.arguments.isWord(index, "replace") {
            replaces = true
        } else if call.arguments.isWord(index, "db"), index + 1 < call.arguments.count {
            index += 1
            database = try call.database(at: index)
        } else {
            throw .syntax
        }
        index += 1
    }
    if database == call.session.database, call.arguments[1] == call.arguments[2] { throw sameObject }
    let source = call.key(1)
    guard source.touch() else { return call.reply.integer(0) }
    let destination = call.key(2).inDatabase(database)
    guard replaces || !destination.exists else { return call.reply.integer(0) }
    source.copy(to: destination)
    call.reply.integer(1)
}

@Sendable
private func move(_ call: inout Invocation) throws(CommandError) {
    let database = try call.database(at: 2)
    guard database != call.session.database else { throw sameObject }
    let source = call.key(1)
    let destination = source.inDatabase(database)
    guard source.exists, !destination.exists else { return call.reply.integer(0) }
    moveValue(of: source, to: destination)
    call.reply.integer(1)
}

// MARK: OBJECT

/// Redis keeps one object for each of the small integers and says so in OBJECT REFCOUNT.
private let sharedIntegers: Range<Int64> = 0..<10_000
private let embeddedBytesMax = 44

extension Invocation {
    /// The description of the key a subcommand of OBJECT names; nil, and a null replied, where there is none.
    fileprivate func describedKey() -> KeyHandle.Description? {
        let key = key(2)
        if looksUp(key), let description = key.describe() { return description }
        reply.null()
        return nil
    }
}

/// The integer a value would be kept as in Redis.
private func encodedInteger(_ key: KeyHandle, _ description: KeyHandle.Description) -> Int64? {
    switch key.peek() {
    case .integer(let number): number
    case .bytes(let view): description.isRaw ? nil : view.canonicalInteger
    case .missing, .wrongType, .shared: nil
    }
}

@Sendable
private func objectEncoding(_ call: inout Invocation) throws(CommandError) {
    guard let description = call.describedKey() else { return }
    let key = call.key(2)
    if encodedInteger(key, description) != nil { return call.reply.bulk("int") }
    switch key.peek() {
    case .wrongType: call.reply.bulk("hashtable")
    case .bytes(let view) where view.count <= embeddedBytesMax && !description.isRaw: call.reply.bulk("embstr")
    case .bytes, .shared, .integer, .missing: call.reply.bulk("raw")
    }
}

@Sendable
private func objectReferenceCount(_ call: inout Invocation) throws(CommandError) {
    guard let description = call.describedKey() else { return }
    let number = encodedInteger(call.key(2), description)
    // Access words belong to an object, so Redis does not share where an eviction policy reads them.
    let sharesIntegers =
        call.node.memoryLimitBytes.load(ordering: .relaxed) == 0 || !call.node.evictionPolicy.readsAccess
    let isShared = number.map { sharedIntegers.contains($0) } ?? false
    call.reply.integer(isShared && sharesIntegers ? Int64(Int32.max) : 1)
}

extension EvictionPolicy {
    fileprivate var readsAccess: Bool {
        switch self {
        case .allKeysLRU, .volatileLRU, .allKeysLFU, .volatileLFU: true
        case .noEviction, .allKeysRandom, .volatileRandom, .volatileTTL: false
        }
    }
}

@Sendable
private func objectIdleTime(_ call: inout Invocation) throws(CommandError) {
    guard let description = call.describedKey() else { return }
    guard !call.context.pointee.access.countsFrequency else {
        throw .fixed(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
        )
    }
    call.reply.integer(call.context.pointee.access.idleSeconds(description.accessWord))
}

@Sendable
private func objectFrequency(_ call: inout Invocation) throws(CommandError) {
    guard let description = call.describedKey() else { return }
    guard call.context.pointee.access.countsFrequency else {
        throw .fixed(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
        )
    }
    call.reply.integer(Int64(call.context.pointee.access.decayedFrequency(description.accessWord)))
}

@Sendable
private func objectHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyLines([
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
        "HELP",
        "    Prints this help.",
    ])
}

extension Invocation {
    fileprivate func replyLines(_ lines: [StaticString]) {
        reply.array(lines.count)
        for line in lines { reply.simple(line) }
    }
}
