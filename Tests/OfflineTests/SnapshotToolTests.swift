/// `a2 snapshot` as a program: against a running node, a real redis-server in both directions, and its exit statuses.
import Base
import Foundation
import TestSupport
import Testing

private struct Snapshots {
    let directory: TemporaryDirectory
    let program: String

    init() throws {
        directory = try TemporaryDirectory()
        program = try TestEnvironment.a2Binary()
    }

    func file(_ name: String) -> String { directory.file(name) }

    @discardableResult
    func run(_ words: String...) throws -> (status: Int32, output: String) {
        let result = try ChildProcess.run(program, ["snapshot"] + words)
        guard case .exited(let status) = result.exit else { throw TestSupportError("\(words): \(result)") }
        return (status, result.output)
    }

    func contents(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: file(name))) }
}

/// Strings of every encoding, and one value of every other type.
private func fill(_ client: RESPClient, others: Bool) throws {
    var commands: [[[UInt8]]] = []
    func add(_ words: String...) { commands.append(words.map { Array($0.utf8) }) }
    add("SET", "small", "hello")
    add("SET", "int8", "-12")
    add("SET", "int16", "30000")
    add("SET", "int32", "-2000000000")
    add("SET", "int64", "9223372036854775807")
    add("SET", "notint", "007")
    add("SET", "lzf", String(repeating: "abc", count: 700))
    add("SET", "big", String((0..<40000).map { "\($0 % 7919)" }.joined().prefix(90_000)))
    add("SET", "", "")
    add("SET", "ttl", "x", "PXAT", "4102444800123")
    add("SET", "hits:1", "41")
    commands.append([Array("SET".utf8), [0xFF, 0, 13, 10], [0, 1, 0xFE]])
    for index in 0..<500 { add("SET", "k:\(index)", String(repeating: "v", count: index % 80) + "\(index)") }
    add("SELECT", "3")
    add("SET", "other", "db3")
    add("SELECT", "0")
    if others {
        for index in 0..<300 {
            add("RPUSH", "list", "element \(index) of a long list")
            add("SADD", "set", "m\(index)")
            add("HSET", "hash", "f\(index)", String(repeating: "v", count: 70))
            add("ZADD", "zset", "\(Double(index) / 3)", "m\(index)")
        }
        add("RPUSH", "l", "a", "1", "-3000")
        add("SADD", "s", "1", "2", "3")
        add("SADD", "sl", "a", "b")
        add("HSET", "h", "f", "v")
        add("ZADD", "z", "1.5", "a")
        add("XADD", "x", "*", "a", "b")
        add("XGROUP", "CREATE", "x", "g", "0")
        add("XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">")
        add("PFADD", "hll", "a", "b")
        add("GEOADD", "geo", "13.3", "38.1", "Palermo")
    }
    for reply in try client.pipeline(commands) where reply.isError { throw TestSupportError("\(reply)") }
}

@Suite(.serialized) struct SnapshotToolTests {
    @Test("Redis' dump comes over whole, by file and live, and goes back so that Redis has the same")
    func exchangeWithRedis() throws {
        let redis = try ServerProcess.start(.redis)
        let client = try redis.connect()
        try fill(client, others: true)
        let tool = try Snapshots()
        let folder = try client.call("CONFIG", "GET", "dir").children.last?.string ?? ""
        #expect(try client.call("SAVE") == .ok)
        let dump = folder + "/dump.rdb"
        let imported = try tool.run("import-rdb", dump, "-o", tool.file("file.a2s"), "--json")
        #expect(imported.status == 0, "\(imported.output)")
        #expect(imported.output.contains(#""skipped":{"hash":2,"list":2,"set":3,"sorted set":3,"stream":1}"#))
        let live = try tool.run("import-rdb", "redis://127.0.0.1:\(redis.port)", "-o", tool.file("live.a2s"), "-q")
        #expect(live.status == 0, "\(live.output)")
        let same = try tool.run("diff", tool.file("file.a2s"), tool.file("live.a2s"))
        #expect(same.status == 0, "\(same.output)")
        #expect(try tool.run("verify", tool.file("file.a2s")).status == 0)

        // And back: DUMP of every string is the same, in a Redis that has loaded the dump.
        for version in ["9", "10", "11"] {
            let exported = try tool.run(
                "export-rdb", tool.file("live.a2s"), "-o", tool.file("dump.rdb"), "--rdb-version", version)
            #expect(exported.status == 0, "\(exported.output)")
            let checker = try ChildProcess.run(try TestEnvironment.program("redis-check-rdb"), [tool.file("dump.rdb")])
            // Debian's 7.0 reads up to 10.
            guard version != "11" else { continue }
            #expect(checker.exit == .exited(0), "\(checker.output)")
            let other = try ServerProcess.start(
                .redis,
                ServerProcess.Options(settings: [(name: "dir", value: tool.directory.path)]))
            let copy = try other.connect()
            var compared = 0
            for database in ["0", "3"] {
                _ = try client.call("SELECT", database)
                _ = try copy.call("SELECT", database)
                for key in try copy.call("KEYS", "*").children {
                    guard case .bulk(let name) = key else { continue }
                    for question in ["DUMP", "PEXPIRETIME"] {
                        let words = [Array(question.utf8), name]
                        #expect(try copy.call(bytes: words) == client.call(bytes: words))
                    }
                    compared += 1
                }
            }
            #expect(compared == 514)
            _ = try client.call("SELECT", "0")
        }
    }

    @Test("A node's snapshot has its digest, converts into the same bytes, and differs where the node goes on")
    func runningNode() throws {
        let node = try ServerProcess.start(.a2)
        let client = try node.connect()
        try fill(client, others: false)
        for _ in 0..<5 { _ = try client.call("INCR", "hits:1") }
        let tool = try Snapshots()
        let uri = "redis://127.0.0.1:\(node.port)"
        #expect(try tool.run("save", "--node", uri, "-o", tool.file("n.a2s")).status == 0)
        let digest = try client.call("A2.DIGEST").string ?? ""
        let verified = try tool.run("verify", tool.file("n.a2s"), "--json")
        #expect(verified.status == 0 && verified.output.contains(#""digest-now":"\#(digest)""#), "\(verified.output)")
        for format in ["json", "ndjson"] {
            #expect(try tool.run("convert", tool.file("n.a2s"), "-o", tool.file("n.\(format)")).status == 0)
            let back = try tool.run("convert", tool.file("n.\(format)"), "-o", tool.file("back.a2s"))
            #expect(back.status == 0, "\(back.output)")
            #expect(try tool.contents("back.a2s") == tool.contents("n.a2s"), "\(format)")
            #expect(try tool.run("verify", tool.file("n.\(format)")).status == 0)
        }
        #expect(try tool.run("diff", tool.file("n.ndjson"), uri).status == 0)
        // A change by hand is refused, unless it is said to be one.
        let text = String(decoding: try tool.contents("n.ndjson"), as: UTF8.self)
        let edited = try tool.directory.write(
            text.replacingOccurrences(of: "\"value\":\"hello\"", with: "\"value\":\"world\""), to: "edited.ndjson")
        #expect(try tool.run("convert", edited, "-o", tool.file("e.a2s")).status == 5)
        #expect(try tool.run("convert", edited, "-o", tool.file("e.a2s"), "--edited").status == 0)
        #expect(try tool.run("verify", tool.file("e.a2s")).status == 0)
        #expect(try tool.run("diff", tool.file("n.a2s"), tool.file("e.a2s"), "--limit", "1").status == 1)
        _ = try client.call("SET", "small", "changed")
        _ = try client.call("DEL", "int8")
        _ = try client.call("SET", "new", "1")
        let differing = try tool.run("diff", tool.file("n.a2s"), uri)
        #expect(differing.status == 1)
        #expect(Set(differing.output.split(separator: "\n")) == ["- 0 \"int8\"", "~ 0 \"small\"", "+ 0 \"new\""])

        // A FLUSHALL by mistake is undone by writing everything anew.
        _ = try client.call("FLUSHALL")
        _ = try client.call("SET", "k:1", "written since")
        let restored = try tool.run(
            "restore", tool.file("n.a2s"), "--into", uri, "--as-new-writes", "--keep-existing", "--json")
        #expect(restored.status == 0 && restored.output.contains(#""kept":1"#), "\(restored.output)")
        _ = try client.call("DEL", "k:1")
        #expect(
            try tool.run("restore", tool.file("n.a2s"), "--into", uri, "--as-new-writes", "--key", "k:1").status == 0)
        #expect(try client.call("A2.DIGEST").string == digest)
    }

    @Test("A restored directory has the snapshot's data under a new name, and is not overwritten by mistake")
    func restoring() throws {
        let node = try ServerProcess.start(.a2)
        try fill(try node.connect(), others: false)
        let tool = try Snapshots()
        let snapshot = tool.file("n.a2s")
        #expect(try tool.run("save", "--node", "127.0.0.1:\(node.port)", "-o", snapshot).status == 0)
        let data = tool.file("data")
        let dry = try tool.run("restore", snapshot, "--data-dir", data, "--dry-run")
        #expect(dry.status == 0 && dry.output.contains("would hold"), "\(dry.output)")
        #expect(!FileManager.default.fileExists(atPath: data))
        let restored = try tool.run("restore", snapshot, "--data-dir", data, "--json")
        #expect(restored.status == 0 && restored.output.contains(#""node":1,"generation":1"#), "\(restored.output)")
        #expect(try tool.run("diff", data, snapshot).status == 0)
        let again = try tool.run("restore", snapshot, "--data-dir", data)
        #expect(again.status == 1 && again.output.contains("--force"), "\(again.output)")
        #expect(try tool.run("restore", snapshot, "--data-dir", data, "--keep-identity").status == 2)
        let kept = try tool.run("restore", snapshot, "--data-dir", data, "--keep-identity", "--force", "--json")
        #expect(kept.status == 0 && kept.output.contains(#""generation":0"#), "\(kept.output)")
        let other = try tool.run("restore", snapshot, "--data-dir", data, "--force", "--node-id", "9", "--json")
        #expect(other.status == 0 && other.output.contains(#""node":9,"generation":0"#), "\(other.output)")
        #expect(try tool.run("save", "--data-dir", data, "-o", tool.file("again.a2s")).status == 0)
        #expect(try tool.run("diff", tool.file("again.a2s"), snapshot).status == 0)
        // Somebody else's directory is left alone, whatever is asked.
        _ = try tool.directory.write("mine", to: "notes.txt")
        #expect(try tool.run("restore", snapshot, "--data-dir", tool.directory.path, "--force").status == 1)
    }

    @Test("Numbers become counters where asked for, and two imports of them add up")
    func counters() throws {
        let node = try ServerProcess.start(.a2)
        let client = try node.connect()
        let redis = try ServerProcess.start(.redis)
        let old = try redis.connect()
        _ = try old.call("SET", "hits:1", "41")
        _ = try old.call("SET", "name", "x")
        let tool = try Snapshots()
        let (from, into) = ("redis://127.0.0.1:\(redis.port)", "127.0.0.1:\(node.port)")
        for _ in 0..<2 {
            #expect(try tool.run("import-rdb", from, "--into", into, "--counter-keys", "hits:*", "-q").status == 0)
        }
        #expect(try client.call("GET", "hits:1").string == "82")
        #expect(try client.call("GET", "name").string == "x")
        let imported = try tool.run("import-rdb", from, "-o", tool.file("c.a2s"), "--counter-keys", "hits:*", "--json")
        #expect(imported.output.contains(#""counters":1"#), "\(imported.output)")
        #expect(try tool.run("convert", tool.file("c.a2s"), "-o", tool.file("c.ndjson")).status == 0)
        let text = String(decoding: try tool.contents("c.ndjson"), as: UTF8.self)
        #expect(text.contains(#""increments":[{"replica":"1""#) && text.contains(#""sum":"41""#))
    }

    @Test("A flipped byte anywhere in a snapshot is found, and nothing is made of it")
    func flippedBytes() throws {
        let node = try ServerProcess.start(.a2)
        _ = try node.connect().call("SET", "k", "v")
        let tool = try Snapshots()
        let path = tool.file("n.a2s")
        #expect(try tool.run("save", "--node", "127.0.0.1:\(node.port)", "-o", path).status == 0)
        let good = try tool.contents("n.a2s")
        var random = SeededRandom(seed: 21)
        for _ in 0..<12 {
            var damaged = good
            let at = random.below(good.count)
            damaged[at] ^= UInt8(1 << random.below(8))
            try damaged.write(to: URL(fileURLWithPath: path))
            for verb in ["verify", "convert", "restore"] {
                let words =
                    verb == "verify"
                    ? [path]
                    : verb == "convert" ? [path, "-o", tool.file("x.json")] : [path, "--data-dir", tool.file("x")]
                let result = try ChildProcess.run(tool.program, ["snapshot", verb] + words)
                #expect(result.exit == .exited(5), "byte \(at), \(verb): \(result)")
            }
            #expect(!FileManager.default.fileExists(atPath: tool.file("x.json")))
            #expect(!FileManager.default.fileExists(atPath: tool.file("x")))
        }
        try good.dropLast(1).write(to: URL(fileURLWithPath: path))
        #expect(try tool.run("verify", path, "--quick").status == 5)
    }

    @Test("Exit statuses: misuse 2, nobody there 3, a wrong password 4")
    func statuses() throws {
        let tool = try Snapshots()
        let port = try ServerProcess.freePort()
        #expect(try tool.run("save", "--node", "127.0.0.1:\(port)", "-o", tool.file("x")).status == 3)
        #expect(try tool.run("save", "--node", "127.0.0.1:\(port)").status == 2)
        #expect(try tool.run("restore", tool.file("none"), "--into", "127.0.0.1:1").status == 2)
        #expect(try tool.run("verify").status == 2)
        #expect(try tool.run("convert", tool.file("none"), "-o", tool.file("x"), "--format", "xml").status == 2)
        #expect(try tool.run("import-rdb", tool.file("none")).status == 2)
        _ = try tool.directory.write("nonsense", to: "junk.a2s")
        #expect(try tool.run("verify", tool.file("junk.a2s")).status == 5)
        #expect(try tool.run("import-rdb", tool.file("junk.a2s"), "-o", tool.file("x")).status == 5)
        _ = try tool.directory.write("{\"kind\":\"snapshot\",\"schema_version\":99}", to: "new.json")
        let newer = try tool.run("verify", tool.file("new.json"))
        #expect(newer.status == 5 && newer.output.contains("format version 99"), "\(newer.output)")
        let guarded = try ServerProcess.start(.a2, ServerProcess.Options(password: "secret"))
        let uri = "127.0.0.1:\(guarded.port)"
        #expect(try tool.run("save", "--node", uri, "-o", tool.file("x")).status == 4)
        #expect(try tool.run("save", "--node", uri, "-a", "wrong", "-o", tool.file("x")).status == 4)
        #expect(try tool.run("save", "--node", uri, "-a", "secret", "-o", tool.file("x"), "-q").status == 0)
        let redis = try ServerProcess.start(.redis)
        let refused = try tool.run("save", "--node", "127.0.0.1:\(redis.port)", "-o", tool.file("y"))
        #expect(refused.status == 1 && refused.output.contains("is no a2 node"), "\(refused.output)")
    }
}

extension Reply {
    /// The elements of an array.
    fileprivate var children: [Reply] {
        if case .array(let elements) = self { return elements }
        return []
    }
}
