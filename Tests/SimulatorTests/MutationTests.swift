/// The simulator is itself tested: each rule left out must be seen to go wrong, or a run that finds nothing
/// proves nothing about it.
#if DEBUG
    import CRDT
    import Testing

    @testable import Simulator

    @Suite struct MutationTests {
        static let rules: [(name: String, faults: Faults)] = [
            ("removes that come early are remembered", .noDeferred),
            ("losing values stay until stable", .earlyLoserDrop),
            ("a run knows where it began", .noRunStart),
            ("a clear does not cover its own frame", .clearCoversOwnFrame),
            ("clears that come early are remembered", .noPendingClear),
            ("one record per key and frame", .severalRecords),
            ("history is forgotten at the lowest announced cut", .settlesAtOwnCut),
        ]

        @Test("A rule left out is caught", arguments: rules.indices)
        func caught(index: Int) {
            let rule = Self.rules[index]
            for seed: UInt64 in 0..<600 {
                var plan = SimulationPlan()
                plan.faults = rule.faults
                var simulation = Simulation(seed: seed, plan: plan)
                simulation.run()
                if simulation.failures.isEmpty { continue }
                var control = Simulation(seed: seed)
                control.run()
                #expect(control.failures.isEmpty, "seed \(seed) fails without the mutation too")
                return
            }
            Issue.record("600 seeds did not notice the absence of: \(rule.name)")
        }

        /// Too rare for chance to find: only one who is no member can lack what a cut covers, and only a remove
        /// that leaves such dots unnamed depends on it.
        @Test("A frame waits for what its cut promises", arguments: [false, true])
        func cut(isLeftOut: Bool) {
            var plan = SimulationPlan(members: 2)
            plan.networkFails = false
            if isLeftOut { plan.faults = .ignoresCut }
            var regions = Regions(plan)
            regions.run(1, "T.ADD k x")
            regions.run(1, "T.ADD k y")
            for _ in 0..<3 {
                regions.deliverAmongMembers()
                regions.beat()
            }
            regions.deliverAmongMembers()
            regions.run(0, "T.REM k x")
            // The shadow is offered all frames of node 0 before those of node 1.
            regions.synchronize()
            #expect((regions.shown() == ["{y}"]) != isLeftOut)
        }
    }
#endif
