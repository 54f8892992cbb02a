/// The conflicts of strings, counters, expiry and whole-key commands as one table, which the simulator runs on two nodes
/// and on three, and the end-to-end tests on real processes whose links are cut and healed.
///
///     S1, C1, E1 and U1 to U11   the rules as they are numbered where the design was made; U6, U7 and U9 speak of sets,
///                                which only the simulator's second type stands for (SimulatorTests/ConflictTableTests)
///     tie                        needs one instant on two nodes: only there too
///     others                     rules that follow from those, for every command that writes
public struct Conflict: Sendable, CustomStringConvertible {
    public let name: String
    /// On node 1, and then everywhere, before anything happens.
    public let before: [String]
    /// "2 DEL k": on which node, which has not heard of the others since `before`; "sync": until it has. `k` and `l` are
    /// keys of one partition.
    public let steps: [String]
    /// "GET k": what every node answers in the end.
    public let shows: [(command: String, reply: String)]
    /// It touches other keys than its own.
    public let isAlone: Bool

    public var description: String { name }

    public var nodeCount: Int { steps.compactMap { $0.first?.wholeNumberValue }.max() ?? 1 }

    init(_ name: String, before: [String] = [], _ steps: [String], shows: [String: String], isAlone: Bool = false) {
        self.name = name
        self.before = before
        self.steps = steps
        self.shows = shows.sorted { $0.key < $1.key }.map { (command: $0.key, reply: $0.value) }
        self.isAlone = isAlone
    }

    /// The words of a command, with names of its own for `k` and `l`.
    public static func words(_ command: String, prefix: String) -> [String] {
        command.split(separator: " ").map { $0 == "k" || $0 == "l" ? prefix + $0 : String($0) }
    }

    /// How many of these steps go together: one, or a MULTI with its EXEC, and none of a "sync".
    public static func stepsAtOnce(_ steps: ArraySlice<String>) -> Int {
        guard let first = steps.first, first != "sync" else { return 0 }
        guard first.hasSuffix("MULTI"), let end = steps.firstIndex(where: { $0.hasSuffix("EXEC") }) else { return 1 }
        return end - steps.startIndex + 1
    }

    public static let all: [Conflict] = values + counters + patches + removals + deadlines + wholeKeys + transactions

    // A time that no test sees, in milliseconds and in seconds; and one later still.
    private static let soon = "4000000000000"
    private static let late = "5000000000000"

    private static let values = [
        Conflict("S1: SET ‖ SET", ["1 SET k a", "2 SET k b"], shows: ["GET k": "b"]),
        Conflict("S1 the other way round", ["2 SET k b", "1 SET k a"], shows: ["GET k": "a"]),
        Conflict("S1 of three", ["1 SET k a", "3 SET k c", "2 SET k b"], shows: ["GET k": "b"]),
        Conflict("SETNX ‖ SETNX: both think they were first", ["1 SETNX k a", "2 SETNX k b"], shows: ["GET k": "b"]),
        Conflict(
            "SET GET ‖ SET", before: ["SET k old"], ["1 SET k a GET", "2 GETSET k b"], shows: ["GET k": "b"]),
        Conflict(
            "MSET ‖ MSET goes key by key", ["1 MSET k a l a", "2 SET k b", "1 SET l c", "2 MSET l d"],
            shows: ["GET k": "b", "GET l": "d"]),
        Conflict(
            "Seen and then written wins, whoever writes", before: ["SET k a"],
            ["2 SET k b", "sync", "1 SET k c", "sync", "2 APPEND k d"], shows: ["GET k": "cd"]),
    ]

