/// However the bytes are cut, the commands are the same; and no bytes, however bent, break the parser.
import Base
import RESP
import Testing

/// What redis-cli, redis-benchmark, redis-py and a person at telnet send.
private let captured: [[UInt8]] = [
    bytes("PING\r\n"), bytes("\r\n"), bytes("*0\r\n"), bytes("*-1\r\n"),
    request("COMMAND", "DOCS"), request("HELLO", "3"), request("CLIENT", "SETINFO", "LIB-NAME", "redis-py"),
    request("SET", "key:000000000042", "VXK"), request("GET", ""), request("ECHO", "a\r\nb\u{0}c*1\r\n$4\r\n"),
    request("MSET", "k1", String(repeating: "v", count: 9), "k2", String(repeating: "w", count: 120)),
    request("LPUSH", "l", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"),
    bytes("set \"a\\x00\\n b\" 'it\\'s'  x\"y z\"\n"), bytes("  get\t'' \"\"\r\n"),
    bytes("*1\rX$4\rYPINGzz"),
]

@Suite struct RequestSplitTests {
    @Test("Every prefix of the captured requests gives the commands that end in it; every split in two, all of them")
    func splits() {
        let stream = Array(captured.joined())
        let whole = parse(stream) { .max }
        #expect(whole.parsed.commands.count == captured.count - 3 && whole.faults.isEmpty)
        #expect(!whole.parsed.isInsideCommand)
        for cut in 0...stream.count {
            var harness = RequestHarness()
            harness.feed(Array(stream[..<cut]))
            let count = harness.parsed.commands.count
            guard harness.parsed.commands[...] == whole.parsed.commands.prefix(count), harness.parsed.failure == nil
            else {
                Issue.record("prefix of \(cut)")
                return
            }
            harness.feed(Array(stream[cut...]))
            guard harness.parsed == whole.parsed, harness.faults.isEmpty else {
                Issue.record("cut at \(cut)")
                return
            }
        }
        for size in 1...64 {
            for batchMax in [1, 2, 32] {
                #expect(parse(stream, batchMax: batchMax) { size }.parsed == whole.parsed, "pieces of \(size)")
            }
        }
    }

    @Test("Mutated streams in random pieces: no trap, no range outside, bounded memory, the same in any pieces")
    func mutations() {
        let seed: UInt64 = 0xA2_0001
        var random = SeededRandom(seed: seed)
        var total = 0
        var round = 0
        while total < 1_500_000 {
            round += 1
            var stream: [UInt8] = []
            for _ in 0...random.below(40) { stream += captured[random.below(captured.count)] }
            for _ in 0..<random.below(6) { mutate(&stream, &random) }
            total += stream.count
            let limits = ParserLimits(
                bulkBytesMax: 4096, blockArgumentBytesMin: 100, isAuthenticated: random.below(8) > 0)
            let usesBlocks = random.below(2) == 0
            let first = parse(stream, limits: limits) { .max }
            let size = 1 + random.below(100)
            let second = parse(stream, limits: limits, usesBlocks: usesBlocks, batchMax: 1 + random.below(32)) {
                random.below(size)
            }
            guard first.faults.isEmpty, second.faults.isEmpty, first.parsed == second.parsed else {
                Issue.record("seed \(seed), round \(round): \(first.faults) \(second.faults) \(stream)")
                return
            }
        }
    }

    @Test("Announcements alone take no memory")
    func announcements() {
        for text in ["*2147483647\r\n", "*2147483647\r\n$536870912\r\n", "*1000000\r\n$3\r\nSET\r\n$99999999\r\nx"] {
            var harness = RequestHarness()
            harness.feed(bytes(text))
            #expect(harness.parsed.failure == nil && harness.parsed.isInsideCommand)
            #expect(harness.list.memoryBytes < 8192)
        }
    }
}

private func mutate(_ stream: inout [UInt8], _ random: inout SeededRandom) {
    let at = random.below(stream.count)
    let alphabet = bytes("*$0123456789-+\r\n\u{0}'\"\\x \u{ff}")
    switch random.below(6) {
    case 0: stream[at] = UInt8(truncatingIfNeeded: random.next())
    case 1: stream[at] = alphabet[random.below(alphabet.count)]
    case 2: stream.insert(alphabet[random.below(alphabet.count)], at: at)
    case 3 where stream.count > 1: stream.remove(at: at)
    case 4: stream.insert(contentsOf: stream[at..<min(at + random.below(50), stream.count)], at: at)
    default:
        stream.replaceSubrange(at..<min(at + random.below(20), stream.count), with: bytes("$\(random.next() >> 50)"))
    }
    if stream.isEmpty { stream = [0x0A] }
}
