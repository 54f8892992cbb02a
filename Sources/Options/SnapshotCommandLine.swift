/// `a2 snapshot` on the command line.

extension Subcommand {
    static let snapshot = Subcommand(
        "snapshot", "Save, check, restore and convert snapshots.",
        flags: SharedFlags.output,
        verbs: [
            snapshotSave, snapshotStatus, snapshotVerify, snapshotRestore, snapshotDiff, snapshotConvert,
            snapshotImport, snapshotExport,
        ], isHidden: true,
        description: "A snapshot is a file with all data of one node, and what it had seen of the others.",
        manual: ManualNotes(
            exitStatuses: [(ExitStatus.negative, "The snapshots differ, or one is not what it says.")],
            environment: SharedFlags.connectionEnvironment, seeAlso: ["redis-check-rdb(1)"]))

    private static let snapshotSave = Subcommand(
        "save", "Take a snapshot of a running node.",
        flags: SharedFlags.nodes + SharedFlags.credentials + [
            CommandFlag(
                "output", letter: "o", value: "FILE", section: "Flags", "Where to write; - is standard output."),
            CommandFlag("format", words: ["bin", "json", "ndjson"], section: "Flags", "What to write. Default: bin."),
        ],
        examples: [("a2 snapshot save --node localhost:6379 -o today.a2s", "save what a node has now")])

    private static let snapshotStatus = Subcommand(
        "status", "Print what a snapshot says of itself.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        examples: [("a2 snapshot status today.a2s", "keys, sizes, versions, digest")])

    private static let snapshotVerify = Subcommand(
        "verify", "Check that a snapshot is whole.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [CommandFlag("quick", "Check sums only, without computing the digest again.")],
        examples: [("a2 snapshot verify today.a2s", "check every block and the digest")])

    private static let snapshotRestore = Subcommand(
        "restore", "Make a data directory of a snapshot.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [
            CommandFlag("data-dir", value: "DIR", "The directory to make."),
            CommandFlag("node-id", value: "N", "Number of the node that will serve it. Default: that of the snapshot."),
            CommandFlag("dry-run", "Say what would be done, and do nothing."),
        ] + SharedFlags.asking,
        description: "The node starts as a new incarnation in a new generation, so that nothing it writes is taken for "
            + "something it wrote before.",
        examples: [("a2 snapshot restore today.a2s --data-dir /var/lib/a2", "restore a node")])

    private static let snapshotDiff = Subcommand(
        "diff", "Compare two snapshots or running nodes.", operands: "A B", operandsMin: 2, operandsMax: 2,
        flags: SharedFlags.credentials + [
            CommandFlag("key", value: "GLOB", "Only keys like this."),
            CommandFlag("limit", value: "N", "Print so many differences at most."),
            CommandFlag("values", "Print the values that differ."),
        ],
        description: "Each is a FILE, or a node as redis://HOST[:PORT].",
        examples: [("a2 snapshot diff monday.a2s tuesday.a2s", "what changed")])

    private static let snapshotConvert = Subcommand(
        "convert", "Convert a snapshot to another format and back.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [
            CommandFlag("output", letter: "o", value: "FILE", "Where to write; - is standard output."),
            CommandFlag("format", words: ["bin", "json", "ndjson", "resp"], "What to write."),
        ],
        examples: [("a2 snapshot convert today.a2s --format ndjson -o -", "one line for every key")])

    private static let snapshotImport = Subcommand(
        "import-rdb", "Make a snapshot of Redis' dump.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [CommandFlag("output", letter: "o", value: "FILE", "Where to write; - is standard output.")],
        examples: [("a2 snapshot import-rdb dump.rdb -o from-redis.a2s", "bring data from Redis")])

    private static let snapshotExport = Subcommand(
        "export-rdb", "Make Redis' dump of a snapshot.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [
            CommandFlag("output", letter: "o", value: "FILE", "Where to write; - is standard output."),
            CommandFlag("rdb-version", words: ["9", "10", "11"], "Version of the format. Default: 10."),
        ],
        examples: [("a2 snapshot export-rdb today.a2s -o dump.rdb", "take data to Redis")])
}
