/// What is known of the server's commands: for hints, help, completion, and to tell writes from reads.
///
/// From COMMAND DOCS and COMMAND, where the server has them; until they have come, and where they do not, from a2's own
/// table.
import Base
import Client
import Commands
import RESP

struct Catalog: Sendable {
    struct Entry: Sendable, Equatable {
        /// In capitals; a subcommand's with its parent's.
        let name: String
        var syntax = ""
        var summary = ""
        var since = ""
        var group = ""
        var complexity = ""
        var conflict = ""
        var isWrite = false
        /// Where keys stand: the first, the last (negative from the end), the step; 0 for none.
        var keys = (first: 0, last: 0, step: 0)

        static func == (left: Entry, right: Entry) -> Bool {
            left.name == right.name && left.syntax == right.syntax && left.isWrite == right.isWrite
                && left.keys == right.keys
        }

        func isKey(at index: Int) -> Bool {
            guard keys.first > 0, index >= keys.first else { return false }
            return (keys.last < 0 || index <= keys.last) && (index - keys.first) % max(keys.step, 1) == 0
        }
    }

    private(set) var entries: [String: Entry] = [:]
    /// Whether the server itself has told which commands write.
    private(set) var knowsFlags = false

    static let builtIn: Catalog = {
        var catalog = Catalog()
        for command in CommandTable.shared.commands {
            catalog.add(command, parent: nil)
            for row in command.subcommands { catalog.add(row, parent: command.name.description) }
        }
        return catalog
    }()

    private mutating func add(_ row: Command, parent: String?) {
        let name = (parent.map { $0 + " " } ?? "") + row.name.description
        entries[name] = Entry(
            name: name, syntax: row.arguments.description, summary: row.summary.description,
            since: row.since.description, group: row.group.description, complexity: row.complexity.description,
            conflict: row.conflict.description, isWrite: row.flags.contains(.write),
            keys: (row.firstKey, row.lastKey, row.keyStep))
    }

    /// The names of commands, without subcommands, sorted.
    var names: [String] { entries.keys.filter { !$0.contains(" ") }.sorted() }

    func subcommands(of name: String) -> [String] {
        entries.keys.filter { $0.hasPrefix(name + " ") }.map { String($0.dropFirst(name.utf8.count + 1)) }.sorted()
    }

    var groups: [String] { Set(entries.values.map(\.group)).filter { !$0.isEmpty }.sorted() }

    /// The row of a line's command, and how many words name it.
    func find(_ words: [String]) -> (entry: Entry, words: Int)? {
        guard let first = words.first?.uppercased() else { return nil }
        if words.count > 1, let found = entries[first + " " + words[1].uppercased()] { return (found, 2) }
        return entries[first].map { ($0, 1) }
    }

    // MARK: From the server

    /// The reply of COMMAND DOCS; it replaces what was known of each command it names.
    mutating func readDocs(_ reply: ReplyValue) {
        guard !reply.isError, let pairs = reply.entries, !pairs.isEmpty else { return }
        let former = entries
        entries = [:]
        for pair in pairs { readDocs(pair, former) }
    }

    private mutating func readDocs(_ pair: ReplyPair, _ former: [String: Entry]) {
        guard let text = pair.key.text else { return }
        let name = text.uppercased().replacingBars
        var entry = Entry(name: name)
        if let known = former[name] {
            entry.isWrite = known.isWrite
            entry.keys = known.keys
        }
        entry.summary = pair.value["summary"]?.text ?? ""
        entry.since = pair.value["since"]?.text ?? ""
        entry.group = pair.value["group"]?.text ?? ""
        entry.complexity = pair.value["complexity"]?.text ?? ""
        entry.conflict = pair.value["conflict"]?.text ?? ""
        entry.syntax = (pair.value["arguments"]?.elements ?? []).map(Self.syntax).joined(separator: " ")
        entries[name] = entry
        for row in pair.value["subcommands"]?.entries ?? [] { readDocs(row, former) }
    }

    /// The reply of COMMAND: flags and key positions.
    mutating func readCommands(_ reply: ReplyValue) {
        guard !reply.isError, let rows = reply.elements, !rows.isEmpty else { return }
        for row in rows { readCommand(row) }
        knowsFlags = true
    }

    private mutating func readCommand(_ row: ReplyValue) {
        guard let fields = row.elements, fields.count >= 6, let text = fields[0].text else { return }
        let name = text.uppercased().replacingBars
        var entry = entries[name] ?? Entry(name: name)
        entry.isWrite = fields[2].elements?.contains { $0.text == "write" } ?? false
        entry.keys = (
            Int(clamping: fields[3].integer ?? 0), Int(clamping: fields[4].integer ?? 0),
            Int(clamping: fields[5].integer ?? 0)
        )
        entries[name] = entry
        if fields.count > 9 { for row in fields[9].elements ?? [] { readCommand(row) } }
    }

    /// One argument of COMMAND DOCS in the notation of help.
    static func syntax(_ argument: ReplyValue) -> String {
        let flags = Set((argument["flags"]?.elements ?? []).compactMap(\.text))
        let token = argument["token"]?.text
        let children = argument["arguments"]?.elements ?? []
        var text: String
        switch argument["type"]?.text {
        case "oneof": text = children.map(syntax).joined(separator: " | ")
        case "block": text = children.map(syntax).joined(separator: " ")
        case "pure-token": text = ""
        default: text = argument["display_text"]?.text ?? argument["name"]?.text ?? ""
        }
        let isChoice = argument["type"]?.text == "oneof" && children.count > 1
        let isOptional = flags.contains("optional")
        if isChoice, !isOptional || token != nil { text = "<\(text)>" }
        let shown = token.map { $0 == "" ? "\"\"" : $0 }
        let whole = [shown, text.isEmpty ? nil : text].compactMap { $0 }.joined(separator: " ")
        var result = whole
        if flags.contains("multiple") {
            result += " [" + (flags.contains("multiple_token") ? whole : text) + " ...]"
        }
        return isOptional ? "[\(result)]" : result
    }
}

extension String {
    /// "config|set" as people type it.
    fileprivate var replacingBars: String { String(map { $0 == "|" ? " " : $0 }) }
}
