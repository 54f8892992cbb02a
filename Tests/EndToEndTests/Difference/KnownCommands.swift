/// The commands compared, with Redis 7.0's arities: negative means "at least".

struct KnownCommand: Sendable {
    let name: String
    let arity: Int
}

private func rows(_ text: String) -> [KnownCommand] {
    let fields = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
    return stride(from: 0, to: fields.count - 1, by: 2).compactMap { index in
        Int(fields[index + 1]).map { KnownCommand(name: String(fields[index]), arity: $0) }
    }
}

let knownCommands: [KnownCommand] = rows(
    """
    SET -3 GET 2 GETSET 3 GETDEL 2 GETEX -2 GETRANGE 4 SUBSTR 4 SETRANGE 4 STRLEN 2 APPEND 3 SETNX 3 SETEX 4
    PSETEX 4 MGET -2 MSET -3 MSETNX -3 INCR 2 DECR 2 INCRBY 3 DECRBY 3 INCRBYFLOAT 3 LCS -3
    SETBIT 4 GETBIT 3 BITCOUNT -2 BITPOS -3 BITOP -4 BITFIELD -2 BITFIELD_RO -2
    DEL -2 UNLINK -2 EXISTS -2 TOUCH -2 TYPE 2 KEYS 2 SCAN -2 RANDOMKEY 1 RENAME 3 RENAMENX 3 COPY -3 MOVE 3
    EXPIRE -3 PEXPIRE -3 EXPIREAT -3 PEXPIREAT -3 TTL 2 PTTL 2 EXPIRETIME 2 PEXPIRETIME 2 PERSIST 2
    DUMP 2 RESTORE -4 DBSIZE 1 SELECT 2 WATCH -2 UNWATCH 1
    ECHO 2 AUTH -2 TIME 1 ROLE 1 WAIT 3 OBJECT -2 CLIENT -2 CONFIG -2 MEMORY -2 SLOWLOG -2 LATENCY -2 DEBUG -2
    CLIENT|ID 2 CLIENT|INFO 2 CLIENT|GETNAME 2 CLIENT|SETNAME 3 CLIENT|LIST -2 CLIENT|KILL -3 CLIENT|UNBLOCK -3
    CLIENT|NO-EVICT 3 CLIENT|REPLY 3 CONFIG|GET -3 CONFIG|SET -4 CONFIG|RESETSTAT 2
    OBJECT|ENCODING 3 OBJECT|FREQ 3 OBJECT|IDLETIME 3 OBJECT|REFCOUNT 3 MEMORY|USAGE -3
    SLOWLOG|GET -2 SLOWLOG|LEN 2 SLOWLOG|RESET 2 LATENCY|LATEST 2 LATENCY|HISTORY 3 COMMAND|COUNT 2
    COMMAND|GETKEYS -3
    """)

/// Their first words.
let knownNames: Set<String> = Set(
    knownCommands.compactMap { $0.name.split(separator: "|").first.map { String($0) } }
        + ["SET", "FLUSHDB", "FLUSHALL", "PING", "HELLO", "MULTI", "EXEC", "DISCARD", "RESET", "INFO", "COMMAND"])
