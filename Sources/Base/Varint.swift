/// Unsigned integers in as few bytes as they need: seven bits a byte, low bits first, the top bit set on all
/// but the last.

extension ByteBuffer {
    @inline(__always)
    public mutating func append(varint value: UInt64) {
        reserve(10)
        var rest = value
        var written = 0
        let place = writable
        while rest >= 0x80 {
            place[written] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            written += 1
        }
        place[written] = UInt8(truncatingIfNeeded: rest)
        commit(written + 1)
    }

    @inline(__always)
    public mutating func append(varint value: Int) { append(varint: UInt64(value)) }

    /// A signed number, small magnitudes short.
    @inline(__always)
    public mutating func append(zigzag value: Int64) {
        append(varint: UInt64(bitPattern: value << 1 ^ value >> 63))
    }
}

/// Reads what `ByteBuffer` wrote. Every read that would pass the end, and every malformed number, fails
/// once and for all: check `isValid` at the end instead of after each field.
public struct ByteReader {
    public let bytes: ByteView
    public private(set) var offset = 0
    public private(set) var isValid = true

    public init(_ bytes: ByteView) { self.bytes = bytes }

    public var remaining: Int { bytes.count - offset }
    public var isAtEnd: Bool { offset == bytes.count }

    public mutating func fail() {
        isValid = false
        offset = bytes.count
    }

    public mutating func byte() -> UInt8 {
        guard offset < bytes.count else {
            fail()
            return 0
        }
        defer { offset += 1 }
        return bytes.start[offset]
    }

    public mutating func varint() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = byte()
            guard isValid else { return 0 }
            let payload = UInt64(next & 0x7F)
            // The tenth byte may carry one bit, and a number has one spelling: no trailing zero byte.
            if shift == 63, payload > 1 || next & 0x80 != 0 || payload == 0 { break }
            if shift > 0, next == 0 { break }
            value |= payload << shift
            if next & 0x80 == 0 { return value }
            shift += 7
        }
        fail()
        return 0
    }

    public mutating func zigzag() -> Int64 {
        let value = varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A varint that counts something present in the input, so never more than what remains.
    public mutating func count() -> Int {
        let value = varint()
        guard value <= UInt64(remaining) else {
            fail()
            return 0
        }
        return Int(value)
    }

    public mutating func littleEndian<Word: FixedWidthInteger>(_ type: Word.Type) -> Word {
        guard remaining >= MemoryLayout<Word>.size else {
            fail()
            return 0
        }
        defer { offset += MemoryLayout<Word>.size }
        return Word(littleEndian: UnsafeRawPointer(bytes.start + offset).loadUnaligned(as: Word.self))
    }

    public mutating func view(_ length: Int) -> ByteView {
        guard length >= 0, length <= remaining else {
            fail()
            return .empty
        }
        defer { offset += length }
        return bytes.slice(offset, length)
    }

    /// A varint length and that many bytes.
    public mutating func lengthPrefixed() -> ByteView { view(count()) }
}
