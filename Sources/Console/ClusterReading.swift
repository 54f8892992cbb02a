/// What the nodes of a cluster said of themselves and of each other at one moment: what the views are made of.
///
/// Everything here is a value; `ClusterPoll` makes it out of replies, tests make it by hand.

enum NodeCondition: Equatable {
    /// A node of a2.
    case answering
    /// It answers, and is none: "Redis 7.2.4".
    case foreign(String)
    /// Why nothing came of it.
    case silent(String)

    var isSilent: Bool { if case .silent = self { true } else { false } }
}

/// A peer as one node sees it: a map of A2.PEERS.
struct PeerReading: Equatable {
    var id = 0
    var generation = 0
    var name = ""
    var region = ""
    var address = ""
    var clientAddress = ""
    var membership = "member"
    var health = "alive"
    /// The links, from the node to the peer and from the peer to the node.
    var outgoing = "up"
    var incoming = "up"
    /// How old what the node has of the peer is; nil before the first heartbeat.
    var lagMilliseconds: Int64?
    var roundTripMilliseconds: Int64?
    var silentMilliseconds: Int64?
    /// Of the node's own writes, what the peer has not acknowledged.
    var pendingFrames: Int64 = 0
    var pendingBytes: Int64 = 0
    var framesSent: Int64 = 0
    var framesReceived: Int64 = 0
    var bytesSent: Int64 = 0
    var bytesReceived: Int64 = 0
    var keysRepaired: Int64 = 0
    var partitionsMissing: Int64 = 0

    /// Neither gone nor replaced.
    var isPresent: Bool { membership == "member" || membership == "joining" }
}

struct NodeReading: Equatable {
    /// What the views call it: its name, else its address.
    var label: String
    /// Where the console reached it, or tried to.
    var address: String
    var condition = NodeCondition.answering
    var id: Int?
    var replica = ""
    var region = ""
    var cluster = ""
    /// "a2 0.1.0", "Redis 7.2.4".
    var version = ""
    var roundTripMilliseconds: Double?
    /// How far its clock is ahead of the console's, and how far that may be wrong.
    var clockOffsetMilliseconds: Double?
    var uptimeSeconds: Int64 = 0
    var operationsPerSecond: Int64 = 0
    var commandsTotal: Int64 = 0
    var clients: Int64 = 0
    var usedBytes: Int64 = 0
    var keys: Int64 = 0
    var framesTotal: Int64 = 0
    var windowCapacityBytes: Int64 = 0
    /// The age of the cut: what is older is on every member.
    var stableMilliseconds: Int64 = 0
    /// Why it takes no writes; empty where it does.
    var writeGate = ""
    var keysRepaired: Int64 = 0
    var keysDiverged: Int64 = 0
    var comparisons: Int64 = 0
    var peers: [PeerReading] = []

    init(label: String, address: String) {
        self.label = label
        self.address = address
    }

    var isAnswering: Bool { condition == .answering }
}

/// One direction of replication: what the reader has of what the writer wrote.
struct LinkReading: Equatable {
    enum State: Equatable {
        case up
        /// "syncing", "connecting", "down": the worse of what both ends say.
        case impaired(String)
        /// Neither end answers, or neither knows the other.
        case unknown
    }

    var state: State
    /// How old what the reader has of the writer is; nil where nobody can say.
    var lagMilliseconds: Int64?
    /// The writer's own count of what the reader has not acknowledged; nil where the writer does not answer.
    var pendingFrames: Int64?
    var pendingBytes: Int64?

    static let unknown = LinkReading(state: .unknown)
}

struct ClusterReading: Equatable {
    var nodes: [NodeReading] = []
    /// Members that nobody could ask, because their peers do not know where their clients go.
    var unaddressed: [PeerReading] = []

    /// What `reader` has of what `writer` wrote.
    func link(reader: Int, writer: Int) -> LinkReading {
        let (near, far) = (nodes[reader], nodes[writer])
        guard reader != writer, let nearID = near.id, let farID = far.id else { return .unknown }
        let seen = near.isAnswering ? near.peers.first { $0.id == farID } : nil
        let told = far.isAnswering ? far.peers.first { $0.id == nearID } : nil
        guard seen != nil || told != nil else { return .unknown }
        let states = [seen?.incoming, told?.outgoing].compactMap { $0 }
        let worst = ["down", "connecting", "syncing"].first { states.contains($0) }
        var lag = seen?.lagMilliseconds
        if worst != nil {
            // What was measured last is of no use once nothing arrives: it lags at least as long as it has heard nothing.
            let silence = seen?.silentMilliseconds ?? told?.silentMilliseconds
            lag = [lag, silence].compactMap { $0 }.max()
        }
        return LinkReading(
            state: worst.map { .impaired($0) } ?? .up, lagMilliseconds: lag, pendingFrames: told?.pendingFrames,
            pendingBytes: told?.pendingBytes)
    }

