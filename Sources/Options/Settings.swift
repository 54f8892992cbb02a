/// The options' values, each with where it came from: what a2 runs with, and what CONFIG reads and changes.

/// Where a value came from, weakest first.
public enum OptionSource: Sendable, Equatable {
    case standard
    case file(String, line: Int)
    case variable(String)
    case flag(String)
    case configSet

    public var description: String {
        switch self {
        case .standard: "default"
        case .file(let path, let line): "\(path):\(line)"
        case .variable(let name): name
        case .flag(let name): name
        case .configSet: "CONFIG SET"
        }
    }
}

public struct Settings: Sendable {
    private var values: [OptionValue]
    private var sources: [OptionSource]

    /// Every option at its default.
    public init() {
        values = OptionTable.rows.map(\.defaultValue)
        sources = Array(repeating: .standard, count: values.count)
    }

    public subscript(option: Option) -> OptionValue { values[option.rawValue] }

    public func source(of option: Option) -> OptionSource { sources[option.rawValue] }

    public mutating func set(_ option: Option, _ value: OptionValue, from source: OptionSource) {
        values[option.rawValue] = value
        sources[option.rawValue] = source
    }

    /// Asking for an option by the wrong type is a bug.
    public func integer(_ option: Option) -> Int {
        guard case .integer(let number) = self[option] else { preconditionFailure("\(option.name) is no integer") }
        return number
    }

    public func flag(_ option: Option) -> Bool {
        guard case .flag(let on) = self[option] else { preconditionFailure("\(option.name) is no flag") }
        return on
    }

    /// Of text, path, choice and output limits.
    public func text(_ option: Option) -> String {
        guard case .text(let text) = self[option] else { preconditionFailure("\(option.name) is no text") }
        return text
    }

    public func list(_ option: Option) -> [String] {
        guard case .list(let words) = self[option] else { preconditionFailure("\(option.name) is no list") }
        return words
    }

    public var outputLimits: OutputLimits {
        let text = text(.clientOutputBufferLimit)
        return (try? OutputLimits(changing: text, from: .standard)) ?? .standard
    }

    /// The name option, or one made from the node's number.
    public var nodeName: String {
        let name = text(.name)
        return name.isEmpty ? "node-\(integer(.nodeID))" : name
    }

    public var percentiles: [Double] { list(.latencyPercentiles).compactMap(Double.init) }
}

/// Why CONFIG SET changed nothing.
public enum ChangeError: Error, Equatable {
    /// "ERR Unknown option or number of arguments for CONFIG SET - 'x'".
    case unknown(String)
    /// "ERR CONFIG SET failed (possibly related to argument 'x') - reason".
    case refused(String, reason: String)

    /// Redis' error reply without its dash.
    public var reply: String {
        switch self {
        case .unknown(let name): "ERR Unknown option or number of arguments for CONFIG SET - '\(name)'"
        case .refused(let name, let reason):
            "ERR CONFIG SET failed (possibly related to argument '\(name)') - \(reason)"
        }
    }
}

extension Settings {
    /// Redis' other parameters: constants, and what follows from a2's own.
    private var compatibility: [(name: String, value: String)] {
        CompatibilityOptions.values + [("appendonly", flag(.ephemeral) ? "no" : "yes")]
    }

    /// Names and values for CONFIG GET, options first, aliases after their options; `matches` is the glob,
    /// given lower-case names.
    public func parameters(where matches: (String) -> Bool) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for row in OptionTable.rows where !row.isCommandLineOnly {
            for name in [row.name, row.alias].compactMap({ $0 }) where matches(name) {
                found.append((name, self[row.option].text))
            }
        }
        return found + compatibility.filter { matches($0.name) }
    }

    /// The settings after CONFIG SET, all changes or none, and which options differ.
    public func changed(
        _ changes: [(name: String, value: String)]
    ) throws(ChangeError) -> (settings: Settings, options: [Option]) {
        var (result, options, seen) = (self, [Option](), Set<String>())
        for change in changes {
            let known = OptionTable.row(named: change.name)
            if let row = known, !row.isCommandLineOnly {
                if !seen.insert(row.name).inserted { throw .refused(change.name, reason: "duplicate parameter") }
                let value = try result.value(of: change, for: row)
                if value != self[row.option] {
                    result.set(row.option, value, from: .configSet)
                    options.append(row.option)
                }
                continue
            }
            let constant = compatibility.first { $0.name == change.name.lowercased() }
            guard let constant else { throw .unknown(change.name) }
            if !seen.insert(constant.name).inserted { throw .refused(change.name, reason: "duplicate parameter") }
            if constant.value != change.value { throw .refused(change.name, reason: "can't set immutable config") }
        }
        return (result, options)
    }

    private func value(
        of change: (name: String, value: String), for row: OptionRow
    ) throws(ChangeError) -> OptionValue {
        if !row.isChangeable { throw .refused(change.name, reason: "can't set immutable config") }
        do {
            if row.kind == .outputLimits {
                return .text(try OutputLimits(changing: change.value, from: outputLimits).description)
            }
            return try row.parse(change.value)
        } catch {
            throw .refused(change.name, reason: error.description)
        }
    }
}
