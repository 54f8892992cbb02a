/// A reader of TOML 1.0 without dates and arrays of tables, which no option needs: meeting one is an error,
/// never a misreading.

public struct TOMLDocument: Sendable {
    /// Every key with a value that is not a table, in the order of the text.
    public fileprivate(set) var members: [ConfigurationMember] = []
    /// Tables with a header, the unnamed one first, and where another line of each can go.
    fileprivate(set) var tables: [(path: [String], end: Int)] = [([], 0)]

    public static func read(_ text: String) throws(ConfigurationError) -> TOMLDocument {
        var reader = TOMLReader(text)
        while !reader.scanner.isAtEnd { try reader.line() }
        return reader.document
    }
}

private struct TOMLReader {
    /// What a path already is.
    private enum Kind {
        /// A table that exists because one inside it has a header: it may still get its own.
        case implied
        case header
        /// A table made by a dotted key: closed to headers.
        case dotted
        case value
    }

    var scanner: TextScanner
    var document = TOMLDocument()
    private var kinds: [[String]: Kind] = [:]
    private var table: [String] = []

    init(_ text: String) { scanner = TextScanner(text) }

    private mutating func skipBlanks() {
        while scanner.current == 32 || scanner.current == 9 { scanner.at += 1 }
    }

    private mutating func skipComment() throws(ConfigurationError) {
        guard scanner.current == UInt8(ascii: "#") else { return }
        while !scanner.isAtEnd, scanner.current != 10, !isLineEnd {
            if scanner.current != 9, scanner.current < 32 || scanner.current == 127 {
                throw scanner.error("a control character in a comment")
            }
            scanner.at += 1
        }
    }

    private var isLineEnd: Bool {
        scanner.current == 10 || scanner.current == 13 && scanner.byte(after: 1) == 10
    }

    private mutating func takeLineEnd() -> Bool {
        guard !scanner.isAtEnd, isLineEnd else { return false }
        scanner.at += scanner.current == 13 ? 2 : 1
        return true
    }

    /// Blanks, comments and line ends, inside arrays.
    private mutating func skipSpace() throws(ConfigurationError) {
        while true {
            skipBlanks()
            try skipComment()
            if !takeLineEnd() { return }
        }
    }

    mutating func line() throws(ConfigurationError) {
        skipBlanks()
        if !scanner.isAtEnd, !isLineEnd, scanner.current != UInt8(ascii: "#") {
            if scanner.current == UInt8(ascii: "[") { try header() } else { try member() }
            skipBlanks()
            try skipComment()
            document.tables[document.tables.count - 1].end = scanner.at
        } else {
            try skipComment()
        }
        if scanner.isAtEnd || takeLineEnd() { return }
        throw scanner.error("expected the end of the line, found \(scanner.found)")
    }

    private mutating func header() throws(ConfigurationError) {
        let start = scanner.at
        scanner.at += 1
        if scanner.current == UInt8(ascii: "[") { throw scanner.error("arrays of tables are not used here", at: start) }
        skipBlanks()
        let path = try keyPath()
        if !scanner.take("]") { throw scanner.error("expected ']', found \(scanner.found)") }
        for length in 1..<path.count {
            let prefix = Array(path.prefix(length))
            if kinds[prefix] == .value {
                throw scanner.error("'\(prefix.joined(separator: "."))' is a value, not a table", at: start)
            }
            if kinds[prefix] == nil { kinds[prefix] = .implied }
        }
        switch kinds[path] {
        case nil, .implied: kinds[path] = .header
        default: throw scanner.error("'\(path.joined(separator: "."))' is defined twice", at: start)
        }
        table = path
        document.tables.append((path, scanner.at))
    }

    private mutating func member() throws(ConfigurationError) {
        let found = try keyAndValue(in: table, depth: 0)
        try define(found.path, in: table, place: found)
        document.members += found.leaves
    }

    private mutating func define(
        _ path: [String], in table: [String], place: ConfigurationMember
    ) throws(ConfigurationError) {
        func twice(_ path: [String]) -> ConfigurationError {
            ConfigurationError(
                line: place.line, column: place.column, message: "'\(path.joined(separator: "."))' is set twice")
        }
        for length in (table.count + 1)..<max(path.count, table.count + 1) {
            let prefix = Array(path.prefix(length))
            switch kinds[prefix] {
            case nil: kinds[prefix] = .dotted
            case .dotted: break
            default: throw twice(prefix)
            }
        }
        if kinds[path] != nil { throw twice(path) }
        kinds[path] = .value
    }

