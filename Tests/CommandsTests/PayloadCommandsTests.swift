/// Payloads written by a redis-server 7.0.15, and payloads nobody would write.
import Base
import Testing

@testable import Commands

@Suite struct PayloadCommandsTests {
    let redis = KeyCommandsHarness()

    private func command(_ words: String...) -> [[UInt8]] { words.map { Array($0.utf8) } }

    private func dump(_ key: String) -> [UInt8] {
        let reply = redis.run(command("DUMP", key))
        guard let line = reply.firstIndex(of: 10) else { return [] }
        return Array(reply[(line + 1)...].dropLast(2))
    }

    private func restore(_ key: String, _ payload: [UInt8], _ options: String...) -> String {
        let reply = redis.run(command("RESTORE", key, "0") + [payload] + options.map { Array($0.utf8) })
        return String(decoding: reply.dropLast(2), as: UTF8.self)
    }

    /// A body with a right footer.
    private func sealed(_ body: [UInt8], version: UInt16 = 10) -> [UInt8] {
        var payload = ByteBuffer()
        payload.append(body)
        payload.append(littleEndian: version)
        payload.append(littleEndian: crc64(payload.view))
        return payload.array
    }

    static let recorded: [(value: String, payload: [UInt8])] = [
        (
            "",
            [0, 0, 10, 0, 93, 155, 92, 64, 15, 127, 162, 218]
        ),
        (
            "a",
            [0, 1, 97, 10, 0, 191, 254, 239, 155, 143, 54, 125, 180]
        ),
        (
            "0",
            [0, 192, 0, 10, 0, 152, 64, 167, 120, 248, 80, 3, 8]
        ),
        (
            "-128",
            [0, 192, 128, 10, 0, 153, 102, 50, 109, 47, 12, 91, 217]
        ),
        (
            "127",
            [0, 192, 127, 10, 0, 13, 181, 235, 49, 82, 84, 197, 20]
        ),
        (
            "128",
            [0, 193, 128, 0, 10, 0, 235, 122, 179, 181, 16, 207, 75, 101]
        ),
        (
            "-32768",
            [0, 193, 0, 128, 10, 0, 181, 64, 6, 71, 83, 187, 26, 206]
        ),
        (
            "32768",
            [0, 194, 0, 128, 0, 0, 10, 0, 69, 216, 46, 237, 213, 189, 169, 16]
        ),
        (
            "2147483647",
            [0, 194, 255, 255, 255, 127, 10, 0, 44, 116, 229, 158, 224, 46, 173, 161]
        ),
        (
            "-2147483648",
            [0, 194, 0, 0, 0, 128, 10, 0, 199, 79, 135, 62, 51, 85, 129, 135]
        ),
        (
            "2147483648",
            [0, 10, 50, 49, 52, 55, 52, 56, 51, 54, 52, 56, 10, 0, 231, 177, 41, 163, 76, 29, 118, 238]
        ),
        (
            "9223372036854775807",
            [
                0, 19, 57, 50, 50, 51, 51, 55, 50, 48, 51, 54, 56, 53, 52, 55, 55, 53, 56, 48, 55, 10, 0, 58, 101, 126,
                148, 129, 232, 95, 34,
            ]
        ),
        (
            "007",
            [0, 3, 48, 48, 55, 10, 0, 114, 88, 226, 123, 76, 105, 186, 217]
        ),
        (
            "hello",
            [0, 5, 104, 101, 108, 108, 111, 10, 0, 99, 114, 223, 118, 101, 52, 32, 10]
        ),
        (
            "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dk",
            [
                0, 63, 33, 40, 47, 54, 61, 68, 75, 82, 89, 96, 103, 110, 117, 34, 41, 48, 55, 62, 69, 76, 83, 90, 97,
                104, 111, 118, 35, 42, 49, 56, 63, 70, 77, 84, 91, 98, 105, 112, 119, 36, 43, 50, 57, 64, 71, 78, 85,
                92, 99, 106, 113, 120, 37, 44, 51, 58, 65, 72, 79, 86, 93, 100, 107, 10, 0, 245, 100, 127, 252, 104,
                239, 112, 163,
            ]
        ),
        (
            "abcabcabcabcabcabcabc",
            [0, 195, 11, 21, 3, 97, 98, 99, 97, 224, 6, 2, 1, 98, 99, 10, 0, 2, 1, 113, 12, 142, 235, 249, 70]
        ),
        (
            String(repeating: "a", count: 100),
            [0, 195, 9, 64, 100, 1, 97, 97, 224, 87, 0, 1, 97, 97, 10, 0, 232, 163, 181, 7, 176, 109, 242, 113]
        ),
        (
            String(repeating: "hello world ", count: 60),
            [
                0, 195, 26, 66, 208, 12, 104, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100, 32, 104, 224, 255, 11,
                225, 255, 7, 225, 168, 7, 1, 100, 32, 10, 0, 222, 95, 181, 251, 106, 153, 148, 186,
            ]
        ),
        (
            "!Go?k?oG!W5oQ5u]G3!k]QG?953359?GQ]k!3G]u5Qo5W!Go?k?oG!W5oQ5u]G3!k]QG?9",
            [
                0, 195, 54, 64, 70, 31, 33, 71, 111, 63, 107, 63, 111, 71, 33, 87, 53, 111, 81, 53, 117, 93, 71, 51, 33,
                107, 93, 81, 71, 63, 57, 53, 51, 51, 53, 57, 63, 71, 13, 81, 93, 107, 33, 51, 71, 93, 117, 53, 81, 111,
                53, 87, 33, 224, 13, 44, 1, 63, 57, 10, 0, 73, 51, 223, 224, 115, 26, 43, 21,
            ]
        ),
    ]

