/// Reads replies of either protocol into trees, as their bytes arrive.
///
/// What has been read is consumed from the buffer at once and kept in a stack of open aggregates, so nothing is
/// read twice. The bytes may come from anywhere: lengths are believed only as far as bytes follow them, depth
/// is bounded, and the first malformed byte ends the conversation.
import Base

public struct ReplyParser {
    public enum Outcome: Equatable, Sendable {
        case reply(ReplyValue)
        case incomplete
        /// Every later call says the same.
        case failure(ReplyFailure)
    }

    /// Deeper nesting than any command's reply, shallow enough to walk recursively.
    public static let depthMax = 128
    /// Longest line: simple strings, errors, big numbers.
    public static let lineBytesMax = 1024 * 1024

    private struct OpenAggregate {
        let type: UInt8
        var elementsLeft: Int
        var elements: [ReplyValue] = []
        /// The pairs of a finished attribute that waits for the value it describes.
        var attributes: [ReplyPair]?
    }

    private var open: [OpenAggregate] = []
    private var failure: ReplyFailure?
    /// Readable bytes known to hold no line end.
    private var scanned = 0
    private let bulkBytesMax: Int

    public init(bulkBytesMax: Int = Limits.bulkBytesMax) { self.bulkBytesMax = bulkBytesMax }

    /// Whether a reply has begun but not ended.
    public var isInsideReply: Bool { !open.isEmpty }

    public mutating func next(_ buffer: inout ByteBuffer) -> Outcome {
        while true {
            if let failure { return .failure(failure) }
            let view = buffer.view
            guard let element = element(view) else {
                if let failure { return .failure(failure) }
                return .incomplete
            }
            buffer.consume(element.size)
            scanned = 0
            guard let value = element.value else { continue }
            if let whole = close(value) { return .reply(whole) }
        }
    }

    /// Hands a finished value to the aggregate it belongs to, and that one on if it was the last; returns what
    /// stands outside of all.
    private mutating func close(_ value: ReplyValue) -> ReplyValue? {
        var value = value
        while let depth = open.indices.last {
            if let attributes = open[depth].attributes {
                open.removeLast()
                value = .attributed(attributes, value)
                continue
            }
            open[depth].elements.append(value)
            open[depth].elementsLeft -= 1
            if open[depth].elementsLeft > 0 { return nil }
            let elements = open[depth].elements
            if open[depth].type == UInt8(ascii: "|") {
                open[depth].elements = []
                open[depth].attributes = pairs(elements)
                return nil
            }
            let type = open[depth].type
            open.removeLast()
            value = aggregate(type, elements)
        }
        return value
    }

    /// The next element: its size, and its value unless it opens an aggregate. Nil when it is not all there, or
    /// on failure.
    private mutating func element(_ view: ByteView) -> (size: Int, value: ReplyValue?)? {
        guard !view.isEmpty else { return nil }
        let type = view[0]
        guard isType(type) else { return fail(.unknownType(type)) }
        guard let end = lineEnd(view) else { return nil }
        let line = view.slice(1, end - 1)
        let size = end + 2
        switch type {
        case UInt8(ascii: "+"): return (size, .simple(line.array))
        case UInt8(ascii: "-"): return (size, .error(line.array))
        case UInt8(ascii: ":"):
            guard let number = signedInteger(line) else { return fail(.malformedNumber) }
            return (size, .integer(number))
        case UInt8(ascii: "_"): return line.isEmpty ? (size, .null) : fail(.malformedLine)
        case UInt8(ascii: "#"):
            if line == ByteView("t") { return (size, .boolean(true)) }
            return line == ByteView("f") ? (size, .boolean(false)) : fail(.malformedLine)
        case UInt8(ascii: ","):
            guard let number = double(line) else { return fail(.malformedNumber) }
            return (size, .double(number))
        case UInt8(ascii: "("): return isBigNumber(line) ? (size, .bigNumber(line.array)) : fail(.malformedNumber)
        case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="): return blob(view, type, line, size)
        default: return begin(type, line, size)
        }
    }

