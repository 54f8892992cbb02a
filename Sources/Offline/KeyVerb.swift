/// `a2 inspect key` and `snapshot`: all that is known of a key, on disk or on a node, or of all keys of a snapshot.
import Base
import CRDT
import Client
import Engine
import Options
import RESP
import Storage

enum KeyVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let name = Array(try tool.operand(0, "KEY").utf8)
        let database = try tool.arguments.integer("db", in: 0...Limits.databasesMax - 1) ?? 0
        if tool.value("data-dir") != nil, tool.value("node") != nil {
            throw UsageError("--node and --data-dir exclude each other")
        }
        if tool.value("node") != nil { return try onNodes(name, database, tool) }
        let snapshot = try DirectorySnapshot(tool.dataDirectory, tool)
        guard let state = snapshot.keyState(database: database, key: name) else { return absent(name, tool) }
        if tool.isJSON {
            tool.printJSON { json in
                json.field("db", database)
                json.field("key", name)
                json.state(state)
            }
        } else {
            tool.print(KeyPage.rows(name, database, state))
        }
        return ExitStatus.success
    }

    private static func absent(_ name: [UInt8], _ tool: Tool) -> Int32 {
        tool.warn("\(DiffVerb.quoted(name)) is not there")
        return ExitStatus.negative
    }

    private static func onNodes(_ name: [UInt8], _ database: Int, _ tool: Tool) throws -> Int32 {
        var status = ExitStatus.success
        for node in try NodeAccess.nodes(tool.arguments) {
            let connection = try NodeAccess.connect(node, tool.arguments)
            _ = try connection.ask("SELECT", "\(database)")
            let reply = try connection.ask([Array("A2.META".utf8), name])
            guard let entries = reply.entries, !entries.isEmpty else {
                status = absent(name, tool)
                continue
            }
            if tool.isJSON {
                tool.printJSON { json in
                    json.field("node", node)
                    json.field("db", database)
                    json.field("key", name)
                    json.key("meta")
                    json.reply(reply)
                }
            } else {
                tool.print("\(node):")
                tool.print(entries.map { ("  " + ($0.key.text ?? ""), ReplyText.short($0.value)) })
            }
        }
        return status
    }
}

enum KeyPage {
    static func rows(_ name: [UInt8], _ database: Int, _ state: KeyState) -> [(String, String)] {
        var rows = [
            ("key", DiffVerb.quoted(name)), ("database", "\(database)"),
            ("slot", "\(name.withView { Slots.slot(of: $0) })"),
            ("partition", "\(name.withView { Slots.partition(of: $0) })"),
            ("shows", KeyedState(state: state, encoded: []).shown), ("last write", state.modified.description),
            ("", TimeText.utc(state.modified.unixMilliseconds)),
        ]
        for base in state.cell.bases {
            rows.append(
                (
                    "value",
                    LogText.shown(base.value) + LogText.until(base.deadline) + "  \(base.dot)"
                        + (base.isSettled ? ", settled" : "")
                ))
        }
        for patch in state.cell.patches {
            rows.append(
                ("patch", patch.operations.map { LogText.shown($0) }.joined(separator: ", ") + "  \(patch.stamp)"))
        }
        for run in state.cell.runs {
            rows.append(("replica \(run.last.replica)", "+ \(StampText.amount(run.sum))  \(run.start) to \(run.last)"))
        }
        for reset in state.cell.resets { rows.append(("reset", "\(StampText.amount(reset.sum))  up to \(reset.dot)")) }
        for element in state.members.elements {
            let dots = element.dots.map(\.description) + (element.isSettled ? ["settled"] : [])
            rows.append(("element", LogText.shown(element.bytes) + "  " + dots.joined(separator: " ")))
        }
        for entry in state.deadline.entries {
            let what = entry.deadline == DeadlineRegister.persist ? "persist" : TimeText.utc(entry.deadline)
            rows.append(("deadline", "\(what)  \(entry.dot)"))
        }
        return rows
    }
}

enum ReplyText {
    /// On one line.
    static func short(_ reply: ReplyValue) -> String {
        if let entries = reply.entries, case .map = reply.plain {
            return "{" + entries.map { "\($0.key.text ?? ""): \(short($0.value))" }.joined(separator: ", ") + "}"
        }
        if let elements = reply.elements { return "[" + elements.map(short).joined(separator: ", ") + "]" }
        return reply.text ?? "-"
    }
}

extension JSONOutput {
    mutating func reply(_ reply: ReplyValue) {
        switch reply.plain {
        case .integer(let number): value(number)
        case .null, .nullArray: null()
        case .boolean(let flag): value(flag)
        case .map(let pairs):
            object { json in
                for pair in pairs {
                    json.key(pair.key.text ?? "")
                    json.reply(pair.value)
                }
            }
        case .array(let elements), .set(let elements), .push(let elements):
            array { json in for element in elements { json.reply(element) } }
        case let other: (other.bytes ?? []).withView { value($0) }
        }
    }
}

enum InspectSnapshotVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let source = try SnapshotOpening.file(try tool.operand(0, "FILE"))
        let survey = try SnapshotSurvey(source, tool)
        guard tool.has("keys") else {
            if tool.isJSON { tool.printJSON { survey.write(to: &$0) } } else { tool.print(survey.rows) }
            return ExitStatus.success
        }
        _ = try source.forEachSection { (partition, _, state) throws(ToolFailure) in
            do throws(StateFailure) {
                var reader = try StateReader(state)
                while let item = try reader.next() {
                    guard case .entry(let entry) = item else { continue }
                    print(entry, partition, tool)
                }
            } catch { throw .state(error, partition: partition) }
        }
        return ExitStatus.success
    }

    private static func print(_ entry: StateEntry, _ partition: Int, _ tool: Tool) {
        if tool.isJSON {
            return tool.printLine { json in
                json.field("partition", partition)
                json.entry(entry)
            }
        }
        switch entry {
        case .plain(let plain):
            let value = plain.integer.map { String($0) } ?? LogText.shown(plain.value.array)
            tool.print(
                "\(partition)  \(plain.database) \(DiffVerb.quoted(plain.key.array))  \(plain.stamp)  "
                    + value + LogText.until(plain.deadline))
        case .general(let database, let key, let state):
            tool.print(
                "\(partition)  \(database) \(DiffVerb.quoted(key.array))  \(state.modified)  "
                    + KeyedState(state: state, encoded: []).shown)
        case .name(let hash): tool.print("\(partition)  (a name of hash \(String(hash, radix: 16)))")
        }
    }
}
