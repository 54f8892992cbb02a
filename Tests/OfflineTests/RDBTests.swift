/// Dumps: what is written is read, everything else is stepped over, damage is told, and lengths that lie cost nothing.
import Base
import Foundation
import TestSupport
import Testing

@testable import Offline

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A dump without a checksum, of `body`.
private func dump(_ body: [UInt8], magic: String = "REDIS0011") -> [UInt8] {
    bytes(magic) + body + [0xFF] + [UInt8](repeating: 0, count: 8)
}

private func read(_ dump: [UInt8]) throws(ToolFailure) -> [String] {
    try dump.withView { (view) throws(ToolFailure) in
        let reader = try RDBReader(ByteSource(view, name: "dump"))
        var found: [String] = []
        while let item = try reader.next() {
            let name = reader.name.view.string
            switch item {
            case .string:
                found.append("\(reader.database) \(name)=\(reader.value.view.string) \(reader.deadline ?? -1)")
            case .skipped(let type): found.append("\(reader.database) \(name) \(type)")
            }
        }
        return found
    }
}

private func string(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + bytes(text) }

private let otherTypes: [(type: UInt8, value: [UInt8], name: String, magic: String)] = {
    let one = string("a")
    let redis = "REDIS0011"
    let id = [UInt8](repeating: 7, count: 16)
    let time = [UInt8](repeating: 1, count: 8)
    let listpacks: [UInt8] = [1] + string("0123456789abcdef") + string("pack")
    let pending: [UInt8] = [1] + id + time + [2]
    func group(_ read: [UInt8], _ times: [UInt8]) -> [UInt8] {
        [1] + string("g") + [1, 2] + read + pending + [1] + string("c") + times + [1] + id
    }
    return [
        (1, [2] + one + one, "list", redis), (2, [1] + one, "set", redis), (4, [1] + one + one, "hash", redis),
        (3, [3] + one + [3] + bytes("1.5") + one + [254] + one + [253], "sorted set", redis),
        (5, [1] + one + time, "sorted set", redis), (9, one, "hash", redis), (10, one, "list", redis),
        (11, one, "set", redis), (12, one, "sorted set", redis), (13, one, "hash", redis),
        (14, [2] + one + one, "list", redis), (16, one, "hash", redis), (17, one, "sorted set", redis),
        (18, [2, 2] + one + [1] + one, "list", redis), (20, one, "set", redis),
        (7, [0x81] + time + [1, 5, 2, 6, 3, 0, 0, 0, 0, 4] + time + [5] + one + [0], "module value", redis),
        (15, listpacks + [1, 2, 3] + group([], time), "stream", redis),
        (19, listpacks + [1, 2, 3, 1, 1, 0, 0, 9] + group([4], time), "stream", redis),
        (21, listpacks + [1, 2, 3, 1, 1, 0, 0, 9] + group([4], time + time), "stream", redis),
        (24, time + [1, 5] + one + one, "hash", "REDIS0012"), (25, time + one, "hash", "REDIS0012"),
        (22, [1] + one + one + time, "hash", "VALKEY080"),
    ]
}()

