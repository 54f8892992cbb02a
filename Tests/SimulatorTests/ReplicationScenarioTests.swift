/// What earlier systems got wrong, each as a scenario of whole nodes.
import Base
import Commands
import Core
import RESP
import Replication
import Testing

@testable import Simulator

@Suite struct ReplicationScenarioTests {
    @Test("Two nodes that dial each other send everything once")
    func once() {
        let scenario = Scenario.mesh(2)
        for round in 0..<40 { scenario.run(round % 2, "INCR {a}x") }
        scenario.pass(1000)
        #expect(scenario.shown("{a}x") == ["'40'"])
        #expect(scenario.frameCount == 40)
        #expect(scenario.sum(\.framesReceived) == 40)
        #expect(scenario.sum(\.framesApplied) == 40)
        #expect(scenario.sum(\.duplicates) == 0)
        #expect(scenario.sum(\.statesJoined) == 0)
        #expect(scenario.rest() == [])
    }

    @Test("What is written while a link is down comes when it is up, from where it broke")
    func down() {
        let scenario = Scenario.mesh(2)
        for round in 0..<5 {
            scenario.part(0, 1)
            scenario.breakConnections()
            for _ in 0..<6 { scenario.run(round % 2, "INCR {a}x") }
            scenario.pass(500)
            scenario.join(0, 1)
            scenario.pass(1500)
        }
        #expect(scenario.shown("{a}x") == ["'30'"])
        #expect(scenario.sum(\.gaps) == 0)
        // The windows still had it all: acknowledgements said from where.
        #expect(scenario.sum(\.statesJoined) == 0)
        #expect(scenario.rest() == [])
    }

    @Test("A peer that has fallen out of the window repairs from state, deletions included")
    func overrun() {
        let scenario = Scenario.mesh(2, windowBytes: 1 << 15)
        for key in 0..<20 { scenario.run(0, "SET {a}k\(key) v") }
        scenario.pass(500)
        scenario.part(0, 1)
        scenario.breakConnections()
        for key in 0..<10 { scenario.run(0, "DEL {a}k\(key)") }
        for round in 0..<30 { scenario.run(0, "SET {a}big \(round)\(String(repeating: "x", count: 2500))") }
        scenario.join(0, 1)
        #expect(scenario.rest() == [])
        #expect(scenario.report(1).statesJoined > 0)
        #expect(scenario.shown("{a}k3") == ["nothing"])
        #expect(scenario.shown("{a}k13") == ["'v'"])
    }

    @Test("A counter that peers have folded begins a new run after a crash that has lost the cut", arguments: [2, 3])
    func cutLost(size: Int) {
        for milliseconds in stride(from: Int64(0), through: 2400, by: 100) {
            let scenario = Scenario.mesh(size, .disks)
            scenario.run(0, "INCRBY {a}x 5")
            scenario.run(1, "INCRBY {a}x 100")
            scenario.pass(milliseconds)
            scenario.crash(0)
            scenario.pass(10)
            scenario.cluster.start(0, seeds: [1])
            scenario.runUntilTaken(0, "INCR {a}x")
            #expect(scenario.rest() == [], "after \(milliseconds) ms")
            #expect(scenario.shown("{a}x") == ["'106'"], "after \(milliseconds) ms")
        }
    }

    @Test("Who comes back with a clock set back writes nothing before what it had promised", arguments: [2, 3])
    func setBack(size: Int) {
        for profile in [ClusterPlan.Profile.calm, .disks] {
            let scenario = Scenario.mesh(size, profile)
            scenario.run(0, "INCRBY {a}x 5")
            scenario.pass(2000)
            scenario.crash(0)
            scenario.cluster.slots[0].clock.skewMilliseconds -= 20_000
            // As if the disk had stood still when more was to be reserved.
            scenario.cluster.slots[0].disk?.leaseMilliseconds -= 5000
            scenario.cluster.slots[0].disk?.moments = []
            scenario.pass(10)
            scenario.cluster.start(0, seeds: [1])
            scenario.runUntilTaken(0, "INCR {a}x")
            for _ in 0..<9 { scenario.run(0, "INCR {a}x", later: 150) }
            #expect(scenario.rest() == [], "\(profile)")
            #expect(scenario.shown("{a}x") == ["'15'"], "\(profile)")
        }
    }

