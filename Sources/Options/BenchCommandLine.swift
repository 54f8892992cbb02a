/// `a2 bench` on the command line. Letters are redis-benchmark's where it has one.

extension Subcommand {
    static let bench = Subcommand(
        "bench", "Measure nodes: throughput, latency, convergence.",
        verbs: [benchRun, benchLoad, benchConverge, benchCompare, benchReplay], defaultVerb: "run",
        description: "Letters mean what they mean to redis-benchmark.",
        examples: [
            ("a2 bench -t set,get -n 1000000 -P 16 -q", "as redis-benchmark"),
            ("a2 bench --mix get=90,set=10 --rate 20000 --duration 30s", "a steady load, latency as users have it"),
            ("a2 bench converge --targets :7001,:7002", "whether two nodes agree, how soon, at what cost"),
            ("a2 bench compare before.json after.json", "what became slower, beyond noise"),
        ],
        manual: ManualNotes(
            exitStatuses: [
                (
                    ExitStatus.negative,
                    "A request failed (see --max-error-rate), a reply was wrong, a condition of --fail-if holds, "
                        + "increments are lost, nodes differ, or compare found a regression."
                )
            ],
            environment: [("REDISCLI_AUTH", "The password, where no flag gives one.")],
            seeAlso: ["redis-benchmark(1)"],
            sections: [
                (
                    "OPEN AND CLOSED LOOP",
                    [
                        "Without --rate each connection sends its next requests when it has all replies: the closed "
                            + "loop. It finds the highest throughput, but when the server pauses, so does the load, and "
                            + "the requests that users would have sent meanwhile are not measured. The report says so: "
                            + "latency excludes queueing.",
                        "With --rate or --ramp requests are due at times fixed ahead. Two histograms are kept: service "
                            + "time, from when a request was sent, and response time, from when it was due. Their "
                            + "difference is what requests waited for a free connection; a wide one means that the server "
                            + "cannot keep up with the rate.",
                    ]
                ),
                (
                    "COMMANDS",
                    [
                        "Operands of run are a command to send. In it {key} stands for the key prefix and a key number, "
                            + "{value} for a value, {rand N} for a number below N and {rand A B} for one from A to B; "
                            + "__rand_int__ is a key number alone and __data__ a value, as in redis-benchmark.",
                        "Of --mix and -t the names are: " + benchTestNames + ".",
                    ]
                ),
            ]))

    /// TestCatalog of Bench has the same; its tests compare.
    public static let benchTestNames =
        "ping_inline, ping_mbulk, set, get, incr, decr, incrby, append, strlen, getrange, setrange, setnx, getset, "
        + "setbit, getbit, bitcount, exists, del, expire, ttl, lpush, rpush, lpop, rpop, sadd, hset, spop, zadd, "
        + "zpopmin, lrange_100, lrange_300, lrange_500, lrange_600, mset, mget"

    private static let benchRun = Subcommand(
        "run", "Send requests and measure how fast they are answered.", operands: "[COMMAND [ARGUMENT...]]",
        operandsMax: .max,
        flags: benchConnection + benchNodes + benchLoadFlags + benchLoopFlags + benchOpenFlags + benchKeyFlags
            + benchMixFlags + benchStyleFlags + benchReportFlags,
        stopsAtOperand: true,
        description: "With --rate, requests are due at fixed times whatever the server does, and latency is counted "
            + "from when a request was due; without it each connection waits for its replies, and what would have "
            + "queued is not seen. A command given is sent instead of the tests: flags stand before it.",
        examples: [
            ("a2 bench run -t get,set -c 50 -n 100000", "as redis-benchmark"),
            ("a2 bench run --mix get=90,set=10 --rate 20000 --duration 30s", "a steady load, nine reads to a write"),
            ("a2 bench run -r 100000 -P 16 SETRANGE {key} {rand 100} {value}", "a command of one's own"),
            ("a2 bench run --rate 5000 --fail-if 'p99>5ms' --json run.json", "for CI: status 1 when it is too slow"),
        ])

    private static let benchLoad = Subcommand(
        "load", "Fill a server with keys.",
        flags: benchConnection + benchNodes + benchLoadFlags + benchKeyFlags + [benchVerify] + benchStyleFlags
            + benchReportFlags,
        description: "Sets each of -r keys once, as fast as the server takes them (pipeline 64 unless -P says "
            + "otherwise), then asks whether all are there.",
        examples: [("a2 bench load -r 1000000 -d 100", "write a million keys of 100 bytes")])

