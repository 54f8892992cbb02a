/// Single cases of joining states, and what damaged bytes do.
import Base
import CRDT
import Testing

@testable import Engine

private let start = PartitionBench.start

@Suite struct StateJoinTests {
    @Test("A slice ends where it has as many bytes as are wanted, and the state is whole all the same")
    func bytesWanted() {
        let nodes = pair()
        for index in 0..<200 { nodes[0].set("key\(index)", String(repeating: "x", count: 5000), Int64(index)) }
        var export = StateExport(nodes[1].partition.pointee.stateRequest())
        var state = ByteBuffer()
        export.writeHead(nodes[0].partition, into: &state)
        var (slices, longest) = (0, 0)
        while true {
            let start = state.count
            let isLast = export.writeSlice(nodes[0].partition, bucketsMax: 1000, bytesWanted: 10_000, into: &state)
            longest = max(longest, state.count - start)
            slices += 1
            if isLast { break }
        }
        // One bucket more than wanted.
        #expect(slices > 20 && longest < 100_000, "\(slices) slices, the longest of \(longest) bytes")
        #expect(nodes[1].join(state.array, fences: nodes[0].fences) == .joined(keysChanged: 200))
    }

    @Test("Who counts only itself has no cut for others, nor for its own next life")
    func soleCut() throws {
        let bench = PartitionBench()
        bench.set("k", "v")
        _ = bench.commit()
        #expect(!bench.partition.pointee.announcedCut.isZero)
        var export = StateExport(.everything)
        var state = ByteBuffer()
        export.writeHead(bench.partition, into: &state)
        while !export.writeSlice(bench.partition, bucketsMax: 100, into: &state) {}
        let cut = try state.array.withView { try StateDocument($0, databases: 16) { _ in }.head.cut }
        #expect(cut.isZero)
    }

    @Test("Both writes of two that wrote alone survive, and the later one shows", arguments: [false, true])
    func strangers(isFirstLater: Bool) {
        let nodes = pair()
        nodes[0].set("k", "one", isFirstLater ? 9 : 1)
        nodes[1].set("k", "two", 5)
        nodes[1].increment("n", 3, 6)
        nodes[0].set("own", "x", 10)
        #expect(nodes[0].take(from: nodes[1]) == .joined(keysChanged: 2))
        #expect(nodes[1].take(from: nodes[0]) == .joined(keysChanged: 2))
        for node in nodes[..<2] {
            #expect(node.shown("k") == (isFirstLater ? "'one' until -" : "'two' until -"))
            #expect(node.shown("n") == "'3' until -")
            #expect(node.shown("own") == "'x' until -")
            #expect(node.take(from: nodes[0]) == .joined(keysChanged: 0))
        }
        // The loser was kept: whoever removes what he saw, removes no more.
        let clear = nodes[0].sent.count
        nodes[0].delete("k", 20)
        #expect(nodes[1].receive(nodes[0].sent[clear], start + 30) == .applied)
        #expect(nodes[1].shown("k") == "nil until -")
    }

    @Test("What a cut never spoke of does not settle until a later one does")
    func strangersUnderACut() {
        let nodes = pair()
        let stranger = FleetNode(replica: Replica(node: 9, generation: 0), members: [], seed: 9)
        nodes[0].set("k", "one", 9)
        stranger.set("k", "two", 5)
        func cut(_ milliseconds: Int64) -> Stamp {
            let tick = UInt64(start + milliseconds - Stamp.epochMilliseconds) << Stamp.counterBits
            return Stamp(tick: tick, replica: nodes[0].replica).asCut
        }
        nodes[0].partition.pointee.adopt(cut: cut(50), settleCut: cut(50), fences: Versions())
        #expect(nodes[0].take(from: stranger) == .joined(keysChanged: 1))
        #expect(nodes[0].partition.pointee.settleCut == .zero)
        // Its author has not seen the other value.
        stranger.delete("k", 60)
        #expect(nodes[0].receive(stranger.sent[1], start + 61) == .applied)
        #expect(stranger.take(from: nodes[0]) == .joined(keysChanged: 1))
        #expect(nodes[0].shown("k") == "'one' until -")
        #expect(stranger.shown("k") == "'one' until -")
        nodes[0].partition.pointee.adopt(cut: cut(90), settleCut: cut(90), fences: Versions())
        #expect(nodes[0].partition.pointee.settleCut == cut(90))
    }

