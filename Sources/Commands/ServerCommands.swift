/// The server as a whole: its time, its role, its end; and what a2 is not, a cluster or a host of modules.
import Base
import Options
import RESP
import Replication

let serverCommands: [Command] = [
    Command(
        name: "LOLWUT", arity: -1, flags: [.readOnly, .fast], arguments: "[VERSION version]",
        summary: "Displays computer art and the server's version.", since: "5.0.0", group: "server", handler: lolwut),
    Command(
        name: "MONITOR", arity: 1, flags: [.admin, .noScript, .loading, .stale],
        summary: "Listens for all requests received by the server in real-time.", since: "1.0.0", group: "server",
        handler: monitor),
    Command(
        name: "ROLE", arity: 1, flags: [.noScript, .loading, .stale, .fast],
        summary: "Returns the replication role.", since: "2.8.12", group: "server",
        conflict: "every node is a master: all take writes", categories: "@admin @dangerous", handler: role),
    Command(
        name: "SHUTDOWN", arity: -1, flags: [.admin, .noScript, .loading, .stale, .noMulti, .allowBusy],
        arguments: "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
        summary: "Synchronously saves the database(s) to disk and shuts down the server.", since: "1.0.0",
        group: "server", conflict: "the other nodes go on, and wait for this one to come back",
        handler: shutdown),
    Command(
        name: "TIME", arity: 1, flags: [.loading, .stale, .fast], summary: "Returns the server time.",
        since: "2.6.0", group: "server", tips: "nondeterministic_output", handler: time),
    Command(
        name: "WAIT", arity: 3, flags: [.noScript], arguments: "numreplicas timeout",
        summary:
            "Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.",
        since: "3.0.0", group: "generic", conflict: "counts peers that have applied this connection's writes",
        categories: "@connection", tips: "request_policy:all_shards response_policy:agg_min", handler: wait),
    Command(
        name: "WAITAOF", arity: 4, flags: [.noScript], arguments: "numlocal numreplicas timeout",
        summary:
            "Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the master and/or replicas.",
        since: "7.2.0", group: "generic", conflict: "counts peers that have this connection's writes on disk",
        categories: "@connection", tips: "request_policy:all_shards response_policy:agg_min", handler: waitDurably),
    Command(
        name: "MODULE", arity: -2, summary: "A container for module commands.", since: "4.0.0", group: "server",
        complexity: "Depends on subcommand.",
        subcommands: [
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Returns helpful text about the different subcommands.", since: "5.0.0", group: "server",
                handler: moduleHelp),
            Command(
                name: "LIST", arity: 2, flags: [.admin, .noScript], summary: "Returns all loaded modules.",
                since: "4.0.0", group: "server", complexity: "O(N) where N is the number of loaded modules.",
                tips: "nondeterministic_output_order", handler: moduleList),
            moduleRow("LOAD", -3, "path [arg [arg ...]]", since: "4.0.0", "Loads a module."),
            moduleRow(
                "LOADEX", -3, "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]",
                since: "7.0.0", "Loads a module using extended parameters."),
            moduleRow("UNLOAD", 3, "name", since: "4.0.0", "Unloads a module."),
        ]),
    Command(
        name: "CLUSTER", arity: -2, summary: "A container for Redis Cluster commands.", since: "3.0.0",
        group: "cluster", complexity: "Depends on subcommand.",
        subcommands: [
            clusterRow("COUNTKEYSINSLOT", [.stale], 3, "slot", "Returns the number of keys in a hash slot."),
            clusterRow("GETKEYSINSLOT", [.stale], 4, "slot count", "Returns the key names in a hash slot."),
            clusterRow("HELP", [.stale], 2, "", "Returns helpful text about the different subcommands."),
            clusterRow("INFO", [.stale], 2, "", "Returns information about the state of a node."),
            clusterRow("KEYSLOT", [.stale], 3, "key", "Returns the hash slot for a key."),
            clusterRow("LINKS", [.stale], 2, "", "Returns a list of all TCP links to and from peer nodes."),
            clusterRow(
                "MEET", [.admin, .stale], -4, "ip port [cluster-bus-port]",
                "Forces a node to handshake with another node."),
            clusterRow("MYID", [.stale], 2, "", "Returns the ID of a node."),
            clusterRow("MYSHARDID", [.stale], 2, "", "Returns the shard ID of a node."),
            clusterRow("NODES", [.stale], 2, "", "Returns the cluster configuration for a node."),
            clusterRow("REPLICAS", [.admin, .stale], 3, "node-id", "Lists the replica nodes of a master node."),
            clusterRow("RESET", [.admin, .stale], -2, "[HARD | SOFT]", "Resets a node."),
            clusterRow("SHARDS", [.stale], 2, "", "Returns the mapping of cluster slots to shards."),
            clusterRow("SLOTS", [.stale], 2, "", "Returns the mapping of cluster slots to nodes."),
        ]),
]

private func moduleRow(
    _ name: StaticString, _ arity: Int, _ arguments: StaticString, since: StaticString, _ summary: StaticString
) -> Command {
    Command(
        name: name, arity: arity, flags: [.admin, .noScript, .noAsyncLoading], arguments: arguments,
        summary: summary,
        since: since, group: "server", handler: moduleRefused)
}

