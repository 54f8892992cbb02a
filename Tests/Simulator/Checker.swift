/// What must hold in every run, at every moment it is looked at.
import Base
import CRDT
import Engine
import Wire

extension Simulation {
    func views(_ node: Int, at time: Int64) -> [KeyView] {
        (Workload.keys + Workload.pair).map { nodes[node].view($0, at: time) }
    }

    /// Nodes that have applied the same frames of a partition show the same, now and at any later time.
    mutating func compareEquals(_ moment: String) {
        for partition in Workload.partitions {
            for left in nodes.indices {
                for right in nodes.indices where right > left {
                    let versions = nodes[left].partition(partition).pointee.versions
                    guard versions == nodes[right].partition(partition).pointee.versions else { continue }
                    compare(left, right, partition, moment)
                }
            }
        }
    }

    private mutating func compare(_ left: Int, _ right: Int, _ partition: Int, _ moment: String) {
        // A node that runs ahead may have forgotten what has expired for it: look from there on.
        let start = max(nodes[left].moment([partition]), nodes[right].moment([partition]), now) + 10
        for later: Int64 in [0, 12, 45, 100_000] {
            for key in Workload.keys + Workload.pair where key.withView({ Slots.partition(of: $0) }) == partition {
                let one = nodes[left].view(key, at: start + later)
                let other = nodes[right].view(key, at: start + later)
                if one != other {
                    fail(
                        "\(moment), \(text(key)) at +\(later): node \(left) shows \(text(one)), node \(right) \(text(other))"
                    )
                }
            }
        }
    }

    mutating func compareAll(_ moment: String) {
        for partition in Workload.partitions {
            let versions = nodes[0].partition(partition).pointee.versions
            for node in nodes.indices.dropFirst() {
                if nodes[node].partition(partition).pointee.versions != versions {
                    fail("\(moment), node \(node) has not all frames of partition \(partition)")
                }
            }
        }
        compareEquals(moment)
    }

    /// Keys that are only ever written together are the same wherever one looks.
    mutating func checkPair(_ node: Int) {
        let time = nodes[node].moment(Workload.partitions)
        let values = Workload.pair.map { nodes[node].view($0, at: time) }
        if values[0] != values[1] { fail("node \(node) shows half a MULTI: \(values.map { text($0) })") }
    }

    /// A node's versions are exactly what it has applied, and its cuts are nowhere ahead of anybody.
    mutating func checkVersions(_ node: Int, _ partition: Int) {
        let here = nodes[node].partition(partition)
        for stamp in here.pointee.versions.stamps {
            guard let origin = nodes.firstIndex(where: { $0.replica == stamp.replica }) else { continue }
            if nodes[origin].stamps[partition]?.contains(stamp) != true {
                fail("node \(node) claims \(stamp), which nobody wrote")
            }
        }
        guard node < memberCount else { return }
        let cut = here.pointee.announcedCut
        if here.pointee.settleCut > cut { fail("node \(node) settles beyond its own cut") }
        if plan.members == 1 { return }
        for member in 0..<memberCount {
            let versions = nodes[member].partition(partition).pointee.versions
            for other in 0..<memberCount {
                let stable = nodes[other].sent.last { $0.header.partition == partition && $0.header.stamp <= cut }
                if let stamp = stable?.header.stamp, versions[stamp.replica] < stamp {
                    fail("the cut of node \(node) is ahead of what node \(member) has of node \(other)")
                }
            }
        }
    }

    /// Stamps rise, each frame follows the one before, none is used twice.
    mutating func checkStamps() {
        for node in nodes {
            var latest: [Int: Stamp] = [:]
            for frame in node.sent {
                let header = frame.header
                if header.prev != latest[header.partition] ?? .zero || header.stamp <= header.prev {
                    fail("\(header) does not follow \(latest[header.partition] ?? .zero)")
                }
                if header.origin != node.replica { fail("\(header) names another author") }
                latest[header.partition] = header.stamp
            }
        }
    }

    /// Quiet and settled, nobody remembers more than keys and values.
    mutating func checkMemory() {
        checkStamps()
        for node in 0..<memberCount {
            var history = History()
            for partition in Workload.partitions { history += nodes[node].partition(partition).pointee.history }
            history.outlivedStrings = 0
            if history != History() { fail("node \(node) still remembers \(history)") }
        }
    }
}
