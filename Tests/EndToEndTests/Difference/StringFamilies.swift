/// Strings, counters and bitmaps.
import Base

let stringFamilies: [CommandFamily] = [
    CommandFamily(110) { $0.set() },
    .exact(60) { words("GET") + [$0.key()] },
    .exact(8) { words("GETSET") + [$0.key(), $0.value()] },
    .exact(6) { words("GETDEL") + [$0.key()] },
    .exact(16) { $0.getEx() },
    .exact(14) { words($0.choose(["GETRANGE", "GETRANGE", "SUBSTR"])) + [$0.key(), $0.position(), $0.position()] },
    .exact(16) { words("SETRANGE") + [$0.key(), $0.writeOffset(60), $0.value()] },
    .exact(3) { words("SETRANGE") + [$0.key(), words("536870911")[0], []] },
    .exact(2) { words("SETRANGE") + [$0.key(), words($0.choose(["536870911", "536870912"]))[0], words("xy")[0]] },
    .exact(14) { words("STRLEN") + [$0.key()] },
    .exact(20) { words("APPEND") + [$0.key(), $0.value()] },
    .exact(8) { words("SETNX") + [$0.key(), $0.value()] },
    .exact(6) { words("SETEX") + [$0.key(), $0.seconds(), $0.value()] },
    .exact(6) { words("PSETEX") + [$0.key(), $0.milliseconds(), $0.value()] },
    .exact(14) { words("MGET") + $0.keys() },
    .exact(8) { words("MSET") + $0.pairs() },
    .exact(5) { words("MSETNX") + $0.pairs() },
    .exact(30) { words($0.choose(["INCR", "DECR"])) + [$0.key()] },
    .exact(24) { words($0.choose(["INCRBY", "DECRBY"])) + [$0.key(), $0.increment()] },
    .compared(16, .float) { generator in
        let step = generator.chance(10) ? generator.oddNumber() : generator.float()
        return words("INCRBYFLOAT") + [generator.key(), step]
    },
    .exact(12) { $0.longestCommonSubsequence() },
]

let bitmapFamilies: [CommandFamily] = [
    .exact(14) { words("SETBIT") + [$0.key(), $0.bitOffset(), $0.integer(0...1)] },
    .exact(2) {
        words("SETBIT") + [$0.key(), words($0.choose(["4294967296", "-1", "4294967297"]))[0], $0.integer(0...2)]
    },
    .exact(12) { words("GETBIT") + [$0.key(), $0.integer(0...400)] },
    .exact(16) { $0.bitCount() },
    .exact(14) { $0.bitPosition() },
    .exact(14) { $0.bitOperation() },
    .exact(18) { $0.bitField() },
    .exact(6) { $0.bitFieldReadOnly() },
]

extension CommandGenerator {
    fileprivate mutating func set() -> [Item] {
        var options: [Command] = []
        if chance(15) { options.append(words(choose(["NX", "XX", "nx", "Xx"]))) }
        if chance(15) { options.append(words("GET")) }
        var isPast = false
        if chance(25) {
            switch random.below(6) {
            case 0: options.append(words("EX") + [seconds()])
            case 1: options.append(words("PX") + [milliseconds()])
            case 2: options.append(words("EXAT") + [unixSeconds()])
            case 3: options.append(words("PXAT") + [unixMilliseconds()])
            case 4: options.append(words("KEEPTTL"))
            default:
                options.append(words(choose(["PXAT 1", "EXAT 1", "PXAT 1000"])))
                isPast = true
            }
        }
        if chance(2) {
            options.append(words(choose(["NX", "XX", "KEEPTTL", "EX 5000000", "EX", "nosuch", "PX", "GET"])))
        }
        let key = self.key()
        let item = Item(command: words("SET") + [key, value()] + shuffled(options))
        // Until something looks at it, an expired key still counts in redis' DBSIZE.
        return isPast ? [item, Item(command: words("EXISTS") + [key], isTied: true)] : [item]
    }

    fileprivate mutating func getEx() -> Command {
        let start = words("GETEX") + [key()]
        return switch random.below(8) {
        case 0: start
        case 1: start + words("EX") + [seconds()]
        case 2: start + words("PX") + [milliseconds()]
        case 3: start + words("EXAT") + [unixSeconds()]
        case 4: start + words("PXAT") + [unixMilliseconds()]
        case 5: start + words("PERSIST")
        case 6: start + words(choose(["EXAT 1", "PXAT 1", "PERSIST EX 5000000", "EX", "KEEPTTL", "nosuch", "NX"]))
        default: start + words("persist")
        }
    }

