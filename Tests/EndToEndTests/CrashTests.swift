/// Crashes on a disk that loses, tears and keeps as it likes what was not synced: A2_CRASH_SEEDS for more of them.
import Foundation
import TestSupport
import Testing

@Suite struct CrashTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path

    private func crash(_ seeds: Range<Int>, lies: Bool = false) throws -> (exit: ChildProcess.Exit, output: String) {
        let directory = try TemporaryDirectory()
        let library = directory.file("lossy_disk.so")
        let built = try ChildProcess.run(
            TestEnvironment.program("gcc"),
            ["-shared", "-fPIC", "-O1", "-o", library, Self.folder + "/lossy_disk.c", "-ldl", "-lpthread"])
        try #require(built.exit == .exited(0), "\(built.output)")
        return try ChildProcess.run(
            TestEnvironment.pythonWithRedis(),
            [
                Self.folder + "/crashes.py", try TestEnvironment.a2Binary(), library, "\(seeds.lowerBound)",
                "\(seeds.upperBound)",
            ] + (lies ? ["lies"] : []), seconds: 3600)
    }

    @Test("What was acknowledged is there after a crash that loses what was not synced")
    func crashes() throws {
        let first = TestEnvironment.integer("A2_CRASH_SEED") ?? 1
        let result = try crash(first..<first + (TestEnvironment.integer("A2_CRASH_SEEDS") ?? 4))
        #expect(result.exit == .exited(0), "\(result.output)")
        #expect(result.output.contains("all well"), "\(result.output)")
    }

    @Test("A disk that only says it has synced is found out")
    func lies() throws {
        let result = try crash(1..<30, lies: true)
        #expect(result.exit == .exited(1), "\(result.output)")
    }
}
