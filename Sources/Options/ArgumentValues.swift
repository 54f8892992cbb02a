/// Values of flags as what they stand for. A value that does not fit is a UsageError that names flag and value.

extension Arguments {
    /// Nil when the flag is not given, as with all of these.
    public func integer(_ flag: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
        guard let text = value(flag) else { return nil }
        guard let number = Options.integer(text), range.contains(number) else {
            throw refusal(flag, text, "a whole number" + Self.bounds(range))
        }
        return number
    }

    public func number(_ flag: String, in range: ClosedRange<Double>) throws(UsageError) -> Double? {
        guard let text = value(flag) else { return nil }
        guard let number = Double(text), number.isFinite, range.contains(number) else {
            throw refusal(flag, text, "a number" + Self.bounds(range))
        }
        return number
    }

    /// With Redis' units: 100mb, 1gb, 512.
    public func bytes(_ flag: String, in range: ClosedRange<Int> = 0...Int.max) throws(UsageError) -> Int? {
        guard let text = value(flag) else { return nil }
        guard let number = memoryBytes(text), range.contains(number) else {
            throw refusal(flag, text, "a size such as 512, 64kb or 1gb" + Self.bounds(range))
        }
        return number
    }

    /// 10s, 500ms, 2m; a bare number counts seconds.
    public func duration(
        _ flag: String, in range: ClosedRange<Duration> = .zero ... .seconds(366 * 86400)
    ) throws(UsageError) -> Duration? {
        guard let text = value(flag) else { return nil }
        guard let duration = parseDuration(text), range.contains(duration) else {
            throw refusal(
                flag, text,
                "a time such as 500ms, 10s or 2m"
                    + Self.bounds(durationText(range.lowerBound), durationText(range.upperBound)))
        }
        return duration
    }

    /// One of the words the table has for the flag.
    public func choice(_ flag: String) throws(UsageError) -> String? {
        guard let text = value(flag) else { return nil }
        let words = invoked.flag(named: flag)?.words ?? []
        if words.contains(text) { return text }
        throw refusal(flag, text, "one of " + words.joined(separator: ", "), Self.didYouMean(text, words))
    }

    /// Words between commas, of every time the flag is given.
    public func list(_ flag: String) -> [String] {
        values(flag).flatMap { $0.split(separator: ",").map(String.init) }
    }

    private func refusal(_ flag: String, _ text: String, _ wanted: String, _ hint: String = "") -> UsageError {
        usage("--\(flag) takes \(wanted), not '\(text)'" + hint)
    }

    private static func bounds(_ range: ClosedRange<Int>) -> String {
        bounds("\(range.lowerBound)", range.upperBound == .max ? nil : "\(range.upperBound)")
    }

    private static func bounds(_ range: ClosedRange<Double>) -> String {
        func text(_ bound: Double) -> String { Int(exactly: bound).map { "\($0)" } ?? "\(bound)" }
        return bounds(text(range.lowerBound), range.upperBound > 1e15 ? nil : text(range.upperBound))
    }

    private static func bounds(_ least: String, _ most: String?) -> String {
        most.map { " between \(least) and \($0)" } ?? " of \(least) or more"
    }
}

/// Nil when the text is no time. Units: us, ms, s, m, h, d; none is seconds.
public func parseDuration(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit: Double
    switch text.dropFirst(digits.count) {
    case "us": unit = 0.000_001
    case "ms": unit = 0.001
    case "", "s": unit = 1
    case "m": unit = 60
    case "h": unit = 3600
    case "d": unit = 86400
    default: return nil
    }
    // A century is far beyond what is meant, and far below what a Duration holds.
    guard let number = Double(digits), number * unit <= 36525 * 86400 else { return nil }
    return .seconds(number * unit)
}

/// In the largest unit that is whole: what parseDuration reads.
public func durationText(_ duration: Duration) -> String {
    let microseconds = duration.microseconds
    for (unit, size) in [
        ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000),
    ]
    where microseconds >= size && microseconds % size == 0 { return "\(microseconds / size)\(unit)" }
    return microseconds == 0 ? "0" : "\(microseconds)us"
}

extension Duration {
    public var microseconds: Int {
        Int(components.seconds) * 1_000_000 + Int(components.attoseconds / 1_000_000_000_000)
    }
    public var milliseconds: Int { microseconds / 1000 }
    public var nanoseconds: Int {
        Int(components.seconds) * 1_000_000_000 + Int(components.attoseconds / 1_000_000_000)
    }
}
