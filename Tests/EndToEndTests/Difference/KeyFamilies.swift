/// Keys, deadlines and payloads.
import Base

let keyFamilies: [CommandFamily] = [
    .exact(22) { words($0.choose(["DEL", "UNLINK"])) + $0.keys(3) },
    .exact(16) { words($0.choose(["EXISTS", "TOUCH"])) + $0.keys() },
    .exact(8) { words("TYPE") + [$0.key()] },
    .compared(6, .unordered) { words("KEYS") + [$0.pattern()] },
    CommandFamily(6) { $0.scan() },
    .compared(2, .type) { _ in words("RANDOMKEY") },
    .exact(12) { words($0.choose(["RENAME", "RENAMENX"])) + [$0.key(), $0.key()] },
    .exact(12) { $0.copy() },
    .exact(8) { words("MOVE") + [$0.key(), $0.database()] },
    .exact(40) { $0.expire() },
    .compared(10, .near(2)) { words("TTL") + [$0.key()] },
    .compared(10, .near(2000)) { words("PTTL") + [$0.key()] },
    .compared(8, .near(2)) { words("EXPIRETIME") + [$0.key()] },
    .compared(8, .near(2000)) { words("PEXPIRETIME") + [$0.key()] },
    .exact(10) { words("PERSIST") + [$0.key()] },
    .compared(6, .encoding) { words("OBJECT ENCODING") + [$0.key()] },
    .compared(2, .shape) { words("OBJECT REFCOUNT") + [$0.key()] },
    .compared(3, .near(5)) { words("OBJECT IDLETIME") + [$0.key()] },
    .exact(2) { words("OBJECT FREQ") + [$0.key()] },
    .exact(1) { words("OBJECT nosuch") + [$0.key()] },
    .compared(1, .type) { words($0.choose(["OBJECT HELP", "object help"])) },
    .compared(5, .payload) { words("DUMP") + [$0.key()] },
    .exact(12) { $0.restore() },
    .exact(10) { _ in words("DBSIZE") },
    .exact(1) { words($0.choose(["FLUSHDB", "FLUSHDB ASYNC", "FLUSHDB SYNC", "FLUSHDB nosuch", "FLUSHDB ASYNC x"])) },
    .exact(1) { words($0.choose(["FLUSHALL nosuch", "FLUSHALL SYNC x", "FLUSHALL async", "FLUSHALL nosuch"])) },
]

extension CommandGenerator {
    fileprivate mutating func scan() -> [Item] {
        if chance(25) {
            let text = choose([
                "SCAN abc", "SCAN 0 COUNT 0", "SCAN 0 COUNT -1", "SCAN 0 COUNT abc", "SCAN 0 MATCH", "SCAN 0 nosuch 1",
                "SCAN 1.5", "SCAN 18446744073709551616", "SCAN 0 COUNT", "SCAN 0 COUNT 99999999999999999999",
            ])
            return [Item(command: words(text))]
        }
        var options: [Command] = [words("COUNT 100000")]
        if chance(40) { options.append(words("MATCH") + [pattern()]) }
        if chance(20) { options.append(words(choose(["TYPE string", "TYPE list", "TYPE nosuch", "type STRING"]))) }
        return [Item(command: words("SCAN 0") + shuffled(options), comparison: .unorderedAt(1))]
    }

    fileprivate mutating func copy() -> Command {
        var options: [Command] = []
        if chance(40) { options.append(words("DB") + [database()]) }
        if chance(40) { options.append(words("REPLACE")) }
        if chance(3) { options.append(words(choose(["nosuch", "DB", "REPLACE"]))) }
        return words("COPY") + [key(), key()] + shuffled(options)
    }

    fileprivate mutating func expire() -> Command {
        let name = choose(["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"])
        let deadline =
            switch name {
            case "EXPIRE": seconds()
            case "PEXPIRE": milliseconds()
            case "EXPIREAT": unixSeconds()
            default: unixMilliseconds()
            }
        var options: [Command] = []
        if chance(40) { options.append(words(choose(["NX", "XX", "GT", "LT", "gt", "lT"]))) }
        if chance(4) { options.append(words(choose(["NX", "XX", "GT", "LT", "nosuch", "EX"]))) }
        return words(name) + [key(), deadline] + shuffled(options)
    }

