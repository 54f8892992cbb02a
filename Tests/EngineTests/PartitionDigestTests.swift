/// Fingerprints of a partition: equal where the data is, and how a key that was spoiled in silence is found by them.
import Base
import CRDT
import Testing

@testable import Engine

private let start = PartitionBench.start

@Suite struct PartitionDigestTests {
    private let key = (UInt64(11), UInt64(12))

    private func filled(_ nodes: [FleetNode]) {
        for index in 0..<40 { nodes[0].set("key\(index)", "\(index)", Int64(index)) }
        nodes[0].increment("n", 5, 50)
        nodes[0].set("brief", "x", 51, deadline: start + 5000)
        nodes[0].write(start + 52) { bench in
            bench.with(Array("set".utf8)) { handle in
                handle.addElement([1])
                handle.addElement([2, 3])
            }
        }
    }

    @Test("Nodes with the same data have the same sums, those of the keys' own fingerprints")
    func sums() {
        let nodes = pair()
        filled(nodes)
        #expect(nodes[1].partition.pointee.digest(before: start, key: key).versions == 0)
        #expect(nodes[1].take(from: nodes[0]) == .joined(keysChanged: 43))
        let digests = nodes[..<2].map { $0.partition.pointee.digest(before: start + 1000, key: key) }
        #expect(digests[0] == digests[1])
        #expect(digests[0].buckets.reduce(0, &+) == digests[0].sum)
        var sum: UInt128 = 0
        for name in (0..<40).map({ "key\($0)" }) + ["n", "brief", "set"] {
            nodes[0].bench.now = start + 1000
            sum &+= nodes[0].bench.with(Array(name.utf8)) { $0.fingerprint(key: key) } ?? 0
        }
        #expect(digests[0].sum == sum)
        // What ends by then is left out, without waiting for it to be reclaimed.
        let later = nodes[0].partition.pointee.digest(before: start + 5000, key: key)
        #expect(later.sum != digests[0].sum)
        #expect(later == nodes[1].partition.pointee.digest(before: start + 5000, key: key))
        var listed: UInt128 = 0
        for bucket in 0..<Slots.perPartition {
            for line in nodes[0].partition.pointee.keyDigests(bucket: bucket, before: start + 5000, key: key) {
                listed &+= line.fingerprint
            }
        }
        #expect(listed == later.sum)
    }

    @Test("Sums are worked out anew after a write, and a key spoiled in silence is found and mended")
    func repair() {
        let nodes = pair()
        filled(nodes)
        _ = nodes[1].take(from: nodes[0])
        let before = nodes[0].partition.pointee.digest(before: start + 1000, key: key)
        nodes[0].set("key7", "other", 60)
        #expect(nodes[0].partition.pointee.digest(before: start + 1000, key: key) != before)
        _ = nodes[1].take(from: nodes[0])
        for name in ["key7", "n", "set"] {
            let bench = nodes[1].bench
            let isDone = Array(name.utf8).withView {
                bench.partition.pointee.corrupt(database: 0, key: $0, &bench.context.pointee)
            }
            #expect(isDone)
        }
        var differing: [(database: Int, name: [UInt8])] = []
        let sums = nodes[..<2].map { $0.partition.pointee.digest(before: start + 1000, key: key) }
        #expect(sums[0].versions == sums[1].versions)
        for bucket in 0..<Slots.perPartition where sums[0].buckets[bucket] != sums[1].buckets[bucket] {
            let here = nodes[0].partition.pointee.keyDigests(bucket: bucket, before: start + 1000, key: key)
            let there = nodes[1].partition.pointee.keyDigests(bucket: bucket, before: start + 1000, key: key)
            for line in here where !there.contains(line) { differing.append((line.database, line.name)) }
        }
        #expect(differing.map { String(decoding: $0.name, as: UTF8.self) }.sorted() == ["key7", "n", "set"])
        // Both send what they have; each key's winner is the same on both sides.
        var adopted = 0
        var states = [ByteBuffer().array, []]
        for index in 0..<2 {
            var buffer = ByteBuffer()
            nodes[index].partition.pointee.writeKeyStates(differing, into: &buffer)
            states[index] = buffer.array
        }
        for index in 0..<2 {
            let bench = nodes[index].bench
            let count = states[1 - index].withView {
                bench.partition.pointee.adopt(keyStates: $0, key: key, &bench.context.pointee)
            }
            adopted += count ?? -100
        }
        #expect(adopted == 3)
        let mended = nodes[..<2].map { $0.partition.pointee.digest(before: start + 1000, key: key) }
        #expect(mended[0] == mended[1])
        for length in 0..<states[0].count {
            let bench = nodes[0].bench
            _ = Array(states[0][..<length]).withView {
                bench.partition.pointee.adopt(keyStates: $0, key: key, &bench.context.pointee)
            }
        }
    }
}
