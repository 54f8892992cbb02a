/// What is made of the command rows and checked in: README's table, a2-commands(7), a2-replication(7).
import Glibc
import Testing

@testable import Commands

/// One at a time and in this order: the first tests may rewrite what the last one reads.
@Suite(.serialized) struct CommandPagesTests {
    private static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    private static let begin = "<!-- Made of the command rows by A2_REWRITE=1 swift test --filter CommandPages -->\n"
    private static let end = "<!-- End of what is made of the command rows -->\n"

    private func contents(_ name: String) throws -> String {
        let file = try #require(fopen(Self.root + "/" + name, "r"))
        defer { fclose(file) }
        var (bytes, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func rewrite(_ name: String, _ text: String) throws {
        guard getenv("A2_REWRITE") != nil else { return }
        let file = try #require(fopen(Self.root + "/" + name, "w"))
        fputs(text, file)
        fclose(file)
    }

    @Test("README's command table says what the rows say; A2_REWRITE=1 writes it")
    func readme() throws {
        let text = try contents("README.md")
        let from = try #require(text.firstRange(of: Self.begin)).upperBound
        let to = try #require(text.firstRange(of: Self.end)).lowerBound
        try rewrite("README.md", text[..<from] + CommandPages.markdown + text[to...])
        let current = try contents("README.md")
        #expect(current.contains(Self.begin + CommandPages.markdown + Self.end), "README.md is out of date")
    }

    @Test(
        "The pages made here are the ones checked in; A2_REWRITE=1 writes them",
        arguments: [
            (CommandPages.manualName, CommandPages.manual), (ReplicationPage.manualName, ReplicationPage.manual),
        ])
    func manual(_ name: String, _ text: String) throws {
        try rewrite("man/" + name, text)
        #expect(try contents("man/" + name) == text, "man/\(name) is out of date")
    }

    @Test("Table and page name every command")
    func complete() {
        for row in CommandTable.shared.commands {
            #expect(CommandPages.markdown.contains("| `\(row.name)` |"))
            #expect(CommandPages.manual.contains(".It Ic \"\(row.name)\""))
            for one in row.subcommands {
                #expect(CommandPages.markdown.contains("`\(one.name)`"))
                #expect(CommandPages.manual.contains(".It Ic \"\(row.name) \(one.name)\""))
            }
        }
        for line in CommandPages.markdown.split(separator: "\n") where line.hasPrefix("|") {
            #expect(line.replacing("\\|", with: "").filter { $0 == "|" }.count == 4, "\(line)")
        }
    }

    @Test(
        "mandoc finds nothing to warn of in the pages",
        arguments: [CommandPages.manualName, ReplicationPage.manualName])
    func lint(_ name: String) {
        let check = "command -v mandoc >/dev/null || exit 0; mandoc -T lint -W warning man/\(name)"
        #expect(system("cd '\(Self.root)' && { \(check); }") == 0)
    }
}
