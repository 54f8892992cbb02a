/// INFO and ROLE on a node with peers: what dashboards of Redis and of a2 read.
import Base
import Options
import RESP
import Replication
import Testing

@testable import Commands

struct InfoReplicationTests {
    private let harness = NodeHarness()

    init() {
        _ = harness("SET", "k", "v")
        _ = harness("SET", "another", "v")
        harness.node.cluster.withLock { $0 = clusterReport() }
    }

    private func lines(_ section: String) -> [String] {
        harness.text("INFO", section).split(separator: "\r\n").map { String($0) }
    }

    private func expect(_ expected: [String], in section: String) {
        let lines = lines(section)
        for line in expected { #expect(lines.contains(line), "\(line) in \(lines)") }
    }

    @Test("INFO replication shows peers as Redis shows replicas")
    func replication() {
        let end = harness.node.window.end
        #expect(end > 40)
        let lines = lines("replication")
        #expect(lines[0...2] == ["# Replication", "role:master", "connected_slaves:1"])
        #expect(lines[3] == "slave0:ip=10.0.0.2,port=16379,state=online,offset=\(end - 40),lag=1")
        #expect(lines[4] == "master_failover_state:no-failover")
        #expect(lines.contains("master_repl_offset:\(end)"))
        #expect(lines.contains("repl_backlog_size:\(1 << 20)"))
        #expect(lines.contains("repl_backlog_first_byte_offset:1"))
        #expect(lines.contains("repl_backlog_histlen:\(end)"))
        // One that is linked by an address in brackets.
        harness.node.cluster.withLock { $0.peers[1].outgoing = "up" }
        expect(
            [
                "connected_slaves:2",
                "slave1:ip=2001:db8::3,port=16380,state=online,offset=\(end),lag=90",
            ], in: "replication")
    }

    @Test("ROLE lists peers as Redis lists replicas")
    func role() {
        let end = harness.node.window.end
        let offset = "\(end - 40)"
        #expect(
            harness("ROLE") == "*3 $6 master :\(end) *1 *3 $8 10.0.0.2 $5 16379 $\(offset.count) \(offset)")
        #expect(NodeHarness()("ROLE") == "*3 $6 master :0 *0")
    }

    @Test("INFO a2 tells how the cluster does")
    func ours() {
        let end = harness.node.window.end
        expect(
            [
                "a2_stable_ms:1000", "a2_write_gate:", "a2_peers:2", "a2_peers_up:1", "a2_lag_max_ms:12",
                "a2_counted:3", "a2_counted_replicas:1,2.1,3", "a2_slowest_replica:3", "a2_frames_received:21",
                "a2_frames_applied:22", "a2_frames_duplicate:23", "a2_gaps:24", "a2_forks:25",
                "a2_frames_held_bytes:26", "a2_frames_ahead:27", "a2_states_joined:28", "a2_states_served:29",
                "a2_keys_repaired:30", "a2_keys_diverged:31", "a2_digest_rounds:32", "a2_links_refused:33",
                "a2_peer0:id=2,name=beta,region=eu,state=up,lag_ms=12,rtt_ms=3,pending_frames=1,pending_bytes=40,"
                    + "health=alive,membership=member,counted=1",
                "a2_peer1:id=3,name=gamma__the_3rd_,region=,state=down,lag_ms=-1,rtt_ms=-1,pending_frames=0,"
                    + "pending_bytes=\(end),health=dead,membership=member,counted=1",
                "a2_silent_peers:1", "a2_silent_pending_bytes:\(end)",
                "a2_silent0:id=3,health=dead,silent_ms=90000,pending_bytes=\(end)",
            ], in: "a2")
        #expect(!harness.text("INFO", "a2").contains("a2_peer2"))
    }

    @Test("A node alone has no peers, counts itself, and nothing is held back")
    func alone() {
        harness.node.cluster.withLock { $0 = ClusterReport() }
        expect(
            [
                "a2_stable_ms:0", "a2_peers:0", "a2_peers_up:0", "a2_lag_max_ms:0", "a2_counted:1",
                "a2_counted_replicas:1", "a2_slowest_replica:", "a2_silent_peers:0", "a2_silent_pending_bytes:0",
            ], in: "a2")
        expect(["connected_slaves:0"], in: "replication")
    }

    @Test("Where nothing is stable yet, nothing has been since the start")
    func nothingStable() {
        harness.node.cluster.withLock { $0.stableUnixMilliseconds = 0 }
        expect(["a2_stable_ms:1800000000000"], in: "a2")
    }

    @Test("The state of a peer's links is the worse one")
    func states() {
        for (outgoing, incoming, state) in [
            ("up", "syncing", "syncing"), ("connecting", "up", "connecting"), ("down", "up", "down"),
            ("up", "down", "down"), ("up", "up", "up"),
        ] {
            harness.node.cluster.withLock {
                $0.peers[0].outgoing = outgoing
                $0.peers[0].incoming = incoming
            }
            #expect(harness.text("INFO", "a2").contains("region=eu,state=\(state),"), "\(outgoing) \(incoming)")
        }
    }

    @Test("The write gate's text is told, and keeps writes out")
    func gate() {
        harness.node.writeGate = WriteGate("LOADING a2 is asking its peers")
        expect(["a2_write_gate:LOADING a2 is asking its peers"], in: "a2")
        #expect(harness("SET", "k", "w") == "-LOADING a2 is asking its peers")
        #expect(harness("GET", "k") == "$1 v")
        harness.node.writeGate = nil
        _ = harness("MULTI")
        #expect(harness("SET", "k", "w") == "+QUEUED")
        harness.node.writeGate = WriteGate("READONLY this node has left")
        #expect(harness("EXEC") == "-EXECABORT Transaction discarded because of: READONLY this node has left")
        _ = harness("MULTI")
        #expect(harness("GET", "k") == "+QUEUED")
        #expect(harness("EXEC") == "*1 $1 v")
        harness.node.writeGate = nil
        expect(["a2_write_gate:"], in: "a2")
    }

    @Test("INFO crdt has Redis Enterprise's names, and only when it is asked for")
    func enterprise() {
        expect(
            [
                "# CRDT", "crdt_slots:0-16383", "crdt_replid:1", "crdt_clock:1800000000000+0@1",
                "crdt_ovc:1800000000000+0@1", "crdt_peer0:id=2,ip=10.0.0.2,port=16379,state=up",
                "crdt_sync_full:28", "crdt_merge_reqs:28", "crdt_effect_reqs:21",
                "crdt_ovc_filtered_effect_reqs:23", "crdt_gc_gvc_min:1799999999000",
                "crdt_replica0:id=2,shards=1,slots=0-16383,slot_coverage=16384,max_ops_lag=1,min_ops_lag=1",
                "crdt_replica1:id=3,shards=1,slots=0-16383,slot_coverage=16384,max_ops_lag=0,min_ops_lag=0",
            ], in: "crdt")
        #expect(!harness.text("INFO").contains("# CRDT"))
        #expect(harness.text("INFO", "everything").contains("# CRDT"))
    }
}
