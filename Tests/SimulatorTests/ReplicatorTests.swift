/// One node's replication against a peer that says what it wants: what must not be believed, and who must not write.
import Base
import CRDT
import Commands
import Engine
import Replication
import Testing
import Wire

@testable import Core
@testable import Simulator

/// A node with one seed, and a scripted peer at that seed's address.
final class Desk {
    let node: ClusterNode
    var now: Int64 = 1_750_000_000_000
    var monotonic: Int64 = 1000
    var lines: [String] = []
    var dials: [Int] = []
    /// The table was given to be kept.
    var hasKeptMembers = false
    /// Its directory was said to be no copy any more.
    var isAtHome = false
    /// The names it gave to be kept.
    var names: [(replica: Replica, isUnsure: Bool)] = []
    private var links = 0
    let peer: PeerIdentity

    /// With a log, and what was written before there was anybody to ask, where something is `recovered`.
    init(
        recovered: RecoveredPast? = nil, writing commands: [String] = [], seeds: [PeerAddress]? = nil,
        gate: WriteGate? = nil
    ) throws {
        var random = SeededRandom(seed: 7)
        let seed = try PeerAddress("peer:1")
        let settings = ReplicationSettings(
            nodeNumber: 1, name: "one", region: "", cluster: "c", incarnation: 11,
            advertise: try PeerAddress("one:1"), seeds: seeds ?? [seed])
        peer = PeerIdentity(
            cluster: "c", replica: Replica(node: 2, generation: 0), incarnation: 22, name: "two", region: "",
            address: seed)
        if let recovered {
            let core = SimNode(
                replica: settings.replica, counted: [settings.replica], seed: 7, windowBytes: 1 << 16, keepsLog: true)
            core.setClock(now)
            for command in commands { _ = core.run(command.split(separator: " ").map { Array($0.utf8) }) }
            node = ClusterNode(settings: settings, life: 1, core: core, recovered: recovered, random: &random)
        } else {
            node = ClusterNode(settings: settings, life: 1, windowBytes: 1 << 16, random: &random)
        }
        if let gate { node.core.node.writeGate = gate }
        node.replicator.start(moment)
        turn()
    }

    var moment: Moment { Moment(unixMilliseconds: now, monotonicMilliseconds: monotonic) }
    var replicator: Replicator<PlainLending> { node.replicator }

    func pass(_ milliseconds: Int64) {
        now += milliseconds
        monotonic += milliseconds
        turn()
    }

    func turn() {
        _ = replicator.turn(moment)
        while true {
            let actions = replicator.takeActions()
            if actions.isEmpty { return }
            for action in actions {
                switch action {
                case .dial(let target, _): dials.append(target)
                case .keepMembers: hasKeptMembers = true
                case .keepReplica(let replica, _, let isUnsure): names.append((replica, isUnsure))
                case .keepHome: isAtHome = true
                case .noteResumePoints, .readLog, .endLogRead: break
                case .log(_, let text): lines.append(text)
                case .close(let link): replicator.closed(link: link, reason: "", moment)
                }
            }
        }
    }

    func say(_ message: LinkMessage, _ link: Int) {
        var bytes = ByteBuffer()
        bytes.append(message)
        replicator.receive(link: link, &bytes, moment)
    }

    /// What the node has said on a link since it was looked at last.
    func heard<Found>(_ link: Int, _ look: (LinkMessage) -> Found?) throws -> [Found] {
        guard let output = replicator.output(link: link) else { return [] }
        var found: [Found] = []
        while let (message, count) = try LinkMessage.decode(output.pointee.view, bytesMax: MessageEnvelope.bytesMax) {
            if let wanted = look(message) { found.append(wanted) }
            output.pointee.consume(count)
        }
        return found
    }

    func takeDial() throws -> Int {
        let target = dials.popLast()
        return try #require(target)
    }

    func accept() -> Int {
        links += 1
        replicator.accepted(link: links, from: "", moment)
        return links
    }

    /// The peer dials: its frames come over this link.
    func linkFrom(
        _ identity: PeerIdentity? = nil, horizon: Stamp = .zero, protocols: ClosedRange<UInt8> = 1...1
    ) throws -> Int {
        let link = accept()
        let hello = Hello(
            lowestProtocol: protocols.lowerBound, highestProtocol: protocols.upperBound, identity: identity ?? peer,
            nonce: 1, hasSecret: false,
            horizon: horizon)
        say(.hello(hello), link)
        say(.proof([]), link)
        return link
    }

