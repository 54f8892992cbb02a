/// Whether nodes that show something different are on their way to the same, or have come apart.
///
/// Everything is looked at twice, a lag interval apart. A difference is a divergence when no node has changed what it
/// shows in between, and each has by now applied all that any of them had applied the first time: what is still on its
/// way cannot explain it. Every other difference is in flight.
import Base

enum Agreement: Int, Comparable {
    case equal
    case inFlight
    case diverged

    static func < (left: Agreement, right: Agreement) -> Bool { left.rawValue < right.rawValue }

    var word: String {
        switch self {
        case .equal: "equal"
        case .inFlight: "in-flight"
        case .diverged: "diverged"
        }
    }

    var tone: ViewTone {
        switch self {
        case .equal: .good
        case .inFlight: .warning
        case .diverged: .bad
        }
    }
}

/// What each of the nodes compared showed of one partition, bucket or key at one time.
struct AgreementLook: Equatable {
    /// In the order of the nodes; nil where the node has nothing.
    var fingerprints: [String?]
    /// Of the partition it is about.
    var versions: [Versions]

    var isEqual: Bool { fingerprints.allSatisfy { $0 == fingerprints.first } }

    /// All that any of the nodes has applied.
    var union: Versions {
        var union = Versions()
        for versions in versions { union.formUnion(versions) }
        return union
    }

    func agreement(after former: AgreementLook) -> Agreement {
        if isEqual { return .equal }
        guard fingerprints == former.fingerprints else { return .inFlight }
        let seen = former.union
        return versions.allSatisfy { $0.covers(seen) } ? .diverged : .inFlight
    }

    /// The nodes that do not show what most show; where no group is the largest, all that differ from the first.
    var outliers: [Int] {
        var groups: [(fingerprint: String?, count: Int)] = []
        for fingerprint in fingerprints {
            if let index = groups.firstIndex(where: { $0.fingerprint == fingerprint }) {
                groups[index].count += 1
            } else {
                groups.append((fingerprint, 1))
            }
        }
        let most = groups.map(\.count).max() ?? 0
        let reference = groups.first { $0.count == most }?.fingerprint ?? nil
        return fingerprints.indices.filter { fingerprints[$0] != reference }
    }
}

/// A node that has not applied writes of a replica that another node had at an earlier look.
struct MissingWrites: Equatable {
    var node: Int
    var replica: Replica
    var partitions: Int
    /// The age of the oldest such write that is known of.
    var milliseconds: Int64
}

/// All partitions of the nodes compared, looked at once.
struct PartitionLooks: Equatable {
    var looks: [AgreementLook]

    func agreements(after former: PartitionLooks) -> [Agreement] {
        looks.indices.map { looks[$0].agreement(after: former.looks[$0]) }
    }

    /// Who lacks what of all that somebody had at the former look, by node and replica.
    func missing(since former: PartitionLooks, unixMilliseconds now: Int64) -> [MissingWrites] {
        var found: [MissingWrites] = []
        for (look, before) in zip(looks, former.looks) {
            let union = before.union
            for (node, versions) in look.versions.enumerated() {
                for stamp in union.stamps where !versions.covers(stamp) {
                    let age = max(now - stamp.unixMilliseconds, 0)
                    let index = found.firstIndex { $0.node == node && $0.replica == stamp.replica }
                    guard let index else {
                        found.append(
                            MissingWrites(node: node, replica: stamp.replica, partitions: 1, milliseconds: age))
                        continue
                    }
                    found[index].partitions += 1
                    found[index].milliseconds = max(found[index].milliseconds, age)
                }
            }
        }
        return found.sorted { ($0.node, $0.replica) < ($1.node, $1.replica) }
    }
}
