/// Numbers to and from their decimal spelling, as strictly as Redis reads them.

/// Two digits at a time: "00" to "99".
private let digitPairs: StaticString =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

/// Writes `value` in decimal and returns the number of bytes, at most 20.
@inline(__always)
public func writeDecimal(_ value: Int64, to place: UnsafeMutablePointer<UInt8>) -> Int {
    if value >= 0 { return writeDecimal(UInt64(value), to: place) }
    place[0] = UInt8(ascii: "-")
    return 1 + writeDecimal(value.magnitude, to: place + 1)
}

public func writeDecimal(_ value: UInt64, to place: UnsafeMutablePointer<UInt8>) -> Int {
    if value < 10 {
        place[0] = 48 + UInt8(value)
        return 1
    }
    let length = decimalLength(value)
    let pairs = digitPairs.utf8Start
    var rest = value
    var at = length
    while rest >= 100 {
        let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
        rest = quotient
        at -= 2
        place[at] = pairs[Int(pair) * 2]
        place[at + 1] = pairs[Int(pair) * 2 + 1]
    }
    if rest >= 10 {
        place[0] = pairs[Int(rest) * 2]
        place[1] = pairs[Int(rest) * 2 + 1]
    } else {
        place[0] = 48 + UInt8(rest)
    }
    return length
}

/// How many digits `value` has in decimal.
public func decimalLength(_ value: UInt64) -> Int {
    var length = 1
    var bound: UInt64 = 10
    while length < 20, value >= bound {
        length += 1
        let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
        if overflow { return value >= bound ? length : length - 1 }
        bound = next
    }
    return length
}

/// How many bytes `value` takes in decimal, sign included.
public func decimalLength(_ value: Int64) -> Int {
    (value < 0 ? 1 : 0) + decimalLength(value.magnitude)
}

extension ByteView {
    /// The integer these bytes spell in its one canonical form (no sign but a leading '-', no leading zero,
    /// no space, within Int64), or nil: exactly the strings Redis treats as integers.
    @inline(__always)
    public var canonicalInteger: Int64? {
        let first = count == 0 ? 0 : start[0]
        // Most values are not numbers; their first byte says so.
        guard first &- 48 < 10 || first == UInt8(ascii: "-") else { return nil }
        return parsedInteger
    }

    private var parsedInteger: Int64? {
        guard count <= 20 else { return nil }
        let negative = start[0] == UInt8(ascii: "-")
        var at = negative ? 1 : 0
        guard at < count else { return nil }
        if start[at] == 48 { return count == 1 ? 0 : nil }
        var magnitude: UInt64 = 0
        while at < count {
            let digit = start[at] &- 48
            guard digit < 10 else { return nil }
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            magnitude = sum
            at += 1
        }
        if negative {
            guard magnitude <= Int64.min.magnitude else { return nil }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        return Int64(exactly: magnitude)
    }
}
