/// The command line: which subcommands there are, and how their arguments read.
///
/// To add a subcommand: its row in `Subcommand.all`. Help, completions and the manual follow.

/// A flag of one subcommand that is not an option of the server.
public struct CommandFlag: Sendable {
    public let name: String
    public let summary: String
}

public struct Subcommand: Sendable {
    public let name: String
    public let summary: String
    /// Operands as help shows them.
    public let operands: String
    public let operandsMax: Int
    /// The words an operand may be, for completion.
    public let operandWords: [String]
    public let flags: [CommandFlag]
    /// Whether the options of the server are flags of it.
    public let takesOptions: Bool
    public let isHidden: Bool
    public let description: String
    public let examples: [(command: String, meaning: String)]

    init(
        _ name: String, _ summary: String, operands: String = "", operandsMax: Int = 0, operandWords: [String] = [],
        flags: [CommandFlag] = [], takesOptions: Bool = false, isHidden: Bool = false, description: String = "",
        examples: [(command: String, meaning: String)] = []
    ) {
        self.name = name
        self.summary = summary
        self.operands = operands
        self.operandsMax = operandsMax
        self.operandWords = operandWords
        self.flags = flags
        self.takesOptions = takesOptions
        self.isHidden = isHidden
        self.description = description
        self.examples = examples
    }

    public static let helpFlag = CommandFlag(name: "help", summary: "Show help and exit.")

    public static let all: [Subcommand] = [
        Subcommand(
            "serve", "Run a node.",
            flags: [
                CommandFlag(name: "check-config", summary: "Print the merged configuration with its sources and exit."),
                CommandFlag(name: "json", summary: "With --check-config: print JSON."),
                CommandFlag(name: "generate-config", summary: "Print a commented configuration file and exit."),
            ],
            takesOptions: true,
            description: "Serves Redis clients on --port until SIGTERM or SIGINT. Every option can be a flag, an "
                + "A2_ variable or a key of the configuration file; flags win over variables, variables over the file.",
            examples: [
                ("a2 serve --ephemeral", "serve on 127.0.0.1:6379, data in memory only"),
                ("a2 serve --bind '*' --password-file /etc/a2/password", "serve the network, with a password"),
                ("A2_MAXMEMORY=1gb a2 serve --maxmemory-policy allkeys-lru", "a cache of one gigabyte"),
                (
                    "a2 serve --node-id 2 --port 6380 --peer-port 16380 --peer 127.0.0.1",
                    "a second node on this machine, linked with the first"
                ),
                ("a2 serve --check-config", "show what would be used, and from where"),
            ]),
        Subcommand(
            "completions", "Print completions for a shell.", operands: "bash|zsh|fish", operandsMax: 1,
            operandWords: ["bash", "zsh", "fish"],
            description: "Prints a script for the shell named.",
            examples: [("a2 completions bash > /usr/share/bash-completion/completions/a2", "install for bash")]),
        Subcommand("version", "Print the version."),
        Subcommand(
            "help", "Show help for a subcommand.", operands: "[SUBCOMMAND]", operandsMax: 1,
            operandWords: ["serve", "completions", "version"]),
        Subcommand(
            "man", "Print a page of the manual.", operands: "PAGE", operandsMax: 1,
            operandWords: ManualPages.names, isHidden: true),
    ]

    public static func named(_ name: String) -> Subcommand? { all.first { $0.name == name } }

    public var allFlags: [CommandFlag] { flags + [Self.helpFlag] }
}

/// Arguments that make no sense; the message says what would.
public struct UsageError: Error, Equatable, CustomStringConvertible {
    public let description: String
}

/// The arguments of `a2`, read.
public struct Arguments: Sendable {
    public let subcommand: Subcommand
    public private(set) var options: [FlagValue] = []
    public private(set) var flags: Set<String> = []
    public private(set) var operands: [String] = []

    /// From the arguments after the program's name. No arguments at all read as `help`.
    public init(_ arguments: [String]) throws(UsageError) {
        switch arguments.first {
        case nil, "-h", "--help": subcommand = Self.subcommand("help")
        case "-V", "--version": subcommand = Self.subcommand("version")
        case let name?:
            guard let known = Subcommand.named(name) else { throw Self.unknown(name) }
            subcommand = known
        }
        var rest = arguments.dropFirst()
        while let argument = rest.popFirst() {
            if argument == "--" {
                operands += rest
                break
            } else if argument == "-h" {
                flags.insert("help")
            } else if argument.hasPrefix("--") {
                try readFlag(argument, &rest)
            } else if argument.hasPrefix("-"), argument != "-" {
                throw UsageError(description: "unknown flag '\(argument)'" + tryHelp)
            } else {
                operands.append(argument)
            }
        }
        if operands.count > subcommand.operandsMax {
            throw UsageError(description: "unexpected argument '\(operands[subcommand.operandsMax])'" + tryHelp)
        }
    }

    private static func subcommand(_ name: String) -> Subcommand {
        guard let found = Subcommand.named(name) else { preconditionFailure("no subcommand \(name)") }
        return found
    }

    private static func unknown(_ name: String) -> UsageError {
        let kind = name.hasPrefix("-") ? "flag" : "subcommand"
        let near = nearestWord(to: name, among: Subcommand.all.filter { !$0.isHidden }.map(\.name))
        let hint = near.map { "; did you mean '\($0)'?" } ?? ""
        return UsageError(description: "unknown \(kind) '\(name)'\(hint)\nTry 'a2 help'.")
    }

    private var tryHelp: String { "\nTry 'a2 help \(subcommand.name)'." }

    private mutating func readFlag(_ argument: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
        let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let given = parts.count > 1 ? String(parts[1]) : nil
        if subcommand.allFlags.contains(where: { $0.name == name }) {
            if given != nil { throw UsageError(description: "--\(name) takes no value" + tryHelp) }
            flags.insert(name)
            return
        }
        if subcommand.takesOptions, let row = OptionTable.row(named: name) {
            var value = given ?? ""
            if given == nil { value = try Self.value(for: row, spelled: name, &rest) }
            options.append(FlagValue(option: row.option, value: value, spelling: "--" + name))
            return
        }
        if subcommand.takesOptions, name.hasPrefix("no-"), given == nil,
            let row = OptionTable.row(named: String(name.dropFirst(3))), row.kind == .flag
        {
            options.append(FlagValue(option: row.option, value: "no", spelling: "--" + name))
            return
        }
        var known = subcommand.allFlags.map(\.name)
        if subcommand.takesOptions { known += OptionTable.rows.map(\.name) }
        let hint = nearestWord(to: name, among: known).map { "; did you mean '--\($0)'?" } ?? ""
        throw UsageError(description: "unknown flag '--\(name)'" + hint + tryHelp)
    }

    /// The next argument; a yes-or-no option may stand alone.
    private static func value(
        for row: OptionRow, spelled name: String, _ rest: inout ArraySlice<String>
    ) throws(UsageError) -> String {
        if row.kind == .flag {
            if let next = rest.first, ["yes", "no", "true", "false"].contains(next.lowercased()) {
                rest = rest.dropFirst()
                return next
            }
            return "yes"
        }
        guard let next = rest.popFirst() else {
            throw UsageError(description: "--\(name) needs a value: \(row.kind.placeholder)")
        }
        return next
    }

    /// The value of --config, if given.
    public var configurationPath: String? { options.last { $0.option == .config }?.value }
}
