/// Replies of the commands around keys and values, as redis-server gave them.
import Base
import Engine
import Options
import Synchronization
import Testing

@testable import Commands

struct ServerCommandTests {
    private static let badName = "-ERR Client names cannot contain spaces, newlines or special characters."

    @Test(
        "Replies and refusals are Redis'",
        arguments: [
            ("PING", "+PONG"), ("PING x", "$1 x"), ("PING a b", "-ERR wrong number of arguments for 'ping' command"),
            ("ECHO hi", "$2 hi"), ("SELECT x", "-ERR value is not an integer or out of range"),
            ("SELECT 16", "-ERR DB index is out of range"), ("SELECT -1", "-ERR DB index is out of range"),
            (
                "SELECT 99999999999",
                "-ERR value is out of range, value must between -2147483648 and 2147483647"
            ),
            ("AUTH default x", "+OK"),
            ("AUTH bob x", "-WRONGPASS invalid username-password pair or user is disabled."),
            ("AUTH a b c", "-ERR syntax error"), ("HELLO 4", "-NOPROTO unsupported protocol version"),
            ("HELLO x", "-ERR Protocol version is not an integer or out of range"),
            ("HELLO 2 AUTH a", "-ERR Syntax error in HELLO option 'AUTH'"),
            ("HELLO 2 FOO", "-ERR Syntax error in HELLO option 'FOO'"),
            ("HELLO 2 SETNAME é", badName), ("CLIENT SETNAME é", badName), ("CLIENT GETNAME", "$-1"),
            ("CLIENT ID", ":7"),
            ("CLIENT SETINFO lib-name é", "-ERR lib-name cannot contain spaces, newlines or special characters."),
            ("CLIENT SETINFO foo x", "-ERR Unrecognized option 'foo'"),
            ("CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP."),
            ("CLIENT LIST TYPE x", "-ERR Unknown client type 'x'"), ("CLIENT LIST ID x", "-ERR Invalid client ID"),
            ("CLIENT KILL ID 0", "-ERR client-id should be greater than 0"),
            ("CLIENT KILL ADDR 1.2.3.4:5 LADDR", "-ERR syntax error"),
            ("CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"),
            ("CLIENT PAUSE -1", "-ERR timeout is negative"),
            ("CLIENT PAUSE 0 x", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
            ("CLIENT UNBLOCK 1 foo", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
            (
                "CLIENT UNBLOCK 1 ERROR x",
                "-ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP."
            ),
            ("CLIENT NO-TOUCH x", "-ERR syntax error"), ("CLIENT TRACKING off", "+OK"),
            ("WAIT x 0", "-ERR value is not an integer or out of range"), ("WAIT 1 -1", "-ERR timeout is negative"),
            ("WAIT 0 0", ":0"), ("WAITAOF 0 0 0", "*2 :0 :0"),
            ("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1"),
            ("WAITAOF 0 -1 0", "-ERR value is out of range, must be positive"),
            ("WAITAOF 0 x 0", "-ERR value is not an integer or out of range"),
            ("WAITAOF 0 1 x", "-ERR timeout is not an integer or out of range"),
            (
                "WAITAOF 1 0 0",
                "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
            ), ("SHUTDOWN NOSAVE SAVE", "-ERR syntax error"),
            ("SLOWLOG GET -2", "-ERR count should be greater than or equal to -1"),
            ("LATENCY GRAPH x", "-ERR No samples available for event 'x'"),
            ("MEMORY USAGE nokey SAMPLES -1", "-ERR syntax error"), ("MEMORY USAGE nokey", "$-1"),
            ("CONFIG SET nope 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'"),
            ("CONFIG SET maxmemory 0 hz", "-ERR syntax error"), ("CONFIG GET nope*", "*0"), ("INFO nope", "$0"),
            ("MODULE LIST", "*0"), ("CLUSTER INFO", "-ERR This instance has cluster support disabled"),
            ("ACL WHOAMI", "$7 default"), ("ACL CAT foo", "-ERR Unknown category 'foo'"),
            ("COMMAND GETKEYS MSET a b", "*1 $1 a"),
            ("COMMAND GETKEYS nope x", "-ERR Invalid command specified"),
            ("COMMAND GETKEYS ECHO x", "-ERR The command has no key arguments"),
            ("COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"),
            ("COMMAND GETKEYSANDFLAGS SET k v", "*1 *2 $1 k *2 +OW +update"),
            ("COMMAND GETKEYSANDFLAGS SET k v GET", "*1 *2 $1 k *3 +RW +access +update"),
            ("COMMAND LIST FILTERBY ACLCAT nope", "*0"),
            ("COMMAND LIST FILTERBY PATTERN client|k*", "*1 $11 client|kill"),
            (
                "COMMAND INFO get nope",
                "*2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 *6 $5 flags *2 +RO +access $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 *0 $-1"
            ),
        ])
    func reply(_ command: String, _ expected: String) {
        let harness = NodeHarness()
        if command.hasPrefix("COMMAND GETKEYS MSET"), !harness("MSET").contains("wrong number") { return }
        let words = command.split(separator: " ").map { Array($0.utf8) }
        let text = String(
            decoding: harness.run(words).map { $0 == 13 ? 32 : $0 }.filter { $0 != 10 }, as: UTF8.self)
        #expect(text.split(separator: " ").joined(separator: " ") == expected)
    }

    @Test("The flags of arguments are simple strings, or redis-cli aborts")
    func docsFlags() {
        let harness = NodeHarness()
        #expect(harness("COMMAND", "DOCS", "memory|usage").contains("$5 flags *1 +optional"))
        _ = harness("HELLO", "3")
        #expect(harness("COMMAND", "DOCS", "memory|usage").contains("$5 flags ~1 +optional"))
    }

    @Test("A password keeps everybody out who does not give it")
    func password() {
        var settings = Settings()
        settings.set(.requirepass, .text("pw"), from: .configSet)
        let harness = NodeHarness(settings: settings)
        #expect(harness("PING") == "-NOAUTH Authentication required.")
        #expect(harness("HELLO", "3").hasPrefix("-NOAUTH HELLO must be called"))
        for wrong in ["", "p", "pwpw", "pv", "pwx"] {
            #expect(harness("AUTH", wrong).hasPrefix("-WRONGPASS"), "\(wrong)")
        }
        #expect(harness("AUTH", "bob", "pw").hasPrefix("-WRONGPASS"))
        #expect(harness("AUTH", "pw") == "+OK")
        #expect(harness("PING") == "+PONG")
        #expect(harness("RESET") == "+RESET")
        #expect(harness("PING") == "-NOAUTH Authentication required.")
        #expect(harness("HELLO", "3", "AUTH", "default", "pw", "SETNAME", "me").hasPrefix("%7"))
        #expect(harness("CLIENT", "GETNAME") == "$2 me")
    }

    @Test("RESET leaves nothing of the session")
    func reset() {
        let harness = NodeHarness()
        _ = harness("HELLO", "3", "SETNAME", "me")
        _ = harness("SELECT", "3")
        _ = harness("CLIENT", "NO-TOUCH", "on")
        _ = harness("MULTI")
        #expect(harness("RESET") == "+RESET")
        #expect(harness("CLIENT", "GETNAME") == "$-1")
        #expect(harness("EXEC") == "-ERR EXEC without MULTI")
        let database = harness.session.pointee.database
        #expect(database == 0)
        let needsCare = harness.session.pointee.needsCare
        #expect(!needsCare)
    }

    @Test("Other connections are the process' affair, and answered in their place in a transaction")
    func hostRequests() {
        let harness = NodeHarness()
        #expect(harness("CLIENT", "KILL", "ID", "9", "SKIPME", "no") == "")
        guard case .clientKill(let filter, true) = harness.requests.last else {
            Issue.record("no request")
            return
        }
        #expect(filter.ids == [9] && !filter.skipsCaller)
        #expect(harness("CLIENT", "PAUSE", "9223372036854775807") == "")
        guard case .clientPause(.max, false) = harness.requests.last else {
            Issue.record("the pause overflowed")
            return
        }
        _ = harness("MULTI")
        _ = harness("CLIENT", "LIST")
        _ = harness("CLIENT", "UNPAUSE")
        _ = harness("PING")
        #expect(harness("EXEC") == "*3")
        #expect(harness.ordered.map { String(decoding: $0.following, as: UTF8.self) } == ["", "+PONG\r\n"])
    }
}

struct ConfigurationCommandTests {
    @Test("CONFIG SET changes all or nothing, and tells the process what changed")
    func atomic() {
        final class Seen: @unchecked Sendable { var options: [[Option]] = [] }
        let seen = Seen()
        var process = ProcessInterface()
        process.onConfigurationChange = { _, options in seen.options.append(options) }
        let harness = NodeHarness(process: process)
        #expect(harness("CONFIG", "SET", "maxmemory", "100mb", "hz", "x").hasPrefix("-ERR CONFIG SET failed"))
        #expect(harness.node.memoryLimitBytes.load(ordering: .relaxed) == 0)
        #expect(harness("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lfu") == "+OK")
        #expect(harness.node.memoryLimitBytes.load(ordering: .relaxed) == 100 << 20)
        #expect(harness.node.evictionPolicy == .allKeysLFU)
        #expect(seen.options == [[.maxmemory, .maxmemoryPolicy]])
        #expect(
            harness("CONFIG", "GET", "MaxMemory", "maxmemory-pol*", "MAXMEMORY")
                == "*4 $9 MaxMemory $9 104857600 $16 maxmemory-policy $11 allkeys-lfu")
    }

    @Test("The slow log keeps what is slow enough, trimmed, without passwords, and no more than it may")
    func slowLog() {
        let harness = NodeHarness()
        _ = harness("CONFIG", "SET", "slowlog-log-slower-than", "10", "slowlog-max-len", "3")
        harness.lending.step = 9_999
        _ = harness("ECHO", "fast")
        #expect(harness("SLOWLOG", "LEN") == ":0")
        harness.lending.step = 10_000
        _ = harness("ECHO", String(repeating: "x", count: 130))
        harness.lending.step = 0
        let first = harness("SLOWLOG", "GET")
        #expect(first.hasPrefix("*1 *6 :0 :1800000000 :10 *2 $4 ECHO $146 xxx"), "\(first)")
        #expect(first.hasSuffix("xxx... (2 more bytes) $14 127.0.0.1:5000 $0 "), "\(first)")
        harness.lending.step = 20_000
        _ = harness("AUTH", "default", "secret")
        _ = harness("CONFIG", "SET", "requirepass", "")
        _ = harness("HELLO", "2", "AUTH", "default", "secret")
        harness.lending.step = 0
        let text = harness("SLOWLOG", "GET", "-1")
        #expect(text.hasPrefix("*3"))
        #expect(!text.contains("secret"))
        _ = harness("CONFIG", "SET", "slowlog-max-len", "1")
        #expect(harness("SLOWLOG", "LEN") == ":1")
    }

    @Test("LATENCY hears how long a write waited for evictions")
    func evictionLatency() {
        let harness = NodeHarness()
        // Memory is added up from the first limit on.
        _ = harness("CONFIG", "SET", "maxmemory", "1gb")
        for key in ["a", "b", "c"] { _ = harness("SET", key, "value") }
        _ = harness("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "allkeys-random")
        _ = harness("CONFIG", "SET", "latency-monitor-threshold", "5", "slowlog-log-slower-than", "-1")
        harness.lending.step = 7_000_000
        _ = harness("SET", "d", "value")
        harness.lending.step = 0
        #expect(harness("LATENCY", "HISTORY", "eviction-cycle") == "*1 *2 :1800000000 :7")
        // Even the tables of no keys take more than this, so the write is refused in the end.
        #expect(harness.node.writesRefused.load(ordering: .relaxed) == 1)
    }

    @Test("A reload keeps where values come from, and is all or nothing")
    func reload() throws {
        var process = ProcessInterface()
        process.objection = { settings, _ in
            settings.integer(.maxclients) > 100 ? .refused("maxclients", reason: "too many") : nil
        }
        var start = Settings()
        start.set(.maxclients, .integer(10), from: .standard)
        let harness = NodeHarness(settings: start, process: process)
        #expect(
            harness("CONFIG", "SET", "hz", "20", "maxclients", "101")
                == "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - too many")
        #expect(harness("CONFIG", "GET", "hz") == "*2 $2 hz $2 10")
        #expect(harness("CONFIG", "SET", "hz", "20") == "+OK")
        var loaded = Settings()
        loaded.set(.hz, .integer(30), from: .file("f", line: 1))
        loaded.set(.maxclients, .integer(101), from: .file("f", line: 2))
        #expect(throws: ChangeError.self) { try harness.node.reload([.hz, .maxclients], from: loaded) }
        #expect(harness.node.settings.source(of: .hz) == .configSet)
        #expect(try harness.node.reload([.hz, .timeout], from: loaded) == [.hz])
        #expect(harness.node.settings.source(of: .hz) == .file("f", line: 1))
        #expect(harness("CONFIG", "GET", "hz", "maxclients") == "*4 $10 maxclients $2 10 $2 hz $2 30")
    }

    @Test("The latency monitor keeps the worst of each second")
    func latency() {
        let harness = NodeHarness()
        _ = harness("CONFIG", "SET", "latency-monitor-threshold", "5", "slowlog-log-slower-than", "-1")
        for (second, milliseconds) in [(0, 4), (0, 6), (0, 9), (0, 7), (1, 5)] {
            harness.nowMilliseconds = 1_800_000_000_000 + Int64(second) * 1000
            harness.lending.step = UInt64(milliseconds) * 1_000_000
            _ = harness("ECHO", "x")
        }
        harness.lending.step = 0
        #expect(harness("LATENCY", "HISTORY", "fast-command") == "*2 *2 :1800000000 :9 *2 :1800000001 :5")
        #expect(harness("LATENCY", "LATEST") == "*1 *4 $12 fast-command :1800000001 :5 :9")
        #expect(harness("LATENCY", "RESET", "command", "fast-command") == ":1")
        #expect(harness("LATENCY", "LATEST") == "*0")
        #expect(harness("SLOWLOG", "LEN") == ":0")
    }

    @Test("INFO has the fields that clients, exporters and dashboards read")
    func info() {
        let harness = NodeHarness()
        _ = harness("SET", "k", "v")
        _ = harness("GET", "k")
        _ = harness("GET", "nokey")
        _ = harness("NOPE")
        harness.publishCounters()
        let text = harness.text("INFO", "everything")
        for field in [
            "redis_version:7.2.4", "redis_mode:standalone", "tcp_port:", "uptime_in_seconds:", "run_id:", "process_id:",
            "connected_clients:", "blocked_clients:", "maxclients:10000", "used_memory:", "used_memory_human:",
            "used_memory_rss:", "used_memory_peak:", "maxmemory_policy:noeviction", "loading:0",
            "rdb_bgsave_in_progress:0", "aof_enabled:0", "aof_rewrite_in_progress:0", "total_connections_received:",
            "total_commands_processed:4", "instantaneous_ops_per_sec:", "total_net_input_bytes:",
            "total_net_output_bytes:", "expired_keys:0", "evicted_keys:0", "keyspace_hits:1", "keyspace_misses:1",
            "role:master", "connected_slaves:0", "master_repl_offset:", "used_cpu_sys:", "used_cpu_user:",
            "cluster_enabled:0", "db0:keys=1,expires=0,avg_ttl=0", "cmdstat_set:calls=1,", "cmdstat_get:calls=2,",
            "errorstat_ERR:count=1", "latency_percentiles_usec_get:p50=", "a2_version:", "a2_node_id:1",
            "a2_frames_total:1", "a2_frame_bytes_total:", "a2_window_bytes:", "a2_stable_ms:0",
        ] {
            #expect(text.contains("\r\n" + field), "\(field)")
        }
        #expect(text.hasPrefix("# Server\r\n"))
        #expect(harness.text("INFO", "keyspace", "CPU").hasPrefix("# CPU\r\n"))
        #expect(!harness.text("INFO").contains("# Commandstats"))
        _ = harness("CONFIG", "RESETSTAT")
        #expect(harness.text("INFO", "stats").contains("keyspace_hits:0"))
    }
}
