/// The state of a partition as JSON objects, one for its head, one for each slice and key, and back: byte by byte the
/// same state.
import Base
import CRDT
import Engine

/// Writes the objects of one state after the other; `line` is called with each.
struct StateJSON {
    private var json = JSONOutputBox()

    func write(
        _ state: ByteView, partition: Int, pieces: [Int],
        line: (borrowing ByteBuffer) throws(ToolFailure) -> Void
    ) throws(ToolFailure) {
        do {
            var reader = try StateReader(state)
            json.begin { $0.head(reader.head, partition: partition, pieces: pieces) }
            try json.output.lend(line)
            while let item = try reader.next() {
                switch item {
                case .slice(let context): json.begin { $0.slice(context) }
                case .endOfSlice: json.begin { $0.field("kind", "end-slice") }
                case .entry(let entry): json.begin { $0.entry(entry) }
                }
                try json.output.lend(line)
            }
            json.begin { $0.field("kind", "end-partition") }
            try json.output.lend(line)
        } catch let failure as StateFailure {
            throw .state(failure, partition: partition)
        } catch let failure as ToolFailure {
            throw failure
        } catch { preconditionFailure("\(error)") }
    }
}

/// One buffer used for every line.
private final class JSONOutputBox {
    var output = JSONOutput()

    func begin(_ body: (inout JSONOutput) -> Void) {
        output.removeAll()
        output.object(body)
    }
}

extension ToolFailure {
    static func state(_ failure: StateFailure, partition: Int) -> ToolFailure {
        switch failure {
        case .malformed: .corrupt("the state of partition \(partition) cannot be read")
        case .version(let version):
            .corrupt(
                "the state of partition \(partition) has format version \(version), where this build reads "
                    + "\(StateExport.version)")
        }
    }
}

extension JSONOutput {
    fileprivate mutating func head(_ head: StateHead, partition: Int, pieces: [Int]) {
        field("kind", "partition")
        field("partition", partition)
        array("pieces") { json in for piece in pieces { json.value(Int64(piece)) } }
        field("salt", String(head.salt, radix: 16))
        field("versions", head.context.versions)
        field("fences", head.context.fences)
        field("cut", head.cut)
        field("settle-cut", head.context.settleCut)
        array("chains") { json in
            for chain in head.chains {
                json.object { json in
                    json.field("replica", chain.replica.description)
                    json.field("versions", chain.versions)
                }
            }
        }
        array("deferred") { json in
            for (key, dots) in head.context.deferred.sorted {
                json.object { json in
                    json.name(key.database, key.key)
                    json.array("dots") { json in
                        for dot in dots {
                            json.object { json in
                                json.field("stamp", dot.stamp)
                                if let element = dot.element { json.field("element", element) }
                            }
                        }
                    }
                }
            }
        }
        array("clears") { json in
            for (key, clears) in head.context.pendingClears.sortedKeys {
                json.object { json in
                    json.name(key.database, key.key)
                    json.array("clears") { json in for clear in clears { json.object { $0.clear(clear) } } }
                }
            }
        }
        array("flushes") { json in
            for (database, clear) in head.context.pendingClears.databaseClears {
                json.object { json in
                    json.field("db", database)
                    json.clear(clear)
                }
            }
        }
    }

    fileprivate mutating func name(_ database: Int, _ key: [UInt8]) {
        field("db", database)
        field("key", key)
    }

    private mutating func clear(_ clear: PendingClears.Clear) {
        field("slots", Int(clear.slots.rawValue))
        field("stamp", clear.context.stamp)
        field("prev", clear.context.prev)
        field("cut", clear.context.cut)
        field("versions", clear.context.dependencies)
    }

    fileprivate mutating func slice(_ context: StateContext) {
        field("kind", "slice")
        field("versions", context.versions)
        field("fences", context.fences)
        field("settle-cut", context.settleCut)
    }

    mutating func entry(_ entry: StateEntry) {
        switch entry {
        case .plain(let plain):
            field("kind", "key")
            field("db", plain.database)
            field("key", plain.key)
            field("stamp", plain.stamp)
            if let deadline = plain.deadline { field("expires-ms", deadline) }
            if plain.isRaw { field("raw", true) }
            if let integer = plain.integer { field("number", String(integer)) } else { field("value", plain.value) }
        case .general(let database, let key, let state):
            field("kind", "state")
            field("db", database)
            field("key", key)
            self.state(state)
        case .name(let hash):
            field("kind", "name")
            field("hash", String(hash, radix: 16))
        }
    }

    /// What the key shows comes along for people; it is not read back.
    mutating func state(_ state: KeyState) {
        switch state.visible(at: .min) {
        case .string(let value): field("shows", value)
        case .set(let elements):
            array("shows") { json in for element in elements { element.withView { json.value($0) } } }
        case nil: break
        }
        field("modified", state.modified)
        if !state.cell.isBlank { object("cell") { $0.cell(state.cell) } }
        if !state.members.isBlank {
            object("members") { json in
                json.field("settled-stamp", state.members.settledStamp)
                json.array("elements") { json in
                    for element in state.members.elements {
                        json.object { json in
                            json.field("element", element.bytes)
                            if element.isSettled { json.field("settled", true) }
                            json.array("dots") { json in for dot in element.dots { json.value(dot.description) } }
                        }
                    }
                }
            }
        }
        guard !state.deadline.isBlank else { return }
        array("deadlines") { json in
            for entry in state.deadline.entries {
                json.object { json in
                    json.field("stamp", entry.dot)
                    json.field("expires-ms", entry.deadline)
                }
            }
        }
    }

    private mutating func cell(_ cell: Cell) {
        array("bases") { json in
            for base in cell.bases {
                json.object { json in
                    json.field("stamp", base.dot)
                    json.field("rank", base.rank)
                    if base.isSettled { json.field("settled", true) }
                    json.field("value", base.value)
                    if let deadline = base.deadline { json.field("expires-ms", deadline) }
                }
            }
        }
        array("patches") { json in
            for patch in cell.patches {
                json.object { json in
                    json.field("stamp", patch.stamp)
                    json.field("target", patch.target)
                    json.array("operations") { json in
                        for operation in patch.operations { json.object { $0.operation(operation) } }
                    }
                }
            }
        }
        array("increments") { json in
            for run in cell.runs {
                json.object { json in
                    json.field("replica", run.last.replica.description)
                    json.field("first", run.start)
                    json.field("last", run.last)
                    json.field("sum", run.sum)
                }
            }
        }
        array("resets") { json in
            for reset in cell.resets {
                json.object { json in
                    json.field("stamp", reset.dot)
                    json.field("sum", reset.sum)
                }
            }
        }
        if let sum = cell.settledSum { field("settled-sum", sum) }
    }

    mutating func operation(_ operation: PatchOperation) {
        switch operation {
        case .append(let bytes): field("append", bytes)
        case .overwrite(let offset, let bytes):
            field("offset", offset)
            field("bytes", bytes)
        case .setBit(let offset, let bit):
            field("bit", offset)
            field("to", bit)
        }
    }
}
