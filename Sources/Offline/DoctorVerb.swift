/// `a2 inspect doctor`: what will become a problem, of nodes and of the machine they run on.
import Base
import Client
import OS
import Options
import RESP
import Storage

enum DoctorVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        var findings = Findings()
        let nodes =
            tool.value("node") == nil && tool.value("data-dir") != nil ? [] : try NodeAccess.nodes(tool.arguments)
        if let path = tool.value("data-dir") { DiskCheck.run(path, &findings) }
        MachineCheck.run(&findings)
        if !nodes.isEmpty { ClusterCheck.run(nodes, tool, &findings) }
        if tool.isJSON {
            tool.printJSON { json in
                json.field("failed", findings.failed)
                json.field("warnings", findings.list.count { $0.grade == .warning })
                json.array("findings") { json in
                    for finding in findings.list {
                        json.object { json in
                            json.field("grade", finding.grade.rawValue)
                            json.field("check", finding.check)
                            json.field("text", finding.text)
                        }
                    }
                }
            }
        } else {
            for finding in findings.list where !tool.isQuiet || finding.grade != .fine {
                tool.print("\(finding.grade.rawValue.padded(to: 5))  \(finding.check.padded(to: 12))  \(finding.text)")
            }
        }
        return findings.failed > 0 ? ExitStatus.negative : ExitStatus.success
    }
}

struct Findings {
    enum Grade: String {
        case fine = "ok"
        case warning = "warn"
        case failure = "fail"
    }

    private(set) var list: [(grade: Grade, check: String, text: String)] = []

    var failed: Int { list.count { $0.grade == .failure } }

    mutating func add(_ grade: Grade, _ check: String, _ text: String) { list.append((grade, check, text)) }

    mutating func add(_ check: String, _ text: String, warnIf: Bool = false, failIf: Bool = false) {
        add(failIf ? .failure : warnIf ? .warning : .fine, check, text)
    }
}

/// Space and speed of the disk under a data directory.
private enum DiskCheck {
    private static let syncs = 20
    private static let bytes = 64 * 1024

    static func run(_ path: String, _ findings: inout Findings) {
        guard let space = MachineFacts.diskSpace(path) else {
            return findings.add(.failure, "disk", "\(path) cannot be looked at")
        }
        let free = String(humanBytes: space.freeBytes)
        let percent = space.totalBytes > 0 ? space.freeBytes * 100 / space.totalBytes : 0
        findings.add(
            "disk space", "\(free) free under \(path), \(percent)%",
            warnIf: percent < 20, failIf: space.freeBytes < 1 << 30 || percent < 5)
        do {
            let milliseconds = try syncMilliseconds(path)
            findings.add(
                "disk speed",
                "a synced write of \(bytes / 1024) KB takes \(String(fixed: milliseconds, decimals: 1)) ms",
                warnIf: milliseconds > 20, failIf: milliseconds > 500)
        } catch { findings.add(.failure, "disk speed", "\(error)") }
        do {
            let directory = try DataDirectory(path, on: SystemDisk(), for: .watching)
            let identity = try IdentityFile.read(from: directory)
            findings.add(.fine, "identity", "node \(identity.owner.node) of cluster '\(identity.clusterName)'")
        } catch { findings.add(.failure, "identity", error.description) }
    }

    /// The mean of some, in a file that goes away.
    private static func syncMilliseconds(_ path: String) throws -> Double {
        let probe = path + "/doctor.tmp"
        defer { _ = RawFile.remove(probe) }
        let file = try Files.open(probe, for: .replace, permissions: 0o600)
        let block = [UInt8](repeating: 0x5A, count: bytes)
        let started = SystemClock.monotonicNanoseconds
        for _ in 0..<syncs {
            try Files.write(block, to: file.number, named: probe)
            try StreamFile.sync(file.number, named: probe)
        }
        return Double(SystemClock.monotonicNanoseconds - started) / 1_000_000 / Double(syncs)
    }
}

private enum MachineCheck {
    static func run(_ findings: inout Findings) {
        let descriptors = MachineFacts.descriptorLimit
        findings.add("descriptors", "\(descriptors) may be open in one process", warnIf: descriptors < 10_032)
        let files = MachineFacts.fileSizeLimit
        if files < Int.max { findings.add("file size", "files are limited to \(files) bytes", failIf: files < 1 << 30) }
    }
}

