/// The notation of a row's `arguments`, read into the tree that COMMAND DOCS tells.
///
///     key value [NX | XX] [GET] [EX seconds | KEEPTTL]      words, options, alternatives
///     key [key ...]                                          repeated
///     [GET pattern [GET pattern ...]]                        repeated with its token
///     <a | b>                                                one of them
///
/// Capitals are tokens, small letters name what the caller puts in. Types follow from names, because the
/// notation has none: a name that means a number in one command means one in all.

/// One argument or one group of arguments.
struct ArgumentNode: Equatable {
    enum Kind: String {
        case string, integer, double, key, pattern, oneof, block
        case unixTime = "unix-time"
        case pureToken = "pure-token"
    }

    var name: String
    var kind: Kind
    var token: String?
    var keySpecIndex: Int?
    var isOptional = false
    var isMultiple = false
    /// The token is repeated with each value.
    var repeatsToken = false
    var children: [ArgumentNode] = []
}

/// What the notation says, before it means anything.
private indirect enum SyntaxItem: Equatable {
    case word(String)
    case optional([[SyntaxItem]], repeats: Bool)
    case choice([[SyntaxItem]], repeats: Bool)

    var isToken: Bool {
        guard case .word(let word) = self else { return false }
        return !word.utf8.contains { $0 &- 97 < 26 }
    }

    var isOptional: Bool {
        if case .optional = self { return true }
        return false
    }
}

/// Reads the notation. A malformed row is a bug of the row: a test reads them all.
private struct SyntaxReader {
    private var words: [String] = []
    private var at = 0

    init(_ text: String) {
        var word = ""
        func flush(_ words: inout [String]) {
            if !word.isEmpty { words.append(word) }
            word = ""
        }
        for character in text {
            switch character {
            case " ": flush(&words)
            case "[", "]", "<", ">", "|":
                flush(&words)
                words.append(String(character))
            default: word.append(character)
            }
        }
        flush(&words)
    }

    /// Sequences between bars, up to the closing bracket or the end.
    mutating func alternatives() -> (sequences: [[SyntaxItem]], repeats: Bool) {
        var sequences: [[SyntaxItem]] = []
        var sequence: [SyntaxItem] = []
        var repeats = false
        while at < words.count, words[at] != "]", words[at] != ">" {
            let word = words[at]
            at += 1
            switch word {
            case "|":
                sequences.append(sequence)
                sequence = []
            case "...": repeats = true
            case "[":
                let inner = alternatives()
                at += 1
                sequence.append(.optional(inner.sequences, repeats: inner.repeats))
            case "<":
                let inner = alternatives()
                at += 1
                sequence.append(.choice(inner.sequences, repeats: inner.repeats))
            default: sequence.append(.word(word))
            }
        }
        sequences.append(sequence)
        return (sequences, repeats)
    }
}

/// Turns what was read into arguments.
struct ArgumentSyntax {
    private let keySpecCount: Int
    private var keysSeen = 0

    /// The arguments of a row.
    static func arguments(of row: Command) -> [ArgumentNode] {
        parse(row.arguments.description, keySpecCount: row.keys.count)
    }

    static func parse(_ text: String, keySpecCount: Int) -> [ArgumentNode] {
        var reader = SyntaxReader(text)
        var syntax = ArgumentSyntax(keySpecCount: keySpecCount)
        let read = reader.alternatives().sequences
        if read.count == 1 { return syntax.sequence(read[0]) }
        return [syntax.oneOf(read)]
    }

    private init(keySpecCount: Int) { self.keySpecCount = keySpecCount }

    /// Items one after the other.
    private mutating func sequence(_ items: [SyntaxItem]) -> [ArgumentNode] {
        var nodes: [ArgumentNode] = []
        // Where each node's items begin, so that a repetition behind them can be told from an option.
        var starts: [Int] = []
        var at = 0
        while at < items.count {
            if case .optional(let inner, repeats: true) = items[at], inner.count == 1,
                repeated(inner[0], endingAt: at, items, starts, &nodes)
            {
                starts.removeLast(starts.count - nodes.count)
                at += 1
                continue
            }
            starts.append(at)
            nodes.append(node(items, &at))
        }
        return nodes
    }

    /// Marks the nodes before `end` as repeated if `inner` spells them again.
    private mutating func repeated(
        _ inner: [SyntaxItem], endingAt end: Int, _ items: [SyntaxItem], _ starts: [Int],
        _ nodes: inout [ArgumentNode]
    ) -> Bool {
        let start = end - inner.count
        guard start >= 0, Array(items[start..<end]) == inner else { return false }
        if let first = starts.firstIndex(of: start) {
            if first < nodes.count - 1 {
                let block = Array(nodes[first...])
                nodes.removeLast(block.count)
                nodes.append(ArgumentNode(name: "data", kind: .block, children: block))
            }
            nodes[first].isMultiple = true
            nodes[first].repeatsToken = nodes[first].token != nil
            return true
        }
        // The token stands once, what follows it repeats.
        guard let last = starts.last, last == start - 1, nodes[nodes.count - 1].token != nil else { return false }
        nodes[nodes.count - 1].isMultiple = true
        return true
    }

