/// The member table: a join under any order of merges, and decisions that hold only when everybody has said so.
import Base
import Testing

@testable import Replication

private func replica(_ node: UInt8, _ generation: UInt8 = 0) -> Replica { Replica(node: node, generation: generation) }

private func identity(_ node: UInt8, incarnation: UInt128 = 1, host: String = "h", clientPort: UInt16 = 0) throws
    -> PeerIdentity
{
    PeerIdentity(
        cluster: "c", replica: replica(node), incarnation: incarnation, name: "n\(node)", region: "r",
        address: try PeerAddress(host: host, port: 16379), clientPort: clientPort)
}

private func stamp(_ tick: UInt64, _ node: UInt8 = 1) -> Stamp { Stamp(tick: tick, replica: replica(node)) }

/// Some change that some node might make.
private func change(_ table: inout MemberTable, _ random: inout SeededRandom) throws {
    let node = UInt8(1 + random.below(3))
    switch random.below(8) {
    case 0, 1:
        let host = ["a", "b", "c"][random.below(3)]
        table.admit(
            try identity(
                node, incarnation: UInt128(1 + random.below(3)), host: host, clientPort: UInt16(random.below(3))))
    case 2, 3: table.promote(replica(node))
    case 4: table.close(replica(node))
    case 5: table.free(replica(node))
    case 6: table.leave(replica(node), cut: random.below(2) == 0 ? .zero : stamp(UInt64(random.below(9)), node))
    default: table.expel(replica(node), cut: stamp(UInt64(random.below(9)), node), isForced: random.below(2) == 0)
    }
}

private func merged(_ tables: [MemberTable]) -> MemberTable {
    var result = MemberTable()
    for table in tables { result.merge(table.entries) }
    return result
}