    /// We dial, and the peer answers.
    func linkTo(horizon: Stamp = .zero, protocolVersion: UInt8 = 1) throws -> Int {
        _ = try heard(dialled()) { $0 }
        let challenge = Challenge(
            protocolVersion: protocolVersion, identity: peer, nonce: 2, horizon: horizon, proof: [])
        say(.challenge(challenge), links)
        say(.welcome(resume: nil), links)
        return links
    }

    /// The link of a dial that somebody takes.
    func dialled() throws -> Int {
        links += 1
        replicator.dialled(target: try takeDial(), link: links, moment)
        return links
    }

    /// What a cut says that stands so many milliseconds behind.
    func now(minus milliseconds: Int64) -> Stamp {
        let sinceEpoch = UInt64(now - milliseconds - Stamp.epochMilliseconds)
        return Stamp(tick: sinceEpoch << Stamp.counterBits, replica: node.replica).asCut
    }

    func refuseDial(_ code: RefusalCode) throws {
        links += 1
        replicator.dialled(target: try takeDial(), link: links, moment)
        say(.refuse(Refusal(code, "no")), links)
        turn()
    }

    /// Both links, nothing missing, both count each other: the node takes writes.
    func becomeWritable(protocols: ClosedRange<UInt8> = 1...1) throws -> (from: Int, to: Int) {
        let from = try linkFrom(protocols: protocols)
        let to = try linkTo(protocolVersion: protocols.upperBound)
        say(.versions(VersionsReport(applied: [], partitions: [])), from)
        var heartbeat = Heartbeat(unixMilliseconds: now)
        heartbeat.counted = [node.replica, peer.replica]
        say(.heartbeat(heartbeat), from)
        turn()
        // Once more, because it is asked once more.
        say(.versions(VersionsReport(applied: [], partitions: [])), from)
        turn()
        return (from, to)
    }

    func fences(_ link: Int) throws -> [UInt64] {
        try heard(link) { message in
            if case .heartbeat(let heartbeat) = message { heartbeat.fenceTick } else { nil }
        }
    }
}

@Suite struct ReplicatorTests {
    @Test("Who is refused because its node id is taken does not write under it, however long it waits")
    func takenName() throws {
        let desk = try Desk()
        for _ in 0..<20 {
            if !desk.dials.isEmpty { try desk.refuseDial(.duplicateNode) }
            desk.pass(700)
        }
        #expect(desk.node.core.node.writeGate != nil)
        // Whoever refused is gone: the name is free.
        desk.pass(6000)
        desk.replicator.dialFailed(target: try desk.takeDial(), reason: "gone", desk.moment)
        desk.pass(6000)
        #expect(desk.node.core.node.writeGate == nil)
    }

    @Test(
        "A node whose clock has leapt raises no fence to that time, and is where it was when the clock is right again")
    func leap() throws {
        let desk = try Desk()
        let (_, to) = try desk.becomeWritable()
        #expect(desk.node.core.node.writeGate == nil)
        desk.pass(600)
        let before = try desk.fences(to).max() ?? 0
        #expect(before > 0)
        let hour: Int64 = 3_600_000
        desk.now += hour
        for _ in 0..<3 { desk.pass(600) }
        #expect(desk.node.core.node.writeGate != nil)
        let limit = before + (60_000 << Stamp.counterBits)
        #expect(try desk.fences(to).allSatisfy { $0 < limit })
        #expect(desk.node.core.partition(0).pointee.momentMilliseconds < desk.now - hour / 2)
        desk.now -= hour
        for _ in 0..<3 { desk.pass(600) }
        #expect(desk.node.core.node.writeGate == nil)
        #expect(try desk.fences(to).max() ?? 0 > before)
    }

    @Test("Strangers are refused with a line now and then, not with one each")
    func strangers() throws {
        let desk = try Desk()
        for _ in 0..<500 {
            let link = desk.accept()
            desk.say(.versionsRequest, link)
            desk.turn()
        }
        #expect(desk.lines.count { $0.contains("refused") } == 1)
        desk.pass(11_000)
        desk.say(.versionsRequest, desk.accept())
        desk.turn()
        #expect(desk.lines.last { $0.contains("refused") }?.contains("499 more") == true)
    }

    @Test("Whoever links with us is dialled at once, however long we had meant to wait")
    func dialsBack() throws {
        let desk = try Desk()
        for _ in 0..<12 {
            if let target = desk.dials.popLast() {
                desk.replicator.dialFailed(target: target, reason: "away", desk.moment)
            }
            desk.pass(5001)
        }
        if let target = desk.dials.popLast() {
            desk.replicator.dialFailed(target: target, reason: "away", desk.moment)
        }
        desk.turn()
        #expect(desk.dials.isEmpty)
        _ = try desk.linkFrom()
        desk.turn()
        #expect(desk.dials.count == 1)
    }

