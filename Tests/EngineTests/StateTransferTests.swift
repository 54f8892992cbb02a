/// State transfers among replicas that write, lose frames and lose their memory: everybody ends with what frames
/// alone would have brought.
import Base
import CRDT
import Testing

@testable import Engine

@Suite struct StateTransferTests {
    private func run(_ seeds: Range<UInt64>, _ plan: FleetPlan) -> (fleet: Fleet, seed: UInt64)? {
        for seed in seeds {
            var fleet = Fleet(seed: seed, plan: plan)
            fleet.run()
            if !fleet.failures.isEmpty { return (fleet, seed) }
        }
        return nil
    }

    private func expectNone(_ seeds: Range<UInt64>, _ plan: FleetPlan) {
        guard let (fleet, seed) = run(seeds, plan) else { return }
        Issue.record("seed \(seed): \(fleet.failures.prefix(4).joined(separator: "\n"))")
    }

    @Test("The fleet agrees on frames alone", arguments: 0..<2)
    func framesAlone(batch: UInt64) {
        var plan = FleetPlan()
        plan.transfers = false
        expectNone(batch * 100..<(batch + 1) * 100, plan)
    }

    @Test("Three replicas that join states agree with one that applies frames", arguments: 0..<8)
    func threeReplicas(batch: UInt64) { expectNone(batch * 100..<(batch + 1) * 100, FleetPlan()) }

    @Test("Two and four replicas agree too", arguments: [2, 4])
    func otherSizes(members: Int) { expectNone(0..<100, FleetPlan(members: members)) }

    /// A fleet in the middle of its work.
    private func busyFleet(_ seed: UInt64, _ plan: FleetPlan) -> Fleet {
        var fleet = Fleet(seed: seed, plan: plan)
        fleet.work()
        return fleet
    }

    @Test("Whichever side joins, and in whichever order, it comes to the same", arguments: 0..<4)
    func commutes(batch: UInt64) {
        var plan = FleetPlan(steps: 70)
        plan.forgets = false
        plan.writesBetweenSlices = false
        for seed in batch * 150..<(batch + 1) * 150 {
            plan.steps = 40 + Int(seed % 120)
            // The same seed makes the same fleet.
            var fleets = (0..<4).map { _ in busyFleet(seed, plan) }
            fleets[0].transfer(from: 1, to: 0)
            fleets[1].transfer(from: 0, to: 1)
            let views = [fleets[0].views(0), fleets[1].views(1)]
            fleets[2].transfer(from: 2, to: 1)
            fleets[2].transfer(from: 1, to: 0)
            fleets[3].transfer(from: 1, to: 0)
            fleets[3].transfer(from: 2, to: 0)
            let orders = [fleets[2].views(0), fleets[3].views(0)]
            if views[0] != views[1] || orders[0] != orders[1] {
                Issue.record("seed \(seed): \(views) \(orders)")
                return
            }
        }
    }

    #if DEBUG
        /// Rules that chance seldom needs: each with seeds that do.
        private static let rules: [(name: String, faults: Faults, seeds: Range<UInt64>)] = [
            ("versions rise after the keys", .joinRaisesEarly, 0..<40),
            ("what the sender does not have goes", .joinKeepsAbsent, 0..<150),
            ("what the sender removed ahead of its coming is remembered", .joinForgetsPending, 1400..<1500),
        ]

        @Test("A rule left out is caught", arguments: rules.indices)
        func leftOutRule(index: Int) {
            let rule = Self.rules[index]
            var plan = FleetPlan()
            plan.faults = rule.faults
            guard let (_, seed) = run(rule.seeds, plan) else {
                Issue.record("seeds \(rule.seeds) did not notice the absence of: \(rule.name)")
                return
            }
            expectNone(seed..<seed + 1, FleetPlan())
        }
    #endif
}
