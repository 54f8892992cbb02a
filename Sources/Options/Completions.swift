/// Completions for bash, zsh and fish, rendered from the tables. The repository keeps the output.

public enum Completions {
    /// Nil for a shell without one.
    public static func script(for shell: String) -> String? {
        switch shell {
        case "bash": bash
        case "zsh": zsh
        case "fish": fish
        default: nil
        }
    }

    private static let note = "Made by `a2 completions`; do not edit."
    private static var commands: [Subcommand] { Subcommand.visible }

    private static func rows(_ command: Subcommand) -> [OptionRow] { command.takesOptions ? OptionTable.rows : [] }

    private static func words(_ command: Subcommand) -> [String] {
        command.name == "help" ? commands.map(\.name) : command.operandWords
    }

    /// The words a value may be, for options that have few.
    private static func words(_ row: OptionRow) -> [String] {
        switch row.kind {
        case .flag: ["yes", "no"]
        case .choice(let words): words
        default: []
        }
    }

    static var bash: String {
        var text = """
            # bash completion for a2. \(note)

            _a2() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                local words=""
                COMPREPLY=()
                if [[ $COMP_CWORD -eq 1 ]]; then
                    words="\(commands.map(\.name).joined(separator: " ")) --help --version"
                    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
                    return
                fi
                case ${COMP_WORDS[1]} in

            """
        for command in commands {
            text += "    \(command.name))\n"
            let options = rows(command)
            if !options.isEmpty {
                text += "        case $previous in\n"
                for row in options {
                    if row.kind == .path {
                        text +=
                            "        --\(row.name)) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
                    } else if !words(row).isEmpty {
                        text += "        --\(row.name)) words=\"\(words(row).joined(separator: " "))\" ;;\n"
                    } else {
                        text += "        --\(row.name)) return ;;\n"
                    }
                }
                text += "        esac\n"
            }
            let flags = command.allFlags.map { "--" + $0.name } + options.map { "--" + $0.name }
            let all = (words(command) + flags).joined(separator: " ")
            text += "        [[ -n $words ]] || words=\"\(all)\"\n        ;;\n"
        }
        return text + """
                esac
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
            }

            complete -F _a2 a2

            """
    }

    /// For single quotes inside `_arguments` specifications.
    private static func zshQuoted(_ text: String) -> String {
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

    static var zsh: String {
        var text = """
            #compdef a2
            # zsh completion for a2. \(note)

            _a2() {
                local -a commands
                commands=(

            """
        for command in commands { text += "        '\(command.name):\(zshQuoted(command.summary))'\n" }
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
            text += "    \(command.name))\n        _arguments"
            for flag in command.allFlags { text += " \\\n            '--\(flag.name)[\(zshQuoted(flag.summary))]'" }
            for row in rows(command) {
                let action: String
                if row.kind == .path {
                    action = "file:_files"
                } else {
                    action = "value:" + (words(row).isEmpty ? "" : "(\(words(row).joined(separator: " ")))")
                }
                let repeats = row.kind == .list ? "*" : ""
                text += " \\\n            '\(repeats)--\(row.name)=[\(zshQuoted(row.summary))]:\(action)'"
            }
            if !words(command).isEmpty {
                text += " \\\n            '1:word:(\(words(command).joined(separator: " ")))'"
            }
            text += "\n        ;;\n"
        }
        return text + """
                esac
            }

            _a2 "$@"

            """
    }

    private static func fishQuoted(_ text: String) -> String {
        "'" + text.map { $0 == "'" || $0 == "\\" ? "\\" + String($0) : String($0) }.joined() + "'"
    }

    static var fish: String {
        var text = "# fish completion for a2. \(note)\n\ncomplete -c a2 -f\n"
        for command in commands {
            text += "complete -c a2 -n __fish_use_subcommand -a \(command.name) -d \(fishQuoted(command.summary))\n"
        }
        for command in commands {
            let here = "complete -c a2 -n '__fish_seen_subcommand_from \(command.name)'"
            text += "\n"
            if !words(command).isEmpty {
                text += "\(here) -a \(fishQuoted(words(command).joined(separator: " ")))\n"
            }
            for flag in command.allFlags { text += "\(here) -l \(flag.name) -d \(fishQuoted(flag.summary))\n" }
            for row in rows(command) {
                let kind = row.kind == .path ? "-r -F" : words(row).isEmpty ? "-x" : "-x -a "
                let choices = words(row).isEmpty ? "" : fishQuoted(words(row).joined(separator: " "))
                text += "\(here) -l \(row.name) \(kind)\(choices) -d \(fishQuoted(row.summary))\n"
            }
        }
        return text
    }
}