private func clusterRow(
    _ name: StaticString, _ flags: CommandFlags, _ arity: Int, _ arguments: StaticString, _ summary: StaticString
) -> Command {
    Command(
        name: name, arity: arity, flags: flags, arguments: arguments, summary: summary, since: "3.0.0",
        group: "cluster", handler: clusterRefused)
}

extension Invocation {
    /// Unix microseconds, as fine as the process has them.
    var nowMicroseconds: Int64 {
        let fine = node.process.wallMicroseconds()
        return fine > 0 ? fine : nowMilliseconds * 1000
    }
}

@Sendable
private func time(_ call: inout Invocation) throws(CommandError) {
    let now = call.nowMicroseconds
    call.reply.array(2)
    call.reply.bulk(now / 1_000_000)
    call.reply.bulk(now % 1_000_000)
}

@Sendable
private func lolwut(_ call: inout Invocation) throws(CommandError) {
    if call.arguments.count > 2, call.arguments.isWord(1, "version") { _ = try call.arguments.integer(2) }
    "Redis ver. \(Version.redisLevel)\n".withBytes { call.reply.verbatim("txt", $0) }
}

@Sendable
private func role(_ call: inout Invocation) throws(CommandError) {
    let report = call.node.cluster.withLock { $0 }
    let followers = call.node.followers(report)
    call.reply.array(3)
    call.reply.bulk("master")
    call.reply.integer(Int64(call.node.window.end))
    call.reply.array(followers.count)
    for follower in followers {
        let (host, port) = follower.peer.hostAndPort
        call.reply.array(3)
        call.reply.bulk(host)
        call.reply.bulk(Int64(port))
        call.reply.bulk(Int64(clamping: follower.offset))
    }
}

@Sendable
private func wait(_ call: inout Invocation) throws(CommandError) {
    let timeout = try call.timeoutMilliseconds(2)
    let count = try call.arguments.integer(1)
    call.wait(.applied, peers: count, timeout)
}

@Sendable
private func waitDurably(_ call: inout Invocation) throws(CommandError) {
    let local = try call.arguments.integer(1)
    guard 0...1 ~= local else { throw .fixed("ERR value is out of range, value must between 0 and 1") }
    let count = try call.arguments.integer(2)
    guard count >= 0 else { throw .fixed("ERR value is out of range, must be positive") }
    let timeout = try call.timeoutMilliseconds(3)
    if local > 0, call.node.window.log == nil {
        throw .fixed("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
    }
    call.wait(.durable, peers: count, timeout, waitsForDisk: local > 0)
}

extension Invocation {
    /// Replies at once where nothing is to be waited for, or nothing may wait: inside a transaction.
    fileprivate mutating func wait(
        _ kind: PeerAcknowledgements.Kind, peers: Int64, _ timeoutMilliseconds: Int64, waitsForDisk: Bool = false
    ) {
        let end = node.window.end
        let count = node.acknowledgements.count(kind, upTo: end)
        let isOnDisk = node.isOnDisk(end)
        if count >= peers && (isOnDisk || !waitsForDisk) || isInTransaction {
            return reply.acknowledged(kind, peers: count, isOnDisk: isOnDisk)
        }
        effect = .host(
            .waitForPeers(
                PeerWaitRequest(
                    kind: kind, peerCount: Int(peers), timeoutMilliseconds: Int(min(timeoutMilliseconds, .max / 4)),
                    waitsForDisk: waitsForDisk)))
    }
}

extension ReplyWriter {
    /// What WAIT and WAITAOF answer.
    public mutating func acknowledged(_ kind: PeerAcknowledgements.Kind, peers: Int, isOnDisk: Bool) {
        if kind == .durable {
            array(2)
            integer(isOnDisk ? 1 : 0)
        }
        integer(peers)
    }
}

@Sendable
private func monitor(_ call: inout Invocation) throws(CommandError) {
    if call.isInTransaction { throw .fixed("ERR MONITOR isn't allowed for DENY BLOCKING client") }
    call.effect = .host(.monitor)
}

@Sendable
private func shutdown(_ call: inout Invocation) throws(CommandError) {
    var mode = ShutdownMode()
    var saves = false
    var savesNot = false
    for index in 1..<max(call.arguments.count, 1) {
        if call.arguments.isWord(index, "nosave") {
            savesNot = true
        } else if call.arguments.isWord(index, "save") {
            saves = true
        } else if call.arguments.isWord(index, "now") {
            mode.isImmediate = true
        } else if call.arguments.isWord(index, "force") {
            mode.isForced = true
        } else if call.arguments.isWord(index, "abort") {
            mode.isAbort = true
        } else {
            throw .syntax
        }
    }
    if saves && savesNot || mode.isAbort && call.arguments.count > 2 { throw .syntax }
    call.effect = .host(.shutdown(mode))
}

// MARK: What a2 is not

@Sendable
private func moduleList(_ call: inout Invocation) throws(CommandError) {
    call.reply.array(0)
}

@Sendable
private func moduleRefused(_ call: inout Invocation) throws(CommandError) {
    throw .moduleNotAllowed
}

@Sendable
private func moduleHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp(["LIST", "    Return a list of loaded modules."])
}

@Sendable
private func clusterRefused(_ call: inout Invocation) throws(CommandError) {
    throw .fixed("ERR This instance has cluster support disabled")
}
