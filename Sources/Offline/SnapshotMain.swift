/// Where `a2 snapshot` begins.
import Base
import CRDT
import Engine
import OS
import Options
import Storage

public enum SnapshotMain {
    public static func run(_ arguments: Arguments) -> Int32 {
        Tool.run(arguments) { tool in
            switch tool.verb {
            case "save": try SaveVerb.run(tool)
            case "status": try StatusVerb.run(tool)
            case "verify": try VerifyVerb.run(tool)
            case "restore": try RestoreVerb.run(tool)
            case "diff": try DiffVerb.run(tool)
            case "convert": try ConvertVerb.run(tool)
            case "import-rdb": try ImportVerb.run(tool)
            case "export-rdb": try ExportVerb.run(tool)
            default: throw UsageError("snapshot needs a verb: save, status, verify, restore, diff, convert, …")
            }
        }
    }
}

extension Tool {
    /// Where results go; nobody is given a binary file on a terminal by mistake.
    func output(isText: Bool) throws -> String {
        guard let path = value("output") else {
            throw UsageError("\(verb) needs --output FILE, or - for standard output")
        }
        if path == "-", !isText, Terminal.isTerminal(1) {
            throw UsageError("standard output is a terminal; name a file, or send it to a pipe")
        }
        return path
    }

    func format(of path: String) throws -> SnapshotFormat {
        if let word = try arguments.choice("format"), let format = SnapshotFormat(rawValue: word) { return format }
        return SnapshotFormat.named(path) ?? .binary
    }

    func operand(_ index: Int, _ name: String) throws -> String {
        guard index < arguments.operands.count else { throw UsageError("\(verb) needs a \(name)") }
        return arguments.operands[index]
    }
}

enum SaveVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let format = try tool.format(of: tool.value("output") ?? "")
        let path = try tool.output(isText: format != .binary)
        let source: any SnapshotSource
        if let directory = tool.value("data-dir") {
            guard tool.value("node") == nil else { throw UsageError("--node and --data-dir exclude each other") }
            let taken = try DirectorySnapshot(directory, tool)
            if taken.tornBytes > 0 {
                tool.note("\(directory): the last \(taken.tornBytes) bytes of the log are incomplete and were left out")
            }
            source = taken
        } else {
            let nodes = try NodeAccess.nodes(tool.arguments)
            guard nodes.count == 1 else { throw UsageError("save takes one --node") }
            source = try NodeSnapshot(try NodeAccess.connect(nodes[0], tool.arguments), tool)
        }
        let header = try source.description.header
        let target = try SnapshotOpening.target(path, format, header, SystemClock.wallMilliseconds)
        let footer = try source.copy(to: target)
        report(tool, path, header, footer)
        return ExitStatus.success
    }

    /// Not beside a snapshot on standard output.
    static func report(_ tool: Tool, _ path: String, _ header: SnapshotHeader, _ footer: SnapshotFooter) {
        let digest = Fingerprint.hexadecimal(footer.digest)
        if path == "-" { return tool.note("\(footer.keyCount) keys, digest \(digest)") }
        if tool.isJSON {
            return tool.printJSON { json in
                json.field("file", path)
                json.field("keys", Int(clamping: footer.keyCount))
                json.field("digest", digest)
                json.field("created-ms", header.createdUnixMilliseconds)
                json.field("cluster", header.clusterName)
            }
        }
        tool.print("\(path): \(footer.keyCount) keys, digest \(digest)")
    }
}

enum ConvertVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let format = try tool.format(of: tool.value("output") ?? "")
        let path = try tool.output(isText: format != .binary)
        let source = try SnapshotOpening.file(try tool.operand(0, "FILE"))
        let header = try source.description.header
        let target = try SnapshotOpening.target(path, format, header, SystemClock.wallMilliseconds)
        let footer = try copy(source, to: target, tool)
        if let target = target as? RESPTarget {
            for line in target.losses.lines { tool.note(line) }
        } else {
            SaveVerb.report(tool, path, header, footer)
        }
        return ExitStatus.success
    }
}

extension ConvertVerb {
    /// A text has no checksums: its digest is computed again, and must be what it says, unless it was edited.
    private static func copy(
        _ source: any SnapshotSource, to target: any SnapshotTarget, _ tool: Tool
    ) throws(ToolFailure) -> SnapshotFooter {
        guard source is TextSnapshot else { return try source.copy(to: target) }
        var digest = StateDigest(beforeMilliseconds: .min, key: try source.description.clusterKey)
        var footer = try source.forEachSection { (partition, pieces, state) throws(ToolFailure) in
            do throws(StateFailure) { try digest.add(state: state) } catch {
                throw .state(error, partition: partition)
            }
            try target.section(partition, pieces: pieces, state)
        }
        if footer.digest != digest.sum || footer.keyCount != UInt64(digest.keys) {
            guard tool.has("edited") else {
                throw .corrupt(
                    "\(source.name): the digest is \(digest.text) over \(digest.keys) keys, and it says "
                        + "\(Fingerprint.hexadecimal(footer.digest)) over \(footer.keyCount); if it was edited, say --edited"
                )
            }
            footer.digest = digest.sum
            footer.keyCount = UInt64(digest.keys)
        }
        try target.finish(footer)
        return footer
    }
}

enum ExportVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let path = try tool.output(isText: false)
        let version = Int(try tool.arguments.choice("rdb-version") ?? "10") ?? 10
        let source = try SnapshotOpening.anything(try tool.operand(0, "FILE"), tool)
        let now = SystemClock.wallMilliseconds
        let writer = try RDBWriter(
            try ByteTarget(path: path, keepsChecksum: true), version: version, nowMilliseconds: now)
        var losses = Losses()
        let progress = Progress(tool, "writing \(path)")
        _ = try source.forEachSection { (partition, _, state) throws(ToolFailure) in
            try VisibleKeys.forEach(in: state, partition: partition, at: now, &losses) { (key) throws(ToolFailure) in
                switch key.value {
                case .string(let value):
                    try value.withView { (view) throws(ToolFailure) in
                        try writer.string(key.name, view, database: key.database, deadline: key.deadline)
                    }
                case .set(let elements):
                    try writer.set(key.name, elements, database: key.database, deadline: key.deadline)
                }
            }
            progress.show("\(writer.keys) keys")
        }
        progress.end()
        try writer.finish()
        for line in losses.lines { tool.note(line) }
        tool.note("stamps and what the node had seen of others are not in a dump")
        if path != "-" {
            if tool.isJSON {
                tool.printJSON {
                    $0.field("file", path)
                    $0.field("keys", writer.keys)
                    $0.field("expired", losses.expired)
                    $0.field("histories-lost", losses.unsettled)
                    $0.field("concurrent-values-lost", losses.concurrentValues)
                }
            } else {
                tool.print("\(path): \(writer.keys) keys")
            }
        }
        return ExitStatus.success
    }
}
