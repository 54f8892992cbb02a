/// Puts the settings together: flags over A2_ variables over the file over defaults.

/// A value or name that is not accepted, and where it stands.
public struct SettingsError: Error, Equatable, CustomStringConvertible {
    /// "a2.toml:3:1", "A2_PORT", "--port".
    public let place: String
    public let message: String

    public init(place: String, message: String) {
        self.place = place
        self.message = message
    }

    public var description: String { "\(place): \(message)" }
}

/// The text of a configuration file; nothing here opens one.
public struct ConfigurationFile: Sendable {
    public let path: String
    public let text: String

    public init(path: String, text: String) {
        self.path = path
        self.text = text
    }

    /// JSON by extension, TOML otherwise.
    public var isJSON: Bool { path.lowercased().hasSuffix(".json") }

    /// Where to look for a file: the one named must exist, of the others the first that does is taken.
    public static func candidates(
        flag: String?, environment: [String: String]
    ) -> (paths: [String], mustExist: Bool) {
        if let named = flag ?? environment["A2_CONFIG"], !named.isEmpty { return ([named], true) }
        var paths: [String] = []
        if let home = environment["XDG_CONFIG_HOME"], !home.isEmpty {
            paths.append(home + "/a2/a2.toml")
        } else if let home = environment["HOME"], !home.isEmpty {
            paths.append(home + "/.config/a2/a2.toml")
        }
        return (paths + ["/etc/a2/a2.toml"], false)
    }

    func members() throws(SettingsError) -> [ConfigurationMember] {
        do {
            if !isJSON { return try TOMLDocument.read(text).members }
            guard case .table(let members) = try JSONReader.read(text) else {
                throw SettingsError(place: "\(path):1:1", message: "expected an object")
            }
            return members.flatMap(\.leaves)
        } catch let error as ConfigurationError {
            throw SettingsError(place: "\(path):\(error.line):\(error.column)", message: error.message)
        } catch let error as SettingsError {
            throw error
        } catch {
            preconditionFailure("the readers throw nothing else")
        }
    }
}

/// A flag of the command line with its value, as spelled.
public struct FlagValue: Sendable, Equatable {
    public let option: Option
    public let value: String
    /// "--port".
    public let spelling: String
}

extension Settings {
    /// What `a2 serve` runs with, and warnings about names that were ignored.
    public static func load(
        flags: [FlagValue], environment: [String: String], file: ConfigurationFile?
    ) throws(SettingsError) -> (settings: Settings, warnings: [String]) {
        var settings = Settings()
        if let file { try settings.apply(file) }
        let warnings = try settings.apply(environment: environment)
        try settings.apply(flags)
        return (settings, warnings)
    }

    private mutating func apply(_ file: ConfigurationFile) throws(SettingsError) {
        for member in try file.members() {
            // What the console reads of the same file.
            if member.path.starts(with: ["console", "nodes"]) { continue }
            let place = "\(file.path):\(member.line):\(member.column)"
            let row = try Self.row(of: member, place: place)
            do {
                let value = try row.value(of: member.value)
                set(row.option, value, from: .file(file.path, line: member.line))
            } catch {
                throw SettingsError(place: place, message: "\(row.name): \(error.description)")
            }
        }
    }

    /// The option a key of a file sets: in its own table, or at the top without one.
    static func row(of member: ConfigurationMember, place: String) throws(SettingsError) -> OptionRow {
        let spelled = member.path.joined(separator: ".")
        let name = member.path.last ?? ""
        guard let row = OptionTable.row(named: name), !row.isCommandLineOnly else {
            if member.path.count > 1, !OptionTable.sections.contains(member.path[0]) {
                let near = nearestWord(to: member.path[0], among: OptionTable.sections)
                let hint = near.map { "; did you mean [\($0)]?" } ?? ""
                throw SettingsError(place: place, message: "unknown table [\(member.path[0])]" + hint)
            }
            throw SettingsError(place: place, message: "unknown key '\(spelled)'" + suggestion(for: name))
        }
        if member.path == [name] || member.path == [row.section, name] { return row }
        throw SettingsError(place: place, message: "'\(name)' belongs in [\(row.section)], not in '\(spelled)'")
    }

    private static func suggestion(for name: String) -> String {
        let names = OptionTable.rows.filter { !$0.isCommandLineOnly }.map(\.name)
        return nearestWord(to: name, among: names).map { "; did you mean '\($0)'?" } ?? ""
    }

    private mutating func apply(environment: [String: String]) throws(SettingsError) -> [String] {
        for row in OptionTable.rows where !row.isCommandLineOnly {
            guard let text = environment[row.variable] else { continue }
            do {
                set(row.option, try row.parse(text), from: .variable(row.variable))
            } catch {
                throw SettingsError(place: row.variable, message: error.description)
            }
        }
        // The environment is not ours alone, so a name we do not know is only worth a warning.
        let known = OptionTable.rows.map(\.variable)
        let unknown = environment.keys.sorted().filter { name in
            // The console has variables of its own.
            name.hasPrefix("A2_") && !name.hasPrefix("A2_CONSOLE_") && !known.contains(name)
        }
        return unknown.map { name in
            let near = nearestWord(to: name, among: known.map { $0.lowercased() })
            return "unknown variable \(name) ignored" + (near.map { "; did you mean \($0.uppercased())?" } ?? "")
        }
    }

    private mutating func apply(_ flags: [FlagValue]) throws(SettingsError) {
        for flag in flags {
            do {
                var value = try flag.option.row.parse(flag.value)
                // A list may be given a word at a time.
                if case .list(let more) = value, case .flag = source(of: flag.option) {
                    value = .list(list(flag.option) + more)
                }
                set(flag.option, value, from: .flag(flag.spelling))
            } catch {
                throw SettingsError(place: flag.spelling, message: error.description)
            }
        }
    }
}

extension OptionRow {
    /// The value a file gives: of its own type, or a text as a flag would have it.
    func value(of given: ConfigurationValue) throws(ValueError) -> OptionValue {
        switch (given, kind) {
        case (.string(let text), _): return try parse(text)
        case (.boolean(let on), .flag), (.boolean(let on), .choice): return try parse(on ? "yes" : "no")
        case (.integer(let number), .integer), (.integer(let number), .bytes): return try parse(String(number))
        case (.integer(let number), .percentiles), (.integer(let number), .list): return try parse(String(number))
        case (.float(let number), .percentiles): return try parse("\(number)")
        case (.array(let elements), .list), (.array(let elements), .percentiles),
            (.array(let elements), .outputLimits):
            return try parse(try elements.map(Self.word).joined(separator: " "))
        default: throw ValueError("expected \(expected)")
        }
    }

    private static func word(_ value: ConfigurationValue) throws(ValueError) -> String {
        switch value {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .float(let number): return "\(number)"
        default: throw ValueError("expected texts or numbers in the array")
        }
    }

    private var expected: String {
        switch kind {
        case .text, .path: "a text"
        case .flag: "true or false"
        case .integer: "a whole number"
        case .bytes: "a number of bytes, such as \"100mb\""
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .list, .percentiles, .outputLimits: "an array"
        }
    }
}
