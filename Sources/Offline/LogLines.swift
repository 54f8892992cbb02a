/// What the entries of a log say, for people and as JSON.
import Base
import CRDT
import Engine
import Replication
import Wire

/// Which entries are wanted.
struct LogFilter {
    var from = Stamp.zero
    var to = Stamp.distantFuture
    var key: [UInt8]?
    var replica: Replica?
    var partition: Int?
    var type: String?

    /// Whether only frames can be meant.
    var isForFrames: Bool { key != nil || replica != nil || type != nil || !from.isZero || to != .distantFuture }

    func wants(_ header: borrowing FrameHeader) -> Bool {
        guard header.stamp >= from, header.stamp <= to else { return false }
        if let replica, header.origin != replica { return false }
        return partition == nil || partition == header.partition
    }

    func wants(_ record: Record) -> Bool {
        if let type, !record.types.contains(type) { return false }
        guard let key else { return true }
        guard case .key(let name, _) = record else { return false }
        return key.withView { pattern in name.key.withView { GlobPattern(pattern).matchesName($0) } }
    }
}

/// Where an entry stands.
struct LogPlace {
    let segment: UInt64
    let offset: Int
    let position: UInt64
    let unixMilliseconds: Int64
}

extension Record {
    /// In the words of --type.
    var types: [String] {
        guard case .key(_, let delta) = self else { return ["flush"] }
        var types: [String] = []
        if !delta.cleared.isEmpty || !delta.resets.isEmpty { types.append("clear") }
        if delta.base != nil { types.append("set") }
        if delta.increment != nil { types.append("increment") }
        if delta.deadline != nil { types.append("deadline") }
        if delta.patches != nil { types.append("patch") }
        if !delta.elements.isEmpty { types.append("elements") }
        return types
    }

    static let typeWords = ["clear", "set", "increment", "deadline", "patch", "elements", "flush"]

    var line: String {
        guard case .key(let name, let delta) = self else {
            if case .clearDatabase(let database) = self { return "\(database) flush" }
            return ""
        }
        var parts: [String] = []
        if !delta.cleared.isEmpty, delta.base == nil { parts.append("clear") }
        if let base = delta.base { parts.append("= " + LogText.shown(base.value) + LogText.until(base.deadline)) }
        if let increment = delta.increment {
            parts.append("+ \(StampText.amount(increment.amount)) (run \(StampText.amount(increment.sum)))")
        }
        for reset in delta.resets { parts.append("reset \(StampText.amount(reset.sum)) up to \(reset.dot)") }
        if let deadline = delta.deadline {
            parts.append(
                deadline.deadline == DeadlineRegister.persist ? "persist" : "expire" + LogText.until(deadline.deadline))
        }
        if let patches = delta.patches { parts += patches.operations.map(LogText.shown) }
        for element in delta.elements {
            parts.append((element.adds ? "add " : "remove ") + LogText.shown(element.element))
        }
        return "\(name.database) \(DiffVerb.quoted(name.key)) " + parts.joined(separator: ", ")
    }

    func write(to json: inout JSONOutput) {
        guard case .key(let name, let delta) = self else {
            if case .clearDatabase(let database) = self {
                json.field("db", database)
                json.field("flush", true)
            }
            return
        }
        json.field("db", name.database)
        json.field("key", name.key)
        if !delta.cleared.isEmpty { json.field("clears", Int(delta.cleared.rawValue)) }
        if let base = delta.base {
            json.field("value", base.value)
            if let deadline = base.deadline { json.field("expires-ms", deadline) }
        }
        if let increment = delta.increment {
            json.object("increment") { json in
                json.field("amount", increment.amount)
                json.field("sum", increment.sum)
                if let start = increment.start { json.field("first", start) }
            }
        }
        if !delta.resets.isEmpty {
            json.array("resets") { json in
                for reset in delta.resets {
                    json.object { json in
                        json.field("stamp", reset.dot)
                        json.field("sum", reset.sum)
                    }
                }
            }
        }
        if let deadline = delta.deadline {
            json.object("deadline") { json in
                if deadline.deadline == DeadlineRegister.persist {
                    json.field("persist", true)
                } else {
                    json.field("expires-ms", deadline.deadline)
                }
                json.array("removes") { json in for dot in deadline.removed { json.value(dot.description) } }
            }
        }
        if let patches = delta.patches {
            json.array("patches") { json in
                for operation in patches.operations { json.object { $0.operation(operation) } }
            }
        }
        guard !delta.elements.isEmpty else { return }
        json.array("elements") { json in
            for element in delta.elements {
                json.object { json in
                    json.field("element", element.element)
                    json.field("adds", element.adds)
                    json.array("removes") { json in for dot in element.removed { json.value(dot.description) } }
                }
            }
        }
    }
}

