/// Swift source as tokens, comments taken out: what the rules about source text look at.
///
/// Words, string literals and single signs are all that a rule needs to tell code from text that only looks like
/// code. C is close enough that the same reader serves it. Regex literals are not known; the project has none.

struct Token: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// Identifier, keyword or number.
        case word
        /// A string literal; `text` is what stands between its quotes, interpolations as they are written.
        case literal
        /// One character of anything else.
        case sign
    }

    let kind: Kind
    let text: String
    /// From 1.
    let line: Int
    /// White space, a comment or the start of the file stands before it.
    let followsSpace: Bool
    /// First on its line.
    let startsLine: Bool

    func isSign(_ sign: String) -> Bool { kind == .sign && text == sign }
    func isWord(_ word: String) -> Bool { kind == .word && text == word }
}

struct Tokenizer {
    private let bytes: [UInt8]
    private let isC: Bool
    private var at = 0
    private var line = 1
    private var tokens: [Token] = []
    private var lineOfLastToken = 0
    private var endOfLastToken = -1

    static func tokens(of text: String, isC: Bool = false) -> [Token] {
        var tokenizer = Tokenizer(bytes: Array(text.utf8), isC: isC)
        tokenizer.readAll()
        return tokenizer.tokens
    }

    private init(bytes: [UInt8], isC: Bool) {
        self.bytes = bytes
        self.isC = isC
    }

    private func byte(_ offset: Int = 0) -> UInt8 { at + offset < bytes.count ? bytes[at + offset] : 0 }

    private func sees(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { wanted in
            at + wanted.count <= bytes.count && wanted.indices.allSatisfy { bytes[at + $0] == wanted[$0] }
        }
    }

    private mutating func step(_ count: Int = 1) {
        for _ in 0..<count where at < bytes.count {
            if bytes[at] == UInt8(ascii: "\n") { line += 1 }
            at += 1
        }
    }

    private mutating func readAll() {
        while at < bytes.count {
            if byte() <= 32 {
                step()
            } else if sees("//") {
                while at < bytes.count, byte() != UInt8(ascii: "\n") { at += 1 }
            } else if sees("/*") {
                skipBlockComment()
            } else if let hashes = openingQuote() {
                readLiteral(hashes: hashes)
            } else if isC, byte() == UInt8(ascii: "'") {
                readCharacter()
            } else {
                readWordOrSign()
            }
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if sees("/*") {
                depth += isC && depth > 0 ? 0 : 1
                step(2)
            } else if sees("*/") {
                depth -= 1
                step(2)
            } else {
                step()
            }
        } while depth > 0 && at < bytes.count
    }

    /// The number of # before a quote that begins here; nil when no string literal does.
    private func openingQuote() -> Int? {
        var hashes = 0
        while !isC, byte(hashes) == UInt8(ascii: "#") { hashes += 1 }
        return byte(hashes) == UInt8(ascii: "\"") ? hashes : nil
    }

    private mutating func readLiteral(hashes: Int) {
        let (start, startLine) = (at, line)
        step(hashes)
        let isMultiline = !isC && sees("\"\"\"")
        step(isMultiline ? 3 : 1)
        let contents = at
        while at < bytes.count {
            if byte() == UInt8(ascii: "\""), closesLiteral(isMultiline, hashes) {
                let end = at
                step((isMultiline ? 3 : 1) + hashes)
                append(.literal, contents..<end, from: start, on: startLine)
                return
            }
            if byte() == UInt8(ascii: "\\"), (0..<hashes).allSatisfy({ byte(1 + $0) == UInt8(ascii: "#") }) {
                if !isC, byte(1 + hashes) == UInt8(ascii: "(") {
                    step(2 + hashes)
                    skipInterpolation()
                } else {
                    step(2 + hashes)
                }
            } else {
                step()
            }
        }
    }

    private func closesLiteral(_ isMultiline: Bool, _ hashes: Int) -> Bool {
        let quotes = isMultiline ? 3 : 1
        return (0..<quotes).allSatisfy { byte($0) == UInt8(ascii: "\"") }
            && (0..<hashes).allSatisfy { byte(quotes + $0) == UInt8(ascii: "#") }
    }

    /// Up to the parenthesis that ends it; tokens inside belong to the code like any others.
    private mutating func skipInterpolation() {
        var depth = 1
        while at < bytes.count, depth > 0 {
            if byte() <= 32 {
                step()
            } else if let hashes = openingQuote() {
                readLiteral(hashes: hashes)
            } else {
                if byte() == UInt8(ascii: "(") { depth += 1 }
                if byte() == UInt8(ascii: ")") { depth -= 1 }
                if depth == 0 { step() } else { readWordOrSign() }
            }
        }
    }

    private mutating func readCharacter() {
        let (start, startLine) = (at, line)
        step()
        while at < bytes.count, byte() != UInt8(ascii: "'") { step(byte() == UInt8(ascii: "\\") ? 2 : 1) }
        step()
        append(.literal, start..<at, from: start, on: startLine)
    }

    private mutating func readWordOrSign() {
        let (start, startLine) = (at, line)
        while isWordByte(byte()) { at += 1 }
        if at > start {
            append(.word, start..<at, from: start, on: startLine)
        } else {
            step()
            append(.sign, start..<at, from: start, on: startLine)
        }
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    private mutating func append(_ kind: Token.Kind, _ range: Range<Int>, from start: Int, on startLine: Int) {
        tokens.append(
            Token(
                kind: kind, text: String(decoding: bytes[range], as: UTF8.self), line: startLine,
                followsSpace: start != endOfLastToken, startsLine: startLine != lineOfLastToken))
        endOfLastToken = at
        lineOfLastToken = line
    }
}
