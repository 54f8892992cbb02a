/// Completion for zsh: specifications for _arguments.

enum ZshCompletion {
    static func script(_ commands: [CompletedCommand]) -> String {
        var text = """
            #compdef a2
            # zsh completion for a2. \(Completions.note)

            _a2() {
                local -a commands verbs
                commands=(

            """
        for command in commands { text += "        \(described(command))\n" }
        text += """
                )
                if (( CURRENT == 2 )); then
                    _describe 'subcommand' commands
                    return
                fi
                local command=$words[2]
                shift words
                (( CURRENT-- ))
                case $command in

            """
        for command in commands {
            text += "    \(command.name))\n"
            if command.name == "help" {
                text += help(command, commands)
            } else {
                text += command.verbs.isEmpty ? arguments(command, indent: 8) : verbs(command)
            }
            text += "        ;;\n"
        }
        return text + """
                esac
            }

            _a2 "$@"

            """
    }

    private static func described(_ command: CompletedCommand) -> String {
        "'\(command.name):\(quoted(command.summary))'"
    }

    private static func verbs(_ command: CompletedCommand) -> String {
        var text = "        verbs=(\n"
        for verb in command.verbs { text += "            \(described(verb))\n" }
        text += "        )\n        if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
        text += "            _describe 'verb' verbs\n            return\n        fi\n        case $words[2] in\n"
        for verb in command.verbs {
            text += "        \(verb.name))\n            shift words\n            (( CURRENT-- ))\n"
            text += arguments(verb, indent: 12) + "            ;;\n"
        }
        text += "        *)\n" + arguments(command.defaultVerb ?? command, indent: 12) + "            ;;\n"
        return text + "        esac\n"
    }

    /// A subcommand, then its verb.
    private static func help(_ command: CompletedCommand, _ commands: [CompletedCommand]) -> String {
        var text = "        if (( CURRENT == 3 )); then\n            case $words[2] in\n"
        for topic in commands where !topic.verbs.isEmpty {
            text += "            \(topic.name)) compadd -- \(topic.verbs.map(\.name).joined(separator: " ")) ;;\n"
        }
        return text + "            esac\n            return\n        fi\n" + arguments(command, indent: 8)
    }

    private static func arguments(_ command: CompletedCommand, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var text = margin + (command.stopsAtOperand ? "_arguments -S -A '-*'" : "_arguments -S")
        for flag in command.flags { text += " \\\n\(margin)    " + specification(flag) }
        switch command.operand {
        case .words(let words): text += " \\\n\(margin)    '1:word:(\(words.joined(separator: " ")))'"
        case .file: text += " \\\n\(margin)    '*:file:_files'"
        case .directory: text += " \\\n\(margin)    '*:directory:_files -/'"
        case .anything, nil: break
        }
        return text + "\n"
    }

    /// `'(-p --port)'{-p,--port=}'[Its TCP port.]:PORT:'`.
    private static func specification(_ flag: CompletedFlag) -> String {
        var tail = "[\(quoted(flag.summary))]"
        if let value = flag.value {
            tail += ":" + quoted(flag.placeholder) + ":"
            switch value {
            case .words(let words): tail += "(\(words.joined(separator: " ")))"
            case .file: tail += "_files"
            case .directory: tail += "_files -/"
            case .anything: break
            }
        }
        let long = "--" + flag.name + (flag.value == nil ? "" : "=")
        guard let letter = flag.letter else { return "'" + (flag.isRepeatable ? "*" : "") + long + tail + "'" }
        let before = flag.isRepeatable ? "*" : "(-\(letter) --\(flag.name))"
        return "'\(before)'{-\(letter),\(long)}'\(tail)'"
    }

    /// For single quotes inside `_arguments` specifications.
    private static func quoted(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "'": result += "'\\''"
            case "[", "]", ":", "\\": result += "\\" + String(character)
            default: result.append(character)
            }
        }
        return result
    }
}
