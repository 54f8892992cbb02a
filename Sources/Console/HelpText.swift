/// `help`, `help COMMAND`, `help @GROUP`, `help :COMMAND`: from what the server says of its commands.

enum HelpText {
    static func text(_ topic: [String], _ catalog: Catalog, _ style: ReplyStyle) -> String {
        guard let first = topic.first else { return overview(catalog) }
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
        ColonCommand.all.map { (":" + $0.name + ($0.arguments.isEmpty ? "" : " " + $0.arguments), $0.summary) }
            + ColonViews.help
    }

    private static func overview(_ catalog: Catalog) -> String {
        var text = """
            A line is a command of the server, or one of these:
              help COMMAND, help @GROUP    what a command does; groups: \(catalog.groups.map { "@" + $0 }.joined(separator: " "))
              N COMMAND                    N times
              COMMAND | SHELL              the reply through a shell command
              @NODE COMMAND, @all COMMAND  on another node, on every node
              connect HOST PORT, clear, quit

            """
        for row in colonRows { text += "  \(row.usage)\n      \(row.summary)\n" }
        return text + """
            Keys: Tab completes, Up and Down walk the history, Ctrl-R searches it, Ctrl-C drops the line or ends what
            runs, Ctrl-D ends the console.

            """
    }
}
