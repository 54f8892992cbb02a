/// The tools of the other tests: a parser that lets nothing slip, and comparisons that excuse only what they say.
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct SupportTools {
        @Test("Every type of reply is read, wherever the bytes are cut")
        func everyType() throws {
            let wire = Array(
                ("+OK\r\n-ERR x\r\n:-5\r\n$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*2\r\n:1\r\n*0\r\n"
                    + "_\r\n#t\r\n#f\r\n,1.5\r\n"
                    + "(123\r\n=5\r\ntxt:a\r\n!3\r\nERR\r\n~1\r\n+a\r\n%1\r\n+k\r\n:1\r\n>1\r\n+p\r\n|1\r\n+k\r\n+v\r\n")
                    .utf8)
            let expected: [Reply] = [
                .ok, .error(bytes("ERR x")), .integer(-5), .bulk(bytes("a\r\n")), .bulk([]), .nullBulk, .nullArray,
                .array([.integer(1), .array([])]), .null, .boolean(true), .boolean(false), .double(bytes("1.5")),
                .bigNumber(bytes("123")), .verbatim(bytes("txt:a")), .blobError(bytes("ERR")),
                .set([.simple(bytes("a"))]), .map([.simple(bytes("k")), .integer(1)]), .push([.simple(bytes("p"))]),
                .attribute([.simple(bytes("k")), .simple(bytes("v"))]),
            ]
            for cut in 0...wire.count {
                var parser = ReplyParser()
                var replies: [Reply] = []
                for part in [wire[..<cut], wire[cut...]] {
                    part.withUnsafeBytes { parser.append($0) }
                    while let reply = try parser.next() { replies.append(reply) }
                }
                #expect(replies == expected, "cut at \(cut)")
                #expect(parser.bufferedCount == 0)
            }
        }

        @Test(
            "What no server should send is refused",
            arguments: [
                ":01\r\n", ":+1\r\n", ":\r\n", ":1 \r\n", "$-2\r\n", "$1\r\nab\r\n", "*-2\r\n", "?\r\n", "+a\rb\r\n",
                "_x\r\n",
                "#x\r\n", "$01\r\na\r\n", "~-1\r\n", "OK\r\n",
            ])
        func malformed(_ text: String) {
            var parser = ReplyParser()
            Array(text.utf8).withUnsafeBytes { parser.append($0) }
            #expect(throws: TestSupportError.self) { try parser.next() }
        }

        @Test("Comparisons excuse what they are for, and nothing else")
        func comparisons() {
            func same(_ left: Reply, _ right: Reply, _ comparison: Comparison) -> Bool {
                var payloads: [(expected: [UInt8], actual: [UInt8])] = []
                let asked = QueuedCommand(command: words("X"), comparison: comparison)
                return difference(left, right, asked, payloads: &payloads) == nil
            }
            let (a, b) = (Reply.text("a"), Reply.text("b"))
            #expect(same(a, a, .exact) && !same(a, b, .exact) && !same(a, .simple(bytes("a")), .exact))
            #expect(!same(.null, .nullBulk, .shape) && !same(.nullBulk, .nullArray, .type))
            #expect(
                same(.array([a, b]), .array([b, a]), .unordered) && !same(.array([a, a]), .array([a, b]), .unordered))
            #expect(!same(.array([a]), .set([a]), .unordered) && !same(.array([a]), .array([a, a]), .unordered))
            #expect(same(.array([a, .array([a, b])]), .array([a, .array([b, a])]), .unorderedAt(1)))
            #expect(!same(.array([b, .array([a])]), .array([a, .array([a])]), .unorderedAt(1)))
            #expect(
                same(.text("0.1"), .text("0.10000000000000001"), .float) && !same(.text("0.1"), .text("0.1001"), .float)
            )
            #expect(same(.integer(10), .integer(12), .near(2)) && !same(.integer(10), .integer(13), .near(2)))
            #expect(!same(.integer(-1), .integer(0), .near(2)) && !same(.integer(-1), .integer(-2), .near(2)))
            #expect(same(a, b, .shape) && !same(.array([a]), .array([.integer(1)]), .shape))
            #expect(same(.text("raw"), .text("embstr"), .encoding) && !same(.text("raw"), .text("int"), .encoding))
            for comparison in [
                Comparison.shape, .type, .float, .near(5), .unordered, .encoding, .payload, .commandNames,
            ] {
                #expect(!same(.error(bytes("ERR a")), .error(bytes("ERR b")), comparison), "\(comparison)")
                #expect(!same(.error(bytes("ERR a")), a, comparison), "\(comparison)")
                #expect(!same(.queued, a, comparison), "\(comparison)")
            }
        }

        @Test("A program that is missing is named with the command that installs it")
        func missingProgram() {
            #expect { try TestEnvironment.program("no-such-program-at-all") } throws: { error in
                "\(error)".contains("no-such-program-at-all") && "\(error)".contains(TestEnvironment.installCommand)
            }
        }
    }
}
