/// Where the generator takes keys, values, numbers and deadlines from.
import Base

extension CommandGenerator {
    static let plainKeys: [[UInt8]] = (0..<12).map { Array("k\($0)".utf8) }
    static let oddKeys: [[UInt8]] = [
        [], [0, 255, 13, 10, 36], Array("key with space".utf8), Array("{tag}a".utf8), Array("{tag}b".utf8),
        Array("a*b[c]?".utf8), Array(repeating: 0x6B, count: 100), Array("\"quoted'".utf8), Array("12".utf8),
    ]

    static let allKeys = Set(plainKeys + oddKeys)

    mutating func key() -> [UInt8] {
        if chance(12) { return choose(CommandGenerator.oddKeys) }
        // The lower of two: some keys are much more popular than others.
        let count = CommandGenerator.plainKeys.count
        return CommandGenerator.plainKeys[min(random.below(count), random.below(count))]
    }

    mutating func keys(_ limit: Int = 4) -> Command {
        let count = 1 + random.below(limit)
        return (0..<count).map { _ in key() }
    }

    mutating func value() -> [UInt8] {
        switch random.below(100) {
        case 0..<30: return number(random.below(220) - 20)
        case 30..<38: return number(wideInteger())
        case 38..<48: return float()
        case 48..<54: return oddNumber()
        case 54..<80: return letters(random.below(12))
        case 80..<93: return bytes(1 + random.below(45))
        case 93..<98: return letters(45 + random.below(300))
        case 98: return bytes(45 + random.below(300))
        default: return letters(1000 + random.below(2000))
        }
    }

    func number<Number: BinaryInteger>(_ value: Number) -> [UInt8] { Array(String(value).utf8) }

    mutating func wideInteger() -> Int64 { Int64(truncatingIfNeeded: random.next()) >> Int64(random.below(64)) }

    /// Few letters, so that LCS and patterns have something to find.
    mutating func letters(_ count: Int) -> [UInt8] { (0..<count).map { _ in 97 + UInt8(random.below(4)) } }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    mutating func float() -> [UInt8] {
        let text = choose([
            "3.14", "0.1", "-0.5", "1e3", "5.0e3", "-2.5e-3", "100.25", "1e17", "1e-10", "2e20", "0.30000000000000004",
            "10", "-7", ".5", "1.", "123456789.987654321", "-0.0", "17179869184.5",
        ])
        return Array(text.utf8)
    }

    mutating func oddNumber() -> [UInt8] {
        let text = choose([
            "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809",
            "18446744073709551615", "18446744073709551616", "", " 1", "1 ", "+1", "01", "-0", "0x10", "1.0", "1e",
            "nan",
            "NaN", "inf", "-inf", "infinity", "1e5000", "abc", "-", "99999999999999999999999", "9223372036854775800",
            "1e400", "1,5",
        ])
        return Array(text.utf8)
    }

    /// Mostly a usable integer, sometimes not.
    mutating func integer(_ range: ClosedRange<Int>) -> [UInt8] {
        if chance(4) { return oddNumber() }
        return number(range.lowerBound + random.below(range.upperBound - range.lowerBound + 1))
    }

    /// Positions in a string, counted from either end.
    mutating func position() -> [UInt8] {
        switch random.below(20) {
        case 0: oddNumber()
        case 1: number(wideInteger())
        case 2..<8: number(-1 - random.below(12))
        case 8: number(random.below(3000))
        default: number(random.below(14))
        }
    }

    /// Offsets that a write may go to: small ones, and ones beyond the limit, which fail. Those between would
    /// allocate up to 512 MB.
    mutating func writeOffset(_ limit: Int) -> [UInt8] {
        switch random.below(100) {
        case 0: oddNumber()
        case 1: Array("536870912".utf8)
        case 2: Array("-1".utf8)
        case 3: Array("4294967296".utf8)
        case 4: number(random.below(limit * 10))
        default: number(random.below(limit))
        }
    }

    /// The same for bits, of which eight times as many fit.
    mutating func bitOffset() -> [UInt8] {
        switch random.below(100) {
        case 0: oddNumber()
        case 1: Array(choose(["4294967296", "-1", "4294967297"]).utf8)
        case 2: number(random.below(20_000))
        default: number(random.below(400))
        }
    }

    // Deadlines: any two are far enough apart that the few milliseconds between the servers cannot matter.

    mutating func seconds() -> [UInt8] {
        chance(5) ? oddDeadline() : number(1000 + random.below(100_000_000))
    }

    mutating func milliseconds() -> [UInt8] {
        chance(5) ? oddDeadline() : number(1_000_000 + random.below(100_000_000_000))
    }

    mutating func unixSeconds() -> [UInt8] {
        chance(5) ? oddDeadline() : number(2_300_000_000 + random.below(1_000_000_000))
    }

    mutating func unixMilliseconds() -> [UInt8] {
        chance(5) ? oddDeadline() : number(2_300_000_000_000 + random.below(1_000_000_000_000))
    }

    /// Deadlines that fail, and ones that lie in the past.
    mutating func oddDeadline() -> [UInt8] {
        let text = choose([
            "0", "-1", "-100", "9223372036854775807", "9223372036854775806", "-9223372036854775808",
            "9223372036854775808", "9223372036854775", "abc", "", "1.5", "1e3", " 10", "-9223372036854775",
            "4611686018427387",
        ])
        return Array(text.utf8)
    }

    mutating func database() -> [UInt8] {
        chance(4)
            ? Array(choose(["16", "-1", "abc", "", "99999999999999999999", "1.0", "2147483648"]).utf8)
            : number(random.below(3))
    }

    mutating func pattern() -> [UInt8] {
        let text = choose([
            "*", "k*", "k?", "k1?", "k[0-5]", "k[^3]", "k[a-z]", "*1*", "{tag}*", "[k]*", "k\\*", "a\\*b*", "", "??",
            "*a*b*",
            "k[5-0]", "k[", "k[1", "\\", "***", "*[*", "k[\\1]", "nosuch", "K*", "[^k]*", "k[]", "k[^]", "k[1-]",
        ])
        return Array(text.utf8)
    }

    /// Up to all of `options`, each with its arguments, in any order.
    mutating func shuffled(_ options: [Command]) -> Command {
        var options = options
        for index in stride(from: options.count - 1, to: 0, by: -1) {
            options.swapAt(index, random.below(index + 1))
        }
        return options.flatMap { $0 }
    }
}
