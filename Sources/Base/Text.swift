/// Text of this process' own making, on its way into bytes. Not for the hot path.

extension String {
    /// Lends the UTF-8 of the text for the length of `body`.
    public func withBytes<Result>(_ body: (ByteView) -> Result) -> Result {
        var copy = self
        return copy.withUTF8 { utf8 in
            guard let start = utf8.baseAddress else { return body(.empty) }
            return body(ByteView(start: start, count: utf8.count))
        }
    }

    /// The shortest common way of saying a size: "1.50M", as INFO's _human fields have it.
    public init(humanBytes bytes: Int) {
        let units: [(Double, String)] = [
            (0x1p50, "P"), (0x1p40, "T"), (0x1p30, "G"), (0x1p20, "M"), (0x1p10, "K"),
        ]
        let value = Double(bytes)
        for (size, name) in units where value >= size {
            self = String(fixed: value / size, decimals: 2) + name
            return
        }
        self = "\(bytes)B"
    }

    /// A number with a fixed number of decimals, as "%.2f" has it.
    public init(fixed value: Double, decimals: Int) {
        guard value.isFinite else {
            self = value.isNaN ? "nan" : value < 0 ? "-inf" : "inf"
            return
        }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded(.toNearestOrEven)
        guard scaled < 9e18 else {
            self = "\(value)"
            return
        }
        let whole = UInt64(scaled)
        let unit = UInt64(scale)
        let fraction = String(whole % unit)
        let zeros = String(repeating: "0", count: Swift.max(decimals - fraction.count, 0))
        self =
            (value < 0 && whole > 0 ? "-" : "") + String(whole / unit)
            + (decimals > 0 ? "." + zeros + fraction : "")
    }
}
