/// `a2 serve` on the command line; its options stand in OptionTable.

extension Subcommand {
    static let serve = Subcommand(
        "serve", "Run a node.",
        flags: [
            CommandFlag("check-config", "Print the merged configuration with its sources and exit."),
            CommandFlag("json", "With --check-config: print JSON."),
            CommandFlag("generate-config", "Print a commented configuration file and exit."),
            CommandFlag("generate-unit", "Print a unit for systemd that runs a2 with the other flags given, and exit."),
        ],
        takesOptions: true,
        description: "Serves Redis clients on --port until SIGTERM or SIGINT. Every option can be a flag, an "
            + "A2_ variable or a key of the configuration file; flags win over variables, variables over the file.",
        examples: [
            ("a2 serve --ephemeral", "serve on 127.0.0.1:6379, data in memory only"),
            ("a2 serve --bind '*' --password-file /etc/a2/password", "serve the network, with a password"),
            ("A2_MAXMEMORY=1gb a2 serve --maxmemory-policy allkeys-lru", "a cache of one gigabyte"),
            (
                "a2 serve --node-id 2 --port 6380 --peer-port 16380 --peer 127.0.0.1",
                "a second node on this machine, linked with the first"
            ),
            ("a2 serve --check-config", "show what would be used, and from where"),
            ("a2 serve --generate-unit > /etc/systemd/system/a2.service", "let systemd run it"),
        ],
        manual: ManualNotes(
            exitStatuses: [
                (ExitStatus.success, "It was told to stop, and did."),
                (ExitStatus.network, "Cannot listen."),
            ],
            environment: [
                (
                    "A2_...",
                    "Every option is read from a variable too, such as A2_MAXMEMORY_POLICY. Words of a list stand "
                        + "between commas or spaces. A variable beginning with A2_ that names no option is reported "
                        + "and ignored."
                ),
                ("NOTIFY_SOCKET, WATCHDOG_USEC", "Where systemd, if it runs a2, is told how it is."),
                ("JOURNAL_STREAM", "Whether the log goes to the journal, which has its own times."),
            ],
            files: [
                ("$XDG_CONFIG_HOME/a2/a2.toml", "The configuration where neither --config nor A2_CONFIG names one."),
                ("/etc/a2/a2.toml", "The same, where that is missing."),
            ],
            seeAlso: ["a2.toml(5)", "a2-commands(7)", "a2-replication(7)", "systemd.service(5)"]))
}