    /// Every direction between two different nodes of a2.
    var directions: [(reader: Int, writer: Int)] {
        let ours = nodes.indices.filter { nodes[$0].id != nil }
        return ours.flatMap { reader in ours.filter { $0 != reader }.map { (reader, $0) } }
    }

    /// The largest lag anybody has measured.
    var lagMaxMilliseconds: Int64? {
        directions.compactMap { link(reader: $0.reader, writer: $0.writer).lagMilliseconds }.max()
    }

    var areAllLinksUp: Bool {
        directions.allSatisfy { link(reader: $0.reader, writer: $0.writer).state == .up }
    }

    /// Everybody answers, and every link between nodes of a2 is up.
    var isWhole: Bool { !nodes.contains { $0.condition.isSilent } && areAllLinksUp && unaddressed.isEmpty }
}

extension PeerReading {
    init?(_ reply: ClusterReply) {
        guard let id = reply.number("id"), 1...255 ~= id else { return nil }
        self.id = Int(id)
        generation = Int(reply.number("generation") ?? 0)
        name = reply.text("name")
        region = reply.text("region")
        address = reply.text("address")
        clientAddress = reply.text("client-address")
        membership = reply.text("membership")
        health = reply.text("health")
        outgoing = reply.text("outgoing")
        incoming = reply.text("incoming")
        lagMilliseconds = reply.number("lag-ms")
        roundTripMilliseconds = reply.number("rtt-ms")
        silentMilliseconds = reply.number("silent-ms")
        pendingFrames = reply.number("pending-frames") ?? 0
        pendingBytes = reply.number("pending-bytes") ?? 0
        framesSent = reply.number("frames-sent") ?? 0
        framesReceived = reply.number("frames-received") ?? 0
        bytesSent = reply.number("bytes-sent") ?? 0
        bytesReceived = reply.number("bytes-received") ?? 0
        keysRepaired = reply.number("keys-repaired") ?? 0
        partitionsMissing = reply.number("partitions-missing") ?? 0
    }
}

extension NodeReading {
    /// Takes in INFO's fields, of a2 or of whatever else speaks RESP.
    mutating func take(information fields: [String: String]) {
        func number(_ name: String) -> Int64 { fields[name].flatMap { Int64($0) } ?? 0 }
        if let version = fields["a2_version"] {
            condition = .answering
            self.version = "a2 \(version)"
            id = fields["a2_node_id"].flatMap { Int($0) }
            replica = fields["a2_replica"] ?? ""
            region = fields["a2_region"] ?? ""
            cluster = fields["a2_cluster"] ?? ""
            if let name = fields["a2_name"], !name.isEmpty { label = name }
        } else {
            let isValkey = fields["valkey_version"] != nil
            let number = fields["valkey_version"] ?? fields["redis_version"]
            version = number.map { "\(isValkey ? "Valkey" : "Redis") \($0)" } ?? "unknown"
            condition = .foreign(version)
        }
        uptimeSeconds = number("uptime_in_seconds")
        operationsPerSecond = number("instantaneous_ops_per_sec")
        commandsTotal = number("total_commands_processed")
        clients = number("connected_clients")
        usedBytes = number("used_memory")
        framesTotal = number("a2_frames_total")
        windowCapacityBytes = number("a2_window_capacity_bytes")
        stableMilliseconds = number("a2_stable_ms")
        writeGate = fields["a2_write_gate"] ?? ""
        keysRepaired = number("a2_keys_repaired")
        keysDiverged = number("a2_keys_diverged")
        comparisons = number("a2_digest_rounds")
        keys = (0..<16).reduce(0) { sum, database in
            let parts = (fields["db\(database)"] ?? "").split(separator: ",")
            return sum + (parts.first.flatMap { Int64($0.dropFirst("keys=".count)) } ?? 0)
        }
    }
}