    private static let counters = [
        Conflict(
            "C1", ["1 INCRBY k 7", "2 INCRBY k 3", "sync", "1 DECRBY k 3", "2 INCRBY k 6"], shows: ["GET k": "13"]),
        Conflict("Increments of three", ["1 INCR k", "2 INCRBY k 10", "3 DECRBY k 100"], shows: ["GET k": "-89"]),
        Conflict("Only decrements", ["1 DECR k", "2 DECRBY k 3"], shows: ["GET k": "-4"]),
        Conflict("U1: SET ‖ INCR", before: ["SET k 10"], ["1 SET k 50", "2 INCR k"], shows: ["GET k": "51"]),
        Conflict(
            "U1 with the INCR first", before: ["SET k 10"], ["2 INCRBY k 5", "1 SET k 50"], shows: ["GET k": "55"]),
        Conflict(
            "U2: DEL ‖ DEL ‖ INCRBY", before: ["INCRBY k 4"], ["2 DEL k", "3 DEL k", "1 INCRBY k 3"],
            shows: ["GET k": "3"]),
        Conflict("U2 of two", before: ["INCRBY k 4"], ["2 DEL k", "1 INCRBY k 3"], shows: ["GET k": "3"]),
        Conflict(
            "U2 by GETDEL", before: ["INCRBY k 4"], ["2 GETDEL k", "1 INCRBY k 3", "1 INCR k"], shows: ["GET k": "4"]),
        Conflict(
            "U3: what a SET observed does not come back", before: ["SET k 1"],
            ["1 INCR k", "1 INCR k", "1 INCR k", "1 SET k 2", "2 SET k 2"], shows: ["GET k": "2"]),
        Conflict("U5: SET of text ‖ INCR", ["1 SET k abc", "2 INCR k"], shows: ["GET k": "abc"]),
        Conflict(
            "U5, and a number again", ["1 SET k abc", "2 INCR k", "sync", "2 SET k 7", "1 GET k", "sync", "1 INCR k"],
            shows: ["GET k": "8"]),
        Conflict(
            "INCRBYFLOAT ‖ INCRBYFLOAT ‖ INCR", before: ["SET k 10.5"],
            ["1 INCRBYFLOAT k 0.25", "2 INCRBYFLOAT k 5", "2 INCRBYFLOAT k 1"], shows: ["GET k": "16.75"]),
        Conflict(
            "A counter deleted and counted again by one, while another counts", before: ["INCRBY k 10"],
            ["1 DEL k", "1 INCRBY k 2", "2 INCRBY k 100"], shows: ["GET k": "102"]),
        Conflict(
            "DECR ‖ SET of a number below zero", before: ["SET k 1"], ["2 DECR k", "1 SET k -5"], shows: ["GET k": "-6"]
        ),
    ]

    private static let patches = [
        Conflict(
            "U8: APPEND ‖ APPEND", before: ["SET k log:"], ["2 APPEND k b", "1 APPEND k a"], shows: ["GET k": "log:ba"]),
        Conflict("U8 on no key", ["2 APPEND k b", "1 APPEND k a"], shows: ["GET k": "ba"]),
        Conflict("SETBIT ‖ SETBIT", before: ["SET k @"], ["1 SETBIT k 7 1", "2 SETBIT k 2 1"], shows: ["GET k": "a"]),
        Conflict(
            "SETRANGE ‖ SETRANGE apart", before: ["SET k ......"], ["1 SETRANGE k 0 ab", "2 SETRANGE k 4 yz"],
            shows: ["GET k": "ab..yz"]),
        Conflict(
            "SETRANGE ‖ SETRANGE across: the later of each byte", before: ["SET k ....."],
            ["1 SETRANGE k 0 aaa", "2 SETRANGE k 2 bbb"], shows: ["GET k": "aabbb"]),
        Conflict(
            "APPEND ‖ SET: what was not seen goes with what it was part of", before: ["SET k old"],
            ["1 APPEND k x", "2 SET k new"], shows: ["GET k": "new"]),
        Conflict("APPEND ‖ DEL", before: ["SET k old"], ["1 APPEND k x", "2 DEL k"], shows: ["GET k": "x"]),
        Conflict(
            "BITFIELD ‖ BITFIELD", before: ["SET k AAAA"], ["1 BITFIELD k SET u8 0 66", "2 BITFIELD k SET u8 #3 67"],
            shows: ["GET k": "BAAC"]),
        Conflict(
            "BITOP ‖ SET", before: ["SET l abc"], ["1 BITOP AND k l", "2 SET k other"], shows: ["GET k": "other"]),
    ]

