/// What an option is: one row of the table, and how a text becomes its value.
///
/// The texts of refusals are Redis', because CONFIG SET sends them to clients.

public enum OptionKind: Sendable, Equatable {
    case text
    case path
    /// yes or no.
    case flag
    case integer(ClosedRange<Int>)
    /// A number of bytes, with Redis' units: 100mb, 1gb, 512.
    case bytes(ClosedRange<Int>)
    /// One of some words.
    case choice([String])
    /// Words.
    case list
    /// Class, hard limit, soft limit, seconds; for each of normal, slave, pubsub.
    case outputLimits
    /// Numbers from 0 to 100.
    case percentiles

    /// What stands after the flag in help.
    public var placeholder: String {
        switch self {
        case .text: "TEXT"
        case .path: "FILE"
        case .flag: "yes|no"
        case .integer: "N"
        case .bytes: "BYTES"
        case .choice(let words): words.count <= 4 ? words.joined(separator: "|") : "WORD"
        case .list: "WORD..."
        case .outputLimits: "LIMITS"
        case .percentiles: "N..."
        }
    }
}

public enum OptionValue: Sendable, Equatable {
    case text(String)
    case flag(Bool)
    case integer(Int)
    case list([String])

    /// As CONFIG GET prints it.
    public var text: String {
        switch self {
        case .text(let text): text
        case .flag(let on): on ? "yes" : "no"
        case .integer(let number): String(number)
        case .list(let words): words.joined(separator: " ")
        }
    }
}

/// A value refused, in Redis' words where Redis has some.
public struct ValueError: Error, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

public struct OptionRow: Sendable {
    public let option: Option
    /// The flag without its dashes, the CONFIG parameter and the key in a file.
    public let name: String
    /// Redis' name where ours differs.
    public let alias: String?
    /// The table of the file it stands in.
    public let section: String
    public let kind: OptionKind
    /// In the spelling of a flag.
    public let defaultText: String
    public let isChangeable: Bool
    public let isSecret: Bool
    /// Meaningful on the command line only: not in a file, not in CONFIG.
    public let isCommandLineOnly: Bool
    public let summary: String

    init(
        _ option: Option, section: String, _ kind: OptionKind, _ defaultText: String, alias: String? = nil,
        changeable: Bool = false, secret: Bool = false, commandLineOnly: Bool = false, _ summary: String
    ) {
        self.option = option
        self.name = option.name
        self.alias = alias
        self.section = section
        self.kind = kind
        self.defaultText = defaultText
        self.isChangeable = changeable
        self.isSecret = secret
        self.isCommandLineOnly = commandLineOnly
        self.summary = summary
    }

    /// A2_MAXMEMORY_POLICY for maxmemory-policy.
    public var variable: String {
        "A2_" + String(name.map { $0 == "-" ? "_" : Character($0.uppercased()) })
    }

    public var defaultValue: OptionValue {
        guard let value = try? parse(defaultText) else { preconditionFailure("the default of \(name) is refused") }
        return value
    }

    /// The value a text spells, as a flag, a variable and CONFIG SET have it.
    public func parse(_ text: String) throws(ValueError) -> OptionValue {
        switch kind {
        case .text, .path: return .text(text)
        case .flag: return .flag(try parseFlag(text))
        case .integer(let range):
            guard let number = integer(text) else { throw ValueError("argument couldn't be parsed into an integer") }
            return .integer(try within(range, number))
        case .bytes(let range):
            guard let number = memoryBytes(text) else { throw ValueError("argument must be a memory value") }
            return .integer(try within(range, number))
        case .choice(let words): return .text(try parseChoice(text, words))
        case .list: return .list(splitWords(text))
        case .outputLimits:
            return .text(try OutputLimits(changing: text, from: OutputLimits.standard).description)
        case .percentiles:
            return .list(try parsePercentiles(text))
        }
    }

    private func parseFlag(_ text: String) throws(ValueError) -> Bool {
        switch text.lowercased() {
        case "yes", "true": return true
        case "no", "false": return false
        default: throw ValueError("argument must be 'yes' or 'no'")
        }
    }

    private func parseChoice(_ text: String, _ words: [String]) throws(ValueError) -> String {
        let word = text.lowercased()
        if words.contains(word) { return word }
        // Redis has levels of its own.
        if option == .logLevel, let same = ["verbose": "info", "nothing": "error"][word] { return same }
        throw ValueError("argument(s) must be one of the following: " + words.joined(separator: ", "))
    }

    private func parsePercentiles(_ text: String) throws(ValueError) -> [String] {
        let words = splitWords(text)
        for word in words {
            guard let number = Double(word), number.isFinite else {
                throw ValueError("Invalid \(name) parameters")
            }
            if number < 0 || number > 100 {
                throw ValueError("\(name) parameters should sit between [0.0,100.0]")
            }
        }
        return words
    }

    private func within(_ range: ClosedRange<Int>, _ number: Int) throws(ValueError) -> Int {
        if range.contains(number) { return number }
        throw ValueError("argument must be between \(range.lowerBound) and \(range.upperBound) inclusive")
    }
}

/// Words between spaces or commas.
func splitWords(_ text: String) -> [String] {
    text.split { $0 == " " || $0 == "," || $0 == "\t" }.map(String.init)
}

/// A decimal integer in its one spelling.
func integer(_ text: String) -> Int? {
    guard let number = Int(text), String(number) == text else { return nil }
    return number
}

/// Bytes with one of Redis' units: k, m and g are powers of 1000; kb, mb and gb of 1024.
public func memoryBytes(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit: Int
    switch text.dropFirst(digits.count).lowercased() {
    case "", "b": unit = 1
    case "k": unit = 1000
    case "kb": unit = 1024
    case "m": unit = 1_000_000
    case "mb": unit = 1 << 20
    case "g": unit = 1_000_000_000
    case "gb": unit = 1 << 30
    default: return nil
    }
    guard let number = Int(digits) else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : bytes
}
