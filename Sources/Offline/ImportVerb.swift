/// `a2 snapshot import-rdb`: what Redis has, out of its dump file or a running server, into a snapshot or a node.
import Base
import CRDT
import Client
import Core
import Engine
import OS
import Options
import Storage

/// One string on its way in.
struct ImportedKey {
    let database: Int
    let name: ByteView
    let value: ByteView
    let deadline: Int64?
}

/// What came of the others.
struct ImportReport {
    var keys = 0
    var counters = 0
    var expired = 0
    /// By type.
    var skipped: [String: Int] = [:]
    var facts: [(name: String, value: String)] = []

    var lines: [String] {
        var lines = skipped.sorted { $0.key < $1.key }.map {
            "\($0.value) of type \($0.key) skipped: not supported yet"
        }
        if expired > 0 { lines.append("\(expired) keys skipped: they have expired") }
        return lines
    }
}

/// Gives keys one after the other; can be gone through again if `isRepeatable`.
protocol ImportSource {
    var isRepeatable: Bool { get }
    func forEachKey(
        _ report: inout ImportReport, _ body: (ImportedKey) throws(ToolFailure) -> Void
    ) throws(ToolFailure)
}

/// Which keys are wanted, and which of them count.
struct ImportRules {
    let glob: [UInt8]
    let counterGlobs: [[UInt8]]
    let now: Int64

    init(_ tool: Tool) {
        glob = Array((tool.value("key") ?? "*").utf8)
        counterGlobs = tool.arguments.values("counter-keys").map { Array($0.utf8) }
        now = SystemClock.wallMilliseconds
    }

    func wants(_ name: ByteView) -> Bool { glob.withView { GlobPattern($0).matchesName(name) } }

    /// The number, where the key is to be a counter and spells one.
    func counter(_ name: ByteView, _ value: ByteView) -> Int64? {
        guard counterGlobs.contains(where: { $0.withView { GlobPattern($0).matchesName(name) } }) else { return nil }
        return value.canonicalInteger
    }

    /// Nil where it is past already. The very last moment means "never" in a state.
    func deadline(_ given: Int64?) -> (isPast: Bool, deadline: Int64?) {
        guard let given else { return (false, nil) }
        return (given <= now, min(given, .max - 1))
    }
}

enum ImportVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let from = try tool.operand(0, "FILE")
        let rules = ImportRules(tool)
        let source: any ImportSource =
            from.contains("://")
            ? LiveRedis(try NodeAccess.connect(from, tool.arguments), rules, tool) : RDBFile(from, rules, tool)
        let output = tool.value("output")
        guard output != nil || tool.value("into") != nil else {
            throw UsageError("import-rdb needs --output FILE, --into URI or both")
        }
        if output != nil, tool.value("into") != nil, !source.isRepeatable {
            throw UsageError("\(from) can be read once only: give --output or --into, not both")
        }
        var status = ExitStatus.success
        var report = ImportReport()
        var writer: NodeWriter?
        if let node = tool.value("into") {
            let made = try NodeWriter(
                try NodeAccess.connect(node, tool.arguments), keepsExisting: tool.has("keep-existing"))
            report = try write(source, into: made, rules)
            if let error = made.firstError {
                tool.warn("\(made.failed) commands failed; the first: \(error)")
                status = ExitStatus.negative
            }
            writer = made
        }
        if output != nil {
            report = try ImportedSnapshot(source, rules, tool).write(to: try tool.output(isText: false))
        }
        print(report, writer, output, tool)
        return status
    }

    private static func write(
        _ source: any ImportSource, into writer: NodeWriter, _ rules: ImportRules
    ) throws(ToolFailure) -> ImportReport {
        var report = ImportReport()
        var counters = 0
        try source.forEachKey(&report) { (key) throws(ToolFailure) in
            if let amount = rules.counter(key.name, key.value) {
                counters += 1
                return try writer.add(key.name, amount, database: key.database, deadline: key.deadline)
            }
            try writer.write(
                VisibleKey(
                    database: key.database, name: key.name, value: .string(key.value.array), deadline: key.deadline))
        }
        try writer.flush()
        report.counters = counters
        return report
    }

    private static func print(_ report: ImportReport, _ writer: NodeWriter?, _ output: String?, _ tool: Tool) {
        for line in report.lines { tool.note(line) }
        if output == "-" { return tool.note("\(report.keys) keys") }
        if tool.isJSON {
            return tool.printJSON { json in
                json.field("keys", report.keys)
                json.field("counters", report.counters)
                json.field("expired", report.expired)
                json.object("skipped") { json in
                    for (type, count) in report.skipped.sorted(by: { $0.key < $1.key }) {
                        json.key(type)
                        json.value(Int64(count))
                    }
                }
                if let output { json.field("file", output) }
                if let writer {
                    json.field("written", writer.written)
                    json.field("kept", writer.kept)
                    json.field("failed", writer.failed)
                }
            }
        }
        if let output { tool.print("\(output): \(report.keys) keys, \(report.counters) of them counters") }
        if let writer {
            tool.print("\(writer.written) keys written" + (writer.kept > 0 ? ", \(writer.kept) left as they were" : ""))
        }
    }
}

/// A dump file.
struct RDBFile: ImportSource {
    private let path: String
    private let rules: ImportRules
    private let tool: Tool

    init(_ path: String, _ rules: ImportRules, _ tool: Tool) {
        self.path = path
        self.rules = rules
        self.tool = tool
    }

    var isRepeatable: Bool { path != "-" }

    func forEachKey(
        _ report: inout ImportReport, _ body: (ImportedKey) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        let reader = try RDBReader(try ByteSource(path: path, keepsChecksum: true))
        let progress = Progress(tool, "reading \(path)")
        while let item = try reader.next() {
            try take(item, reader, &report, body)
            progress.show("\(report.keys) keys, \(String(humanBytes: reader.source.offset))")
        }
        progress.end()
        for (name, count) in reader.passedOver { report.skipped[name, default: 0] += count }
        report.facts = reader.facts
    }

    private func take(
        _ item: RDBItem, _ reader: RDBReader, _ report: inout ImportReport,
        _ body: (ImportedKey) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        guard rules.wants(reader.name.view) else { return }
        if case .skipped(let type) = item {
            report.skipped[type, default: 0] += 1
            return
        }
        guard reader.database < Limits.databasesMax else {
            report.skipped["string in a database above \(Limits.databasesMax - 1)", default: 0] += 1
            return
        }
        let (isPast, deadline) = rules.deadline(reader.deadline)
        if isPast {
            report.expired += 1
            return
        }
        report.keys += 1
        try body(
            ImportedKey(
                database: reader.database, name: reader.name.view, value: reader.value.view, deadline: deadline))
    }
}
