/// How the command line reads: subcommands, verbs, flags and their values, and what is said of mistakes.
import Testing

@testable import Options

@Suite struct ArgumentsTests {
    /// A tool with everything a table can say.
    private static let tool = Subcommand(
        "tool", "A tool.",
        flags: [CommandFlag("json", "Print JSON.")],
        verbs: [
            Subcommand(
                "run", "Run.", operands: "[COMMAND...]", operandsMax: .max,
                flags: SharedFlags.connection + [
                    CommandFlag("tests", letter: "t", value: "NAME,...", "Tests."),
                    CommandFlag("command", letter: "c", value: "COMMAND", isRepeatable: true, "Commands."),
                    CommandFlag("resp2", letter: "2", "Speak RESP2."),
                    CommandFlag("quick", letter: "q", "Quickly."),
                    CommandFlag("mode", words: ["fixed", "poisson"], "A mode."),
                ], stopsAtOperand: true),
            Subcommand(
                "converge", "Converge.", operands: "FILE [N]", operandsMin: 1, operandsMax: 2,
                flags: [CommandFlag("limit", letter: "l", value: "N", "A limit.")]),
        ], defaultVerb: "run")

    private static let strict = Subcommand("strict", "Without a default.", verbs: [Subcommand("save", "Save.")])

    @Test(
        "Subcommands and operands read",
        arguments: [
            ([], "help", []), (["--help"], "help", []), (["-V"], "version", []),
            (["help", "serve"], "help", ["serve"]), (["help", "bench", "run"], "help", ["bench", "run"]),
            (["completions", "--", "bash"], "completions", ["bash"]),
        ] as [([String], String, [String])])
    func subcommands(_ words: [String], _ subcommand: String, _ operands: [String]) throws {
        let arguments = try Arguments(words)
        #expect(arguments.subcommand.name == subcommand && arguments.operands == operands)
    }

    @Test("Letters, long names, '=' and aliases give the same value; the last one wins")
    func spellings() throws {
        for words in [["-p", "7000"], ["--port", "7000"], ["--port=7000"], ["-p", "1", "--port=7000"]] {
            let arguments = try Arguments(Self.tool, words)
            #expect(arguments.value("port") == "7000" && arguments.has("port"), "\(words)")
            #expect(arguments.verb?.name == "run" && arguments.operands.isEmpty)
        }
        #expect(try Arguments(Self.tool, ["--pass", "x"]).value("password") == "x")
        #expect(try Arguments(Self.tool, ["--port="]).value("port") == "")
        #expect(try Arguments(Self.tool, ["--uri=redis://h?a=b"]).value("uri") == "redis://h?a=b")
        #expect(try Arguments(Self.tool, ["-c", "a b", "--command=c"]).values("command") == ["a b", "c"])
        #expect(try Arguments(Self.tool, ["-t", "get,set", "-t", "incr"]).list("tests") == ["get", "set", "incr"])
        let switches = try Arguments(Self.tool, ["-q", "-2", "--json", "-q"])
        #expect(switches.flags == ["quick", "resp2", "json"] && switches.value("quick") == nil)
    }

    @Test("A verb has its own flags and those of its subcommand; without one the default verb is meant")
    func verbs() throws {
        let converge = try Arguments(Self.tool, ["converge", "-l", "3", "--json", "f"])
        #expect(converge.verb?.path == "tool converge" && converge.value("limit") == "3" && converge.has("json"))
        #expect(try Arguments(Self.tool, ["GET", "k"]).verb?.name == "run")
        #expect(try Arguments(Self.tool, ["--json"]).verb?.name == "run")
        #expect(try Arguments(Self.strict, ["save"]).invoked.name == "save")
    }

    @Test("Help is asked for in every usual way, of the whole or of a verb")
    func help() throws {
        for words in [[], ["--help"], ["-h"], ["help"]] {
            let arguments = try Arguments(Self.tool, words)
            #expect(arguments.has("help") && arguments.invoked.name == "tool", "\(words)")
        }
        for words in [["converge", "--help"], ["converge", "-h"], ["help", "converge"], ["converge", "f", "-h"]] {
            let arguments = try Arguments(Self.tool, words)
            #expect(arguments.has("help") && arguments.invoked.name == "converge", "\(words)")
        }
        #expect(try Arguments(Self.strict, ["save", "-h"]).has("help"))
    }

