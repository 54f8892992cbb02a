/// A node that comes back from its disk: which cluster it has, and what the disk must know before anybody else does.
import Base
import CRDT
import Commands
import Engine
import Replication
import Testing
import Wire

@testable import Core
@testable import Simulator

@Suite struct RecoveredReplicatorTests {
    private static func past(of desk: Desk) throws -> RecoveredPast {
        var table = MemberTable()
        table.admit(desk.node.settings.identity)
        table.admit(
            PeerIdentity(
                cluster: "c", replica: Replica(node: 3, generation: 0), incarnation: 33, name: "three", region: "",
                address: try PeerAddress("three:1")))
        return RecoveredPast(members: table.entries)
    }

    @Test("Who comes back from its disk has its cluster before it has met anybody, and is merged with no other")
    func cluster() throws {
        let desk = try Desk(recovered: try Self.past(of: Desk()))
        let horizon = try desk.heard(desk.linkFrom()) { message in
            if case .challenge(let challenge) = message { challenge.horizon } else { nil }
        }
        #expect(horizon.count == 1 && horizon.allSatisfy { $0.unixMilliseconds >= desk.now - 1 })

        let other = try Desk(recovered: try Self.past(of: Desk()))
        other.replicator.dialled(target: try other.takeDial(), link: 50, other.moment)
        let challenge = Challenge(
            protocolVersion: 1, identity: other.peer, nonce: 2,
            horizon: Stamp(tick: 1 << 40, replica: other.peer.replica), proof: [])
        other.say(.challenge(challenge), 50)
        other.turn()
        #expect(other.lines.contains { $0.contains("belong to two clusters") })
    }

    @Test("Who comes back to find that all the others it knew have gone takes writes at once")
    func allGone() throws {
        var table = MemberTable()
        let other = Replica(node: 3, generation: 0)
        table.admit(try Desk().node.settings.identity)
        table.admit(
            PeerIdentity(
                cluster: "c", replica: other, incarnation: 33, name: "three", region: "",
                address: try PeerAddress("three:1")))
        table.leave(other)
        let desk = try Desk(recovered: RecoveredPast(members: table.entries), seeds: [], gate: .asksForPast)
        #expect(desk.node.core.node.writeGate == nil)
    }

    @Test("Who has met others and lost all it wrote takes another name where not all of them answer")
    func lostAll() throws {
        let desk = try Desk(recovered: try Self.past(of: Desk()))
        let link = try desk.linkFrom()
        _ = try desk.linkTo()
        desk.say(.versions(VersionsReport(applied: [], partitions: [])), link)
        var heartbeat = Heartbeat(unixMilliseconds: desk.now)
        heartbeat.counted = [desk.node.replica, desk.peer.replica]
        desk.say(.heartbeat(heartbeat), link)
        desk.pass(100)
        #expect(desk.node.core.node.writeGate != nil)
        desk.pass(desk.node.settings.timing.ownPastMilliseconds)
        desk.turn()
        #expect(desk.node.replica == Replica(node: 1, generation: 1))
        #expect(desk.node.core.node.writeGate == nil)
    }

    @Test("Until the disk has what was renamed, nobody is shown it, and the disk does not remember that we have met")
    func renamed() throws {
        let desk = try Desk(recovered: RecoveredPast(), writing: ["SET k v"])
        let partition = Array("k".utf8).withView { Slots.partition(of: $0) }
        desk.node.core.drainWindow()
        desk.node.core.node.window.log?.noteDurable(upTo: desk.node.core.drainedPosition)
        desk.turn()
        desk.hasKeptMembers = false
        let before = desk.node.versions(partition)
        let link = try desk.linkTo(horizon: Stamp(tick: 1 << 41, replica: desk.peer.replica))
        #expect(!before.covers(desk.node.versions(partition)[desk.node.replica]), "nothing was renamed")
        var body = ByteBuffer()
        StateRequest(versions: Versions(), fences: Versions(), isEmpty: true).encode(to: &body)
        desk.say(.stateRequest(request: 1, partition: partition, body: body.view), link)
        for _ in 0..<4 { desk.pass(300) }
        func states() throws -> Int {
            try desk.heard(link) { message in
                if case .state = message { 1 } else { nil }
            }.count
        }
        #expect(try states() == 0)
        #expect(!desk.hasKeptMembers)
        // It listens first: what the cluster has is nothing.
        let from = try desk.linkFrom(horizon: Stamp(tick: 1 << 41, replica: desk.peer.replica))
        desk.say(.versions(VersionsReport(applied: [], partitions: [])), from)
        desk.pass(1)
        #expect(try states() == 0)
        desk.node.core.drainWindow()
        desk.node.core.node.window.log?.noteDurable(upTo: desk.node.core.drainedPosition)
        desk.pass(1)
        #expect(try states() > 0)
        #expect(desk.hasKeptMembers)
    }
}
