/// `a2 inspect digest`: the fingerprints of one node, or where those of several differ: partition, slot, key.
import Base
import Client
import Options
import RESP

enum DigestVerb {
    private static let depths = ["root", "partition", "bucket", "key"]

    static func run(_ tool: Tool) throws -> Int32 {
        let names = try NodeAccess.nodes(tool.arguments)
        let given = try tool.arguments.choice("depth")
        let depth = depths.firstIndex(of: given ?? (names.count > 1 ? "key" : "root")) ?? 0
        let nodes = try names.map { try NodeAccess.connect($0, tool.arguments) }
        var tree = DigestTree(nodes: nodes, depth: nodes.count > 1 ? depth : min(depth, 1))
        try tree.walk(tool)
        if tool.isJSON { printJSON(tree, names, tool) } else { printText(tree, names, tool) }
        return tree.isEqual ? ExitStatus.success : ExitStatus.negative
    }

    private static func printText(_ tree: DigestTree, _ names: [String], _ tool: Tool) {
        let width = names.map(\.count).max() ?? 0
        for (name, digest) in zip(names, tree.roots) { tool.print("\(name.padded(to: width))  \(digest)") }
        for line in tree.lines {
            tool.print(line.place)
            for (name, digest) in zip(names, line.digests) {
                tool.print("    \(name.padded(to: width))  \(digest ?? "-")")
            }
        }
        if names.count > 1 { tool.note(tree.isEqual ? "equal" : "the nodes differ") }
    }

    private static func printJSON(_ tree: DigestTree, _ names: [String], _ tool: Tool) {
        tool.printJSON { json in
            json.field("equal", tree.isEqual)
            json.array("nodes") { json in
                for (name, digest) in zip(names, tree.roots) {
                    json.object { json in
                        json.field("node", name)
                        json.field("digest", digest)
                    }
                }
            }
            json.array("parts") { json in
                for line in tree.lines {
                    json.object { json in
                        json.field("partition", line.partition)
                        if let bucket = line.bucket { json.field("bucket", bucket) }
                        if let key = line.key {
                            json.field("db", key.database)
                            json.field("key", key.name)
                        }
                        json.array("digests") { json in
                            for digest in line.digests { if let digest { json.value(digest) } else { json.null() } }
                        }
                    }
                }
            }
        }
    }
}

/// Digests asked for where they differ.
private struct DigestTree {
    struct Key: Hashable, Comparable {
        let database: Int
        let name: [UInt8]

        static func < (left: Key, right: Key) -> Bool {
            left.database != right.database
                ? left.database < right.database : left.name.lexicographicallyPrecedes(right.name)
        }
    }

    struct Line {
        var partition: Int
        var bucket: Int?
        var key: Key?
        /// By node; nil where it does not have the key.
        var digests: [String?]

        var place: String {
            if let key { return "        key \(key.database) \(DiffVerb.quoted(key.name))" }
            return bucket.map { "    bucket \($0) (slot \(partition * Slots.perPartition + $0))" }
                ?? "partition \(partition)"
        }
    }

    private let nodes: [Connection]
    private let depth: Int
    private(set) var roots: [String] = []
    private(set) var lines: [Line] = []

    private static let empty = String(repeating: "0", count: 32)

    init(nodes: [Connection], depth: Int) {
        self.nodes = nodes
        self.depth = depth
    }

    var isEqual: Bool { Set(roots).count < 2 }

    private func ask(_ words: String...) throws -> [String] {
        try nodes.map { node in
            try node.ask((["A2.DIGEST"] + words).map { Array($0.utf8) }, timeoutMilliseconds: 600_000).text ?? ""
        }
    }

    /// One node alone shows what it has; of several, what differs.
    private func isWorthShowing(_ digests: [String]) -> Bool {
        nodes.count > 1 ? Set(digests).count > 1 : digests.first != Self.empty
    }

    mutating func walk(_ tool: Tool) throws {
        roots = try ask()
        guard depth > 0, nodes.count == 1 || !isEqual else { return }
        let progress = Progress(tool, "comparing")
        for partition in 0..<Slots.partitionCount {
            progress.show("partition \(partition + 1) of \(Slots.partitionCount)")
            let digests = try ask("\(partition)")
            guard isWorthShowing(digests) else { continue }
            lines.append(Line(partition: partition, digests: digests))
            if depth > 1 { try walkBuckets(partition) }
        }
        progress.end()
    }

    private mutating func walkBuckets(_ partition: Int) throws {
        for bucket in 0..<Slots.perPartition {
            let digests = try ask("\(partition)", "\(bucket)")
            guard isWorthShowing(digests) else { continue }
            lines.append(Line(partition: partition, bucket: bucket, digests: digests))
            if depth > 2 { try walkKeys(partition, bucket) }
        }
    }

    private mutating func walkKeys(_ partition: Int, _ bucket: Int) throws {
        var found: [Key: [String?]] = [:]
        for (index, node) in nodes.enumerated() {
            let reply = try node.ask("A2.DIGEST", "\(partition)", "\(bucket)", "KEYS")
            for row in reply["keys"]?.elements ?? [] {
                guard let parts = row.elements, parts.count == 3, let database = parts[0].integer,
                    let name = parts[1].bytes
                else { continue }
                let key = Key(database: Int(database), name: name)
                found[key, default: Array(repeating: nil, count: nodes.count)][index] = parts[2].text
            }
        }
        for key in found.keys.sorted() {
            guard let digests = found[key], Set(digests).count > 1 else { continue }
            lines.append(Line(partition: partition, bucket: bucket, key: key, digests: digests))
        }
    }
}
