/// Replies byte for byte. The types' spellings are what redis-server 7.0.15's DEBUG PROTOCOL sends.
import Base
import RESP
import Testing

private func written(_ version: UInt8, _ body: (inout ReplyWriter) -> Void) -> [UInt8] {
    var writer = ReplyWriter(capacity: 16)
    writer.protocolVersion = version
    body(&writer)
    return writer.buffer.array
}

private func expect(
    _ two: String, _ three: String? = nil, _ comment: Comment? = nil,
    at location: SourceLocation = #_sourceLocation, _ body: (inout ReplyWriter) -> Void
) {
    #expect(written(2, body) == bytes(two), comment, sourceLocation: location)
    #expect(written(3, body) == bytes(three ?? two), comment, sourceLocation: location)
}

@Suite struct ReplyWriterTests {
    @Test("Lines, numbers and strings")
    func scalars() {
        expect("+OK\r\n") { $0.ok() }
        expect("+PONG\r\n") { $0.pong() }
        expect("+QUEUED\r\n") { $0.queued() }
        expect("+string\r\n") { $0.simple("string") }
        expect("+a b\r\n") { $0.simple(ByteView("a b")) }
        expect(":12345\r\n:-9223372036854775808\r\n:0\r\n") {
            $0.integer(12345)
            $0.integer(Int64.min)
            $0.integer(0 as Int)
        }
        expect("$11\r\nHello World\r\n$0\r\n\r\n$2\r\n\r\n\r\n") {
            $0.bulk("Hello World" as StaticString)
            $0.bulk(.empty)
            $0.bulk("\r\n" as String)
        }
        expect("$2\r\n-7\r\n$0\r\n\r\n") {
            $0.bulk(-7 as Int64)
            $0.bulk("" as String)
        }
        expect("$-1\r\n", "_\r\n") { $0.null() }
        expect("*-1\r\n", "_\r\n") { $0.nullArray() }
        expect(":1\r\n:0\r\n", "#t\r\n#f\r\n") {
            $0.boolean(true)
            $0.boolean(false)
        }
        let digits = "1234567999999999999999999999999999999" as StaticString
        expect("$37\r\n\(digits)\r\n", "(\(digits)\r\n") { $0.bigNumber(ByteView(digits)) }
        expect("$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n") {
            $0.verbatim("txt", ByteView("This is a verbatim\nstring"))
        }
    }

    @Test("Nothing in an error's text can end the reply")
    func errors() {
        expect("-ERR no such key\r\n") { $0.error("ERR no such key" as StaticString) }
        expect("-ERR a  b c\r\n") { $0.error(ByteView("ERR a\r\nb\nc\r\n\r\n")) }
        expect("+OK\r\n-ERR x\r\n-\r\n") {
            $0.ok()
            $0.error("ERR x\n" as String)
            $0.error("\r\n" as String)
        }
    }

    @Test("Aggregates")
    func aggregates() {
        expect("*3\r\n*6\r\n*3\r\n*2\r\n", "*3\r\n%3\r\n~3\r\n>2\r\n") {
            $0.array(3)
            $0.map(3)
            $0.set(3)
            $0.push(2)
        }
        #expect(written(3) { $0.attribute(1) } == bytes("|1\r\n"))
    }

    @Test(
        "Doubles are spelled as Redis 7.2 spells them",
        arguments: [
            (0.0, "0"), (-0.0, "-0"), (3, "3"), (-17, "-17"), (3.141, "3.141"), (0.1, "0.1"),
            (1e20, "1e+20"),
            (1e17, "100000000000000000"), (4e18, "4000000000000000000"), (1.5e-10, "1.5e-10"), (0.0001, "0.0001"),
            (0.000001, "0.000001"), (1e-7, "1e-7"), (1.25e300, "1.25e+300"), (-2.5e-300, "-2.5e-300"),
            (.leastNonzeroMagnitude, "5e-324"),
            (.infinity, "inf"), (-.infinity, "-inf"), (.nan, "nan"), (123456.789, "123456.789"), (1e21, "1e+21"),
            (-1.7976931348623157e308, "-1.7976931348623157e+308"), (0.30000000000000004, "0.30000000000000004"),
        ])
    func doubles(_ value: Double, _ text: String) {
        expect("$\(text.utf8.count)\r\n\(text)\r\n", ",\(text)\r\n", "\(value)") { $0.double(value) }
    }

    @Test("A length said afterwards moves what was written only as far as its digits need")
    func deferredLengths() {
        for count in [0, 1, 9, 10, 99, 100, 12345] {
            func elements(_ writer: inout ReplyWriter) { for index in 0..<count { writer.integer(index) } }
            let body: (inout ReplyWriter) -> Void = { writer in
                writer.ok()
                let outer = writer.beginDeferredArray()
                let inner = writer.beginDeferred(.set)
                elements(&writer)
                writer.endDeferred(inner, count: count)
                let map = writer.beginDeferred(.map)
                elements(&writer)
                elements(&writer)
                writer.endDeferred(map, count: count)
                for _ in 0..<count { writer.null() }
                writer.endDeferred(outer, count: count + 2)
                writer.pong()
            }
            for version in [2, 3] as [UInt8] {
                let expected = written(version) { writer in
                    writer.ok()
                    writer.array(count + 2)
                    writer.set(count)
                    elements(&writer)
                    writer.map(count)
                    elements(&writer)
                    elements(&writer)
                    for _ in 0..<count { writer.null() }
                    writer.pong()
                }
                #expect(written(version, body) == expected, "\(count) elements, RESP\(version)")
            }
        }
    }
}
