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

    /// The peer has nothing of the node's past, and counts it until there is no more time to wait for others.
    private static func tell(_ desk: Desk, _ link: Int) {
        desk.say(.versions(VersionsReport(applied: [], partitions: [])), link)
        for _ in 0..<6 {
            var heartbeat = Heartbeat(unixMilliseconds: desk.now)
            heartbeat.counted = [desk.node.replica, desk.peer.replica]
            desk.say(.heartbeat(heartbeat), link)
            desk.pass(desk.node.settings.timing.ownPastMilliseconds / 5)
        }
    }

    @Test("A copy of a directory takes no other name: all have to answer")
    func copied() throws {
        var past = try Self.past(of: Desk())
        past.isCopy = true
        let desk = try Desk(recovered: past)
        let link = try desk.linkFrom()
        // Node 3 does not answer.
        _ = try desk.takeDial()
        _ = try desk.linkTo()
        Self.tell(desk, link)
        #expect(desk.node.replica == Replica(node: 1, generation: 0))
        let text = desk.node.core.node.writeGate?.text ?? ""
        #expect(text.hasPrefix("READONLY the data directory of this node is a copy"), "\(text)")
        #expect(text.hasSuffix("(A2.EXPEL): node 3 (three)") && desk.lines.contains { text.hasSuffix($0) }, "\(text)")
        #expect(!desk.isAtHome)
    }

    @Test("A copy waits for members, not for addresses at which nobody is any more")
    func copiedWithOldSeeds() throws {
        var table = MemberTable()
        table.admit(try Desk().node.settings.identity)
        table.admit(try Desk().peer)
        let seeds = [try PeerAddress("gone:1")]
        let desk = try Desk(recovered: RecoveredPast(members: table.entries, isCopy: true), seeds: seeds)
        let link = try desk.linkFrom()
        _ = try desk.linkTo()
        Self.tell(desk, link)
        desk.turn()
        #expect(desk.node.core.node.writeGate == nil && desk.isAtHome, "\(desk.lines)")
    }

    @Test("A copy that has never had anybody beside it takes writes at once")
    func copiedAlone() throws {
        let desk = try Desk(recovered: RecoveredPast(isCopy: true), seeds: [], gate: .asksForPast)
        #expect(desk.node.core.node.writeGate == nil && desk.isAtHome)
    }

    /// All four names of node 1 are taken: one by this incarnation, the others by its former self.
    private static func usedUp(closing: Replica?) throws -> RecoveredPast {
        var table = MemberTable()
        for generation in UInt8(1)..<4 {
            var former = try Desk().node.settings.identity
            former.replica = Replica(node: 1, generation: generation)
            former.incarnation = 5
            table.admit(former)
            table.leave(former.replica)
        }
        if let closing {
            table.close(closing)
            table.free(closing)
        }
        for entry in try past(of: Desk()).members { table.merge([entry]) }
        return RecoveredPast(members: table.entries)
    }

    @Test("Where all names are used up, one that is free again is taken, but not before a peer has told all it has")
    func reusedName() throws {
        let free = Replica(node: 1, generation: 2)
        for (closing, isReached) in [(nil, true), (free, false), (free, true)] {
            let desk = try Desk(recovered: try Self.usedUp(closing: closing))
            let links = isReached ? [try desk.linkFrom(), try desk.linkTo()] : []
            if let link = links.first { desk.say(.versions(VersionsReport(applied: [], partitions: [])), link) }
            for _ in 0..<6 {
                for link in links {
                    var heartbeat = Heartbeat(unixMilliseconds: desk.now)
                    heartbeat.counted = [desk.node.replica, desk.peer.replica]
                    desk.say(link == links[0] ? .heartbeat(heartbeat) : .members([]), link)
                }
                desk.pass(1000)
            }
            desk.turn()
            let isFree = closing != nil && isReached
            #expect((desk.node.replica == free) == isFree, "\(desk.node.replica)")
            #expect((desk.node.core.node.writeGate == nil) == isFree)
            #expect(desk.lines.contains { $0.contains("are used up") } == !isFree)
        }
    }

    @Test("A name is free again once nobody counts it any more and what all have of it has settled")
    func closing() throws {
        var past = try Self.past(of: Desk())
        var table = MemberTable()
        table.merge(past.members)
        let gone = Replica(node: 3, generation: 0)
        table.leave(gone)
        past.members = table.entries
        let desk = try Desk(recovered: past)
        let from = try desk.becomeWritable(protocols: 1...2).from
        func beat(cut: Stamp, counted: [Replica]) {
            desk.pass(500)
            // All is on the disk at once.
            desk.node.core.drainWindow()
            desk.node.core.node.window.log?.noteDurable(upTo: desk.node.core.drainedPosition)
            desk.pass(500)
            let tick = UInt64(desk.now - Stamp.epochMilliseconds) << Stamp.counterBits
            var heartbeat = Heartbeat(unixMilliseconds: desk.now)
            heartbeat.fenceTick = tick
            heartbeat.applied = [
                AppliedFence(desk.node.replica, tick: tick), AppliedFence(desk.peer.replica, tick: tick),
            ]
            heartbeat.counted = counted
            heartbeat.cut = cut
            desk.say(.heartbeat(heartbeat), from)
            desk.turn()
        }
        func said(_ what: KeyPath<MemberEntry, Bool>) throws -> Bool {
            let tables = try desk.heard(from) { message in
                if case .members(let entries) = message { entries } else { nil }
            }
            return tables.contains { $0.contains { $0.replica == gone && $0[keyPath: what] } }
        }
        let both = [desk.node.replica, desk.peer.replica]
        // Whoever counts it may still get something of it.
        for _ in 0..<5 { beat(cut: desk.now(minus: 100), counted: both + [gone]) }
        #expect(try !said(\.isClosed))
        let last = desk.now(minus: 0)
        for _ in 0..<5 { beat(cut: last, counted: both) }
        #expect(try !said(\.isClosed), "the settle cut has not passed what was written when it was last counted")
        var cut = desk.now(minus: 100)
        while try !said(\.isClosed) {
            cut = desk.now(minus: 100)
            beat(cut: cut, counted: both)
            try #require(desk.monotonic < 60_000)
        }
        for _ in 0..<5 { beat(cut: cut, counted: both) }
        #expect(try !said(\.isFree), "nobody need have heard yet that it is closed")
        for _ in 0..<5 { beat(cut: desk.now(minus: 100), counted: both) }
        #expect(try said(\.isFree))
        #expect(desk.lines.count { $0.contains("its name is free") } == 1)
    }

    @Test("Who took writes before all had answered says so after a restart as well, until all have")
    func unsure() throws {
        var past = try Self.past(of: Desk())
        past.isWhole = true
        past.isUnsure = true
        let desk = try Desk(recovered: past)
        desk.pass(desk.node.settings.timing.ownPastMilliseconds + 100)
        #expect(desk.node.core.node.writeGate == nil)
        let said = try desk.heard(desk.dialled()) { message in
            if case .hello(let hello) = message { hello.isUnsure } else { nil }
        }
        #expect(said == [true])
        #expect(desk.names.isEmpty)

        // Node 3 is gone meanwhile, and node 2 answers.
        past.members.removeAll { $0.replica.node == 3 }
        let sure = try Desk(recovered: past)
        _ = try sure.becomeWritable()
        #expect(sure.node.core.node.writeGate == nil)
        #expect(sure.names.map(\.isUnsure) == [false])
    }

    @Test("Who listens to a cluster of which nobody is left speaks again")
    func nobodyLeft() throws {
        let desk = try Desk(recovered: RecoveredPast(), writing: ["SET k v"])
        _ = try desk.linkTo(horizon: Stamp(tick: 1 << 41, replica: desk.peer.replica))
        desk.pass(100)
        #expect(desk.replicator.isListening)
        desk.replicator.request(.expel(node: desk.peer.replica.node, isForced: false), desk.moment)
        desk.turn()
        #expect(!desk.replicator.isListening)
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