    @Test("-h with a value names the host; at the end it asks for help")
    func host() throws {
        let host = try Arguments(Self.tool, ["-h", "paris", "-p", "1"])
        #expect(host.value("host") == "paris" && !host.has("help"))
        #expect(try Arguments(Self.tool, ["run", "-p", "1", "-h"]).has("help"))
        #expect(try Arguments(Self.tool, ["run", "GET", "-h"]).operands == ["GET", "-h"])
        #expect(Self.tool.verbs[0].bareLetterHIsHelp && !Self.tool.verbs[1].bareLetterHIsHelp)
    }

    @Test("What follows the first operand belongs to it where the table says so; elsewhere negative numbers do")
    func operands() throws {
        let run = try Arguments(Self.tool, ["-p", "7", "SET", "k", "-1", "--port", "9", "--"])
        #expect(run.operands == ["SET", "k", "-1", "--port", "9", "--"] && run.value("port") == "7")
        #expect(try Arguments(Self.tool, ["run", "--", "-q"]).operands == ["-q"])
        #expect(try Arguments(Self.tool, ["converge", "f", "-1.5"]).operands == ["f", "-1.5"])
        #expect(try Arguments(Self.tool, ["converge", "-", "--limit", "-1"]).operands == ["-"])
        #expect(throws: UsageError.self) { try Arguments(Self.tool, ["converge", "-1"]) }
        #expect(throws: UsageError.self) { try Arguments(Self.tool, ["converge", "f", "-inf"]) }
    }

    @Test(
        "Arguments that make no sense say what would",
        arguments: [
            (["sevre"], "unknown subcommand 'sevre'; did you mean 'serve'?\nTry 'a2 help'."),
            (["converge"], "unknown subcommand 'converge'; did you mean 'bench converge'?\nTry 'a2 help bench'."),
            (["--verison"], "unknown flag '--verison'; did you mean '--version'?\nTry 'a2 help'."),
            (["serve", "--prot", "1"], "unknown flag '--prot'; did you mean '--port'?\nTry 'a2 help serve'."),
            (["serve", "--port"], "--port needs a value: N\nTry 'a2 help serve'."),
            (["serve", "x"], "unexpected argument 'x'\nTry 'a2 help serve'."),
            (["serve", "-x"], "unknown flag '-x'\nTry 'a2 help serve'."),
            (["serve", "-port"], "unknown flag '-port'; did you mean '--port'?\nTry 'a2 help serve'."),
            (["serve", "--json=1"], "--json takes no value\nTry 'a2 help serve'."),
            (["version", "--port", "1"], "unknown flag '--port'\nTry 'a2 help version'."),
            (["serve", "--no-port"], "unknown flag '--no-port'\nTry 'a2 help serve'."),
            (["completions"], "completions needs bash|zsh|fish\nTry 'a2 help completions'."),
            (["help", "a", "b", "c"], "unexpected argument 'c'\nTry 'a2 help help'."),
        ])
    func usageErrors(_ words: [String], _ expected: String) {
        let error = #expect(throws: UsageError.self) { _ = try Arguments(words) }
        #expect(error?.description == expected)
    }

    @Test(
        "Mistakes in a verb's arguments name the verb, and the word that was meant",
        arguments: [
            (["convrege"], "unknown verb 'convrege' of a2 tool; did you mean 'converge'?\nTry 'a2 help tool'."),
            (["run", "--prot", "1"], "unknown flag '--prot'; did you mean '--port'?\nTry 'a2 help tool run'."),
            (["run", "-p"], "-p needs a value: PORT\nTry 'a2 help tool run'."),
            (["run", "-p7000"], "unknown flag '-p7000'; did you mean '-p 7000'?\nTry 'a2 help tool run'."),
            (["run", "-port", "1"], "unknown flag '-port'; did you mean '--port'?\nTry 'a2 help tool run'."),
            (["run", "-q2"], "unknown flag '-q2'\nTry 'a2 help tool run'."),
            (
                ["run", "--host", "--port", "1"],
                "--host needs a value: HOST; if '--port' is meant, write --host=--port\nTry 'a2 help tool run'."
            ),
            (["run", "--quick=yes"], "--quick takes no value\nTry 'a2 help tool run'."),
            (["converge"], "tool converge needs FILE [N]\nTry 'a2 help tool converge'."),
            (["converge", "a", "b", "c"], "unexpected argument 'c'\nTry 'a2 help tool converge'."),
        ])
    func verbErrors(_ words: [String], _ expected: String) {
        let error = #expect(throws: UsageError.self) { _ = try Arguments(Self.tool, words) }
        #expect(error?.description == expected)
    }