enum LogText {
    private static let shownBytesMax = 120

    static func shown(_ bytes: [UInt8]) -> String {
        DiffVerb.quoted(Array(bytes.prefix(shownBytesMax)))
            + (bytes.count > shownBytesMax ? "… (\(bytes.count) bytes)" : "")
    }

    static func until(_ deadline: Int64?) -> String { deadline.map { " until " + TimeText.utc($0) } ?? "" }

    static func shown(_ operation: PatchOperation) -> String {
        switch operation {
        case .append(let bytes): "append " + shown(bytes)
        case .overwrite(let offset, let bytes): "at \(offset) " + shown(bytes)
        case .setBit(let offset, let bit): "bit \(offset) = \(bit ? 1 : 0)"
        }
    }

    static func line(_ event: LogEvent) -> String {
        switch event {
        case .goesOn(let replica): "goes on as replica \(replica)"
        case .startsCounting: "has met others"
        case .cuts(let cut, let settleCut, let fences): "cut \(cut), settle cut \(settleCut), fences \(fences)"
        }
    }
}

/// Adds up what a log has.
struct LogStatistics {
    private(set) var batches = 0
    private(set) var bytes = 0
    private(set) var entries: [String: Int] = [:]
    private(set) var entryBytes: [String: Int] = [:]
    private(set) var frames = 0
    private(set) var framesByReplica: [Replica: Int] = [:]
    private(set) var records: [String: Int] = [:]
    private(set) var first = Stamp.distantFuture
    private(set) var last = Stamp.zero

    mutating func noteBatch(_ length: Int) {
        batches += 1
        bytes += length
    }

    mutating func noteEntry(_ kind: String, _ length: Int) {
        entries[kind, default: 0] += 1
        entryBytes[kind, default: 0] += length
    }

    mutating func note(_ header: borrowing FrameHeader, _ list: [Record]) {
        frames += 1
        framesByReplica[header.origin, default: 0] += 1
        first = min(first, header.stamp)
        last = max(last, header.stamp)
        for record in list { for type in record.types { records[type, default: 0] += 1 } }
    }

    var rows: [(String, String)] {
        var rows = [("batches", "\(batches)"), ("bytes", "\(bytes)"), ("frames", "\(frames)")]
        for (kind, count) in entries.sorted(by: { $0.key < $1.key }) {
            rows.append(("entries: " + kind, "\(count), \(entryBytes[kind] ?? 0) bytes"))
        }
        for (type, count) in records.sorted(by: { $0.key < $1.key }) { rows.append(("records: " + type, "\(count)")) }
        for (replica, count) in framesByReplica.sorted(by: { $0.key < $1.key }) {
            rows.append(("frames of replica \(replica)", "\(count)"))
        }
        guard frames > 0 else { return rows }
        return rows + [("first", TimeText.utc(first.unixMilliseconds)), ("last", TimeText.utc(last.unixMilliseconds))]
    }

    func write(to json: inout JSONOutput) {
        func counts(_ counts: [String: Int], _ json: inout JSONOutput) {
            json.object { json in
                for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
                    json.key(name)
                    json.value(Int64(count))
                }
            }
        }
        json.field("batches", batches)
        json.field("bytes", bytes)
        json.field("frames", frames)
        json.key("entries")
        counts(entries, &json)
        json.key("entry-bytes")
        counts(entryBytes, &json)
        json.key("records")
        counts(records, &json)
        json.key("frames-by-replica")
        counts(Dictionary(uniqueKeysWithValues: framesByReplica.map { ($0.key.description, $0.value) }), &json)
        if frames > 0 {
            json.field("first", first)
            json.field("last", last)
        }
    }
}
