/// Floating-point numbers to and from text, digit for digit as C's printf and strtold do it for Redis.
///
/// Printing goes through the exact decimal expansion of the binary number, rounded half to even: that is what
/// "%.17Lf" and "%.17g" are defined to print, and what no shortest-digits printer gives.

/// An exact non-negative decimal number: `digits` with the point after the first `pointOffset` of them.
private struct ExactDecimal {
    private(set) var digits: [UInt8]
    private(set) var pointOffset: Int

    /// significand × 2^exponent.
    init(significand: UInt64, exponent: Int) {
        var number = BigDecimalDigits(significand)
        if exponent >= 0 {
            number.multiply(by: 2, times: exponent)
        } else {
            // m / 2^k = m · 5^k / 10^k
            number.multiply(by: 5, times: -exponent)
        }
        digits = number.digits
        pointOffset = digits.count + min(exponent, 0)
    }

    /// Keeps the first `count` digits, rounding half to even; `count` may be negative or past the end.
    mutating func round(toDigits count: Int) {
        guard count < digits.count else { return }
        if count < 0 {
            digits = []
            pointOffset -= count
            return
        }
        let next = digits[count]
        let exactHalf = next == 5 && digits[(count + 1)...].allSatisfy { $0 == 0 }
        let lastIsOdd = count > 0 && digits[count - 1] % 2 == 1
        digits.removeSubrange(count...)
        guard next > 5 || next == 5 && (!exactHalf || lastIsOdd) else { return }
        var index = count - 1
        while index >= 0, digits[index] == 9 {
            digits[index] = 0
            index -= 1
        }
        if index >= 0 {
            digits[index] += 1
        } else {
            digits.insert(1, at: 0)
            pointOffset += 1
        }
    }
}

/// A natural number in limbs of nine decimal digits, lowest first.
private struct BigDecimalDigits {
    private static let limb: UInt64 = 1_000_000_000
    private var limbs: [UInt64] = []

    init(_ value: UInt64) {
        var rest = value
        while rest > 0 {
            limbs.append(rest % Self.limb)
            rest /= Self.limb
        }
    }

    mutating func multiply(by factor: UInt64, times: Int) {
        // As many factors at once as keep limb × factor within 64 bits.
        let batch = factor == 2 ? 32 : 13
        var left = times
        while left > 0 {
            let step = min(left, batch)
            var power: UInt64 = 1
            for _ in 0..<step { power *= factor }
            multiply(by: power)
            left -= step
        }
    }

    private mutating func multiply(by factor: UInt64) {
        var carry: UInt64 = 0
        for index in limbs.indices {
            let product = limbs[index] * factor + carry
            limbs[index] = product % Self.limb
            carry = product / Self.limb
        }
        while carry > 0 {
            limbs.append(carry % Self.limb)
            carry /= Self.limb
        }
    }

    var digits: [UInt8] {
        var reversed: [UInt8] = []
        for limb in limbs {
            var rest = limb
            for _ in 0..<9 {
                reversed.append(UInt8(rest % 10))
                rest /= 10
            }
        }
        while reversed.last == 0 { reversed.removeLast() }
        return reversed.reversed()
    }
}

extension LongDouble {
    /// What Redis stores after INCRBYFLOAT: "%.17Lf" without trailing zeros, and no "-0". Nil when not finite.
    public var humanText: [UInt8]? {
        guard isFinite else { return nil }
        if isZero { return [48] }
        let shift = Int(exponent) - LongDouble.significandBits
        var decimal = ExactDecimal(significand: integerSignificand, exponent: shift)
        decimal.round(toDigits: decimal.pointOffset + 17)
        var whole = Array(decimal.digits.prefix(max(decimal.pointOffset, 0)))
        var fraction = Array(decimal.digits.dropFirst(whole.count))
        if decimal.pointOffset < 0 {
            fraction.insert(contentsOf: repeatElement(0, count: -decimal.pointOffset), at: 0)
        }
        while fraction.last == 0 { fraction.removeLast() }
        if whole.isEmpty { whole = [0] }
        if fraction.isEmpty, whole == [0] { return [48] }
        var text: [UInt8] = sign == .minus ? [UInt8(ascii: "-")] : []
        text += whole.map { $0 + 48 }
        if !fraction.isEmpty {
            text.append(UInt8(ascii: "."))
            text += fraction.map { $0 + 48 }
        }
        return text
    }

