/// Redis' glob patterns, down to their oddities: `*`, `?`, `[a-z]`, `[^x]`, `\x`.
///
/// Every element but `*` takes exactly one byte. So where the rest fails, only the latest `*` needs to take a
/// byte more, never an earlier one, and a match costs at most the product of both lengths.
///
/// The oddities: a class without its `]` reaches to the pattern's end; `]` may be the end of a range, which
/// leaves the class open; ranges compare signed bytes; a pattern with more than a thousand runs of `*`
/// matches nothing; an empty string matches only the empty pattern and, by `matchesName`, the lone `*`.
public struct GlobPattern {
    private let pattern: ByteView
    private let ignoresCase: Bool

    private static let starRunsMax = 1000

    /// Valid as long as `pattern` is.
    public init(_ pattern: ByteView, ignoresCase: Bool = false) {
        self.pattern = pattern
        self.ignoresCase = ignoresCase
    }

    /// The lone `*`, which commands do not even try.
    public var matchesEverything: Bool { pattern.count == 1 && pattern[0] == UInt8(ascii: "*") }

    /// As KEYS and SCAN decide.
    public func matchesName(_ name: ByteView) -> Bool { matchesEverything || matches(name) }

    public func matches(_ text: ByteView) -> Bool {
        guard !text.isEmpty else { return pattern.isEmpty }
        var at = 0
        var textAt = 0
        // Where to go on when the rest fails: behind the latest star, one byte further on.
        var starAt = -1
        var starTextAt = 0
        var starRuns = 0
        while textAt < text.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                while at < pattern.count, pattern[at] == UInt8(ascii: "*") { at += 1 }
                if at == pattern.count { return true }
                starRuns += 1
                if starRuns > Self.starRunsMax { return false }
                starAt = at
                starTextAt = textAt
                continue
            }
            if at < pattern.count, let next = elementEnd(at, text[textAt]) {
                at = next
                textAt += 1
                continue
            }
            guard starAt >= 0 else { return false }
            starTextAt += 1
            at = starAt
            textAt = starTextAt
        }
        while at < pattern.count, pattern[at] == UInt8(ascii: "*") { at += 1 }
        return at == pattern.count
    }

    /// The index behind the element at `index` if it takes `byte`.
    @inline(__always)
    private func elementEnd(_ index: Int, _ byte: UInt8) -> Int? {
        let element = pattern[index]
        switch element {
        case UInt8(ascii: "?"): return index + 1
        case UInt8(ascii: "["): return classEnd(index + 1, byte)
        case UInt8(ascii: "\\") where index + 1 < pattern.count:
            return folded(pattern[index + 1]) == folded(byte) ? index + 2 : nil
        default: return folded(element) == folded(byte) ? index + 1 : nil
        }
    }

    private func classEnd(_ start: Int, _ byte: UInt8) -> Int? {
        let end = pattern.count
        var at = start
        let isNegated = at < end && pattern[at] == UInt8(ascii: "^")
        if isNegated { at += 1 }
        var isMember = false
        while at < end {
            if pattern[at] == UInt8(ascii: "\\"), at + 1 < end {
                at += 1
                if pattern[at] == byte { isMember = true }
            } else if pattern[at] == UInt8(ascii: "]") {
                at += 1
                break
            } else if at + 2 < end, pattern[at + 1] == UInt8(ascii: "-") {
                if rangeContains(pattern[at], pattern[at + 2], byte) { isMember = true }
                at += 2
            } else if folded(pattern[at]) == folded(byte) {
                isMember = true
            }
            at += 1
        }
        return isMember != isNegated ? at : nil
    }

    private func rangeContains(_ first: UInt8, _ last: UInt8, _ byte: UInt8) -> Bool {
        let left = Int8(bitPattern: first)
        let right = Int8(bitPattern: last)
        let low = Int8(bitPattern: folded(UInt8(bitPattern: min(left, right))))
        let high = Int8(bitPattern: folded(UInt8(bitPattern: max(left, right))))
        let value = Int8(bitPattern: folded(byte))
        return value >= low && value <= high
    }

    @inline(__always)
    private func folded(_ byte: UInt8) -> UInt8 { ignoresCase ? asciiLowercased(byte) : byte }
}
