/// Replies a redis-server 7.0.15 gives to the same.
import Base
import Testing

@testable import Commands

@Suite struct KeyCommandsTests {
    let redis = KeyCommandsHarness()

    @Test func deletingAndCounting() {
        #expect(redis("SET", "a", "1") == "+OK")
        #expect(redis("SET", "b", "1") == "+OK")
        #expect(redis("EXISTS", "a", "a", "nope", "b") == ":3")
        #expect(redis("TOUCH", "a", "nope") == ":1")
        #expect(redis("DEL", "a", "a", "nope") == ":1")
        #expect(redis("UNLINK", "b") == ":1")
        #expect(redis("EXISTS", "a", "b") == ":0")
        #expect(redis("TYPE", "a") == "+none")
        #expect(redis("DEL") == "-ERR wrong number of arguments for 'del' command")
    }

    @Test func severalKeysMakeOneFramePerPartition() {
        for name in ["{t}1", "{t}2", "{t}3", "{u}1"] { #expect(redis("SET", name, "v") == "+OK") }
        let before = redis.framesWritten
        #expect(redis("DEL", "{t}1", "{t}2", "{t}3", "{u}1", "nope") == ":4")
        #expect(redis.framesWritten - before == 2)
    }

    @Test func renaming() {
        #expect(redis("RENAME", "a", "b") == "-ERR no such key")
        #expect(redis("RENAME", "a", "a") == "-ERR no such key")
        #expect(redis("RENAMENX", "a", "b") == "-ERR no such key")
        #expect(redis("SET", "a", "v") == "+OK")
        #expect(redis("PEXPIREAT", "a", "1900000000000") == ":1")
        #expect(redis("RENAME", "a", "a") == "+OK")
        #expect(redis("RENAMENX", "a", "a") == ":0")
        #expect(redis("SET", "b", "w") == "+OK")
        #expect(redis("RENAMENX", "a", "b") == ":0")
        #expect(redis("RENAME", "a", "b") == "+OK")
        #expect(redis("EXISTS", "a") == ":0")
        #expect(redis("GET", "b") == "$1 v")
        #expect(redis("PEXPIRETIME", "b") == ":1900000000000")
        #expect(redis("RENAMENX", "b", "c") == ":1")
    }

    @Test func renamingKeepsWhenItWasUsed() {
        redis.seconds = 1000
        #expect(redis("SET", "a", "v") == "+OK")
        redis.seconds = 1100
        #expect(redis("OBJECT", "IDLETIME", "a") == ":100")
        #expect(redis("RENAME", "a", "b") == "+OK")
        #expect(redis("OBJECT", "IDLETIME", "b") == ":100")
        #expect(redis("EXISTS", "b") == ":1")
        #expect(redis("OBJECT", "IDLETIME", "b") == ":100")
        #expect(redis("TOUCH", "b") == ":1")
        #expect(redis("OBJECT", "IDLETIME", "b") == ":0")
    }

    @Test func copying() {
        #expect(redis("SET", "a", "v") == "+OK")
        #expect(redis("COPY", "a", "a") == "-ERR source and destination objects are the same")
        #expect(redis("COPY", "a", "a", "DB", "0") == "-ERR source and destination objects are the same")
        #expect(redis("COPY", "nope", "b") == ":0")
        #expect(redis("COPY", "a", "b") == ":1")
        #expect(redis("SET", "b", "w") == "+OK")
        #expect(redis("COPY", "a", "b") == ":0")
        #expect(redis("COPY", "a", "b", "replace") == ":1")
        #expect(redis("GET", "b") == "$1 v")
        #expect(redis("COPY", "a", "a", "DB", "3") == ":1")
        redis.database = 3
        #expect(redis("GET", "a") == "$1 v")
        redis.database = 0
        #expect(redis("COPY", "a", "b", "DB") == "-ERR syntax error")
        #expect(redis("COPY", "a", "b", "DB", "x") == "-ERR value is not an integer or out of range")
        #expect(redis("COPY", "a", "b", "DB", "16") == "-ERR DB index is out of range")
        #expect(redis("COPY", "a", "b", "DB", "-1", "foo") == "-ERR DB index is out of range")
        #expect(
            redis("COPY", "a", "b", "DB", "2147483648")
                == "-ERR value is out of range, value must between -2147483648 and 2147483647")
    }

    @Test func moving() {
        #expect(redis("MOVE", "a", "0") == "-ERR source and destination objects are the same")
        #expect(redis("MOVE", "a", "16") == "-ERR DB index is out of range")
        #expect(redis("MOVE", "a", "1") == ":0")
        #expect(redis("SET", "a", "v") == "+OK")
        #expect(redis("MOVE", "a", "1") == ":1")
        #expect(redis("EXISTS", "a") == ":0")
        #expect(redis("SET", "a", "w") == "+OK")
        #expect(redis("MOVE", "a", "1") == ":0")
        redis.database = 1
        #expect(redis("GET", "a") == "$1 v")
    }

