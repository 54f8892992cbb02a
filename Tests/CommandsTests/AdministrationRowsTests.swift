/// Rows that only administrators and tools call, each at least once: what they answer where a2 has nothing of
/// the kind is as much a promise as any other reply.
import Testing

@Suite struct AdministrationRowsTests {
    private static let noCluster = "-ERR This instance has cluster support disabled"

    @Test(
        "CLUSTER says that there is no Redis cluster",
        arguments: [
            "CLUSTER COUNTKEYSINSLOT 1", "CLUSTER GETKEYSINSLOT 1 10", "CLUSTER KEYSLOT foo", "CLUSTER LINKS",
            "CLUSTER MEET 127.0.0.1 7000", "CLUSTER MYID", "CLUSTER MYSHARDID", "CLUSTER NODES",
            "CLUSTER REPLICAS x", "CLUSTER RESET", "CLUSTER SHARDS", "CLUSTER SLOTS",
        ])
    func cluster(_ line: String) {
        let harness = NodeHarness()
        #expect(harness(line: line) == Self.noCluster)
    }

    @Test("ACL knows one user, who cannot be changed or removed")
    func access() {
        let harness = NodeHarness()
        #expect(harness("ACL", "USERS") == "*1 $7 default")
        #expect(harness("ACL", "LIST") == "*1 $34 user default on nopass ~* &* +@all")
        #expect(harness("ACL", "GETUSER", "nobody") == "$-1")
        #expect(harness("ACL", "GETUSER", "default").hasPrefix("*12 $5 flags *2 $2 on $6 nopass"))
        #expect(harness("ACL", "SETUSER", "x").hasPrefix("-ERR This server has one user"))
        #expect(harness("ACL", "DELUSER", "x") == ":0")
        for line in ["ACL LOAD", "ACL SAVE"] {
            #expect(harness(line: line).hasPrefix("-ERR This Redis instance is not configured to use an ACL file."))
        }
        #expect(harness("ACL", "HELP").contains("WHOAMI"))
    }

    @Test(
        "There are no modules, and none can be loaded",
        arguments: ["MODULE LOAD x", "MODULE LOADEX x", "MODULE UNLOAD x"])
    func modules(_ line: String) {
        let harness = NodeHarness()
        #expect(harness(line: line).hasPrefix("-ERR MODULE command not allowed."))
        #expect(harness("MODULE", "HELP").contains("LIST"))
    }

    @Test("MEMORY reports on what is there")
    func memory() {
        let harness = NodeHarness()
        _ = harness("SET", "k", "v")
        let statistics = harness("MEMORY", "STATS")
        #expect(statistics.contains("$10 keys.count :1"))
        #expect(harness.text("MEMORY", "DOCTOR").contains("very little memory"))
        #expect(harness.text("MEMORY", "MALLOC-STATS").hasPrefix("spans:"))
        #expect(harness("MEMORY", "PURGE") == "+OK")
    }

    @Test("LATENCY HISTOGRAM counts the calls of the commands asked for")
    func histogram() {
        let harness = NodeHarness()
        _ = harness("SET", "k", "v")
        _ = harness("SET", "k", "w")
        let reply = harness("LATENCY", "HISTOGRAM", "set")
        #expect(reply.contains("$3 set"))
        #expect(reply.contains("$5 calls :2"))
    }

    @Test("What concerns caching, peers and saves is answered as by a server that does none of it")
    func none() {
        let harness = NodeHarness()
        #expect(harness("CLIENT", "CACHING", "YES").hasPrefix("-ERR CLIENT CACHING can be called only when"))
        #expect(harness("CLIENT", "TRACKINGINFO").hasPrefix("*6 $5 flags *1 $3 off $8 redirect :-1"))
        #expect(harness("LASTSAVE").hasPrefix(":"))
        #expect(harness("CLUSTER", "HELP") == Self.noCluster)
    }
}

extension NodeHarness {
    /// Words separated by spaces.
    fileprivate func callAsFunction(line: String) -> String {
        let bytes = run(line.split(separator: " ").map { Array($0.utf8) })
        let text = String(decoding: bytes.map { $0 == 13 ? 32 : $0 }.filter { $0 != 10 }, as: UTF8.self)
        return text.last == " " ? String(text.dropLast()) : text
    }
}