@Suite struct MemberTableTests {
    @Test("Merging is commutative, associative and idempotent", arguments: 1...60)
    func join(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        // Three nodes that change their tables alone and hear of each other now and then.
        var tables = [MemberTable(), MemberTable(), MemberTable()]
        for _ in 0..<40 {
            let one = random.below(3)
            if random.below(5) == 0 {
                tables[one].merge(tables[random.below(3)].entries)
            } else {
                try change(&tables[one], &random)
            }
            let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0, 1, 1, 0], [0, 0, 2, 1]]
            let results = orders.map { order in merged(order.map { tables[$0] }) }
            for result in results { #expect(result == results[0], "seed \(seed)") }
            var pairwise = merged([tables[1], tables[2]])
            pairwise.merge(tables[0].entries)
            #expect(pairwise == results[0], "seed \(seed)")
            var again = results[0]
            let version = again.version
            let isChanged = again.merge(tables[0].entries)
            #expect(!isChanged && again.version == version)
            #expect(again.entries == results[0].entries)
        }
    }

    @Test("Nobody comes back under an incarnation that is gone", arguments: 1...60)
    func noReturn(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        var tables = [MemberTable(), MemberTable()]
        for _ in 0..<60 {
            let one = random.below(2)
            let before = tables[one].entries
            let version = tables[one].version
            if random.below(4) == 0 {
                tables[one].merge(tables[1 - one].entries)
            } else {
                try change(&tables[one], &random)
            }
            for former in before {
                let now = try #require(tables[one].entry(of: former.replica, incarnation: former.incarnation))
                #expect(now.status >= former.status, "seed \(seed)")
                #expect(now.cut >= former.cut && now.epoch >= former.epoch, "seed \(seed)")
                #expect(now.isForced || !former.isForced, "seed \(seed)")
                #expect(now.isClosed || !former.isClosed, "seed \(seed)")
                #expect(now.status.isGone || !now.isClosed, "seed \(seed)")
                #expect(now.isFree || !former.isFree, "seed \(seed)")
                #expect(now.isClosed || !now.isFree, "seed \(seed)")
            }
            #expect((tables[one].version > version) == (tables[one].entries != before), "seed \(seed)")
            let keys = tables[one].entries.map { ($0.replica.rawValue, $0.incarnation) }
            #expect(zip(keys, keys.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
        }
    }

    @Test("An expel wins over a change of address that was made at the same time")
    func expelAndChange() throws {
        var one = MemberTable()
        one.admit(try identity(3))
        var two = one
        one.expel(replica(3), cut: stamp(9, 3), isForced: false)
        for host in ["x", "y", "z"] { two.admit(try identity(3, host: host)) }
        one.merge(two.entries)
        two.merge(one.entries)
        #expect(one == two)
        let entry = try #require(one.current(replica(3)))
        #expect(entry.status == .expelled && entry.address.host == "z" && entry.epoch == 4)
        #expect(one.cut(of: replica(3)) == stamp(9, 3))
        let changes = [one.admit(try identity(3, host: "w")), one.promote(replica(3)), one.leave(replica(3))]
        #expect(changes == [false, false, false])
    }

    @Test("Of two expels at once the later cut counts")
    func concurrentExpels() throws {
        var one = MemberTable()
        one.admit(try identity(3))
        var two = one
        one.expel(replica(3), cut: stamp(7, 3), isForced: true)
        two.expel(replica(3), cut: stamp(9, 3), isForced: false)
        one.merge(two.entries)
        #expect(one.cut(of: replica(3)) == stamp(9, 3))
        #expect(one.isForcedOut(replica(3)))
    }

    @Test("A new incarnation replaces the former one, and only that")
    func rejoin() throws {
        var table = MemberTable()
        table.admit(try identity(3, incarnation: 9))
        table.promote(replica(3))
        let isAdmitted = table.admit(try identity(3, incarnation: 5))
        #expect(isAdmitted)
        #expect(table.entry(of: replica(3), incarnation: 9)?.status == .replaced)
        let current = try #require(table.current(replica(3)))
        #expect(current.incarnation == 5 && current.status == .joining && current.epoch == 2)
        #expect(table.replicas == [replica(3)] && table.conflicts.isEmpty)
        // The old data directory does not come back to life.
        let isBack = table.admit(try identity(3, incarnation: 9))
        #expect(!isBack)
        #expect(table.current(replica(3))?.incarnation == 5)
        // After an expel the next incarnation joins as well.
        table.expel(replica(3), cut: stamp(4, 3), isForced: true)
        #expect(table.present.isEmpty)
        table.admit(try identity(3, incarnation: 6))
        #expect(table.present.map(\.incarnation) == [6])
        #expect(table.cut(of: replica(3)) == nil && !table.isForcedOut(replica(3)))
    }

    @Test("Two that were admitted under one id in two places are a conflict that everybody sees alike")
    func conflict() throws {
        var one = MemberTable()
        var two = MemberTable()
        one.admit(try identity(3, incarnation: 5))
        two.admit(try identity(3, incarnation: 9))
        one.merge(two.entries)
        two.merge(one.entries)
        #expect(one.conflicts == [replica(3)] && two.conflicts == [replica(3)])
        #expect(one.current(replica(3))?.incarnation == 9 && two.current(replica(3))?.incarnation == 9)
        one.admit(try identity(3, incarnation: 11))
        #expect(one.conflicts.isEmpty)
        #expect(one.current(replica(3))?.incarnation == 11)
    }

    @Test("An epoch that cannot grow harms nobody")
    func epochEnd() throws {
        var table = MemberTable()
        table.merge([MemberEntry(try identity(3), epoch: .max)])
        table.admit(try identity(3, host: "other"))
        table.admit(try identity(3, incarnation: 2))
        #expect(table.current(replica(3))?.incarnation == 2)
    }
}

@Suite struct MemberCountingTests {
    private func table(_ nodes: ClosedRange<UInt8>, members: [UInt8]) throws -> MemberTable {
        var table = MemberTable()
        for node in nodes { table.admit(try identity(node)) }
        for node in members { table.promote(replica(node)) }
        return table
    }

    private func says(_ author: UInt8, _ counted: UInt8...) -> CountAnnouncement {
        CountAnnouncement(replica(author), counted: counted.map { replica($0) })
    }

    @Test("Whoever joins or is a member is counted, whoever is gone only while something of it is missing")
    func own() throws {
        var table = try table(2...4, members: [2])
        #expect(table.counted(own: replica(1)) == [1, 2, 3, 4].map { replica($0) })
        table.leave(replica(3))
        table.expel(replica(4), cut: stamp(8, 4), isForced: false)
        #expect(table.counted(own: replica(1)) == [1, 2].map { replica($0) })
        #expect(table.counted(own: replica(1), unfinished: [replica(4)]) == [1, 2, 4].map { replica($0) })
        table.expel(replica(4), cut: stamp(8, 4), isForced: true)
        #expect(table.counted(own: replica(1), unfinished: [replica(4)]) == [1, 2].map { replica($0) })
    }

