/// The simulator of clusters is itself tested: each rule of replication left out must be seen to go wrong.
#if DEBUG
    import CRDT
    import Core
    import Glibc
    import Testing

    @testable import Simulator

    @Suite struct ClusterMutationTests {
        struct Rule: Sendable {
            let name: String
            let profile: ClusterPlan.Profile
            var merge: Faults = []
            var needsBacklog = false
            var replication: ReplicatorFaults = []
            /// Of a rule that chance needs seldom: where it does.
            var firstSeed: UInt64 = 0
        }

        static let rules: [Rule] = [
            Rule(name: "versions rise once the whole state is joined", profile: .slow, merge: .joinRaisesEarly),
            Rule(name: "a state counts for its own partition", profile: .slow, replication: .stateCountsForAll),
            Rule(
                name: "a fence goes out behind its frames", profile: .slow, needsBacklog: true,
                replication: .fenceBeforeFrames),
            Rule(name: "a heartbeat waits for holes", profile: .slow, replication: .heartbeatInSpiteOfHoles),
            Rule(name: "heartbeats come in band", profile: .slow, replication: .heartbeatOutOfBand),
            Rule(name: "the past comes before writes", profile: .crashes, replication: .noGate),
            Rule(name: "a frame follows the one before", profile: .partitions, replication: .ignoresPrevious),
            Rule(name: "who cannot be reached is counted", profile: .partitions, replication: .countsReachableOnly),
            Rule(
                name: "who comes from alone listens first", profile: .partitions, replication: .speaksAtOnce,
                firstSeed: 4224),
            Rule(name: "history is forgotten at the lowest announced cut", profile: .flaky, merge: .settlesAtOwnCut),
        ]

        @Test("A rule left out is caught", arguments: rules.indices)
        func caught(index: Int) {
            let rule = Self.rules[index]
            for seed in rule.firstSeed..<rule.firstSeed + 60 {
                var plan = ClusterTests.plan(rule.profile, seed: seed)
                if rule.needsBacklog {
                    // Much that waits in the window for a slow pipe, and stays in it.
                    plan.overruns = false
                    plan.slowPipesPercent = 80
                    plan.windowBytes = 1 << 18
                    plan.clientMilliseconds = 12
                }
                let control = Cluster(seed: seed, plan: plan)
                plan.mergeFaults = rule.merge
                plan.faultsOfReplication = rule.replication
                let cluster = Cluster(seed: seed, plan: plan)
                cluster.run()
                if cluster.failures.isEmpty { continue }
                if getenv("A2_SIM_COUNTS") != nil { print("\(rule.name): seed \(seed), \(cluster.failures[0])") }
                control.run()
                #expect(control.failures.isEmpty, "seed \(seed) fails without the mutation too")
                return
            }
            Issue.record("60 seeds did not notice the absence of: \(rule.name)")
        }
    }
#endif