    private mutating func blob(
        _ view: ByteView, _ type: UInt8, _ line: ByteView, _ headerSize: Int
    ) -> (size: Int, value: ReplyValue?)? {
        guard let length = line.canonicalInteger else { return fail(.malformedNumber) }
        if length == -1, type == UInt8(ascii: "$") { return (headerSize, .null) }
        guard length >= 0 else { return fail(.malformedNumber) }
        guard length <= Int64(bulkBytesMax) else { return fail(.tooLong) }
        let count = Int(length)
        guard view.count - headerSize - 2 >= count else { return nil }
        guard view[headerSize + count] == 0x0D, view[headerSize + count + 1] == 0x0A else {
            return fail(.missingLineEnd)
        }
        let payload = view.slice(headerSize, count)
        let size = headerSize + count + 2
        if type == UInt8(ascii: "$") { return (size, .bulk(payload.array)) }
        if type == UInt8(ascii: "!") { return (size, .error(payload.array)) }
        guard count >= 4, payload[3] == UInt8(ascii: ":") else { return fail(.malformedLine) }
        return (size, .verbatim(format: payload.slice(0, 3).array, text: payload.dropFirst(4).array))
    }

    /// Opens an aggregate, or returns it when it is empty.
    private mutating func begin(_ type: UInt8, _ line: ByteView, _ size: Int) -> (size: Int, value: ReplyValue?)? {
        guard let count = line.canonicalInteger else { return fail(.malformedNumber) }
        if count == -1, type == UInt8(ascii: "*") { return (size, .nullArray) }
        guard count >= 0 else { return fail(.malformedNumber) }
        guard count <= Int64(Int32.max) else { return fail(.tooLong) }
        let isPaired = type == UInt8(ascii: "%") || type == UInt8(ascii: "|")
        if count == 0, type != UInt8(ascii: "|") { return (size, aggregate(type, [])) }
        guard open.count < Self.depthMax else { return fail(.tooDeep) }
        var aggregate = OpenAggregate(type: type, elementsLeft: isPaired ? Int(count) * 2 : Int(count))
        if count == 0 { aggregate.attributes = [] }
        open.append(aggregate)
        return (size, nil)
    }

    /// Index of the CR of the CR LF that ends the first line.
    private mutating func lineEnd(_ view: ByteView) -> Int? {
        var from = scanned
        var clean = view.count
        while let found = view.dropFirst(from).firstIndex(of: 0x0D) {
            let at = from + found
            if at + 1 == view.count {
                clean = at
                break
            }
            if view[at + 1] == 0x0A { return at }
            from = at + 1
        }
        scanned = clean
        if view.count > Self.lineBytesMax { failure = .tooLong }
        return nil
    }

    private mutating func fail(_ reason: ReplyFailure) -> (size: Int, value: ReplyValue?)? {
        failure = reason
        open = []
        return nil
    }
}

private func pairs(_ elements: [ReplyValue]) -> [ReplyPair] {
    stride(from: 0, to: elements.count - 1, by: 2).map { ReplyPair(key: elements[$0], value: elements[$0 + 1]) }
}

private func aggregate(_ type: UInt8, _ elements: [ReplyValue]) -> ReplyValue {
    switch type {
    case UInt8(ascii: "%"): .map(pairs(elements))
    case UInt8(ascii: "~"): .set(elements)
    case UInt8(ascii: ">"): .push(elements)
    default: .array(elements)
    }
}

private func isType(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "$"), UInt8(ascii: "*"),
        UInt8(ascii: "_"), UInt8(ascii: "#"), UInt8(ascii: ","), UInt8(ascii: "("), UInt8(ascii: "!"),
        UInt8(ascii: "="), UInt8(ascii: "%"), UInt8(ascii: "~"), UInt8(ascii: ">"), UInt8(ascii: "|"):
        true
    default: false
    }
}

/// RESP3 lets a plus sign stand before an integer.
private func signedInteger(_ line: ByteView) -> Int64? {
    if line.count > 1, line[0] == UInt8(ascii: "+"), line[1] != UInt8(ascii: "-") {
        return line.dropFirst(1).canonicalInteger
    }
    return line.canonicalInteger
}

private func isBigNumber(_ line: ByteView) -> Bool {
    let first = line.count > 0 && (line[0] == UInt8(ascii: "-") || line[0] == UInt8(ascii: "+")) ? 1 : 0
    guard first < line.count else { return false }
    for index in first..<line.count where line[index] &- 48 >= 10 { return false }
    return true
}

private func double(_ line: ByteView) -> Double? {
    if line.equalsIgnoringCase("inf") || line.equalsIgnoringCase("+inf") { return .infinity }
    if line.equalsIgnoringCase("-inf") { return -.infinity }
    if line.equalsIgnoringCase("nan") || line.equalsIgnoringCase("-nan") { return .nan }
    // No spelling that survives this reaches `Double.init` as hexadecimal or as a word.
    guard !line.isEmpty, line.count <= 512 else { return nil }
    for index in 0..<line.count {
        switch line[index] {
        case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"),
            UInt8(ascii: "E"):
            continue
        default: return nil
        }
    }
    return Double(line.string)
}
