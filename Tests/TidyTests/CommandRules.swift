/// Rules about the rows of the command table: complete, consistent in themselves, and met by some test.
import Commands

struct CommandRow: Sendable {
    /// In capitals, a subcommand's with its parent's: "CLIENT KILL".
    let name: String
    let arity: Int
    let isWrite: Bool
    let isContainer: Bool
    let isSubcommand: Bool
    let arguments: String
    let summary: String
    let since: String
    let group: String
    let conflict: String

    init(_ row: Command, parent: String?) {
        name = [parent, row.name.description].compactMap { $0 }.joined(separator: " ")
        arity = row.arity
        isWrite = row.flags.contains(.write)
        isContainer = row.isContainer
        isSubcommand = parent != nil
        arguments = row.arguments.description
        summary = row.summary.description
        since = row.since.description
        group = row.group.description
        conflict = row.conflict.description
    }

    static let all: [CommandRow] = CommandTable.shared.commands.flatMap { row in
        let parent = row.name.description
        return [CommandRow(row, parent: nil)] + row.subcommands.map { CommandRow($0, parent: parent) }
    }
}

/// How many words a command's argument syntax asks for.
struct ArgumentSyntax: Equatable {
    /// The fewest words that will do.
    let mandatory: Int
    /// More may follow: something is in brackets.
    let isOpen: Bool

    /// Nil when brackets do not match.
    init?(_ text: String) {
        var reader = Reader(words: Self.words(of: text))
        guard let alternatives = reader.alternatives(until: nil), reader.isAtEnd else { return nil }
        mandatory = alternatives.mandatory
        isOpen = alternatives.isOpen
    }

    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var current = ""
        for character in text {
            if "[]<>| ".contains(character) {
                if !current.isEmpty { words.append(current) }
                current = ""
                if character != " " { words.append(String(character)) }
            } else {
                current.append(character)
            }
        }
        return current.isEmpty ? words : words + [current]
    }

    private struct Reader {
        let words: [String]
        var at = 0

        var isAtEnd: Bool { at == words.count }

        init(words: [String]) { self.words = words }

        /// Sequences with | between them. The shortest one counts; choices of different lengths leave it open.
        mutating func alternatives(until close: String?) -> (mandatory: Int, isOpen: Bool)? {
            var lengths: [Int] = []
            var isOpen = false
            var length = 0
            while at < words.count, words[at] != close {
                let word = words[at]
                at += 1
                switch word {
                case "|":
                    lengths.append(length)
                    length = 0
                case "[":
                    guard alternatives(until: "]") != nil, take("]") else { return nil }
                    isOpen = true
                case "<":
                    guard let inner = alternatives(until: ">"), take(">") else { return nil }
                    // One of them must be given, though each may begin with something in brackets.
                    length += max(inner.mandatory, 1)
                    isOpen = isOpen || inner.isOpen
                case "]", ">": return nil
                case "...": break
                default: length += 1
                }
            }
            lengths.append(length)
            return (lengths.min() ?? 0, isOpen || Set(lengths).count > 1)
        }

        private mutating func take(_ word: String) -> Bool {
            guard at < words.count, words[at] == word else { return false }
            at += 1
            return true
        }
    }
}

enum CommandRules {
    static let groups: Set<String> = [
        "string", "bitmap", "generic", "transactions", "connection", "server", "list", "set", "hash", "sorted-set",
        "stream", "geo", "hyperloglog", "pubsub", "scripting", "cluster", "a2",
    ]

    static func problems(of row: CommandRow) -> [String] {
        var problems: [String] = []
        if row.summary.first?.isUppercase != true { problems.append("summary is no sentence") }
        let version = row.since.split(separator: ".", omittingEmptySubsequences: false)
        if version.count != 3 || version.contains(where: { Int($0) == nil }) {
            problems.append("since '\(row.since)' is no version")
        }
        if !groups.contains(row.group) { problems.append("group '\(row.group)' is none of Redis' nor a2's own") }
        if row.isWrite, row.conflict.isEmpty { problems.append("writes, but conflict is empty") }
        guard let syntax = ArgumentSyntax(row.arguments) else {
            return problems + ["brackets in '\(row.arguments)' do not match"]
        }
        if row.arity == 0 { problems.append("arity 0") }
        if row.isContainer { return problems }
        let expected = abs(row.arity) - (row.isSubcommand ? 2 : 1)
        if syntax.mandatory != expected {
            problems.append(
                "arity \(row.arity) asks for \(expected) arguments, '\(row.arguments)' for \(syntax.mandatory)")
        }
        if row.arity > 0, syntax.isOpen { problems.append("arity \(row.arity) is exact, '\(row.arguments)' is not") }
        if row.arity < 0, !syntax.isOpen { problems.append("arity \(row.arity) is open, '\(row.arguments)' is not") }
        return problems
    }

    static func repeatedNames(_ rows: [CommandRow]) -> [String] {
        var seen: Set<String> = []
        return rows.map(\.name).filter { !seen.insert($0).inserted }
    }

    /// Where a row stands in the sources: the literal after `name:`, or first in a call that makes the row; a
    /// subcommand's after its parent's.
    static func location(of name: String, in files: [SourceFile]) -> String {
        let words = name.split(separator: " ").map { String($0) }
        for file in files where file.path.hasPrefix("Sources/Commands/") {
            var wanted = words[...]
            for (index, token) in file.tokens.enumerated() where token.kind == .literal && token.text == wanted.first {
                guard index > 1, file.tokens[index - 2].kind == .word else { continue }
                let isNamed = file.tokens[index - 1].isSign(":") && file.tokens[index - 2].text == "name"
                guard isNamed || wanted.count < words.count && file.tokens[index - 1].isSign("(") else { continue }
                wanted.removeFirst()
                if wanted.isEmpty { return "\(file.path):\(token.line)" }
            }
        }
        return words.count > 1 ? location(of: words[0], in: files) : "Sources/Commands:1"
    }

    /// The words of every string literal of the tests, titles left out, and each pair of words that follow each
    /// other in one literal or in neighbouring arguments.
    static func testedNames(in files: [SourceFile]) -> Set<String> {
        var names: Set<String> = []
        for file in files where file.isTest && file.target != "TidyTests" {
            var lastWord = ""
            for (index, token) in file.tokens.enumerated() {
                guard token.kind == .literal else {
                    // ("CLIENT", "KILL") continues; anything but a comma between literals ends it.
                    if !token.isSign(",") { lastWord = "" }
                    continue
                }
                let isTitle =
                    index > 1 && file.tokens[index - 1].isSign("(")
                    && ["Test", "Suite"].contains(file.tokens[index - 2].text)
                if isTitle { continue }
                for word in token.text.split(whereSeparator: { " \n\\|".contains($0) }) {
                    let word = word.uppercased()
                    names.insert(word)
                    if !lastWord.isEmpty { names.insert("\(lastWord) \(word)") }
                    lastWord = word
                }
            }
        }
        return names
    }
}
