/// Which seeds are run, for how long, and what is told about a difference.
import Base
import TestSupport

/// What the environment asks for; without it the bounded run of the test suite.
struct DifferencePlan {
    var firstSeed: UInt64
    var seedCount: Int
    var commandsPerSeed: Int
    /// Only these commands, in upper case; nil is all of them.
    var only: Set<String>?
    /// Overrides the number of seeds: new ones until the time is up.
    var minutes: Double?

    static var current: DifferencePlan {
        let commands = TestEnvironment.integer("A2_DIFF_COMMANDS") ?? 432_000
        let minutes = TestEnvironment.variable("A2_DIFF_MINUTES").flatMap { Double($0) }
        let seed = TestEnvironment.integer("A2_DIFF_SEED")
        let only = TestEnvironment.variable("A2_DIFF_ONLY").map { list in
            Set(list.uppercased().split(separator: ",").map { String($0) })
        }
        let isOneSeed = seed != nil && minutes == nil
        return DifferencePlan(
            firstSeed: UInt64(seed ?? 1), seedCount: isOneSeed ? 1 : 12,
            commandsPerSeed: minutes != nil ? 36_000 : isOneSeed ? min(commands, 36_000) : commands / 12,
            only: only, minutes: minutes)
    }

    /// The steps of a batch that are asked for. What waits for another step comes with it or not at all.
    static func allowed(_ batch: [Step], only: Set<String>?) -> [Step] {
        guard let only else { return batch }
        let isAllowed = { (step: Step) in
            let name =
                step.name == "(expiry)" ? "EXISTS" : step.name.split(separator: " ").first.map { String($0) } ?? ""
            return only.contains(name)
        }
        let hasProcedure = batch.contains { step in
            if case .procedure = step.action { return true }
            return false
        }
        if hasProcedure { return batch.allSatisfy(isAllowed) ? batch : [] }
        return batch.filter(isAllowed)
    }

    static func protocolVersion(seed: UInt64) -> Int { seed % 2 == 0 ? 3 : 2 }
}

struct Finding: CustomStringConvertible {
    let seed: UInt64
    let mismatch: Mismatch
    let stepInSeed: Int
    /// The last steps with a key of the failing one.
    let related: [Step]
    let shrunk: (steps: [Step], mismatch: Mismatch)?
    var repeats = 0

    /// Findings with the same group are counted, not shown again.
    var group: String { mismatch.step.name + " " + mismatch.expected.prefix(12) + " " + mismatch.actual.prefix(12) }

    var description: String {
        var lines = [
            "Difference from Redis: \(mismatch.reason)",
            "  seed \(seed), RESP\(DifferencePlan.protocolVersion(seed: seed)), step \(stepInSeed)",
            "  \(mismatch.step.text)", "  redis:   \(mismatch.expected)", "  subject: \(mismatch.actual)",
            "  the last commands with the same keys:",
        ]
        lines += related.map { "    " + $0.text }
        if let shrunk {
            lines.append("  shrunk to \(shrunk.steps.count) steps, on empty servers:")
            lines += shrunk.steps.map { "    " + $0.text }
            lines += ["    redis:   \(shrunk.mismatch.expected)", "    subject: \(shrunk.mismatch.actual)"]
        } else {
            lines.append("  it did not happen again when played from the start of its segment")
        }
        if repeats > 0 { lines.append("  seen \(repeats) more times") }
        lines.append("  again: A2_DIFF_SEED=\(seed) swift test --filter RandomCommands")
        return lines.joined(separator: "\n")
    }
}

struct DifferenceSummary {
    var commands = 0
    var findings: [Finding] = []
    var lastDigitDifferences = 0
    /// Commands of the foundation that never got an answer other than an error.
    func unanswered(_ runs: [DifferenceRun]) -> [String] {
        knownCommands.map { $0.name.split(separator: "|").joined(separator: " ") }.filter { name in
            // Containers are counted by subcommand; REPLY is silent; DEBUG and FREQ are refused by default.
            if ["OBJECT", "CLIENT", "CONFIG", "MEMORY", "SLOWLOG", "LATENCY", "DEBUG"].contains(name) { return false }
            if ["CLIENT REPLY", "OBJECT FREQ"].contains(name) { return false }
            return runs.allSatisfy { $0.coverage[name, default: (0, 0)].answers == 0 }
        }
    }
}

extension DifferenceRun {
    /// Steps between two fresh starts: long enough for state to build up, short enough to replay.
    private static let segmentSteps = 6_000
    /// A run that found this much has said enough.
    static let enoughFindings = 12

    /// Runs one seed to its number of commands.
    func runSeed(
        _ seed: UInt64, commands: Int, only: Set<String>? = nil, stopAfter findings: Int = enoughFindings,
        into summary: inout DifferenceSummary
    ) throws {
        guard only.map({ !$0.isDisjoint(with: knownNames) }) ?? true else {
            throw TestSupportError("A2_DIFF_ONLY names no command of the comparison")
        }
        var generator = CommandGenerator(seed: seed)
        var played = 0
        while played < commands, summary.findings.count < findings {
            try reset()
            var history: [Step] = []
            let apart = lastDigitDifferences + refusalsForBits
            while history.count < DifferenceRun.segmentSteps, played + history.count < commands {
                let batch = DifferencePlan.allowed(generator.nextBatch(), only: only)
                let found = try play(batch, offset: history.count)
                history += batch
                if let found {
                    try record(found, history, seed, played, into: &summary)
                    break
                }
                // The values may differ in a digit now, which later commands would show as something else.
                if lastDigitDifferences + refusalsForBits > apart { break }
            }
            played += history.count
        }
        summary.commands += played
        summary.lastDigitDifferences = lastDigitDifferences
    }

    private func record(
        _ mismatch: Mismatch, _ history: [Step], _ seed: UInt64, _ played: Int, into summary: inout DifferenceSummary
    ) throws {
        let keys = Set(mismatch.step.keys)
        let related = history.prefix(mismatch.index).filter { !keys.isDisjoint(with: $0.keys) }.suffix(12)
        var finding = Finding(
            seed: seed, mismatch: mismatch, stepInSeed: played + mismatch.index, related: Array(related), shrunk: nil)
        if let known = summary.findings.firstIndex(where: { $0.group == finding.group }) {
            summary.findings[known].repeats += 1
            return
        }
        let shrunk = try Shrinker(run: self, deadline: Deadline(seconds: 20)).shrink(history, mismatch)
        finding = Finding(
            seed: seed, mismatch: mismatch, stepInSeed: finding.stepInSeed, related: finding.related, shrunk: shrunk)
        summary.findings.append(finding)
    }
}
