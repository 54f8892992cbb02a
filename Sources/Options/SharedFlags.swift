/// Flags that several tools have, so that they are spelled and explained in one way.

public enum SharedFlags {
    /// Which server, and as whom. Named as in Redis' tools.
    public static let connection: [CommandFlag] =
        [
            CommandFlag(
                "host", letter: "h", value: "HOST", section: "Connection", "Server to talk to. Default: 127.0.0.1."),
            CommandFlag("port", letter: "p", value: "PORT", section: "Connection", "Its TCP port. Default: 6379."),
            CommandFlag(
                "socket", letter: "s", value: "FILE", section: "Connection",
                "Its Unix socket, instead of host and port."),
            CommandFlag(
                "uri", letter: "u", value: "URI", section: "Connection",
                "All of it as redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]."),
        ] + credentials

    /// As whom.
    public static let credentials: [CommandFlag] = [
        CommandFlag("user", value: "NAME", section: "Connection", "User to authenticate as. Default: default."),
        CommandFlag(
            "password", letter: "a", value: "PASSWORD", aliases: ["pass"], section: "Connection",
            "Password, visible to whoever sees this machine's processes: prefer --askpass, --password-file or the "
                + "variable REDISCLI_AUTH."),
        CommandFlag("askpass", section: "Connection", "Ask for the password on the terminal."),
        CommandFlag(
            "password-file", value: "FILE", section: "Connection", "File whose first line is the password."),
    ]

    /// Which nodes, for what concerns several at once.
    public static let nodes: [CommandFlag] = [
        CommandFlag(
            "node", value: "URI", isRepeatable: true, section: "Connection",
            "A node to talk to, as host:port or redis:// URI; may be repeated.")
    ]

    public static let json = CommandFlag("json", section: "Output", "Print JSON.")

    public static let quiet = CommandFlag("quiet", letter: "q", section: "Output", "Print results only.")

    /// Of tools that color what they print.
    public static let output: [CommandFlag] = [
        json,
        CommandFlag(
            "color", words: ["auto", "always", "never"], section: "Output",
            "Whether to color: auto does on a terminal, unless NO_COLOR is set. Default: auto."),
        quiet,
    ]

    /// How what destroys data asks.
    public static let asking: [CommandFlag] = [
        CommandFlag("yes", section: "Asking", "Take every question as answered with yes."),
        CommandFlag("no-input", section: "Asking", "Never ask; what would have needed an answer is refused."),
    ]

    public static let passwordVariable = (name: "REDISCLI_AUTH", meaning: "The password, where no flag gives one.")

    /// Variables that every tool with a connection and colors reads.
    public static let connectionEnvironment: [(name: String, meaning: String)] = [
        passwordVariable,
        ("NO_COLOR", "When not empty, nothing is colored unless asked for with --color=always."),
    ]
}
