/// Bits of a string, numbered as Redis does: bit 0 is the highest of the first byte. Eight bytes a step.
import Base

enum Bits {
    /// Bits past the end are clear.
    static func isSet(_ index: Int, in bytes: ByteView) -> Bool {
        index >> 3 < bytes.count && bytes[index >> 3] & (0x80 >> UInt8(index & 7)) != 0
    }

    static func count(_ bytes: ByteView) -> Int {
        var total = 0
        var at = 0
        while at + 8 <= bytes.count {
            total &+= bytes.word64(at: at).nonzeroBitCount
            at += 8
        }
        while at < bytes.count {
            total &+= bytes.start[at].nonzeroBitCount
            at += 1
        }
        return total
    }

    /// How many of the bits `first...last` are set.
    static func count(_ bytes: ByteView, from first: Int, through last: Int) -> Int {
        let firstByte = first >> 3
        let lastByte = last >> 3
        var total = count(bytes.slice(firstByte, lastByte - firstByte + 1))
        total -= (bytes[firstByte] & ~maskFrom(first)).nonzeroBitCount
        total -= (bytes[lastByte] & ~maskThrough(last)).nonzeroBitCount
        return total
    }

    /// The lowest of the bits `first...last` that is `bit`.
    static func index(of bit: Bool, in bytes: ByteView, from first: Int, through last: Int) -> Int? {
        // Turned over where a clear bit is wanted, so that the search is always for a set one.
        let flip: UInt64 = bit ? 0 : .max
        let flipByte = UInt8(truncatingIfNeeded: flip)
        let end = (last >> 3) + 1
        var at = first >> 3
        let edge = (bytes[at] ^ flipByte) & maskFrom(first)
        if edge != 0 { return within(last, at * 8 + edge.leadingZeroBitCount) }
        at += 1
        while at + 8 <= end {
            let word = bytes.word64(at: at).bigEndian ^ flip
            if word != 0 { return within(last, at * 8 + word.leadingZeroBitCount) }
            at += 8
        }
        while at < end {
            let byte = bytes[at] ^ flipByte
            if byte != 0 { return within(last, at * 8 + byte.leadingZeroBitCount) }
            at += 1
        }
        return nil
    }

    private static func within(_ last: Int, _ found: Int) -> Int? { found <= last ? found : nil }

    /// The bits of its byte that do not lie before `index`.
    private static func maskFrom(_ index: Int) -> UInt8 { 0xFF >> UInt8(index & 7) }

    /// The bits of its byte that do not lie behind `index`.
    private static func maskThrough(_ index: Int) -> UInt8 { ~(0x7F >> UInt8(index & 7)) }

    /// Combines `source` into the bytes at `target`.
    @inline(__always)
    static func combine(
        _ target: UnsafeMutablePointer<UInt8>, with source: ByteView, _ operation: (UInt64, UInt64) -> UInt64
    ) {
        let place = UnsafeMutableRawPointer(target)
        var at = 0
        while at + 8 <= source.count {
            let old = place.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            place.storeBytes(of: operation(old, source.word64(at: at)), toByteOffset: at, as: UInt64.self)
            at += 8
        }
        while at < source.count {
            target[at] = UInt8(truncatingIfNeeded: operation(UInt64(target[at]), UInt64(source.start[at])))
            at += 1
        }
    }
}
