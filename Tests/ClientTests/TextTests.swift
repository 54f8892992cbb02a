/// Quoting, INFO and the reading of replies.
import Client
import RESP
import Testing

@Suite struct TextTests {
    @Test("Any bytes survive quoting and being split again")
    func quotingRoundTrip() {
        let all = [UInt8](0...255)
        #expect(Quoting.words(of: Quoting.quoted(all)) == [all])
        #expect(Quoting.words(of: "SET " + Quoting.word([]) + " " + Quoting.word(all)) == [Array("SET".utf8), [], all])
        #expect(Quoting.quoted(Array("a\"\\\n\r\t\u{7}\u{8}é".utf8)) == #""a\"\\\n\r\t\a\b\xc3\xa9""#)
        #expect(Quoting.words(of: "a 'b") == nil)
        #expect(Quoting.words(of: "\"a\"b") == nil)
    }

    @Test("INFO is read into sections and fields")
    func info() {
        let info = InfoText(
            "# Server\r\nredis_version:7.2.4\r\nos:Linux: x\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n")
        #expect(info["redis_version"] == "7.2.4")
        #expect(info["os"] == "Linux: x")
        #expect(info.section("keyspace")?.fields.map(\.name) == ["db0"])
        #expect(InfoText.parts(of: info["db0"] ?? "").map(\.value) == ["1", "0"])
        #expect(info["none"] == nil)
    }

    @Test("A map reads the same from either protocol")
    func maps() {
        let three = ReplyValue.map([ReplyPair(key: .bulk(Array("a".utf8)), value: .integer(1))])
        let two = ReplyValue.array([.bulk(Array("a".utf8)), .bulk(Array("1".utf8))])
        #expect(three["a"]?.integer == 1)
        #expect(two["a"]?.integer == 1)
        #expect(ReplyValue.attributed([], three)["a"]?.text == "1")
        #expect(ReplyValue.integer(1)["a"] == nil)
        #expect(ReplyValue.double(1.5).text == "1.5")
    }
}
