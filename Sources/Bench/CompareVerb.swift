/// `a2 bench compare A.json B.json`: what changed, and whether that is more than noise.
///
/// The noise of a metric is estimated from its samples: the runs of a file where it has several of one name, else
/// the intervals of its one run. A difference counts when it is beyond twice the standard error of both sides
/// together and beyond the threshold.
import Base
import OS
import Options

struct CompareVerb {
    enum Verdict: String, Sendable {
        case better, worse, same
        /// Not the server's doing, or too few of it to say.
        case unjudged = "-"
    }

    /// One side of a comparison.
    struct Side: Equatable, Sendable {
        let value: Double
        /// Relative standard error, nil where there is nothing to tell it from.
        let noise: Double?
    }

    struct Row: Sendable {
        let run: String
        let metric: BenchMetric
        let before: Side
        let after: Side
        let verdict: Verdict

        var change: Double { before.value == 0 ? (after.value == 0 ? 0 : .infinity) : after.value / before.value - 1 }
    }

    static let metrics: [BenchMetric] = [
        .requestsPerSecond, .average, .percentile(50), .percentile(95), .percentile(99), .percentile(99.9), .maximum,
        .errors, .clientCPU, .serverCPU,
    ]

    let options: BenchOptions

    func run() throws(BenchFailure) -> Int32 {
        let files = try options.operands.map { path throws(BenchFailure) in try BenchFile(path) }
        let rows = try compare(files[0], files[1])
        var failures: [String] = []
        for condition in options.failConditions where !rows.contains(where: { $0.metric == condition.metric }) {
            failures.append("\(condition.text): the files do not tell")
        }
        for row in rows {
            for condition in options.failConditions where condition.metric == row.metric {
                let value = condition.isChange ? row.change : row.after.value
                guard condition.holds(value) else { continue }
                let found = condition.isChange ? Self.percent(row.change) : row.metric.text(value)
                failures.append("\(row.run): \(condition.text): it is \(found)")
            }
        }
        let worse = rows.filter { $0.verdict == .worse }
        for difference in files[0].differences(from: files[1]) {
            Terminal.printError("a2 bench: the runs were not the same: \(difference)\n")
        }
        if let path = options.jsonPath { try BenchFiles.write(document(rows, failures).document, to: path) }
        if options.jsonPath != "-" { Terminal.print(text(rows)) }
        for failure in failures { Terminal.printError("a2 bench: \(failure)\n") }
        return worse.isEmpty && failures.isEmpty ? 0 : 1
    }

    /// Every metric of every run that both files have.
    func compare(_ before: BenchFile, _ after: BenchFile) throws(BenchFailure) -> [Row] {
        let names = before.names.filter { after.names.contains($0) }
        guard !names.isEmpty else {
            throw BenchFailure(description: "the files have no run of the same name", exitStatus: 1)
        }
        let metrics = Self.metrics + options.failConditions.map(\.metric).filter { !Self.metrics.contains($0) }
        return names.flatMap { name in
            metrics.compactMap { metric -> Row? in
                guard let left = before.side(name, metric), let right = after.side(name, metric) else { return nil }
                return Row(
                    run: name, metric: metric, before: left, after: right,
                    verdict: Self.verdict(metric, left, right, threshold: options.threshold))
            }
        }
    }

    static func verdict(_ metric: BenchMetric, _ before: Side, _ after: Side, threshold: Double) -> Verdict {
        if metric == .errors {
            return after.value > before.value ? .worse : after.value < before.value ? .better : .same
        }
        // One value of a whole run says nothing.
        if metric == .maximum || metric == .clientCPU { return .unjudged }
        if before.value <= 0 || after.value <= 0 { return .same }
        let change = after.value / before.value - 1
        let (left, right) = (before.noise ?? 0, after.noise ?? 0)
        let noise = 2 * (left * left + right * right).squareRoot()
        if abs(change) <= max(noise, threshold) { return .same }
        return (change > 0) == metric.isBetterHigher ? .better : .worse
    }

    private static func percent(_ share: Double) -> String {
        guard share.isFinite else { return "new" }
        return (share >= 0 ? "+" : "") + String(fixed: share * 100, decimals: 1) + "%"
    }

    private func text(_ rows: [Row]) -> String {
        var text = ""
        var run = ""
        for row in rows {
            if row.run != run {
                run = row.run
                text += "====== \(run) ======\n  "
                text +=
                    ["metric", "before", "after", "change", "noise", "verdict"].map { padded($0, 11) }.joined() + "\n"
            }
            let noise = [row.before.noise, row.after.noise].compactMap { $0 }
            let together = 2 * noise.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let columns = [
                row.metric.name, row.metric.text(row.before.value), row.metric.text(row.after.value),
                Self.percent(row.change), noise.isEmpty ? "-" : "±" + String(fixed: together * 100, decimals: 1) + "%",
                row.verdict.rawValue,
            ]
            text += "  " + columns.map { padded($0, 11) }.joined() + "\n"
        }
        let worse = rows.filter { $0.verdict == .worse }.map { "\($0.run) \($0.metric.name)" }
        return text + (worse.isEmpty ? "No regression.\n" : "REGRESSION: \(worse.joined(separator: ", "))\n")
    }

