/// The manual, rendered from the tables. The repository keeps the output.

public enum ManualPages {
    /// Pages whose content comes from tables that stand above this layer are made there.
    public static let names = rendered + ["a2-commands.7", "a2-replication.7"]

    /// The pages made here. Of the tools those that are not hidden.
    public static let rendered =
        ["a2.1"] + tools.filter { !$0.isHidden }.map { "a2-\($0.name).1" } + ["a2-serve.8", "a2.toml.5"]

    private static let tools = [Subcommand.console, .bench, .snapshot, .inspect]

    /// Nil for a page that does not exist.
    public static func page(_ name: String) -> String? {
        switch name {
        case "a2.1": overview
        case "a2-serve.8": serve
        case "a2.toml.5": configuration
        default: tools.first { name == "a2-\($0.name).1" }.map(ToolPages.page)
        }
    }

    private static var overview: String {
        var text = Mdoc.head("a2", "1", "Redis-compatible database that every region writes to at once")
        text += ".Sh SYNOPSIS\n.Nm a2\n.Ar subcommand\n.Op Ar verb\n.Op Ar arguments\n.Sh DESCRIPTION\n"
        text +=
            "Every value of a2 is a conflict\\-free replicated data type, every node accepts every write, and nodes\n"
        text += "that have seen the same writes show the same data.\nThe subcommands are:\n"
        text += ".Bl -tag -width completions\n"
        for command in Subcommand.visible {
            text += ".It Cm \(command.name)"
            text += command.operands.isEmpty ? "\n" : " Ar \(Mdoc.argument(command.operands))\n"
            text += Mdoc.text(command.summary) + "\n"
            let verbs = command.visibleVerbs.map(\.name)
            if !verbs.isEmpty { text += Mdoc.text("Its verbs are \(verbs.joined(separator: ", ")).") + "\n" }
        }
        text += ".El\n.Pp\nFlags are written\n.Fl \\-name Ar value ,\n.Fl \\-name Ns = Ns Ar value\nor, where there "
        text += "is a letter,\n.Fl l Ar value .\nOf a flag given twice the last counts, unless it may be repeated;\n"
        text += ".Fl \\-\nends the flags.\n"
        text += ".Sh EXIT STATUS\nThe same for every subcommand:\n.Bl -tag -width Ds -compact\n"
        for (status, meaning) in ExitStatus.meanings { text += ".It \(status)\n\(Mdoc.text(meaning))\n" }
        text += ".El\n.Sh EXAMPLES\n" + Mdoc.examples(Subcommand.visible.flatMap { $0.examples.prefix(2) })
        let pages = names.compactMap { $0.split(separator: ".").count < 2 ? nil : $0 }.filter { $0 != "a2.1" }
        return text
            + Mdoc.seeAlso(pages.map { "\($0.dropLast(2))(\($0.suffix(1)))" })
            + ".Sh CAVEATS\nLinks between nodes are not encrypted, and strings, counters and bitmaps are all the types there\n"
            + "are.\n"
    }

    private static var serve: String {
        let command = Subcommand.serve
        var text = Mdoc.head("a2-serve", "8", "run a node of a2")
        text += ".Sh SYNOPSIS\n.Nm a2 serve\n.Op Fl \\-config Ar file\n.Op Ar flags\n.Sh DESCRIPTION\n"
        text += Mdoc.text(command.description) + "\n.Pp\nFlags of its own:\n" + ToolPages.list(command.allFlags)
        text += ".Pp\nOptions:\n.Bl -tag -width Ds\n"
        for row in OptionTable.rows {
            text += ".It Fl \\-\(row.name) Ar \(Mdoc.argument(row.kind.placeholder))\n"
            text += facts(of: row)
        }
        text += ".El\n"
        var signals = ".Sh SIGNALS\n.Bl -tag -width SIGTERM -compact\n"
        for (signal, meaning) in [
            ("SIGTERM", "Stop: no more connections, what is running ends, then exit. A second one exits at once."),
            ("SIGINT", "The same."),
            (
                "SIGHUP",
                "Read the configuration and password-file again and take over what changed in them; a bad one is "
                    + "reported and not used."
            ),
            ("SIGUSR1", "Open the log file again."),
        ] { signals += ".It Dv \(signal)\n\(Mdoc.text(meaning))\n" }
        let statuses = [
            ExitStatus.success, ExitStatus.usage, ExitStatus.network, ExitStatus.corruptData, ExitStatus.configuration,
            ExitStatus.internalError,
        ]
        return text + ToolPages.notes(of: command, statuses: statuses, between: signals + ".El\n")
    }

    private static func facts(of row: OptionRow) -> String {
        var text = Mdoc.text(row.summary) + "\n"
        if case .choice(let words) = row.kind, words.count > 4 {
            text += Mdoc.text("One of " + words.joined(separator: ", ") + ".") + "\n"
        }
        if !row.defaultText.isEmpty { text += "The default is\n.Ql \(row.defaultText.mdocEscaped) .\n" }
        if row.isChangeable { text += "CONFIG SET can change it.\n" }
        if let alias = row.alias { text += "Redis calls it\n.Ql \(alias) .\n" }
        return text
    }

    private static var configuration: String {
        var text = Mdoc.head("a2.toml", "5", "configuration of a2 serve")
        text += ".Sh DESCRIPTION\nThe file is TOML: tables of keys, comments after\n.Ql # .\n"
        text += "A file whose name ends in .json is JSON with the same structure.\n"
        text += "A key stands in its table, or without a table at the top.\n"
        text += "An unknown key, or one set twice, is an error.\n.Pp\n"
        text +=
            "Sizes are whole numbers of bytes, or texts with a unit: b, kb, mb, gb for powers of 1024, k, m, g for\n"
        text += "powers of 1000.\nLists are arrays of texts, or one text with spaces.\n.Pp\n"
        text +=
            "CONFIG REWRITE keeps comments and order: it changes values that differ and adds keys that CONFIG SET gave.\n"
        for section in OptionTable.sections {
            text += ".Ss [\(section)]\n.Bl -tag -width Ds\n"
            for row in OptionTable.rows where row.section == section && !row.isCommandLineOnly {
                text += ".It Ic \(row.name) = \(Mdoc.argument(row.literal(row.defaultValue)))\n"
                text += Mdoc.text(row.summary) + "\n"
                if case .choice(let words) = row.kind {
                    text += Mdoc.text("One of " + words.joined(separator: ", ") + ".") + "\n"
                }
            }
            text += ".El\n"
        }
        text += ".Ss [console.nodes]\n"
        text += Mdoc.text(
            "Nodes by name, for a2 console: a key is a name, its value a text, redis:// URI or host:port. a2 console NAME "
                + "connects there, @NAME COMMAND sends it there, @all COMMAND to all of them. Not for the server; who "
                + "reads the file reads the passwords of URIs in it.")
        text += "\n"
        text += ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        text += "[network]\nbind = [\"10.0.0.5\", \"127.0.0.1\"]\n\n[memory]\nmaxmemory = \"4gb\"\n"
        text += "maxmemory\\-policy = \"allkeys\\-lru\"\n\n[console.nodes]\n"
        text += "nyc = \"redis://:secret@10.0.0.5:6379\"\nlon = \"10.0.1.5\"\n.Ed\n"
        return text + Mdoc.seeAlso(["a2(1)", "a2-serve(8)"])
    }
}
