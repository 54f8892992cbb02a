/// `a2 inspect versions`, `peers` and `node`: what running nodes say of each other and of themselves.
import Base
import Client
import Options
import RESP

enum VersionsVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        let names = try NodeAccess.nodes(tool.arguments)
        var seen: [(node: String, latest: Versions, partitions: [(Int, Versions)])] = []
        for name in names {
            let reply = try NodeAccess.connect(name, tool.arguments).ask("A2.VERSIONS")
            var latest = Versions()
            var partitions: [(Int, Versions)] = []
            for entry in reply.entries ?? [] {
                var versions = Versions()
                for pair in entry.value.entries ?? [] {
                    if let stamp = pair.value.text.flatMap({ StampText.stamp($0) }) { versions.advance(to: stamp) }
                }
                partitions.append((Int(entry.key.integer ?? 0), versions))
                latest.formUnion(versions)
            }
            seen.append((name, latest, partitions))
        }
        if tool.isJSON {
            tool.printJSON { json in
                json.array("nodes") { json in
                    for node in seen {
                        json.object { json in
                            json.field("node", node.node)
                            json.field("latest", node.latest)
                            json.object("partitions") { json in
                                for (partition, versions) in node.partitions {
                                    json.key("\(partition)")
                                    json.array { json in for stamp in versions.stamps { json.value(stamp.description) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        } else {
            printText(seen.map { ($0.node, $0.latest, $0.partitions.count) }, tool)
        }
        return ExitStatus.success
    }

    private static func printText(_ seen: [(node: String, latest: Versions, partitions: Int)], _ tool: Tool) {
        var newest = Versions()
        for node in seen { newest.formUnion(node.latest) }
        for node in seen {
            tool.print("\(node.node): writes in \(node.partitions) of \(Slots.partitionCount) partitions")
            for stamp in newest.stamps {
                let here = node.latest[stamp.replica]
                let behind = stamp.unixMilliseconds - here.unixMilliseconds
                let note = here == stamp ? "" : here.isZero ? "" : "  \(behind) ms behind the latest seen anywhere"
                let text = here.isZero ? "nothing seen" : TimeText.utc(here.unixMilliseconds) + "  \(here)" + note
                tool.print("    replica \(stamp.replica)  \(text)")
            }
        }
    }
}

enum PeersVerb {
    private static let columns = [
        "id", "name", "region", "address", "membership", "health", "outgoing", "incoming", "lag-ms", "rtt-ms",
        "pending-frames", "pending-bytes",
    ]

    static func run(_ tool: Tool) throws -> Int32 {
        let names = try NodeAccess.nodes(tool.arguments)
        let replies = try names.map { try NodeAccess.connect($0, tool.arguments).ask("A2.PEERS") }
        if tool.isJSON {
            tool.printJSON { json in
                json.array("nodes") { json in
                    for (name, reply) in zip(names, replies) {
                        json.object { json in
                            json.field("node", name)
                            json.array("peers") { json in for peer in reply.elements ?? [] { json.pairs(peer) } }
                        }
                    }
                }
            }
            return ExitStatus.success
        }
        for (name, reply) in zip(names, replies) {
            let peers = reply.elements ?? []
            tool.print("\(name): " + (peers.isEmpty ? "no peers" : "\(peers.count) peers"))
            if peers.isEmpty { continue }
            var table = [columns]
            for peer in peers { table.append(columns.map { peer[$0].map { ReplyText.short($0) } ?? "-" }) }
            for row in aligned(table) { tool.print("    " + row) }
        }
        return ExitStatus.success
    }

    static func aligned(_ table: [[String]]) -> [String] {
        let widths = (table.first ?? []).indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            var line = zip(row, widths).map { $0.padded(to: $1) }.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

extension JSONOutput {
    /// A map, also where RESP2 brings it as a flat array.
    mutating func pairs(_ reply: ReplyValue) {
        object { json in
            for pair in reply.entries ?? [] {
                json.key(pair.key.text ?? "")
                json.reply(pair.value)
            }
        }
    }
}

/// One page of health.
enum NodeVerb {
    static func run(_ tool: Tool) throws -> Int32 {
        if !tool.arguments.operands.isEmpty, tool.value("node") != nil {
            throw UsageError("name the node once: as URI or by --node")
        }
        let names = tool.arguments.operands.isEmpty ? try NodeAccess.nodes(tool.arguments) : tool.arguments.operands
        var status = ExitStatus.success
        for name in names {
            let connection = try NodeAccess.connect(name, tool.arguments)
            let page = NodePage(try connection.info(), try connection.ask("A2.PEERS").elements ?? [])
            if !page.alarms.isEmpty { status = ExitStatus.negative }
            if tool.isJSON {
                tool.printJSON { json in
                    json.field("node", name)
                    json.field("healthy", page.alarms.isEmpty)
                    json.array("alarms") { json in for alarm in page.alarms { json.value(alarm) } }
                    json.object("info") { json in
                        for section in page.info.sections {
                            json.key(section.name.lowercased())
                            json.object { json in
                                for field in section.fields {
                                    json.key(field.name)
                                    json.value(field.value)
                                }
                            }
                        }
                    }
                }
            } else {
                tool.print("\(name): " + (page.alarms.isEmpty ? "healthy" : "needs attention"))
                tool.print(page.rows.map { ("  " + $0.0, $0.1) })
                for alarm in page.alarms { tool.print("  ! " + alarm) }
            }
        }
        return status
    }
}

/// What an operator looks at first, and what should not be so.
struct NodePage {
    let info: InfoText
    private let peers: [ReplyValue]

    init(_ info: InfoText, _ peers: [ReplyValue]) {
        self.info = info
        self.peers = peers
    }

    private func text(_ name: String) -> String { info[name] ?? "-" }

    var rows: [(String, String)] {
        let keyspace = info.section("keyspace")?.fields.map { "\($0.name) \($0.value)" } ?? []
        return [
            ("version", "a2 \(text("a2_version")), Redis \(text("redis_version"))"),
            (
                "node",
                "\(text("a2_replica")) '\(text("a2_name"))' of cluster '\(text("a2_cluster"))', region '\(text("a2_region"))'"
            ),
            ("up", "\(text("uptime_in_seconds")) s, process \(text("process_id"))"),
            ("clients", "\(text("connected_clients")) of \(text("maxclients"))"),
            (
                "memory",
                "\(text("used_memory_human")), at most \(text("maxmemory_human")), policy \(text("maxmemory_policy"))"
            ),
            ("commands", "\(text("total_commands_processed")), \(text("instantaneous_ops_per_sec")) a second"),
            ("keys", keyspace.isEmpty ? "none" : keyspace.joined(separator: "; ")),
            ("peers", "\(text("a2_peers_up")) of \(text("a2_peers")) linked, lag at most \(text("a2_lag_max_ms")) ms"),
            ("stable", "\(text("a2_stable_ms")) ms ago"),
            ("frames", "\(text("a2_frames_total")) written, \(text("a2_frames_applied")) applied of others'"),
            ("window", "\(text("a2_window_bytes")) of \(text("a2_window_capacity_bytes")) bytes"),
            ("repairs", "\(text("a2_keys_repaired")) keys, \(text("a2_states_joined")) states joined"),
            ("disk", text("a2_ephemeral") == "1" ? "none: memory only" : "last save \(text("rdb_last_bgsave_status"))"),
        ]
    }

    var alarms: [String] {
        var alarms: [String] = []
        if let gate = info["a2_write_gate"], !gate.isEmpty { alarms.append("writes are refused: \(gate)") }
        if let forks = info.integer("a2_forks"), forks > 0 {
            alarms.append("\(forks) frames fork from what was seen of their origin: two nodes have had one name")
        }
        if let ahead = info.integer("a2_frames_ahead"), ahead > 0 {
            alarms.append("\(ahead) frames come from a clock far ahead")
        }
        if let diverged = info.integer("a2_keys_diverged"), diverged > 0 {
            alarms.append("\(diverged) keys had diverged and were repaired")
        }
        if info["rdb_last_bgsave_status"] == "err" { alarms.append("the last snapshot failed") }
        if info["aof_last_write_status"] == "err" { alarms.append("the log cannot be written") }
        if info["loading"] == "1" { alarms.append("still loading") }
        if let used = info.integer("used_memory"), let most = info.integer("maxmemory"), most > 0, used > most / 10 * 9
        {
            alarms.append("memory is nearly full")
        }
        for peer in peers {
            let membership = peer["membership"]?.text ?? ""
            guard membership == "member" || membership == "joining" else { continue }
            let name = "peer \(peer["id"].map { ReplyText.short($0) } ?? "?") at \(peer["address"]?.text ?? "?")"
            if let health = peer["health"]?.text, health != "alive" { alarms.append("\(name) is \(health)") }
            for link in ["outgoing", "incoming"] {
                if let state = peer[link]?.text, state != "up" {
                    alarms.append("\(name): the \(link) link is \(state)")
                }
            }
        }
        return alarms
    }
}
