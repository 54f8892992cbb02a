/// A request with holes, as the command line spells it: `SET user:{key} {value}`, or as redis-benchmark has it,
/// `SET user:__rand_int__ __data__`.

public struct CommandTemplate: Sendable, Equatable {
    public enum Piece: Sendable, Equatable {
        case text([UInt8])
        /// The key prefix and the number of a key.
        case key
        /// The number of a key alone, in twelve digits.
        case keyNumber
        case value
        /// A number from `low` up to and with `high`.
        case number(low: Int, high: Int)
    }

    public struct Malformed: Error, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// What reports call it.
    public let name: String
    /// The pieces of each argument.
    public let arguments: [[Piece]]
    /// Sent as a line instead of an array of bulk strings.
    public let isInline: Bool

    public init(name: String, arguments: [[Piece]], isInline: Bool = false) {
        self.name = name
        self.arguments = arguments
        self.isInline = isInline
    }

    /// From arguments already divided, as the shell does.
    public init(words: [String]) throws(Malformed) {
        var arguments: [[Piece]] = []
        for word in words { arguments.append(try Self.pieces(word)) }
        self.init(name: words.joined(separator: " "), arguments: arguments)
    }

    /// Of the command's own name, in capitals.
    public var commandName: String {
        guard case .text(let bytes)? = arguments.first?.first else { return "" }
        return String(decoding: bytes, as: UTF8.self).uppercased()
    }

    private static func pieces(_ word: String) throws(Malformed) -> [Piece] {
        var pieces: [Piece] = []
        var text = ""
        func finish() {
            if !text.isEmpty { pieces.append(.text(Array(text.utf8))) }
            text = ""
        }
        var rest = word[...]
        while !rest.isEmpty {
            if let (piece, count) = try placeholder(rest) {
                finish()
                pieces.append(piece)
                rest = rest.dropFirst(count)
            } else {
                text.append(rest.removeFirst())
            }
        }
        finish()
        return pieces.isEmpty ? [.text([])] : pieces
    }

    /// What `text` begins with, if that is a hole, and how many characters it takes.
    private static func placeholder(_ text: Substring) throws(Malformed) -> (Piece, Int)? {
        if text.hasPrefix("__rand_int__") { return (.keyNumber, 12) }
        if text.hasPrefix("__data__") { return (.value, 8) }
        guard text.hasPrefix("{"), let end = text.firstIndex(of: "}") else { return nil }
        let words = text[..<end].dropFirst().split(separator: " ").map(String.init)
        let count = text.distance(from: text.startIndex, to: end) + 1
        switch (words.first, words.count) {
        case ("key", 1): return (.key, count)
        case ("value", 1): return (.value, count)
        case ("rand", 2):
            guard let bound = Int(words[1]), bound > 0 else {
                throw Malformed(description: "{rand N} needs a number above 0, not '\(words[1])'")
            }
            return (.number(low: 0, high: bound - 1), count)
        case ("rand", 3):
            guard let low = Int(words[1]), let high = Int(words[2]), low <= high else {
                throw Malformed(description: "{rand LOW HIGH} needs two numbers, the lower first")
            }
            return (.number(low: low, high: high), count)
        case ("key", _), ("value", _), ("rand", _):
            throw Malformed(description: "unknown placeholder '\(text[...end])'; there are {key}, {value}, {rand N}")
        // Anything else in braces is text: hash tags, JSON, Lua.
        default: return nil
        }
    }
}