/// Whether the nodes named make one cluster.
private enum ClusterCheck {
    private struct Node {
        let name: String
        let info: InfoText
        let peers: [ReplyValue]
        let skewMilliseconds: Int64
        let uncertaintyMilliseconds: Int64
    }

    static func run(_ names: [String], _ tool: Tool, _ findings: inout Findings) {
        var nodes: [Node] = []
        for name in names {
            do { nodes.append(try ask(name, tool)) } catch {
                findings.add(.failure, "reachable", "\(name): \(error)")
            }
        }
        for node in nodes {
            let skew = node.skewMilliseconds
            findings.add(
                "clock", "\(node.name) is \(skew) ms off this machine (± \(node.uncertaintyMilliseconds))",
                warnIf: skew.magnitude > 1000 + node.uncertaintyMilliseconds.magnitude, failIf: skew.magnitude > 60_000)
            let alarms = NodePage(node.info, node.peers).alarms
            for alarm in alarms { findings.add(.failure, "health", "\(node.name): \(alarm)") }
            if alarms.isEmpty { findings.add(.fine, "health", "\(node.name) is well") }
        }
        guard nodes.count > 1 else { return }
        compare(nodes, "a2_version", "versions", isFailure: false, &findings)
        compare(nodes, "a2_cluster", "cluster", isFailure: true, &findings)
        compare(nodes, "maxmemory", "maxmemory", isFailure: false, &findings)
        compare(nodes, "maxmemory_policy", "eviction", isFailure: false, &findings)
        let ids = Dictionary(grouping: nodes) { $0.info["a2_node_id"] ?? "?" }
        for (id, same) in ids.sorted(by: { $0.key < $1.key }) where same.count > 1 {
            findings.add(.failure, "node ids", "\(same.map(\.name).joined(separator: " and ")) are both node \(id)")
        }
        if ids.count == nodes.count { findings.add(.fine, "node ids", "all different") }
        checkLinks(nodes, &findings)
    }

    private static func ask(_ name: String, _ tool: Tool) throws -> Node {
        let connection = try NodeAccess.connect(name, tool.arguments)
        let info = try connection.info()
        let peers = try connection.ask("A2.PEERS").elements ?? []
        let before = SystemClock.wallMilliseconds
        let time = try connection.ask("TIME").elements?.compactMap(\.integer) ?? []
        let after = SystemClock.wallMilliseconds
        guard time.count == 2 else { throw ToolFailure.refused("\(name) does not tell the time") }
        let there = time[0] * 1000 + time[1] / 1000
        return Node(
            name: name, info: info, peers: peers, skewMilliseconds: there - (before + after) / 2,
            uncertaintyMilliseconds: (after - before + 1) / 2)
    }

    private static func compare(
        _ nodes: [Node], _ field: String, _ check: String, isFailure: Bool, _ findings: inout Findings
    ) {
        let values = Set(nodes.map { $0.info[field] ?? "?" })
        if values.count == 1 { return findings.add(.fine, check, "all \(values.first ?? "")") }
        let text = nodes.map { "\($0.name): \($0.info[field] ?? "?")" }.joined(separator: ", ")
        findings.add(isFailure ? .failure : .warning, check, text)
    }

    /// Every node has to have every other as a peer, linked both ways.
    private static func checkLinks(_ nodes: [Node], _ findings: inout Findings) {
        var missing = 0
        for node in nodes {
            let linked = Set(
                node.peers.filter { $0["outgoing"]?.text == "up" && $0["incoming"]?.text == "up" }
                    .compactMap { $0["id"].map { ReplyText.short($0) } })
            for other in nodes where other.name != node.name {
                let id = other.info["a2_node_id"] ?? "?"
                if linked.contains(id) { continue }
                missing += 1
                findings.add(.failure, "links", "\(node.name) has no link both ways with \(other.name), node \(id)")
            }
        }
        if missing == 0 { findings.add(.fine, "links", "all \(nodes.count) nodes reach each other") }
    }
}