@Suite struct RDBTests {
    @Test("Every encoding of a string, with deadlines, databases and what stands between keys")
    func strings() throws {
        var body: [UInt8] = [0xFA] + string("redis-ver") + string("7.2.0")
        body += [0xFE, 0x00, 0xFB, 0x40, 0x80, 0x01]
        body += [0x00] + string("raw") + string("value")
        body += [0xFD, 0x10, 0x00, 0x00, 0x00, 0x00] + string("seconds") + string("v")
        body += [0xFC, 1, 2, 0, 0, 0, 0, 0, 0, 0x00] + string("millis") + [0xC0, 0xF4]
        body += [0xF8, 0x05, 0x00] + string("idle") + [0xC1, 0x10, 0x27]
        body += [0xF9, 0x05, 0x00] + string("freq") + [0xC2, 0, 0, 0, 0x80]
        body += [0xFE, 0x0F, 0x00] + string("long") + [0x80, 0, 0, 0, 2] + bytes("ab")
        body += [0x00] + string("longer") + [0x81, 0, 0, 0, 0, 0, 0, 0, 2] + bytes("cd")
        // One literal, then a copy of eight from a distance of one.
        body += [0x00] + string("lzf") + [0xC3, 0x05, 0x0A, 0x00, 0x61, 0xE0, 0x00, 0x00]
        #expect(
            try read(dump(body)) == [
                "0 raw=value -1", "0 seconds=v 16000", "0 millis=-12 513", "0 idle=10000 -1", "0 freq=-2147483648 -1",
                "15 long=ab -1", "15 longer=cd -1", "15 lzf=aaaaaaaaaa -1",
            ])
    }

    @Test("Every other type is stepped over to its end", arguments: otherTypes)
    func others(type: UInt8, value: [UInt8], name: String, magic: String) throws {
        let body = [type] + string("k") + value + [0x00] + string("behind") + string("v")
        #expect(try read(dump(body, magic: magic)) == ["0 k \(name)", "0 behind=v -1"])
    }

    @Test("What is no dump, or one of a version to come, is refused in words")
    func refusals() {
        func refusal(_ bytes: [UInt8]) -> String {
            do throws(ToolFailure) {
                return "\(try read(bytes))"
            } catch {
                #expect(error.status == 5)
                return error.description
            }
        }
        #expect(refusal(bytes("hello, world")) == "dump is no dump of Redis or Valkey")
        #expect(refusal(dump([], magic: "REDIS0099")).contains("version 99, where this build reads up to 12"))
        #expect(refusal(dump([8] + string("k"))).contains("a value of type 8, which this build does not know"))
        #expect(refusal(dump([0] + string("k") + [0xC4])).contains("unknown encoding 4"))
        // Gigabytes that are not there are never made room for.
        #expect(refusal(dump([0] + string("k") + [0x81, 0, 0, 0, 0, 0x1F, 0, 0, 0])).contains("ends at byte"))
        #expect(refusal(dump([0] + string("k") + [0x80, 0xFF, 0xFF, 0xFF, 0xFF])).contains("Redis' limit"))
        #expect(refusal(dump([0] + string("k") + [0xC3, 1, 0x80, 0x1F, 0, 0, 0, 0])).contains("does not expand"))
    }

    @Test("A dump that was written reads the same, and no damage to it goes unnoticed", arguments: 9...11)
    func writing(version: Int) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("dump.rdb")
        let writer = try RDBWriter(
            ByteTarget(path: path, keepsChecksum: true), version: version, nowMilliseconds: 1_800_000_000_000)
        func write(_ name: String, _ value: String, _ database: Int, _ deadline: Int64?) throws {
            try bytes(name).withView { name in
                try bytes(value).withView { try writer.string(name, $0, database: database, deadline: deadline) }
            }
        }
        try write("a", "12", 0, nil)
        try write("b", String(repeating: "xyz", count: 300), 3, 1_900_000_000_000)
        try write("", "", 3, nil)
        try writer.finish()
        let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let expected = ["0 a=12 -1", "3 b=\(String(repeating: "xyz", count: 300)) 1900000000000", "3 = -1"]
        func readFile() throws -> [String] {
            let reader = try RDBReader(ByteSource(path: path, keepsChecksum: true))
            var found: [String] = []
            while try reader.next() != nil {
                found.append(
                    "\(reader.database) \(reader.name.view.string)=\(reader.value.view.string) \(reader.deadline ?? -1)"
                )
            }
            #expect(reader.isChecksummed)
            return found
        }
        #expect(try readFile() == expected)
        for index in good.indices {
            var damaged = good
            damaged[index] ^= 1
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            #expect(throws: ToolFailure.self, "byte \(index)") { _ = try readFile() }
        }
    }

    @Test("Whatever the bytes, reading ends")
    func fuzz() throws {
        var seeds = otherTypes.map { [$0.type] + string("k") + $0.value }
        seeds.append(
            [0xFC, 1, 2, 0, 0, 0, 0, 0, 0, 0x00] + string("lzf") + [0xC3, 0x05, 0x0A, 0x00, 0x61, 0xE0, 0, 0])
        let rounds = TestEnvironment.integer("A2_FUZZ_ROUNDS") ?? 3000
        let seed = UInt64(TestEnvironment.integer("A2_FUZZ_SEED") ?? 42)
        var random = SeededRandom(seed: seed)
        var refused = 0
        for round in 0..<rounds {
            var body = seeds[random.below(seeds.count)] + seeds[random.below(seeds.count)]
            for _ in 0..<1 + random.below(4) {
                switch random.below(3) {
                case 0: body[random.below(body.count)] = UInt8(random.below(256))
                case 1: body.insert(UInt8(random.below(256)), at: random.below(body.count))
                default: if body.count > 1 { body.remove(at: random.below(body.count)) }
                }
            }
            do throws(ToolFailure) { _ = try read(dump(body)) } catch {
                refused += 1
                #expect(error.status == 5, "seed \(seed), round \(round): \(error)")
            }
        }
        #expect(refused > rounds / 4)
    }
}
