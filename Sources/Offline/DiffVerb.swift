/// `a2 snapshot diff`: two snapshots, data directories or running nodes, key by key. Only one partition of each is in
/// memory at a time.
import Base
import CRDT
import Engine
import OS
import Options

enum DiffVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let first = try SnapshotOpening.anything(try tool.operand(0, "FILE"), tool)
        let second = try SnapshotOpening.anything(try tool.operand(1, "FILE"), tool)
        let limit = try tool.arguments.integer("limit", in: 1...Int.max) ?? .max
        var comparison = Comparison(
            glob: Array((tool.value("key") ?? "*").utf8), comparesMeta: tool.has("meta"), limit: limit)
        let progress = Progress(tool, "comparing")
        for partition in 0..<Slots.partitionCount {
            let (left, right) = (try first.state(partition), try second.state(partition))
            try left.withView { (left) throws(ToolFailure) in
                try right.withView { (right) throws(ToolFailure) in
                    try comparison.compare(left, right, partition: partition)
                }
            }
            progress.show("partition \(partition + 1) of \(Slots.partitionCount), \(comparison.count) differences")
        }
        progress.end()
        if tool.isJSON { printJSON(comparison, tool) } else { printText(comparison, tool) }
        return comparison.count == 0 ? ExitStatus.success : ExitStatus.negative
    }

    private static func printText(_ comparison: Comparison, _ tool: Tool) {
        for difference in comparison.differences {
            let name = "\(difference.key.database) \(quoted(difference.key.key))"
            tool.print("\(difference.mark) \(name)" + (difference.isMetaOnly ? "  (same value, other stamps)" : ""))
            guard tool.has("values") else { continue }
            if let left = difference.left { tool.print("    < \(left.shown)") }
            if let right = difference.right { tool.print("    > \(right.shown)") }
        }
        let more = comparison.count - comparison.differences.count
        if more > 0 { tool.note("\(more) more differences are not shown") }
        if comparison.count == 0 { tool.note("no difference in \(comparison.compared) keys") }
    }

    private static func printJSON(_ comparison: Comparison, _ tool: Tool) {
        tool.printJSON { json in
            json.field("same", comparison.count == 0)
            json.field("compared", comparison.compared)
            json.field("differences", comparison.count)
            json.array("keys") { json in
                for difference in comparison.differences {
                    json.object { json in
                        json.field("db", difference.key.database)
                        json.field("key", difference.key.key)
                        json.field("difference", difference.word)
                        for (side, keyed) in [("left", difference.left), ("right", difference.right)] {
                            guard tool.has("values") || tool.has("meta"), let keyed else { continue }
                            json.key(side)
                            json.object { keyed.write(to: &$0) }
                        }
                    }
                }
            }
        }
    }

    static func quoted(_ bytes: [UInt8]) -> String {
        var text = "\""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            default: text += scalar.value < 32 || scalar.value == 127 ? "\\x" + hexadecimal(scalar.value) : "\(scalar)"
            }
        }
        return text + "\""
    }

    private static func hexadecimal(_ value: UInt32) -> String { (value < 16 ? "0" : "") + String(value, radix: 16) }
}

/// A key as one side has it.
struct KeyedState {
    let state: KeyState
    /// What was read: the same state spelled the same way.
    let encoded: [UInt8]

    var shown: String {
        switch state.visible(at: .min) {
        case .string(let value): DiffVerb.quoted(Array(value.prefix(256))) + (value.count > 256 ? "…" : "") + until
        case .set(let elements):
            "{" + elements.prefix(16).map { DiffVerb.quoted($0) }.joined(separator: ", ")
                + (elements.count > 16 ? ", …" : "") + "}" + until
        case nil: "(nothing)"
        }
    }

    private var until: String { state.deadline(at: .min).map { " until \(TimeText.utc($0))" } ?? "" }

    func write(to json: inout JSONOutput) { json.state(state) }
}

struct Comparison {
    struct Difference {
        let key: DatabaseKey
        let left: KeyedState?
        let right: KeyedState?
        let isMetaOnly: Bool

        var mark: String { left == nil ? "+" : right == nil ? "-" : "~" }
        var word: String { left == nil ? "only-right" : right == nil ? "only-left" : isMetaOnly ? "meta" : "value" }
    }

    private let glob: [UInt8]
    private let comparesMeta: Bool
    private let limit: Int
    private let now = SystemClock.wallMilliseconds
    private(set) var differences: [Difference] = []
    private(set) var count = 0
    private(set) var compared = 0

    init(glob: [UInt8], comparesMeta: Bool, limit: Int) {
        self.glob = glob
        self.comparesMeta = comparesMeta
        self.limit = limit
    }

    mutating func compare(_ left: ByteView, _ right: ByteView, partition: Int) throws(ToolFailure) {
        let (first, second) = (try keys(left, partition), try keys(right, partition))
        compared += first.count
        for key in Set(first.keys).union(second.keys).sorted() {
            let (here, there) = (first[key], second[key])
            if let here, let there {
                let isSame =
                    here.state.visible(at: now) == there.state.visible(at: now)
                    && here.state.deadline(at: now) == there.state.deadline(at: now)
                if isSame, !comparesMeta || here.encoded == there.encoded { continue }
                note(Difference(key: key, left: here, right: there, isMetaOnly: isSame))
            } else {
                note(Difference(key: key, left: here, right: there, isMetaOnly: false))
            }
        }
    }

    private mutating func note(_ difference: Difference) {
        count += 1
        if differences.count < limit { differences.append(difference) }
    }

    /// Those that are there now.
    private func keys(_ bytes: ByteView, _ partition: Int) throws(ToolFailure) -> [DatabaseKey: KeyedState] {
        var found: [DatabaseKey: KeyedState] = [:]
        if bytes.isEmpty { return found }
        do throws(StateFailure) {
            var reader = try StateReader(bytes)
            var settledUpTo = Stamp.zero
            while let item = try reader.next() {
                switch item {
                case .slice(let context): settledUpTo = context.settleCut
                case .endOfSlice: break
                case .entry(let entry):
                    guard let (key, state) = take(entry, settledUpTo), state.exists(at: now) else { continue }
                    var encoded = ByteBuffer()
                    state.named().encode(to: &encoded)
                    found[key] = KeyedState(state: state, encoded: encoded.array)
                }
            }
        } catch { throw .state(error, partition: partition) }
        return found
    }

    private func take(_ entry: StateEntry, _ settledUpTo: Stamp) -> (DatabaseKey, KeyState)? {
        switch entry {
        case .plain(let plain):
            guard matches(plain.key) else { return nil }
            return (
                DatabaseKey(database: plain.database, key: plain.key.array), plain.state(settledUpTo: settledUpTo)
            )
        case .general(let database, let key, let state):
            guard matches(key) else { return nil }
            return (DatabaseKey(database: database, key: key.array), state)
        case .name: return nil
        }
    }

    private func matches(_ name: ByteView) -> Bool { glob.withView { GlobPattern($0).matchesName(name) } }
}
