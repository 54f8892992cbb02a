/// Floating point numbers as Redis 7.2 spells them: whole numbers without a point, everything else in the
/// fewest digits that read back as the same number, an exponent only where the number would be long.
///
/// 7.0 printed seventeen digits (0.10000000000000001); 7.2's is the spelling people type.
import Base

extension ByteBuffer {
    public mutating func append(double value: Double) {
        if value.isNaN { return append("nan") }
        if value.isInfinite { return append(value < 0 ? "-inf" : "inf") }
        if value == 0 { return append(value.sign == .minus ? "-0" : "0") }
        // Beyond this a conversion to Int64 and back could be off.
        if value.magnitude <= 4_611_686_018_427_387_904, value == Double(Int64(value)) {
            return append(decimal: Int64(value))
        }
        if value < 0 { append(UInt8(ascii: "-")) }
        append(ShortestDigits(value.magnitude))
    }

    private mutating func append(_ shortest: ShortestDigits) {
        let count = shortest.count
        let power = shortest.power
        let exponent = power + count - 1
        if power >= 0, exponent < count + 7 {
            append(shortest, from: 0, to: count)
            appendZeros(power)
        } else if power < 0, power > -7 || exponent.magnitude < 4 {
            let wholeDigits = count + power
            if wholeDigits <= 0 {
                append("0.")
                appendZeros(-wholeDigits)
                append(shortest, from: 0, to: count)
            } else {
                append(shortest, from: 0, to: wholeDigits)
                append(UInt8(ascii: "."))
                append(shortest, from: wholeDigits, to: count)
            }
        } else {
            append(shortest, from: 0, to: 1)
            if count > 1 {
                append(UInt8(ascii: "."))
                append(shortest, from: 1, to: count)
            }
            append(UInt8(ascii: "e"))
            append(UInt8(ascii: exponent < 0 ? "-" : "+"))
            append(decimal: Int64(exponent.magnitude))
        }
    }

    private mutating func append(_ shortest: ShortestDigits, from first: Int, to end: Int) {
        for index in first..<end { append(shortest.digit(index)) }
    }

    private mutating func appendZeros(_ count: Int) {
        for _ in 0..<count { append(UInt8(ascii: "0")) }
    }
}

/// digits × 10^power, without leading or trailing zeros; taken from the standard library's spelling.
private struct ShortestDigits {
    private var low: UInt64 = 0
    private(set) var count = 0
    private(set) var power = 0

    init(_ magnitude: Double) {
        var exponent = 0
        var isAfterPoint = false
        var isExponent = false
        var isNegativeExponent = false
        for byte in magnitude.description.utf8 {
            switch byte {
            case UInt8(ascii: "."): isAfterPoint = true
            case UInt8(ascii: "e"): isExponent = true
            case UInt8(ascii: "-"): isNegativeExponent = true
            case 0x30...0x39 where isExponent: exponent = exponent * 10 + Int(byte - 0x30)
            case 0x30...0x39:
                low = low * 10 + UInt64(byte - 0x30)
                if isAfterPoint { power -= 1 }
            default: break
            }
        }
        power += isNegativeExponent ? -exponent : exponent
        while low > 0, low.isMultiple(of: 10) {
            low /= 10
            power += 1
        }
        count = decimalLength(low)
    }

    func digit(_ index: Int) -> UInt8 {
        var rest = low
        for _ in 0..<(count - 1 - index) { rest /= 10 }
        return 0x30 + UInt8(rest % 10)
    }
}
