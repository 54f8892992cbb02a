/// `a2 bench` on the command line. Letters are redis-benchmark's where it has one.

extension Subcommand {
    static let bench = Subcommand(
        "bench", "Measure nodes: throughput, latency, convergence.",
        verbs: [benchRun, benchLoad, benchConverge, benchCompare, benchReplay], defaultVerb: "run", isHidden: true,
        description: "Letters mean what they mean to redis-benchmark. Without a verb, flags are those of run.",
        manual: ManualNotes(
            exitStatuses: [
                (ExitStatus.negative, "A condition of --fail-if or --max-error-rate holds, or nodes differ.")
            ],
            environment: SharedFlags.connectionEnvironment, seeAlso: ["redis-benchmark(1)"]))

    private static let benchRun = Subcommand(
        "run", "Send requests and measure how fast they are answered.",
        flags: SharedFlags.connection + loadFlags + mixFlags + reportFlags,
        description: "With --rate, requests are due at fixed times whatever the server does, and latency is counted "
            + "from when a request was due; without it each connection waits for its replies, and what would have "
            + "queued is not seen.",
        examples: [
            ("a2 bench run -t get,set -c 50 -n 100000", "as redis-benchmark"),
            ("a2 bench run --mix get=90,set=10 --rate 20000 --duration 30s", "a steady load, nine reads to a write"),
        ])

    private static let benchLoad = Subcommand(
        "load", "Fill a server with keys.", flags: SharedFlags.connection + loadFlags + reportFlags,
        examples: [("a2 bench load -r 1000000 -d 100", "write a million keys of 100 bytes")])

    private static let benchConverge = Subcommand(
        "converge", "Measure how soon and how rightly nodes agree.",
        flags: SharedFlags.nodes + SharedFlags.credentials + loadFlags + convergeFlags + reportFlags,
        description: "Writes on every node at once, and measures when each write is seen on each other node, how long "
            + "after the last write all nodes are equal, and whether every acknowledged increment was counted once.",
        examples: [
            ("a2 bench converge --node localhost:6379 --node localhost:6380 --duration 10s", "two nodes, ten seconds")
        ])

    private static let benchCompare = Subcommand(
        "compare", "Compare two reports.", operands: "FILE FILE", operandsMin: 2, operandsMax: 2,
        flags: SharedFlags.output + [
            CommandFlag("threshold", value: "PERCENT", section: "Output", "Differences below it do not count.")
        ],
        examples: [("a2 bench compare before.json after.json", "what became slower or faster")])

    private static let benchReplay = Subcommand(
        "replay", "Send the commands of a recording.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: SharedFlags.connection + reportFlags + [
            CommandFlag("speed", value: "FACTOR", section: "Load", "Times the recorded speed; 0 is as fast as can be.")
        ],
        description: "The file is what MONITOR printed; - is standard input.",
        examples: [("redis-cli MONITOR > day.txt; a2 bench replay day.txt", "send it again, at its own pace")])

    private static let loadFlags: [CommandFlag] = [
        CommandFlag("clients", letter: "c", value: "N", section: "Load", "Connections. Default: 50."),
        CommandFlag("requests", letter: "n", value: "N", section: "Load", "Requests in all. Default: 100000."),
        CommandFlag("duration", value: "TIME", section: "Load", "Run so long, instead of so many requests."),
        CommandFlag("warmup", value: "TIME", section: "Load", "Run so long before measuring. Default: 0."),
        CommandFlag(
            "rate", value: "N", section: "Load", "Requests a second in all; latency counts from when each is due."),
        CommandFlag("pipeline", letter: "P", value: "N", section: "Load", "Requests sent at once. Default: 1."),
        CommandFlag("threads", value: "N", section: "Load", "Threads that send. Default: 1."),
        CommandFlag("keyspace", letter: "r", value: "N", section: "Load", "Keys to choose from. Default: 1."),
        CommandFlag("value-size", letter: "d", value: "BYTES", section: "Load", "Size of values. Default: 3."),
        CommandFlag("key-prefix", value: "TEXT", section: "Load", "What keys begin with."),
        CommandFlag("seed", value: "N", section: "Load", "Where random choices begin, to repeat a run exactly."),
    ]

    private static let mixFlags: [CommandFlag] = [
        CommandFlag(
            "tests", letter: "t", value: "NAME,...", section: "Load", "Tests to run one after the other, as get,set."),
        CommandFlag("mix", value: "NAME=WEIGHT,...", section: "Load", "Requests to mix, as get=90,set=10."),
        CommandFlag(
            "dist", value: "uniform|zipf:S|latest|seq|hotspot", section: "Load",
            "How keys are chosen. Default: uniform."),
        CommandFlag("arrival", words: ["fixed", "poisson"], section: "Load", "With --rate: how requests are spaced."),
    ]

    private static let convergeFlags: [CommandFlag] = [
        CommandFlag(
            "partition", value: "A/B@FROM..TO", isRepeatable: true, section: "Faults",
            "Cut nodes A from nodes B for a while, as 1/2@10s..20s. Needs --enable-debug-command.")
    ]

    private static let reportFlags: [CommandFlag] =
        [
            CommandFlag(
                "interval", value: "TIME", section: "Output", "How often the line of progress changes. Default: 1s."),
            CommandFlag("percentiles", value: "N,...", section: "Output", "Percentiles to print."),
            CommandFlag("csv", section: "Output", "Print CSV, as redis-benchmark does."),
            CommandFlag(
                "report", value: "FILE", section: "Output", "Write a full report as JSON; - is standard output."),
            CommandFlag(
                "hdr", value: "FILE", section: "Output", "Write the histogram of latencies as HdrHistogram prints it."),
            CommandFlag(
                "fail-if", value: "CONDITION", isRepeatable: true, section: "Output",
                "End with status 1 when it holds, as 'p99>5ms'; may be repeated."),
            CommandFlag(
                "max-error-rate", value: "N", section: "Output", "End with status 1 when more requests fail, of 1."),
        ] + SharedFlags.output
}
