/// The page of a tool, such as a2-bench(1): its verbs and flags, and the notes its table has.

enum ToolPages {
    static func page(_ tool: Subcommand) -> String {
        let verbs = tool.visibleVerbs
        var text = Mdoc.head("a2-" + tool.name, "1", Mdoc.phrase(tool.summary)) + ".Sh SYNOPSIS\n"
        for command in verbs.isEmpty ? [tool] : verbs { text += synopsis(command) }
        text += ".Sh DESCRIPTION\n" + Mdoc.text(tool.description.isEmpty ? tool.summary : tool.description) + "\n"
        if let name = tool.defaultVerb { text += ".Pp\nWithout a verb,\n.Cm \(Mdoc.text(name))\nis meant.\n" }
        let shared = sharedFlags(verbs)
        if verbs.isEmpty {
            text += ".Sh FLAGS\n" + sections(tool.allFlags)
        } else {
            text += ".Sh VERBS\n"
            for verb in verbs { text += describe(verb, shared) }
            text += ".Sh COMMON FLAGS\n" + sections(shared + tool.allFlags.filter { $0.name == "help" })
        }
        for (heading, paragraphs) in tool.manual.sections + verbs.flatMap(\.manual.sections) {
            text += ".Sh \(heading.uppercased())\n" + paragraphs.map { Mdoc.text($0) + "\n" }.joined(separator: ".Pp\n")
        }
        return text + notes(of: tool)
    }

    /// ENVIRONMENT to SEE ALSO, in the order mdoc wants.
    static func notes(of tool: Subcommand, statuses: [Int32]? = nil, between: String = "") -> String {
        let manuals = [tool.manual] + tool.visibleVerbs.map(\.manual)
        var text = ""
        let variables = unique(manuals.flatMap { $0.environment.map { ($0.name, $0.meaning) } })
        if !variables.isEmpty { text += ".Sh ENVIRONMENT\n" + list(variables, macro: "Ev") }
        let files = unique(manuals.flatMap { $0.files.map { ($0.path, $0.meaning) } })
        if !files.isEmpty { text += ".Sh FILES\n" + list(files, macro: "Pa") }
        let own = manuals.flatMap(\.exitStatuses)
        let meanings = ExitStatus.meanings.filter { statuses?.contains($0.status) ?? true }.map { general in
            let texts = own.filter { $0.status == general.status }.map(\.meaning)
            return ("\(general.status)", texts.isEmpty ? general.meaning : texts.joined(separator: " "))
        }
        text += between + ".Sh EXIT STATUS\n" + list(meanings, macro: "Li", isCompact: true)
        let examples = tool.examples + tool.visibleVerbs.flatMap(\.examples)
        if !examples.isEmpty { text += ".Sh EXAMPLES\n" + Mdoc.examples(examples) }
        return text
            + Mdoc.seeAlso(["a2(1)"] + manuals.flatMap(\.seeAlso) + (tool.name == "serve" ? [] : ["a2-serve(8)"]))
    }

    // MARK: Verbs and flags

    private static func synopsis(_ command: Subcommand) -> String {
        ".Nm a2 \(command.path)\n" + (command.allFlags.count > 1 ? ".Op Ar flags\n" : "")
            + (command.operands.isEmpty ? "" : ".Ar \(Mdoc.argument(command.operands))\n")
    }

    /// What several verbs have in common, word for word.
    private static func sharedFlags(_ verbs: [Subcommand]) -> [CommandFlag] {
        let flags = verbs.flatMap { $0.allFlags.filter { $0.name != "help" } }
        var shared: [CommandFlag] = []
        for flag in flags where !shared.contains(where: { isSame($0, flag) }) {
            if flags.filter({ isSame($0, flag) }).count > 1 { shared.append(flag) }
        }
        return shared
    }

    private static func isSame(_ left: CommandFlag, _ right: CommandFlag) -> Bool {
        left.spelling == right.spelling && left.summary == right.summary
    }

    private static func describe(_ verb: Subcommand, _ shared: [CommandFlag]) -> String {
        var text = ".Ss \(verb.name)\n\(Mdoc.text(verb.summary))\n"
        if !verb.description.isEmpty { text += Mdoc.text(verb.description) + "\n" }
        let flags = verb.allFlags.filter { $0.name != "help" }
        let own = flags.filter { flag in !shared.contains { isSame($0, flag) } }
        let common = flags.filter { flag in shared.contains { isSame($0, flag) } }
        if !own.isEmpty { text += list(own) }
        if !common.isEmpty {
            let names = common.map { ".Fl \\-\($0.name.mdocEscaped)" }
            text += ".Pp\n" + (own.isEmpty ? "Takes" : "Also takes") + "\n" + names.joined(separator: " ,\n") + " .\n"
        }
        return text
    }

    private static func sections(_ flags: [CommandFlag]) -> String {
        CommandFlag.sections(flags).map { ".Ss \($0.heading)\n" + list($0.flags) }.joined()
    }

    static func list(_ flags: [CommandFlag]) -> String {
        var text = ".Bl -tag -width Ds\n"
        for flag in flags {
            text += ".It " + (flag.letter.map { "Fl \($0) , " } ?? "") + "Fl \\-\(flag.name.mdocEscaped)"
            text += flag.value.map { " Ar \(Mdoc.argument($0))" } ?? ""
            text += "\n\(Mdoc.text(flag.summary))\n"
            if flag.isRepeatable, !flag.summary.contains("repeated") { text += "May be repeated.\n" }
            if !flag.aliases.isEmpty {
                text +=
                    "Also spelled\n" + flag.aliases.map { ".Fl \\-\($0.mdocEscaped)" }.joined(separator: " ,\n")
                    + " .\n"
            }
        }
        return text + ".El\n"
    }

    private static func unique(_ items: [(String, String)]) -> [(String, String)] {
        items.reduce(into: []) { list, item in
            if !list.contains(where: { $0.0 == item.0 }) { list.append(item) }
        }
    }

    private static func list(_ items: [(String, String)], macro: String, isCompact: Bool = false) -> String {
        ".Bl -tag -width Ds\(isCompact ? " -compact" : "")\n"
            + items.map { ".It \(macro) \(Mdoc.argument($0.0))\n\(Mdoc.text($0.1))\n" }.joined() + ".El\n"
    }
}
