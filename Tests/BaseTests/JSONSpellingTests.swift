/// Text in JSON and bytes in base64, which every document of a2 is written with.
import Base
import Testing

@Suite struct JSONSpellingTests {
    @Test("Quotes, controls of both kinds and nothing else are escaped")
    func quoting() {
        #expect(JSONSpelling.quoted("") == "\"\"")
        #expect(JSONSpelling.quoted("né 世 /\u{10348}") == "\"né 世 /\u{10348}\"")
        #expect(JSONSpelling.quoted("a\"b\\c\n\r\t\u{8}\u{C}") == #""a\"b\\c\n\r\t\b\f""#)
        #expect(JSONSpelling.quoted("\u{0}\u{1F}\u{7F}\u{9B}") == #""\u0000\u001f\u007f\u009b""#)
    }

    @Test("Base64 goes there and back, at every length")
    func base64() {
        let known = [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj")]
        for (plain, encoded) in known { #expect(plain.withBytes { Base64.encoded($0) } == encoded) }
        for count in 0..<64 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ count) }
            #expect(Base64.decoded(bytes.withView { Base64.encoded($0) }) == bytes, "\(count) bytes")
        }
        for wrong in ["YQ", "YQ=", "YR==", "Y===", "Y Q=", "YQ==YQ==", "Zm=v", "Zm9v\n"] {
            #expect(Base64.decoded(wrong) == nil, "\(wrong)")
        }
    }
}
