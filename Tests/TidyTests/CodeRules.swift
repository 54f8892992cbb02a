/// Rules about code: how long a function is, and what gets around the compiler's checks.

enum CodeRules {
    static let functionLinesMax = 70

    struct Function: Equatable {
        let name: String
        let line: Int
        let lineCount: Int
    }

    /// Every function, initializer, subscript and computed property with a body, from its first line to its brace.
    static func functions(in file: SourceFile) -> [Function] {
        file.isC ? cFunctions(in: file) : swiftFunctions(in: file)
    }

    static func functionLength(_ file: SourceFile) -> [Violation] {
        functions(in: file).filter { $0.lineCount > functionLinesMax }.map {
            Violation(file, $0.line, "\($0.name) has \($0.lineCount) lines; at most \(functionLinesMax)")
        }
    }

    private static let declarations: Set<String> = [
        "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "class", "enum", "protocol",
        "extension", "associatedtype", "typealias", "import",
    ]

    private static func swiftFunctions(in file: SourceFile) -> [Function] {
        let tokens = file.tokens
        var found: [Function] = []
        for (index, token) in tokens.enumerated() where token.kind == .word {
            let previous = index > 0 ? tokens[index - 1] : nil
            if previous?.isSign(".") == true || previous?.isSign("`") == true { continue }
            let next = index + 1 < tokens.count ? tokens[index + 1] : nil
            switch token.text {
            case "func", "deinit", "var": break
            case "init" where next?.isSign("(") == true || next?.isSign("<") == true || next?.isSign("?") == true: break
            case "subscript" where next?.isSign("(") == true || next?.isSign("<") == true: break
            default: continue
            }
            guard let body = bodyStart(after: index, in: tokens, isProperty: token.text == "var"),
                let end = closingBrace(of: body, in: tokens)
            else { continue }
            let isNamed = token.text == "func" || token.text == "var"
            found.append(
                Function(
                    name: isNamed ? next?.text ?? "" : token.text, line: token.line,
                    lineCount: tokens[end].line - token.line + 1))
        }
        return found
    }

    /// The index of the brace that opens the body; nil for a requirement or a stored property.
    private static func bodyStart(after start: Int, in tokens: [Token], isProperty: Bool) -> Int? {
        var depth = 0
        for index in tokens.indices[(start + 1)...] {
            let token = tokens[index]
            if token.isSign("(") || token.isSign("[") { depth += 1 }
            if token.isSign(")") || token.isSign("]") { depth -= 1 }
            if depth < 0 { return nil }
            guard depth == 0 else { continue }
            if token.isSign("{") { return index }
            if token.isSign("}") || token.isSign("@") && token.startsLine { return nil }
            if isProperty, token.isSign("=") { return nil }
            if token.kind == .word, token.startsLine || token.text == "func", declarations.contains(token.text) {
                return nil
            }
        }
        return nil
    }

    private static func closingBrace(of start: Int, in tokens: [Token]) -> Int? {
        var depth = 0
        for index in tokens.indices[start...] {
            if tokens[index].isSign("{") { depth += 1 }
            if tokens[index].isSign("}") { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    /// In C a function's brace stands at no depth, behind its parameters.
    private static func cFunctions(in file: SourceFile) -> [Function] {
        let tokens = file.tokens
        var found: [Function] = []
        var index = 1
        while index < tokens.count {
            defer { index += 1 }
            guard tokens[index].isSign("{"), let end = closingBrace(of: index, in: tokens) else { continue }
            if tokens[index - 1].isSign(")") {
                let line = tokens[index].line
                found.append(Function(name: "a function", line: line, lineCount: tokens[end].line - line + 1))
            }
            // extern "C" holds functions; anything else that opens here holds none.
            if tokens[index - 1].kind != .literal { index = end }
        }
        return found
    }

    // MARK: Around the compiler

    /// `x!`, `as!`, `try!` and `Type!`.
    static func forcedUnwraps(_ file: SourceFile) -> [Violation] {
        guard file.isSwift else { return [] }
        var found: [Violation] = []
        for (previous, token) in zip(file.tokens, file.tokens.dropFirst()) {
            guard token.isSign("!"), !token.followsSpace else { continue }
            let isValue = previous.kind != .sign || [")", "]", "}", ">", "?", "!"].contains(previous.text)
            // `!=` stands behind a space; `return!x` does not occur in formatted code.
            if isValue { found.append(Violation(file, token.line, "'\(previous.text)!' traps without a word")) }
        }
        return found
    }

    static func word(_ word: String, _ file: SourceFile) -> [Violation] {
        guard file.isSwift else { return [] }
        return file.tokens.filter { $0.isWord(word) }.map { Violation(file, $0.line, "'\(word)' in an unlisted file") }
    }

    /// `@unchecked Sendable`, `nonisolated(unsafe)`, `unowned(unsafe)`.
    static func uncheckedSharing(_ file: SourceFile) -> [Violation] {
        guard file.isSwift else { return [] }
        var found: [Violation] = []
        let tokens = file.tokens
        for index in tokens.indices.dropLast(2) {
            let isUnchecked = tokens[index].isSign("@") && tokens[index + 1].isWord("unchecked")
            let isUnsafe =
                ["nonisolated", "unowned"].contains(tokens[index].text) && tokens[index + 1].isSign("(")
                && tokens[index + 2].isWord("unsafe")
            guard isUnchecked || isUnsafe else { continue }
            let text = isUnchecked ? "@unchecked" : "\(tokens[index].text)(unsafe)"
            found.append(Violation(file, tokens[index].line, "'\(text)' in an unlisted file"))
        }
        return found
    }
}
