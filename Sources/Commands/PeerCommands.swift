/// The node's peers, seen and steered by any client: A2.PEERS tells of them, the others ask the thread that talks
/// with them for something. What is known of the peers is the last report of replication.
import Base
import Engine
import RESP
import Replication

private let steeringFlags: CommandFlags = [.admin, .noScript, .noMulti, .loading, .stale]

let peerCommands: [Command] = [
    Command(
        name: "A2.EXPEL", arity: -2, flags: steeringFlags, arguments: "node-id [FORCE]",
        summary: "Ends the membership of a node that will not come back; FORCE does not wait for the other members.",
        since: "0.1.0", group: "a2",
        conflict: "two regions that expel one node agree; its writes that no other member has are lost",
        handler: expel),
    Command(
        name: "A2.LEAVE", arity: 1, flags: steeringFlags,
        summary: "Ends this node's own membership for good, once the others have what it wrote.", since: "0.1.0",
        group: "a2", conflict: "what this node wrote before stays on the others", handler: leave),
    Command(
        name: "A2.LINK", arity: -3, flags: steeringFlags.union(.protected),
        arguments: "node-id <UP | DOWN | DELAY milliseconds>",
        summary: "Cuts the links with a node, restores them, or delays what comes over them; for tests.",
        since: "0.1.0", group: "a2", conflict: "steers this node's side of the links alone", handler: link),
    Command(
        name: "A2.PEERS", arity: 1, flags: [.admin, .loading, .stale, .fast],
        summary: "Returns the other nodes of the cluster: who they are, how their links do and what waits for them.",
        since: "0.1.0", group: "a2", complexity: "O(N) where N is the number of nodes",
        conflict: "shows the cluster as this node sees it", tips: "nondeterministic_output", handler: peers),
    Command(
        name: "A2.SYNC", arity: -1, flags: steeringFlags, arguments: "[node-id]",
        summary: "Compares all data with one node or with all of them now, and repairs what differs.",
        since: "0.1.0", group: "a2", complexity: "O(N) where N is the number of keys changed since the last time",
        conflict: "of a key that differs the later write stays, on both sides", handler: sync),
    Command(
        name: "A2.DEBUG", arity: -2, flags: .protected, summary: "A container for debugging commands of a2's own.",
        since: "0.1.0", group: "a2", complexity: "Depends on subcommand.",
        subcommands: [
            Command(
                name: "CORRUPT", arity: 3, flags: [.admin, .noScript, .protected],
                keys: [.one("RW UPDATE", at: 2)], arguments: "key",
                summary: "Changes a value behind replication's back, so that a repair has something to find.",
                since: "0.1.0", group: "a2",
                conflict: "changes this node alone, until a comparison makes it and its peers equal again",
                handler: corrupt),
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Returns helpful text about the different subcommands.", since: "0.1.0", group: "a2",
                handler: debugHelp),
        ]),
]

extension CommandError {
    fileprivate static let noPeers = CommandError.fixed("ERR this node has no peers")
    fileprivate static let noSuchPeer = CommandError.fixed("ERR no such peer")
}

extension ClusterReport.Peer {
    /// Neither gone nor replaced: a name whose writes are to come.
    var isPresent: Bool { membership == "member" || membership == "joining" }

    /// Both links: what is written on either side reaches the other.
    var isLinked: Bool { outgoing == "up" && incoming == "up" }
}

extension Invocation {
    /// The node at an argument index, which must be one that can still be talked with.
    fileprivate func peer(_ index: Int) throws(CommandError) -> UInt8 {
        let number = try arguments.integer(index)
        guard let node = UInt8(exactly: number), hasPeer({ $0.replica.node == node }) else { throw .noSuchPeer }
        return node
    }

    fileprivate func hasPeer(_ matches: (ClusterReport.Peer) -> Bool) -> Bool {
        node.cluster.withLock { report in report.peers.contains { $0.isPresent && matches($0) } }
    }
}

// MARK: A2.PEERS

@Sendable
private func peers(_ call: inout Invocation) throws(CommandError) {
    let report = call.node.cluster.withLock { $0 }
    call.reply.array(report.peers.count)
    for peer in report.peers { call.reply.peer(peer, pendingBytes: call.node.pendingBytes(of: peer)) }
}

