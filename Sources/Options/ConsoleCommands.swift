/// The console's own commands, `:top` and the like, in one table: its help, completion and manual are made of it.
///
/// To add one: a row here, and what it does in Console, which fails to start without.

public struct ConsoleCommand: Sendable {
    public let name: String
    public let arguments: String
    public let summary: String

    public var usage: String { ":" + name + (arguments.isEmpty ? "" : " " + arguments) }

    private init(_ name: String, _ arguments: String, _ summary: String) {
        self.name = name
        self.arguments = arguments
        self.summary = summary
    }

    private init(_ name: String, _ summary: String) { self.init(name, "", summary) }

    /// Of the console itself.
    public static let own: [ConsoleCommand] = [
        ConsoleCommand("help", "[COMMAND | @GROUP | :COMMAND]", "Shows help."),
        ConsoleCommand(
            "set", "[OPTION ...]",
            "Shows or changes how the console behaves: hints, keys, pager, status, timing, color, readonly, ask, or one of "
                + "the formats typed, raw, json, csv, table; 'no' in front of one of the former switches it off."),
        ConsoleCommand("connect", "NODE | HOST PORT | URI", "Connects to another server."),
        ConsoleCommand("node", "NAME", "Connects to a node of [console.nodes]."),
        ConsoleCommand("named", "Lists the nodes that have a name."),
        ConsoleCommand("timing", "Switches the time of every reply on or off."),
        ConsoleCommand("history", "[N]", "Shows the last lines of the history."),
        ConsoleCommand("quit", "Ends the console."),
    ]

    /// Views of the cluster: who is asked tells of the others. All take --json and --timeout.
    public static let views: [ConsoleCommand] = [
        ConsoleCommand(
            "top", "[--interval TIME]", "Shows all nodes at once, live: lag, digests, rates, queues, clocks."),
        ConsoleCommand("nodes", "Shows who is there and how each does."),
        ConsoleCommand(
            "lag", "[--watch TIME]", "Shows how far each node is behind each other, in time and frames."),
        ConsoleCommand(
            "digest", "[--partitions] [--all]", "Compares what the nodes show, down to the keys that differ."),
        ConsoleCommand("diff", "KEY", "Shows a key as the nodes have it, side by side."),
        ConsoleCommand(
            "meta", "KEY [--all]", "Shows what is remembered of a key: stamps, parts by replica, deadline, size."),
        ConsoleCommand("map", "[--dot]", "Shows who sends to whom, a line for each direction."),
        ConsoleCommand(
            "probe", "[--from NODE] [--limit TIME]",
            "Writes a marker on each node and measures when the others show it."),
    ]

    public static func named(_ name: String) -> ConsoleCommand {
        guard let row = (own + views).first(where: { $0.name == name }) else {
            preconditionFailure("no row for :\(name)")
        }
        return row
    }

    /// For the manual.
    static var manualSections: [(heading: String, paragraphs: [String])] {
        func lines(_ rows: [ConsoleCommand]) -> [String] { rows.map { $0.usage + ": " + $0.summary } }
        return [
            (
                "Lines",
                [
                    "A line is a command of the server, or one of these:",
                    "help COMMAND or help @GROUP shows what a command does; connect HOST PORT goes elsewhere; clear and "
                        + "quit do what they say.",
                    "N COMMAND runs a command N times. COMMAND | SHELL sends the reply through a shell command.",
                    "@NODE COMMAND runs it on another node: a name of [console.nodes], or an address. @all COMMAND runs "
                        + "it on every node that has a name or was given with --node.",
                    "Tab completes commands, their words and keys; Ctrl-R searches the history, Ctrl-C drops the line or "
                        + "ends what runs. What is pasted waits: one line for Return, several for an answer.",
                ]
            ),
            ("Commands of the console", lines(own)),
            (
                "Views of the cluster",
                [
                    "One node is enough: the others are learned from it. With --json each prints a document. A script "
                        + "that asks with -c ends with 0 when all is well, 1 when something is diverged, down or "
                        + "missing, 3 when nobody answers."
                ] + lines(views)
            ),
        ]
    }
}
