/// Nodes of a fleet, written to by hand at a millisecond of the test's choice.
import Base
import CRDT

@testable import Engine

func state(of origin: FleetNode, for node: FleetNode) -> [UInt8] {
    var export = StateExport(node.partition.pointee.stateRequest())
    var state = ByteBuffer()
    export.writeHead(origin.partition, into: &state)
    while !export.writeSlice(origin.partition, bucketsMax: 2, into: &state) {}
    return state.array
}

func pair(_ faults: Faults = []) -> [FleetNode] {
    let members = [1, 2, 3].map { Replica(node: $0, generation: 0) }
    return members.map { FleetNode(replica: $0, members: members, seed: UInt64($0.rawValue), faults: faults) }
}

extension FleetNode {
    func set(_ key: String, _ value: String, _ milliseconds: Int64, deadline: Int64? = nil) {
        write(PartitionBench.start + milliseconds) { bench in
            bench.with(Array(key.utf8)) { handle in
                Array(value.utf8).withView {
                    handle.set(.bytes($0), deadline: deadline.map { .at(milliseconds: $0) } ?? .none)
                }
            }
        }
    }

    func increment(_ key: String, _ amount: Int64, _ milliseconds: Int64) {
        write(PartitionBench.start + milliseconds) { bench in
            bench.with(Array(key.utf8)) { _ = try? $0.increment(by: amount) }
        }
    }

    func append(_ key: String, _ text: String, _ milliseconds: Int64) {
        write(PartitionBench.start + milliseconds) { bench in
            bench.with(Array(key.utf8)) { handle in _ = Array(text.utf8).withView { handle.append($0) } }
        }
    }

    func change(_ key: String, adds: String = "", removes: String = "", _ milliseconds: Int64) {
        write(PartitionBench.start + milliseconds) { bench in
            bench.with(Array(key.utf8)) { handle in
                for byte in adds.utf8 { handle.addElement([byte]) }
                for byte in removes.utf8 { handle.removeElement([byte]) }
            }
        }
    }

    func delete(_ key: String, _ milliseconds: Int64) {
        write(PartitionBench.start + milliseconds) { bench in bench.with(Array(key.utf8)) { _ = $0.delete() } }
    }

    func take(from other: FleetNode) -> StateJoinOutcome {
        join(state(of: other, for: self), fences: other.fences)
    }

    func shown(_ key: String) -> String { view(key, at: PartitionBench.start + 1000) }
}
