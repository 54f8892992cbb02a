/// Others settle by what a node announces: whatever that is, the node still knows it after a crash.
import Base
import Commands
import Replication
import Testing
import Wire

@testable import Core
@testable import Engine
@testable import Simulator

@Suite struct AnnouncementTests {
    private static func comeBack(_ entries: [SimEntry], _ desk: Desk) throws -> SimNode {
        let replica = desk.node.replica
        let core = SimNode(replica: replica, counted: [replica], seed: 8, windowBytes: 1 << 16, keepsLog: true)
        var replayer = LogReplayer<PlainLending>(
            node: core.node, cluster: "c", share: 0, of: 1, countsOthers: false, nowMilliseconds: desk.now)
        for entry in entries { try entry.content.withView { try replayer.replay(kind: entry.kind, $0) } }
        replayer.finish(as: replica, leaseMilliseconds: desk.now)
        return core
    }

    /// With rules left out: fences are not entered into the log, or announced before it is on the disk.
    #if DEBUG
        private static let faults: [ReplicatorFaults] = [[], .forgetsFences, .announcesUnsynced]
    #else
        private static let faults: [ReplicatorFaults] = [[]]
    #endif

    @Test("Fences and the cut are on the disk before they are announced", arguments: faults.indices)
    func onDisk(index: Int) throws {
        let isFaulty = index > 0
        let desk = try Desk(recovered: RecoveredPast())
        #if DEBUG
            desk.replicator.leaveOut(Self.faults[index])
        #endif
        let (from, to) = try desk.becomeWritable()
        let core = desk.node.core
        let partition = Array("k".utf8).withView { Slots.partition(of: $0) }
        var entries: [SimEntry] = []
        var (announced, forgotten) = (0, 0)
        for round in 0..<50 {
            // Idle now and then, when nothing need be written that says no more than what is.
            if round % 12 < 7 { _ = core.run(["SET", "k", "\(round)"].map { Array($0.utf8) }) }
            desk.pass(100)
            let tick = UInt64(desk.now - Stamp.epochMilliseconds) << Stamp.counterBits
            var heartbeat = Heartbeat(unixMilliseconds: desk.now)
            heartbeat.fenceTick = tick
            heartbeat.applied = [desk.node.replica, desk.peer.replica].map { AppliedFence($0, tick: tick) }
            heartbeat.counted = [desk.node.replica, desk.peer.replica]
            heartbeat.cut = desk.now(minus: 200)
            desk.say(.heartbeat(heartbeat), from)
            desk.turn()
            let said = try desk.heard(to) { message in
                if case .heartbeat(let heartbeat) = message { heartbeat } else { nil }
            }
            if let last = said.last {
                announced += 1
                let life = try Self.comeBack(entries, desk)
                let (fencesKept, cutKept) = (
                    life.partition(partition).pointee.fences, life.partition(partition).pointee.cut
                )
                let written = core.partition(partition).pointee.versions.stamps.max()?.unixMilliseconds ?? 0
                // Nothing was written up to there that the disk does not have: then it need not have the fence itself.
                func isKept(_ stamp: Stamp, _ kept: Stamp) -> Bool {
                    kept >= stamp || kept.unixMilliseconds > written
                }
                let fences = last.applied.map { Stamp(tick: $0.tick, replica: $0.replica) }
                let isWhole = fences.allSatisfy { isKept($0, fencesKept[$0.replica]) }
                if !isWhole || !isKept(last.cut, cutKept) { forgotten += 1 }
            }
            entries += core.takeEntries()
            core.node.window.log?.noteDurable(upTo: core.drainedPosition)
        }
        #expect(announced > 10)
        #expect((forgotten > 0) == isFaulty, "\(forgotten) of \(announced)")
    }
}
