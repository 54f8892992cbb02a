/// New seeds for as long as A2_SIM_MINUTES asks, from A2_SIM_SEED on: every profile of clusters by turns, and nodes that
/// exchange frames by hand between them. A seed that fails is told with how to replay it, and the run goes on.
import Glibc
import Testing

@testable import Simulator

@Suite struct SoakTests {
    private static func environment(_ name: String) -> UInt64? {
        guard let value = getenv(name) else { return nil }
        return UInt64(String(cString: value))
    }

    private static func seconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec
    }

    static let minutes = Int(environment("A2_SIM_MINUTES") ?? 0)

    @Test("Nodes and clusters agree for as long as asked", .enabled(if: minutes > 0))
    func soak() {
        let start = Self.seconds()
        var told = start
        var counts = Cluster.Counts()
        var clusters = 0
        var simulations = 0
        var failed = 0
        var seed = Self.environment("A2_SIM_SEED") ?? 1000
        let first = seed
        while Self.seconds() - start < Self.minutes * 60 {
            for profile in ClusterPlan.Profile.allCases {
                let cluster = Cluster(seed: seed, plan: ClusterTests.plan(profile, seed: seed))
                cluster.run()
                counts += cluster.counts
                clusters += 1
                guard !cluster.failures.isEmpty else { continue }
                failed += 1
                Issue.record("\(profile), seed \(seed): \(cluster.failures.prefix(5).joined(separator: "\n"))")
                Issue.record("replay: A2_SIM_PROFILE=\(profile) A2_SIM_SEED=\(seed) swift test --filter ClusterTests")
            }
            for members in 1...4 {
                var simulation = Simulation(seed: seed, plan: SimulationPlan(members: members))
                simulation.run()
                simulations += 1
                guard !simulation.failures.isEmpty else { continue }
                failed += 1
                Issue.record(
                    "seed \(seed), \(members) members: \(simulation.failures.prefix(5).joined(separator: "\n"))")
                Issue.record(SimulationTests.replay(seed, members))
            }
            seed += 1
            if Self.seconds() - told >= 60 || Self.seconds() - start >= Self.minutes * 60 {
                told = Self.seconds()
                print(
                    "seeds \(first)..<\(seed): \(clusters) clusters over \(counts.milliseconds / 360_000) tenths of an",
                    "hour, \(simulations) exchanges by hand, \(failed) failed, \((told - start) / 60) minutes")
                fflush(nil)
            }
        }
        if getenv("A2_SIM_COUNTS") != nil { print(counts) }
    }
}