    /// The receiver has settled nothing, and came back from a crash with fences that lie before the sender's settle cut:
    /// but it has all that went into what has settled of this key.
    @Test("What one side has settled and the other has not is one past", arguments: [false, true], [40, 60])
    func onePast(isFaulty: Bool, fenceAt: Int64) {
        let nodes = pair(isFaulty ? .joinIgnoresPast : [])
        nodes[2].increment("n", 4, 1)
        nodes[2].change("s", adds: "x", 2)
        nodes[2].change("s", adds: "y", 3)
        for frame in nodes[2].sent {
            for node in nodes[..<2] { #expect(node.receive(frame, start + 4) == .applied) }
        }
        let cut = stamp(50, nodes[0].replica).asCut
        nodes[0].partition.pointee.adopt(cut: cut, settleCut: cut, fences: Versions())
        nodes[0].settle()
        let known = Versions([stamp(fenceAt, nodes[0].replica), stamp(fenceAt, nodes[2].replica)])
        nodes[1].partition.pointee.adopt(cut: .zero, settleCut: .zero, fences: known)
        nodes[1].increment("n", 5, 71)
        nodes[0].increment("n", 1, 72)
        nodes[0].change("s", adds: "z", 73)
        _ = nodes[1].take(from: nodes[0])
        #expect((nodes[1].shown("n") == "'10' until -") != isFaulty, "\(nodes[1].shown("n"))")
        #expect((nodes[1].shown("s") == "{x,y,z} until -") != isFaulty, "\(nodes[1].shown("s"))")
    }

    private func stamp(_ milliseconds: Int64, _ replica: Replica) -> Stamp {
        let sinceEpoch = UInt64(start + milliseconds - Stamp.epochMilliseconds)
        return Stamp(tick: sinceEpoch << Stamp.counterBits, replica: replica)
    }

    /// The receiver has settled nothing, and has never heard of the name under which the sender has written since: that
    /// lies above the cut that it had.
    @Test("What one side has settled is one past for who had the cut, also where the other has a new name")
    func onePastUnderNewName() {
        let nodes = pair()
        nodes[2].increment("n", 4, 1)
        for frame in nodes[2].sent {
            for node in nodes[..<2] { #expect(node.receive(frame, start + 4) == .applied) }
        }
        let cut = stamp(50, nodes[0].replica).asCut
        nodes[0].partition.pointee.adopt(cut: cut, settleCut: cut, fences: Versions())
        nodes[0].settle()
        nodes[1].partition.pointee.adopt(cut: cut, settleCut: .zero, fences: Versions())
        nodes[0].partition.pointee.goOn(as: Replica(node: nodes[0].replica.node, generation: 1))
        nodes[0].increment("n", 1, 72)
        nodes[1].increment("n", 5, 71)
        _ = nodes[1].take(from: nodes[0])
        #expect(nodes[1].shown("n") == "'10' until -")
    }

    /// As from a backup: the others have settled since what somebody wrote of whom it has never heard.
    @Test(
        "Who comes back with less than its former life had does not take what it never had for removed",
        arguments: [0, 1])
    func broughtBack(othersWrites: Int) {
        let nodes = pair()
        nodes[0].increment("old", 1, 1)
        #expect(nodes[1].receive(nodes[0].sent[0], start + 4) == .applied)
        let early = stamp(20, nodes[0].replica).asCut
        let fences = Versions([stamp(25, nodes[0].replica), stamp(25, nodes[1].replica)])
        for node in nodes[..<2] { node.partition.pointee.adopt(cut: early, settleCut: early, fences: fences) }
        nodes[2].change("s", adds: "x", 61)
        #expect(nodes[0].receive(nodes[2].sent[0], start + 64) == .applied)
        for _ in 0..<othersWrites { nodes[0].increment("old", 1, 65) }
        let cut = stamp(100, nodes[0].replica).asCut
        let later = Versions([stamp(100, nodes[0].replica), stamp(100, nodes[2].replica)])
        nodes[0].partition.pointee.adopt(cut: cut, settleCut: cut, fences: later)
        nodes[0].settle()
        nodes[1].partition.pointee.goOn(as: Replica(node: nodes[1].replica.node, generation: 1))
        nodes[1].increment("new", 5, 171)
        _ = nodes[1].take(from: nodes[0])
        _ = nodes[0].take(from: nodes[1])
        for node in nodes[..<2] {
            #expect(node.shown("s") == "{x} until -")
            #expect(node.shown("old") == "'\(1 + othersWrites)' until -")
            #expect(node.shown("new") == "'5' until -")
        }
    }

    /// A node that comes back empty meets one who has settled, and one who has not heard of him since: the fence of its
    /// own former life is all that says that the one had what the other has.
    @Test("Who comes back empty is told up to where the others have all of its former life")
    func formerFence() {
        let nodes = pair()
        nodes[2].change("s", adds: "x", 3)
        nodes[2].change("s", adds: "y", 4)
        for frame in nodes[2].sent { #expect(nodes[0].receive(frame, start + 5) == .applied) }
        let fences = Versions((0..<3).map { stamp(60, nodes[$0].replica) })
        let cut = stamp(50, nodes[0].replica).asCut
        nodes[0].partition.pointee.adopt(cut: cut, settleCut: cut, fences: fences)
        nodes[0].settle()
        nodes[2].partition.pointee.adopt(cut: .zero, settleCut: .zero, fences: fences)
        // Both have news that the other has not.
        nodes[2].change("s", adds: "z", 65)
        nodes[1].set("other", "1", 70)
        #expect(nodes[0].receive(nodes[1].sent[0], start + 71) == .applied)
        let life = FleetNode(
            replica: nodes[1].replica, members: nodes.map(\.replica), seed: 9)
        _ = life.take(from: nodes[2])
        _ = life.take(from: nodes[0])
        #expect(life.shown("s") == "{x,y,z} until -")
        life.set("later", "1", 5)
        #expect(life.sent.count == 1 && life.partition.pointee.momentMilliseconds > start + 60)
    }

    /// A peer patches what has settled there, and so says what it had become: here it has not settled, because
    /// somebody walks over the partition and has written down already which writes his state covers.
    @Test(
        "What settles under a peer's patch while a state is walked is not done again by the frames behind it",
        arguments: [false, true])
    func patchDuringWalk(isFaulty: Bool) {
        let nodes = pair()
        nodes[1].append("k", "a", 1)
        nodes[1].increment("n", 10, 2)
        for frame in nodes[1].sent { #expect(nodes[0].receive(frame, start + 3) == .applied) }
        nodes[0].partition.pointee.beginWalk()
        var export = StateExport(.everything)
        var state = ByteBuffer()
        export.writeHead(nodes[0].partition, into: &state)
        nodes[0].append("k", "b", 5)
        nodes[0].increment("n", 1, 6)
        for frame in nodes[0].sent { #expect(nodes[1].receive(frame, start + 7) == .applied) }
        // Everybody has it, and has said so.
        let tick = UInt64(start + 50 - Stamp.epochMilliseconds) << Stamp.counterBits
        let cut = Stamp(tick: tick, replica: nodes[0].replica).asCut
        for node in nodes[..<2] {
            node.partition.pointee.adopt(cut: cut, settleCut: cut, fences: Versions())
            node.settle()
        }
        nodes[1].append("k", "c", 60)
        nodes[1].append("n", "0", 61)
        for frame in nodes[1].sent[2...] { #expect(nodes[0].receive(frame, start + 62) == .applied) }
        while !export.writeSlice(nodes[0].partition, bucketsMax: 1, into: &state) {}
        nodes[0].partition.pointee.endWalk()
        let again = FleetNode(
            replica: Replica(node: 9, generation: 0), members: [], seed: 9, faults: isFaulty ? .repeatsSettled : [])
        _ = again.join(state.array, fences: Versions())
        for frame in nodes[0].sent { #expect(again.receive(frame, start + 70) == .applied) }
        for frame in nodes[1].sent[2...] { #expect(again.receive(frame, start + 71) == .applied) }
        for node in nodes[..<2] {
            #expect(node.shown("k") == "'abc' until -")
            #expect(node.shown("n") == "'110' until -")
        }
        #expect(again.shown("k") == (isFaulty ? "'abbc' until -" : "'abc' until -"))
        #expect(again.shown("n") == (isFaulty ? "'111' until -" : "'110' until -"))
    }

    @Test("What the sender deleted goes, what it has not heard of stays")
    func deletions() {
        let nodes = pair()
        nodes[0].set("gone", "1", 1)
        nodes[0].set("stays", "2", 2)
        #expect(nodes[1].take(from: nodes[0]) == .joined(keysChanged: 2))
        nodes[0].delete("gone", 10)
        nodes[1].set("new", "3", 11)
        #expect(nodes[1].take(from: nodes[0]) == .joined(keysChanged: 1))
        #expect(nodes[1].shown("gone") == "nil until -")
        #expect(nodes[1].shown("stays") == "'2' until -")
        #expect(nodes[1].shown("new") == "'3' until -")
    }

    /// The sender has deleted a key, and then heard of an increment older than that: its stamp is one that the receiver
    /// knows, and says nothing of the delete, of which the receiver does not know.
    @Test("A key that came back after a delete goes whole to whoever lacks the delete", arguments: [0, 1])
    func returned(relays: Int) {
        let nodes = pair()
        // A plain value: of a counter resets would stay, under the stamp of the delete.
        nodes[0].set("k", "3", 1)
        nodes[2].increment("k", 10, 5)
        nodes[0].set("other", "x", 6)
        for frame in nodes[0].sent + nodes[2].sent { #expect(nodes[1].receive(frame, start + 7) == .applied) }
        #expect(nodes[1].shown("k") == "'13' until -")
        nodes[0].delete("k", 9)
        #expect(nodes[0].receive(nodes[2].sent[0], start + 10) == .applied)
        #expect(nodes[0].shown("k") == "'10' until -")
        var source = nodes[0]
        for number in 0..<relays {
            let relay = FleetNode(replica: Replica(node: UInt8(20 + number), generation: 0), members: [], seed: 7)
            #expect(relay.take(from: source) == .joined(keysChanged: 2))
            source = relay
        }
        _ = nodes[1].take(from: source)
        #expect(nodes[1].shown("k") == "'10' until -")
    }

    /// What took the last of the key was older than a remove that had left something: the key has gone under the later
    /// of the two stamps, and the receiver knows all but that remove.
    @Test("A key that came back after losing more than its last goes whole to whoever lacks that")
    func returnedAfterSeveral() {
        let nodes = pair()
        nodes[2].change("s", adds: "xz", 1)
        for node in nodes[..<2] { #expect(node.receive(nodes[2].sent[0], start + 2) == .applied) }
        nodes[2].change("s", adds: "y", 5)
        nodes[1].change("s", removes: "x", 8)
        nodes[0].set("other", "1", 9)
        nodes[0].change("s", removes: "z", 10)
        #expect(nodes[0].receive(nodes[1].sent[0], start + 11) == .applied)
        #expect(nodes[0].shown("s") == "nil until -")
        #expect(nodes[1].receive(nodes[0].sent[0], start + 12) == .applied)
        for node in nodes[..<2] { #expect(node.receive(nodes[2].sent[1], start + 13) == .applied) }
        #expect(nodes[0].shown("s") == "{y} until -")
        #expect(nodes[1].shown("s") == "{y,z} until -")
        _ = nodes[1].take(from: nodes[0])
        #expect(nodes[1].shown("s") == "{y} until -")
    }

    /// A state has said that its sender removed the key. What is here he had not seen, and what he had removed was never
    /// here: nothing changes. But somebody else has both.
    @Test("What a state removed of a key that stays comes to those who have it")
    func removedElsewhere() {
        let nodes = pair()
        nodes[2].append("k", "z", 1)
        nodes[1].append("k", "a", 3)
        nodes[2].set("other", "1", 6)
        nodes[2].delete("k", 8)
        for frame in nodes[2].sent[..<2] + nodes[1].sent { #expect(nodes[0].receive(frame, start + 9) == .applied) }
        #expect(nodes[0].shown("k") == "'za' until -")
        #expect(nodes[1].take(from: nodes[2]) == .joined(keysChanged: 1))
        #expect(nodes[1].shown("k") == "'a' until -")
        _ = nodes[0].take(from: nodes[1])
        #expect(nodes[0].shown("k") == "'a' until -")
    }

    /// A remove that came ahead of all it removes finds no key, and leaves no trace but what refuses those. Then a write
    /// that it had not seen makes the key.
    @Test("A remove that found nothing goes to whoever has what it removes", arguments: [false, true])
    func removedAhead(flushes: Bool) {
        let nodes = pair()
        let others = [9, 20].map { FleetNode(replica: Replica(node: $0, generation: 0), members: [], seed: 3) }
        others[0].append("k", "p", 3)
        nodes[2].append("k", "q", 5)
        #expect(nodes[1].receive(nodes[2].sent[0], start + 6) == .applied)
        nodes[1].set("other", "1", 7)
        if flushes {
            nodes[1].write(start + 9) { bench in _ = bench.partition.pointee.flush(database: 0, &bench.context.pointee)
            }
        } else {
            nodes[1].delete("k", 9)
        }
        for frame in nodes[1].sent + others[0].sent + nodes[2].sent {
            #expect(nodes[0].receive(frame, start + 10) == .applied)
        }
        #expect(nodes[0].shown("k") == "'p' until -")
        for frame in others[0].sent + nodes[2].sent + nodes[1].sent[..<1] {
            #expect(others[1].receive(frame, start + 11) == .applied)
        }
        #expect(others[1].shown("k") == "'pq' until -")
        _ = others[1].take(from: nodes[0])
        #expect(others[1].shown("k") == "'p' until -")
    }

    @Test("Keys left out because they are known are not taken for deleted", arguments: [false, true])
    func leftOut(isFaulty: Bool) {
        #if DEBUG
            let nodes = pair(isFaulty ? .joinClearsUnsent : [])
            for index in 0..<50 { nodes[0].set("old\(index)", "x", Int64(index)) }
            #expect(nodes[1].take(from: nodes[0]) == .joined(keysChanged: 50))
            nodes[0].set("later", "1", 100)
            let state = state(of: nodes[0], for: nodes[1])
            #expect(state.count < 50 * 12 + 200, "the old keys were sent again: \(state.count)")
            nodes[1].set("mine", "2", 101)
            _ = nodes[1].join(state, fences: nodes[0].fences)
            #expect(nodes[1].shown("later") == "'1' until -")
            #expect(nodes[1].shown("mine") == "'2' until -")
            #expect((nodes[1].shown("old7") == "'x' until -") != isFaulty)
        #endif
    }

    /// The sender has applied a remove of a write that has come to neither of the two.
    @Test("What the sender removed ahead of its coming never comes", arguments: [false, true])
    func pending(isFaulty: Bool) {
        #if DEBUG
            let nodes = pair(isFaulty ? .joinForgetsPending : [])
            nodes[2].set("k", "late", 1)
            #expect(nodes[0].receive(nodes[2].sent[0], start + 2) == .applied)
            nodes[0].delete("k", 3)
            #expect(nodes[1].receive(nodes[0].sent[0], start + 4) == .applied)
            let fresh = FleetNode(
                replica: Replica(node: 9, generation: 0), members: [], seed: 9,
                faults: isFaulty ? .joinForgetsPending : [])
            #expect(fresh.take(from: nodes[1]) == .joined(keysChanged: 0))
            #expect(fresh.receive(nodes[2].sent[0], start + 5) == .applied)
            #expect((fresh.shown("k") == "nil until -") != isFaulty)
        #endif
    }

    @Test("A node that lost its memory goes on behind its own last frame")
    func ownPast() {
        let nodes = pair()
        nodes[0].set("k", "1", 1)
        nodes[0].set("k", "2", 2)
        for frame in nodes[0].sent { #expect(nodes[1].receive(frame, start + 3) == .applied) }
        let last = nodes[0].sent[1].stamp
        nodes[0].forget(seed: 5)
        #expect(nodes[0].take(from: nodes[1]) == .joined(keysChanged: 1))
        #expect(nodes[0].partition.pointee.latestOwnStamp == .zero)
        nodes[0].partition.pointee.adoptOwnPast()
        #expect(nodes[0].partition.pointee.latestOwnStamp == last)
        nodes[0].set("k", "3", 0)
        #expect(nodes[0].sent[2].prev == last)
        #expect(nodes[1].receive(nodes[0].sent[2], start + 4) == .applied)
        #expect(nodes[1].shown("k") == "'3' until -")
    }

    @Test("Who watches a key learns that a state changed it, and only then")
    func watches() {
        let nodes = pair()
        nodes[0].set("a", "1", 1)
        nodes[1].set("b", "2", 2)
        var list = WatchList()
        for key in ["a", "b"] {
            Array(key.utf8).withView { list.add(client: key == "a" ? 1 : 2, database: 0, key: $0, isLive: false) }
        }
        nodes[1].partition.pointee.watches = list
        #expect(nodes[1].take(from: nodes[0]) == .joined(keysChanged: 1))
        #expect(nodes[1].partition.pointee.watches.failed(client: 1) { _, _ in true })
        #expect(!nodes[1].partition.pointee.watches.failed(client: 2) { _, _ in true })
    }

    @Test("Large values and integers come as they are")
    func kinds() {
        let nodes = pair()
        let large = String(repeating: "large ", count: 10_000)
        nodes[0].set("large", large, 1)
        nodes[0].set("short", "", 2, deadline: start + 50_000)
        #expect(nodes[1].take(from: nodes[0]) == .joined(keysChanged: 2))
        #expect(nodes[1].shown("large") == "'\(large)' until -")
        #expect(nodes[1].shown("short") == "'' until \(start + 50_000)")
        #expect(nodes[1].partition.pointee.footprintBytes > large.utf8.count)
    }

    // MARK: bytes

    @Test("Damaged bytes are refused or joined, and never trap", arguments: 0..<6)
    func damage(seed: UInt64) {
        var fleet = Fleet(seed: seed)
        for _ in 0..<60 {
            fleet.now += 1
            fleet.write(fleet.random.below(3))
            fleet.deliverSome()
        }
        let bytes = state(of: fleet.nodes[0], for: fleet.nodes[1])
        let before = fleet.nodes[1].partition.pointee.versions
        for length in 0..<bytes.count {
            let outcome = fleet.nodes[1].join(Array(bytes[..<length]), fences: Versions())
            #expect(outcome == .malformed, "seed \(seed): \(length) of \(bytes.count) bytes")
        }
        #expect(fleet.nodes[1].partition.pointee.versions == before)
        #expect(fleet.nodes[1].join([9] + bytes.dropFirst(), fences: Versions()) == .unknownVersion(9))
        var refused = 0
        for round in 0..<1500 {
            var damaged = bytes
            for _ in 0..<1 + fleet.random.below(3) {
                damaged[1 + fleet.random.below(bytes.count - 1)] ^= 1 << UInt8(fleet.random.below(8))
            }
            if round % 7 == 0 { damaged.remove(at: 1 + fleet.random.below(bytes.count - 1)) }
            let node = FleetNode(replica: Replica(node: 7, generation: 0), members: [], seed: 1)
            node.set("own", "x", 1)
            if node.join(damaged, fences: Versions()) == .malformed {
                refused += 1
                #expect(node.partition.pointee.keyCount == 1)
            }
        }
        #expect(refused > 300, "seed \(seed): \(refused) of 1500 refused")
    }

    @Test("Requests read back as they were written; other bytes are none")
    func requests() {
        var random = SeededRandom(seed: 3)
        let stamps = (1...4).map { Stamp(tick: random.next() >> 12, replica: Replica(node: $0, generation: 0)) }
        let request = StateRequest(versions: Versions(stamps), fences: Versions([stamps[2]]), isEmpty: true)
        var buffer = ByteBuffer()
        request.encode(to: &buffer)
        #expect(StateRequest.decode(buffer.view) == request)
        for length in 0..<buffer.count { #expect(StateRequest.decode(buffer.view.slice(0, length)) == nil) }
        for _ in 0..<2000 {
            var bytes = buffer.array
            bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
            _ = bytes.withView { StateRequest.decode($0) }
        }
    }
}
