/// The word-at-a-time bit functions and the fields of BITFIELD against one bit at a time.
import Base
import Testing

@testable import Commands

private func randomBytes(_ random: inout SeededRandom) -> [UInt8] {
    let count = random.below(70)
    // Long runs of equal bytes, so that searches go over words.
    let filler: UInt8? = [nil, 0, 0xFF][random.below(3)]
    var bytes = (0..<count).map { _ in filler ?? UInt8(truncatingIfNeeded: random.next()) }
    if count > 0, random.below(2) == 0 { bytes[random.below(count)] = UInt8(truncatingIfNeeded: random.next()) }
    return bytes
}

private func bit(_ bytes: [UInt8], _ index: Int) -> Bool {
    index / 8 < bytes.count && bytes[index / 8] >> UInt8(7 - index % 8) & 1 == 1
}

@Test(arguments: 0..<20)
func bitsAreCountedAndFoundAsOneByOne(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<200 {
        let bytes = randomBytes(&random)
        let length = bytes.count * 8
        bytes.withView { view in
            #expect(Bits.count(view) == (0..<length).count { bit(bytes, $0) }, "seed \(seed)")
        }
        if length == 0 { continue }
        let first = random.below(length)
        let last = first + random.below(length - first)
        let wanted = random.below(2) == 1
        bytes.withView { view in
            #expect(
                Bits.count(view, from: first, through: last) == (first...last).count { bit(bytes, $0) },
                "seed \(seed), \(first)...\(last) of \(bytes)")
            #expect(
                Bits.index(of: wanted, in: view, from: first, through: last)
                    == (first...last).first { bit(bytes, $0) == wanted },
                "seed \(seed), \(first)...\(last) of \(bytes)")
            let probe = random.below(length + 20)
            #expect(Bits.isSet(probe, in: view) == bit(bytes, probe), "seed \(seed), bit \(probe) of \(bytes)")
        }
    }
}

@Test(arguments: 0..<20)
func wordsAreCombinedAsBytes(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<100 {
        let source = randomBytes(&random)
        var target = source.map { _ in UInt8(truncatingIfNeeded: random.next()) } + [0x5A]
        let expected = zip(target, source).map { $0 & ~$1 } + [0x5A]
        target.withUnsafeMutableBufferPointer { target in
            guard let start = target.baseAddress else { return }
            source.withView { Bits.combine(start, with: $0) { $0 & ~$1 } }
        }
        #expect(target == expected, "seed \(seed)")
    }
}

private func fieldType(_ text: String) -> BitfieldType? { Array(text.utf8).withView { BitfieldType($0) } }

@Test
func fieldTypesAreReadStrictly() {
    for text in ["i1", "i64", "u1", "u63"] { #expect(fieldType(text) != nil, "\(text)") }
    for text in ["", "i", "u", "i0", "u0", "u64", "i65", "I8", "U8", "x8", "8", "u-1", "u08", "u8 ", "u+8"] {
        #expect(fieldType(text) == nil, "\(text)")
    }
}

@Test(arguments: 0..<20)
func fieldsAreStoredAndLoadedAsBits(seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<300 {
        let isSigned = random.below(2) == 1
        let bits = 1 + random.below(isSigned ? 64 : 63)
        let type = try #require(fieldType("\(isSigned ? "i" : "u")\(bits)"))
        let offset = random.below(100)
        let place = BitfieldPlace(type: type, bitOffset: offset)
        let before = (0..<9).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let packed = before.reduce(into: UInt128(0)) { $0 = $0 << 8 | UInt128($1) }
        let value = type.number(random.next())
        #expect(Int128(value) >= type.lowest && Int128(value) <= type.highest)

        let stored = place.store(value, into: packed)
        let after = (0..<9).map { UInt8(truncatingIfNeeded: stored >> UInt128((8 - $0) * 8)) }
        for index in 0..<72 {
            let inField = index - offset % 8
            let expected =
                inField >= 0 && inField < bits
                ? UInt64(bitPattern: value) >> UInt64(bits - 1 - inField) & 1 == 1 : bit(before, index)
            #expect(bit(after, index) == expected, "seed \(seed), \(place), bit \(index)")
        }
        #expect(place.load(stored) == value, "seed \(seed), \(place)")
        #expect(place.firstByte == offset / 8 && place.endByte == (offset + bits - 1) / 8 + 1)
    }
}

@Test
func fieldsOverflowAsAsked() throws {
    let i8 = try #require(fieldType("i8"))
    let u4 = try #require(fieldType("u4"))
    let i64 = try #require(fieldType("i64"))
    #expect(i8.fit(128, .wrap, isSet: true) == -128)
    #expect(i8.fit(128, .saturate, isSet: true) == 127)
    #expect(i8.fit(-129, .saturate, isSet: true) == -128)
    #expect(i8.fit(-129, .wrap, isSet: true) == 127)
    #expect(i8.fit(128, .fail, isSet: true) == nil)
    // As Redis has it, whose distance wraps.
    #expect(i8.fit(Int128(Int64.min), .saturate, isSet: true) == 127)
    #expect(i8.fit(Int128(Int64.min) + 128, .saturate, isSet: true) == -128)
    #expect(i8.fit(Int128(Int64.min), .saturate, isSet: false) == -128)
    #expect(i8.fit(127, .fail, isSet: true) == 127)
    #expect(u4.fit(u4.exact(-1), .saturate, isSet: true) == 15)
    #expect(u4.fit(-1, .saturate, isSet: true) == 0)
    #expect(u4.fit(-1, .wrap, isSet: true) == 15)
    #expect(u4.fit(16, .fail, isSet: true) == nil)
    #expect(i64.fit(Int128(Int64.max) + 1, .wrap, isSet: true) == .min)
    #expect(i64.fit(Int128(Int64.max) + 1, .saturate, isSet: true) == .max)
}