    #if arch(x86_64) || arch(i386)
        private static let significandBits = 63
        private var integerSignificand: UInt64 { UInt64((significand * 0x1p63).magnitude) }
    #else
        private static let significandBits = 52
        private var integerSignificand: UInt64 { UInt64((significand * 0x1p52).magnitude) }
    #endif

    /// The number these bytes spell as strtold reads it and Redis accepts it: no surrounding space, nothing
    /// left over, no NaN, nothing that overflows or vanishes. Infinity spelled out is accepted.
    public init?(text: ByteView) {
        guard text.count > 0, text.count < 5 * 1024 else { return nil }
        var spellsInfinity = false
        var hasNonzeroDigit = false
        let isHexadecimal =
            text.firstIndex(of: UInt8(ascii: "x")) != nil || text.firstIndex(of: UInt8(ascii: "X")) != nil
        var inExponent = false
        for index in 0..<text.count {
            let byte = asciiLowercased(text[index])
            switch byte {
            case UInt8(ascii: "0"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "x"): break
            case UInt8(ascii: "1")...UInt8(ascii: "9"): if !inExponent { hasNonzeroDigit = true }
            case UInt8(ascii: "p"): inExponent = true
            case UInt8(ascii: "e") where !isHexadecimal: inExponent = true
            case UInt8(ascii: "a")...UInt8(ascii: "f") where isHexadecimal: hasNonzeroDigit = true
            case UInt8(ascii: "i"): spellsInfinity = true
            case UInt8(ascii: "n"), UInt8(ascii: "f"), UInt8(ascii: "t"), UInt8(ascii: "y"): break
            default: return nil
            }
        }
        guard let value = LongDouble(text.string), !value.isNaN else { return nil }
        if value.isInfinite, !spellsInfinity { return nil }
        if value.isZero, hasNonzeroDigit { return nil }
        self = value
    }
}

/// A double as C's "%.17g" prints it.
public func formatDouble(_ value: Double) -> [UInt8] {
    if value.isNaN { return Array((value.sign == .minus ? "-nan" : "nan").utf8) }
    if value.isInfinite { return Array((value.sign == .minus ? "-inf" : "inf").utf8) }
    let minus: [UInt8] = value.sign == .minus ? [UInt8(ascii: "-")] : []
    if value.isZero { return minus + [48] }
    let significand = value.significandBitPattern | (value.isSubnormal ? 0 : 1 << 52)
    let exponent = (value.isSubnormal ? -1022 : Int(value.exponent)) - 52
    var decimal = ExactDecimal(significand: significand, exponent: exponent)
    decimal.round(toDigits: 17)
    var digits = decimal.digits
    while digits.last == 0 { digits.removeLast() }
    let power = decimal.pointOffset - 1
    var text = minus
    if power < -4 || power >= 17 {
        text.append(digits[0] + 48)
        if digits.count > 1 {
            text.append(UInt8(ascii: "."))
            text += digits[1...].map { $0 + 48 }
        }
        text += Array("e".utf8) + [power < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")]
        text += Array((abs(power) < 10 ? "0\(abs(power))" : "\(abs(power))").utf8)
    } else if power < 0 {
        text += Array("0.".utf8) + repeatElement(48, count: -power - 1) + digits.map { $0 + 48 }
    } else {
        digits += repeatElement(0, count: max(power + 1 - digits.count, 0))
        text += digits[...power].map { $0 + 48 }
        if digits.count > power + 1 {
            text.append(UInt8(ascii: "."))
            text += digits[(power + 1)...].map { $0 + 48 }
        }
    }
    return text
}
