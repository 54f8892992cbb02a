/// A state adds up to what the partition it was taken of adds up to.
import Base
import CRDT
import Testing

@testable import Engine

private let clusterKey = Array("a2".utf8).withView { Fingerprint.key(named: $0) }

private func fullState(of node: FleetNode) -> (state: [UInt8], slices: [[UInt8]]) {
    var export = StateExport(StateRequest(versions: Versions(), fences: Versions(), isEmpty: true))
    var state = ByteBuffer()
    var slices: [[UInt8]] = []
    export.writeHead(node.partition, into: &state)
    while true {
        let start = state.count
        let isLast = export.writeSlice(node.partition, bucketsMax: 3, into: &state)
        slices.append(Array(state.array[start..<(state.count - (isLast ? 1 : 0))]))
        if isLast { break }
    }
    return (state.array, slices)
}

@Suite struct StateDigestTests {
    private func filledNode() -> FleetNode {
        let members = [1, 2, 3].map { Replica(node: $0, generation: 0) }
        let node = FleetNode(replica: members[0], members: members, seed: 7, faults: [])
        var random = SeededRandom(seed: 77)
        for round in 0..<400 {
            node.write(PartitionBench.start + Int64(round)) { bench in
                bench.with(Array("key\(random.below(150))".utf8)) { handle in
                    switch random.below(5) {
                    case 0: _ = try? handle.increment(by: 3)
                    case 1: _ = handle.delete()
                    case 2:
                        let deadline = PartitionBench.start + Int64(random.below(800))
                        Array("soon".utf8).withView { handle.set(.bytes($0), deadline: .at(milliseconds: deadline)) }
                    case 3: Array(repeating: 65, count: 3000).withView { handle.set(.bytes($0), deadline: .none) }
                    default: Array("\(round)".utf8).withView { handle.set(.bytes($0), deadline: .none) }
                    }
                }
            }
        }
        return node
    }

    @Test("The sum over a state, whole or by slices, is the partition's own at any time")
    func sumsAgree() throws {
        let node = filledNode()
        let (state, slices) = fullState(of: node)
        for after: Int64 in [0, 200, 401, 1000] {
            let time = PartitionBench.start + after
            let expected = node.partition.pointee.digest(before: time, key: clusterKey).sum
            var whole = StateDigest(beforeMilliseconds: time, key: clusterKey)
            try state.withView { view throws(StateFailure) in try whole.add(state: view) }
            #expect(whole.sum == expected)
            #expect(whole.keys > 0)
            var sliced = StateDigest(beforeMilliseconds: time, key: clusterKey)
            for slice in slices { try slice.withView { view throws(StateFailure) in try sliced.add(slice: view) } }
            #expect(sliced == whole)
        }
    }

    @Test("Damage anywhere in a state never crashes a reader")
    func damageIsSurvived() {
        let (state, _) = fullState(of: filledNode())
        var random = SeededRandom(seed: 5)
        for _ in 0..<40 {
            var damaged = state
            damaged[random.below(min(damaged.count, 4000))] ^= UInt8(1 + random.below(255))
            if random.below(4) == 0 { damaged.removeLast(random.below(damaged.count)) }
            var digest = StateDigest(beforeMilliseconds: 0, key: clusterKey)
            _ = damaged.withView { view in Result { () throws(StateFailure) in try digest.add(state: view) } }
        }
    }
}
