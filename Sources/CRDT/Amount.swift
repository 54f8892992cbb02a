/// What a counter adds up: exact decimals, so that a sum is the same whatever the order and grouping.
///
/// Replicas fold increments into a value at different moments. With binary floating point each grouping would
/// round differently and nodes would disagree in the last digit, so sums are integers in units of 10⁻¹⁷, the
/// last digit INCRBYFLOAT prints. The author of an INCRBYFLOAT computes in `LongDouble` as Redis does and ships
/// the exact difference between the two printed values. Arithmetic wraps: only the total must fit.
import Base

public struct Amount: Equatable, Sendable {
    public var units: Int128

    public static let zero = Amount(units: 0)
    public static let unitsPerOne: Int128 = 100_000_000_000_000_000
    public static let fractionDigits = 17

    public init(units: Int128) { self.units = units }

    public init(_ integer: Int64) { units = Int128(integer) * Self.unitsPerOne }

    /// The integer this is, if it is one within Int64.
    public var integer: Int64? {
        let (quotient, remainder) = units.quotientAndRemainder(dividingBy: Self.unitsPerOne)
        return remainder == 0 ? Int64(exactly: quotient) : nil
    }

    public static func + (left: Amount, right: Amount) -> Amount { Amount(units: left.units &+ right.units) }
    public static func - (left: Amount, right: Amount) -> Amount { Amount(units: left.units &- right.units) }
    public static func += (left: inout Amount, right: Amount) { left.units &+= right.units }

    /// The decimal these bytes spell (sign, digits, point, exponent), or nil when they are no decimal, reach
    /// past the 17th fraction digit or past the range.
    public init?(decimal text: ByteView) {
        if let integer = text.canonicalInteger {
            self.init(integer)
        } else {
            var scanner = DecimalScanner(text)
            guard let units = scanner.units() else { return nil }
            self.init(units: units)
        }
    }

    /// Decimal, without trailing zeros: what INCR and INCRBYFLOAT store.
    public var text: [UInt8] {
        var magnitude = units.magnitude
        if magnitude == 0 { return [48] }
        var reversed: [UInt8] = []
        var digits = 0
        while magnitude > 0 || digits <= Self.fractionDigits {
            let (quotient, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
            magnitude = quotient
            if digits == Self.fractionDigits, !reversed.isEmpty { reversed.append(UInt8(ascii: ".")) }
            if digits >= Self.fractionDigits || digit != 0 || !reversed.isEmpty { reversed.append(48 + UInt8(digit)) }
            digits += 1
        }
        if units < 0 { reversed.append(UInt8(ascii: "-")) }
        return reversed.reversed()
    }
}

/// Reads one decimal number into units of 10⁻¹⁷.
private struct DecimalScanner {
    private let text: ByteView
    private var at = 0
    private var magnitude: UInt128 = 0
    /// The power of ten `magnitude` is to be multiplied with.
    private var power = 0
    private var trailingZeros = 0

    init(_ text: ByteView) { self.text = text }

    mutating func units() -> Int128? {
        // Redis reads numbers of at most this length.
        guard text.count > 0, text.count < 5 * 1024 else { return nil }
        let negative = text[0] == UInt8(ascii: "-")
        if negative || text[0] == UInt8(ascii: "+") { at = 1 }
        guard let whole = digits(fraction: false) else { return nil }
        var fraction = 0
        if at < text.count, text[at] == UInt8(ascii: ".") {
            at += 1
            guard let count = digits(fraction: true) else { return nil }
            fraction = count
        }
        guard whole + fraction > 0 else { return nil }
        if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            guard let exponent = exponent() else { return nil }
            power += exponent
        }
        guard at == text.count else { return nil }
        return scaled(negative: negative)
    }

    /// Takes the digits at `at`; nil when they are more than the range can hold.
    private mutating func digits(fraction: Bool) -> Int? {
        let first = at
        while at < text.count, text[at] &- 48 < 10 {
            let digit = text[at] &- 48
            if fraction { power -= 1 }
            if digit == 0 {
                trailingZeros += 1
            } else {
                guard multiply(byTenTo: magnitude == 0 ? 1 : trailingZeros + 1) else { return nil }
                magnitude += UInt128(digit)
                trailingZeros = 0
            }
            at += 1
        }
        return at - first
    }

    private mutating func multiply(byTenTo exponent: Int) -> Bool {
        if magnitude == 0 { return true }
        guard exponent < 39 else { return false }
        for _ in 0..<exponent {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            // Ten below the end, so that a digit can still be added.
            if overflow || product > UInt128.max - 10 { return false }
            magnitude = product
        }
        return true
    }

    private mutating func exponent() -> Int? {
        var negative = false
        if at < text.count, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
            negative = text[at] == UInt8(ascii: "-")
            at += 1
        }
        let first = at
        var value = 0
        while at < text.count, text[at] &- 48 < 10 {
            value = min(value * 10 + Int(text[at] &- 48), 1_000_000)
            at += 1
        }
        return at == first ? nil : negative ? -value : value
    }

    private mutating func scaled(negative: Bool) -> Int128? {
        if magnitude == 0 { return 0 }
        var exponent = power + trailingZeros + Amount.fractionDigits
        guard exponent >= 0 else { return nil }
        while exponent > 0 {
            guard multiply(byTenTo: 1) else { return nil }
            exponent -= 1
        }
        guard let value = Int128(exactly: magnitude) else { return nil }
        return negative ? -value : value
    }
}
