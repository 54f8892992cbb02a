/// The readers of TOML and JSON.
import Base
import Testing

@testable import Options

@Suite struct ReaderTests {
    /// One line for each leaf: its path and its value.
    private func leaves(_ text: String) throws -> [String] {
        try TOMLDocument.read(text).members.map { "\($0.path.joined(separator: ".")) \(spelled($0.value))" }
    }

    private func spelled(_ value: ConfigurationValue) -> String {
        switch value {
        case .string(let text): JSONSpelling.quoted(text)
        case .integer(let number): "\(number)"
        case .float(let number): "f\(number)"
        case .boolean(let on): "\(on)"
        case .null: "null"
        case .array(let elements): "[" + elements.map(spelled).joined(separator: " ") + "]"
        case .table(let members):
            "{" + members.map { "\($0.path.last ?? "")=\(spelled($0.value))" }.joined(separator: " ") + "}"
        }
    }

    @Test(
        "TOML: every kind of key, table and value",
        arguments: [
            ("a = 1", ["a 1"]), ("a=1#c\r\nb = 2", ["a 1", "b 2"]), ("\"a b\".'c.d' = 1", ["a b.c.d 1"]),
            ("1 = 2\n-_a = 3", ["1 2", "-_a 3"]), ("[t] # c\na = 1\n[t.u]\nb = 2", ["t.a 1", "t.u.b 2"]),
            ("[t.u]\nb = 2\n[t]\na = 1", ["t.u.b 2", "t.a 1"]), ("a.b = 1\na . c = 2", ["a.b 1", "a.c 2"]),
            ("a = { b = 1, c.d = 'x' }", ["a.b 1", "a.c.d \"x\""]),
            ("a = [1, [2,\n 3 ], # c\n]", ["a [1 [2 3]]"]), ("a = [{b = 1}, {b = 2}]", ["a [{b=1} {b=2}]"]),
            (
                "a = +1_000\nb = -17\nc = 0xdead_BEEF\nd = 0o17\ne = 0b11",
                ["a 1000", "b -17", "c 3735928559", "d 15", "e 3"]
            ),
            (
                "a = 1.5\nb = -1e3\nc = 6.02_2E+2\nd = inf\ne = -inf",
                ["a f1.5", "b f-1000.0", "c f602.2", "d finf", "e f-inf"]
            ),
            ("a = true\nb = false", ["a true", "b false"]),
            (#"a = "\b\t\n\f\r\"\\\u00e9\U0001F600""#, ["a \"\\b\\t\\n\\f\\r\\\"\\\\é😀\""]),
            ("a = '\\n'", ["a \"\\\\n\""]), ("a = \"\"\"\nx\\\n   \n  y\"\"\"\"\"", ["a \"xy\\\"\\\"\""]),
            ("a = '''\n'x'\n'''''", ["a \"'x'\\n''\""]), ("a = \"\"", ["a \"\""]), ("", []), ("\n# c\n  \n", []),
        ])
    func toml(_ text: String, _ expected: [String]) throws {
        #expect(try leaves(text) == expected)
    }

    @Test(
        "TOML: what is malformed is refused at its place",
        arguments: [
            ("a", "1:2: expected '=' after the key, found the end"), ("a = ", "1:5: expected a value, found the end"),
            ("= 1", "1:1: expected a key, found '='"), ("a = 1 b = 2", "1:7: expected the end of the line, found 'b'"),
            ("a = 1\na = 2", "2:1: 'a' is set twice"), ("[t]\n[t]", "2:1: 't' is defined twice"),
            ("a = 1\n[a.b]", "2:1: 'a' is a value, not a table"), ("a.b = 1\n[a]", "2:1: 'a' is defined twice"),
            ("a = {b = 1}\na.c = 2", "2:1: 'a' is set twice"), ("[t.u]\n[t]\nu.v = 1", "3:1: 't.u' is set twice"),
            ("a = {b = 1, b = 2}", "1:13: 'a.b' is set twice"), ("[[t]]", "1:1: arrays of tables are not used here"),
            ("a = 2026-01-01", "1:5: dates are not used here"),
            ("a = 01", "1:5: '01' is not a value; a text needs quotes"),
            ("a = 1__0", "1:5: '1__0' is not a value; a text needs quotes"),
            ("a = 1.", "1:5: '1.' is not a value; a text needs quotes"),
            ("a = 99999999999999999999", "1:5: '99999999999999999999' is not a value; a text needs quotes"),
            ("a = yes", "1:5: 'yes' is not a value; a text needs quotes"), ("é = 1", "1:1: expected a key, found 'é'"),
            ("a = 'é' x", "1:9: expected the end of the line, found 'x'"),
            ("a = \"x\nb = 1", "1:5: this string does not end"), ("a = '''x", "1:5: this string does not end"),
            ("a = \"\\x\"", "1:6: an unknown escape"), ("a = \"\\ud800\"", "1:6: a malformed \\u escape"),
            ("a = [1 2]", "1:8: expected ',' or ']', found '2'"), ("a = [1", "1:7: expected ',' or ']', found the end"),
            ("a = {b = 1,}", "1:12: expected a key, found '}'"), ("[t", "1:3: expected ']', found the end"),
            ("a = \"\u{1}\"", "1:6: a control character in a string must be escaped"),
        ])
    func malformedTOML(_ text: String, _ expected: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try TOMLDocument.read(text) }
        #expect(error?.description == expected)
    }

