/// CRC32C of bytes, and numbers written in hexadecimal into error texts.
import Base
import CIntrinsics

@inline(__always)
func checksum(_ bytes: ByteView, continuing crc: UInt32 = 0) -> UInt32 {
    a2_crc32c(crc, bytes.start, bytes.count)
}

func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
}

/// Whether all bytes are zero.
func isZero(_ bytes: ByteView) -> Bool { firstNonZero(bytes) == nil }

/// Where the first byte is that is not zero.
func firstNonZero(_ bytes: ByteView) -> Int? {
    var at = 0
    while at + 32 <= bytes.count {
        let words =
            bytes.word64(at: at) | bytes.word64(at: at + 8) | bytes.word64(at: at + 16) | bytes.word64(at: at + 24)
        if words != 0 { break }
        at += 32
    }
    while at < bytes.count {
        if bytes.start[at] != 0 { return at }
        at += 1
    }
    return nil
}

/// How many bytes there are up to the last that is not zero.
func countToLastNonZero(_ bytes: ByteView) -> Int {
    var count = bytes.count
    while count >= 8, bytes.word64(at: count - 8) == 0 { count -= 8 }
    while count > 0, bytes.start[count - 1] == 0 { count -= 1 }
    return count
}