    fileprivate mutating func pairs() -> Command {
        var pairs: Command = []
        for _ in 0..<1 + random.below(4) { pairs += [key(), value()] }
        if chance(3) { pairs.removeLast() }
        return pairs
    }

    fileprivate mutating func increment() -> [UInt8] {
        switch random.below(20) {
        case 0: oddNumber()
        case 1: number(wideInteger())
        case 2: float()
        default: number(random.below(2000) - 1000)
        }
    }

    fileprivate mutating func longestCommonSubsequence() -> Command {
        var options: [Command] = []
        switch random.below(6) {
        case 0: break
        case 1: options.append(words("LEN"))
        case 2: options = [words("IDX"), words("LEN")]
        default:
            options.append(words("IDX"))
            if chance(50) { options.append(words("MINMATCHLEN") + [integer(-1...6)]) }
            if chance(50) { options.append(words("WITHMATCHLEN")) }
        }
        if chance(3) {
            options.append(words(choose(["nosuch", "MINMATCHLEN", "GET", "MINMATCHLEN 2", "WITHMATCHLEN"])))
        }
        return words("LCS") + [key(), key()] + shuffled(options)
    }

    fileprivate mutating func bitCount() -> Command {
        let start = words("BITCOUNT") + [key()]
        return switch random.below(6) {
        case 0, 1: start
        case 2: start + [position(), position()]
        case 3: start + [position(), position()] + words("BYTE")
        case 4: start + [position(), position()] + words("bit")
        default: start + [position()] + words(choose(["", "1 BITS", "3 BIT x", "2 BYTE", "5 bIt"]))
        }
    }

    fileprivate mutating func bitPosition() -> Command {
        let start = words("BITPOS") + [key(), chance(5) ? integer(-1...3) : number(random.below(2))]
        return switch random.below(6) {
        case 0, 1: start
        case 2: start + [position()]
        case 3: start + [position(), position()]
        case 4: start + [position(), position()] + words(choose(["BIT", "BYTE"]))
        default: start + [position(), position()] + words(choose(["bit", "BITS", "BYTE x", "byte"]))
        }
    }

    fileprivate mutating func bitOperation() -> Command {
        let operation = words(choose(["AND", "OR", "XOR", "NOT", "and", "Not", "NAND"]))
        let isNot = operation[0].count == 3 && operation[0][0] | 0x20 == 110 && operation[0][1] | 0x20 == 111
        return words("BITOP") + operation + [key()] + (isNot && !chance(10) ? [key()] : keys())
    }

    private mutating func fieldType() -> [UInt8] {
        if chance(5) { return Array(choose(["u64", "i65", "i0", "u0", "x8", "i", "", "u-1", "I8", "i08"]).utf8) }
        return chance(50) ? Array("u\(1 + random.below(63))".utf8) : Array("i\(1 + random.below(64))".utf8)
    }

    private mutating func fieldOffset() -> [UInt8] {
        switch random.below(40) {
        case 0: oddNumber()
        case 1: Array(choose(["-1", "#-1", "#", "4294967296", "#abc", "4294967295000"]).utf8)
        case 2..<15: Array("#\(random.below(8))".utf8)
        default: number(random.below(200))
        }
    }

    private mutating func fieldValue() -> [UInt8] {
        switch random.below(20) {
        case 0: oddNumber()
        case 1..<8: number(wideInteger())
        default: number(random.below(600) - 300)
        }
    }

    private mutating func fieldGet() -> Command { words("GET") + [fieldType(), fieldOffset()] }

    fileprivate mutating func bitField() -> Command {
        var command = words("BITFIELD") + [key()]
        for _ in 0..<random.below(4) {
            switch random.below(8) {
            case 0, 1: command += fieldGet()
            case 2, 3: command += words("SET") + [fieldType(), fieldOffset(), fieldValue()]
            case 4, 5: command += words(choose(["INCRBY", "incrby"])) + [fieldType(), fieldOffset(), fieldValue()]
            case 6: command += words(choose(["OVERFLOW WRAP", "OVERFLOW SAT", "OVERFLOW FAIL", "overflow sat"]))
            default:
                if chance(10) {
                    command += words(choose(["OVERFLOW nosuch", "OVERFLOW", "GET", "GET u8", "SET u8 0", "nosuch"]))
                }
            }
        }
        return command
    }

    fileprivate mutating func bitFieldReadOnly() -> Command {
        var command = words("BITFIELD_RO") + [key()]
        for _ in 0..<random.below(3) { command += fieldGet() }
        if chance(10) { command += words(choose(["SET u8 0 1", "INCRBY u8 0 1", "OVERFLOW SAT", "nosuch"])) }
        return command
    }
}
