/// Whole nodes under random schedules. A failing seed is replayed with A2_SIM_SEED, A2_SIM_RUNS sets how many
/// seeds each test takes.
import Base
import CRDT
import Glibc
import Testing

@testable import Simulator

private func environment(_ name: String) -> UInt64? {
    guard let value = getenv(name) else { return nil }
    return UInt64(String(cString: value))
}

@Suite struct SimulationTests {
    static let batches: UInt64 = 4
    static let seedsPerBatch = (environment("A2_SIM_RUNS") ?? 480) / batches

    static func replay(_ seed: UInt64, _ members: Int) -> Comment {
        "replay: A2_SIM_SEED=\(seed) swift test --filter 'SimulationTests/.*\(members)'"
    }

    @Test("Nodes agree, and each is one Redis to its clients", arguments: 0..<batches, [1, 2, 3, 4])
    func agreement(batch: UInt64, members: Int) {
        let share: UInt64 = [0, 10, 30, 100, 20][members]
        var seeds = batch * 1_000_000..<batch * 1_000_000 + max(Self.seedsPerBatch * share / 160, 1)
        if let seed = environment("A2_SIM_SEED") { seeds = batch == 0 ? seed..<seed + 1 : 0..<0 }
        var counts = Simulation.Counts()
        for seed in seeds {
            var simulation = Simulation(seed: seed, plan: SimulationPlan(members: members))
            if getenv("A2_SIM_TRACE") != nil { simulation.trace = { print($0) } }
            simulation.run()
            counts.framesApplied += simulation.counts.framesApplied
            guard simulation.failures.isEmpty else {
                Issue.record(
                    "seed \(seed), \(members) members: \(simulation.failures.prefix(5).joined(separator: "\n"))")
                Issue.record(Self.replay(seed, members))
                return
            }
        }
    }
}
