/// Seeded random commands against a redis-server: every reply is compared.
///
/// The bounded run is part of every test run. `A2_DIFF_SEED=n` plays one seed, `A2_DIFF_COMMANDS=n` sets how
/// many commands, `A2_DIFF_MINUTES=n` goes on with new seeds for that long, `A2_DIFF_ONLY=SET,GET` leaves the
/// other commands out.
import Base
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct RandomCommands {
        @Test("Random commands are answered as redis-server answers them")
        func likeRedis() throws {
            let plan = DifferencePlan.current
            let runs = [2, 3].map { version in
                Result {
                    DifferenceRun(
                        oracle: try Endpoint(server: try .start(.redis), protocolVersion: version),
                        subject: try Endpoint(
                            server: try .start(TestEnvironment.subject), protocolVersion: version))
                }
            }
            var summary = DifferenceSummary()
            let seconds = try secondsTaken {
                let deadline = plan.minutes.map { Deadline(seconds: $0 * 60) }
                var seed = plan.firstSeed
                while deadline.map({ !$0.hasPassed }) ?? (seed < plan.firstSeed + UInt64(plan.seedCount)) {
                    if summary.findings.count >= DifferenceRun.enoughFindings { break }
                    let version = DifferencePlan.protocolVersion(seed: seed)
                    do {
                        try runs[version - 2].get().runSeed(
                            seed, commands: plan.commandsPerSeed, only: plan.only, into: &summary)
                    } catch { throw TestSupportError("seed \(seed): \(error)") }
                    seed += 1
                }
            }
            print(
                "\(summary.commands) random commands compared in \(Int(seconds)) s, \(summary.findings.count) findings")
            for finding in summary.findings { Issue.record("\(finding)") }
            // A run of full length must have compared enough of everything.
            if plan.minutes == nil, plan.only == nil, plan.seedCount * plan.commandsPerSeed >= 200_000,
                summary.findings.isEmpty
            {
                #expect(summary.commands >= 200_000)
                #expect(summary.unanswered(try runs.map { try $0.get() }) == [], "commands that only ever failed")
            }
        }

        @Test("IntendedDifferences.md says what the table says")
        func intendedDifferencesPage() throws {
            let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("IntendedDifferences.md")
            if TestEnvironment.variable("A2_REWRITE") != nil {
                try IntendedDifference.page.write(to: page, atomically: true, encoding: .utf8)
            }
            #expect(try String(contentsOf: page, encoding: .utf8) == IntendedDifference.page)
        }
    }
}
