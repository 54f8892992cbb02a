/// What a node tells of its peers, and what it asks of the thread that talks with them.
import Base
import Options
import RESP
import Replication
import Testing

@testable import Commands

/// A cluster seen from node 1: one peer in good health, one that has gone silent, one that is no member any more.
func clusterReport() -> ClusterReport {
    var near = ClusterReport.Peer(replica: Replica(node: 2, generation: 1))
    near.name = "beta"
    near.region = "eu"
    near.address = "10.0.0.2:16379"
    near.clientAddress = "10.0.0.2:6380"
    near.membership = "member"
    near.health = "alive"
    near.outgoing = "up"
    near.incoming = "up"
    near.lagMilliseconds = 12
    near.roundTripMilliseconds = 3
    near.silentMilliseconds = 1040
    near.pendingBytes = 40
    near.pendingFrames = 1
    near.framesSent = 5
    near.framesReceived = 6
    near.bytesSent = 700
    near.bytesReceived = 800
    near.keysRepaired = 9
    near.partitionsMissing = 10
    var far = ClusterReport.Peer(replica: Replica(node: 3, generation: 0))
    far.name = "gamma, the 3rd\r\n"
    far.address = "[2001:db8::3]:16380"
    far.membership = "member"
    far.health = "dead"
    far.bytesSent = 11
    far.bytesReceived = 13
    far.silentMilliseconds = 90_000
    var gone = ClusterReport.Peer(replica: Replica(node: 4, generation: 0))
    gone.membership = "expelled"
    gone.health = "dead"
    gone.address = "10.0.0.4:16379"
    var report = ClusterReport()
    report.peers = [near, far, gone]
    report.counted = [Replica(node: 1, generation: 0), near.replica, far.replica]
    report.stableUnixMilliseconds = 1_799_999_999_000
    report.slowest = far.replica
    report.framesReceived = 21
    report.framesApplied = 22
    report.duplicates = 23
    report.gaps = 24
    report.forks = 25
    report.framesHeldBytes = 26
    report.framesAhead = 27
    report.statesJoined = 28
    report.statesServed = 29
    report.keysRepaired = 30
    report.divergedKeys = 31
    report.digestRounds = 32
    report.refusals = 33
    return report
}

struct PeerCommandsTests {
    private func harness(allowsDebugging: Bool = false) -> NodeHarness {
        var settings = Settings()
        if allowsDebugging { settings.set(.enableDebugCommand, .text("yes"), from: .configSet) }
        let harness = NodeHarness(settings: settings)
        harness.node.cluster.withLock { $0 = clusterReport() }
        return harness
    }

    private func asked(_ harness: NodeHarness) -> [PeerRequest] {
        harness.requests.compactMap { request in
            guard case .peers(let asked) = request else { return nil }
            return asked
        }
    }

    @Test("A2.PEERS has one map a peer, flat in RESP2")
    func peers() {
        let harness = harness()
        let near =
            "$2 id :2 $10 generation :1 $4 name $4 beta $6 region $2 eu $7 address $14 10.0.0.2:16379 "
            + "$14 client-address $13 10.0.0.2:6380 "
            + "$10 membership $6 member $6 health $5 alive $8 outgoing $2 up $8 incoming $2 up $6 lag-ms :12 "
            + "$6 rtt-ms :3 $9 silent-ms :1040 $14 pending-frames :1 $13 pending-bytes :40 $11 frames-sent :5 "
            + "$15 frames-received :6 $10 bytes-sent :700 $14 bytes-received :800 $13 keys-repaired :9 "
            + "$18 partitions-missing :10"
        #expect(harness("A2.PEERS").hasPrefix("*3 *42 \(near) *42 $2 id :3 "))
        // Nothing has ever been heard of it.
        #expect(harness("A2.PEERS").contains("$6 lag-ms $-1 $6 rtt-ms $-1 $9 silent-ms :90000"))
        _ = harness("HELLO", "3")
        #expect(harness("A2.PEERS").hasPrefix("*3 %21 \(near) %21 $2 id :3 "))
        #expect(harness("A2.PEERS").contains("$6 lag-ms _ $6 rtt-ms _ $9 silent-ms :90000"))
        #expect(NodeHarness()("A2.PEERS") == "*0")
        #expect(harness("A2.PEERS", "2") == "-ERR wrong number of arguments for 'a2.peers' command")
    }

    @Test("What waits for a peer is counted while there is no link, from what it acknowledged last")
    func pendingBytes() {
        let harness = harness()
        _ = harness("SET", "k", "v")
        let before = harness.node.window.end
        #expect(before > 0)
        #expect(harness("A2.PEERS").contains("$13 pending-bytes :\(before) "))
        harness.node.acknowledgements.note(.applied, node: 3, upTo: before)
        #expect(harness("A2.PEERS").contains("$9 silent-ms :90000 $14 pending-frames :0 $13 pending-bytes :0 "))
        _ = harness("SET", "k", "w")
        #expect(harness("A2.PEERS").contains("$13 pending-bytes :\(harness.node.window.end - before) "))
    }

