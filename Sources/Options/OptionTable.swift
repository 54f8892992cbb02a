/// Every option of `a2 serve`, once.
///
/// From a row come its flag, its A2_ variable, its key in the file, its CONFIG parameter, and its lines in
/// help, completions, the manual and the generated configuration. To add one: a case, then its row.

public enum Option: Int, CaseIterable, Sendable {
    case config, nodeID, name, region, cluster, ephemeral
    case bind, port, tcpBacklog, tcpKeepalive, timeout, maxclients, threads
    case peer, peerPort, advertise, peerSecretFile, peerPlaintext, peerBufferBytes, stabilityTimeout, repairInterval
    case protectedMode, requirepass, passwordFile, enableDebugCommand
    case maxmemory, maxmemoryPolicy, maxmemorySamples, lfuLogFactor, lfuDecayTime, windowBytes
    case dataDir, fsync, snapshotAfterBytes, snapshotKeep, logSegmentBytes, repairFromPeers
    case databases, hz, protoMaxBulkLen, clientQueryBufferLimit, clientOutputBufferLimit
    case slowlogLogSlowerThan, slowlogMaxLen, latencyMonitorThreshold, latencyTracking, latencyPercentiles
    case logLevel, logFormat, logFile

    public var name: String { Self.names[rawValue] }

    public var row: OptionRow { OptionTable.rows[rawValue] }

    private static let names = [
        "config", "node-id", "name", "region", "cluster", "ephemeral",
        "bind", "port", "tcp-backlog", "tcp-keepalive", "timeout", "maxclients", "threads",
        "peer", "peer-port", "advertise", "peer-secret-file", "peer-plaintext", "peer-buffer-bytes",
        "stability-timeout", "repair-interval",
        "protected-mode", "requirepass", "password-file", "enable-debug-command",
        "maxmemory", "maxmemory-policy", "maxmemory-samples", "lfu-log-factor", "lfu-decay-time", "window-bytes",
        "data-dir", "fsync", "snapshot-after-bytes", "snapshot-keep", "log-segment-bytes", "repair-from-peers",
        "databases", "hz", "proto-max-bulk-len", "client-query-buffer-limit", "client-output-buffer-limit",
        "slowlog-log-slower-than", "slowlog-max-len", "latency-monitor-threshold", "latency-tracking",
        "latency-tracking-info-percentiles",
        "log-level", "log-format", "log-file",
    ]
}

public enum OptionTable {
    private static let natural = 0...Int(Int32.max)

    /// In the order of `Option`, which is also the order of help and of the generated file.
    public static let rows: [OptionRow] =
        identityRows + networkRows + peerRows + securityRows + memoryRows + persistenceRows + otherRows

    public static let sections = [
        "identity", "network", "peers", "security", "memory", "persistence", "server", "monitoring", "logging",
    ]

    /// The row a flag, key or parameter names: by its name or Redis' name for it, whatever the case.
    public static func row(named name: String) -> OptionRow? {
        let name = name.lowercased()
        return rows.first { $0.name == name || $0.alias == name }
    }

    private static let identityRows = [
        OptionRow(
            .config, section: "identity", .path, "", commandLineOnly: true,
            "Configuration file: TOML, or JSON by extension. Also A2_CONFIG."),
        OptionRow(
            .nodeID, section: "identity", .integer(1...255), "1",
            "Number of this node, unique in its cluster."),
        OptionRow(.name, section: "identity", .text, "", "Name of this node, for people; node-1 and so on when empty."),
        OptionRow(.region, section: "identity", .text, "", "Where this node stands, for people."),
        OptionRow(
            .cluster, section: "identity", .text, "a2", "Name of the cluster. Nodes of different clusters never link."),
        OptionRow(
            .ephemeral, section: "identity", .flag, "no",
            "Keep data in memory only: nothing is written to data-dir, and a restart begins empty."),
    ]

    private static let networkRows = [
        OptionRow(
            .bind, section: "network", .list, "127.0.0.1 -::1",
            "Addresses to listen on for clients; * is all of IPv4, ::* all of IPv6. One after a '-' may be missing."),
        OptionRow(
            .port, section: "network", .integer(0...65535), "6379", "TCP port for clients; 0 lets the system choose."),
        OptionRow(
            .tcpBacklog, section: "network", .integer(natural), "511", "Connections that may wait to be accepted."),
        OptionRow(
            .tcpKeepalive, section: "network", .integer(natural), "300", changeable: true,
            "Seconds of silence before a client is probed; 0 never probes."),
        OptionRow(
            .timeout, section: "network", .integer(natural), "0", changeable: true,
            "Seconds after which an idle client is disconnected; 0 never."),
        OptionRow(
            .maxclients, section: "network", .integer(1...Int(UInt32.max)), "10000", changeable: true,
            "Connections served at once."),
        OptionRow(.threads, section: "network", .integer(0...256), "0", "Event loops; 0 is one per core."),
    ]

    private static let peerRows = [
        OptionRow(
            .peer, section: "peers", .list, "",
            "Another node of the cluster, as host:port; may be repeated. One is enough: it knows the others."),
        OptionRow(
            .peerPort, section: "peers", .integer(0...65535), "16379",
            "TCP port for links between nodes; 0 lets the system choose."),
        OptionRow(
            .advertise, section: "peers", .text, "",
            "Address under which other nodes reach this one, as host:port; where it listens for them when empty."),
        OptionRow(
            .peerSecretFile, section: "peers", .path, "",
            "File whose first line, of 16 bytes or more, is the secret all nodes of the cluster share."),
        OptionRow(
            .peerPlaintext, section: "peers", .flag, "no",
            "Link with other machines without encryption, knowingly: on networks nobody listens to."),
        OptionRow(
            .peerBufferBytes, section: "peers", .bytes(1 << 20...Int.max), "64mb",
            "Bytes that may wait for one peer; one that is slower repairs later what it missed."),
        OptionRow(
            .stabilityTimeout, section: "peers", .integer(natural), "0",
            "Seconds after which a silent member is expelled, so that what it has not seen can be tidied; 0 never."),
        OptionRow(
            .repairInterval, section: "peers", .integer(1...Int(Int32.max)), "30",
            "Seconds between two comparisons of all data with a peer."),
    ]

