/// The tests `-t` and `--mix` know by name: redis-benchmark's, with its requests, and more of a2's commands.

/// What is known of a command by its name alone: whether it writes, and how its reply should look.
enum CommandFacts {
    private static let writes: Set<String> = [
        "SET", "SETEX", "PSETEX", "SETNX", "GETSET", "GETDEL", "GETEX", "MSET", "MSETNX", "APPEND", "SETRANGE", "INCR",
        "DECR", "INCRBY", "DECRBY", "INCRBYFLOAT", "SETBIT", "BITFIELD", "BITOP", "DEL", "UNLINK", "EXPIRE", "PEXPIRE",
        "PERSIST", "RENAME", "COPY", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "SREM", "SPOP", "HSET", "HDEL",
        "HINCRBY", "ZADD", "ZREM", "ZPOPMIN", "ZPOPMAX", "ZINCRBY", "XADD", "PFADD",
    ]

    static func isWrite(_ command: String) -> Bool { writes.contains(command) }

    /// The first byte a reply of the command must have, 0 where any may come.
    static func replyType(_ command: String) -> UInt8 {
        switch command {
        case "SET", "MSET", "SETEX", "PSETEX": UInt8(ascii: "+")
        case "INCR", "DECR", "INCRBY", "DECRBY", "APPEND", "STRLEN", "SETNX", "SETBIT", "GETBIT", "BITCOUNT",
            "SETRANGE",
            "DEL", "UNLINK", "EXISTS", "EXPIRE", "TTL":
            UInt8(ascii: ":")
        case "GET", "GETSET", "GETDEL", "GETRANGE": UInt8(ascii: "$")
        default: 0
        }
    }
}

public struct CatalogTest: Sendable {
    /// How `-t` spells it.
    public let name: String
    /// How reports do.
    public let title: String
    public let template: CommandTemplate
    /// Run before it when it stands first, to have data to read.
    public let preparation: String?
    /// In the list that runs when no test is named.
    public let isDefault: Bool

    private init(_ name: String, _ title: String, _ words: String, preparation: String? = nil, isDefault: Bool = true) {
        self.name = name
        self.title = title
        self.preparation = preparation
        self.isDefault = isDefault
        let arguments = words.split(separator: " ").map { word -> [CommandTemplate.Piece] in
            let parts = word.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch word {
            case "VALUE": return [.value]
            case "KEY": return [.key]
            case "SCORE", "FIELD": return [.text(Array("element:".utf8)), .keyNumber]
            case "RANK": return [.keyNumber]
            case "BIT": return [.number(low: 0, high: 1023)]
            default: return [.text(Array(parts[0].utf8))]
            }
        }
        template = CommandTemplate(name: title, arguments: arguments)
    }

    private init(inline name: String, _ title: String) {
        self.name = name
        self.title = title
        preparation = nil
        isDefault = true
        template = CommandTemplate(name: title, arguments: [[.text(Array("PING".utf8))]], isInline: true)
    }

    /// In the order in which they run.
    public static let all: [CatalogTest] = [
        CatalogTest(inline: "ping_inline", "PING_INLINE"),
        CatalogTest("ping_mbulk", "PING_MBULK", "PING"),
        CatalogTest("set", "SET", "SET KEY VALUE"),
        CatalogTest("get", "GET", "GET KEY"),
        CatalogTest("incr", "INCR", "INCR KEY"),
        CatalogTest("decr", "DECR", "DECR KEY", isDefault: false),
        CatalogTest("incrby", "INCRBY", "INCRBY KEY 10", isDefault: false),
        CatalogTest("append", "APPEND", "APPEND KEY VALUE", isDefault: false),
        CatalogTest("strlen", "STRLEN", "STRLEN KEY", isDefault: false),
        CatalogTest("getrange", "GETRANGE", "GETRANGE KEY 0 9", isDefault: false),
        CatalogTest("setrange", "SETRANGE", "SETRANGE KEY 2 x", isDefault: false),
        CatalogTest("setnx", "SETNX", "SETNX KEY VALUE", isDefault: false),
        CatalogTest("getset", "GETSET", "GETSET KEY VALUE", isDefault: false),
        CatalogTest("setbit", "SETBIT", "SETBIT KEY BIT 1", isDefault: false),
        CatalogTest("getbit", "GETBIT", "GETBIT KEY BIT", isDefault: false),
        CatalogTest("bitcount", "BITCOUNT", "BITCOUNT KEY", isDefault: false),
        CatalogTest("exists", "EXISTS", "EXISTS KEY", isDefault: false),
        CatalogTest("del", "DEL", "DEL KEY", isDefault: false),
        CatalogTest("expire", "EXPIRE", "EXPIRE KEY 3600", isDefault: false),
        CatalogTest("ttl", "TTL", "TTL KEY", isDefault: false),
        CatalogTest("lpush", "LPUSH", "LPUSH mylist VALUE"),
        CatalogTest("rpush", "RPUSH", "RPUSH mylist VALUE"),
        CatalogTest("lpop", "LPOP", "LPOP mylist"),
        CatalogTest("rpop", "RPOP", "RPOP mylist"),
        CatalogTest("sadd", "SADD", "SADD myset FIELD"),
        CatalogTest("hset", "HSET", "HSET myhash FIELD VALUE"),
        CatalogTest("spop", "SPOP", "SPOP myset"),
        CatalogTest("zadd", "ZADD", "ZADD myzset RANK FIELD"),
        CatalogTest("zpopmin", "ZPOPMIN", "ZPOPMIN myzset"),
        CatalogTest("lrange_100", "LRANGE_100 (first 100 elements)", "LRANGE mylist 0 99", preparation: "lpush"),
        CatalogTest("lrange_300", "LRANGE_300 (first 300 elements)", "LRANGE mylist 0 299", preparation: "lpush"),
        CatalogTest("lrange_500", "LRANGE_500 (first 500 elements)", "LRANGE mylist 0 499", preparation: "lpush"),
        CatalogTest("lrange_600", "LRANGE_600 (first 600 elements)", "LRANGE mylist 0 599", preparation: "lpush"),
        CatalogTest(
            "mset", "MSET (10 keys)", "MSET " + [String](repeating: "KEY VALUE", count: 10).joined(separator: " ")),
        CatalogTest(
            "mget", "MGET (10 keys)", "MGET " + [String](repeating: "KEY", count: 10).joined(separator: " "),
            isDefault: false),
    ]

    /// The tests a name stands for; redis-benchmark lets "ping" and "lrange" name all of theirs.
    public static func named(_ name: String) -> [CatalogTest] {
        let name = name.lowercased()
        let exact = all.filter { $0.name == name }
        if !exact.isEmpty { return exact }
        if name == "ping" || name == "lrange" { return all.filter { $0.name.hasPrefix(name + "_") } }
        return []
    }

    /// As redis-benchmark names them: counters and strings are different keys.
    var keyPrefix: String {
        switch name {
        case "incr", "decr", "incrby": "counter:"
        case "setbit", "getbit", "bitcount": "bits:"
        default: "key:"
        }
    }
}
