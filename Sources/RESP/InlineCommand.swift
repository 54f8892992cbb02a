/// Inline commands: one line of words, as a person types them into telnet.
///
/// Redis' rules. Words are separated by white space. Double quotes take \xHH, \n, \r, \t, \b, \a and any other
/// character for itself after a backslash; single quotes take only \'. A closing quote must end its word. What
/// needs no unescaping stays where it is; the rest is written to the list's side buffer.
import Base

extension ArgumentList {
    /// The words of a line, copied; nil when a quote is left open or followed by a letter. For the tools.
    public static func words(of line: [UInt8]) -> [[UInt8]]? {
        var list = ArgumentList()
        return line.withView { view in
            guard list.appendInline(view, from: 0) else { return nil }
            return (0..<list.count).map { list.bytes(at: $0, in: view).array }
        }
    }

    /// Appends the words of `line` from `offset` on; false when a quote is left open or followed by a letter.
    mutating func appendInline(_ line: ByteView, from offset: Int) -> Bool {
        var at = offset
        while true {
            while at < line.count, isSpace(line[at]) { at += 1 }
            if at == line.count { return true }
            guard let end = appendWord(line, from: at) else { return false }
            at = end
        }
    }

    /// Returns where the word ends, nil if its quotes are unbalanced.
    private mutating func appendWord(_ line: ByteView, from first: Int) -> Int? {
        var at = first
        while at < line.count, !endsPlainWord(line[at]), !isQuote(line[at]) { at += 1 }
        if at == line.count || endsPlainWord(line[at]) {
            append(ArgumentRange(offset: Int32(truncatingIfNeeded: first), count: at - first))
            return at
        }
        if at == first {
            let quote = line[first]
            at += 1
            while at < line.count, line[at] != quote, line[at] != UInt8(ascii: "\\") { at += 1 }
            if at < line.count, line[at] == quote {
                guard mayFollowQuote(line, at + 1) else { return nil }
                append(ArgumentRange(offset: Int32(truncatingIfNeeded: first + 1), count: at - first - 1))
                return at + 1
            }
        }
        return appendUnescaped(line, from: first)
    }

    private mutating func appendUnescaped(_ line: ByteView, from first: Int) -> Int? {
        let start = side.count
        var at = first
        while at < line.count, !endsPlainWord(line[at]), !isQuote(line[at]) {
            side.append(line[at])
            at += 1
        }
        if at < line.count, isQuote(line[at]) {
            let closing = line[at] == UInt8(ascii: "'") ? unescapeSingle(line, at + 1) : unescapeDouble(line, at + 1)
            guard let closing, mayFollowQuote(line, closing + 1) else { return nil }
            at = closing + 1
        }
        append(
            ArgumentRange(
                offset: Int32(truncatingIfNeeded: start), count: side.count - start,
                block: ArgumentRange.inSideBuffer))
        return at
    }

    /// Both return the index of the closing quote.
    private mutating func unescapeSingle(_ line: ByteView, _ first: Int) -> Int? {
        var at = first
        while at < line.count {
            if line[at] == UInt8(ascii: "\\"), at + 1 < line.count, line[at + 1] == UInt8(ascii: "'") {
                at += 1
            } else if line[at] == UInt8(ascii: "'") {
                return at
            }
            side.append(line[at])
            at += 1
        }
        return nil
    }

    private mutating func unescapeDouble(_ line: ByteView, _ first: Int) -> Int? {
        var at = first
        while at < line.count {
            let byte = line[at]
            if byte == UInt8(ascii: "\"") { return at }
            guard byte == UInt8(ascii: "\\"), at + 1 < line.count else {
                side.append(byte)
                at += 1
                continue
            }
            let letter = line[at + 1]
            if letter == UInt8(ascii: "x"), at + 3 < line.count,
                let high = hexDigit(line[at + 2]), let low = hexDigit(line[at + 3])
            {
                side.append(high << 4 | low)
                at += 4
                continue
            }
            side.append(unescaped(letter))
            at += 2
        }
        return nil
    }
}

/// C's isspace.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }

/// Vertical tab and form feed separate words but do not end one: Redis has it so.
private func endsPlainWord(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

private func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

private func mayFollowQuote(_ line: ByteView, _ at: Int) -> Bool { at == line.count || isSpace(line[at]) }

private func unescaped(_ letter: UInt8) -> UInt8 {
    switch letter {
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "a"): 0x07
    default: letter
    }
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}
