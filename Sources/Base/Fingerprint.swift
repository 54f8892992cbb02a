/// A keyed 128-bit fingerprint of a run of fields: SipHash-2-4 with its long output.
///
/// Digests add fingerprints up, so two nodes that hold the same keys get the same sum whatever the order. The
/// key makes it hopeless to construct two states with equal sums for whoever does not know it.
public struct Fingerprint {
    private var state: (UInt64, UInt64, UInt64, UInt64)
    private var tail: UInt64 = 0
    private var length = 0

    public init(key: (UInt64, UInt64)) {
        state = (
            key.0 ^ 0x736f_6d65_7073_6575, key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xEE, key.0 ^ 0x6c79_6765_6e65_7261,
            key.1 ^ 0x7465_6462_7974_6573
        )
    }

    /// The key that a name stands for: the same on every node that is given the same name.
    public static func key(named name: ByteView) -> (UInt64, UInt64) {
        var fingerprint = Fingerprint(key: (0, 0))
        fingerprint.combine(name)
        let sum = fingerprint.finish()
        return (UInt64(truncatingIfNeeded: sum), UInt64(truncatingIfNeeded: sum >> 64))
    }

    /// Bytes as they are; where fields of varying length follow each other, put their lengths first.
    public mutating func combine(_ bytes: ByteView) {
        var at = 0
        while at < bytes.count, length & 7 != 0 {
            combine(byte: bytes[at])
            at += 1
        }
        while at + 8 <= bytes.count {
            absorb(UInt64(littleEndian: bytes.word64(at: at)))
            length += 8
            at += 8
        }
        while at < bytes.count {
            combine(byte: bytes[at])
            at += 1
        }
    }

    public mutating func combine(_ number: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            combine(byte: UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    private mutating func combine(byte: UInt8) {
        tail |= UInt64(byte) << UInt64((length & 7) * 8)
        length += 1
        if length & 7 == 0 {
            absorb(tail)
            tail = 0
        }
    }

    public mutating func finish() -> UInt128 {
        absorb(UInt64(truncatingIfNeeded: length) << 56 | tail)
        state.2 ^= 0xEE
        for _ in 0..<4 { round() }
        let low = state.0 ^ state.1 ^ state.2 ^ state.3
        state.1 ^= 0xDD
        for _ in 0..<4 { round() }
        let high = state.0 ^ state.1 ^ state.2 ^ state.3
        return UInt128(high) << 64 | UInt128(low)
    }

    private mutating func absorb(_ word: UInt64) {
        state.3 ^= word
        round()
        round()
        state.0 ^= word
    }

    @inline(__always)
    private mutating func round() {
        state.0 = state.0 &+ state.1
        state.1 = Self.rotate(state.1, 13) ^ state.0
        state.0 = Self.rotate(state.0, 32)
        state.2 = state.2 &+ state.3
        state.3 = Self.rotate(state.3, 16) ^ state.2
        state.0 = state.0 &+ state.3
        state.3 = Self.rotate(state.3, 21) ^ state.0
        state.2 = state.2 &+ state.1
        state.1 = Self.rotate(state.1, 17) ^ state.2
        state.2 = Self.rotate(state.2, 32)
    }

    @inline(__always)
    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }

    /// The low half's bytes first, as the algorithm's own test vectors are printed.
    public static func hexadecimal(_ sum: UInt128) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for shift in stride(from: 0, to: 128, by: 8) {
            let byte = UInt8(truncatingIfNeeded: sum >> UInt128(shift))
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
