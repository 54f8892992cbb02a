/// Completion for fish: lines that hold while the words so far name a subcommand and a verb.

enum FishCompletion {
    static func script(_ commands: [CompletedCommand]) -> String {
        var text = "# fish completion for a2. \(Completions.note)\n\n" + path(commands) + "complete -c a2 -f\n"
        for command in commands {
            text += "complete -c a2 -n '__a2_is' -a \(command.name) -d \(quoted(command.summary))\n"
        }
        text += "complete -c a2 -n '__a2_is' -l help -d 'Show help and exit.'\n"
        text += "complete -c a2 -n '__a2_is' -l version -s V -d 'Print the version.'\n"
        for command in commands {
            text += "\n"
            for verb in command.verbs {
                text += "complete -c a2 -n '__a2_is \(command.name)' -a \(verb.name) -d \(quoted(verb.summary))\n"
            }
            // A flag in the place of the verb is one of the default verb.
            if command.defaultVerb == nil { text += lines(command, "complete -c a2 -n '__a2_is \(command.name)'") }
            for verb in command.verbs {
                let names =
                    [command.name + " " + verb.name]
                    + (verb.name == command.defaultVerb?.name ? [command.name, command.name + " -"] : [])
                let conditions = names.map { "__a2_is \($0)" }.joined(separator: "; or ")
                text += "\n" + lines(verb, "complete -c a2 -n '\(conditions)'")
            }
            if command.name == "help" {
                for topic in commands where !topic.verbs.isEmpty {
                    let names = topic.verbs.map(\.name).joined(separator: " ")
                    text += "complete -c a2 -n '__a2_is help \(topic.name)' -a \(quoted(names))\n"
                }
            }
        }
        return text
    }

    /// `__a2_is bench run` holds behind `a2 bench run`, `__a2_is bench` behind `a2 bench`, `__a2_is` behind `a2`;
    /// `__a2_is bench -` where a flag stands in the place of the verb.
    private static func path(_ commands: [CompletedCommand]) -> String {
        var text = "function __a2_is\n    set -l words (commandline -opc)\n    set -l path $words[2]\n"
        text += "    switch \"$words[2] $words[3]\"\n"
        for command in commands where !command.verbs.isEmpty {
            let patterns = command.verbs.map { "'\(command.name) \($0.name)'" } + ["'help \(command.name)'"]
            text += "        case \(patterns.joined(separator: " "))\n"
            text += "            set path $words[2] $words[3]\n"
            text += "        case '\(command.name) -*'\n            set path \(command.name) -\n"
        }
        return text + "    end\n    test \"$path\" = \"$argv\"\nend\n\n"
    }

    private static func lines(_ command: CompletedCommand, _ here: String) -> String {
        var text = ""
        switch command.operand {
        case .words(let words): text += "\(here) -a \(quoted(words.joined(separator: " ")))\n"
        case .file: text += "\(here) -F\n"
        case .directory: text += "\(here) -a '(__fish_complete_directories)'\n"
        case .anything, nil: break
        }
        for flag in command.flags {
            text += here + (flag.letter.map { " -s \($0)" } ?? "") + " -l \(flag.name)"
            switch flag.value {
            case .words(let words): text += " -x -a \(quoted(words.joined(separator: " ")))"
            case .file: text += " -r -F"
            case .directory: text += " -x -a '(__fish_complete_directories)'"
            case .anything: text += " -x"
            case nil: break
            }
            text += " -d \(quoted(flag.summary))\n"
        }
        return text
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" || $0 == "\\" ? "\\" + String($0) : String($0) }.joined() + "'"
    }
}
