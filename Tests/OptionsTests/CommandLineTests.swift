/// The command line, and the generated completions and manual pages that are checked in.
import Glibc
import Testing

@testable import Options

/// One at a time and in this order: the first test may rewrite what the next ones read.
@Suite(.serialized) struct CommandLineTests {
    private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

    private static let generated =
        ["completions/a2.bash", "completions/_a2", "completions/a2.fish"]
        + ManualPages.rendered.map { "man/" + $0 }

    private static func render(_ path: String) -> String? {
        switch path {
        case "completions/a2.bash": Completions.script(for: "bash")
        case "completions/_a2": Completions.script(for: "zsh")
        case "completions/a2.fish": Completions.script(for: "fish")
        default: ManualPages.page(String(path.dropFirst(4)))
        }
    }

    private func contents(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        return read(file)
    }

    @Test("The checked-in completions and pages are current; A2_REWRITE=1 writes them", arguments: generated)
    func current(_ path: String) throws {
        let text = try #require(Self.render(path))
        if getenv("A2_REWRITE") != nil {
            let file = try #require(fopen(Self.root + "/" + path, "w"))
            fputs(text, file)
            fclose(file)
        }
        #expect(contents(Self.root + "/" + path) == text, "\(path) is out of date")
    }

    @Test(
        "Every tool that is here finds the files well-formed",
        arguments: [
            "bash -n completions/a2.bash", "zsh -n completions/_a2", "fish -n completions/a2.fish",
            "mandoc -T lint -W warning " + ManualPages.rendered.map { "man/" + $0 }.joined(separator: " "),
        ])
    func lint(_ command: String) {
        let tool = command.prefix { $0 != " " }
        let status = system("cd '\(Self.root)' && { command -v \(tool) >/dev/null || exit 0; \(command); }")
        #expect(status == 0)
    }

    /// Of a tool that is hidden too, so that it can be shown whenever it is ready.
    @Test("The page of every tool is well-formed and has all sections a page must have", arguments: tools.indices)
    func toolPage(_ index: Int) throws {
        let tool = Self.tools[index]
        let text = ToolPages.page(tool)
        let path = "/tmp/a2-page-\(getpid())-\(tool.name).1"
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        defer { unlink(path) }
        #expect(system("command -v mandoc >/dev/null || exit 0; mandoc -T lint -W warning \(path)") == 0)
        for section in ["SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
            #expect(text.contains(".Sh \(section)\n"), "\(tool.name) has no \(section)")
        }
        for command in [tool] + tool.visibleVerbs {
            for flag in command.allFlags { #expect(text.contains("Fl \\-\(flag.name.mdocEscaped)"), "\(flag.name)") }
            #expect(!command.verbs.isEmpty || !command.examples.isEmpty, "\(command.path) has no example")
        }
    }

    private static let tools: [Subcommand] = [.console, .bench, .snapshot, .inspect]

    @Test("Every subcommand that is shown is run by main.swift")
    func dispatch() throws {
        let main = try #require(contents(Self.root + "/Sources/a2/main.swift"))
        for command in Subcommand.visible { #expect(main.contains("case \"\(command.name)\":"), "\(command.name)") }
    }

    private static let sources = ["console": "Console", "bench": "Bench", "snapshot": "Offline", "inspect": "Offline"]

    /// A flag nobody asks for would be parsed and ignored.
    @Test("Every flag of a tool that is shown is named in the tool's source")
    func honoured() throws {
        for tool in Self.tools where !tool.isHidden {
            let module = try #require(Self.sources[tool.name])
            let text = try #require(
                printed("cat '\(Self.root)/Sources/\(module)/'*.swift '\(Self.root)/Sources/Client/'*.swift"))
            for command in [tool] + tool.visibleVerbs {
                for flag in command.allFlags where flag.name != "help" {
                    // By its name, or by the case of an enumeration that is made of names.
                    let isNamed = text.contains(flag.name.quoted) || text.contains("case .\(flag.name):")
                    #expect(isNamed, "nobody asks for --\(flag.name) of a2 \(command.path)")
                }
                let isRun = [command.name.quoted, ".\(command.name)"].contains { text.contains($0) }
                #expect(command.parentName == nil || isRun, "nobody runs a2 \(command.path)")
            }
        }
    }

    private func printed(_ command: String) -> String? {
        guard let pipe = popen(command, "r") else { return nil }
        defer { pclose(pipe) }
        return read(pipe)
    }

    private func read(_ file: UnsafeMutablePointer<FILE>) -> String {
        var (bytes, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("Help names every option, verb and flag, in lines that fit a terminal")
    func help() throws {
        let serve = Help.text(for: .serve)
        for row in OptionTable.rows { #expect(serve.contains("--\(row.name) ")) }
        for command in Subcommand.visible { #expect(Help.overview.contains(command.name)) }
        for command in Subcommand.all.flatMap({ [$0] + $0.verbs }) {
            let text = Help.text(for: command)
            for verb in command.visibleVerbs { #expect(text.contains("  \(verb.name)")) }
            for flag in command.allFlags { #expect(text.contains(flag.spelling)) }
            for line in text.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
        }
        for line in Help.overview.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
    }

    @Test("Help finds subcommands and verbs by their words, and says what was meant")
    func helpWords() throws {
        #expect(try Help.text(forWords: []) == Help.overview)
        #expect(try Help.text(forWords: ["bench", "converge"]).contains("Usage: a2 bench converge"))
        let word = #expect(throws: UsageError.self) { try Help.text(forWords: ["sevre"]) }
        #expect(word?.description == "unknown subcommand 'sevre'; did you mean 'serve'?\nTry 'a2 help'.")
        let verb = #expect(throws: UsageError.self) { try Help.text(forWords: ["bench", "convrege"]) }
        #expect(
            verb?.description == "unknown verb 'convrege' of a2 bench; did you mean 'converge'?\nTry 'a2 help bench'.")
        let none = #expect(throws: UsageError.self) { try Help.text(forWords: ["serve", "now"]) }
        #expect(none?.description == "a2 serve has no verbs\nTry 'a2 help serve'.")
    }

    @Test("The nearest word is a likely one or none")
    func nearest() {
        let names = OptionTable.rows.map(\.name)
        #expect(nearestWord(to: "maxmemroy", among: names) == "maxmemory")
        #expect(nearestWord(to: "tcp-keep-alive", among: names) == "tcp-keepalive")
        #expect(nearestWord(to: "xyzzy", among: names) == nil)
        #expect(editDistance(Array("ca".utf8), Array("abc".utf8)) == 3)
        #expect(editDistance(Array("ab".utf8), Array("ba".utf8)) == 1)
    }
}

extension String {
    fileprivate var quoted: String { "\"" + self + "\"" }
}
