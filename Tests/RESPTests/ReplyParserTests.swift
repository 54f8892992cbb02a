/// Replies read back: round trips of random trees, any pieces, hostile bytes.
import Base
import RESP
import Testing

private func parse(_ stream: [UInt8], pieceSize: Int = .max) -> (replies: [ReplyValue], end: ReplyParser.Outcome) {
    var parser = ReplyParser()
    var buffer = ByteBuffer(capacity: 16)
    var replies: [ReplyValue] = []
    var end = ReplyParser.Outcome.incomplete
    var at = 0
    while at < stream.count {
        let next = at + min(pieceSize, stream.count - at)
        buffer.append(Array(stream[at..<next]))
        at = next
        while true {
            end = parser.next(&buffer)
            guard case .reply(let value) = end else { break }
            replies.append(value)
        }
    }
    return (replies, end)
}

private func text(_ value: String) -> ReplyValue { .bulk(bytes(value)) }

@Suite struct ReplyParserTests {
    @Test("Every type, as redis-server 7.0.15 sends it")
    func types() {
        let stream =
            "+OK\r\n-ERR x\r\n:-3\r\n:+4\r\n$5\r\na\r\nbc\r\n$-1\r\n*-1\r\n_\r\n#t\r\n#f\r\n,3.141\r\n,inf\r\n,-inf\r\n,1e+20\r\n"
            + "(12345679999999999999\r\n=8\r\ntxt:some\r\n!5\r\nERR y\r\n*2\r\n:1\r\n*0\r\n%1\r\n:0\r\n#f\r\n~1\r\n:1\r\n"
            + ">2\r\n$1\r\na\r\n:42\r\n|1\r\n$1\r\nk\r\n*1\r\n:90\r\n$1\r\nv\r\n*1\r\n|0\r\n:7\r\n%0\r\n"
        let expected: [ReplyValue] = [
            .simple(bytes("OK")), .error(bytes("ERR x")), .integer(-3), .integer(4), text("a\r\nbc"), .null, .nullArray,
            .null, .boolean(true), .boolean(false), .double(3.141), .double(.infinity), .double(-.infinity),
            .double(1e20), .bigNumber(bytes("12345679999999999999")),
            .verbatim(format: bytes("txt"), text: bytes("some")),
            .error(bytes("ERR y")), .array([.integer(1), .array([])]),
            .map([ReplyPair(key: .integer(0), value: .boolean(false))]), .set([.integer(1)]),
            .push([text("a"), .integer(42)]),
            .attributed([ReplyPair(key: text("k"), value: .array([.integer(90)]))], text("v")),
            .array([.attributed([], .integer(7))]), .map([]),
        ]
        for size in [Int.max, 5, 1] {
            let parsed = parse(bytes(stream), pieceSize: size)
            #expect(parsed.replies == expected && parsed.end == .incomplete, "pieces of \(size)")
        }
        guard case .double(let value)? = parse(bytes(",nan\r\n")).replies.first else {
            Issue.record("no double")
            return
        }
        #expect(value.isNaN)
    }

    @Test(
        "Malformed replies fail, with the reason, and stay failed",
        arguments: [
            ("x\r\n", ReplyFailure.unknownType(UInt8(ascii: "x"))), (":1a\r\n", .malformedNumber),
            (":\r\n", .malformedNumber),
            (":+-1\r\n", .malformedNumber), (":9223372036854775808\r\n", .malformedNumber), ("_x\r\n", .malformedLine),
            ("#x\r\n", .malformedLine), (",0x10\r\n", .malformedNumber), (",\r\n", .malformedNumber),
            ("(1-\r\n", .malformedNumber),
            ("(\r\n", .malformedNumber), ("$-2\r\n", .malformedNumber), ("$3\r\nabcde", .missingLineEnd),
            ("$536870913\r\n", .tooLong), ("=3\r\ntxt\r\n", .malformedLine), ("=4\r\ntxtx\r\n", .malformedLine),
            ("*-2\r\n", .malformedNumber), ("*2147483648\r\n", .tooLong), ("%-1\r\n", .malformedNumber),
            ("!-1\r\n", .malformedNumber),
            ("*1\r\n*1\r\n?", .unknownType(UInt8(ascii: "?"))),
        ])
    func malformed(_ stream: String, _ failure: ReplyFailure) {
        for size in [Int.max, 1] {
            #expect(parse(bytes(stream + ":1\r\n"), pieceSize: size).end == .failure(failure))
        }
    }

    @Test("Depth and line length are bounded")
    func bounds() {
        let deep = Array(repeating: bytes("*1\r\n"), count: ReplyParser.depthMax).joined()
        #expect(parse(Array(deep) + bytes(":1\r\n")).replies.count == 1)
        #expect(parse(bytes("*1\r\n") + Array(deep)).end == .failure(.tooDeep))
        let attributes = Array(repeating: bytes("|0\r\n"), count: 100_000).joined()
        #expect(parse(Array(attributes)).end == .failure(.tooDeep))
        let long = bytes("+") + [UInt8](repeating: 0x0D, count: ReplyParser.lineBytesMax + 1)
        #expect(parse(long, pieceSize: 65536).end == .failure(.tooLong))
        #expect(parse(bytes("*2147483647\r\n%2147483647\r\n$536870912\r\n")).end == .incomplete)
    }