    private static let removals = [
        Conflict("U4: SET ‖ DEL", before: ["SET k old"], ["1 SET k new", "2 DEL k"], shows: ["GET k": "new"]),
        Conflict(
            "U4 by UNLINK and GETDEL", before: ["MSET k old l old"],
            ["1 SET k new", "2 UNLINK k", "2 GETDEL l", "1 SET l new"], shows: ["GET k": "new", "GET l": "new"]),
        Conflict("DEL ‖ DEL", before: ["SET k old"], ["1 DEL k", "2 DEL k"], shows: ["EXISTS k": "0"]),
        Conflict(
            "DEL and SET while others lag", before: ["SET k old"], ["1 DEL k", "1 SET k new", "2 GET k"],
            shows: ["GET k": "new"]),
        Conflict(
            "DEL ‖ DEL and SET", before: ["SET k old"], ["1 DEL k", "1 SET k new", "2 DEL k"], shows: ["GET k": "new"]),
        Conflict(
            "FLUSHALL ‖ a new key, a new value, an increment", before: ["MSET k old l 10"],
            ["1 FLUSHALL", "2 SET k new", "2 INCRBY l 5"], shows: ["GET k": "new", "GET l": "5"], isAlone: true),
        Conflict(
            "FLUSHDB ‖ FLUSHALL", before: ["MSET k old l 10"], ["1 FLUSHDB", "2 FLUSHALL", "2 SET l 1"],
            shows: ["EXISTS k": "0", "GET l": "1"], isAlone: true),
    ]

    private static let deadlines = [
        Conflict(
            "E1: EXPIRE ‖ EXPIRE", before: ["SET k v"], ["1 PEXPIREAT k \(late)", "2 PEXPIREAT k \(soon)"],
            shows: ["PEXPIRETIME k": late]),
        Conflict(
            "E1: EXPIRE ‖ EXPIRE ‖ PERSIST", before: ["SET k v PXAT \(soon)"],
            ["1 PEXPIREAT k \(late)", "2 PERSIST k", "3 PEXPIREAT k \(soon)"], shows: ["PEXPIRETIME k": "-1"]),
        Conflict(
            "PERSIST ‖ EXPIRE of two", before: ["SET k v PXAT \(soon)"], ["1 PERSIST k", "2 PEXPIREAT k \(late)"],
            shows: ["PEXPIRETIME k": "-1"]),
        Conflict(
            "A TTL shortened by one who has seen the longer", before: ["SET k v PXAT \(late)"],
            ["1 PEXPIREAT k \(soon)"], shows: ["PEXPIRETIME k": soon]),
        Conflict(
            "A TTL shortened here, extended there", before: ["SET k v"],
            ["1 PEXPIREAT k \(late)", "sync", "1 PEXPIREAT k \(soon)", "2 PEXPIREAT k 6000000000000"],
            shows: ["PEXPIRETIME k": "6000000000000"]),
        Conflict(
            "PERSIST, and a TTL again by one who has seen it", before: ["SET k v PXAT \(soon)"],
            ["1 PERSIST k", "sync", "2 PEXPIREAT k \(soon)"], shows: ["PEXPIRETIME k": soon]),
        Conflict(
            "U11: the TTL is the winning SET's", ["2 SET k plain", "1 SET k v PXAT \(soon)"],
            shows: ["GET k": "v", "PEXPIRETIME k": soon]),
        Conflict(
            "U11: or the winning SET's that it has none", ["1 SET k v PXAT \(soon)", "2 SET k plain"],
            shows: ["GET k": "plain", "PEXPIRETIME k": "-1"]),
        Conflict(
            "EXPIRE ‖ DEL", before: ["SET k v"], ["1 PEXPIREAT k \(soon)", "2 DEL k"], shows: ["EXISTS k": "0"]),
        Conflict(
            "EXPIRE ‖ DEL: the next key has no TTL", before: ["SET k v"],
            ["1 PEXPIREAT k \(soon)", "2 DEL k", "sync", "2 INCR k"], shows: ["GET k": "1", "PEXPIRETIME k": "-1"]),
        Conflict(
            "GETEX ‖ EXPIRE", before: ["SET k v"], ["1 GETEX k PXAT \(late)", "2 PEXPIREAT k \(soon)"],
            shows: ["PEXPIRETIME k": late]),
        Conflict(
            "INCR ‖ EXPIRE: both", before: ["INCRBY k 5"], ["1 INCR k", "2 PEXPIREAT k \(soon)"],
            shows: ["GET k": "6", "PEXPIRETIME k": soon]),
        Conflict(
            "SET KEEPTTL ‖ EXPIRE", before: ["SET k v PXAT \(soon)"], ["1 SET k w KEEPTTL", "2 PEXPIREAT k \(late)"],
            shows: ["GET k": "w", "PEXPIRETIME k": late]),
        Conflict(
            "A time in the past is a DEL", before: ["SET k v"], ["1 PEXPIREAT k 1000", "2 SET k w"],
            shows: ["GET k": "w"]),
    ]