    @Test("A link that breaks as soon as it is up is dialled less and less often")
    func backsOff() throws {
        let desk = try Desk()
        var dials = 0
        let end = desk.monotonic + 60_000
        while desk.monotonic < end {
            if !desk.dials.isEmpty {
                dials += 1
                let link = try desk.linkTo()
                desk.say(.jumped(position: 1), link)
            }
            desk.pass(20)
        }
        #expect(2...60 ~= dials, "\(dials) dials")
    }

    @Test("What no correct peer sends ends the link", arguments: 0..<3)
    func refusesLies(_ number: Int) throws {
        let desk = try Desk()
        let (from, to) = try desk.becomeWritable()
        switch number {
        case 0: desk.say(.state(request: 99, partition: 0, isLast: false, body: ByteView("x")), from)
        case 1:
            // A frame of somebody else.
            let stamp = Stamp(tick: 1 << 30, replica: Replica(node: 3, generation: 0))
            var header = ByteBuffer()
            FrameCodec.encodeHeader(
                partition: 0, stamp: stamp, prev: .zero, cut: .zero, dependencies: [], hasAllDependencies: true,
                isElided: false, isGrouped: false, records: ByteView(""), into: &header)
            desk.say(.frames(position: 100, frames: header.view), from)
        default:
            for request in 0..<100 {
                var body = ByteBuffer()
                desk.node.core.partition(0).pointee.stateRequest().encode(to: &body)
                desk.say(.stateRequest(request: UInt64(request), partition: 0, body: body.view), to)
            }
        }
        desk.turn()
        #expect(desk.lines.contains { $0.contains("closing the link") }, "\(desk.lines)")
    }

    @Test("What was held of a process that has lost its memory is let go when the next one of its name comes")
    func heldOfFormer() throws {
        let desk = try Desk()
        let (from, to) = try desk.becomeWritable()
        var frame = ByteBuffer()
        FrameCodec.encodeHeader(
            partition: 0, stamp: Stamp(tick: 9 << 40, replica: desk.peer.replica),
            prev: Stamp(tick: 8 << 40, replica: desk.peer.replica), cut: .zero, dependencies: [],
            hasAllDependencies: true, isElided: false, isGrouped: false, records: ByteView(""), into: &frame)
        desk.say(.frames(position: 100, frames: frame.view), from)
        desk.pass(200)
        #expect(desk.node.report.framesHeldBytes > 0)
        for link in [from, to] { desk.replicator.closed(link: link, reason: "it crashed", desk.moment) }
        desk.pass(3000)
        var next = desk.peer
        next.incarnation += 1
        let link = try desk.linkFrom(next)
        desk.say(.versions(VersionsReport(applied: [], partitions: [])), link)
        desk.pass(200)
        #expect(desk.node.report.framesHeldBytes == 0)
    }

    @Test("What was held of a life that ended in a crash is let go when its next one begins its stream anew")
    func heldOfCrashed() throws {
        let desk = try Desk()
        let (from, _) = try desk.becomeWritable()
        var frame = ByteBuffer()
        FrameCodec.encodeHeader(
            partition: 0, stamp: Self.stamp(9 << 40), prev: Self.stamp(8 << 40), cut: .zero, dependencies: [],
            hasAllDependencies: true, isElided: false, isGrouped: false, records: ByteView(""), into: &frame)
        desk.say(.frames(position: 100, frames: frame.view), from)
        desk.pass(200)
        #expect(desk.node.report.framesHeldBytes > 0)
        desk.replicator.closed(link: from, reason: "it crashed", desk.moment)
        desk.pass(3000)
        // The same directory, and so the same incarnation; what it had not synced is lost.
        let link = try desk.linkFrom()
        desk.say(.jumped(position: 50), link)
        desk.say(.versions(VersionsReport(applied: [], partitions: [])), link)
        desk.pass(200)
        #expect(desk.node.report.framesHeldBytes == 0)
    }

