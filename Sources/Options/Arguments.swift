/// The arguments of `a2`, read by the tables of CommandLine.swift.
///
/// Flags are `--name VALUE`, `--name=VALUE` or `-l VALUE`; `--` ends them. A lone `-` is an operand, and so is a
/// negative number that follows an operand. Of a flag given twice the last value counts, unless it is repeatable.

/// Arguments that make no sense; the message says what would.
public struct UsageError: Error, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

public struct Arguments: Sendable {
    public let subcommand: Subcommand
    /// `converge` of `a2 bench converge`; nil where a subcommand has no verbs or help is asked for it as a whole.
    public private(set) var verb: Subcommand?
    /// Options of the server.
    public private(set) var options: [FlagValue] = []
    /// The names of all flags given, with a value or without.
    public private(set) var flags: Set<String> = []
    public private(set) var operands: [String] = []
    private var given: [(name: String, value: String)] = []

    /// From the arguments after the program's name. No arguments at all read as `help`.
    public init(_ arguments: [String]) throws(UsageError) {
        let subcommand: Subcommand
        switch arguments.first {
        case nil, "-h", "--help": subcommand = Self.subcommand("help")
        case "-V", "--version": subcommand = Self.subcommand("version")
        case let name?:
            guard let known = Subcommand.named(name) else { throw Self.unknown(name) }
            subcommand = known
        }
        try self.init(subcommand, Array(arguments.dropFirst()))
    }

    /// From the arguments after the subcommand's name.
    public init(_ subcommand: Subcommand, _ words: [String]) throws(UsageError) {
        self.subcommand = subcommand
        var rest = words[...]
        try readVerb(&rest)
        while let argument = rest.popFirst() { try read(argument, &rest) }
        try checkOperands()
    }

    /// What the flags and operands belong to: the verb, or the subcommand without one.
    public var invoked: Subcommand { verb ?? subcommand }

    public func has(_ flag: String) -> Bool { flags.contains(flag) }

    /// The last value given; nil without one.
    public func value(_ flag: String) -> String? { given.last { $0.name == flag }?.value }

    /// Every value given, in order.
    public func values(_ flag: String) -> [String] { given.filter { $0.name == flag }.map(\.value) }

    /// The value of --config, if given.
    public var configurationPath: String? { options.last { $0.option == .config }?.value }

    /// A usage error that says where to read on.
    public func usage(_ message: String) -> UsageError { UsageError(message + tryHelp) }

    private var tryHelp: String { "\nTry 'a2 help \(invoked.path)'." }

    private static func subcommand(_ name: String) -> Subcommand {
        guard let found = Subcommand.named(name) else { preconditionFailure("no subcommand \(name)") }
        return found
    }

    // MARK: Subcommand and verb

    private static func unknown(_ name: String) -> UsageError {
        let isFlag = name.hasPrefix("-")
        // A verb without its subcommand.
        if let owner = Subcommand.visible.first(where: { $0.visibleVerbs.contains { $0.name == name } }) {
            return UsageError(
                "unknown subcommand '\(name)'; did you mean '\(owner.name) \(name)'?\nTry 'a2 help \(owner.name)'.")
        }
        let known = isFlag ? ["--help", "--version"] : Subcommand.visible.map(\.name)
        return UsageError(
            "unknown \(isFlag ? "flag" : "subcommand") '\(name)'" + didYouMean(name, known) + "\nTry 'a2 help'.")
    }

    static func didYouMean(_ word: String, _ known: [String], prefix: String = "") -> String {
        nearestWord(to: word, among: known).map { "; did you mean '\(prefix)\($0)'?" } ?? ""
    }

    /// The first word names the verb. Help for the whole is what `a2 bench`, `a2 bench --help` and `a2 bench help` show.
    private mutating func readVerb(_ rest: inout ArraySlice<String>) throws(UsageError) {
        if subcommand.verbs.isEmpty { return }
        if rest.first == "help" {
            flags.insert("help")
            rest = rest.dropFirst()
            if rest.isEmpty { return }
        }
        guard let word = rest.first else {
            flags.insert("help")
            return
        }
        if let named = subcommand.verb(named: word) {
            verb = named
            rest = rest.dropFirst()
        } else if rest.count == 1, word == "--help" || word == "-h" {
            return
        } else {
            let hint = Self.didYouMean(word, subcommand.visibleVerbs.map(\.name))
            guard let name = subcommand.defaultVerb, hint.isEmpty || word.hasPrefix("-") else {
                throw usage("unknown verb '\(word)' of a2 \(subcommand.name)" + hint)
            }
            guard let standing = subcommand.verb(named: name) else { preconditionFailure("no verb \(name)") }
            verb = standing
        }
    }

    // MARK: Flags

