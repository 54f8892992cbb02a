/// The command line as tables: which subcommands there are, their verbs and their flags. Arguments.swift reads it,
/// and help, completions and the manual are rendered from it.
///
/// How a tool adds itself, in one commit:
/// 1. Its rows stand in a file of their own, such as BenchCommandLine.swift: a `Subcommand` with flags, examples and
///    `manual`; `isHidden: true` (of it or of a single verb) keeps what does not work yet out of sight.
/// 2. Sources/a2/main.swift gets `case "bench": return BenchMain.run(arguments)`, and `isHidden` goes.
/// 3. `A2_REWRITE=1 swift test --filter CommandLine` writes completions and pages.
///
/// The tool reads `arguments.verb?.name`, `arguments.operands`, `arguments.has("json")`, `arguments.value("uri")`,
/// `try arguments.integer("port", in: 1...65535) ?? 6379`; a UsageError it throws or passes on ends as
/// ExitStatus.usage.

/// A flag of one subcommand that is not an option of the server.
public struct CommandFlag: Sendable {
    /// Without the dashes.
    public let name: String
    /// The short spelling: "p" for `-p`.
    public let letter: Character?
    /// What stands for the value in help, as PORT; nil for a switch. FILE and DIR are completed as such.
    public let value: String?
    /// The words a value may be, for completion and for `Arguments.choice`.
    public let words: [String]
    /// Whether each value counts; otherwise the last one given wins, as in Redis' tools.
    public let isRepeatable: Bool
    /// Other long names, which Redis' tools have.
    public let aliases: [String]
    /// The heading it stands under in help.
    public let section: String
    public let summary: String

    public init(
        _ name: String, letter: Character? = nil, value: String? = nil, words: [String] = [],
        isRepeatable: Bool = false, aliases: [String] = [], section: String = "Flags", _ summary: String
    ) {
        self.name = name
        self.letter = letter
        self.value = value ?? (words.isEmpty ? nil : words.joined(separator: "|"))
        self.words = words
        self.isRepeatable = isRepeatable
        self.aliases = aliases
        self.section = section
        self.summary = summary
    }

    /// `-p, --port PORT`.
    public var spelling: String {
        (letter.map { "-\($0), " } ?? "") + "--" + name + (value.map { " " + $0 } ?? "")
    }
}

/// What the page of a tool says besides its flags.
public struct ManualNotes: Sendable {
    /// What differs from, or adds to, `ExitStatus.meanings`.
    public let exitStatuses: [(status: Int32, meaning: String)]
    public let environment: [(name: String, meaning: String)]
    public let files: [(path: String, meaning: String)]
    /// Pages besides those of a2, as "redis-cli(1)".
    public let seeAlso: [String]
    /// Paragraphs under headings of their own, after the flags.
    public let sections: [(heading: String, paragraphs: [String])]

    public init(
        exitStatuses: [(status: Int32, meaning: String)] = [], environment: [(name: String, meaning: String)] = [],
        files: [(path: String, meaning: String)] = [], seeAlso: [String] = [],
        sections: [(heading: String, paragraphs: [String])] = []
    ) {
        self.exitStatuses = exitStatuses
        self.environment = environment
        self.files = files
        self.seeAlso = seeAlso
        self.sections = sections
    }
}

/// A subcommand, or one of its verbs.
public struct Subcommand: Sendable {
    public let name: String
    public let summary: String
    /// Operands as help shows them; FILE and DIR are completed as such.
    public let operands: String
    public let operandsMin: Int
    /// `.max` for any number.
    public let operandsMax: Int
    /// The words an operand may be, for completion.
    public let operandWords: [String]
    /// Of a subcommand with verbs: those every verb has.
    public let flags: [CommandFlag]
    public let verbs: [Subcommand]
    /// The verb that is meant where none is named.
    public let defaultVerb: String?
    /// Whether all that follows the first operand is an operand, as in `a2 console SET key -1`.
    public let stopsAtOperand: Bool
    /// Whether the options of the server are flags of it.
    public let takesOptions: Bool
    public let isHidden: Bool
    public let description: String
    public let examples: [(command: String, meaning: String)]
    public let manual: ManualNotes
    /// The subcommand a verb belongs to, and the flags it has from there.
    public private(set) var parentName: String?
    private var inheritedFlags: [CommandFlag] = []

    public init(
        _ name: String, _ summary: String, operands: String = "", operandsMin: Int = 0, operandsMax: Int = 0,
        operandWords: [String] = [], flags: [CommandFlag] = [], verbs: [Subcommand] = [], defaultVerb: String? = nil,
        stopsAtOperand: Bool = false, takesOptions: Bool = false, isHidden: Bool = false, description: String = "",
        examples: [(command: String, meaning: String)] = [], manual: ManualNotes = ManualNotes()
    ) {
        self.name = name
        self.summary = summary
        self.operands = operands
        self.operandsMin = operandsMin
        self.operandsMax = operandsMax
        self.operandWords = operandWords
        self.flags = flags
        self.verbs = verbs.map { verb in
            var verb = verb
            verb.parentName = name
            verb.inheritedFlags = flags
            return verb
        }
        self.defaultVerb = defaultVerb
        self.stopsAtOperand = stopsAtOperand
        self.takesOptions = takesOptions
        self.isHidden = isHidden
        self.description = description
        self.examples = examples
        self.manual = manual
    }

    public static let all: [Subcommand] = [
        serve, console, bench, snapshot, inspect,
        Subcommand(
            "completions", "Print completions for a shell.", operands: "bash|zsh|fish", operandsMin: 1, operandsMax: 1,
            operandWords: ["bash", "zsh", "fish"],
            description: "Prints a script for the shell named.",
            examples: [("a2 completions bash > /usr/share/bash-completion/completions/a2", "install for bash")]),
        Subcommand("version", "Print the version.", examples: [("a2 version", "print the version")]),
        Subcommand(
            "help", "Show help for a subcommand.", operands: "[SUBCOMMAND [VERB]]", operandsMax: 2,
            examples: [("a2 help serve", "every option of serve")]),
        Subcommand(
            "man", "Print a page of the manual.", operands: "PAGE", operandsMin: 1, operandsMax: 1,
            operandWords: ManualPages.names, isHidden: true),
    ]

    public static var visible: [Subcommand] { all.filter { !$0.isHidden } }

    public static func named(_ name: String) -> Subcommand? { all.first { $0.name == name } }

    public func verb(named name: String) -> Subcommand? { verbs.first { $0.name == name } }

    public var visibleVerbs: [Subcommand] { verbs.filter { !$0.isHidden } }

    /// With those of the subcommand a verb belongs to, and --help.
    public var allFlags: [CommandFlag] {
        flags + inheritedFlags + [CommandFlag("help", letter: bareLetterHIsHelp ? nil : "h", "Show help and exit.")]
    }

    /// `bench converge`.
    public var path: String { (parentName.map { $0 + " " } ?? "") + name }

    /// Whether `-h VALUE` names a host, as in Redis' tools; a `-h` at the very end asks for help all the same.
    public var bareLetterHIsHelp: Bool { (flags + inheritedFlags).contains { $0.letter == "h" } }

    func flag(named name: String) -> CommandFlag? { allFlags.first { $0.name == name || $0.aliases.contains(name) } }

    func flag(letter: Character) -> CommandFlag? { allFlags.first { $0.letter == letter } }
}
