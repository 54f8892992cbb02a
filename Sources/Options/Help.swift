/// Help, rendered from the tables.

public enum Help {
    /// What `a2` alone and `a2 help` print.
    public static var overview: String {
        let commands = Subcommand.visible
        return """
            a2 — a Redis-compatible database that every region writes to at once

            Usage: a2 SUBCOMMAND [ARGUMENTS]

            \(columns(commands.map { ($0.name, $0.summary) }))

            Examples:
            \(columns([
                ("a2 serve --ephemeral", "serve 127.0.0.1:6379, data in memory only"),
                Subcommand.console.isHidden
                    ? ("redis-cli SET greeting hello", "talk to it with any Redis client")
                    : ("a2 console SET greeting hello", "talk to it, as any Redis client can"),
                ("a2 help serve", "every option of serve"),
                ("a2 help bench run", "a subcommand may have verbs, each with help of its own"),
            ]))

            a2 --version prints the version. Exit statuses and more are in the manual: man a2.

            """
    }

    public static func text(for subcommand: Subcommand) -> String {
        var text = "\(subcommand.summary)\n\nUsage: \(usage(subcommand))\n"
        if !subcommand.description.isEmpty { text += "\n" + wrapped(subcommand.description, width: 80) + "\n" }
        if !subcommand.examples.isEmpty {
            text += "\nExamples:\n" + columns(subcommand.examples.map { ($0.command, $0.meaning) }) + "\n"
        }
        if !subcommand.visibleVerbs.isEmpty {
            text += "\nVerbs:\n" + columns(subcommand.visibleVerbs.map { ($0.name, $0.summary) }) + "\n"
            text += "\nFlags of a verb are shown by 'a2 help \(subcommand.name) VERB'.\n"
        }
        for (heading, flags) in CommandFlag.sections(subcommand.allFlags) {
            text += "\n\(heading):\n" + columns(flags.map { ($0.spelling, $0.summary) }) + "\n"
        }
        if subcommand.takesOptions {
            for section in OptionTable.sections {
                let rows = OptionTable.rows.filter { $0.section == section }
                text += "\n\(section.capitalizedWord):\n"
                text += columns(rows.map { ("--\($0.name) \($0.kind.placeholder)", $0.summary + $0.defaultNote) })
                text += "\n"
            }
        }
        return text
    }

    /// What `a2 help WORDS` prints.
    public static func text(forWords words: [String]) throws(UsageError) -> String {
        guard let name = words.first else { return overview }
        guard let subcommand = Subcommand.named(name) else {
            let hint = Arguments.didYouMean(name, Subcommand.visible.map(\.name))
            throw UsageError("unknown subcommand '\(name)'" + hint + "\nTry 'a2 help'.")
        }
        guard words.count > 1 else { return text(for: subcommand) }
        if subcommand.verbs.isEmpty { throw UsageError("a2 \(name) has no verbs\nTry 'a2 help \(name)'.") }
        guard let verb = subcommand.verb(named: words[1]) else {
            let hint = Arguments.didYouMean(words[1], subcommand.visibleVerbs.map(\.name))
            throw UsageError("unknown verb '\(words[1])' of a2 \(name)" + hint + "\nTry 'a2 help \(name)'.")
        }
        return text(for: verb)
    }

    static func usage(_ subcommand: Subcommand) -> String {
        var words = ["a2", subcommand.path]
        if !subcommand.visibleVerbs.isEmpty { words.append(subcommand.defaultVerb == nil ? "VERB" : "[VERB]") }
        if subcommand.takesOptions || subcommand.allFlags.count > 1 { words.append("[FLAGS]") }
        if !subcommand.operands.isEmpty { words.append(subcommand.operands) }
        return words.joined(separator: " ")
    }

    /// Two columns; what does not fit the first stands on a line of its own.
    private static func columns(_ rows: [(left: String, right: String)]) -> String {
        let width = min(rows.map(\.left.count).max() ?? 0, 34)
        return rows.map { row in
            let indent = String(repeating: " ", count: width + 4)
            let lines = wrapped(row.right, width: 76 - min(width, 20)).split(separator: "\n")
            let body = lines.joined(separator: "\n" + indent)
            if row.left.count > width { return "  \(row.left)\n\(indent)\(body)" }
            return "  " + row.left + String(repeating: " ", count: width - row.left.count + 2) + body
        }.joined(separator: "\n")
    }

    static func wrapped(_ text: String, width: Int) -> String {
        var lines = [""]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].isEmpty {
                lines[lines.count - 1] = String(word)
            } else if lines[lines.count - 1].count + 1 + word.count > width {
                lines.append(String(word))
            } else {
                lines[lines.count - 1] += " " + word
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension CommandFlag {
    /// Flags under their headings, in the order of the table.
    static func sections(_ flags: [CommandFlag]) -> [(heading: String, flags: [CommandFlag])] {
        var sections: [(heading: String, flags: [CommandFlag])] = []
        for flag in flags {
            if let index = sections.firstIndex(where: { $0.heading == flag.section }) {
                sections[index].flags.append(flag)
            } else {
                sections.append((flag.section, [flag]))
            }
        }
        return sections
    }
}

extension OptionRow {
    fileprivate var defaultNote: String { defaultText.isEmpty ? "" : " Default: \(defaultText)." }
}

extension String {
    fileprivate var capitalizedWord: String { prefix(1).uppercased() + dropFirst() }
}