    @Test func describing() {
        for (value, encoding) in [
            ("1", "int"), ("-9223372036854775808", "int"), ("9223372036854775808", "embstr"), ("01", "embstr"),
            (String(repeating: "x", count: 44), "embstr"), (String(repeating: "x", count: 45), "raw"),
            (String(repeating: "x", count: 20_000), "raw"),
        ] {
            #expect(redis("SET", "a", value) == "+OK")
            #expect(redis("OBJECT", "ENCODING", "a") == "$\(encoding.utf8.count) \(encoding)")
        }
        #expect(redis("APPEND", "n", "12") == ":2")
        #expect(redis("OBJECT", "ENCODING", "n") == "$3 int")
        #expect(redis("APPEND", "n", "") == ":2")
        #expect(redis("OBJECT", "ENCODING", "n") == "$3 raw")
        #expect(redis("MULTI") == "+OK")
        #expect(redis("EXPIRE", "n", "100") == "+QUEUED")
        #expect(redis("RENAME", "n", "m") == "+QUEUED")
        #expect(redis("OBJECT", "ENCODING", "m") == "+QUEUED")
        #expect(redis("EXEC") == "*3 :1 +OK $3 raw")
        #expect(redis("SET", "a", "9999") == "+OK")
        #expect(redis("OBJECT", "REFCOUNT", "a") == ":2147483647")
        #expect(redis("INCR", "a") == ":10000")
        #expect(redis("OBJECT", "REFCOUNT", "a") == ":1")
        #expect(redis("OBJECT", "ENCODING", "nope") == "$-1")
        #expect(redis("OBJECT", "FREQ", "a").hasPrefix("-ERR An LFU maxmemory policy is not selected, access"))
        redis.countsFrequency = true
        #expect(redis("OBJECT", "IDLETIME", "a").hasPrefix("-ERR An LFU maxmemory policy is selected, idle time"))
        #expect(redis("OBJECT", "FREQ", "nope") == "$-1")
        #expect(redis("OBJECT") == "-ERR wrong number of arguments for 'object' command")
        #expect(redis("OBJECT", "ENCODING") == "-ERR wrong number of arguments for 'object|encoding' command")
        #expect(redis("OBJECT", "foo") == "-ERR unknown subcommand 'foo'. Try OBJECT HELP.")
        #expect(redis("OBJECT", "HELP").hasPrefix("*15 +OBJECT <subcommand>"))
    }

    // MARK: Deadlines

    @Test func expiring() {
        #expect(redis("EXPIRE", "a", "10") == ":0")
        #expect(redis("TTL", "a") == ":-2")
        #expect(redis("SET", "a", "v") == "+OK")
        #expect(redis("TTL", "a") == ":-1")
        #expect(redis("PERSIST", "a") == ":0")
        #expect(redis("EXPIRE", "a", "10") == ":1")
        #expect(redis("PTTL", "a") == ":10000")
        #expect(redis("PEXPIRE", "a", "1499") == ":1")
        #expect(redis("TTL", "a") == ":1")
        #expect(redis("PEXPIRE", "a", "1500") == ":1")
        #expect(redis("TTL", "a") == ":2")
        #expect(redis("EXPIRETIME", "a") == ":1800000002")
        #expect(redis("PERSIST", "a") == ":1")
        #expect(redis("EXPIRETIME", "a") == ":-1")
        #expect(redis("EXPIREAT", "a", "1800000001") == ":1")
        redis.nowMilliseconds += 999
        #expect(redis("EXISTS", "a") == ":1")
        redis.nowMilliseconds += 1
        #expect(redis("EXISTS", "a") == ":0")
        #expect(redis("SET", "a", "v") == "+OK")
        #expect(redis("EXPIRE", "a", "-1") == ":1")
        #expect(redis("EXISTS", "a") == ":0")
        #expect(redis("SET", "a", "v") == "+OK")
        #expect(redis("PEXPIRE", "a", "0") == ":1")
        #expect(redis("EXISTS", "a") == ":0")
    }

    @Test func expiringOnConditions() {
        #expect(redis("SET", "a", "v") == "+OK")
        #expect(redis("EXPIRE", "a", "10", "XX") == ":0")
        #expect(redis("EXPIRE", "a", "10", "GT") == ":0")
        #expect(redis("EXPIRE", "a", "10", "NX") == ":1")
        #expect(redis("EXPIRE", "a", "20", "NX") == ":0")
        #expect(redis("EXPIRE", "a", "20", "LT") == ":0")
        #expect(redis("EXPIRE", "a", "20", "GT", "XX") == ":1")
        #expect(redis("EXPIRE", "a", "20", "GT") == ":0")
        #expect(redis("EXPIRE", "a", "5", "LT") == ":1")
        #expect(redis("TTL", "a") == ":5")
        #expect(redis("PERSIST", "a") == ":1")
        #expect(redis("EXPIRE", "a", "5", "LT") == ":1")
        for other in ["XX", "GT", "LT"] {
            #expect(
                redis("EXPIRE", "a", "5", other, "NX")
                    == "-ERR NX and XX, GT or LT options at the same time are not compatible")
        }
        #expect(
            redis("EXPIRE", "a", "5", "GT", "LT")
                == "-ERR GT and LT options at the same time are not compatible")
        #expect(redis("EXPIRE", "a", "x", "foo") == "-ERR Unsupported option foo")
        #expect(redis("EXPIRE", "a", "x") == "-ERR value is not an integer or out of range")
        for (command, moment) in [
            ("expire", "9223372036854776"), ("expire", "-9223372036854776"), ("pexpire", "9223372036854775807"),
            ("expireat", "9223372036854776"), ("expire", "9223372036854775"),
        ] {
            #expect(redis(command, "a", moment) == "-ERR invalid expire time in '\(command)' command")
        }
        #expect(redis("PEXPIREAT", "a", "9223372036854775806") == ":1")
        #expect(redis("TTL", "a") == ":9223370236854776")
    }
}
