/// The parser's own rules: batches, origins, limits, blocks.
import Base
import RESP
import Testing

@Suite struct RequestParserTests {
    @Test("Arrays, inline commands and empty requests mix in one pipeline")
    func pipeline() {
        let parsed = parse("*2\r\n$3\r\nGET\r\n$1\r\na\r\n\r\nget 'b c'\r\n*0\r\n*-1\r\n*1\r\n$0\r\n\r\n*1\r\n$4\r\nPI")
        #expect(parsed.commands == [[bytes("GET"), bytes("a")], [bytes("get"), bytes("b c")], [[]]])
        #expect(parsed.failure == nil && parsed.isInsideCommand)
    }

    @Test(
        "Every length's header is understood, and every count's",
        arguments: [
            0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9999, 10000, 16384, 65536, 1_048_575, 1_048_576, 10_000_000,
        ])
    func lengths(_ length: Int) {
        let payload = [UInt8](repeating: 0x0D, count: length)
        let stream = bytes("*2\r\n$3\r\nSET\r\n$\(length)\r\n") + payload + bytes("\r\nPING\r\n")
        #expect(parse(stream) { .max }.parsed.commands == [[bytes("SET"), payload], [bytes("PING")]])
        let many = bytes("*\(length)\r\n") + Array(repeating: bytes("$1\r\nx\r\n"), count: length % 65536).joined()
        let outcome = parse(many) { .max }.parsed
        #expect(outcome.isInsideCommand == (length >= 65536))
        if length > 0, length < 65536 { #expect(outcome.commands.first?.count == length) }
    }

    @Test("A batch keeps its ranges until it is finished, and an unfinished command moves with the origin")
    func origins() {
        var parser = RequestParser()
        var list = ArgumentList()
        let limits = ParserLimits()
        var buffer = ByteBuffer(capacity: 16)
        buffer.append(request("SET", "a", "1") + request("SET", "b", "2") + bytes("*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$1\r"))
        #expect(parser.next(buffer.view, into: &list, limits: limits) == .command(arguments: 0..<3, end: 27))
        #expect(parser.next(buffer.view, into: &list, limits: limits) == .command(arguments: 3..<6, end: 54))
        #expect(parser.next(buffer.view, into: &list, limits: limits) == .incomplete(wanted: 1))
        #expect(list.bytes(at: 4, in: buffer.view).string == "b")
        #expect(parser.finishBatch(&list) == 54)
        buffer.consume(54)
        #expect(list.count == 2 && list.bytes(at: 1, in: buffer.view).string == "c")
        #expect(parser.finishBatch(&list) == 0)
        buffer.append("\nx\r\n" + String(repeating: " ", count: 10_000))
        #expect(parser.next(buffer.view, into: &list, limits: limits) == .command(arguments: 0..<3, end: 27))
        #expect(list.bytes(at: 2, in: buffer.view).string == "x")
    }

    @Test("What was parsed ahead can be given back")
    func rewinding() {
        var parser = RequestParser()
        var list = ArgumentList()
        let limits = ParserLimits()
        for tail in ["", "*2\r\n$1\r\nx\r\n", "*1\r\nx\r\n", "\"\r\n"] {
            var buffer = ByteBuffer()
            buffer.append(request("BLPOP", "a", "0") + request("SET", "b", "2") + bytes("echo 'it\\'s'\r\n\(tail)"))
            guard case .command(_, let end) = parser.next(buffer.view, into: &list, limits: limits) else {
                Issue.record("no command")
                return
            }
            while case .command = parser.next(buffer.view, into: &list, limits: limits) {}
            parser.rewind(to: end, list)
            #expect(list.bytes(at: 1, in: buffer.view).string == "a")
            buffer.consume(parser.finishBatch(&list))
            #expect(list.isEmpty && !parser.isInsideCommand)
            let again = parser.next(buffer.view, into: &list, limits: limits)
            #expect(again == .command(arguments: 0..<3, end: 27))
            #expect(parser.next(buffer.view, into: &list, limits: limits) == .command(arguments: 3..<5, end: 41))
            #expect(list.bytes(at: 4, in: buffer.view).string == "it's")
            parser.rewind(to: 41, list)
            buffer.consume(parser.finishBatch(&list))
        }
    }

    @Test("A failure stays a failure, even where a command seems to follow")
    func failures() {
        var parser = RequestParser()
        var list = ArgumentList()
        let limits = ParserLimits()
        let stream = bytes("PING\r\n*1\r\n*1\r\n$4\r\nPING\r\n")
        stream.withView { view in
            #expect(parser.next(view, into: &list, limits: limits) == .command(arguments: 0..<1, end: 6))
            for _ in 0..<3 {
                #expect(parser.next(view, into: &list, limits: limits) == .failure(.expectedBulk(got: 42)))
            }
        }
    }

    @Test("A line found too long stays so when its end arrives")
    func lateLineEnd() {
        let limits = ParserLimits()
        for head in ["", "*", "*1\r\n$"] {
            var parser = RequestParser()
            var list = ArgumentList()
            var buffer = ByteBuffer()
            buffer.append(bytes(head) + [UInt8](repeating: 0x30, count: Limits.inlineBytesMax + 1))
            let failure = parser.next(buffer.view, into: &list, limits: limits)
            guard case .failure = failure else {
                Issue.record("\(head): \(failure)")
                return
            }
            buffer.append("\r\n")
            #expect(parser.next(buffer.view, into: &list, limits: limits) == failure)
        }
    }

    @Test("Limits hold at their exact values")
    func limits() {
        let stranger = ParserLimits(isAuthenticated: false)
        let payload = String(repeating: "x", count: 16384)
        #expect(parse("*1\r\n$16384\r\n\(payload)\r\n", limits: stranger).commands.count == 1)
        #expect(parse("*1\r\n$16385\r\n\(payload)x\r\n", limits: stranger).failure == .unauthenticatedBulkLength)
        let arguments = String(repeating: "$1\r\nx\r\n", count: 11)
        #expect(parse("*11\r\n\(arguments)", limits: stranger).failure == .unauthenticatedArgumentCount)
        #expect(parse("*10\r\n\(arguments)", limits: stranger).commands.first?.count == 10)
        let small = ParserLimits(bulkBytesMax: 1000)
        #expect(parse("*1\r\n$1000\r\n\(payload)\r\n", limits: small).commands.first?.first?.count == 1000)
        #expect(parse("*1\r\n$1001\r\n\(payload)\r\n", limits: small).failure == .invalidBulkLength)
    }

    @Test("A million small arguments in small pieces take a million steps")
    func manyArguments() {
        let count = 1_048_576
        var stream = ByteBuffer()
        stream.append("*\(count)\r\n")
        for _ in 0..<count { stream.append("$1\r\nx\r\n") }
        let limits = ParserLimits()
        var parser = RequestParser()
        var list = ArgumentList()
        var end = 0
        var calls = 0
        while true {
            end = min(end + 16384, stream.count)
            calls += 1
            let outcome = parser.next(stream.view.slice(0, end), into: &list, limits: limits)
            if case .command(let arguments, let commandEnd) = outcome {
                #expect(arguments == 0..<count && commandEnd == stream.count)
                break
            }
            // The list holds all that has arrived: nothing is left to look at again.
            guard end < stream.count, (end - 12) / 7 <= list.count, parser.finishBatch(&list) == 0 else {
                Issue.record("stopped after \(calls) pieces with \(list.count) arguments: \(outcome)")
                break
            }
        }
        #expect(list.memoryBytes < 64 << 20)
        #expect(parser.finishBatch(&list) == stream.count)
        #expect(list.memoryBytes < 8192)
    }

    @Test("Large bulks go to blocks whatever the pieces, and only while they arrive")
    func largeBulks() {
        let limits = ParserLimits(blockArgumentBytesMin: 100)
        let large = String(repeating: "y", count: 300)
        let stream = request("SET", "k", large) + request("MSET", "a", large, "b", large + large) + bytes("PING\r\n")
        let whole = parse(stream, limits: limits, usesBlocks: true) { .max }
        for size in 1...stream.count {
            for usesBlocks in [true, false] {
                let pieces = parse(stream, limits: limits, usesBlocks: usesBlocks) { size }
                guard pieces.parsed == whole.parsed, pieces.faults.isEmpty else {
                    Issue.record("pieces of \(size): \(pieces)")
                    return
                }
            }
        }
        var harness = RequestHarness(limits: limits, usesBlocks: true)
        for byte in stream { harness.feed([byte]) }
        #expect(harness.blocksUsed == 3)
        #expect(harness.largestBuffer < 100)
        #expect(harness.parsed.commands.count == 3)
    }
}
