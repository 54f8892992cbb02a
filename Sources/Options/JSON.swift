/// A reader of JSON (RFC 8259), with places in its errors.
///
/// Stricter than the letter of the RFC where that helps a configuration: a key given twice is an error, and a
/// whole number must fit 64 bits.

public struct JSONReader {
    private var scanner: TextScanner

    public static func read(_ text: String) throws(ConfigurationError) -> ConfigurationValue {
        var reader = JSONReader(scanner: TextScanner(text))
        reader.skipSpace()
        let value = try reader.value(path: [], depth: 0)
        reader.skipSpace()
        if !reader.scanner.isAtEnd { throw reader.scanner.error("expected the end, found \(reader.scanner.found)") }
        return value
    }

    private mutating func skipSpace() {
        while [32, 9, 10, 13].contains(scanner.current) { scanner.at += 1 }
    }

    private mutating func value(path: [String], depth: Int) throws(ConfigurationError) -> ConfigurationValue {
        if depth > TextScanner.depthMax { throw scanner.error("nested too deeply") }
        switch scanner.current {
        case UInt8(ascii: "{"): return .table(try members(path: path, depth: depth))
        case UInt8(ascii: "["): return .array(try elements(path: path, depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default:
            if scanner.take(word: "true") { return .boolean(true) }
            if scanner.take(word: "false") { return .boolean(false) }
            if scanner.take(word: "null") { return .null }
            throw scanner.error("expected a value, found \(scanner.found)")
        }
    }

    private mutating func members(path: [String], depth: Int) throws(ConfigurationError) -> [ConfigurationMember] {
        scanner.at += 1
        var (found, seen) = ([ConfigurationMember](), Set<String>())
        skipSpace()
        if scanner.take("}") { return [] }
        while true {
            skipSpace()
            let place = scanner.error("")
            guard scanner.current == UInt8(ascii: "\"") else {
                throw scanner.error("expected a key in quotes, found \(scanner.found)")
            }
            let key = try string()
            if !seen.insert(key).inserted {
                throw ConfigurationError(line: place.line, column: place.column, message: "'\(key)' is set twice")
            }
            skipSpace()
            if !scanner.take(":") { throw scanner.error("expected ':' after the key, found \(scanner.found)") }
            skipSpace()
            let start = scanner.at
            let value = try value(path: path + [key], depth: depth + 1)
            found.append(
                ConfigurationMember(
                    path: path + [key], value: value, line: place.line, column: place.column,
                    valueBytes: start..<scanner.at))
            skipSpace()
            if scanner.take("}") { return found }
            if !scanner.take(",") { throw scanner.error("expected ',' or '}', found \(scanner.found)") }
        }
    }

    private mutating func elements(path: [String], depth: Int) throws(ConfigurationError) -> [ConfigurationValue] {
        scanner.at += 1
        var found: [ConfigurationValue] = []
        skipSpace()
        if scanner.take("]") { return [] }
        while true {
            skipSpace()
            found.append(try value(path: path, depth: depth + 1))
            skipSpace()
            if scanner.take("]") { return found }
            if !scanner.take(",") { throw scanner.error("expected ',' or ']', found \(scanner.found)") }
        }
    }

    private mutating func string() throws(ConfigurationError) -> String {
        let start = scanner.at
        scanner.at += 1
        var text: [UInt8] = []
        while true {
            if scanner.isAtEnd { throw scanner.error("this string does not end", at: start) }
            let byte = scanner.current
            if byte < 32 { throw scanner.error("a control character in a string must be escaped") }
            scanner.at += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(ConfigurationError) {
        let start = scanner.at - 1
        let letter = scanner.current
        scanner.at += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            guard let scalar = surrogatePair() else { throw scanner.error("a malformed \\u escape", at: start) }
            text.append(scalar: scalar)
        default: throw scanner.error("an unknown escape", at: start)
        }
    }

    private mutating func surrogatePair() -> UnicodeScalar? {
        guard let high = scanner.hexadecimal(4) else { return nil }
        guard (0xD800..<0xDC00).contains(high) else { return UnicodeScalar(high) }
        guard scanner.take(word: "\\u"), let low = scanner.hexadecimal(4), (0xDC00..<0xE000).contains(low) else {
            return nil
        }
        return UnicodeScalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    }

    private mutating func digits() -> Bool {
        let start = scanner.at
        while scanner.current &- 48 < 10 { scanner.at += 1 }
        return scanner.at > start
    }

    private mutating func number() throws(ConfigurationError) -> ConfigurationValue {
        let start = scanner.at
        var isWhole = true
        _ = scanner.take("-")
        let leadingZero = scanner.current == UInt8(ascii: "0")
        let first = scanner.at
        var isWellFormed = digits() && (!leadingZero || scanner.at == first + 1)
        if scanner.take(".") {
            isWhole = false
            isWellFormed = digits() && isWellFormed
        }
        if scanner.take("e") || scanner.take("E") {
            isWhole = false
            if !scanner.take("+") { _ = scanner.take("-") }
            isWellFormed = digits() && isWellFormed
        }
        let text = String(decoding: scanner.bytes[start..<scanner.at], as: UTF8.self)
        if !isWellFormed { throw scanner.error("a malformed number", at: start) }
        if !isWhole, let float = Double(text), float.isFinite { return .float(float) }
        if isWhole, let integer = Int(text) { return .integer(integer) }
        throw scanner.error("a number out of range", at: start)
    }
}