    private static let wholeKeys = [
        Conflict(
            "U7: RENAME ‖ an increment of the source", before: ["INCRBY k 5"], ["1 RENAME k l", "2 INCRBY k 2"],
            shows: ["GET k": "2", "GET l": "5"]),
        Conflict(
            "U7: RENAME ‖ SET of the source", before: ["SET k old"], ["1 RENAME k l", "2 SET k new"],
            shows: ["GET k": "new", "GET l": "old"]),
        Conflict(
            "RENAME ‖ SET of the destination", before: ["MSET k a l b"], ["1 RENAME k l", "2 SET l c"],
            shows: ["EXISTS k": "0", "GET l": "c"]),
        Conflict(
            "RENAME after SET of the destination", before: ["MSET k a l b"], ["2 SET l c", "1 RENAME k l"],
            shows: ["EXISTS k": "0", "GET l": "a"]),
        Conflict(
            "RENAME ‖ DEL of the source", before: ["SET k a"], ["1 RENAME k l", "2 DEL k"],
            shows: ["EXISTS k": "0", "GET l": "a"]),
        Conflict(
            "RENAME there and back ‖ RENAME", before: ["SET k a"], ["1 RENAME k l", "2 RENAME k l"],
            shows: ["EXISTS k": "0", "GET l": "a"]),
        Conflict(
            "RENAMENX ‖ SET of the destination", before: ["SET k a"], ["2 SET l c", "1 RENAMENX k l"],
            shows: ["EXISTS k": "0", "GET l": "a"]),
        Conflict(
            "RENAME takes the TTL along", before: ["SET k a PXAT \(soon)"], ["1 RENAME k l", "2 GET k"],
            shows: ["GET l": "a", "PEXPIRETIME l": soon]),
        Conflict(
            "COPY ‖ a write to the source", before: ["INCRBY k 5"], ["1 COPY k l", "2 INCRBY k 2"],
            shows: ["GET k": "7", "GET l": "5"]),
        Conflict(
            "COPY REPLACE ‖ a write to the destination", before: ["MSET k 5 l 1"],
            ["2 INCR l", "1 COPY k l REPLACE"], shows: ["GET k": "5", "GET l": "6"]),
        Conflict(
            "RENAME of a counter ‖ an increment of the destination", before: ["MSET k 5 l 100"],
            ["1 RENAME k l", "2 INCRBY l 3"], shows: ["EXISTS k": "0", "GET l": "8"]),
    ]

    private static let transactions = [
        Conflict(
            "MULTI: its net effect, against what it had not seen", before: ["INCRBY k 9"],
            ["1 MULTI", "1 INCR k", "1 SET k 5", "1 INCR k", "1 EXEC", "2 INCRBY k 100"], shows: ["GET k": "106"]),
        Conflict(
            "MULTI: DEL and INCR in one", before: ["INCRBY k 9"],
            ["1 MULTI", "1 DEL k", "1 INCRBY k 2", "1 EXEC", "2 INCRBY k 100"], shows: ["GET k": "102"]),
        Conflict(
            "MULTI ‖ MULTI over two keys: the later of both", before: ["MSET k 0 l 0"],
            ["1 MULTI", "1 SET k a", "1 SET l a", "1 EXEC", "2 MULTI", "2 SET k b", "2 SET l b", "2 EXEC"],
            shows: ["GET k": "b", "GET l": "b"]),
        Conflict(
            "MULTI that undoes itself ‖ a write", ["1 MULTI", "1 SET k a", "1 DEL k", "1 EXEC", "2 SET k b"],
            shows: ["GET k": "b"]),
        Conflict(
            "MULTI with EXPIRE ‖ INCR", before: ["SET k 1"],
            ["1 MULTI", "1 INCR k", "1 PEXPIREAT k \(soon)", "1 EXEC", "2 INCR k"],
            shows: ["GET k": "3", "PEXPIRETIME k": soon]),
    ]
}
