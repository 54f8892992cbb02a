/// Crashes on a disk that loses, tears and keeps as it likes what was not synced: A2_CRASH_SEEDS for more of them, from
/// A2_CRASH_SEED on. Ten or more crashes of each policy take a seed or two; crashes.py says how many there were.
import Foundation
import TestSupport
import Testing

@Suite struct CrashTests {
    private func crash(_ seeds: Range<Int>, _ ways: String...) throws -> (exit: ChildProcess.Exit, output: String) {
        let directory = try TemporaryDirectory()
        let library = try Shim.lossy.build(in: directory)
        return try ChildProcess.run(
            TestEnvironment.pythonWithRedis(),
            [
                Shim.folder + "/crashes.py", try TestEnvironment.a2Binary(), library, "\(seeds.lowerBound)",
                "\(seeds.upperBound)",
            ] + ways, seconds: 7200)
    }

    private var seeds: Range<Int> {
        let first = TestEnvironment.integer("A2_CRASH_SEED") ?? 1
        return first..<first + (TestEnvironment.integer("A2_CRASH_SEEDS") ?? 2)
    }

    @Test("After a crash that loses what was not synced there is a beginning of what was written, as long as promised")
    func crashes() throws {
        let result = try crash(seeds, "always", "everysec", "no")
        #expect(result.exit == .exited(0), "\(result.output)")
        #expect(result.output.contains("all well"), "\(result.output)")
        #expect(result.output.components(separatedBy: "crashes under load").count == 4, "\(result.output)")
    }

    @Test("After such a crash a node and its peer end with the same, and no stamp names two writes")
    func crashesBesideAPeer() throws {
        let result = try crash(seeds, "always+peer", "everysec+peer", "no+peer")
        #expect(result.exit == .exited(0), "\(result.output)")
        #expect(result.output.contains("all well"), "\(result.output)")
        #expect(result.output.components(separatedBy: "crashes under load").count == 4, "\(result.output)")
    }

    @Test("A disk that only says it has synced is found out", arguments: ["always+lies", "always+peer+lies"])
    func lies(way: String) throws {
        let result = try crash(1..<30, way)
        #expect(result.exit == .exited(1), "\(result.output)")
    }
}
