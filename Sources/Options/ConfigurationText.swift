/// What the readers of TOML and JSON share: values, errors with a place, a scanner over bytes.

public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// From 1; the column counts characters.
    public let line: Int
    public let column: Int
    public let message: String

    public var description: String { "\(line):\(column): \(message)" }
}

public indirect enum ConfigurationValue: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case float(Double)
    case boolean(Bool)
    case null
    case array([ConfigurationValue])
    case table([ConfigurationMember])
}

/// A key with its value and where both stand.
public struct ConfigurationMember: Sendable, Equatable {
    /// From the top of the document.
    public let path: [String]
    public let value: ConfigurationValue
    public let line: Int
    public let column: Int
    /// The value's bytes in the text.
    let valueBytes: Range<Int>

    /// The member, or if it is a table the members inside it, however deep.
    var leaves: [ConfigurationMember] {
        guard case .table(let members) = value else { return [self] }
        return members.flatMap(\.leaves)
    }
}

/// A place in a text and what stands there.
struct TextScanner {
    let bytes: [UInt8]
    var at = 0

    /// Deeper nesting than this is refused rather than followed.
    static let depthMax = 64

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { at >= bytes.count }

    /// The byte here, 0 at the end: no caller accepts a NUL.
    var current: UInt8 { at < bytes.count ? bytes[at] : 0 }

    func byte(after distance: Int) -> UInt8 { at + distance < bytes.count ? bytes[at + distance] : 0 }

    mutating func take(_ byte: Character) -> Bool {
        guard !isAtEnd, current == byte.asciiValue else { return false }
        at += 1
        return true
    }

    mutating func take(word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard at + length <= bytes.count else { return false }
        for index in 0..<length where bytes[at + index] != word.utf8Start[index] { return false }
        at += length
        return true
    }

    func error(_ message: String, at place: Int? = nil) -> ConfigurationError {
        let place = min(place ?? at, bytes.count)
        var (line, column) = (1, 1)
        for byte in bytes[..<place] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return ConfigurationError(line: line, column: column, message: message)
    }

    /// What stands here, for a message.
    var found: String {
        if isAtEnd { return "the end" }
        if current == 10 || current == 13 { return "the end of the line" }
        if current < 32 || current == 127 { return "a control character" }
        let rest = bytes[at..<min(at + 4, bytes.count)]
        return "'" + String(decoding: rest, as: UTF8.self).prefix(1) + "'"
    }

    /// The code point of `count` hexadecimal digits here.
    mutating func hexadecimal(_ count: Int) -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = Character(UnicodeScalar(current)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
            at += 1
        }
        return value
    }
}

extension [UInt8] {
    mutating func append(scalar: UnicodeScalar) {
        append(contentsOf: Array(String(Character(scalar)).utf8))
    }
}