extension Node {
    /// What a peer has not acknowledged of the window, also while there is no link to ask it over.
    func pendingBytes(of peer: ClusterReport.Peer) -> UInt64 {
        if peer.outgoing == "up" || !peer.isPresent { return peer.pendingBytes }
        let end = window.end
        return end - min(acknowledgements.position(.applied, node: peer.replica.node) ?? 0, end)
    }
}

extension ReplyWriter {
    fileprivate mutating func peer(_ peer: ClusterReport.Peer, pendingBytes: UInt64) {
        map(21)
        field("id", Int64(peer.replica.node))
        field("generation", Int64(peer.replica.generation))
        field("name", peer.name)
        field("region", peer.region)
        field("address", peer.address)
        field("client-address", peer.clientAddress)
        field("membership", peer.membership)
        field("health", peer.health)
        field("outgoing", peer.outgoing)
        field("incoming", peer.incoming)
        field("lag-ms", peer.lagMilliseconds)
        field("rtt-ms", peer.roundTripMilliseconds)
        field("silent-ms", peer.silentMilliseconds)
        field("pending-frames", Int64(clamping: peer.pendingFrames))
        field("pending-bytes", Int64(clamping: pendingBytes))
        field("frames-sent", Int64(clamping: peer.framesSent))
        field("frames-received", Int64(clamping: peer.framesReceived))
        field("bytes-sent", Int64(clamping: peer.bytesSent))
        field("bytes-received", Int64(clamping: peer.bytesReceived))
        field("keys-repaired", Int64(clamping: peer.keysRepaired))
        field("partitions-missing", Int64(peer.partitionsMissing))
    }

    private mutating func field(_ name: StaticString, _ value: String) {
        bulk(name)
        bulk(value)
    }

    /// Null before the first heartbeat.
    private mutating func field(_ name: StaticString, _ value: Int64?) {
        bulk(name)
        if let value { integer(value) } else { null() }
    }
}

// MARK: Requests

extension Invocation {
    /// OK is replied by whoever hands the request on.
    fileprivate mutating func ask(_ request: PeerRequest) { effect = .host(.peers(request)) }
}

@Sendable
private func sync(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 2 else { throw .syntax }
    if call.arguments.count == 2 { return call.ask(.sync(node: try call.peer(1))) }
    guard call.hasPeer({ _ in true }) else { throw .noPeers }
    call.ask(.sync(node: nil))
}

@Sendable
private func expel(_ call: inout Invocation) throws(CommandError) {
    let count = call.arguments.count
    guard count == 2 || count == 3 && call.arguments.isWord(2, "force") else { throw .syntax }
    if try call.arguments.integer(1) == Int64(call.node.replica.node) {
        throw .fixed("ERR a node cannot expel itself: A2.LEAVE ends its own membership")
    }
    call.ask(.expel(node: try call.peer(1), isForced: count == 3))
}

@Sendable
private func leave(_ call: inout Invocation) throws(CommandError) {
    guard call.hasPeer({ _ in true }) else { throw .noPeers }
    call.ask(.leave)
}

/// An hour: longer than any test, and far from overflowing.
private let delayMillisecondsMax: Int64 = 3_600_000

@Sendable
private func link(_ call: inout Invocation) throws(CommandError) {
    let policy: LinkPolicy
    if call.arguments.isWord(2, "up"), call.arguments.count == 3 {
        policy = .up
    } else if call.arguments.isWord(2, "down"), call.arguments.count == 3 {
        policy = .down
    } else if call.arguments.isWord(2, "delay"), call.arguments.count == 4 {
        let milliseconds = try call.arguments.integer(3)
        guard 0...delayMillisecondsMax ~= milliseconds else {
            throw .fixed("ERR delay must be between 0 and 3600000 milliseconds")
        }
        policy = .delay(milliseconds: Int(milliseconds))
    } else {
        throw .syntax
    }
    call.ask(.link(node: try call.peer(1), policy))
}

// MARK: A2.DEBUG

@Sendable
private func corrupt(_ call: inout Invocation) throws(CommandError) {
    guard call.key(2).corrupt() else { throw .noSuchKey }
    call.reply.ok()
}

@Sendable
private func debugHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "CORRUPT <key>",
        "    Change the value of <key> on this node alone and tell nobody. The next comparison",
        "    with a peer finds it: A2.SYNC asks for one.",
    ])
}
