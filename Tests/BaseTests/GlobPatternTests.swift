/// Glob patterns: Redis' rules, agreement with the definition, and a bound on what they cost.
import Base
import Testing

@Suite struct GlobPatternTests {
    private func matches(_ pattern: [UInt8], _ text: [UInt8], ignoresCase: Bool = false) -> Bool {
        pattern.withView { pattern in
            text.withView { GlobPattern(pattern, ignoresCase: ignoresCase).matchesName($0) }
        }
    }

    /// Replies of a redis-server to KEYS.
    @Test(
        "Patterns match what Redis matches",
        arguments: [
            ("*", "", true), ("**", "", false), ("", "", true), ("", "a", false), ("?", "", false), ("a*", "a", true),
            ("*a", "a", true), ("*a*", "bab", true), ("h?llo", "hello", true), ("h?llo", "hllo", false),
            ("h*llo", "hllo", true), ("h[ae]llo", "hallo", true), ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true), ("h[^e]llo", "hello", false), ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hbllo", true), ("h[a-b]llo", "hcllo", false), ("\\*", "*", true), ("\\*", "a", false),
            ("a\\", "a\\", true), ("\\", "\\", true), ("[", "[", false), ("[", "a", false), ("[^", "a", true),
            ("[^", "^", true), ("[a", "a", true), ("[a", "b", false), ("[a-", "a", true), ("[a-", "-", true),
            ("[a-]", "b", false), ("[a-]", "_", true), ("[a-]x", "_", true), ("[]a]", "a]", false),
            ("[\\]]", "]", true), ("[\\a-c]", "b", false), ("[\\a-c]", "-", true), ("[]", "a", false),
            ("[^]", "a", true), ("a**b", "ab", true), ("*b*d", "abcd", true), ("*b*d", "abdc", false),
            ("a[^a-b]*", "ac", true), ("*[a-c]", "xxb", true), ("*?*?*", "a", false), ("*?*?*", "ab", true),
            ("[abc]*[x-z]", "bay", true), ("a\\?c", "a?c", true), ("a\\?c", "abc", false),
        ])
    func redis(_ pattern: String, _ text: String, _ expected: Bool) {
        #expect(matches(Array(pattern.utf8), Array(text.utf8)) == expected, "\(pattern) on \(text)")
    }

    @Test("Ranges compare signed bytes")
    func signedRanges() {
        #expect(matches([0x5B, 0x01, 0x2D, 0xFF, 0x5D], [0x00]))
        #expect(!matches([0x5B, 0x01, 0x2D, 0xFF, 0x5D], [0x61]))
        #expect(matches([0x5B, 0x80, 0x2D, 0x61, 0x5D], [0xC3]))
    }

    @Test("Case can be ignored")
    func ignoringCase() {
        #expect(matches(Array("MaxMem*[P-Q]".utf8), Array("maxmemory-p".utf8), ignoresCase: true))
        #expect(!matches(Array("MaxMem*".utf8), Array("maxmemory".utf8)))
    }

    @Test("A pattern made to explode costs the product of the lengths at most")
    func hostile() {
        let pattern = Array(String(repeating: "a*", count: 200).utf8) + [98]
        let text = [UInt8](repeating: 97, count: 3000)
        #expect(!matches(pattern, text))
        #expect(matches(Array(String(repeating: "*a", count: 1000).utf8), text))
        #expect(!matches(Array(String(repeating: "*a", count: 1001).utf8), text))
    }

    /// The definition, with all the time in the world.
    private func matchesSlowly(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == 42 {
            return matchesSlowly(pattern.dropFirst(), text)
                || !text.isEmpty && matchesSlowly(pattern, text.dropFirst())
        }
        guard let byte = text.first, first == 63 || first == byte else { return false }
        return matchesSlowly(pattern.dropFirst(), text.dropFirst())
    }

    @Test("Random patterns of stars, marks and letters agree with the definition")
    func randomly() {
        var random = SeededRandom(seed: 11)
        var hits = 0
        for _ in 0..<8000 {
            let pattern = (0..<random.below(9)).map { _ in Array("a*?b*".utf8)[random.below(5)] }
            let text = (0...random.below(9)).map { _ in Array("ab".utf8)[random.below(2)] }
            let expected = matchesSlowly(pattern[...], text[...])
            if expected { hits += 1 }
            #expect(matches(pattern, text) == expected, "\(pattern) on \(text)")
        }
        #expect(hits > 400)
    }
}
