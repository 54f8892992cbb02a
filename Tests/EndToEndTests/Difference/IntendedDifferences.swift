/// Where a2 and redis-server 7.0 are meant to differ, and why: the only place that may say so.
///
/// `IntendedDifferences.md` is rendered from this table; `A2_REWRITE=1` writes it anew.
import TestSupport

struct IntendedDifference: Sendable {
    let commands: String
    let difference: String
    let reason: String
    /// Which pairs of replies it excuses; by default none, since a comparison or the generator sees to it.
    var allows: @Sendable (_ command: Command, _ expected: Reply, _ actual: Reply) -> Bool = { _, _, _ in false }

    static let all: [IntendedDifference] = [
        IntendedDifference(
            commands: "HELLO, INFO, LOLWUT", difference: "`version` and `redis_version` are another release's.",
            reason: "a2 follows Redis 7.2, and the redis-server compared with may be 7.0.",
            allows: { command, _, _ in command.names("LOLWUT") }),
        IntendedDifference(
            commands: "OBJECT IDLETIME of a small integer", difference: "Any integer.",
            reason: "Redis shares one object among all keys with the same small integer, its access time included.",
            allows: { command, expected, actual in
                guard command.names("OBJECT"), case .integer = expected, case .integer = actual else { return false }
                return command.count > 1 && String(decoding: command[1], as: UTF8.self).uppercased() == "IDLETIME"
            }),
        IntendedDifference(
            commands: "OBJECT ENCODING after INCRBYFLOAT, or after bits that were left as they are",
            difference: "`int` where Redis says `embstr` or `raw`.",
            reason: "The encoding follows from the value; a2 does not remember which command wrote it.",
            allows: { command, expected, actual in
                let strings = ["embstr", "raw"].map { Reply.bulk(Array($0.utf8)) }
                return command.names("OBJECT") && strings.contains(expected) && actual == .bulk(Array("int".utf8))
            }),
        IntendedDifference(
            commands: "CLIENT ID, HELLO", difference: "Connection ids are compared as integers only.",
            reason: "Their numbering is the server's own."),
        IntendedDifference(
            commands: "INFO, CLIENT LIST, CLIENT INFO, SLOWLOG, LATENCY, ROLE, TIME, LOLWUT",
            difference: "Replies are compared by type, not by content.",
            reason: "They report on the process, its moment and its history."),
        IntendedDifference(
            commands: "… HELP, COMMAND DOCS", difference: "Texts are compared by type.",
            reason: "They are prose, which changes with every release."),
        IntendedDifference(
            commands: "COMMAND COUNT, COMMAND LIST",
            difference: "Only the commands that both servers are to have are compared.",
            reason: "a2 has commands of its own and not all of Redis'."),
        IntendedDifference(
            commands: "COMMAND INFO",
            difference:
                "Name, arity, flags and key positions are equal; ACL categories, tips, key specifications and "
                + "subcommands are compared by type.",
            reason: "Redis changes these from release to release, and no client of the foundation reads them."),
        IntendedDifference(
            commands: "OBJECT ENCODING", difference: "`embstr` and `raw` count as equal.",
            reason: "The difference is how Redis allocated the string, which a2 does otherwise."),
        IntendedDifference(
            commands: "OBJECT REFCOUNT, MEMORY USAGE", difference: "Any integer.",
            reason: "They describe the server's own memory layout."),
        IntendedDifference(
            commands: "DUMP",
            difference: "Payloads may differ in bytes; each server must restore the other's to the same value.",
            reason: "Compression and integer encoding are the writer's choice."),
        IntendedDifference(
            commands: "SETBIT, BITFIELD of a watched key, changing no bit",
            difference: "EXEC is refused, where Redis takes it; the run starts anew after that.",
            reason: "The bits are written all the same: against another region's change of them, the later one counts."),
        IntendedDifference(
            commands: "CLIENT LIST, CLIENT INFO in a transaction that also says HELLO",
            difference: "They show the connection as it is after the transaction.",
            reason: "Other loops' connections are asked once the transaction's partitions are free again."),
        IntendedDifference(
            commands: "KEYS, SCAN, RANDOMKEY", difference: "The order is free, and cursors are opaque.",
            reason: "Redis promises neither."),
        IntendedDifference(
            commands: "DBSIZE", difference: "A key whose deadline has passed is looked at before keys are counted.",
            reason: "Redis counts it until something looks at it; a2 need not."),
        IntendedDifference(
            commands: "TTL, PTTL, EXPIRETIME, PEXPIRETIME, OBJECT IDLETIME",
            difference: "Equal within 2 s (idle time: 5 s).", reason: "Two servers read two clocks at two moments."),
        IntendedDifference(
            commands: "INCRBYFLOAT", difference: "Results equal to 12 digits pass; the run starts anew after them.",
            reason: "The last digits depend on the platform's long double."),
    ]

    static var page: String {
        var lines = [
            "# Intended differences from Redis", "",
            "Everything the random comparison does not hold a2 to, and why. Rendered from",
            "`Difference/IntendedDifferences.swift` by `A2_REWRITE=1 swift test --filter RandomCommands`;",
            "everything else is compared byte for byte.", "", "| commands | difference | reason |", "|---|---|---|",
        ]
        lines += all.map { "| \($0.commands) | \($0.difference) | \($0.reason) |" }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension Command {
    /// Whether this calls the command of that name, given in capitals.
    fileprivate func names(_ name: String) -> Bool {
        guard let first else { return false }
        return String(decoding: first, as: UTF8.self).uppercased() == name
    }
}