    private static let benchConverge = Subcommand(
        "converge", "Measure how soon and how rightly nodes agree.",
        flags: benchConnection + benchNodes + benchLoadFlags + benchOpenFlags + benchKeyFlags + [benchDistribution]
            + benchConvergeFlags + benchReportFlags,
        description: "Increments keys of its own on every node at once, and measures when a write on one node is seen "
            + "on each other one, how long after the last write all nodes are equal, whether every acknowledged "
            + "increment was counted once, and what replication cost. One process does it all, so one clock measures.",
        examples: [
            ("a2 bench converge --targets localhost:6379,localhost:6380 --duration 10s", "two nodes, ten seconds"),
            ("a2 bench converge --targets :7001,:7002 --partition 1/2@3s..6s", "cut them apart for three seconds"),
        ])

    private static let benchCompare = Subcommand(
        "compare", "Compare two reports.", operands: "FILE FILE", operandsMin: 2, operandsMax: 2,
        flags: [
            CommandFlag(
                "threshold", value: "SHARE", section: "Output",
                "Differences below it do not count, as 0.05 or 5%. Default: 2%."),
            benchJSON, benchFailIf,
        ],
        description: "The files are what --json wrote. A difference counts when it is larger than the threshold and "
            + "than twice the standard error of both sides, which is estimated from several runs of a name (--runs) or "
            + "else from the intervals of one. Bounds of --fail-if may be changes, as in 'p99>+10%'.",
        examples: [("a2 bench compare before.json after.json", "what became slower or faster")])

    private static let benchReplay = Subcommand(
        "replay", "Send the commands of a recording.", operands: "FILE", operandsMin: 1, operandsMax: 1,
        flags: benchConnection + benchNodes + benchLoadFlags + [
            CommandFlag(
                "speed", value: "FACTOR|max", section: "Load", "Times the recorded pace; max is as fast as can be.")
        ] + benchStyleFlags + benchReportFlags,
        description: "The file is what MONITOR printed. Each client of the recording has a connection of its own, so "
            + "the order of its requests is kept; latency is counted from when a request is due.",
        examples: [("redis-cli MONITOR > day.txt; a2 bench replay day.txt", "send it again, at its own pace")])
}

private let benchConnection: [CommandFlag] = [
    CommandFlag("host", letter: "h", value: "HOST", section: "Connection", "Server to talk to. Default: 127.0.0.1."),
    CommandFlag("port", letter: "p", value: "PORT", section: "Connection", "Its TCP port. Default: 6379."),
    CommandFlag(
        "socket", letter: "s", value: "FILE", section: "Connection", "Its Unix socket, instead of host and port."),
    CommandFlag(
        "uri", letter: "u", value: "URI", section: "Connection",
        "All of it as redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]."),
    CommandFlag("user", value: "NAME", section: "Connection", "User to authenticate as. Default: default."),
    CommandFlag(
        "password", letter: "a", value: "PASSWORD", aliases: ["pass"], section: "Connection",
        "Password, visible to whoever sees this machine's processes: prefer --askpass, --password-file or the "
            + "variable REDISCLI_AUTH."),
    CommandFlag("askpass", section: "Connection", "Ask for the password on the terminal."),
    CommandFlag("password-file", value: "FILE", section: "Connection", "File whose first line is the password."),
    CommandFlag("dbnum", value: "N", section: "Connection", "Database to select. Default: 0."),
    CommandFlag("resp3", letter: "3", section: "Connection", "Speak RESP3."),
]

private let benchNodes: [CommandFlag] = [
    CommandFlag(
        "targets", value: "NODE,...", isRepeatable: true, aliases: ["node"], section: "Connection",
        "Several nodes, each as host:port or redis:// URI."),
    CommandFlag(
        "spread", words: ["pinned", "round-robin"], section: "Connection",
        "Whether a client stays with its node, or goes to the next one with each batch. Default: pinned."),
    CommandFlag(
        "connections-per-node", value: "N", section: "Connection", "Connections to each node, instead of --clients."),
]

private let benchLoadFlags: [CommandFlag] = [
    CommandFlag("clients", letter: "c", value: "N", section: "Load", "Clients in all. Default: 50."),
    CommandFlag("pipeline", letter: "P", value: "N", section: "Load", "Requests sent at once. Default: 1."),
    CommandFlag("threads", value: "N", section: "Load", "Threads that send. Default: 1."),
]

private let benchLoopFlags: [CommandFlag] = [
    CommandFlag(
        "keepalive", letter: "k", value: "0|1", section: "Load", "0: a new connection for each batch. Default: 1."),
    CommandFlag("loop", letter: "l", section: "Load", "Begin again when all is done, until stopped."),
    CommandFlag("idle", letter: "I", section: "Load", "Open connections and send nothing."),
    CommandFlag("runs", value: "N", section: "Load", "Run each test so often, for compare. Default: 1."),
]

