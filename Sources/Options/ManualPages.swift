/// The manual, rendered from the tables. The repository keeps the output.

public enum ManualPages {
    /// Pages whose content comes from tables that stand above this layer are made there.
    public static let names = ["a2.1", "a2-serve.8", "a2.toml.5", "a2-commands.7", "a2-replication.7"]

    /// Nil for a page that does not exist.
    public static func page(_ name: String) -> String? {
        switch name {
        case "a2.1": overview
        case "a2-serve.8": serve
        case "a2.toml.5": configuration
        default: nil
        }
    }

    private static var overview: String {
        var text = Mdoc.head("a2", "1", "Redis-compatible database that every region writes to at once")
        text += ".Sh SYNOPSIS\n.Nm a2\n.Ar subcommand\n.Op Ar arguments\n.Sh DESCRIPTION\n"
        text +=
            "Every value of a2 is a conflict\\-free replicated data type, every node accepts every write, and nodes\n"
        text += "that have seen the same writes show the same data.\nThe subcommands are:\n"
        text += ".Bl -tag -width completions\n"
        for command in Subcommand.all where !command.isHidden {
            text += ".It Cm \(command.name)"
            text += command.operands.isEmpty ? "\n" : " Ar \(Mdoc.argument(command.operands))\n"
            text += Mdoc.text(command.summary) + "\n"
        }
        text += ".El\n.Sh EXIT STATUS\n.Bl -tag -width Ds -compact\n"
        for (status, meaning) in [
            (0, "Success."), (2, "The arguments make no sense."), (3, "Cannot listen."),
            (6, "A configuration that is not accepted."),
        ] { text += ".It \(status)\n\(meaning)\n" }
        text += ".El\n.Sh EXAMPLES\n"
        text += examples(Subcommand.visible.flatMap(\.examples))
        return text + ".Sh SEE ALSO\n.Xr a2.toml 5 ,\n.Xr a2-commands 7 ,\n.Xr a2-replication 7 ,\n.Xr a2-serve 8\n"
            + ".Sh CAVEATS\nThis version keeps data in memory only: a node that ends comes back empty and takes its data\n"
            + "from its peers, where it has some.\n"
    }

    private static func examples(_ examples: [(command: String, meaning: String)]) -> String {
        examples.map { ".Pp\n\(Mdoc.text(sentence($0.meaning)))\n.Pp\n.Dl \(Mdoc.argument($0.command))\n" }.joined()
            .replacingPrefix(".Pp\n", with: "")
    }

    private static func sentence(_ text: String) -> String {
        let first = text.first.map { $0.uppercased() } ?? ""
        return first + text.dropFirst() + ":"
    }

    private static var serve: String {
        guard let command = Subcommand.named("serve") else { preconditionFailure("no serve") }
        var text = Mdoc.head("a2-serve", "8", "run a node of a2")
        text += ".Sh SYNOPSIS\n.Nm a2 serve\n.Op Fl \\-config Ar file\n.Op Ar flags\n.Sh DESCRIPTION\n"
        text += Mdoc.text(command.description) + "\n.Pp\nFlags of its own:\n.Bl -tag -width Ds\n"
        for flag in command.allFlags { text += ".It Fl \\-\(flag.name)\n\(Mdoc.text(flag.summary))\n" }
        text += ".El\n.Pp\nOptions:\n.Bl -tag -width Ds\n"
        for row in OptionTable.rows {
            text += ".It Fl \\-\(row.name) Ar \(Mdoc.argument(row.kind.placeholder))\n"
            text += facts(of: row)
        }
        text += ".El\n.Sh ENVIRONMENT\n"
        text += "Every option is read from a variable too, such as\n.Ev A2_MAXMEMORY_POLICY .\n"
        text += "Words of a list stand between commas or spaces.\n"
        text += "A variable beginning with A2_ that names no option is reported and ignored.\n"
        text += ".Sh FILES\n.Bl -tag -width Ds -compact\n"
        for path in ["$XDG_CONFIG_HOME/a2/a2.toml", "/etc/a2/a2.toml"] {
            text += ".It Pa \(path)\nThe configuration where neither \\-\\-config nor A2_CONFIG names one.\n"
        }
        text += ".El\n.Sh SIGNALS\n.Bl -tag -width SIGTERM -compact\n"
        for (signal, meaning) in [
            ("SIGTERM", "Stop: no more connections, what is running ends, then exit. A second one exits at once."),
            ("SIGINT", "The same."),
            (
                "SIGHUP",
                "Read the configuration and password-file again and take over what changed in them; a bad one is "
                    + "reported and not used."
            ),
            ("SIGUSR1", "Open the log file again."),
        ] { text += ".It Dv \(signal)\n\(Mdoc.text(meaning))\n" }
        return text + ".El\n.Sh EXAMPLES\n" + examples(command.examples)
            + ".Sh SEE ALSO\n.Xr a2 1 ,\n.Xr a2.toml 5 ,\n.Xr a2-commands 7 ,\n.Xr a2-replication 7\n"
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
        text += ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        text += "[network]\nbind = [\"10.0.0.5\", \"127.0.0.1\"]\n\n[memory]\nmaxmemory = \"4gb\"\n"
        text += "maxmemory\\-policy = \"allkeys\\-lru\"\n.Ed\n"
        return text + ".Sh SEE ALSO\n.Xr a2 1 ,\n.Xr a2-serve 8\n"
    }
}

extension String {
    fileprivate var mdocEscaped: String { map { $0 == "-" ? "\\-" : String($0) }.joined() }

    fileprivate func replacingPrefix(_ prefix: String, with other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