    @Test("What the writer writes reads back as written, in any pieces")
    func roundTrips() {
        let seed: UInt64 = 0xA2_0003
        var random = SeededRandom(seed: seed)
        for round in 0..<400 {
            var writer = ReplyWriter()
            writer.protocolVersion = 3
            let values = (0...random.below(4)).map { _ in randomValue(&random, depth: 4) }
            for value in values { write(value, to: &writer) }
            let size = 1 + random.below(40)
            for pieceSize in [Int.max, size] {
                let parsed = parse(writer.buffer.array, pieceSize: pieceSize)
                #expect(parsed.replies == values && parsed.end == .incomplete, "seed \(seed), round \(round)")
            }
        }
    }

    @Test("Mutated replies never trap, and mean the same in any pieces")
    func mutations() {
        let seed: UInt64 = 0xA2_0004
        var random = SeededRandom(seed: seed)
        let alphabet = bytes("+-:$*_#,(!=%~>|0123456789\r\n\u{0}\u{ff}einfa")
        var total = 0
        while total < 600_000 {
            var writer = ReplyWriter()
            writer.protocolVersion = 3
            for _ in 0...random.below(4) { write(randomValue(&random, depth: 4), to: &writer) }
            var stream = writer.buffer.array
            total += stream.count
            for _ in 0...random.below(5) {
                let at = random.below(stream.count)
                switch random.below(4) {
                case 0: stream[at] = UInt8(truncatingIfNeeded: random.next())
                case 1 where stream.count > 1: stream.remove(at: at)
                case 2: stream.insert(alphabet[random.below(alphabet.count)], at: at)
                default: stream[at] = alphabet[random.below(alphabet.count)]
                }
            }
            let whole = parse(stream)
            let pieces = parse(stream, pieceSize: 1 + random.below(30))
            // NaN is unequal to itself: trees are compared by their text.
            guard "\(whole)" == "\(pieces)" else {
                Issue.record("seed \(seed): \(stream)")
                return
            }
        }
    }
}

private func randomValue(_ random: inout SeededRandom, depth: Int) -> ReplyValue {
    func some(_ random: inout SeededRandom) -> [UInt8] {
        (0..<random.below(12)).map { _ in UInt8(97 + random.below(26)) }
    }
    func elements(_ random: inout SeededRandom) -> [ReplyValue] {
        (0..<random.below(5)).map { _ in randomValue(&random, depth: depth - 1) }
    }
    func pairs(_ random: inout SeededRandom) -> [ReplyPair] {
        (0..<random.below(4)).map { _ in
            ReplyPair(key: randomValue(&random, depth: 0), value: randomValue(&random, depth: depth - 1))
        }
    }
    switch random.below(depth > 0 ? 15 : 10) {
    case 0: return .simple(some(&random))
    case 1: return .error(some(&random))
    case 2: return .integer(Int64(bitPattern: random.next()) >> Int64(random.below(64)))
    case 3, 4: return .bulk((0..<random.below(30)).map { _ in UInt8(random.below(256)) })
    case 5: return .null
    case 6:
        let value = Double(bitPattern: random.next())
        return .double(value.isFinite ? value : .infinity)
    case 7: return .boolean(random.below(2) == 0)
    case 8: return .bigNumber(bytes("-123456789012345678901234567890"))
    case 9: return .verbatim(format: bytes("mkd"), text: some(&random))
    case 10: return .array(elements(&random))
    case 11: return .map(pairs(&random))
    case 12: return .set(elements(&random))
    case 13: return .push(elements(&random))
    default: return .attributed(pairs(&random), randomValue(&random, depth: depth - 1))
    }
}

private func write(_ value: ReplyValue, to writer: inout ReplyWriter) {
    func pairs(_ pairs: [ReplyPair], _ writer: inout ReplyWriter) {
        for pair in pairs {
            write(pair.key, to: &writer)
            write(pair.value, to: &writer)
        }
    }
    switch value {
    case .simple(let text): text.withView { writer.simple($0) }
    case .error(let text): text.withView { writer.error($0) }
    case .integer(let number): writer.integer(number)
    case .bulk(let text): text.withView { writer.bulk($0) }
    case .null: writer.null()
    case .nullArray: writer.nullArray()
    case .array(let elements):
        let deferred = writer.beginDeferredArray()
        for element in elements { write(element, to: &writer) }
        writer.endDeferred(deferred, count: elements.count)
    case .map(let elements):
        writer.map(elements.count)
        pairs(elements, &writer)
    case .set(let elements):
        writer.set(elements.count)
        for element in elements { write(element, to: &writer) }
    case .push(let elements):
        writer.push(elements.count)
        for element in elements { write(element, to: &writer) }
    case .attributed(let attributes, let value):
        writer.attribute(attributes.count)
        pairs(attributes, &writer)
        write(value, to: &writer)
    case .double(let number): writer.double(number)
    case .boolean(let flag): writer.boolean(flag)
    case .bigNumber(let digits): digits.withView { writer.bigNumber($0) }
    case .verbatim(_, let text): text.withView { writer.verbatim("mkd", $0) }
    }
}
