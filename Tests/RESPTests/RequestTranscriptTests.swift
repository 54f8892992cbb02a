/// The parser against a real redis-server's answers, byte for byte.
import Base
import RESP
import Testing

@Suite struct RequestTranscriptTests {
    @Test("Raw bytes are answered as redis-server 7.0.15 answers them", arguments: transcripts)
    func recorded(_ transcript: Transcript) {
        // A line of 64 KB is too long only while its end is missing: there the pieces matter, in Redis too.
        let sizes = transcript.closes || transcript.sent.count < Limits.inlineBytesMax ? [16384, 7, 1] : []
        for size in [Int.max] + sizes {
            let (reply, closes) = serve(transcript.sent, needsPassword: transcript.needsPassword, pieceSize: size)
            #expect(reply == transcript.reply, "in pieces of \(size)")
            #expect(closes == transcript.closes, "in pieces of \(size)")
        }
    }

    @Test("The transcripts show every failure there is")
    func complete() {
        let failures: [ProtocolFailure] = [
            .inlineTooLong, .unbalancedQuotes, .argumentCountTooLong, .invalidArgumentCount,
            .unauthenticatedArgumentCount, .bulkCountTooLong, .invalidBulkLength, .unauthenticatedBulkLength,
            .expectedBulk(got: UInt8(ascii: "x")),
        ]
        for failure in failures {
            var text = ByteBuffer()
            failure.append(to: &text)
            let reply = text.array
            #expect(transcripts.contains { $0.closes && $0.reply.suffix(reply.count) == reply[...] }, "\(failure)")
        }
    }
}

/// A server that knows what the transcripts use: PING, ECHO, AUTH.
private func serve(_ sent: [UInt8], needsPassword: Bool, pieceSize: Int) -> (reply: [UInt8], closes: Bool) {
    var buffer = ByteBuffer()
    var parser = RequestParser()
    var list = ArgumentList()
    var writer = ReplyWriter()
    var limits = ParserLimits(isAuthenticated: !needsPassword)
    var at = 0
    while at < sent.count {
        let end = pieceSize < sent.count - at ? at + pieceSize : sent.count
        buffer.append(Array(sent[at..<end]))
        at = end
        serving: while true {
            switch parser.next(buffer.view, into: &list, limits: limits) {
            case .command(let arguments, _):
                answer(arguments.map { list.bytes(at: $0, in: buffer.view) }, &limits, &writer)
                buffer.consume(parser.finishBatch(&list))
            case .failure(let failure):
                failure.append(to: &writer.buffer)
                return (writer.buffer.array, true)
            case .incomplete, .largeBulk: break serving
            }
        }
    }
    return (writer.buffer.array, false)
}

private func answer(_ words: [ByteView], _ limits: inout ParserLimits, _ writer: inout ReplyWriter) {
    if words[0] == ByteView("AUTH") {
        limits.isAuthenticated = true
        writer.ok()
    } else if !limits.isAuthenticated {
        writer.error("NOAUTH Authentication required.")
    } else if words[0].equalsIgnoringCase("ping") {
        writer.pong()
    } else if words[0].equalsIgnoringCase("echo"), words.count == 2 {
        writer.bulk(words[1])
    } else if words[0].equalsIgnoringCase("echo") {
        writer.error("ERR wrong number of arguments for 'echo' command")
    } else {
        let start = writer.beginError()
        writer.buffer.append("ERR unknown command '")
        writer.buffer.append(words[0].slice(0, min(words[0].count, 128)))
        writer.buffer.append("', with args beginning with: ")
        writer.endError(start)
    }
}