    /// The argument that begins at `at`, which moves behind it.
    private mutating func node(_ items: [SyntaxItem], _ at: inout Int) -> ArgumentNode {
        let item = items[at]
        at += 1
        switch item {
        case .word(let word):
            guard item.isToken else { return named(word) }
            guard at < items.count, !items[at].isToken, !items[at].isOptional else {
                return ArgumentNode(name: Self.name(ofToken: word), kind: .pureToken, token: word)
            }
            var value = node(items, &at)
            value.token = word
            return value
        case .optional(let inner, let repeats):
            var group = inner.count == 1 ? single(inner[0]) : oneOf(inner)
            group.isOptional = true
            if repeats { group.isMultiple = true }
            return group
        case .choice(let inner, let repeats):
            var group = inner.count == 1 ? single(inner[0]) : oneOf(inner)
            if repeats { group.isMultiple = true }
            return group
        }
    }

    /// A sequence as one argument: itself, or a block of several, led by its token if one leads it.
    private mutating func single(_ items: [SyntaxItem]) -> ArgumentNode {
        if case .optional(let inner, repeats: true) = items[items.count - 1], inner == [items.dropLast()] {
            var node = single(Array(items.dropLast()))
            node.isMultiple = true
            node.repeatsToken = node.token != nil
            return node
        }
        if items[0].isToken, case .word(let token) = items[0],
            items.dropFirst().filter({ !$0.isOptional && !$0.isToken }).count >= 2,
            !items.dropFirst().contains(where: \.isToken)
        {
            return ArgumentNode(
                name: Self.name(ofToken: token), kind: .block, token: token,
                children: sequence(Array(items.dropFirst())))
        }
        let nodes = sequence(items)
        if nodes.count == 1 { return nodes[0] }
        return ArgumentNode(name: nodes[0].name, kind: .block, children: nodes)
    }

    private mutating func oneOf(_ alternatives: [[SyntaxItem]]) -> ArgumentNode {
        let seen = keysSeen
        var children: [ArgumentNode] = []
        for alternative in alternatives {
            // Alternatives stand in the same place: their keys share a key spec.
            keysSeen = seen
            children.append(single(alternative))
        }
        return ArgumentNode(name: Self.name(ofChoice: children), kind: .oneof, children: children)
    }

    private mutating func named(_ name: String) -> ArgumentNode {
        var node = ArgumentNode(name: name, kind: Self.kind(of: name))
        if keySpecCount > 0, Self.keyNames.contains(name) {
            node.kind = .key
            node.keySpecIndex = min(keysSeen, keySpecCount - 1)
            keysSeen += 1
        }
        return node
    }
}

extension ArgumentSyntax {
    private static let keyNames = ["key", "newkey", "source", "destination", "destkey", "key1", "key2", "sourcekey"]

    private static let integers = [
        "seconds", "milliseconds", "offset", "count", "increment", "decrement", "index", "start", "end", "stop",
        "cursor", "numkeys", "db", "destination-db", "index1", "index2", "timeout", "client-id", "numreplicas",
        "numlocal", "protover", "version", "bit", "rank", "len", "num-matches", "partition", "bucket",
        "max-age", "idle-time", "frequency", "bits", "ttl", "port", "slot", "cluster-bus-port",
    ]

    private static let doubles = ["longitude", "latitude", "radius", "width", "height", "weight", "score", "float"]

    private static func kind(of name: String) -> ArgumentNode.Kind {
        if name == "pattern" { return .pattern }
        if name.hasPrefix("unix-time") { return .unixTime }
        if integers.contains(name) { return .integer }
        if doubles.contains(name) { return .double }
        return .string
    }

    private static func name(ofToken token: String) -> String {
        token.lowercased()
    }

    /// Redis names its alternatives one by one; the common ones are known by what they contain.
    private static func name(ofChoice children: [ArgumentNode]) -> String {
        let tokens = children.compactMap(\.token)
        if tokens.contains("EX") || tokens.contains("PX") { return "expiration" }
        if tokens.contains("NX") || tokens.contains("XX") { return "condition" }
        if tokens == ["GT", "LT"] { return "comparison" }
        if tokens == ["ASC", "DESC"] { return "order" }
        if tokens.contains("KM") || tokens == ["BYTE", "BIT"] { return "unit" }
        if tokens.contains("BYRADIUS") { return "by" }
        if tokens.contains("FROMMEMBER") { return "from" }
        if tokens.contains("MAXLEN") { return "strategy" }
        if tokens == ["=", "~"] { return "operator" }
        return children.allSatisfy { $0.kind == .pureToken } ? children.map(\.name).joined(separator: "-") : "option"
    }
}
