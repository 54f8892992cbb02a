/// CRC32C by instruction and by tables, and CRC16 as Redis Cluster has it.
import Base
import CIntrinsics
import Testing

@Suite struct ChecksumTests {
    @Test("Checksums are those of their definitions")
    func vectors() {
        let digits = Array("123456789".utf8)
        #expect(digits.withView { crc32c($0) } == 0xE306_9283)
        #expect(digits.withView { crc16($0) } == 0x31C3)
        #expect([UInt8](repeating: 0, count: 32).withView { crc32c($0) } == 0x8A91_36AA)
    }

    @Test("CRC32C is the same by instruction and by tables, whole and in parts, at every length")
    func lengths() {
        var random = SeededRandom(seed: 4)
        let bytes = (0..<80).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for length in 0...80 {
            bytes.withView { all in
                let view = all.slice(0, length)
                let whole = crc32c(view)
                #expect(a2_crc32c_portable(0, view.start, length) == whole, "\(length) bytes")
                for at in 0...length {
                    #expect(crc32c(view.dropFirst(at), continuing: crc32c(view.slice(0, at))) == whole)
                }
            }
        }
    }
}
