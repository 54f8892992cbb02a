/// `a2 inspect` on the command line.

extension Subcommand {
    static let inspect = Subcommand(
        "inspect", "Look into logs, snapshots and running nodes.",
        flags: SharedFlags.output,
        verbs: [
            inspectLog, inspectSegments, inspectSnapshot, inspectKey, inspectDigest, inspectVersions, inspectPeers,
            inspectNode, inspectDoctor,
        ], isHidden: true,
        description: "What reads a data directory changes nothing there, unless it is asked to by --fix.",
        manual: ManualNotes(
            exitStatuses: [(ExitStatus.negative, "Nodes differ, a key is not there, or doctor found something.")],
            environment: SharedFlags.connectionEnvironment))

    private static let directory = CommandFlag("data-dir", value: "DIR", "Data directory. Default: ./a2-data.")

    private static let online = SharedFlags.nodes + SharedFlags.credentials

    private static let inspectLog = Subcommand(
        "log", "Print what the log has, frame by frame.", operands: "[FILE...]", operandsMax: .max,
        flags: [
            directory,
            CommandFlag("from", value: "STAMP", "Frames from here on."),
            CommandFlag("to", value: "STAMP", "Frames up to here."),
            CommandFlag("key", value: "GLOB", "Only frames that concern such keys."),
            CommandFlag("replica", value: "NODE", "Only frames this replica wrote."),
            CommandFlag("type", value: "TYPE", "Only records of this type."),
            CommandFlag("limit", value: "N", "So many frames at most."),
            CommandFlag("follow", "Wait for more, until stopped."),
            CommandFlag("stats", "Print counts instead of frames."),
            CommandFlag("fix", "Cut off an incomplete end, keeping it in a file ending in .bak."),
        ],
        examples: [("a2 inspect log --data-dir /var/lib/a2 --key 'user:*' --limit 20", "the first writes to some keys")]
    )

    private static let inspectSegments = Subcommand(
        "segments", "List the segments of the log.", flags: [directory],
        examples: [("a2 inspect segments --data-dir /var/lib/a2", "sizes and what they cover")])

    private static let inspectSnapshot = Subcommand(
        "snapshot", "Print what a snapshot has.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [CommandFlag("keys", "Print every key.")],
        examples: [("a2 inspect snapshot today.a2s --keys", "every key with its metadata")])

    private static let inspectKey = Subcommand(
        "key", "Print all that is known of a key.", operands: "KEY", operandsMin: 1, operandsMax: 1,
        flags: [directory] + online,
        examples: [("a2 inspect key user:1 --node localhost:6379", "stamps, parts by replica, time to live")])

    private static let inspectDigest = Subcommand(
        "digest", "Compare the digests of nodes, down to keys.",
        flags: online + [CommandFlag("depth", words: ["root", "partition", "bucket", "key"], "How far to go down.")],
        examples: [("a2 inspect digest --node paris:6379 --node tokyo:6379", "whether two nodes are equal")])

    private static let inspectVersions = Subcommand(
        "versions", "Print what nodes have seen of each other.", flags: online,
        examples: [("a2 inspect versions --node localhost:6379", "the latest write seen, by replica")])

    private static let inspectPeers = Subcommand(
        "peers", "Print the links between nodes.", flags: online,
        examples: [("a2 inspect peers --node localhost:6379", "state and lag of every link")])

    private static let inspectNode = Subcommand(
        "node", "Print the health of a node on one page.", operands: "[URI]", operandsMax: 1, flags: online,
        examples: [("a2 inspect node localhost:6379", "memory, links, lag, alarms")])

    private static let inspectDoctor = Subcommand(
        "doctor", "Look for what will become a problem.", flags: [directory] + online,
        examples: [("a2 inspect doctor --node paris:6379 --node tokyo:6379", "check nodes and what they run on")])
}
