/// In flight or diverged: the rule, and what the pieces of text and numbers are made of.
import Base
import RESP
import Testing

@testable import Console

@Suite struct ViewAgreementTests {
    private func look(_ fingerprints: [String?], _ versions: [[Stamp]]) -> AgreementLook {
        AgreementLook(fingerprints: fingerprints, versions: versions.map { Versions($0) })
    }

    private let early = ViewFixtures.stamp(1000, 1)
    private let late = ViewFixtures.stamp(2000, 1)

    @Test("What differs although everybody has applied all that anybody had before has diverged")
    func diverged() {
        let first = look(["a", "b"], [[early], [early]])
        #expect(first.agreement(after: first) == .diverged)
        // Other keys of the partition go on being written: that does not excuse this one.
        #expect(look(["a", "b"], [[late], [early]]).agreement(after: first) == .diverged)
    }

    @Test("What has changed since, or what somebody still lacks, is in flight")
    func inFlight() {
        let first = look(["a", "b"], [[late], [early]])
        #expect(look(["a", "b"], [[late], [early]]).agreement(after: first) == .inFlight)
        #expect(look(["a", "c"], [[late], [late]]).agreement(after: first) == .inFlight)
        #expect(look(["a", nil], [[late], []]).agreement(after: look(["a", nil], [[late], []])) == .inFlight)
        #expect(look(["a", "a"], [[late], [late]]).agreement(after: first) == .equal)
    }

    @Test("The odd ones are those that differ from what most show")
    func outliers() {
        #expect(look(["a", "b", "a"], []).outliers == [1])
        #expect(look([nil, "b", "b"], []).outliers == [0])
        #expect(look(["a", "b"], []).outliers == [1])
        #expect(look(["a", "a"], []).outliers.isEmpty)
    }

    @Test("Who lacks writes is told by node and author, with the age of the oldest")
    func missing() {
        let other = ViewFixtures.stamp(500, 2)
        let before = PartitionLooks(looks: [
            look(["a", "b"], [[late], [early]]), look(["c", "d"], [[late], [other]]),
        ])
        let after = PartitionLooks(looks: [
            look(["a", "b"], [[late], [early]]), look(["c", "d"], [[late, other], [other]]),
        ])
        let missing = after.missing(since: before, unixMilliseconds: 1_764_000_005_000)
        #expect(
            missing == [
                MissingWrites(node: 1, replica: Replica(node: 1, generation: 0), partitions: 2, milliseconds: 3000)
            ])
        #expect(after.missing(since: after, unixMilliseconds: 0).map(\.milliseconds) == [0])
    }

    @Test("Stamps are read as they are spelled, and nothing else is")
    func stamps() {
        for stamp in [early, Stamp(tick: late.tick + 4095, replica: Replica(node: 255, generation: 3)), .zero] {
            #expect(Stamp(spelled: "\(stamp)") == stamp)
        }
        for text in [
            "", "x", "1+1", "1764000000000+0@0", "1764000000000+4096@1", "1764000000000+0@1.4", "1+0@1", "-+@",
        ] {
            #expect(Stamp(spelled: text) == nil, "\(text)")
        }
        let largest = "\(Int64.min)+0@1"
        #expect(Stamp(spelled: largest) == nil)
    }

    @Test("Text is measured and cut by columns, and steers no terminal")
    func text() {
        #expect(ViewText.width("añ日本") == 6 && ViewText.width("e\u{301}") == 1)
        #expect(ViewText.cut("日本語", to: 5) == "日本…" && ViewText.cut("abc", to: 3) == "abc")
        #expect(ViewText.cut("abcdef", to: 3, isUnicode: false) == "ab>" && ViewText.cut("ab", to: 0) == "")
        #expect(ViewText.plain("a\u{1B}[2Jb\u{9B}c\nd\u{202E}") == "a [2Jb c d ")
        #expect(ViewText.key(Array("user:1".utf8)) == "user:1" && ViewText.key(Array("a b".utf8)) == "\"a b\"")
        #expect(ViewText.key([]) == "\"\"" && ViewText.key([0xFF, 10, 34]) == "\"\\xff\\n\\\"\"")
        #expect(
            ViewText.quoted(Array("é\n".utf8)) == "\"é\\n\""
                && ViewText.quoted(Array("\u{9B}2J".utf8)).hasPrefix("\"\\x"))
    }

    @Test("Numbers as people read them")
    func numbers() {
        let durations: [(Int64, String)] = [
            (0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (59_999, "59.9 s"), (60_000, "1 m 0 s"),
            (3_600_000, "1 h 0 m"), (90_000_000, "1 d 1 h"), (-5, "-5 ms"),
        ]
        for (value, text) in durations { #expect(ViewNumber.duration(milliseconds: value) == text) }
        #expect(ViewNumber.count(9999) == "9999" && ViewNumber.count(12_345) == "12.3k")
        #expect(ViewNumber.bytes(1023) == "1023 B" && ViewNumber.bytes(1536) == "1.5 KB")
        #expect(ViewNumber.moment(unixMilliseconds: 0) == "1970-01-01 00:00:00.000Z")
        #expect(ViewNumber.moment(unixMilliseconds: 1_709_210_096_007) == "2024-02-29 12:34:56.007Z")
        #expect(ViewNumber.moment(unixMilliseconds: -1) == "1969-12-31 23:59:59.999Z")
    }

    @Test("Documents are JSON whatever the keys are made of")
    func json() {
        let value: ViewJSON = ["a": .text("q\"\\\n\u{1}é"), "b": .bytes([0xFF, 0, 0x41, 0x42]), "c": .number(nil)]
        #expect(value.text == #"{"a":"q\"\\\n\u0001é","b":{"b64":"/wBBQg=="},"c":null}"#)
    }

    @Test("Keys of the terminal, arrows in both spellings")
    func keys() {
        let bytes = Array("q\u{1B}[A\u{1B}OB\u{1B}[5~\u{1B}[1;5C+".utf8)
        #expect(
            ViewTopSession.keys(bytes) == [
                .character(113), .up, .down, .pageUp, .right, .character(43),
            ])
        #expect(ViewTopSession.keys([27]) == [.escape] && ViewTopSession.keys([27, 91]) == [.escape, .character(91)])
    }

    @Test("The prompt's few characters")
    func status() {
        func text(_ reading: ClusterReading, _ agreements: [Agreement]?) -> String {
            let digests = agreements.map { ClusterWatch.Digests(places: [0, 1, 2], agreements: $0) }
            return ClusterStatus.cells(reading, digests).map(\.text).joined(separator: " ")
        }
        #expect(text(ViewFixtures.well, [.equal]) == "lag 212ms =")
        #expect(text(ViewFixtures.well, [.equal, .inFlight, .inFlight]) == "lag 212ms 2~")
        #expect(text(ViewFixtures.cut, [.inFlight, .diverged]) == "lag 12.3s link down 1≠")
        #expect(text(ViewFixtures.hurt, nil) == "node-3 down lag 1m5s")
        var alone = ViewFixtures.well
        alone.nodes.removeLast(2)
        #expect(text(alone, nil) == "")
    }
}
