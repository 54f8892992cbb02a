/// What a state shows, key by key: for everything that is not a2 itself, and that knows no stamps.
import Base
import CRDT
import Engine
import Storage

struct VisibleKey {
    let database: Int
    let name: ByteView
    let value: VisibleValue
    let deadline: Int64?
}

/// What was lost on the way to something that knows less than a snapshot.
struct Losses {
    var expired = 0
    var unsettled = 0
    var concurrentValues = 0
    var sets = 0
    var pendingRemoves = 0

    var lines: [String] {
        var lines: [String] = []
        func add(_ count: Int, _ text: String) { if count > 0 { lines.append("\(count) \(text)") } }
        add(expired, "keys left out: they have expired")
        add(unsettled, "keys lost their history: parts per replica, and what removes in flight would need")
        add(concurrentValues, "concurrent values that do not show were dropped")
        add(pendingRemoves, "removes that wait for what they remove were dropped")
        return lines
    }
}

enum VisibleKeys {
    static func forEach(
        in state: ByteView, partition: Int, at now: Int64, _ losses: inout Losses,
        _ body: (VisibleKey) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        var reader: StateReader
        do throws(StateFailure) { reader = try StateReader(state) } catch { throw .state(error, partition: partition) }
        let pending = reader.head.context
        losses.pendingRemoves += pending.deferred.sorted.count + pending.pendingClears.sortedKeys.count
        losses.pendingRemoves += pending.pendingClears.databaseClears.count
        while true {
            let item: StateReader.Item?
            do throws(StateFailure) { item = try reader.next() } catch { throw .state(error, partition: partition) }
            guard let item else { return }
            guard case .entry(let entry) = item else { continue }
            try show(entry, at: now, &losses, body)
        }
    }

    private static func show(
        _ entry: StateEntry, at now: Int64, _ losses: inout Losses, _ body: (VisibleKey) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        switch entry {
        case .plain(let plain):
            if let deadline = plain.deadline, deadline <= now {
                losses.expired += 1
                return
            }
            let value = plain.integer.map { Array(String($0).utf8) } ?? plain.value.array
            try body(
                VisibleKey(database: plain.database, name: plain.key, value: .string(value), deadline: plain.deadline))
        case .general(let database, let name, let state):
            losses.unsettled += 1
            losses.concurrentValues += max(state.cell.bases.count - 1, 0)
            guard let value = state.visible(at: now) else {
                losses.expired += state.visible(at: .min) == nil ? 0 : 1
                return
            }
            if case .set = value { losses.sets += 1 }
            try body(VisibleKey(database: database, name: name, value: value, deadline: state.deadline(at: now)))
        case .name: break
        }
    }
}

/// Commands that make the same keys anywhere: what `redis-cli --pipe` takes.
final class RESPTarget: SnapshotTarget {
    private let target: ByteTarget
    private let now: Int64
    private var database = 0
    private(set) var losses = Losses()
    private var scratch = ByteBuffer(capacity: 4096)

    init(_ path: String?, nowMilliseconds: Int64) throws(ToolFailure) {
        target = try ByteTarget(path: path)
        now = nowMilliseconds
    }

    func section(_ partition: Int, pieces: [Int], _ state: ByteView) throws(ToolFailure) {
        var losses = losses
        try VisibleKeys.forEach(in: state, partition: partition, at: now, &losses) { (key) throws(ToolFailure) in
            for command in WriteCommands.of(key, selecting: key.database == database ? nil : key.database) {
                scratch.append(command: command)
            }
            database = key.database
            try target.write(scratch.view)
            scratch.removeAll()
            scratch.shrink(to: 1 << 20)
        }
        self.losses = losses
    }

    func finish(_ footer: SnapshotFooter) throws(ToolFailure) { try target.finish() }
}

enum WriteCommands {
    static func of(_ key: VisibleKey, selecting database: Int?) -> [[[UInt8]]] {
        var commands: [[[UInt8]]] = []
        if let database { commands.append([Array("SELECT".utf8), Array("\(database)".utf8)]) }
        let name = key.name.array
        let deadline = key.deadline.map { Array("\($0)".utf8) }
        switch key.value {
        case .string(let value):
            commands.append([Array("SET".utf8), name, value] + (deadline.map { [Array("PXAT".utf8), $0] } ?? []))
        case .set(let elements):
            commands.append([Array("DEL".utf8), name])
            commands.append([Array("SADD".utf8), name] + elements)
            if let deadline { commands.append([Array("PEXPIREAT".utf8), name, deadline]) }
        }
        return commands
    }
}

extension ByteBuffer {
    mutating func append(command words: [[UInt8]]) {
        append("*\(words.count)\r\n")
        for word in words {
            append("$\(word.count)\r\n")
            append(word)
            append("\r\n")
        }
    }
}
