/// `a2 serve` on the command line; its options stand in OptionTable.

extension Subcommand {
    static let serve = Subcommand(
        "serve", "Run a node.",
        flags: [
            CommandFlag("check-config", "Print the merged configuration with its sources and exit."),
            CommandFlag("json", "With --check-config: print JSON."),
            CommandFlag("generate-config", "Print a commented configuration file and exit."),
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
        ])
}