    @Test("A subcommand without a default verb wants one it knows")
    func noDefault() {
        let error = #expect(throws: UsageError.self) { _ = try Arguments(Self.strict, ["svae"]) }
        #expect(error?.description == "unknown verb 'svae' of a2 strict; did you mean 'save'?\nTry 'a2 help strict'.")
        let flag = #expect(throws: UsageError.self) { _ = try Arguments(Self.strict, ["--json"]) }
        #expect(flag?.description == "unknown verb '--json' of a2 strict\nTry 'a2 help strict'.")
    }

    @Test("Typed values read; what does not fit is refused with what would")
    func values() throws {
        func parse(_ port: String) throws -> Arguments { try Arguments(Self.tool, ["--port=" + port]) }
        #expect(try parse("7000").integer("port", in: 1...65535) == 7000)
        #expect(try parse("x").integer("host", in: 1...65535) == nil)
        #expect(try parse("64kb").bytes("port") == 65536)
        #expect(try parse("0.5").number("port", in: 0...1) == 0.5)
        let times: [(String, Duration)] = [
            ("10s", .seconds(10)), ("500ms", .milliseconds(500)), ("2m", .seconds(120)), ("1.5", .milliseconds(1500)),
            ("250us", .microseconds(250)), ("1h", .seconds(3600)), ("1d", .seconds(86400)), ("0", .zero),
        ]
        for (text, duration) in times { #expect(try parse(text).duration("port") == duration, "\(text)") }
        #expect(try Arguments(Self.tool, ["--mode", "poisson"]).choice("mode") == "poisson")

        let refusals: [(text: String, read: (Arguments) throws -> Void, message: String)] = [
            ("x", { _ = try $0.integer("port", in: 1...65535) }, "a whole number between 1 and 65535"),
            ("65536", { _ = try $0.integer("port", in: 1...65535) }, "a whole number between 1 and 65535"),
            ("01", { _ = try $0.integer("port", in: 1...(.max)) }, "a whole number of 1 or more"),
            ("nan", { _ = try $0.number("port", in: 0...1) }, "a number between 0 and 1"),
            ("-1", { _ = try $0.number("port", in: 0...(.infinity)) }, "a number of 0 or more"),
            ("12xb", { _ = try $0.bytes("port", in: 1...100) }, "a size such as 512, 64kb or 1gb between 1 and 100"),
            ("5x", { _ = try $0.duration("port") }, "a time such as 500ms, 10s or 2m between 0 and 366d"),
            (".", { _ = try $0.duration("port") }, "a time such as 500ms, 10s or 2m between 0 and 366d"),
            ("1e3", { _ = try $0.duration("port") }, "a time such as 500ms, 10s or 2m between 0 and 366d"),
        ]
        for (text, read, message) in refusals {
            let error = #expect(throws: UsageError.self) { try read(try parse(text)) }
            #expect(error?.description == "--port takes \(message), not '\(text)'\nTry 'a2 help tool run'.")
        }
        let mode = #expect(throws: UsageError.self) { try Arguments(Self.tool, ["--mode", "fixd"]).choice("mode") }
        #expect(
            mode?.description == "--mode takes one of fixed, poisson, not 'fixd'; did you mean 'fixed'?"
                + "\nTry 'a2 help tool run'.")
    }

    @Test("In every table names and letters are used once, default verbs exist, and summaries are sentences")
    func tables() {
        for command in Subcommand.all.flatMap({ [$0] + $0.verbs }) {
            let names = command.allFlags.flatMap { [$0.name] + $0.aliases }
            #expect(Set(names).count == names.count, "\(command.path): \(names.sorted())")
            let letters = command.allFlags.compactMap(\.letter)
            #expect(Set(letters).count == letters.count, "\(command.path): \(letters.sorted())")
            #expect(command.defaultVerb.map { command.verb(named: $0) != nil } ?? true)
            #expect(
                command.operandsMin <= command.operandsMax && (command.operandsMax == 0) == command.operands.isEmpty)
            for text in [command.summary] + command.allFlags.map(\.summary) {
                #expect(text.hasSuffix("."), "\(command.path): \(text)")
            }
            if command.takesOptions { #expect(names.allSatisfy { OptionTable.row(named: $0) == nil }) }
        }
    }
}