    @Test(
        "JSON: every kind of value",
        arguments: [
            ("null", "null"), (" [1, -2.5, 1e2, true, false] ", "[1 f-2.5 f100.0 true false]"), ("{}", "{}"),
            ("[]", "[]"),
            (#"{"a": {"b": [null]}, "c": ""}"#, "{a={b=[null]} c=\"\"}"),
            (#""\u00e9\ud83d\ude00\/\n""#, "\"é😀/\\n\""), ("0", "0"), ("-0", "0"),
        ])
    func json(_ text: String, _ expected: String) throws {
        #expect(spelled(try JSONReader.read(text)) == expected)
    }

    @Test(
        "JSON: what is malformed is refused at its place",
        arguments: [
            ("", "1:1: expected a value, found the end"), ("{", "1:2: expected a key in quotes, found the end"),
            ("[1,]", "1:4: expected a value, found ']'"), ("{\n\"a\" 1}", "2:5: expected ':' after the key, found '1'"),
            ("01", "1:1: a malformed number"), ("1.", "1:1: a malformed number"), ("-", "1:1: a malformed number"),
            ("1e999", "1:1: a number out of range"), ("nul", "1:1: expected a value, found 'n'"),
            ("1 2", "1:3: expected the end, found '2'"), ("\"a", "1:1: this string does not end"),
            ("\"\\ud800x\"", "1:2: a malformed \\u escape"),
            ("\"\n\"", "1:2: a control character in a string must be escaped"),
            (#"{"a":1,"a":2}"#, "1:8: 'a' is set twice"),
            ("[" + String(repeating: "[", count: 99), "1:66: nested too deeply"),
        ])
    func malformedJSON(_ text: String, _ expected: String) {
        let error = #expect(throws: ConfigurationError.self) { _ = try JSONReader.read(text) }
        #expect(error?.description == expected)
    }

    @Test("No text ends the process: mutilated documents either read or are refused", arguments: [1, 2, 3] as [UInt64])
    func fuzz(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let seeds = [
            Settings.generatedConfiguration.replacing("# ", with: ""), Settings().jsonReport,
            "a.b = { c = [1, 'x', \"\\u00e9\"], d = 1.5e3 }\n[t.'u']\nv = '''\nx''' # c\nw = 0xFF\n",
        ].map { Array($0.utf8) }
        for _ in 0..<3000 {
            var bytes = seeds[random.below(3)]
            let start = random.below(bytes.count)
            bytes = Array(bytes[start..<min(bytes.count, start + 200)])
            for _ in 0..<(1 + random.below(6)) where !bytes.isEmpty {
                let at = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1: bytes.remove(at: at)
                default: bytes.insert(Array("[]{}\"'.,=#\n\\-_eux".utf8)[random.below(17)], at: at)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? TOMLDocument.read(text)
            _ = try? JSONReader.read(text)
        }
        // Truncation anywhere.
        for bytes in seeds {
            for count in stride(from: 0, to: bytes.count, by: 7) {
                _ = try? TOMLDocument.read(String(decoding: bytes.prefix(count), as: UTF8.self))
                _ = try? JSONReader.read(String(decoding: bytes.prefix(count), as: UTF8.self))
            }
        }
    }
}