    private static let securityRows = [
        OptionRow(
            .protectedMode, section: "security", .flag, "yes", changeable: true,
            "Without a password, serve only clients of this machine."),
        OptionRow(
            .requirepass, section: "security", .text, "", changeable: true, secret: true,
            "Password clients must give. Prefer password-file."),
        OptionRow(
            .passwordFile, section: "security", .path, "",
            "File whose first line is the password clients must give."),
        OptionRow(
            .enableDebugCommand, section: "security", .choice(["no", "yes", "local"]), "no",
            "Allow DEBUG and its like: never, always, or from this machine."),
    ]

    private static let memoryRows = [
        OptionRow(
            .maxmemory, section: "memory", .bytes(0...Int.max), "0", changeable: true,
            "Bytes of data above which clients' writes are refused or keys evicted; 0 is no limit."),
        OptionRow(
            .maxmemoryPolicy, section: "memory",
            .choice([
                "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu",
                "allkeys-random", "noeviction",
            ]), "noeviction", changeable: true, "What goes when memory is full."),
        OptionRow(
            .maxmemorySamples, section: "memory", .integer(1...Int(Int32.max)), "5", changeable: true,
            "Keys looked at to choose one to evict."),
        OptionRow(
            .lfuLogFactor, section: "memory", .integer(natural), "10", changeable: true,
            "How slowly a key's access counter grows."),
        OptionRow(
            .lfuDecayTime, section: "memory", .integer(natural), "1", changeable: true,
            "Minutes after which an access counter is lowered by one."),
        OptionRow(
            .windowBytes, section: "memory", .bytes(1 << 20...1 << 29), "64mb",
            "Recent writes kept in memory for peers, and on their way to the log; rounded up to a power of two."),
    ]

    private static let persistenceRows = [
        OptionRow(
            .dataDir, section: "persistence", .path, "./a2-data", alias: "dir",
            "Directory of the log, the snapshots and the node's identity; made when missing."),
        OptionRow(
            .fsync, section: "persistence", .choice(["always", "everysec", "no"]), "everysec", alias: "appendfsync",
            changeable: true,
            "When writes must be on disk: before their reply, every second, or when the system likes."),
        OptionRow(
            .snapshotAfterBytes, section: "persistence", .bytes(1 << 20...Int.max), "256mb", changeable: true,
            "A snapshot begins when the log has grown by this and by the size of the last snapshot."),
        OptionRow(
            .snapshotKeep, section: "persistence", .integer(1...1000), "2", changeable: true,
            "Snapshots kept; the log reaches back to the oldest of them."),
        OptionRow(
            .logSegmentBytes, section: "persistence", .bytes(1 << 20...1 << 30), "64mb",
            "Size of a file of the log. The next one is always allocated ahead."),
        OptionRow(
            .repairFromPeers, section: "persistence", .flag, "no", commandLineOnly: true,
            "Start although the log is damaged: what follows the damage is dropped and taken from peers."),
    ]

    private static let otherRows = [
        OptionRow(.databases, section: "server", .integer(1...16), "16", "Logical databases for SELECT."),
        OptionRow(
            .hz, section: "server", .integer(1...500), "10", changeable: true, "Rounds of background work a second."),
        OptionRow(
            .protoMaxBulkLen, section: "server", .bytes(1 << 20...Int.max), "512mb", changeable: true,
            "Largest argument a client may send."),
        OptionRow(
            .clientQueryBufferLimit, section: "server", .bytes(1 << 20...Int.max), "1gb", changeable: true,
            "Largest unfinished request a client may have."),
        OptionRow(
            .clientOutputBufferLimit, section: "server", .outputLimits,
            "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60", changeable: true,
            "Replies a client may leave unread: class, hard limit, soft limit, seconds above it."),
        OptionRow(
            .slowlogLogSlowerThan, section: "monitoring", .integer(-1...Int.max), "10000", changeable: true,
            "Microseconds from which a command is in SLOWLOG; -1 for none, 0 for all."),
        OptionRow(
            .slowlogMaxLen, section: "monitoring", .integer(0...Int.max), "128", changeable: true,
            "Commands SLOWLOG remembers."),
        OptionRow(
            .latencyMonitorThreshold, section: "monitoring", .integer(0...Int.max), "0", changeable: true,
            "Milliseconds from which an event is in LATENCY; 0 turns it off."),
        OptionRow(
            .latencyTracking, section: "monitoring", .flag, "yes", changeable: true,
            "Keep a latency histogram of each command."),
        OptionRow(
            .latencyPercentiles, section: "monitoring", .percentiles, "50 99 99.9", changeable: true,
            "Percentiles in INFO latencystats."),
        OptionRow(
            .logLevel, section: "logging", .choice(["trace", "debug", "info", "notice", "warning", "error"]), "notice",
            alias: "loglevel", changeable: true, "Least severity that is logged."),
        OptionRow(
            .logFormat, section: "logging", .choice(["auto", "pretty", "json", "plain"]), "auto",
            "Form of log lines; auto is plain under systemd's journal, else pretty."),
        OptionRow(
            .logFile, section: "logging", .path, "", alias: "logfile",
            "File the log is appended to, reopened on SIGUSR1; standard error when empty."),
    ]
}