    @Test("What Redis dumped is restored", arguments: recorded)
    func restoring(_ value: String, _ payload: [UInt8]) {
        #expect(restore("k", payload) == "+OK")
        #expect(redis("GET", "k") == "$\(value.utf8.count) \(value)".replacingTrailingSpace)
    }

    @Test("What is not compressed is dumped as Redis dumps it", arguments: recorded)
    func dumping(_ value: String, _ payload: [UInt8]) {
        guard payload[1] != 0xC3 else { return }
        #expect(redis("SET", "k", value) == "+OK")
        #expect(dump("k") == payload)
    }

    @Test func options() {
        #expect(redis("SET", "k", "hello") == "+OK")
        let payload = dump("k")
        #expect(restore("k", payload) == "-BUSYKEY Target key name already exists.")
        #expect(restore("k", payload, "replace") == "+OK")
        #expect(restore("n", payload, "foo") == "-ERR syntax error")
        #expect(restore("n", payload, "IDLETIME") == "-ERR syntax error")
        #expect(restore("n", payload, "IDLETIME", "1", "FREQ", "1") == "-ERR syntax error")
        #expect(restore("n", payload, "IDLETIME", "-1") == "-ERR Invalid IDLETIME value, must be >= 0")
        #expect(restore("n", payload, "FREQ", "256") == "-ERR Invalid FREQ value, must be >= 0 and <= 255")
        #expect(redis("RESTORE", "n", "-1", "x") == "-ERR Invalid TTL value, must be >= 0")
        #expect(redis("RESTORE", "n", "x", "x") == "-ERR value is not an integer or out of range")
        #expect(redis("RESTORE", "n", "0", "x") == "-ERR DUMP payload version or checksum are wrong")
        #expect(redis("EXISTS", "n") == ":0")
        redis.seconds = 1000
        #expect(restore("n", payload, "IDLETIME", "77") == "+OK")
        #expect(redis("OBJECT", "IDLETIME", "n") == ":77")
        redis.countsFrequency = true
        #expect(restore("n", payload, "FREQ", "200", "REPLACE") == "+OK")
        #expect(redis("OBJECT", "FREQ", "n") == ":200")
    }

    @Test func lifetimes() {
        #expect(redis("SET", "k", "hello") == "+OK")
        let payload = dump("k")
        func restored(_ lifetime: String, _ options: String...) -> [UInt8] {
            redis.run(command("RESTORE", "k", lifetime) + [payload] + options.map { Array($0.utf8) })
        }
        #expect(restored("5000", "REPLACE") == Array("+OK\r\n".utf8))
        #expect(redis("PTTL", "k") == ":5000")
        #expect(restored("1800000000001", "ABSTTL", "REPLACE") == Array("+OK\r\n".utf8))
        #expect(redis("PTTL", "k") == ":1")
        // Already over: the key that was there is gone, and no other takes its place.
        #expect(restored("1800000000000", "ABSTTL", "REPLACE") == Array("+OK\r\n".utf8))
        #expect(redis("EXISTS", "k") == ":0")
    }

    @Test func refused() {
        for body: [UInt8] in [
            [], [0], [1, 1, 65], [9, 0], [0, 5, 65], [0, 0xC0], [0, 0xC1, 1], [0, 0xC2, 1, 1, 1], [0, 0xC4, 1],
            [0, 0x82, 0], [0, 0x80, 0xFF, 0xFF, 0xFF, 0xFF], [0, 0x81] + [UInt8](repeating: 0xFF, count: 8),
            [0, 0xC3, 3, 0x80, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0, 0xC3, 1, 1, 0x20],
            [0, 0xC3, 2, 2, 0, 65],
        ] {
            #expect(restore("k", sealed(body)) == "-ERR Bad data format", "\(body)")
        }
        #expect(restore("k", sealed([0, 1, 65], version: 12)) == "-ERR DUMP payload version or checksum are wrong")
        #expect(redis("EXISTS", "k") == ":0")
        #expect(restore("k", sealed([0, 1, 65], version: 11)) == "+OK")
        // Redis does not mind what follows.
        #expect(restore("k", sealed([0, 1, 66, 1, 2, 3]), "REPLACE") == "+OK")
        #expect(redis("GET", "k") == "$1 B")
    }

    @Test("Values of every size come back from their payload")
    func roundTrip() {
        var random = SeededRandom(seed: 4)
        for length in [0, 1, 20, 21, 63, 64, 300, 16383, 16384, 70_000] {
            for letters in [1, 3, 256] {
                let value = (0..<length).map { _ in UInt8(random.below(letters)) }
                _ = redis.run(command("SET", "k") + [value])
                #expect(restore("copy", dump("k"), "REPLACE") == "+OK")
                #expect(redis.run(command("GET", "copy")) == redis.run(command("GET", "k")), "\(length) of \(letters)")
            }
        }
    }

    @Test("Whatever a payload says, RESTORE survives it")
    func fuzz() {
        var random = SeededRandom(seed: 3)
        var restored = 0
        for _ in 0..<10_000 {
            var body = Self.recorded[random.below(Self.recorded.count)].payload.dropLast(10).prefix(80)
            for _ in 0..<random.below(4) where !body.isEmpty {
                let index = random.below(body.count)
                switch random.below(3) {
                case 0: body[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: body[index] ^= 1 << UInt8(random.below(8))
                default: body = body.prefix(index)
                }
            }
            let reply = restore("k", sealed(Array(body)), "REPLACE")
            #expect(reply == "+OK" || reply == "-ERR Bad data format")
            if reply == "+OK" { restored += 1 }
        }
        #expect(restored > 1000)
    }
}

extension String {
    /// As the harness shows a reply that ends in an empty string.
    fileprivate var replacingTrailingSpace: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
