/// The rows of the command table: what COMMAND DOCS, the console and the manual pages will say of each.
import Testing

@Suite struct CommandRowTests {
    /// Rows whose syntax cannot say what their arity does.
    private static let looseArity: KeyValuePairs<String, String> = [
        "QUIT": "takes and ignores anything, as Redis' does",
        "COMMAND GETKEYS": "Redis' own row asks for one more than its syntax shows",
        "COMMAND GETKEYSANDFLAGS": "Redis' own row asks for one more than its syntax shows",
    ]

    /// Rows that no test names.
    private static let untested: KeyValuePairs<String, String> = [:]

    @Test("Every row is complete, and its arguments agree with its arity")
    func rows() {
        for row in CommandRow.all where !Self.looseArity.contains(where: { $0.key == row.name }) {
            for problem in CommandRules.problems(of: row) {
                Issue.record("\(CommandRules.location(of: row.name, in: SourceTree.swift)): \(row.name): \(problem)")
            }
        }
    }

    @Test("No two rows have one name")
    func names() {
        #expect(CommandRow.all.count > 5)
        for name in CommandRules.repeatedNames(CommandRow.all) {
            Issue.record("\(CommandRules.location(of: name, in: SourceTree.swift)): two rows are named \(name)")
        }
    }

    @Test("Every row is named by a test")
    func coverage() {
        let tested = CommandRules.testedNames(in: SourceTree.swift)
        for row in CommandRow.all where !tested.contains(row.name) {
            guard !Self.untested.contains(where: { $0.key == row.name }) else { continue }
            Issue.record("\(CommandRules.location(of: row.name, in: SourceTree.swift)): no test names \(row.name)")
        }
        for (name, reason) in Self.untested where tested.contains(name) {
            Issue.record("\(name) is tested, but listed as not (\(reason)): remove the entry")
        }
    }
}