    private mutating func keyAndValue(
        in table: [String], depth: Int
    ) throws(ConfigurationError) -> ConfigurationMember {
        let place = scanner.error("")
        let path = table + (try keyPath())
        if !scanner.take("=") { throw scanner.error("expected '=' after the key, found \(scanner.found)") }
        skipBlanks()
        let start = scanner.at
        let value = try value(path: path, depth: depth + 1)
        return ConfigurationMember(
            path: path, value: value, line: place.line, column: place.column, valueBytes: start..<scanner.at)
    }

    /// Keys between dots, blanks after the last one skipped.
    private mutating func keyPath() throws(ConfigurationError) -> [String] {
        var path: [String] = []
        repeat {
            skipBlanks()
            if path.count > TextScanner.depthMax { throw scanner.error("nested too deeply") }
            path.append(try key())
            skipBlanks()
        } while scanner.take(".")
        return path
    }

    private mutating func key() throws(ConfigurationError) -> String {
        if scanner.current == UInt8(ascii: "\"") { return try basicString() }
        if scanner.current == UInt8(ascii: "'") { return try literalString() }
        let start = scanner.at
        while isBare(scanner.current) { scanner.at += 1 }
        if scanner.at == start { throw scanner.error("expected a key, found \(scanner.found)") }
        return String(decoding: scanner.bytes[start..<scanner.at], as: UTF8.self)
    }

    private func isBare(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 32) &- 97 < 26 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private mutating func value(path: [String], depth: Int) throws(ConfigurationError) -> ConfigurationValue {
        if depth > TextScanner.depthMax { throw scanner.error("nested too deeply") }
        switch scanner.current {
        case UInt8(ascii: "\""):
            return .string(scanner.take(word: "\"\"\"") ? try multilineBasicString() : try basicString())
        case UInt8(ascii: "'"):
            return .string(scanner.take(word: "'''") ? try multilineLiteralString() : try literalString())
        case UInt8(ascii: "["): return try array(path: path, depth: depth)
        case UInt8(ascii: "{"): return try inlineTable(path: path, depth: depth)
        default: return try word()
        }
    }

    private mutating func array(path: [String], depth: Int) throws(ConfigurationError) -> ConfigurationValue {
        scanner.at += 1
        var elements: [ConfigurationValue] = []
        while true {
            try skipSpace()
            if scanner.take("]") { return .array(elements) }
            elements.append(try value(path: path, depth: depth + 1))
            try skipSpace()
            if scanner.take("]") { return .array(elements) }
            if !scanner.take(",") { throw scanner.error("expected ',' or ']', found \(scanner.found)") }
        }
    }

    private mutating func inlineTable(path: [String], depth: Int) throws(ConfigurationError) -> ConfigurationValue {
        scanner.at += 1
        var members: [ConfigurationMember] = []
        // Its keys cannot clash with others': it is closed once it ends. Among themselves they can.
        let outer = kinds
        defer { kinds = outer }
        skipBlanks()
        if scanner.take("}") { return .table([]) }
        while true {
            skipBlanks()
            let member = try keyAndValue(in: path, depth: depth)
            try define(member.path, in: path, place: member)
            members.append(member)
            skipBlanks()
            if scanner.take("}") { return .table(members) }
            if !scanner.take(",") { throw scanner.error("expected ',' or '}', found \(scanner.found)") }
        }
    }
}

// Strings.
extension TOMLReader {
    private mutating func literalString() throws(ConfigurationError) -> String {
        let start = scanner.at
        scanner.at += 1
        let first = scanner.at
        while scanner.current != UInt8(ascii: "'") {
            try refuseControl(openedAt: start, allowingLines: false)
            scanner.at += 1
        }
        scanner.at += 1
        return String(decoding: scanner.bytes[first..<(scanner.at - 1)], as: UTF8.self)
    }

    private mutating func multilineLiteralString() throws(ConfigurationError) -> String {
        let start = scanner.at - 3
        _ = takeLineEnd()
        let first = scanner.at
        while !scanner.take(word: "'''") {
            try refuseControl(openedAt: start, allowingLines: true)
            scanner.at += 1
        }
        // Up to two quotes may stand right before the closing ones.
        for _ in 0..<2 { _ = scanner.take("'") }
        return String(decoding: scanner.bytes[first..<(scanner.at - 3)], as: UTF8.self)
    }

