/// Completion for bash: a function that looks at the subcommand, the verb and the word before.

enum BashCompletion {
    static func script(_ commands: [CompletedCommand]) -> String {
        var text = """
            # bash completion for a2. \(Completions.note)

            _a2() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                local verb="" words="" index
                COMPREPLY=()
                # Readline takes --flag=value for three words.
                if [[ $current == "=" ]]; then
                    current=""
                elif [[ $previous == "=" && $COMP_CWORD -gt 2 ]]; then
                    previous=${COMP_WORDS[COMP_CWORD-2]}
                fi
                if [[ $COMP_CWORD -eq 1 ]]; then
                    words="\(commands.map(\.name).joined(separator: " ")) --help --version"
                    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
                    return
                fi
                [[ $COMP_CWORD -gt 2 ]] && verb=${COMP_WORDS[2]}
                case "${COMP_WORDS[1]} $verb" in

            """
        for command in commands {
            for verb in command.verbs {
                let isDefault = verb.name == command.defaultVerb?.name
                text += "    \"\(command.name) \(verb.name)\"" + (isDefault ? " | \"\(command.name) \"-*" : "") + ")\n"
                text += body(verb)
            }
            if command.name == "help" {
                for topic in commands where !topic.verbs.isEmpty {
                    text +=
                        "    \"help \(topic.name)\")\n        words=\"\(topic.verbs.map(\.name).joined(separator: " "))\"\n        ;;\n"
                }
            }
            if command.verbs.isEmpty {
                text += "    \"\(command.name) \"*)\n" + body(command)
            } else {
                let flags = (command.defaultVerb ?? command).flags.flatMap(\.spellings)
                let names = command.verbs.map(\.name) + ["help"]
                text +=
                    "    \"\(command.name) \")\n        words=\"\((names + flags).joined(separator: " "))\"\n        ;;\n"
            }
        }
        return text + """
                esac
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
            }

            complete -F _a2 a2

            """
    }

    /// What completes a command whose name has been read.
    private static func body(_ command: CompletedCommand) -> String {
        var text = command.stopsAtOperand ? skipOperands(command) : ""
        let valued = command.flags.filter { $0.value != nil }
        if !valued.isEmpty {
            text += "        case $previous in\n"
            let free = valued.filter { $0.value == .anything }.flatMap(\.spellings)
            if !free.isEmpty { text += "        \(free.joined(separator: " | "))) return ;;\n" }
            for flag in valued {
                let pattern = "        \(flag.spellings.joined(separator: " | ")))"
                switch flag.value {
                case .file: text += pattern + " " + paths("-f") + "; return ;;\n"
                case .directory: text += pattern + " " + paths("-d") + "; return ;;\n"
                case .words(let words):
                    let guarding = flag.isValueOptional ? "[[ $current == -* ]] || " : ""
                    text += "\(pattern) \(guarding)words=\"\(words.joined(separator: " "))\" ;;\n"
                case .anything, nil: break
                }
            }
            text += "        esac\n"
        }
        var words = command.flags.flatMap(\.spellings)
        switch command.operand {
        case .words(let operands): words = operands + words
        case .file: text += "        if [[ -z $words && $current != -* ]]; then \(paths("-f")); return; fi\n"
        case .directory: text += "        if [[ -z $words && $current != -* ]]; then \(paths("-d")); return; fi\n"
        case .anything, nil: break
        }
        return text + "        [[ -n $words ]] || words=\"\(words.joined(separator: " "))\"\n        ;;\n"
    }

    private static func paths(_ kind: String) -> String {
        "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen \(kind) -- \"$current\")"
    }

    /// After an operand nothing is a flag any more.
    private static func skipOperands(_ command: CompletedCommand) -> String {
        let valued = command.flags.filter { $0.value != nil }.flatMap(\.spellings)
        return """
                    index=2
                    [[ ${COMP_WORDS[2]} == \(command.name) ]] && index=3
                    for ((; index < COMP_CWORD; index++)); do
                        case ${COMP_WORDS[index]} in
                        \(valued.joined(separator: " | ")))
                            [[ ${COMP_WORDS[index + 1]} == "=" ]] && ((index++))
                            ((index++))
                            ;;
                        -*) ;;
                        *) return ;;
                        esac
                    done

            """
    }
}