    fileprivate mutating func restore() -> Command {
        var options: [Command] = []
        if chance(60) { options.append(words("REPLACE")) }
        var deadline = chance(60) ? number(0) : milliseconds()
        if chance(20) {
            options.append(words("ABSTTL"))
            deadline = chance(10) ? number(1) : unixMilliseconds()
        }
        if chance(5) { options.append(words("IDLETIME") + [integer(-1...100)]) }
        if chance(5) { options.append(words("FREQ") + [integer(-1...300)]) }
        if chance(3) { options.append(words(choose(["nosuch", "IDLETIME", "FREQ", "IDLETIME 1", "FREQ 1"]))) }
        var payload = StringPayload.encode(chance(70) ? value() : letters(12), style: random.below(5))
        if chance(15) { payload = damaged(payload) }
        return words("RESTORE") + [key(), deadline, payload] + shuffled(options)
    }

    private mutating func damaged(_ payload: [UInt8]) -> [UInt8] {
        var payload = payload
        switch random.below(6) {
        case 0: payload[random.below(payload.count)] ^= UInt8(1 + random.below(255))
        case 1: payload.removeLast(1 + random.below(payload.count))
        case 2: payload = []
        case 3: payload = StringPayload.sealed([0, 0xC3, 5, 9, 1, 2, 3, 4, 5])
        case 4: payload = StringPayload.sealed([200, 1, 65])
        default: payload = StringPayload.sealed([0, 1, 65], version: 1000)
        }
        return payload
    }
}

/// DUMP payloads of strings, made by hand: type, string encoding, version, CRC-64.
enum StringPayload {
    /// RDB version 10 is Redis 7.0's.
    static func sealed(_ body: [UInt8], version: UInt16 = 10) -> [UInt8] {
        let bytes = body + [UInt8(version & 0xFF), UInt8(version >> 8)]
        let sum = crc64(bytes)
        return bytes + (0..<8).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) }
    }

    /// The ways RDB writes a string: with each form of length, as an integer, as LZF.
    static func encode(_ value: [UInt8], style: Int) -> [UInt8] {
        switch style {
        case 0: return sealed([0] + length(value.count) + value)
        case 1: return sealed([0, 0x80] + bigEndian(UInt64(value.count), 4) + value)
        case 2: return sealed([0, 0x81] + bigEndian(UInt64(value.count), 8) + value)
        case 3:
            let number = Int32(truncatingIfNeeded: value.reduce(0) { $0 &* 31 &+ Int($1) })
            switch value.count % 3 {
            case 0: return sealed([0, 0xC0, UInt8(truncatingIfNeeded: number)])
            case 1: return sealed([0, 0xC1] + (0..<2).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
            default: return sealed([0, 0xC2] + (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
            }
        default:
            // Two literal bytes, then a copy of nine from one byte back.
            let head = [value.first ?? 97, value.last ?? 98]
            let packed = [1] + head + [7 << 5, 0, 0]
            return sealed([0, 0xC3] + length(packed.count) + length(11) + packed)
        }
    }

    private static func length(_ count: Int) -> [UInt8] {
        if count < 64 { return [UInt8(count)] }
        if count < 16384 { return [0x40 | UInt8(count >> 8), UInt8(count & 0xFF)] }
        return [0x80] + bigEndian(UInt64(count), 4)
    }

    private static func bigEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }

    /// CRC-64 Jones, reflected, starting from zero.
    private static func crc64(_ bytes: [UInt8]) -> UInt64 {
        var sum: UInt64 = 0
        for byte in bytes { sum = crcTable[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8 }
        return sum
    }

    private static let crcTable: [UInt64] = (0..<256).map { index in
        (0..<8).reduce(UInt64(index)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x95AC_9329_AC4B_C9B5 : sum >> 1 }
    }
}
