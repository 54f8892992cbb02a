/// KEYS, SCAN, RANDOMKEY, DBSIZE and the flushes, also while keys come and go between their slices.
import Base
import Testing

@testable import Commands

@Suite struct WalkCommandsTests {
    let redis = KeyCommandsHarness()

    private func fill(_ count: Int, prefix: String = "k") {
        for number in 0..<count { _ = redis("SET", "\(prefix)\(number)", "v") }
    }

    /// One SCAN: the next cursor and the names.
    private func scan(_ words: [String], meanwhile: () -> Void = {}) -> (cursor: String, names: [String]) {
        let reply = redis.run((["SCAN"] + words).map { Array($0.utf8) }, meanwhile: meanwhile)
        let lines = String(decoding: reply, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        guard lines.count > 3 else { return (String(decoding: reply, as: UTF8.self), []) }
        return (String(lines[2]), KeyCommandsHarness.names(reply, skipping: 4).filter { !$0.isEmpty })
    }

    private func scanAll(_ options: String..., between: () -> Void = {}) -> [String] {
        var names: [String] = []
        var cursor = "0"
        var calls = 0
        repeat {
            let step = scan([cursor] + options)
            names += step.names
            cursor = step.cursor
            calls += 1
            between()
            #expect(UInt64(cursor).map { $0 < 1 << 53 } ?? false, "cursor \(cursor)")
        } while cursor != "0" && calls < 20_000
        #expect(cursor == "0", "no end after \(calls) calls")
        return names
    }

    @Test func keysByPattern() {
        #expect(redis("KEYS", "*") == "*0")
        fill(300)
        #expect(redis.names("KEYS", "*").filter { !$0.isEmpty }.count == 300)
        #expect(Set(redis.names("KEYS", "k1?").filter { !$0.isEmpty }) == Set((10..<20).map { "k\($0)" }))
        #expect(redis("KEYS", "K1") == "*0")
        #expect(redis("DBSIZE") == ":300")
        redis.database = 1
        #expect(redis("KEYS", "*") == "*0")
        #expect(redis("DBSIZE") == ":0")
    }

    @Test func whatHasExpiredIsNotShown() {
        fill(20)
        for number in 0..<10 { #expect(redis("PEXPIRE", "k\(number)", "100") == ":1") }
        redis.nowMilliseconds += 100
        #expect(redis.names("KEYS", "*").filter { !$0.isEmpty }.count == 10)
        #expect(scanAll().count == 10)
        for _ in 0..<50 { #expect(Int(redis("RANDOMKEY").dropFirst(4)).map { $0 >= 10 } ?? true) }
        for number in 10..<20 { #expect(redis("PEXPIRE", "k\(number)", "100") == ":1") }
        redis.nowMilliseconds += 100
        #expect(redis("RANDOMKEY") == "$-1")
    }

    @Test func scanOptions() {
        fill(100)
        #expect(Set(scanAll()).count == 100)
        #expect(Set(scanAll("COUNT", "1")).count == 100)
        #expect(scan(["0", "COUNT", "1000000000000000000"]).names.count == 100)
        #expect(Set(scanAll("MATCH", "k1*")).count == 11)
        #expect(Set(scanAll("TYPE", "STRING", "match", "k1*")).count == 11)
        #expect(scanAll("TYPE", "set").isEmpty)
        #expect(scanAll("TYPE", "nonsense").isEmpty)
        for cursor in ["abc", "1x", " 0", "18446744073709551616", "-1"] {
            #expect(redis("SCAN", cursor) == "-ERR invalid cursor")
        }
        for options in [["COUNT"], ["COUNT", "0"], ["COUNT", "-1"], ["MATCH"], ["TYPE"], ["foo", "bar"]] {
            #expect(scan(["0"] + options).cursor == "-ERR syntax error\r\n")
        }
        #expect(redis("SCAN", "0", "COUNT", "x") == "-ERR value is not an integer or out of range")
        #expect(redis("SCAN", "18446744073709551615") == "*2 $1 0 *0")
    }

    @Test("COUNT is about how much a call returns")
    func scanCount() {
        fill(5000)
        var cursor = "0"
        repeat {
            let step = scan([cursor, "COUNT", "100"])
            if step.cursor != "0" { #expect(step.names.count >= 100 && step.names.count < 200) }
            cursor = step.cursor
        } while cursor != "0"
    }

    /// Tables of 96 or 192 buckets, whose boundaries a cursor cannot name exactly.
    @Test("A cursor always moves on", arguments: [400, 450, 800, 1000])
    func scanMakesProgress(_ count: Int) {
        fill(count, prefix: "{t}")
        var calls = 0
        let names = scanAll("COUNT", "1") { calls += 1 }
        #expect(Set(names).count == count)
        #expect(calls <= 200 + 256)
    }

    /// All keys in one slot, so that the tables behind it grow large and the cursor stays in one partition.
    @Test("Keys that are there all the time are all returned", arguments: 1...6)
    func scanWhileResizing(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let lasting = [3, 50, 700][seed % 3]
        let tag = seed % 2 == 0 ? "{t}" : ""
        for number in 0..<lasting { _ = redis("SET", "\(tag)stay\(number)", "v") }
        var passing: [String] = []
        var next = 0
        let seen = scanAll("COUNT", seed < 4 ? "1" : "20") {
            if random.below(3) > 0 { return }
            if random.below(2) == 0 {
                for _ in 0..<random.below(600) {
                    passing.append("\(tag)go\(next)")
                    next += 1
                    _ = redis("SET", passing[passing.count - 1], "v")
                }
            } else {
                while passing.count > random.below(300) { _ = redis("DEL", passing.removeLast()) }
            }
        }
        let missing = Set((0..<lasting).map { "\(tag)stay\($0)" }).subtracting(seen)
        #expect(missing.isEmpty, "seed \(seed): \(missing.sorted().prefix(5))")
    }

    @Test("A walk in slices minds what others do in between")
    func sliced() {
        fill(1000)
        redis.walkBucketsMax = 1
        var count = 0
        let reply = redis.run([Array("KEYS".utf8), Array("k*".utf8)]) {
            count += 1
            _ = redis("SET", "other\(count)", "v")
        }
        #expect(count > 256)
        #expect(Set(KeyCommandsHarness.names(reply, skipping: 1)).isSuperset(of: (0..<1000).map { "k\($0)" }))
    }

    @Test("Every key has about the same chance")
    func randomKeys() {
        #expect(redis("RANDOMKEY") == "$-1")
        fill(20)
        for number in 0..<80 { _ = redis("SET", "{t}\(number)", "v") }
        var counts: [String: Int] = [:]
        for _ in 0..<20_000 { counts[redis("RANDOMKEY"), default: 0] += 1 }
        #expect(counts.count == 100)
        let tagged = counts.filter { $0.key.contains("{t}") }.map(\.value).reduce(0, +)
        #expect(tagged > 14_500 && tagged < 17_500, "\(tagged) of 20000")
    }

    @Test func flushing() {
        for database in 0..<3 {
            redis.database = database
            fill(50)
        }
        #expect(redis("FLUSHDB", "foo") == "-ERR syntax error")
        #expect(redis("FLUSHALL", "SYNC", "ASYNC") == "-ERR syntax error")
        let before = redis.framesWritten
        #expect(redis("FLUSHDB", "async") == "+OK")
        #expect(redis.framesWritten - before <= 50)
        #expect(redis("DBSIZE") == ":0")
        redis.database = 0
        #expect(redis("DBSIZE") == ":50")
        #expect(redis("FLUSHALL") == "+OK")
        for database in 0..<3 {
            redis.database = database
            #expect(redis("DBSIZE") == ":0")
        }
        fill(10)
        #expect(redis("DBSIZE") == ":10")
    }

    @Test func flushingFailsWatches() {
        for isWatchedKeyThere in [true, false] {
            fill(3)
            #expect(redis("WATCH", isWatchedKeyThere ? "k1" : "nope") == "+OK")
            #expect(redis("FLUSHALL") == "+OK")
            #expect(redis("MULTI") == "+OK")
            #expect(redis("DBSIZE") == "+QUEUED")
            #expect(redis("EXEC") == (isWatchedKeyThere ? "*-1" : "*1 :0"))
        }
    }

    @Test func insideTransaction() {
        fill(5)
        #expect(redis("MULTI") == "+OK")
        for words in [
            ["SET", "k7", "v"], ["DBSIZE"], ["FLUSHDB"], ["SET", "k1", "w"], ["KEYS", "*"], ["SCAN", "0"],
        ] {
            #expect(redis.run(words.map { Array($0.utf8) }) == Array("+QUEUED\r\n".utf8))
        }
        #expect(redis("EXEC") == "*6 +OK :6 +OK +OK *1 $2 k1 *2 $1 0 *1 $2 k1")
        #expect(redis("GET", "k1") == "$1 w")
        #expect(redis("GET", "k2") == "$-1")
    }
}
