/// The fingerprint behind A2.DIGEST, and what it answers.
import Base
import Testing

@testable import Commands

struct DigestTests {
    @Test("The fingerprint is SipHash-2-4-128, by its authors' test vectors")
    func vectors() {
        let key: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        let expected = [
            (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
        ]
        for (count, text) in expected {
            var fingerprint = Fingerprint(key: key)
            (0..<count).map { UInt8($0) }.withView { fingerprint.combine($0) }
            #expect(Fingerprint.hexadecimal(fingerprint.finish()) == text)
        }
    }

    @Test("However bytes are cut into pieces, the fingerprint is the same")
    func pieces() {
        let bytes = (0..<61).map { UInt8($0) }
        var whole = Fingerprint(key: (1, 2))
        bytes.withView { whole.combine($0) }
        let expected = whole.finish()
        for cut in 0...bytes.count {
            var pieces = Fingerprint(key: (1, 2))
            Array(bytes[..<cut]).withView { pieces.combine($0) }
            Array(bytes[cut...]).withView { pieces.combine($0) }
            #expect(pieces.finish() == expected, "cut at \(cut)")
        }
    }

    @Test(
        "Equal content gives equal digests, whatever the order of insertion and the hash seed", arguments: [1, 2, 77])
    func order(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var keys = (0..<400).map { "key:\($0)" }
        let first = NodeHarness(seed: random.next())
        for key in keys { _ = first("SET", key, "value of \(key)") }
        keys.shuffle(using: &random)
        let second = NodeHarness(seed: random.next())
        for key in keys { _ = second("SET", key, "value of \(key)") }
        #expect(first("A2.DIGEST") == second("A2.DIGEST"), "seed \(seed)")
        #expect(first("A2.DIGEST", "KEYS") == second("A2.DIGEST", "KEYS"), "seed \(seed)")
        _ = second("SET", keys[0], "another")
        #expect(first("A2.DIGEST") != second("A2.DIGEST"), "seed \(seed)")
    }

    @Test("A digest covers key, value, database and deadline, and not how they came about")
    func coverage() {
        let harness = NodeHarness()
        let empty = harness.text("A2.DIGEST")
        #expect(empty == String(repeating: "0", count: 32))
        _ = harness("SET", "n", "12")
        let plain = harness.text("A2.DIGEST")
        _ = harness("SET", "n", "11")
        _ = harness("INCR", "n")
        #expect(harness.text("A2.DIGEST") == plain)
        harness.session.pointee.database = 1
        _ = harness("SET", "n", "12")
        harness.session.pointee.database = 0
        let both = harness.text("A2.DIGEST")
        #expect(both != plain)
        _ = harness("PEXPIRE", "n", "1000")
        #expect(harness.text("A2.DIGEST") != both)
        // Past its deadline a key is not there, whether or not it has been swept.
        harness.nowMilliseconds += 1001
        let other = harness.text("A2.DIGEST")
        harness.session.pointee.database = 1
        _ = harness("DEL", "n")
        #expect(harness.text("A2.DIGEST") == empty)
        #expect(other != empty)
    }

    @Test("Partitions and buckets add up to the whole")
    func sums() {
        let harness = NodeHarness()
        for index in 0..<300 { _ = harness("SET", "key:\(index)", "\(index)") }
        func sum(_ texts: [String]) -> UInt128 {
            texts.reduce(0) { total, text in
                var value: UInt128 = 0
                for index in stride(from: 30, through: 0, by: -2) {
                    let start = text.index(text.startIndex, offsetBy: index)
                    value = value << 8 | (UInt128(text[start..<text.index(start, offsetBy: 2)], radix: 16) ?? 0)
                }
                return total &+ value
            }
        }
        let whole = sum([harness.text("A2.DIGEST")])
        #expect(sum((0..<256).map { harness.text("A2.DIGEST", "\($0)") }) == whole)
        let partition = Array("key:1".utf8).withView { Slots.partition(of: $0) }
        #expect(
            sum((0..<64).map { harness.text("A2.DIGEST", "\(partition)", "\($0)") })
                == sum([harness.text("A2.DIGEST", "\(partition)")]))
        #expect(harness("A2.DIGEST", "256") == "-ERR partition must be between 0 and 255")
        #expect(harness("A2.DIGEST", "0", "x") == "-ERR syntax error")
    }

    @Test("A2.EXPORT wants a partition, and grows with what is in it")
    func export() {
        let harness = NodeHarness()
        #expect(harness("A2.EXPORT", "256") == "-ERR partition must be between 0 and 255")
        #expect(harness("A2.EXPORT", "x") == "-ERR value is not an integer or out of range")
        let partition = Array("k".utf8).withView { Slots.partition(of: $0) }
        // The state itself is sent from where it was written; the reply's own bytes are what stands around it.
        func size() -> Int { Int(harness("A2.EXPORT", "\(partition)").dropFirst().prefix { $0.isNumber }) ?? -1 }
        let empty = size()
        _ = harness("SET", "k", String(repeating: "x", count: 1000))
        #expect(empty > 0 && size() > empty + 1000)
    }

    @Test("A2.META and A2.VERSIONS tell of the latest write")
    func meta() {
        let harness = NodeHarness()
        _ = harness("SET", "k", "value")
        let meta = harness("A2.META", "k")
        #expect(meta.hasPrefix("*28 $4 type $6 string $4 form $5 bytes $5 stamp $17 1800000000000+0@1"), "\(meta)")
        #expect(meta.contains("$11 value-bytes :5 "))
        let partition = Array("k".utf8).withView { Slots.partition(of: $0) }
        #expect(harness("A2.VERSIONS", "\(partition)") == "*2 $1 1 $17 1800000000000+0@1")
        #expect(harness("A2.VERSIONS") == "*2 :\(partition) *2 $1 1 $17 1800000000000+0@1")
        #expect(harness("A2.META", "nokey") == "$-1")
    }
}
