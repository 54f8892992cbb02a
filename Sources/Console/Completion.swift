/// What the tabulator can put at the cursor, and the hint beside the line: pure functions of the line.
import Client

struct Completion: Equatable {
    enum Subject: Equatable {
        case command, subcommand(of: String), colonCommand, node, helpTopic
        /// The words of the syntax of a command, given how many arguments stand before.
        case option(of: String)
        case key
        case setting

        /// Whose spelling knows no case.
        var isWordOfServer: Bool {
            switch self {
            case .command, .subcommand, .option, .helpTopic: true
            case .colonCommand, .node, .key, .setting: false
            }
        }
    }

    let subjects: [Subject]
    /// The word under the cursor, as typed so far.
    let word: String

    /// From what stands before the cursor. Nil where nothing can be completed: inside quotes.
    init?(_ before: String, catalog: Catalog) {
        guard let words = Quoting.words(of: before) else { return nil }
        var texts = words.map { String(decoding: $0, as: UTF8.self) }
        let endsWithSpace = before.last.map { $0 == " " || $0 == "\t" } ?? true
        let word = endsWithSpace ? "" : texts.popLast() ?? ""
        // A word that was quoted is longer on the line than it reads.
        guard endsWithSpace || before.hasSuffix(word) else { return nil }
        self.word = word
        while let first = texts.first, first.hasPrefix("@") || Int(first) != nil { texts.removeFirst() }
        guard let first = texts.first else {
            subjects = word.hasPrefix(":") ? [.colonCommand] : word.hasPrefix("@") ? [.node] : [.command]
            return
        }
        switch first.lowercased() {
        case "help", "?":
            subjects = texts.count == 1 ? [.helpTopic] : [.subcommand(of: texts[1].uppercased())]
            return
        case ":set":
            subjects = texts.count == 1 ? [.setting] : []
            return
        case ":node", ":connect", "connect":
            subjects = [.node]
            return
        default: break
        }
        if first.hasPrefix(":") {
            subjects = [.key]
            return
        }
        var found: [Subject] = []
        if texts.count == 1, !catalog.subcommands(of: first.uppercased()).isEmpty {
            found.append(.subcommand(of: first.uppercased()))
        }
        if let (entry, _) = catalog.find(texts) {
            if entry.isKey(at: texts.count) {
                found.append(.key)
            } else if found.isEmpty {
                found.append(.option(of: entry.name))
            }
        }
        subjects = found
    }

    /// The words that begin as the one under the cursor does; keys and nodes are somebody else's to know.
    func candidates(_ catalog: Catalog, colonCommands: [String], nodes: [String], settings: [String]) -> [String] {
        var found: [String] = []
        for subject in subjects {
            switch subject {
            case .command:
                found += matching(catalog.names + Self.localCommands)
            case .subcommand(let name): found += matching(catalog.subcommands(of: name))
            case .colonCommand: found += colonCommands.map { ":" + $0 }.filter { $0.hasPrefix(word.lowercased()) }
            case .node:
                let sign = word.hasPrefix("@") ? "@" : ""
                let names = nodes + (sign.isEmpty ? [] : ["all"])
                found += names.map { sign + $0 }.filter { $0.hasPrefix(word) }
            case .helpTopic:
                found += matching(catalog.names) + catalog.groups.map { "@" + $0 }.filter { $0.hasPrefix(word) }
            case .option(let name): found += matching(Self.tokens(catalog.entries[name]?.syntax ?? ""))
            case .setting: found += settings.filter { $0.hasPrefix(word.lowercased()) }
            case .key: break
            }
        }
        return found.sorted()
    }

    static let localCommands = ["CONNECT", "CLEAR", "EXIT", "HELP", "QUIT"]

    private func matching(_ names: [String]) -> [String] {
        let upper = word.uppercased()
        return Array(Set(names.filter { $0.hasPrefix(upper) }))
    }

    /// The words in capitals of a syntax.
    static func tokens(_ syntax: String) -> [String] {
        syntax.split { " []<>|".contains($0) }.map(String.init).filter { word in
            word.count > 1 && word.allSatisfy { $0.isUppercase || $0.isNumber || $0 == "-" || $0 == "_" }
        }
    }

    /// The longest beginning that all have in common.
    static func commonPrefix(_ words: [String]) -> String {
        guard var prefix = words.first else { return "" }
        for word in words.dropFirst() {
            while !word.hasPrefix(prefix) { prefix.removeLast() }
        }
        return prefix
    }

    // MARK: Hints

    /// What may follow what has been typed.
    static func hint(_ line: String, catalog: Catalog) -> String {
        guard !line.isEmpty, let words = Quoting.words(of: line) else { return "" }
        var texts = words.map { String(decoding: $0, as: UTF8.self) }
        while let first = texts.first, first.hasPrefix("@") || Int(first) != nil { texts.removeFirst() }
        guard let (entry, nameWords) = catalog.find(texts) else { return "" }
        let endsWithSpace = line.hasSuffix(" ")
        if nameWords == texts.count, !endsWithSpace {
            return entry.syntax
        }
        let complete = texts.count - nameWords - (endsWithSpace ? 0 : 1)
        return rest(
            entry.syntax, after: complete, typed: Array(texts.dropFirst(nameWords)), endsWithSpace: endsWithSpace)
    }

    /// The parts of a syntax on its top level: "key", "[NX | XX]", "<a | b>".
    static func parts(_ syntax: String) -> [String] {
        var parts: [String] = []
        var part = ""
        var depth = 0
        for character in syntax {
            if "[<".contains(character) { depth += 1 }
            if "]>".contains(character) { depth -= 1 }
            if character == " ", depth == 0 {
                if !part.isEmpty { parts.append(part) }
                part = ""
            } else {
                part.append(character)
            }
        }
        return part.isEmpty ? parts : parts + [part]
    }

    /// Mandatory words are counted off; an option that has been typed is no longer offered.
    private static func rest(_ syntax: String, after count: Int, typed: [String], endsWithSpace: Bool) -> String {
        var left = parts(syntax)
        var words = typed[...]
        if !endsWithSpace { words = words.dropLast(0) }
        while let word = words.first, let part = left.first {
            words = words.dropFirst()
            if part.hasPrefix("[") {
                let upper = word.uppercased()
                if let index = left.firstIndex(where: { tokens($0).contains(upper) }) {
                    // Its value, if it takes one, is the next word.
                    let inner = alternative(of: left[index], with: upper)
                    words = words.dropFirst(max(inner - 1, 0))
                    left.remove(at: index)
                } else if part.hasSuffix(" ...]") {
                    continue
                } else {
                    break
                }
            } else {
                left.removeFirst()
            }
        }
        return left.joined(separator: " ")
    }

    /// How many words the alternative of an option that begins with a token has.
    private static func alternative(of part: String, with token: String) -> Int {
        for choice in part.split(separator: "|") {
            let words = choice.split { " []<>".contains($0) }
            if words.contains(Substring(token)) { return words.count }
        }
        return 1
    }
}