private let benchOpenFlags: [CommandFlag] = [
    CommandFlag("requests", letter: "n", value: "N", section: "Load", "Requests in all. Default: 100000."),
    CommandFlag("duration", value: "TIME", section: "Load", "Run so long; with --requests, until either is reached."),
    CommandFlag("warmup", value: "TIME", section: "Load", "Run so long before measuring. Default: 0."),
    CommandFlag(
        "rate", value: "N", section: "Load", "Requests a second in all; latency counts from when each is due."),
    CommandFlag(
        "ramp", value: "FROM..TO/STEP@TIME", section: "Load",
        "A rate that grows by STEP every TIME, as 100..1000/100@10s."),
    CommandFlag(
        "arrival", words: ["fixed", "poisson"], section: "Load",
        "With a rate: how requests are spaced. Default: fixed."),
]

private let benchKeyFlags: [CommandFlag] = [
    CommandFlag(
        "keyspace", letter: "r", value: "N", section: "Keys",
        "Keys to choose from. Default: 1 for tests, 1000 for converge, else 100000."),
    CommandFlag(
        "value-size", letter: "d", value: "BYTES[-BYTES]", section: "Keys",
        "Size of values, or sizes to choose from. Default: 3."),
    CommandFlag("key-prefix", value: "TEXT", section: "Keys", "What keys begin with. Default: as redis-benchmark."),
    CommandFlag("seed", value: "N", section: "Keys", "Where random choices begin, to repeat a run."),
]

private let benchDistribution = CommandFlag(
    "dist", value: "uniform|zipf:S|latest|seq|hotspot:K:R", section: "Keys",
    "How keys are chosen. hotspot:0.2:0.8 sends 80% of requests to 20% of the keys. Default: uniform.")

private let benchVerify = CommandFlag(
    "verify", section: "Keys", "Make values out of their keys, and check every value and type that comes back.")

private let benchMixFlags: [CommandFlag] = [
    CommandFlag(
        "tests", letter: "t", value: "NAME,...", section: "Load", "Tests to run one after the other, as get,set."),
    CommandFlag("mix", value: "NAME=WEIGHT,...", section: "Load", "Requests to mix, as get=90,set=10."),
    benchDistribution, benchVerify,
]

private let benchConvergeFlags: [CommandFlag] = [
    CommandFlag(
        "partition", value: "A/B@FROM..TO", isRepeatable: true, section: "Faults",
        "Cut nodes A from nodes B for a while, as 1/2@10s..20s. Needs --enable-debug-command."),
    CommandFlag(
        "poll-step", value: "TIME", section: "Measuring",
        "How long to wait between two looks at a node. Default: 200us."),
    CommandFlag(
        "drain-timeout", value: "TIME", section: "Measuring", "How long nodes may take to become equal. Default: 60s."),
    CommandFlag("keep", section: "Measuring", "Leave the keys where they are."),
]

private let benchStyleFlags: [CommandFlag] = [
    CommandFlag("quiet", letter: "q", section: "Output", "Print one line for each test."),
    CommandFlag("csv", section: "Output", "Print CSV, as redis-benchmark does."),
    CommandFlag("precision", value: "N", section: "Output", "Decimals of milliseconds. Default: 3."),
    CommandFlag(
        "percentiles", value: "N,...", section: "Output",
        "Percentiles to print. Default: 50,75,90,95,99,99.9,99.99,100."),
    CommandFlag(
        "hdr", value: "FILE", section: "Output",
        "Write latencies for HdrHistogram's tools: named .hgrm a percentile table, .hlog the histograms of intervals."),
]

private let benchJSON = CommandFlag(
    "json", value: "FILE", section: "Output", "Write a full report as JSON; - is standard output.")

private let benchFailIf = CommandFlag(
    "fail-if", value: "CONDITION", isRepeatable: true, section: "Output",
    "End with status 1 when it holds, as 'p99>5ms'. There are rps, avg, min, p50 and other percentiles, max, errors, "
        + "error-rate, misses, client-cpu and server-cpu.")

private let benchReportFlags: [CommandFlag] = [
    benchJSON, benchFailIf,
    CommandFlag(
        "max-error-rate", value: "SHARE", section: "Output",
        "End with status 1 when more requests fail, as 0.01 or 1%. Default: 0."),
    CommandFlag(
        "interval", value: "TIME", section: "Output",
        "Length of an interval of the series and the live line. Default: 1s."),
]
