/// The rules about rows, on rows that break them.
import Base
import Commands
import Testing

@Suite struct PlantedRowTests {
    private func problems(
        arity: Int = 2, flags: CommandFlags = [.readOnly], arguments: StaticString = "key",
        summary: StaticString = "Does it.", since: StaticString = "1.0.0", group: StaticString = "string",
        conflict: StaticString = "", parent: String? = nil
    ) -> Int {
        let row = Command(
            name: "X", arity: arity, flags: flags, arguments: arguments, summary: summary, since: since, group: group,
            conflict: conflict)
        return CommandRules.problems(of: CommandRow(row, parent: parent)).count
    }

    @Test("Each field that is missing or wrong is a problem of its own")
    func fields() {
        #expect(problems() == 0)
        #expect(problems(summary: "") == 1)
        #expect(problems(summary: "does it.") == 1)
        #expect(problems(since: "1.0") == 1)
        #expect(problems(group: "strings") == 1)
        #expect(problems(flags: [.write]) == 1)
        #expect(problems(flags: [.write], conflict: "the later wins") == 0)
        #expect(problems(arguments: "key [value") == 1)
    }

    @Test("Arity and syntax")
    func arity() {
        #expect(problems(arity: 3) == 1)
        #expect(problems(arity: -2) == 1)
        #expect(problems(arity: 2, arguments: "key [value]") == 1)
        #expect(problems(arity: -2, arguments: "key [value]") == 0)
        #expect(problems(arity: 3, parent: "P") == 0)
        #expect(problems(arity: 2, parent: "P") == 1)
    }

    @Test(
        "How many words a syntax asks for",
        arguments: [
            ("", 0, false), ("key", 1, false), ("key [key ...]", 1, true), ("<A | B> key", 2, false),
            ("key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]", 2, true),
            ("[username] password", 1, true), ("key <* | id> field value [field value ...]", 4, true),
            ("<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER>]>>", 1, true), ("<A value | B>", 1, true),
        ])
    func syntax(text: String, mandatory: Int, isOpen: Bool) {
        #expect(ArgumentSyntax(text)?.mandatory == mandatory)
        #expect(ArgumentSyntax(text)?.isOpen == isOpen)
    }

    @Test("Brackets that do not match", arguments: ["[a", "a]", "<a ]", "<a | b", "[<a]>"])
    func brackets(text: String) { #expect(ArgumentSyntax(text) == nil) }

    @Test("Repeated names, and the line a row stands on")
    func names() {
        let row = CommandRow(
            Command(name: "KILL", arity: 1, summary: "S.", since: "1.0.0", group: "server"), parent: "CLIENT")
        #expect(CommandRules.repeatedNames([row, row]) == ["CLIENT KILL"])
        let file = SourceFile(
            path: "Sources/Commands/F.swift",
            text: "// F\nx(name: \"KILL\")\nx(name: \"CLIENT\", y: \"KILL\", [\nx(name: \"KILL\")])")
        #expect(CommandRules.location(of: "CLIENT KILL", in: [file]) == "Sources/Commands/F.swift:4")
        #expect(CommandRules.location(of: "CLIENT", in: [file]) == "Sources/Commands/F.swift:3")
    }

    @Test("What counts as a test of a command: literals, not titles, not comments")
    func coverage() {
        let file = SourceFile(
            path: "Tests/XTests/F.swift",
            text: """
                @Test("DEL works") func f() {
                    // GETDEL
                    run("SET", "k"); run("client", "kill"); run("CONFIG GET maxmemory"); words("OBJECT|FREQ 3")
                    run("INCR"); run("BY")
                }
                """)
        let names = CommandRules.testedNames(in: [file])
        #expect(names.isSuperset(of: ["SET", "CLIENT KILL", "CONFIG GET", "OBJECT FREQ", "INCR"]))
        #expect(names.isDisjoint(with: ["DEL", "GETDEL", "INCR BY"]))
    }
}
