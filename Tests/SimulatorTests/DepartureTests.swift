/// Who is gone is counted until everybody who may have more of it has been asked, and the gate waits for that and for the
/// clock.
import Base
import CRDT
import Commands
import Core
import Replication
import Testing
import Wire

@testable import Simulator

@Suite struct DepartureTests {
    private static func identity(_ number: UInt8) throws -> PeerIdentity {
        PeerIdentity(
            cluster: "c", replica: Replica(node: number, generation: 0), incarnation: UInt128(number) * 11, name: "",
            region: "", address: try PeerAddress("host\(number):1"))
    }

    private static var nothing: LinkMessage { .versions(VersionsReport(applied: [], partitions: [])) }

    /// Whom the node has last said that it counts.
    private func counted(_ desk: Desk, _ link: Int) throws -> [Replica] {
        try desk.heard(link) { message in
            if case .heartbeat(let heartbeat) = message { heartbeat.counted } else { nil }
        }.last ?? []
    }

    @Test("Who has left is counted until every member has told what it has")
    func members() throws {
        let desk = try Desk()
        let (from, to) = try desk.becomeWritable()
        let (third, fourth) = (try Self.identity(3), try Self.identity(4))
        let fromThird = try desk.linkFrom(third)
        desk.say(Self.nothing, fromThird)
        desk.say(.members([MemberEntry(fourth)]), from)
        desk.pass(600)
        #expect(try counted(desk, to).contains(fourth.replica))
        desk.say(.members([MemberEntry(fourth, status: .left)]), from)
        desk.pass(600)
        #expect(try counted(desk, to).contains(fourth.replica))
        desk.say(Self.nothing, from)
        desk.pass(600)
        #expect(try counted(desk, to).contains(fourth.replica), "only one of two has been asked")
        desk.say(Self.nothing, fromThird)
        desk.pass(600)
        #expect(try !counted(desk, to).isEmpty)
        desk.pass(600)
        #expect(try !counted(desk, to).contains(fourth.replica))
    }

    @Test("What has been applied of who is gone and counted by nobody rises with all others", arguments: [false, true])
    func fencesOfGone(isFaulty: Bool) throws {
        let desk = try Desk()
        #if DEBUG
            if isFaulty { desk.replicator.leaveOut(.leavesFencesOfGone) }
        #else
            if isFaulty { return }
        #endif
        let (from, to) = try desk.becomeWritable()
        let third = try Self.identity(3).replica
        desk.say(.members([MemberEntry(try Self.identity(3), status: .left)]), from)
        desk.say(Self.nothing, from)
        var announced: [UInt64] = []
        for _ in 0..<4 {
            var heartbeat = Heartbeat(unixMilliseconds: desk.now)
            heartbeat.fenceTick = UInt64(desk.now - Stamp.epochMilliseconds) << Stamp.counterBits
            heartbeat.counted = [desk.node.replica, desk.peer.replica]
            desk.say(.heartbeat(heartbeat), from)
            desk.pass(600)
            announced += try desk.heard(to) { message in
                guard case .heartbeat(let said) = message else { return nil }
                return said.applied.first { $0.replica == third }?.tick
            }
        }
        #expect((announced.count > 2) != isFaulty, "\(announced)")
        #expect(zip(announced, announced.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("Of whom the members may know more since one is gone, they are asked before the gate opens")
    func gate() throws {
        let desk = try Desk()
        let from = try desk.linkFrom()
        _ = try desk.linkTo()
        var heartbeat = Heartbeat(unixMilliseconds: desk.now)
        heartbeat.counted = [desk.node.replica, desk.peer.replica]
        desk.say(Self.nothing, from)
        desk.say(.members([MemberEntry(try Self.identity(4), status: .left)]), from)
        desk.say(.heartbeat(heartbeat), from)
        desk.turn()
        #expect(desk.node.core.node.writeGate != nil)
        for _ in 0..<2 {
            #expect(desk.node.core.node.writeGate != nil)
            desk.say(Self.nothing, from)
            desk.pass(1)
        }
        #expect(desk.node.core.node.writeGate == nil)
    }

    @Test("Who has answered is asked once more before the gate opens: he may have learned of us meanwhile")
    func confirmed() throws {
        let desk = try Desk()
        let from = try desk.linkFrom()
        _ = try desk.linkTo()
        var heartbeat = Heartbeat(unixMilliseconds: desk.now)
        heartbeat.counted = [desk.node.replica, desk.peer.replica]
        desk.say(Self.nothing, from)
        desk.say(.heartbeat(heartbeat), from)
        _ = try desk.heard(from) { $0 }
        desk.pass(1)
        let requests = try desk.heard(from) { message in
            if case .versionsRequest = message { true } else { nil }
        }
        #expect(requests == [true])
        #expect(desk.node.core.node.writeGate != nil)
        desk.say(Self.nothing, from)
        desk.pass(1)
        #expect(desk.node.core.node.writeGate == nil)
    }

    @Test("A gate does not open to a clock that leads everybody's by an hour, not for a turn")
    func clock() throws {
        let desk = try Desk()
        let from = try desk.linkFrom()
        _ = try desk.linkTo()
        var heartbeat = Heartbeat(unixMilliseconds: desk.now - 3_600_000)
        heartbeat.counted = [desk.node.replica, desk.peer.replica]
        for _ in 0..<3 {
            desk.say(.heartbeat(heartbeat), from)
            desk.pass(1)
        }
        for _ in 0..<5 {
            desk.say(Self.nothing, from)
            desk.say(.heartbeat(heartbeat), from)
            desk.pass(1)
            #expect(desk.node.core.node.writeGate != nil)
        }
        #expect(desk.lines.contains { $0.contains("clock") })
    }
}