    @Test("Who comes new does not link with a cluster whose clock is an hour ahead, and keeps its own")
    func clusterAhead() throws {
        let desk = try Desk()
        let lead: Int64 = 3_600_000
        let ahead = Stamp(
            tick: UInt64(desk.now + lead - Stamp.epochMilliseconds) << Stamp.counterBits, replica: desk.peer.replica)
        _ = try desk.linkFrom(horizon: ahead)
        _ = try desk.linkTo(horizon: ahead)
        desk.turn()
        #expect(desk.lines.contains { $0.contains("3600 seconds ahead of this node's") }, "\(desk.lines)")
        #expect(desk.node.core.partition(0).pointee.momentMilliseconds <= desk.now)
        desk.pass(3000)
        let near = Stamp(
            tick: UInt64(desk.now + 30_000 - Stamp.epochMilliseconds) << Stamp.counterBits, replica: desk.peer.replica)
        _ = try desk.linkFrom(horizon: near)
        desk.turn()
        #expect(desk.node.core.partition(0).pointee.momentMilliseconds > desk.now + 29_000)
    }

    @Test("A cut beyond all fences of ours is of before we were counted, and we write later than it")
    func countedLate() throws {
        let desk = try Desk()
        let from = try desk.linkFrom()
        desk.say(.versions(VersionsReport(applied: [], partitions: [])), from)
        var heartbeat = Heartbeat(unixMilliseconds: desk.now)
        heartbeat.counted = [desk.peer.replica]
        heartbeat.cut =
            Stamp(
                tick: UInt64(desk.now + 5000 - Stamp.epochMilliseconds) << Stamp.counterBits, replica: desk.peer.replica
            ).asCut
        heartbeat.fenceTick = heartbeat.cut.tick + 1000 << Stamp.counterBits
        desk.say(.heartbeat(heartbeat), from)
        desk.turn()
        #expect(desk.node.core.partition(200).pointee.momentMilliseconds >= desk.now + 6000)
    }

    @Test("Who is told by a member that he is none takes no writes, and keeps that; a stranger's word is nothing")
    func shutOut() throws {
        let refusal = Refusal(.expelled, "node 1 was expelled from the cluster")
        func isShut(_ desk: Desk) -> Bool { desk.node.core.node.writeGate?.text.contains("was expelled") == true }
        let running = try Desk()
        let (from, _) = try running.becomeWritable()
        running.hasKeptMembers = false
        running.say(.refuse(refusal), from)
        running.turn()
        #expect(isShut(running) && running.hasKeptMembers)

        let stranger = try Desk()
        stranger.replicator.dialled(target: try stranger.takeDial(), link: 70, stranger.moment)
        stranger.say(.refuse(refusal), 70)
        stranger.turn()
        #expect(!isShut(stranger))

        let dialling = try Desk()
        dialling.replicator.dialled(target: try dialling.takeDial(), link: 70, dialling.moment)
        dialling.say(
            .challenge(Challenge(protocolVersion: 1, identity: dialling.peer, nonce: 2, horizon: .zero, proof: [])), 70)
        dialling.say(.refuse(refusal), 70)
        dialling.turn()
        #expect(isShut(dialling))
        dialling.pass(20_000)
        #expect(isShut(dialling) && dialling.node.replica.generation == 0)
    }