    private mutating func basicString() throws(ConfigurationError) -> String {
        let start = scanner.at
        scanner.at += 1
        var text: [UInt8] = []
        while !scanner.take("\"") {
            try refuseControl(openedAt: start, allowingLines: false)
            try character(into: &text, acrossLines: false)
        }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func multilineBasicString() throws(ConfigurationError) -> String {
        let start = scanner.at - 3
        _ = takeLineEnd()
        var text: [UInt8] = []
        while !scanner.take(word: "\"\"\"") {
            try refuseControl(openedAt: start, allowingLines: true)
            try character(into: &text, acrossLines: true)
        }
        for _ in 0..<2 where scanner.take("\"") { text.append(UInt8(ascii: "\"")) }
        return String(decoding: text, as: UTF8.self)
    }

    private func refuseControl(openedAt start: Int, allowingLines: Bool) throws(ConfigurationError) {
        if scanner.isAtEnd || (!allowingLines && isLineEnd) {
            throw scanner.error("this string does not end", at: start)
        }
        let byte = scanner.current
        if byte == 9 || byte >= 32 && byte != 127 || allowingLines && isLineEnd { return }
        throw scanner.error("a control character in a string must be escaped")
    }

    private mutating func character(into text: inout [UInt8], acrossLines: Bool) throws(ConfigurationError) {
        let start = scanner.at
        let byte = scanner.current
        scanner.at += 1
        if byte != UInt8(ascii: "\\") { return text.append(byte) }
        if acrossLines, skipContinuation() { return }
        let letter = scanner.current
        scanner.at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(letter)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            guard let code = scanner.hexadecimal(letter == UInt8(ascii: "u") ? 4 : 8), let scalar = UnicodeScalar(code)
            else { throw scanner.error("a malformed \\u escape", at: start) }
            text.append(scalar: scalar)
        default: throw scanner.error("an unknown escape", at: start)
        }
    }

    /// After a backslash at the end of a line: skips to the next visible character.
    private mutating func skipContinuation() -> Bool {
        let start = scanner.at
        skipBlanks()
        guard takeLineEnd() else {
            scanner.at = start
            return false
        }
        repeat { skipBlanks() } while takeLineEnd()
        return true
    }
}

// Numbers and booleans.
extension TOMLReader {
    private mutating func word() throws(ConfigurationError) -> ConfigurationValue {
        let start = scanner.at
        while isBare(scanner.current) || scanner.current == UInt8(ascii: "+") || scanner.current == UInt8(ascii: ".")
            || scanner.current == UInt8(ascii: ":")
        {
            scanner.at += 1
        }
        let text = String(decoding: scanner.bytes[start..<scanner.at], as: UTF8.self)
        switch text {
        case "": throw scanner.error("expected a value, found \(scanner.found)", at: start)
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf": return .float(.infinity)
        case "-inf": return .float(-.infinity)
        case "nan", "+nan", "-nan": return .float(.nan)
        default: break
        }
        if let number = Self.number(text) { return number }
        let dashes = text.dropFirst().filter { $0 == "-" || $0 == ":" }.count
        if dashes > 1, text.first?.isNumber == true { throw scanner.error("dates are not used here", at: start) }
        throw scanner.error("'\(text)' is not a value; a text needs quotes", at: start)
    }

    private static func number(_ text: String) -> ConfigurationValue? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            return digits(text.dropFirst(2), radix: radix).flatMap { Int($0, radix: radix) }.map { .integer($0) }
        }
        let sign = text.first == "-" ? "-" : ""
        let unsigned = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        let mantissa = unsigned.prefix { $0 != "e" && $0 != "E" }
        let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let whole = digits(parts[0], radix: 10), whole == "0" || whole.first != "0" else {
            return nil
        }
        if unsigned.count == parts[0].count { return Int(sign + whole).map { .integer($0) } }
        var spelled = sign + whole
        if parts.count == 2 {
            guard let fraction = digits(parts[1], radix: 10) else { return nil }
            spelled += "." + fraction
        }
        if mantissa.count < unsigned.count {
            let exponent = unsigned.dropFirst(mantissa.count + 1)
            let signed = exponent.first == "-" || exponent.first == "+"
            guard let power = digits(signed ? exponent.dropFirst() : exponent, radix: 10) else { return nil }
            spelled += "e" + (exponent.first == "-" ? "-" : "") + power
        }
        return Double(spelled).map { .float($0) }
    }

    /// The digits without underscores, each of which must stand between two.
    private static func digits(_ text: Substring, radix: Int) -> String? {
        let groups = text.split(separator: "_", omittingEmptySubsequences: false)
        let joined = groups.joined()
        guard groups.allSatisfy({ !$0.isEmpty }) else { return nil }
        guard joined.allSatisfy({ $0.isASCII && ($0.hexDigitValue ?? 16) < radix }) else { return nil }
        return joined
    }
}