    private mutating func read(_ argument: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
        if !operands.isEmpty, invoked.stopsAtOperand || isNegativeNumber(argument) {
            operands.append(argument)
        } else if argument == "--" {
            operands += rest
            rest = []
        } else if argument.hasPrefix("--") {
            try readFlag(argument, &rest)
        } else if argument.hasPrefix("-"), argument != "-" {
            try readLetter(argument, &rest)
        } else {
            operands.append(argument)
        }
    }

    private func isNegativeNumber(_ argument: String) -> Bool {
        guard argument.hasPrefix("-"), Double(argument) != nil, let digit = argument.dropFirst().first else {
            return false
        }
        return (digit.isNumber || digit == ".") && !(argument.count == 2 && invoked.flag(letter: digit) != nil)
    }

    private mutating func readLetter(_ argument: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
        let letters = argument.dropFirst()
        guard let letter = letters.first else { preconditionFailure("a flag without a letter") }
        if letters.count > 1 {
            // -p6379 and -xq are not read: one spelling each, and none that means two things.
            guard !isLongName(String(letters)), invoked.flag(letter: letter)?.value != nil else {
                throw unknownFlag(argument)
            }
            throw usage("unknown flag '\(argument)'; did you mean '-\(letter) \(letters.dropFirst())'?")
        }
        if letter == "h", !invoked.bareLetterHIsHelp || rest.isEmpty {
            flags.insert("help")
            return
        }
        guard let flag = invoked.flag(letter: letter) else { throw unknownFlag(argument) }
        try take(flag, spelled: argument, nil, &rest)
    }

    private mutating func readFlag(_ argument: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
        let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let value = parts.count > 1 ? String(parts[1]) : nil
        if let flag = invoked.flag(named: name) { return try take(flag, spelled: "--" + name, value, &rest) }
        if invoked.takesOptions, let row = OptionTable.row(named: name) {
            let text: String
            if let value { text = value } else { text = try nextValue(of: row, &rest) }
            options.append(FlagValue(option: row.option, value: text, spelling: "--" + name))
        } else if invoked.takesOptions, name.hasPrefix("no-"), value == nil,
            let row = OptionTable.row(named: String(name.dropFirst(3))), row.kind == .flag
        {
            options.append(FlagValue(option: row.option, value: "no", spelling: "--" + name))
        } else {
            throw unknownFlag("--" + name)
        }
    }

    private mutating func take(
        _ flag: CommandFlag, spelled: String, _ value: String?, _ rest: inout ArraySlice<String>
    ) throws(UsageError) {
        flags.insert(flag.name)
        guard let placeholder = flag.value else {
            if value != nil { throw usage("\(spelled) takes no value") }
            return
        }
        if let value {
            given.append((flag.name, value))
            return
        }
        // A flag where a value belongs is a value forgotten. One that is meant has the spelling with '='.
        guard let next = rest.first, !isKnownFlag(next) else {
            let meant = rest.first.map { "; if '\($0)' is meant, write --\(flag.name)=\($0)" } ?? ""
            throw usage("\(spelled) needs a value: \(placeholder)" + meant)
        }
        rest = rest.dropFirst()
        given.append((flag.name, next))
    }

    private func isKnownFlag(_ word: String) -> Bool {
        if word.hasPrefix("--") { return invoked.flag(named: String(word.dropFirst(2))) != nil }
        guard word.hasPrefix("-"), word.count == 2, let letter = word.last, !letter.isNumber else { return false }
        return invoked.flag(letter: letter) != nil
    }

    /// The next argument; a yes-or-no option may stand alone.
    private func nextValue(of row: OptionRow, _ rest: inout ArraySlice<String>) throws(UsageError) -> String {
        if row.kind == .flag {
            if let next = rest.first, ["yes", "no", "true", "false"].contains(next.lowercased()) {
                rest = rest.dropFirst()
                return next
            }
            return "yes"
        }
        guard let next = rest.popFirst() else { throw usage("--\(row.name) needs a value: \(row.kind.placeholder)") }
        return next
    }

    private func unknownFlag(_ argument: String) -> UsageError {
        var hint = ""
        if argument.hasPrefix("--") {
            var known = invoked.allFlags.flatMap { [$0.name] + $0.aliases }
            if invoked.takesOptions { known += OptionTable.rows.map(\.name) }
            hint = Self.didYouMean(String(argument.dropFirst(2)), known, prefix: "--")
        } else if isLongName(String(argument.dropFirst())) {
            hint = "; did you mean '-\(argument)'?"
        }
        return usage("unknown flag '\(argument)'" + hint)
    }

    private func isLongName(_ name: String) -> Bool {
        invoked.flag(named: name) != nil || invoked.takesOptions && OptionTable.row(named: name) != nil
    }

    private func checkOperands() throws(UsageError) {
        if has("help") { return }
        if operands.count > invoked.operandsMax {
            throw usage("unexpected argument '\(operands[invoked.operandsMax])'")
        }
        if operands.count < invoked.operandsMin { throw usage("\(invoked.path) needs \(invoked.operands)") }
    }
}