    @Test("While one cluster has our proof another that dials us is sent away")
    func oneClusterAtATime() throws {
        let desk = try Desk()
        let horizon = Stamp(
            tick: UInt64(desk.now - Stamp.epochMilliseconds) << Stamp.counterBits, replica: desk.peer.replica)
        desk.replicator.dialled(target: try desk.takeDial(), link: 70, desk.moment)
        desk.say(
            .challenge(Challenge(protocolVersion: 1, identity: desk.peer, nonce: 2, horizon: horizon, proof: [])), 70)
        var other = desk.peer
        other.replica = Replica(node: 3, generation: 0)
        other.incarnation = 33
        other.address = try PeerAddress("three:1")
        let from = try desk.linkFrom(other, horizon: horizon)
        let refusals = try desk.heard(from) { message in
            if case .refuse(let refusal) = message { refusal.code } else { nil }
        }
        #expect(refusals == [.notYet])
        desk.say(.welcome(resume: nil), 70)
        desk.turn()
        #expect(
            desk.lines.contains { $0.contains("linked to node 2") } && !desk.lines.contains { $0.contains("node 3") })
    }

    @Test("Whose writes a peer cannot take beside others of the same name tells its clients so")
    func forkedName() throws {
        let desk = try Desk()
        let (_, to) = try desk.becomeWritable()
        #expect(desk.node.core.node.writeGate == nil)
        desk.say(.refuse(Refusal(.otherHistory, "two nodes write as replica 1")), to)
        desk.turn()
        #expect(desk.node.core.node.writeGate?.text.hasPrefix("READONLY two nodes write as replica 1") == true)
    }

    // MARK: the plan and what is held

    private static func need(_ partition: Int, _ link: Int, _ wanted: [Stamp] = [], due: Int64 = 0) -> RepairPlan.Need {
        RepairPlan.Need(
            partition: partition, link: link, wanted: Versions(wanted), isOfOrigin: true, dueMilliseconds: due)
    }

    private static func stamp(_ tick: UInt64, _ node: UInt8 = 2) -> Stamp {
        Stamp(tick: tick, replica: Replica(node: node, generation: 0))
    }

    @Test("A hole nobody knows the size of is not filled by what a peer is known to have had")
    func unknownNeeds() {
        for isFirst in [true, false] {
            var plan = RepairPlan()
            plan.insert(Self.need(3, 1, isFirst ? [] : [Self.stamp(9)]))
            plan.insert(Self.need(3, 1, isFirst ? [Self.stamp(9)] : []))
            let taken = plan.takeDue(
                nowMilliseconds: 1, isOpen: { _ in true }, isCovered: { _ in true }, isAhead: { _ in false },
                isComing: { _ in false })
            #expect(taken.count == 1)
        }
    }

    @Test("One state of a partition at a time, a few of a link, and what has come by itself is not asked for")
    func requests() {
        var plan = RepairPlan()
        for partition in 0..<20 {
            for link in 1...2 { plan.insert(Self.need(partition, link, [Self.stamp(UInt64(partition + 1))])) }
        }
        plan.insert(Self.need(30, 1, due: 50))
        func take(_ now: Int64) -> [(need: RepairPlan.Need, request: UInt64)] {
            plan.takeDue(
                nowMilliseconds: now, isOpen: { _ in true }, isCovered: { $0.partition < 5 }, isAhead: { _ in false },
                isComing: { $0.partition == 19 && now < 1000 })
        }
        let first = take(1)
        #expect(first.count { $0.need.link == 1 } == 4 && first.count { $0.need.link == 2 } == 4)
        #expect(Set(first.map(\.need.partition)).count == 8 && first.allSatisfy { $0.need.partition >= 5 })
        #expect(take(1).isEmpty)
        #expect(first.allSatisfy { $0.need.partition != 19 })
        #expect(plan.nextDueMilliseconds(after: 1) == 50)
        #expect(plan.finish(request: first[0].request, link: 1) == first[0].need.partition)
        #expect(take(1).count == 1)
        plan.removeAll(link: 1)
        #expect(!plan.isNeeded(link: 1, ofOrigin: false) && plan.isNeeded(link: 2, ofOrigin: true))
    }

    @Test("Held frames go in order of stamp, each once, and only the first of an origin is looked at")
    func heldFrames() {
        var held = HeldFrames(bytesMax: 100)
        for tick in [7, 5, 6, 5, 7] as [UInt64] {
            #expect([UInt8(tick)].withView { held.insert($0, Self.stamp(tick), partition: 1) })
        }
        #expect([UInt8(9)].withView { held.insert($0, Self.stamp(9, 3), partition: 1) })
        #expect(held.count(origin: Replica(node: 2, generation: 0)) == 3 && held.byteCount == 4)
        var looks: [UInt8] = []
        held.offer(partition: 1) { bytes in
            looks.append(bytes[0])
            return false
        }
        #expect(Set(looks) == [5, 9] && looks.count == 2)
        looks = []
        held.offer(partition: 1) { bytes in
            looks.append(bytes[0])
            return bytes[0] < 7
        }
        #expect(looks.filter { $0 < 9 } == [5, 6, 7, 7])
        #expect(held.heads(partition: 1).count == 2 && held.occupied == [1])
        held.offer(partition: 1) { _ in true }
        #expect(held.isEmpty && held.isEmpty(partition: 1))
        for tick in [3, 4] as [UInt64] {
            for node in [2, 3] as [UInt8] {
                for partition in [1, 5] {
                    #expect([UInt8(tick)].withView { held.insert($0, Self.stamp(tick, node), partition: partition) })
                }
            }
        }
        held.removeAll(origin: Replica(node: 2, generation: 0))
        #expect(held.count(origin: Replica(node: 2, generation: 0)) == 0 && held.byteCount == 4)
        #expect(held.heads(partition: 5).map(\.origin) == [Replica(node: 3, generation: 0)])
        for partition in [1, 5] { held.offer(partition: partition) { _ in true } }
        #expect(held.isEmpty)
        let tooMuch = [UInt8](repeating: 0, count: 101)
        #expect(!tooMuch.withView { held.insert($0, Self.stamp(1), partition: 0) } && held.occupied.isEmpty)
    }
}
