/// `a2 snapshot` on the command line.

extension Subcommand {
    static let snapshot = Subcommand(
        "snapshot", "Save, check, restore and convert snapshots.",
        flags: [SharedFlags.json, SharedFlags.quiet],
        verbs: [
            snapshotSave, snapshotStatus, snapshotVerify, snapshotRestore, snapshotDiff, snapshotConvert,
            snapshotImport, snapshotExport,
        ],
        description: "A snapshot is a file with all data of one node, and what it had seen of the others. Where a verb "
            + "reads a FILE, it may be a snapshot or its JSON; - is standard input.",
        manual: ManualNotes(
            exitStatuses: [(ExitStatus.negative, "The snapshots differ, or one is not what it says.")],
            environment: [SharedFlags.passwordVariable], seeAlso: ["redis-check-rdb(1)"]))

    private static let output = CommandFlag(
        "output", letter: "o", value: "FILE", "Where to write, in place only when complete; - is standard output.")

    private static let into: [CommandFlag] = [
        CommandFlag("into", value: "URI", "A running node, or Redis, to write every key into."),
        CommandFlag("keep-existing", "With --into: leave keys alone that are there."),
        CommandFlag("key", value: "GLOB", "Only keys like this."),
    ]

    private static let snapshotSave = Subcommand(
        "save", "Take a snapshot of a running node, or of a data directory that nobody serves.",
        flags: [
            output,
            CommandFlag(
                "format", words: ["bin", "json", "ndjson", "resp"], "What to write. Default: by the name of the file."),
            CommandFlag(
                "data-dir", value: "DIR", "The data directory, instead of a node: its snapshot and log together."),
        ] + SharedFlags.nodes + SharedFlags.credentials,
        description:
            "A running node sends one partition after the other, and serves meanwhile. A data directory is read "
            + "as a start would read it, and not changed.",
        examples: [
            ("a2 snapshot save --node localhost:6379 -o today.a2s", "save what a node has now"),
            ("a2 snapshot save --data-dir /var/lib/a2 -o - --format ndjson", "print all of a node that is down"),
        ])

    private static let snapshotStatus = Subcommand(
        "status", "Print what a snapshot says of itself.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        examples: [("a2 snapshot status today.a2s", "keys, sizes, versions, digest")])

    private static let snapshotVerify = Subcommand(
        "verify", "Check that a snapshot is whole.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [
            CommandFlag("quick", "The checksums of all blocks only."),
            CommandFlag("full", "Compute the digest of all keys again, too. This is the default."),
        ],
        description: "Also prints the digest that A2.DIGEST of a node with the same data has.",
        examples: [("a2 snapshot verify today.a2s", "check every block and the digest")])

    private static let snapshotRestore = Subcommand(
        "restore", "Make a data directory of a snapshot, or write its keys into a running node.", operands: "FILE",
        operandsMin: 1, operandsMax: 1,
        flags: [
            CommandFlag("data-dir", value: "DIR", "The directory to make."),
            CommandFlag("node-id", value: "N", "Number of the node that will serve it. Default: that of the snapshot."),
            CommandFlag("force", "Replace the data directory that is there."),
            CommandFlag(
                "keep-identity",
                "Go on under the old incarnation and generation. Only where nothing was written after the snapshot; needs "
                    + "--force."),
            CommandFlag("dry-run", "Say what would be done, and do nothing."),
        ] + into + [
            CommandFlag("as-new-writes", "With --into: yes, as writes of now, over what the cluster has.")
        ] + SharedFlags.credentials,
        description: "The node starts as a new incarnation in a new generation, so that nothing it writes is taken for "
            + "something it wrote before; it asks its peers for what it has missed. With --into and --as-new-writes the "
            + "keys are written by a running node as any client's: that undoes a FLUSHALL in a live cluster.",
        examples: [
            ("a2 snapshot restore today.a2s --data-dir /var/lib/a2", "restore a node"),
            (
                "a2 snapshot restore today.a2s --into localhost --as-new-writes --keep-existing",
                "bring back what is gone"
            ),
        ])

    private static let snapshotDiff = Subcommand(
        "diff", "Compare two snapshots, data directories or running nodes.", operands: "A B", operandsMin: 2,
        operandsMax: 2,
        flags: [
            CommandFlag("key", value: "GLOB", "Only keys like this."),
            CommandFlag("limit", value: "N", "Print so many differences at most."),
            CommandFlag("values", "Print the values that differ."),
            CommandFlag("meta", "Differ also where only stamps and other metadata do."),
        ] + SharedFlags.credentials,
        description:
            "Each is a FILE, a data directory, or a node as redis://HOST[:PORT]. A line begins with - for a key "
            + "only the first has, + for one only the second has, ~ for one that differs.",
        examples: [
            ("a2 snapshot diff monday.a2s tuesday.a2s", "what changed"),
            ("a2 snapshot diff today.a2s redis://localhost --values", "what a node has done since"),
        ])

    private static let snapshotConvert = Subcommand(
        "convert", "Convert a snapshot to another format and back.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: [
            output,
            CommandFlag(
                "format", words: ["bin", "json", "ndjson", "resp"], "What to write. Default: by the name of the file."),
            CommandFlag("edited", "The JSON was changed by hand: compute its digest again."),
        ],
        description:
            "JSON, as one array or one object a line, has all that the snapshot has, and converts back into the "
            + "same bytes. A key or value that is not UTF-8 is {\"b64\":…}. After a change by hand \"pieces\" is to be "
            + "left out of the partition, and --edited given. resp is commands for redis-cli --pipe.",
        examples: [("a2 snapshot convert today.a2s --format ndjson -o -", "one line for every key")])

    private static let snapshotImport = Subcommand(
        "import-rdb", "Take over the data of Redis or Valkey.", operands: "FILE|URI", operandsMin: 1, operandsMax: 1,
        flags: [
            output,
            CommandFlag(
                "counter-keys", value: "GLOB", isRepeatable: true,
                "Numbers under such keys become counters: imports of several regions add up."),
            CommandFlag("node-id", value: "N", "Number of the node the snapshot is for. Default: 1."),
            CommandFlag("cluster", value: "NAME", "Cluster the snapshot is for. Default: a2."),
        ] + into + SharedFlags.credentials,
        description:
            "From a dump file, - for standard input, or from a running server as redis://HOST[:PORT] by SCAN and "
            + "DUMP. Strings come over with their times to live; what of other types is skipped is told.",
        examples: [
            ("a2 snapshot import-rdb dump.rdb -o from-redis.a2s", "a snapshot to restore a node from"),
            ("a2 snapshot import-rdb redis://old:6379 --into localhost:6379", "move a running Redis into a node"),
        ])

    private static let snapshotExport = Subcommand(
        "export-rdb", "Make Redis' dump of a snapshot, a data directory or a running node.", operands: "FILE|DIR|URI",
        operandsMin: 1, operandsMax: 1,
        flags: [
            output,
            CommandFlag("rdb-version", words: ["9", "10", "11"], "Version of the format. Default: 10."),
        ] + SharedFlags.credentials,
        description: "What a dump cannot hold is told on standard error.",
        examples: [("a2 snapshot export-rdb today.a2s -o dump.rdb", "take data to Redis")])
}
