/// Frames as bytes: what is written reads back, and nothing else reads at all.
import Base
import CRDT
import Testing

@testable import Wire

private struct FrameMaker {
    var random: SeededRandom

    mutating func stamp(_ replica: Replica, below limit: UInt64 = 1 << 52) -> Stamp {
        Stamp(tick: 1 + UInt64(random.below(Int(limit - 1))), replica: replica)
    }

    mutating func header() -> FrameHeader {
        let origin = Replica(rawValue: UInt16(1 + random.below(1023)))
        let stamp = stamp(origin)
        let prev = random.below(4) == 0 ? Stamp.zero : self.stamp(origin, below: max(stamp.tick, 2))
        var cut = prev
        if random.below(2) == 0 { cut = Stamp(rawValue: UInt64(random.below(Int(stamp.rawValue)))) }
        if random.below(3) == 0 { cut = Stamp(rawValue: (cut.rawValue >> 22) << 22 | 1023) }
        let count = random.below(random.below(4) == 0 ? 9 : 4)
        var dependencies: [Stamp] = []
        for _ in 0..<count { dependencies.append(self.stamp(Replica(rawValue: UInt16(random.below(1024))))) }
        return FrameHeader(
            partition: random.below(256), stamp: stamp, prev: prev < stamp ? prev : .zero,
            cut: cut < stamp ? cut : .zero, dependencies: FewStamps(dependencies),
            hasAllDependencies: random.below(2) == 0,
            isElided: random.below(2) == 0, isGrouped: random.below(2) == 0)
    }

    mutating func records() -> [UInt8] {
        (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
}

private func encode(_ header: FrameHeader, _ records: [UInt8]) -> [UInt8] {
    var buffer = ByteBuffer()
    records.withView { records in
        FrameCodec.encodeHeader(
            partition: header.partition, stamp: header.stamp, prev: header.prev, cut: header.cut,
            dependencies: header.dependencies, hasAllDependencies: header.hasAllDependencies,
            isElided: header.isElided, isGrouped: header.isGrouped, records: records, into: &buffer)
    }
    return buffer.array + records
}

private enum Decoded: Equatable {
    case frame(FrameHeader, records: [UInt8], byteCount: Int)
    case failure(FrameCodec.Failure)
}

private func decode(_ bytes: [UInt8]) -> Decoded {
    bytes.withView { view in
        do throws(FrameCodec.Failure) {
            let frame = try FrameCodec.decode(view)
            return .frame(frame.header, records: frame.records.array, byteCount: frame.byteCount)
        } catch {
            return .failure(error)
        }
    }
}

/// Puts the checksum right again after the content has been changed.
private func sealed(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    let crc = Array(bytes[8...]).withView { crc32c($0) }
    for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: crc >> UInt32(index * 8)) }
    return bytes
}

@Suite struct FrameTests {
    @Test("A frame reads back as it was written, whatever follows it")
    func roundTrip() {
        var maker = FrameMaker(random: SeededRandom(seed: 1))
        for _ in 0..<3000 {
            let header = maker.header()
            let records = maker.records()
            let bytes = encode(header, records)
            let expected = Decoded.frame(header, records: records, byteCount: bytes.count)
            #expect(decode(bytes) == expected)
            #expect(decode(bytes + maker.records()) == expected)
        }
    }

    @Test("Every flipped bit is detected")
    func flips() {
        var maker = FrameMaker(random: SeededRandom(seed: 2))
        for _ in 0..<60 {
            let bytes = encode(maker.header(), maker.records())
            for index in bytes.indices {
                for bit in 0..<8 {
                    var damaged = bytes
                    damaged[index] ^= 1 << UInt8(bit)
                    // A longer length asks for more bytes, which may be there.
                    for tail in [0, 600] {
                        if case .frame = decode(damaged + [UInt8](repeating: 7, count: tail)) {
                            Issue.record("seed 2: bit \(bit) of byte \(index) of \(bytes) went unnoticed")
                        }
                    }
                }
            }
        }
    }

    @Test("A frame cut short is incomplete, wherever it is cut")
    func truncation() {
        var maker = FrameMaker(random: SeededRandom(seed: 3))
        for _ in 0..<200 {
            let bytes = encode(maker.header(), maker.records())
            for length in bytes.indices { #expect(decode(Array(bytes[..<length])) == .failure(.incomplete)) }
        }
    }

    @Test("Another version is refused by its number")
    func version() {
        var maker = FrameMaker(random: SeededRandom(seed: 4))
        for version: UInt8 in [0, 2, 9, 255] {
            var bytes = encode(maker.header(), maker.records())
            bytes[3] = version
            #expect(decode(sealed(bytes)) == .failure(.version(version)))
        }
        #expect(decode(sealed([0, 0, 0, 1, 0, 0, 0, 0])) == .failure(.malformed))
    }

    @Test("Damage under a right checksum ends in a frame or a failure, never in a trap")
    func fuzz() {
        var maker = FrameMaker(random: SeededRandom(seed: 5))
        for _ in 0..<20_000 {
            var bytes = encode(maker.header(), maker.records())
            for _ in 0..<1 + maker.random.below(4) {
                let index = 8 + maker.random.below(bytes.count - 8)
                bytes[index] = UInt8(truncatingIfNeeded: maker.random.next())
            }
            if maker.random.below(4) == 0 {
                let length = 1 + maker.random.below(bytes.count - 8)
                bytes = Array(bytes[..<(8 + length)])
                for index in 0..<3 { bytes[index] = UInt8(truncatingIfNeeded: length >> (index * 8)) }
            }
            if case .frame(let header, let records, _) = decode(sealed(bytes)) {
                // What was taken says the same when written again.
                #expect(header.prev <= header.stamp && header.cut <= header.stamp)
                #expect(header.prev.isZero || header.prev.replica == header.origin)
                let again = encode(header, records)
                #expect(decode(again) == .frame(header, records: records, byteCount: again.count))
            }
        }
        for _ in 0..<5000 {
            var noise: [UInt8] = []
            for _ in 0..<maker.random.below(64) { noise.append(UInt8(truncatingIfNeeded: maker.random.next())) }
            if case .frame = decode(noise) { Issue.record("seed 5: noise read as a frame: \(noise)") }
        }
    }
}
