/// Rules that matter too seldom for chance to show: one scenario each, run with the rule and without.
import Base
import Testing

@testable import CRDT

struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    let without: ClusterFaults
    let nodes: Int
    let expected: String
    let scenario: @Sendable (inout Cluster) -> Void

    var testDescription: String { name }

    /// What the nodes show for "k" and until when, all different answers.
    func outcome(_ faults: ClusterFaults) -> Set<String> {
        var cluster = Cluster(nodes, faults: faults)
        scenario(&cluster)
        cluster.synchronize()
        return Set(cluster.views("k"))
    }
}

@Suite struct RuleTests {
    @Test("A rule holds, and is needed", arguments: rules)
    func rule(rule: Rule) {
        #expect(rule.outcome(ClusterFaults()) == [rule.expected])
        #expect(rule.outcome(rule.without) != [rule.expected], "leaving it out changes nothing")
    }

    @Test("Increments that a clear covers stay away, whichever of the two comes first")
    func clearedIncrements() {
        var cluster = Cluster(4)
        cluster.write(0, "k", .increment(2))
        cluster.write(0, "k", .set(bytes(""), .at(cluster.now + 1)))
        while cluster.deliver(from: 0, to: 1) {}
        cluster.now += 5
        // What stood there has expired: this clears it, and has no reason to name the increment.
        cluster.write(1, "k", .patch(.append(bytes("1"))))
        cluster.deliver(from: 0, to: 2)
        cluster.deliver(from: 1, to: 2)
        cluster.deliver(from: 1, to: 3)
        cluster.deliver(from: 0, to: 3)
        #expect(cluster.views("k")[2] == "'1' until -")
        #expect(cluster.views("k")[3] == cluster.views("k")[2])
    }
}

private let rules: [Rule] = [
    Rule(
        name: "A reset spares the run after the one it reset", without: ClusterFaults(merging: .noRunStart), nodes: 2,
        expected: "'5' until -",
        scenario: { cluster in
            cluster.write(0, "k", .increment(2))
            cluster.synchronize()
            cluster.write(1, "k", .clear)
            cluster.synchronize()
            cluster.write(0, "k", .increment(5))
        }),
    Rule(
        name: "A remove covers all dots up to its cut", without: ClusterFaults(merging: .noCutCover), nodes: 2,
        expected: "{b} until -",
        scenario: { cluster in
            cluster.write(0, [("k", .addElement(bytes("a"))), ("k", .addElement(bytes("b")))])
            cluster.settleAll()
            // Node 1 has stripped the dots that the observer still has.
            cluster.write(1, "k", .removeElement(bytes("a")))
        }),
    Rule(
        name: "A frame waits for everything up to its cut", without: ClusterFaults(noHold: true), nodes: 2,
        expected: "{a} until -",
        scenario: { cluster in
            cluster.write(0, [("k", .addElement(bytes("a"))), ("k", .addElement(bytes("b")))])
            // Everybody but the observer takes part in making it stable.
            for _ in 0..<3 {
                cluster.deliver(from: 0, to: 1)
                cluster.write(1, [])
                cluster.deliver(from: 1, to: 0)
                cluster.now += 1
                cluster.write(0, [])
            }
            for _ in 0..<4 { cluster.deliver(from: 0, to: 1) }
            cluster.write(1, "k", .removeElement(bytes("b")))
            for _ in 0..<8 { cluster.deliver(from: 1, to: 2) }
        }),
    Rule(
        name: "A patch on a settled number finds the same number", without: ClusterFaults(merging: .noFoldForPatch),
        nodes: 2, expected: "'150' until -",
        scenario: { cluster in
            cluster.write(0, "k", .set(bytes("10"), .none))
            cluster.synchronize()
            cluster.write(1, "k", .increment(5))
            cluster.settleAll()
            cluster.write(0, "k", .patch(.append(bytes("0"))))
        }),
    Rule(
        name: "A hidden value dropped by settling is dropped by all", without: ClusterFaults(merging: .keepOtherType),
        nodes: 2, expected: "{x} until -",
        scenario: { cluster in
            cluster.write(0, "k", .addElement(bytes("x")))
            cluster.write(1, "k", .set(bytes("v"), .none))
            cluster.write(0, "k", .addElement(bytes("y")))
            cluster.settleAll()
            cluster.write(0, "k", .removeElement(bytes("y")))
        }),
    Rule(
        name: "Resets are spelled out until the run is folded", without: ClusterFaults(noStableResets: true), nodes: 3,
        expected: "'1' until -",
        scenario: { cluster in
            cluster.write(0, "k", .increment(7))
            cluster.now += 1
            cluster.write(2, [])
            cluster.deliver(from: 0, to: 1)
            cluster.deliver(from: 2, to: 1)
            cluster.write(1, [])
            cluster.deliver(from: 1, to: 0)
            cluster.deliver(from: 2, to: 0)
            cluster.now += 1
            // Node 0 does not know yet that node 2 has its increment, and goes on with the same run …
            cluster.write(0, [])
            cluster.deliver(from: 0, to: 2)
            cluster.deliver(from: 1, to: 2)
            cluster.deliver(from: 0, to: 1)
            cluster.write(2, [])
            cluster.deliver(from: 2, to: 1)
            cluster.write(0, "k", .increment(1))
            // … while node 1 knows, and removes what is stable.
            cluster.write(1, "k", .clear)
        }),
    Rule(
        name: "What creates a key clears it", without: ClusterFaults(noClearOnCreation: true), nodes: 2,
        expected: "'1' until -",
        scenario: { cluster in
            cluster.write(0, "k", .set(bytes("v"), .none))
            cluster.synchronize()
            cluster.write(0, "k", .setDeadline(cluster.now + 50_000))
            cluster.write(1, "k", .clear)
            cluster.settleAll()
            cluster.write(1, "k", .increment(1))
        }),
    Rule(
        name: "What outlived a deadline settles only once somebody has said so",
        without: ClusterFaults(forgetsSurvivors: true), nodes: 2, expected: "{z} until -",
        scenario: { cluster in
            cluster.write(0, "k", .addElement(bytes("y")))
            cluster.settleAll()
            cluster.write(1, "k", .setDeadline(cluster.now + 3))
            cluster.now += 10
            cluster.write(0, "k", .addElement(bytes("z")))
            cluster.now += 10
            cluster.settleAll()
            cluster.write(1, "k", .addElement(bytes("z")))
            cluster.settleAll()
            cluster.write(1, "k", .setDeadline(nil))
        }),
]
