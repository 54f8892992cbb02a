/// `help`, `help COMMAND`, `help @GROUP`, `help :COMMAND`: from what the server says of its commands.
import Options

enum HelpText {
    static func text(_ topic: [String], _ catalog: Catalog, _ style: ReplyStyle) -> String {
        guard let first = topic.first else { return overview(catalog, width: max(style.width, 40)) }
        if first.hasPrefix("@") {
            let group = String(first.dropFirst()).lowercased()
            let rows = catalog.entries.values.filter { $0.group == group }.sorted { $0.name < $1.name }
            return rows.isEmpty
                ? "There is no group '\(first)'. Groups: \(catalog.groups.map { "@" + $0 }.joined(separator: " "))\n"
                : rows.map { entry($0, style, isShort: true) }.joined()
        }
        if first.hasPrefix(":") {
            let rows = colonRows.filter { $0.usage.split(separator: " ").first.map(String.init) == first.lowercased() }
            return rows.isEmpty
                ? "There is no '\(first)'. Try help.\n" : rows.map { "\n  \($0.usage)\n  \($0.summary)\n" }.joined()
        }
        let name = topic.joined(separator: " ").uppercased()
        var rows = catalog.entries.values.filter { $0.name == name || $0.name.hasPrefix(name + " ") }
        if rows.isEmpty { rows = catalog.entries.values.filter { $0.name.hasPrefix(name) } }
        if rows.isEmpty { return "There is no command '\(name)'. Try help.\n" }
        let sorted = rows.sorted { $0.name < $1.name }
        return sorted.map { entry($0, style, isShort: rows.count > 1) }.joined()
    }

    private static func entry(_ entry: Catalog.Entry, _ style: ReplyStyle, isShort: Bool) -> String {
        var text = "\n  \(entry.name)" + (entry.syntax.isEmpty ? "" : " " + style.dim(entry.syntax)) + "\n"
        func line(_ label: String, _ value: String) { if !value.isEmpty { text += "  \(label): \(value)\n" } }
        line("summary", entry.summary)
        if isShort { return text }
        line("since", entry.since)
        line("group", entry.group)
        line("complexity", entry.complexity)
        line("in two regions at once", entry.conflict)
        return text + "\n"
    }

    private static var colonRows: [(usage: String, summary: String)] {
        ColonCommand.all.map { ($0.row.usage, $0.row.summary) }
            + ColonViews.help
    }

    private static func overview(_ catalog: Catalog, width: Int) -> String {
        let groups = catalog.groups.map { "@" + $0 }.joined(separator: " ")
        let lines = [
            ("help COMMAND, help @GROUP", "what a command does; groups: " + groups), ("N COMMAND", "N times"),
            ("COMMAND | SHELL", "the reply through a shell command"),
            ("@NODE COMMAND, @all COMMAND", "on another node, on every node"), ("connect HOST PORT, clear, quit", ""),
        ]
        var text = "A line is a command of the server, or one of these:\n"
        for (usage, meaning) in lines {
            text += "  \(usage)\n" + (meaning.isEmpty ? "" : wrapped(meaning, indent: 6, width: width))
        }
        for row in colonRows { text += "  \(row.usage)\n" + wrapped(row.summary, indent: 6, width: width) }
        let keys =
            "Keys: Tab completes, Up and Down walk the history, Ctrl-R searches it, Ctrl-C drops the line or ends what "
            + "runs, Ctrl-Z stops the console for a while, Ctrl-D ends it. What is pasted runs when you say so."
        return text + wrapped(keys, indent: 0, width: width)
    }

    private static func wrapped(_ text: String, indent: Int, width: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var (lines, line) = ("", margin)
        for word in text.split(separator: " ") {
            if line.count > indent, line.count + 1 + word.count > width {
                lines += line + "\n"
                line = margin
            }
            line += (line.count > indent ? " " : "") + word
        }
        return lines + line + "\n"
    }
}
