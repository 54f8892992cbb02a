/// `a2 inspect` on the command line.

extension Subcommand {
    static let inspect = Subcommand(
        "inspect", "Look into logs, snapshots and running nodes.",
        flags: [SharedFlags.json, SharedFlags.quiet],
        verbs: [
            inspectLog, inspectSegments, inspectSnapshot, inspectKey, inspectDigest, inspectVersions, inspectPeers,
            inspectNode, inspectDoctor,
        ],
        description:
            "What reads a data directory changes nothing there, unless it is asked to by --fix, and shares its "
            + "lock: while a node serves from it only log --follow reads on.",
        manual: ManualNotes(
            exitStatuses: [
                (
                    ExitStatus.negative,
                    "Nodes differ, a key is not there, a node is not well, or doctor found something."
                ),
                (ExitStatus.corruptData, "The log or the snapshot is damaged; what could be read has been printed."),
            ],
            environment: [SharedFlags.passwordVariable]))

    private static let directory = CommandFlag("data-dir", value: "DIR", "Data directory. Default: ./a2-data.")

    private static let online = SharedFlags.nodes + SharedFlags.credentials

    private static let inspectLog = Subcommand(
        "log", "Print what the log has, entry by entry.", operands: "[SEGMENT...]", operandsMax: .max,
        flags: [
            directory,
            CommandFlag("from", value: "STAMP", "Frames from here on; a stamp, or Unix milliseconds."),
            CommandFlag("to", value: "STAMP", "Frames up to here."),
            CommandFlag("key", value: "GLOB", "Only records of such keys."),
            CommandFlag("replica", value: "NODE", "Only frames this replica wrote: a node, or NODE.GENERATION."),
            CommandFlag("partition", value: "N", "Only what concerns this partition."),
            CommandFlag(
                "type", words: ["clear", "set", "increment", "deadline", "patch", "elements", "flush"],
                "Only records that do this."),
            CommandFlag("limit", value: "N", "So many entries at most."),
            CommandFlag("follow", "Go on as the node writes, until stopped; takes no lock."),
            CommandFlag("stats", "Print counts instead of entries."),
            CommandFlag("fix", "Cut off an incomplete end, keeping the file as it was under a name ending in .bak."),
        ],
        description: "Segments are named by number or file name; without any, all are read. With --quiet frames are "
            + "printed without their records; with --json each entry is one line.",
        examples: [
            ("a2 inspect log --data-dir /var/lib/a2 --key 'user:*' --limit 20", "the first writes to some keys"),
            ("a2 inspect log --data-dir /var/lib/a2 --stats", "what the log consists of"),
        ])

    private static let inspectSegments = Subcommand(
        "segments", "List the segments of the log, and the snapshots.", flags: [directory],
        examples: [("a2 inspect segments --data-dir /var/lib/a2", "sizes and what they cover")])

    private static let inspectSnapshot = Subcommand(
        "snapshot", "Print what a snapshot has.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [CommandFlag("keys", "Print every key.")],
        examples: [("a2 inspect snapshot today.a2s --keys", "every key with its metadata")])

    private static let inspectKey = Subcommand(
        "key", "Print all that is known of a key.", operands: "KEY", operandsMin: 1, operandsMax: 1,
        flags: [directory, CommandFlag("db", value: "N", "Its database. Default: 0.")] + online,
        examples: [
            ("a2 inspect key user:1 --node localhost:6379", "stamps, parts by replica, time to live"),
            ("a2 inspect key user:1 --data-dir /var/lib/a2", "the same of a node that is down"),
        ])

    private static let inspectDigest = Subcommand(
        "digest", "Compare the digests of nodes, down to keys.",
        flags: [
            CommandFlag(
                "depth", words: ["root", "partition", "bucket", "key"],
                "How far to go down where they differ. Default: key.")
        ] + online,
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
        description:
            "Of the nodes named: clocks, versions, numbers, links. Of this machine: limits, and with --data-dir "
            + "how much room its disk has and how fast it syncs, for which a small file is written and removed.",
        examples: [("a2 inspect doctor --node paris:6379 --node tokyo:6379", "check nodes and what they run on")])
}
