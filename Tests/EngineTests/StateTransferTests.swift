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

    @Test("Three replicas that join states agree with one that applies frames", arguments: 0..<16)
    func threeReplicas(batch: UInt64) { expectNone(batch * 100..<(batch + 1) * 100, FleetPlan()) }

    @Test("Two and four replicas agree too", arguments: [2, 4])
    func otherSizes(members: Int) { expectNone(0..<100, FleetPlan(members: members)) }

    #if DEBUG
        /// Rules that chance seldom needs: each with seeds that do.
        private static let rules: [(name: String, faults: Faults, seeds: Range<UInt64>)] = [
            ("versions rise after the keys", .joinRaisesEarly, 0..<40),
            ("what the sender does not have goes", .joinKeepsAbsent, 0..<150),
            ("what the sender removed ahead of its coming is remembered", .joinForgetsPending, 1400..<1500),
            ("what settled is joined as one past", .joinIgnoresPast, 1150..<1250),
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
