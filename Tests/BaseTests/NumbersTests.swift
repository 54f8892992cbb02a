/// Numbers in text, hash slots and varints.
import Base
import Testing

@Suite struct NumbersTests {
    @Test("Every integer Redis would store as one reads back as itself")
    func canonicalIntegers() {
        var random = SeededRandom(seed: 7)
        var values: [Int64] = [0, 1, -1, 9, 10, 99, 100, .max, .min, .max - 1, .min + 1]
        for _ in 0..<10_000 { values.append(Int64(truncatingIfNeeded: random.next()) >> Int64(random.below(64))) }
        for value in values {
            var buffer = ByteBuffer()
            buffer.append(decimal: value)
            #expect(buffer.view.string == String(value))
            #expect(buffer.view.canonicalInteger == value)
            #expect(decimalLength(value) == buffer.count)
        }
    }

    @Test(
        "What is not a canonical integer is not an integer",
        arguments: [
            "", "-", "-0", "+1", "01", "-01", " 1", "1 ", "1.0", "1e3", "9223372036854775808", "-9223372036854775809",
            "99999999999999999999", "999999999999999999999", "a", "1a",
        ])
    func notIntegers(_ text: String) {
        #expect(Array(text.utf8).withView { $0.canonicalInteger } == nil)
    }

    @Test("Slots are Redis Cluster's")
    func slots() {
        // From CLUSTER KEYSLOT of a redis-server.
        for (key, slot) in [
            ("foo", 12182), ("bar", 5061), ("{user1000}.following", 3443), ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015), ("", 0), ("123456789", 12739),
        ] {
            #expect(Array(key.utf8).withView { Slots.slot(of: $0) } == slot)
        }
    }

    @Test("Varints read back, and only in their shortest spelling")
    func varints() {
        var random = SeededRandom(seed: 9)
        for _ in 0..<10_000 {
            let value = random.next() >> UInt64(random.below(64))
            var buffer = ByteBuffer()
            buffer.append(varint: value)
            var reader = ByteReader(buffer.view)
            #expect(reader.varint() == value)
            #expect(reader.isValid && reader.isAtEnd)
        }
        for bad in [[0x80, 0x00], [0xFF], Array(repeating: 0xFF, count: 11)] as [[UInt8]] {
            bad.withView {
                var reader = ByteReader($0)
                _ = reader.varint()
                #expect(!reader.isValid)
            }
        }
    }
}
