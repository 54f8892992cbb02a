/// Completions for bash, zsh and fish, rendered from the tables. The repository keeps the output.

public enum Completions {
    /// Nil for a shell without one.
    public static func script(for shell: String) -> String? {
        switch shell {
        case "bash": BashCompletion.script(commands)
        case "zsh": ZshCompletion.script(commands)
        case "fish": FishCompletion.script(commands)
        default: nil
        }
    }

    static let note = "Made by `a2 completions`; do not edit."

    private static var commands: [CompletedCommand] { Subcommand.visible.map(CompletedCommand.init) }
}

/// What can follow a flag, or stand as an operand.
enum CompletedValue: Equatable {
    case anything
    case words([String])
    case file
    case directory

    /// By what help shows for it.
    init(_ placeholder: String, words: [String] = []) {
        let parts = placeholder.split { !$0.isLetter }
        if !words.isEmpty {
            self = .words(words)
        } else if parts.contains("FILE") {
            self = .file
        } else {
            self = parts.contains("DIR") ? .directory : .anything
        }
    }
}

/// A flag of whichever table.
struct CompletedFlag {
    let name: String
    let letter: Character?
    /// Nil for a switch.
    let value: CompletedValue?
    let placeholder: String
    /// A yes-or-no option, which may stand alone.
    let isValueOptional: Bool
    let isRepeatable: Bool
    let summary: String

    init(_ flag: CommandFlag) {
        name = flag.name
        letter = flag.letter
        value = flag.value.map { CompletedValue($0, words: flag.words) }
        placeholder = flag.value ?? ""
        isValueOptional = false
        isRepeatable = flag.isRepeatable
        summary = flag.summary
    }

    init(_ row: OptionRow) {
        name = row.name
        letter = nil
        placeholder = row.kind.placeholder
        switch row.kind {
        case .flag: value = .words(["yes", "no"])
        case .choice(let words): value = .words(words)
        case .path: value = .file
        default: value = .anything
        }
        isValueOptional = row.kind == .flag
        isRepeatable = row.kind == .list
        summary = row.summary
    }

    /// `-p` and `--port`.
    var spellings: [String] { (letter.map { ["-\($0)"] } ?? []) + ["--" + name] }
}

/// A subcommand or a verb.
struct CompletedCommand {
    let name: String
    let summary: String
    let flags: [CompletedFlag]
    /// Nil for a command without operands.
    let operand: CompletedValue?
    let stopsAtOperand: Bool
    let verbs: [CompletedCommand]
    private let defaultVerbName: String?

    init(_ command: Subcommand) {
        name = command.name
        summary = command.summary
        flags =
            command.allFlags.map { CompletedFlag($0) }
            + (command.takesOptions ? OptionTable.rows.map(CompletedFlag.init) : [])
        // The table of subcommands cannot name its own words.
        let words = command.name == "help" ? Subcommand.visible.map(\.name) : command.operandWords
        operand = command.operandsMax == 0 ? nil : CompletedValue(command.operands, words: words)
        stopsAtOperand = command.stopsAtOperand
        verbs = command.visibleVerbs.map(CompletedCommand.init)
        defaultVerbName = command.defaultVerb
    }

    var defaultVerb: CompletedCommand? { verbs.first { $0.name == defaultVerbName } }
}
