/// The command line, and the generated completions and manual pages that are checked in.
import Glibc
import Testing

@testable import Options

/// One at a time and in this order: the first test may rewrite what the next ones read.
@Suite(.serialized) struct CommandLineTests {
    private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

    private static let generated: [(path: String, text: @Sendable () -> String?)] = [
        ("completions/a2.bash", { Completions.script(for: "bash") }),
        ("completions/_a2", { Completions.script(for: "zsh") }),
        ("completions/a2.fish", { Completions.script(for: "fish") }),
        ("man/a2.1", { ManualPages.page("a2.1") }),
        ("man/a2-serve.8", { ManualPages.page("a2-serve.8") }),
        ("man/a2.toml.5", { ManualPages.page("a2.toml.5") }),
    ]

    private func contents(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var (bytes, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("The checked-in completions and pages are current; A2_REWRITE=1 writes them", arguments: generated.indices)
    func current(_ index: Int) throws {
        let (path, render) = Self.generated[index]
        let text = try #require(render())
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
            "mandoc -T lint -W warning man/a2.1 man/a2-serve.8 man/a2.toml.5",
        ])
    func lint(_ command: String) {
        let tool = command.prefix { $0 != " " }
        let status = system("cd '\(Self.root)' && { command -v \(tool) >/dev/null || exit 0; \(command); }")
        #expect(status == 0)
    }

    @Test(
        "bash completes subcommands, flags and values",
        arguments: [
            ("a2 ser", "serve"), ("a2 serve --maxmemory-p", "--maxmemory-policy"),
            ("a2 serve --maxmemory-policy noe", "noeviction"), ("a2 completions f", "fish"), ("a2 serve --port 6", ""),
            ("a2 help ver", "version"),
        ])
    func bash(_ line: String, _ expected: String) {
        let words = line.split(separator: " ").map { "'\($0)'" }.joined(separator: " ")
        let script =
            "source '\(Self.root)/completions/a2.bash'; COMP_WORDS=(\(words)); "
            + "COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _a2; [[ \"${COMPREPLY[*]}\" == '\(expected)' ]]"
        #expect(system("bash -c '\(script.map { $0 == "'" ? "'\\''" : String($0) }.joined())'") == 0)
    }

    @Test("Help names every option and subcommand, in lines that fit a terminal")
    func help() throws {
        let serve = try #require(Subcommand.named("serve"))
        let text = Help.text(for: serve)
        for row in OptionTable.rows { #expect(text.contains("--\(row.name) ")) }
        for command in Subcommand.all where !command.isHidden { #expect(Help.overview.contains(command.name)) }
        for line in (text + Help.overview).split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
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
