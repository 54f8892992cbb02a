/// CRC-64 and LZF, as dumped values carry them.
import Base
import Testing

@Suite struct LzfTests {
    private func expand(_ input: [UInt8], _ count: Int) -> [UInt8]? {
        var output = ByteBuffer()
        let isRight = input.withView { Lzf.expand($0, count: count, into: &output) }
        let written = output.array
        if !isRight { #expect(written.isEmpty) }
        return isRight ? written : nil
    }

    private func compress(_ input: [UInt8], bytesMax: Int) -> [UInt8]? {
        var output = ByteBuffer()
        output.append("before")
        let length = input.withView { Lzf.compress($0, bytesMax: bytesMax, into: &output) }
        let written = output.array
        #expect(written.count == 6 + (length ?? 0))
        return length == nil ? nil : Array(written[6...])
    }

    @Test("CRC-64 is Redis'", arguments: [("", 0), ("123456789", 0xE9C6_D914_C4B8_D9CA)] as [(String, UInt64)])
    func checksum(_ text: String, _ expected: UInt64) {
        #expect(Array(text.utf8).withView { crc64($0) } == expected)
    }

    @Test("A CRC-64 can be continued at any place")
    func continuedChecksum() {
        var random = SeededRandom(seed: 5)
        let bytes = (0..<100).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes.withView { bytes in
            let whole = crc64(bytes)
            for at in 0...bytes.count {
                #expect(crc64(bytes.dropFirst(at), continuing: crc64(bytes.slice(0, at))) == whole)
            }
        }
    }

    @Test("What is compressed expands to itself")
    func roundTrip() {
        var random = SeededRandom(seed: 1)
        var compressed = 0
        for round in 0..<3000 {
            let letters = 1 + random.below([2, 4, 256][round % 3])
            var input: [UInt8] = []
            while input.count < random.below(1200) {
                if random.below(3) == 0, !input.isEmpty {
                    let from = random.below(input.count)
                    input += input[from..<min(input.count, from + random.below(400))]
                } else {
                    input.append(UInt8(random.below(letters)))
                }
            }
            guard let packed = compress(input, bytesMax: input.count - 4) else { continue }
            compressed += 1
            #expect(packed.count <= input.count - 4)
            #expect(expand(packed, input.count) == input, "round \(round)")
            #expect(expand(packed, input.count + 1) == nil)
            #expect(expand(packed, input.count - 1) == nil)
        }
        #expect(compressed > 1000)
    }

    @Test("Far repetitions are found, farther ones are not said")
    func distances() {
        for gap in [8191, 8192, 8193, 20_000] {
            var random = SeededRandom(seed: UInt64(gap))
            let phrase = (0..<100).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let input = phrase + [UInt8](repeating: 0, count: gap - 100) + phrase
            let packed = compress(input, bytesMax: input.count)
            #expect(packed.flatMap { expand($0, input.count) } == input, "gap \(gap)")
        }
    }

    @Test("Bytes from outside neither crash nor write past the end")
    func fuzz() {
        var random = SeededRandom(seed: 2)
        for _ in 0..<40_000 {
            let input = (0..<random.below(24)).map { _ in
                random.below(2) == 0 ? UInt8(random.below(40)) : UInt8(truncatingIfNeeded: random.next())
            }
            let count = random.below(600)
            if let output = expand(input, count) { #expect(output.count == count) }
        }
        #expect(expand([0xFF, 0xFF, 0xFF], .max) == nil)
        #expect(expand([0x20, 0x00], 3) == nil)
    }
}