    @Test("Requests go to the thread that talks with the peers, as they were meant")
    func requests() {
        let harness = harness(allowsDebugging: true)
        for command in [
            "A2.SYNC", "A2.SYNC 2", "A2.EXPEL 3", "A2.EXPEL 3 force", "A2.LEAVE", "A2.LINK 2 DOWN", "A2.LINK 2 up",
            "A2.LINK 3 DELAY 250", "A2.LINK 3 DELAY 0",
        ] {
            #expect(harness.run(command.split(separator: " ").map { Array($0.utf8) }).isEmpty, "\(command)")
        }
        #expect(
            asked(harness) == [
                .sync(node: nil), .sync(node: 2), .expel(node: 3, isForced: false), .expel(node: 3, isForced: true),
                .leave, .link(node: 2, .down), .link(node: 2, .up), .link(node: 3, .delay(milliseconds: 250)),
                .link(node: 3, .delay(milliseconds: 0)),
            ])
    }

    @Test(
        "What makes no sense is refused, and nobody is asked",
        arguments: [
            ("A2.SYNC 9", "-ERR no such peer"), ("A2.SYNC 4", "-ERR no such peer"),
            ("A2.SYNC 0", "-ERR no such peer"), ("A2.SYNC 258", "-ERR no such peer"),
            ("A2.SYNC x", "-ERR value is not an integer or out of range"), ("A2.SYNC 2 3", "-ERR syntax error"),
            ("A2.EXPEL 9", "-ERR no such peer"), ("A2.EXPEL 4", "-ERR no such peer"),
            ("A2.EXPEL 1", "-ERR a node cannot expel itself: A2.LEAVE ends its own membership"),
            ("A2.EXPEL 2 now", "-ERR syntax error"), ("A2.EXPEL 2 FORCE 3", "-ERR syntax error"),
            ("A2.EXPEL", "-ERR wrong number of arguments for 'a2.expel' command"),
            ("A2.LEAVE 2", "-ERR wrong number of arguments for 'a2.leave' command"),
            ("A2.LINK 9 UP", "-ERR no such peer"), ("A2.LINK 2 sideways", "-ERR syntax error"),
            ("A2.LINK 2 DELAY", "-ERR syntax error"), ("A2.LINK 2 UP 3", "-ERR syntax error"),
            ("A2.LINK 2 DELAY -1", "-ERR delay must be between 0 and 3600000 milliseconds"),
            ("A2.LINK 2 DELAY 3600001", "-ERR delay must be between 0 and 3600000 milliseconds"),
            ("A2.LINK 2 DELAY x", "-ERR value is not an integer or out of range"),
            ("A2.DEBUG CORRUPT", "-ERR wrong number of arguments for 'a2.debug|corrupt' command"),
            ("A2.DEBUG NOPE", "-ERR unknown subcommand 'NOPE'. Try A2.DEBUG HELP."),
        ])
    func refusals(_ command: String, _ expected: String) {
        let harness = harness(allowsDebugging: true)
        let words = command.split(separator: " ").map { Array($0.utf8) }
        #expect(String(decoding: harness.run(words), as: UTF8.self) == expected + "\r\n")
        #expect(harness.requests.isEmpty)
    }

    @Test("A node without peers has nobody to ask")
    func alone() {
        let harness = NodeHarness()
        for command in ["A2.SYNC", "A2.LEAVE"] { #expect(harness(command) == "-ERR this node has no peers") }
        #expect(harness("A2.SYNC", "2") == "-ERR no such peer")
        harness.node.cluster.withLock { $0.peers = clusterReport().peers.filter { $0.membership == "expelled" } }
        #expect(harness("A2.LEAVE") == "-ERR this node has no peers")
        #expect(harness.requests.isEmpty)
    }

    @Test("What can hurt is kept out of transactions, and out of reach where debugging is not allowed")
    func guarded() {
        let harness = harness()
        #expect(harness("A2.LINK", "2", "DOWN").hasPrefix("-ERR DEBUG command not allowed."))
        #expect(harness("A2.DEBUG", "CORRUPT", "k").hasPrefix("-ERR DEBUG command not allowed."))
        for command in ["A2.SYNC", "A2.LEAVE", "A2.EXPEL 3"] {
            _ = harness("MULTI")
            let reply = harness.run(command.split(separator: " ").map { Array($0.utf8) })
            #expect(reply == Array("-ERR Command not allowed inside a transaction\r\n".utf8), "\(command)")
            #expect(harness("EXEC").hasPrefix("-EXECABORT"))
        }
        _ = harness("MULTI")
        #expect(harness("A2.PEERS") == "+QUEUED")
        #expect(harness("EXEC").hasPrefix("*1 *3 *42 $2 id"))
        #expect(harness.requests.isEmpty)
    }

    @Test("A2.DEBUG tells what it can do")
    func help() {
        let harness = harness(allowsDebugging: true)
        #expect(harness("A2.DEBUG", "HELP").hasPrefix("*6 +A2.DEBUG <subcommand>"))
        #expect(harness("COMMAND", "GETKEYS", "A2.DEBUG", "CORRUPT", "k") == "*1 $1 k")
    }

    @Test("A2.DEBUG CORRUPT changes what a key shows, and tells no peer")
    func corruption() {
        let harness = harness(allowsDebugging: true)
        #expect(harness("A2.DEBUG", "CORRUPT", "k") == "-ERR no such key")
        _ = harness("SET", "k", "value")
        let (digest, versions) = (harness("A2.DIGEST"), harness("A2.VERSIONS"))
        let end = harness.node.window.end
        #expect(harness("A2.DEBUG", "CORRUPT", "k") == "+OK")
        #expect(harness("GET", "k") != "$5 value")
        #expect(harness("A2.DIGEST") != digest)
        #expect(harness("A2.VERSIONS") == versions)
        #expect(harness.node.window.end == end)
        // It is the current database's key that is meant.
        harness.session.pointee.database = 1
        #expect(harness("A2.DEBUG", "CORRUPT", "k") == "-ERR no such key")
    }
}