    private func document(_ rows: [Row], _ failures: [String]) -> JSONText {
        let list = rows.map { row in
            JSONText.object([
                ("run", .text(row.run)), ("metric", .text(row.metric.name)), ("before", .number(row.before.value)),
                ("after", .number(row.after.value)), ("change", row.change.isFinite ? .number(row.change) : .null),
                ("noise_before", .optional(row.before.noise)), ("noise_after", .optional(row.after.noise)),
                ("verdict", .text(row.verdict.rawValue)),
            ])
        }
        return .object([
            ("schema_version", .count(RunJSON.schemaVersion)), ("tool", .text("a2 bench")), ("verb", .text("compare")),
            ("version", .text(Version.number)), ("threshold", .number(options.threshold)), ("rows", .list(list)),
            ("is_regression", .flag(rows.contains { $0.verdict == .worse })),
            ("failed", .list(failures.map { .text($0) })),
        ])
    }
}

/// A file of `--json`, read back.
struct BenchFile {
    private let runs: [ConfigurationValue]
    private let configuration: ConfigurationValue?
    let names: [String]

    init(_ path: String) throws(BenchFailure) {
        try self.init(text: String(decoding: try BenchFiles.read(path), as: UTF8.self), path: path)
    }

    init(text: String, path: String) throws(BenchFailure) {
        let value: ConfigurationValue
        do {
            value = try JSONReader.read(text)
        } catch {
            throw BenchFailure(description: "\(path): \(error)", exitStatus: 5)
        }
        guard value["tool"]?.text == "a2 bench", case .integer(let version)? = value["schema_version"] else {
            throw BenchFailure(description: "\(path) is no file of a2 bench --json", exitStatus: 5)
        }
        guard version == RunJSON.schemaVersion else {
            throw BenchFailure(
                description: "\(path) has schema version \(version); this a2 reads \(RunJSON.schemaVersion)",
                exitStatus: 5)
        }
        guard case .array(let runs)? = value["runs"], !runs.isEmpty else {
            throw BenchFailure(description: "\(path) has no runs", exitStatus: 5)
        }
        self.runs = runs
        configuration = value["config"]
        var names: [String] = []
        for run in runs { if let name = run["name"]?.text, !names.contains(name) { names.append(name) } }
        self.names = names
    }

    /// Settings that make two files no comparison of like with like; where a server stood and which keys chance
    /// chose are none.
    func differences(from other: BenchFile) -> [String] {
        guard case .table(let members)? = configuration else { return [] }
        return members.compactMap { member in
            guard let name = member.path.last, !["targets", "seed", "interval_seconds"].contains(name),
                let theirs = other.configuration?[name], theirs.plain != member.value.plain
            else { return nil }
            return "\(name) was \(member.value.plain), then \(theirs.plain)"
        }
    }

    /// A metric of all runs of a name: their mean, and what it scatters.
    func side(_ name: String, _ metric: BenchMetric) -> CompareVerb.Side? {
        let runs = runs.filter { $0["name"]?.text == name }
        let values = runs.compactMap { Self.value($0, metric) }
        guard !values.isEmpty else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let samples = values.count > 1 ? values : runs.first.map { Self.samples($0, metric) } ?? []
        return CompareVerb.Side(value: mean, noise: Self.relativeError(samples))
    }

    private static func value(_ run: ConfigurationValue, _ metric: BenchMetric) -> Double? {
        switch metric {
        case .requestsPerSecond: run["rps"]?.number
        case .errors: run["error_count"]?.number
        case .errorRate: run["error_rate"]?.number
        case .misses: run["nulls"]?.number
        case .clientCPU: run["client"]?["cpu_us_per_request"]?.number
        case .serverCPU: run["server_cpu_us_per_request"]?.number
        case .average: run["latency_us"]?["avg"]?.number
        case .minimum, .percentile, .maximum: run["latency_us"]?[metric.name]?.number
        }
    }

    /// By interval; short ones at the end are none.
    private static func samples(_ run: ConfigurationValue, _ metric: BenchMetric) -> [Double] {
        guard case .array(let series)? = run["series"] else { return [] }
        let field: String
        switch metric {
        case .requestsPerSecond: field = "rps"
        // Processor time and the mean go as the rate does.
        case .average, .percentile(50): field = "p50_us"
        case .percentile(95), .percentile(99): field = "p99_us"
        case .percentile(99.9): field = "p999_us"
        case .clientCPU, .serverCPU: field = "rps"
        default: return []
        }
        let longest = series.compactMap { $0["length"]?.number }.max() ?? 0
        return series.filter { ($0["length"]?.number ?? 0) > longest / 2 }.compactMap { $0[field]?.number }
    }

    /// The standard error of the mean, as a share of it.
    static func relativeError(_ samples: [Double]) -> Double? {
        guard samples.count > 1 else { return nil }
        let count = Double(samples.count)
        let mean = samples.reduce(0, +) / count
        guard mean > 0 else { return nil }
        let variance = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        return (variance / count).squareRoot() / mean
    }
}

extension ConfigurationValue {
    /// A member of an object.
    subscript(name: String) -> ConfigurationValue? {
        guard case .table(let members) = self else { return nil }
        return members.first { $0.path.last == name }?.value
    }

    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// A scalar as JSON has it, lists by their elements.
    var plain: String {
        switch self {
        case .string(let text): text
        case .integer(let number): "\(number)"
        case .float(let number): "\(number)"
        case .boolean(let on): "\(on)"
        case .null: "none"
        case .array(let elements): elements.map(\.plain).joined(separator: ", ")
        case .table(let members): members.map { "\($0.path.last ?? "") \($0.value.plain)" }.joined(separator: ", ")
        }
    }

    var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .float(let number): number
        default: nil
        }
    }
}
