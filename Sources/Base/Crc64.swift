/// CRC-64 as Redis guards its dump payloads and RDB files with: Jones' polynomial, reflected, starting from
/// zero, eight bytes a step.

@inlinable
public func crc64(_ bytes: ByteView, continuing crc: UInt64 = 0) -> UInt64 {
    let tables = crc64Tables
    var crc = crc
    var at = 0
    let count = bytes.count
    while at + 8 <= count {
        let word = crc ^ UInt64(littleEndian: bytes.word64(at: at))
        crc =
            tables[7 * 256 + Int(word & 0xFF)] ^ tables[6 * 256 + Int(word >> 8 & 0xFF)]
            ^ tables[5 * 256 + Int(word >> 16 & 0xFF)] ^ tables[4 * 256 + Int(word >> 24 & 0xFF)]
            ^ tables[3 * 256 + Int(word >> 32 & 0xFF)] ^ tables[2 * 256 + Int(word >> 40 & 0xFF)]
            ^ tables[256 + Int(word >> 48 & 0xFF)] ^ tables[Int(word >> 56)]
        at += 8
    }
    while at < count {
        crc = crc >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: crc) ^ bytes.start[at])]
        at += 1
    }
    return crc
}

/// Table k holds the CRC of a byte followed by k zero bytes. Made once, never freed, never written again.
@usableFromInline
nonisolated(unsafe) let crc64Tables: UnsafePointer<UInt64> = {
    let reflectedPolynomial: UInt64 = 0x95AC_9329_AC4B_C9B5
    let tables = UnsafeMutablePointer<UInt64>.allocate(capacity: 8 * 256)
    for byte in 0..<256 {
        var crc = UInt64(byte)
        for _ in 0..<8 { crc = crc & 1 != 0 ? crc >> 1 ^ reflectedPolynomial : crc >> 1 }
        tables[byte] = crc
    }
    for slice in 1..<8 {
        for byte in 0..<256 {
            let previous = tables[(slice - 1) * 256 + byte]
            tables[slice * 256 + byte] = previous >> 8 ^ tables[Int(previous & 0xFF)]
        }
    }
    return UnsafePointer(tables)
}()
