/// The three hashes: CRC16 names a key's slot, a keyed 64-bit hash places it in a table, CRC32C guards bytes.
import CIntrinsics

@inlinable
public func crc32c(_ bytes: ByteView, continuing crc: UInt32 = 0) -> UInt32 {
    a2_crc32c(crc, bytes.start, bytes.count)
}

/// A keyed hash of short strings: multiply-and-fold over eight-byte words. The seed is secret to the node,
/// so that nobody can aim keys at one bucket; it is not a cryptographic hash and names nothing on the wire.
@inline(__always)
public func keyHash(_ bytes: ByteView, seed: UInt64) -> UInt64 {
    let count = bytes.count
    var state = seed ^ (UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15)
    if count >= 16 {
        var at = 0
        while at + 16 <= count {
            state = fold(bytes.word64(at: at) ^ 0xA076_1D64_78BD_642F, bytes.word64(at: at + 8) ^ state)
            at += 16
        }
        if at < count {
            state = fold(
                bytes.word64(at: count - 16) ^ 0xE703_7ED1_A0B4_28DB, bytes.word64(at: count - 8) ^ state)
        }
    } else if count >= 8 {
        state = fold(bytes.word64(at: 0) ^ 0xA076_1D64_78BD_642F, bytes.word64(at: count - 8) ^ state)
    } else if count >= 4 {
        let low = UInt64(bytes.word32(at: 0))
        let high = UInt64(bytes.word32(at: count - 4))
        state = fold((low | high << 32) ^ 0xA076_1D64_78BD_642F, state ^ 0x8EBC_6AF0_9C88_C6E3)
    } else if count > 0 {
        let word = UInt64(bytes[0]) | UInt64(bytes[count >> 1]) << 8 | UInt64(bytes[count - 1]) << 16
        state = fold(word ^ 0xA076_1D64_78BD_642F, state ^ 0x8EBC_6AF0_9C88_C6E3)
    }
    return fold(state ^ 0x5899_65CC_7537_4CC3, seed ^ 0x1D8E_4E27_C47D_124F)
}

@inline(__always)
private func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
}

/// Slots of Redis Cluster and the partitions that hold 64 consecutive ones.
public enum Slots {
    public static let count = 16384
    public static let partitionCount = 256
    public static let perPartition = 64

    /// The part of the key that decides its slot: what stands in the first non-empty `{…}`, else all of it.
    @inline(__always)
    public static func tag(of key: ByteView) -> ByteView {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return key }
        let rest = key.dropFirst(open + 1)
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")), close > 0 else { return key }
        return rest.slice(0, close)
    }

    @inline(__always)
    public static func slot(of key: ByteView) -> Int {
        Int(crc16(tag(of: key)) & 16383)
    }

    @inline(__always)
    public static func partition(of key: ByteView) -> Int {
        slot(of: key) / perPartition
    }
}

/// CRC16-CCITT (XMODEM), as Redis Cluster uses it, four bytes a step.
@inline(__always)
public func crc16(_ bytes: ByteView) -> UInt16 {
    let tables = crc16Tables
    var crc: UInt16 = 0
    var at = 0
    let count = bytes.count
    while at + 4 <= count {
        let first = Int(UInt8(truncatingIfNeeded: crc >> 8) ^ bytes.start[at])
        let second = Int(UInt8(truncatingIfNeeded: crc) ^ bytes.start[at + 1])
        crc =
            tables[768 + first] ^ tables[512 + second] ^ tables[256 + Int(bytes.start[at + 2])]
            ^ tables[Int(bytes.start[at + 3])]
        at += 4
    }
    while at < count {
        crc = crc << 8 ^ tables[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ bytes.start[at])]
        at += 1
    }
    return crc
}

/// Table k holds the CRC of a byte followed by k zero bytes. Made once, never freed, never written again.
private nonisolated(unsafe) let crc16Tables: UnsafePointer<UInt16> = {
    let tables = UnsafeMutablePointer<UInt16>.allocate(capacity: 4 * 256)
    for byte in 0..<256 {
        var crc = UInt16(byte) << 8
        for _ in 0..<8 { crc = crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
        tables[byte] = crc
    }
    for slice in 1..<4 {
        for byte in 0..<256 {
            let previous = tables[(slice - 1) * 256 + byte]
            tables[slice * 256 + byte] = previous << 8 ^ tables[Int(previous >> 8)]
        }
    }
    return UnsafePointer(tables)
}()