    @Test("What any counted one counts is counted, however long the chain and whatever the order")
    func chain() throws {
        let table = try table(1...2, members: [1, 2])
        let announced = [says(5, 6), says(2, 1, 3), says(9, 10), says(3, 5)]
        for announced in [announced, announced.reversed()] {
            let found = table.countedByAny(
                own: replica(1), counted: table.counted(own: replica(1)), announced: announced)
            #expect(found == [1, 2, 3, 5, 6].map { replica($0) })
        }
    }

    @Test("An expelled one is counted until the last of the others has stopped, and says nothing itself")
    func expelled() throws {
        var table = try table(1...4, members: [1, 2, 3, 4])
        table.expel(replica(4), cut: stamp(8, 4), isForced: false)
        let counted = table.counted(own: replica(1))
        func any(_ announced: [CountAnnouncement]) -> [Replica] {
            table.countedByAny(own: replica(1), counted: counted, announced: announced)
        }
        func missing(_ announced: [CountAnnouncement]) -> [Replica] {
            table.missingAcknowledgements(
                ofDeparture: replica(4), own: replica(1), counted: counted, announced: announced)
        }
        #expect(any([says(2, 1, 2, 3), says(3, 1, 2, 3, 4), says(4, 9)]) == [1, 2, 3, 4].map { replica($0) })
        #expect(missing([says(2, 1, 2, 3), says(3, 1, 2, 3, 4), says(4, 4)]) == [replica(3)])
        #expect(missing([says(2, 1, 2, 3)]) == [replica(3)])
        #expect(any([says(2, 1, 2, 3), says(3, 1, 2, 3), says(4, 1, 4, 9)]) == [1, 2, 3].map { replica($0) })
        #expect(missing([says(2, 1, 2, 3), says(3, 1, 2, 3)]).isEmpty)
        // While this node itself lacks something, it has not acknowledged.
        let waiting = table.missingAcknowledgements(
            ofDeparture: replica(4), own: replica(1), counted: counted + [replica(4)],
            announced: [says(2), says(3)])
        #expect(waiting == [replica(1)])
        // By force it is over at once.
        table.expel(replica(4), cut: stamp(8, 4), isForced: true)
        #expect(any([says(2, 4), says(3, 4)]) == [1, 2, 3].map { replica($0) })
        #expect(missing([]).isEmpty)
    }

    @Test("A joiner waits for the word of everybody, heard or not")
    func joiner() throws {
        let table = try table(1...4, members: [1, 2])
        func missing(_ announced: [CountAnnouncement]) -> [Replica] {
            table.missingAcknowledgements(ofJoiner: replica(4), own: replica(4), announced: announced)
        }
        #expect(missing([]) == [1, 2, 3].map { replica($0) })
        #expect(missing([says(1, 1, 2, 4), says(2, 1, 2), says(3, 4)]) == [replica(2)])
        // Another one that is joining has to know of it, too.
        #expect(missing([says(1, 4), says(2, 4)]) == [replica(3)])
        #expect(missing([says(1, 4), says(2, 4), says(3, 4)]).isEmpty)
        // As seen by a member, which counts it as soon as it is in its table.
        let seen = table.missingAcknowledgements(
            ofJoiner: replica(4), own: replica(1), announced: [says(2, 4), says(3, 4)])
        #expect(seen.isEmpty)
    }

    @Test("Settled is who is counted by all")
    func settled() throws {
        let table = try table(1...3, members: [1, 2])
        let counted = table.counted(own: replica(1))
        func settled(_ announced: [CountAnnouncement]) -> [Replica] {
            table.settled(own: replica(1), counted: counted, announced: announced)
        }
        #expect(settled([]) == [])
        #expect(settled([says(2, 1, 2), says(3, 1, 2, 3)]) == [1, 2].map { replica($0) })
        #expect(settled([says(2, 1, 2, 3), says(3, 1, 2, 3)]) == [1, 2, 3].map { replica($0) })
        // Somebody nobody here knows, but a counted one counts, has to say so as well.
        #expect(settled([says(2, 1, 2, 3, 9), says(3, 1, 2, 3)]) == [])
        #expect(settled([says(2, 1, 2, 3, 9), says(3, 1, 2, 3), says(9, 1, 2)]) == [1, 2].map { replica($0) })
    }
}