    @Test("DEL and then SET while a peer lags keeps the new value", arguments: [2, 3])
    func deleteThenSet(count: Int) {
        let scenario = Scenario.mesh(count)
        scenario.run(0, "SET {a}c old PX 60000")
        scenario.pass(300)
        scenario.part(0, 1)
        scenario.run(0, "DEL {a}c")
        scenario.run(0, "SET {a}c new")
        scenario.pass(800)
        scenario.join(0, 1)
        #expect(scenario.rest() == [])
        scenario.pass(61_000)
        #expect(scenario.shown("{a}c") == ["'new'"])
    }

    @Test("DEL, expiry and a new key while a peer lags")
    func expireAndReturn() {
        let scenario = Scenario.mesh(3)
        scenario.run(0, "INCRBY {a}c 5")
        scenario.run(0, "PEXPIRE {a}c 400")
        scenario.pass(200)
        scenario.part(0, 1)
        scenario.pass(400)
        #expect(scenario.run(0, "INCRBY {a}c 1") == .integer(1))
        scenario.run(0, "DEL {a}d")
        scenario.run(0, "INCRBY {a}d 2")
        scenario.run(1, "DEL {a}d")
        scenario.join(0, 1)
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}c") == ["'1'"])
        #expect(scenario.shown("{a}d") == ["'2'"])
    }

    @Test("A TTL shortened, extended and taken away at once: the key stays for good")
    func deadlines() {
        let scenario = Scenario.mesh(3)
        scenario.run(0, "SET {a}c v PX 100000")
        scenario.pass(300)
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { scenario.part(left, right) }
        scenario.run(0, "PEXPIRE {a}c 1000")
        scenario.run(1, "PEXPIRE {a}c 200000")
        #expect(scenario.run(2, "PERSIST {a}c") == .integer(1))
        for (left, right) in [(0, 1), (0, 2), (1, 2)] { scenario.join(left, right) }
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}c") == ["'v'"])
    }

    @Test("A TTL shortened by the one who set it is short everywhere")
    func shortened() {
        let scenario = Scenario.mesh(2)
        scenario.run(0, "SET {a}c v PX 100000")
        scenario.pass(300)
        scenario.run(0, "PEXPIRE {a}c 1000")
        scenario.pass(1500)
        #expect(scenario.shown("{a}c") == ["nothing"])
        #expect(scenario.rest() == [])
    }

    @Test("A clock minutes ahead takes no writes, and loses none once it is right")
    func skewed() {
        let scenario = Scenario.mesh(3, .skewed)
        scenario.run(1, "INCRBY {a}x 5")
        scenario.pass(300)
        scenario.cluster.slots[1].clock.skewMilliseconds += 5 * 60_000
        scenario.pass(700)
        guard case .error(let refusal) = scenario.run(1, "INCR {a}x") else {
            Issue.record("a node minutes ahead takes writes")
            return
        }
        #expect(String(decoding: refusal, as: UTF8.self).contains("clock"))
        #expect(scenario.run(0, "INCR {a}x") == .integer(6))
        scenario.cluster.slots[1].clock.skewMilliseconds -= 5 * 60_000
        scenario.pass(1500)
        #expect(scenario.run(1, "INCR {a}x") == .integer(7))
        scenario.pass(300)
        #expect(scenario.shown("{a}x") == ["'7'"])
    }

    @Test("A node that comes back empty recovers all, its own past included, and applies nothing twice")
    func restart() {
        let scenario = Scenario.mesh(3)
        for round in 0..<9 { scenario.run(round % 3, "INCR {a}x") }
        scenario.pass(500)
        for _ in 0..<2 {
            scenario.crash(1)
            scenario.pass(2500)
            scenario.cluster.start(1, seeds: [0])
            scenario.pass(4000)
            scenario.run(1, "INCR {a}x")
            scenario.pass(500)
        }
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}x") == ["'11'"])
        #expect(scenario.node(1).replica.generation == 0)
    }

    @Test("A node that comes back while a peer is away goes on as its next generation")
    func generation() {
        let scenario = Scenario.mesh(3)
        for round in 0..<6 { scenario.run(round % 3, "INCR {a}x") }
        scenario.pass(500)
        scenario.crash(1)
        scenario.part(1, 2)
        scenario.pass(2500)
        scenario.cluster.start(1, seeds: [0, 2])
        scenario.pass(4000)
        #expect(scenario.node(1).replica.generation == 1)
        scenario.run(1, "INCR {a}x")
        scenario.join(1, 2)
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}x") == ["'7'"])
    }

    @Test("A peer that is not there at first is found by its name later, and the seed dials the joiner")
    func joiner() {
        let scenario = Scenario([[1, 2]])
        scenario.pass(6000)
        #expect(scenario.run(0, "INCR {a}x") == .integer(1))
        scenario.cluster.start(1, seeds: [])
        scenario.pass(4000)
        // Told of nobody but the first: all must come to know each other.
        scenario.cluster.start(2, seeds: [0])
        scenario.cluster.start(3, seeds: [2])
        scenario.pass(4000)
        for index in 0..<4 {
            // The first had nobody to ask at its start, and writes under another name than it had then.
            let peers = scenario.report(index).peers.filter { $0.membership != "left" }
            #expect(peers.count == 3)
            #expect(peers.allSatisfy { $0.outgoing == "up" && $0.incoming == "up" && $0.membership == "member" })
        }
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}x") == ["'1'"])
    }

    @Test("Nodes that wrote before they met keep what both wrote")
    func strangers() {
        let scenario = Scenario([[1], [0]])
        scenario.part(0, 1)
        scenario.pass(4000)
        for index in 0..<2 {
            #expect(scenario.run(index, "INCRBY {a}x 3") == .integer(3))
            scenario.run(index, "SET {a}c\(index) v")
        }
        scenario.join(0, 1)
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}x") == ["'6'"])
        #expect(scenario.shown("{a}c0") == ["'v'"])
        #expect(scenario.shown("{a}c1") == ["'v'"])
    }

    @Test("Who wrote alone and meets a newcomer first is news to the newcomer's whole cluster")
    func metNewcomer() {
        let scenario = Scenario([[1], [0], [0, 3]])
        for other in [0, 1, 3] { scenario.part(2, other) }
        scenario.pass(4000)
        scenario.run(2, "INCRBY {a}x 3")
        scenario.run(0, "INCRBY {a}x 5")
        // The cut of the others moves past what was written alone.
        scenario.pass(3000)
        scenario.cluster.start(3, seeds: [0, 1])
        scenario.pass(200)
        scenario.join(2, 3)
        scenario.pass(1500)
        #expect(scenario.node(2).lines.contains { $0.text.contains("counts as written now") })
        for other in [0, 1] { scenario.join(2, other) }
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}x") == ["'8'"])
    }

    @Test("After days apart both sides' writes are there")
    func days() {
        let scenario = Scenario.mesh(3)
        scenario.run(0, "SET {a}c before")
        scenario.pass(300)
        for other in 1...2 { scenario.part(0, other) }
        scenario.pass(6000)
        for _ in 0..<3 {
            // Machines that are suspended all at once: their clocks go on.
            scenario.cluster.now += 24 * 3_600_000
            scenario.pass(3000)
            scenario.run(0, "INCR {a}x")
            scenario.run(1, "INCR {a}x")
            scenario.run(2, "SET {a}c after")
        }
        for other in 1...2 { scenario.join(0, other) }
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}x") == ["'6'"])
        #expect(scenario.shown("{a}c") == ["'after'"])
    }

    @Test("Acknowledgements are used, and data is compared without being asked")
    func acknowledgements() {
        let scenario = Scenario.mesh(3)
        scenario.part(0, 2)
        scenario.run(0, "SET {a}c v")
        scenario.pass(300)
        let node = scenario.node(0).core.node
        #expect(node.acknowledgements.count(.applied, upTo: node.window.end) == 1)
        scenario.join(0, 2)
        scenario.pass(500)
        #expect(node.acknowledgements.count(.applied, upTo: node.window.end) == 2)
        scenario.pass(4000)
        #expect(scenario.report(0).digestRounds > 1)
        #expect(scenario.sum(\.divergedKeys) == 0)
        #expect(scenario.rest() == [])
    }

    @Test("Who leaves hands over what it wrote, and is not waited for any more")
    func leaving() {
        let scenario = Scenario.mesh(3)
        scenario.run(2, "INCR {a}x")
        for _ in 0..<5 { scenario.run(2, "INCR {a}x", later: 0) }
        let leaver = scenario.node(2)
        leaver.replicator.request(.leave, scenario.cluster.moment(2))
        guard case .error = scenario.run(2, "INCR {a}x") else {
            Issue.record("a node that leaves takes writes")
            return
        }
        scenario.pass(1000)
        leaver.isOutside = true
        scenario.cluster.stop(2, returns: false)
        #expect(scenario.rest() == [])
        #expect(scenario.shown("{a}x") == ["'6'"])
        #expect(scenario.report(0).counted == [Replica(node: 1, generation: 0), Replica(node: 2, generation: 0)])
    }
}
