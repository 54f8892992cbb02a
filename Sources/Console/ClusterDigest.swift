/// What comparing the digests of several nodes has found: the result that `:digest` and `:diff` show.
import Base

/// One key that nodes show differently.
struct KeyDifference: Equatable {
    var database: Int
    var key: [UInt8]
    var partition: Int
    var bucket: Int
    var agreement: Agreement
    /// By node compared; nil: the node does not show the key.
    var fingerprints: [String?]
}

struct DigestReading: Equatable {
    struct Node: Equatable {
        /// Its place among the nodes of the reading.
        var index: Int
        /// Over everything, 32 hexadecimal digits.
        var root: String
    }

    var cluster: ClusterReading
    /// Those compared: nodes of a2 that answered.
    var compared: [Node] = []
    /// By partition; empty where the roots were equal and nothing had to be looked into.
    var partitions: [Agreement] = []
    /// What the partitions that differ looked like last.
    var missing: [MissingWrites] = []
    var keys: [KeyDifference] = []
    /// Keys that differ and are not listed, and partitions that differ and were not looked into.
    var keysOmitted = 0
    var partitionsOmitted = 0
    /// Between the first look and the last.
    var waitedMilliseconds: Int64 = 0

    func count(_ agreement: Agreement) -> Int {
        if partitions.isEmpty { return agreement == .equal ? Slots.partitionCount : 0 }
        return partitions.count { $0 == agreement }
    }

    /// Nil: there were no two nodes to compare.
    var agreement: Agreement? {
        guard compared.count > 1 else { return nil }
        let worst = max(partitions.max() ?? .equal, keys.map(\.agreement).max() ?? .equal)
        return worst
    }

    func label(_ node: Int) -> String { cluster.nodes[compared[node].index].label }
}
