/// `a2 console` on the command line. Letters are redis-cli's where it has one.

extension Subcommand {
    static let console = Subcommand(
        "console", "Talk to one node or several, line by line or in a script.",
        operands: "[NODE] [COMMAND [ARGUMENT...]]",
        operandsMax: .max, flags: SharedFlags.connection + SharedFlags.nodes + consoleFlags + SharedFlags.output,
        stopsAtOperand: true,
        description: "Without a command, reads lines from the terminal, with completion, hints and history, or from "
            + "standard input. With one, runs it and ends: what follows the first operand belongs to the command, so "
            + "flags stand before it. NODE is a name from [console.nodes] of the configuration file, or a URI. Lines "
            + "may be commands of the server, of the console (:help lists them), or either behind @NODE or @all.",
        examples: [
            ("a2 console", "talk to 127.0.0.1:6379"),
            ("a2 console -p 7000 SET greeting hello", "run one command"),
            ("a2 console --node paris:6379 --node tokyo:6379 -c :lag", "show how far each node is behind"),
            ("a2 console --json HGETALL user:1", "print a reply as JSON"),
        ],
        manual: ManualNotes(
            exitStatuses: [(1, "The server answered with an error, a view found a difference, or read-only refused.")],
            environment: SharedFlags.connectionEnvironment + [
                ("A2_CONFIG", "The file with [console.nodes]; default: as for a2 serve."),
                ("A2_CONSOLE_HISTORY", "The history file; empty for none."),
                ("A2_CONSOLE_RC", "The file of lines that run first."),
                ("PAGER", "Shows replies longer than the screen."),
            ],
            files: [
                ("~/.a2console_history", "Lines typed before, without those that carry secrets."),
                ("~/.a2consolerc", "Lines that run first, such as 'set nohints'."),
                ("~/.editrc", "Keys, see editrc(5)."),
            ], seeAlso: ["redis-cli(1)"], sections: ConsoleCommand.manualSections))

    private static let consoleFlags: [CommandFlag] = [
        CommandFlag(
            "command", letter: "c", value: "COMMAND", isRepeatable: true, section: "What runs",
            "Run a line as if typed; may be repeated."),
        CommandFlag("database", letter: "n", value: "N", section: "Connection", "Database to select."),
        CommandFlag("ipv4", letter: "4", section: "Connection", "Of a name's addresses, try those of IPv4 first."),
        CommandFlag("ipv6", letter: "6", section: "Connection", "Of a name's addresses, try those of IPv6 first."),
        CommandFlag(
            "timeout", letter: "t", value: "TIME", section: "Connection",
            "How long connecting may take. Default: 5s."),
        CommandFlag("resp2", letter: "2", section: "Connection", "Speak RESP2."),
        CommandFlag("resp3", letter: "3", section: "Connection", "Speak RESP3, the default."),
        CommandFlag("repeat", letter: "r", value: "N", section: "What runs", "Run the command N times; -1 for ever."),
        CommandFlag(
            "interval", letter: "i", value: "TIME", section: "What runs",
            "Wait so long between two runs, or two lines of --stat and its like."),
        CommandFlag("stdin", letter: "x", section: "What runs", "Take the last argument from standard input."),
        CommandFlag(
            "tag", letter: "X", value: "TAG", section: "What runs",
            "Put standard input where the argument TAG stands."),
        CommandFlag(
            "quoted-input", section: "What runs",
            "Read arguments and --pattern as words of a line, so that \"\\x00\" is one byte."),
        CommandFlag("fail", letter: "e", section: "What runs", "End at the first error with its status, the default."),
        CommandFlag("no-fail", section: "What runs", "Go on after an error, and end with status 0 all the same."),
        CommandFlag("read-only", section: "What runs", "Refuse commands that write."),
        CommandFlag(
            "yes", section: "What runs",
            "Do not ask before commands that destroy much, nor before running pasted lines."),
        CommandFlag("raw", section: "Output", "Print replies without quotes and numbering."),
        CommandFlag("no-raw", section: "Output", "Print replies with quotes and numbering, even to a file."),
        CommandFlag(
            "delimiter", letter: "d", value: "TEXT", section: "Output",
            "What stands between the elements of a raw reply. Default: the end of a line."),
        CommandFlag(
            "reply-delimiter", letter: "D", value: "TEXT", section: "Output",
            "What stands behind each raw reply. Default: the end of a line."),
        CommandFlag("csv", section: "Output", "Print replies as CSV."),
        CommandFlag("table", section: "Output", "Print replies as tables."),
        CommandFlag("stat", section: "Modes", "Print a line of figures of the server every second."),
        CommandFlag("latency", section: "Modes", "Measure how long PING takes, until stopped."),
        CommandFlag(
            "latency-history", section: "Modes", "The same, with a line every 15 seconds, or as --interval says."),
        CommandFlag("memkeys", section: "Modes", "Find the key of every type that takes the most memory."),
        CommandFlag("hotkeys", section: "Modes", "Find the keys used most; needs an LFU maxmemory-policy."),
        CommandFlag("bigkeys", section: "Modes", "Find the largest key of every type."),
        CommandFlag("scan", section: "Modes", "Print the names of all keys."),
        CommandFlag("pattern", value: "GLOB", section: "Modes", "With --scan and --bigkeys: only keys like this."),
        CommandFlag("count", value: "N", section: "Modes", "With --scan and --bigkeys: the COUNT of SCAN."),
        CommandFlag("pipe", section: "Modes", "Send what standard input has, RESP or inline, and count the replies."),
    ]
}
