/// The rows as people read them: README's command table and a2-commands(7). The repository keeps the output.
import Options

public enum CommandPages {
    public static let manualName = "a2-commands.7"

    /// Groups in the order in which the table has them, each with its commands in that order.
    private static var groups: [(title: String, commands: [Command])] {
        var groups: [(title: String, commands: [Command])] = []
        for command in CommandTable.shared.commands {
            let title = title(of: command.group.description)
            if let place = groups.firstIndex(where: { $0.title == title }) {
                groups[place].commands.append(command)
            } else {
                groups.append((title, [command]))
            }
        }
        return groups
    }

    private static func title(of group: String) -> String {
        switch group {
        case "string", "bitmap", "hash", "list", "set", "stream": group.prefix(1).uppercased() + group.dropFirst() + "s"
        case "sorted-set": "Sorted sets"
        case "generic": "Keys"
        case "pubsub": "Publish and subscribe"
        case "hyperloglog": "HyperLogLog"
        case "geo": "Places"
        case "connection": "Connections"
        case "a2": "a2's own"
        case let name: name.prefix(1).uppercased() + name.dropFirst()
        }
    }

    /// Commands that look at every partition in turn and not at one moment.
    private static var walks: [String] {
        CommandTable.shared.commands.flatMap { row in
            ([row] + row.subcommands).filter { $0.flags.contains(.walks) }.map {
                ($0.parent.map { "\($0) " } ?? "") + $0.name.description
            }
        }
    }

    // MARK: README

    /// What stands between README's two markers, which are lines of their own.
    public static var markdown: String {
        var text = ""
        for (title, commands) in groups {
            text += "<details><summary>\(title) (\(commands.count))</summary>\n\n"
            text += "| command | what it does | concurrent use in two regions |\n|---|---|---|\n"
            for row in commands { text += markdownLine(row) }
            text += "\n</details>\n"
        }
        let names = walks.map { "`\($0)`" }.joined(separator: ", ")
        return text + "\nThese look at all partitions one after the other: \(names).\n"
    }

    private static func markdownLine(_ row: Command) -> String {
        let subcommands = row.subcommands.map { "`\($0.name)`" }.joined(separator: ", ")
        let what = row.isContainer ? "Subcommands: \(subcommands)." : row.summary.description
        let cells = ["`\(row.name)`", what, row.conflict.description]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }

    // MARK: a2-commands(7)

    public static var manual: String {
        var text = Mdoc.head("a2-commands", "7", "commands that a2 serves")
        text += ".Sh DESCRIPTION\n"
        text += "The commands of Redis that a2 knows, and those of its own, as the server's COMMAND DOCS tells them.\n"
        text += Mdoc.text(
            "Where nothing is said of concurrent use, a command reads what its node has, or concerns that node alone.")
        text += "\n.Pp\n"
        text += Mdoc.text(
            "While a node takes no writes, every command that writes is refused with the reason, which INFO shows as "
                + "a2_write_gate.")
        text += "\n.Pp\n"
        text += Mdoc.text(
            "These look at all partitions one after the other, with commands of other clients in between unless they "
                + "stand inside MULTI: \(walks.joined(separator: ", ")).")
        text += "\n"
        for (title, commands) in groups {
            text += ".Ss \(title)\n.Bl -tag -width Ds\n"
            for row in commands {
                text += item(row, named: row.name.description)
                for one in row.subcommands { text += item(one, named: "\(row.name) \(one.name)") }
            }
            text += ".El\n"
        }
        return text + ".Sh SEE ALSO\n.Xr a2 1 ,\n.Xr redis-cli 1 ,\n.Xr a2-replication 7 ,\n.Xr a2-serve 8\n"
    }

    private static func item(_ row: Command, named name: String) -> String {
        var text = ".It Ic \(Mdoc.argument(name))"
        text += row.arguments.isEmpty ? "\n" : " Ar \(Mdoc.argument(row.arguments.description))\n"
        text += Mdoc.text(ended(row.summary.description)) + "\n"
        if row.isContainer { return text }
        if !row.conflict.isEmpty { text += Mdoc.text("Concurrently: \(ended(row.conflict.description))") + "\n" }
        let origin = row.group.description == "a2" ? "a2" : "Redis"
        text += Mdoc.text("Complexity: \(ended(row.complexity.description))") + "\n"
        return text + Mdoc.text("Since \(origin) \(row.since).") + "\n"
    }

    private static func ended(_ sentence: String) -> String { sentence.hasSuffix(".") ? sentence : sentence + "." }
}
