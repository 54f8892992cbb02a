/// The string, counter and bitmap commands: recorded replies of Redis, and what no recording shows.
import Base
import Commands
import Testing

private func replay(_ transcript: String, protocolVersion: UInt8 = 2) {
    let node = StringCommandsHarness(protocolVersion: protocolVersion)
    for line in transcript.split(separator: "\n") {
        guard let arrow = line.range(of: " => ") else {
            Issue.record("no reply in \(line)")
            continue
        }
        let command = String(line[..<arrow.lowerBound])
        #expect(node.line(command) == String(line[arrow.upperBound...]), "\(command)")
    }
}

extension Substring {
    /// The first place where `text` stands; the standard library alone has no such search for strings.
    fileprivate func range(of text: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
    }
}

@Suite struct StringCommandsTests {
    @Test func setAndItsKinReplyAsRedis() { replay(setTranscript) }
    @Test func partsReplyAsRedis() { replay(rangeTranscript) }
    @Test func countersReplyAsRedis() { replay(counterTranscript) }
    @Test func lcsRepliesAsRedis() { replay(lcsTranscript) }
    @Test func lcsRepliesInMapsAsRedis() { replay(lcsTranscriptRESP3, protocolVersion: 3) }
    @Test func bitmapsReplyAsRedis() { replay(bitmapTranscript) }
    @Test func bitfieldsReplyAsRedis() { replay(bitfieldTranscript) }

    @Test func lcsBoundsItsMemory() {
        let node = StringCommandsHarness()
        let long = [UInt8](repeating: 0x61, count: 13_000)
        #expect(node.run([Array("SET".utf8), [0x61], long]) == Array("+OK\r\n".utf8))
        let expected = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
        #expect(node.line("LCS a a") == expected)
        #expect(node.line("LCS a a LEN") == expected)
        #expect(node.line("LCS a none LEN") == ":0")
    }

    @Test func deadlinesFollowTheOptions() {
        let node = StringCommandsHarness()
        let start = node.nowMilliseconds
        func isAlive(_ command: String, then others: [String] = [], after milliseconds: Int64) -> Bool {
            node.nowMilliseconds = start
            _ = node.line("GETDEL k")
            _ = node.line(command)
            for other in others { _ = node.line(other) }
            node.nowMilliseconds = start + milliseconds
            return node.line("STRLEN k") != ":0"
        }
        #expect(isAlive("SET k v EX 2", after: 1999))
        #expect(!isAlive("SET k v EX 2", after: 2000))
        #expect(isAlive("PSETEX k 20 v", after: 19))
        #expect(!isAlive("PSETEX k 20 v", after: 20))
        #expect(!isAlive("SET k v EXAT \(start / 1000 + 3)", after: 3000))
        #expect(isAlive("SET k v PXAT \(start + 3)", after: 2))
        #expect(isAlive("SET k v EX 2", then: ["SET k w"], after: 5000))
        #expect(!isAlive("SET k v EX 2", then: ["SET k w KEEPTTL"], after: 5000))
        #expect(isAlive("SET k v EX 2", then: ["GETSET k w"], after: 5000))
        #expect(isAlive("SET k v EX 2", then: ["MSET k w"], after: 5000))
        #expect(isAlive("SET k v EX 2", then: ["GETEX k PERSIST"], after: 5000))
        #expect(isAlive("SET k v EX 2", then: ["GETEX k EX 6"], after: 5000))
        #expect(!isAlive("SET k v EX 2", then: ["GETEX k"], after: 5000))
        let patches = ["APPEND k 1", "SETRANGE k 3 x", "SETBIT k 99 1", "BITFIELD k SET u8 0 1 SET u8 99 1"]
        for patch in patches { #expect(!isAlive("SET k 5 EX 2", then: [patch], after: 5000), "\(patch)") }
        for sum in ["INCR k", "DECRBY k 7", "INCRBYFLOAT k 0.5"] {
            #expect(!isAlive("SET k 5 EX 2", then: [sum], after: 5000), "\(sum)")
        }
    }

    @Test(arguments: ["INCR k", "INCRBYFLOAT k 1", "APPEND k 1", "SETRANGE k 0 1", "BITFIELD k SET u8 0 49"])
    func aValueSetIntoThePastIsNoneForWhatFollows(command: String) {
        for isTransaction in [false, true] {
            let node = StringCommandsHarness()
            if isTransaction { _ = node.line("MULTI") }
            _ = node.line("SET k 5 PXAT 1000")
            _ = node.line(command)
            if isTransaction { _ = node.line("EXEC") }
            #expect(node.line("GET k") == "$1|1", "in a transaction: \(isTransaction)")
        }
    }

    @Test func otherTypesAreRefusedAndLeftAlone() {
        let node = StringCommandsHarness()
        node.makeSet("k")
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value"
        let refused = [
            "GET k", "GETSET k v", "GETDEL k", "GETEX k EX foo", "SET k v GET", "SET k v NX GET", "STRLEN k",
            "APPEND k v", "GETRANGE k 0 1", "SETRANGE k 0 x", "SETRANGE k 0 ''", "INCR k", "DECRBY k 1",
            "INCRBYFLOAT k x", "SETBIT k 1 1", "GETBIT k 1", "BITCOUNT k", "BITCOUNT k x", "BITPOS k 1 x",
            "BITOP NOT d k", "BITFIELD k GET u8 0", "BITFIELD k SET u8 0 1", "BITFIELD_RO k GET u8 0",
        ]
        for command in refused { #expect(node.line(command) == wrong, "\(command)") }
        #expect(node.line("LCS k k WHAT") == "-ERR The specified keys must contain string values")
        #expect(node.line("INCRBY k x") == "-ERR value is not an integer or out of range")
        #expect(node.line("SETNX k v") == ":0")
        #expect(node.line("MSETNX k v other v") == ":0")
        #expect(node.line("MGET k other") == "*2|$-1|$-1")
        #expect(node.line("STRLEN k") == wrong)
        #expect(node.line("SET k v") == "+OK")
        #expect(node.line("GET k") == "$1|v")
    }

    @Test func largeValuesAreSentWholeWhateverBecomesOfTheKey() {
        let node = StringCommandsHarness()
        let large = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let header = Array("$40000\r\n".utf8)
        #expect(node.run([Array("SET".utf8), [0x6B], large]) == Array("+OK\r\n".utf8))
        #expect(node.run([Array("GET".utf8), [0x6B]]) == header + large + [0x0D, 0x0A])
        #expect(node.run([Array("SET".utf8), [0x6B], [0x31], Array("GET".utf8)]) == header + large + [0x0D, 0x0A])
        #expect(node.run([Array("SET".utf8), [0x6B], large]) == Array("+OK\r\n".utf8))
        #expect(node.run([Array("GETDEL".utf8), [0x6B]]) == header + large + [0x0D, 0x0A])
        #expect(node.line("GET k") == "$-1")
    }
}
