/// Commands at random, on few keys, so that they meet.
import Base

struct Workload {
    /// Two partitions; any command goes to any of these.
    static let keys = ["{a}c", "{a}d", "{a}s", "{a}m", "{b}c", "{b}m"].map { Array($0.utf8) }
    /// Only ever written together, by MULTI: whoever sees one sees the other.
    static let pair = ["{a}p1", "{a}p2"].map { Array($0.utf8) }
    static let partitions = [Slots.partition("{a}"), Slots.partition("{b}")]

    var random: SeededRandom
    var now: Int64 = 0

    mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }

    mutating func pick(_ words: [String]) -> String { words[random.below(words.count)] }

    private mutating func key() -> String { String(decoding: Self.keys[random.below(Self.keys.count)], as: UTF8.self) }

    mutating func command() -> [[UInt8]] {
        words().map { Array($0.utf8) }
    }

    private mutating func words() -> [String] {
        let key = key()
        let kind = key.last
        let die = random.below(100)
        if die < 12 { return read(key) }
        if die < 20 { return ["DEL", key] }
        if die < 30 {
            let moment = pick(["1", "3", "12", "40", "50000"])
            return chance(30) ? ["PERSIST", key] : ["PEXPIRE", key, moment]
        }
        if die < 35 {
            let other = self.key()
            // A copy onto itself is an error that the model need not know.
            if other == key { return ["TYPE", key] }
            return chance(50) ? ["RENAME", key, other] : ["COPY", key, other] + (chance(70) ? ["REPLACE"] : [])
        }
        if kind == "s" || kind == "m" && die < 62 {
            return [chance(60) ? "T.ADD" : "T.REM", key, pick(["x", "y", "z"])]
        }
        return die < 64 ? set(key) : change(key)
    }

    private mutating func read(_ key: String) -> [String] {
        switch random.below(6) {
        case 0, 1: ["GET", key]
        case 2: ["PTTL", key]
        case 3: ["EXISTS", key]
        case 4: ["STRLEN", key]
        default: ["T.ALL", key]
        }
    }

    private mutating func set(_ key: String) -> [String] {
        let value = chance(75) ? "\(100 + random.below(6))" : pick(["txt", "", "1.50", "00", "-7"])
        switch random.below(11) {
        case 10: return ["SET", key, value, "PXAT", "\(now + [-5, 0, 3, 30][random.below(4)])"]
        case 0: return ["SETNX", key, value]
        case 1: return ["GETSET", key, value]
        case 2: return ["GETDEL", key]
        case 3: return ["MSET", key, value, "{b}c", value]
        case 4: return ["SET", key, value, "KEEPTTL"]
        case 5, 6: return ["SET", key, value, "PX", pick(["1", "4", "20", "50000"])]
        case 7: return ["SET", key, value, chance(50) ? "NX" : "XX"]
        default: return ["SET", key, value]
        }
    }

    private mutating func change(_ key: String) -> [String] {
        switch random.below(10) {
        case 0..<4: return ["INCRBY", key, pick(["1", "2", "5", "-3"])]
        case 4: return [chance(50) ? "INCR" : "DECR", key]
        case 5: return ["INCRBYFLOAT", key, pick(["0.5", "1.25", "-2.75", "3"])]
        case 6, 7: return ["APPEND", key, pick(["a", "1", "."])]
        case 8: return ["SETRANGE", key, pick(["0", "1", "3"]), pick(["9", "Q"])]
        default: return ["SETBIT", key, "\(random.below(16))", chance(70) ? "1" : "0"]
        }
    }

    /// The commands of one MULTI.
    mutating func transaction() -> [[[UInt8]]] {
        if chance(25) {
            let names = Self.pair
            switch random.below(4) {
            case 0: return names.map { [Array("DEL".utf8), $0] }
            case 1:
                let value = Array("\(random.below(50))".utf8)
                return names.map { [Array("SET".utf8), $0, value] }
            default: return names.map { [Array("INCR".utf8), $0] }
            }
        }
        return (0..<1 + random.below(4)).map { _ in command() }
    }
}

extension Slots {
    static func partition(_ text: String) -> Int { Array(text.utf8).withView { partition(of: $0) } }
}
