/// mdoc(7), the language of manual pages: how text and arguments are protected, and how a page begins.

public enum Mdoc {
    /// Changed with the text, so that the pages do not depend on the day they are made.
    private static let date = "October 1, 2026"

    public static func head(_ name: String, _ section: String, _ summary: String) -> String {
        """
        .\\" Made by `a2 man`; do not edit.
        .Dd \(date)
        .Dt \(name.uppercased()) \(section)
        .Os
        .Sh NAME
        .Nm \(name)
        .Nd \(summary)

        """
    }

    /// A line of text: what mdoc would take for a request or an escape is protected.
    public static func text(_ text: String) -> String {
        let escaped = text.map { $0 == "\\" ? "\\e" : $0 == "-" ? "\\-" : String($0) }.joined()
        // A sentence ends its line, so that it is spaced as one.
        return escaped.split(separator: " ").reduce(into: "") { lines, word in
            let endsSentence = lines.hasSuffix(".")
            lines += lines.isEmpty ? "" : endsSentence ? "\n" : " "
            lines += word.hasPrefix(".") || word.hasPrefix("'") ? "\\&" + word : String(word)
        }
    }

    /// An argument of a macro.
    public static func argument(_ text: String) -> String {
        let escaped = text.map { $0 == "\"" ? "\\(dq" : $0 == "\\" ? "\\e" : String($0) }.joined()
        return "\"" + escaped + "\""
    }

    /// A sentence as the short description of a page.
    static func phrase(_ sentence: String) -> String {
        let first = sentence.first.map { $0.lowercased() } ?? ""
        return text(first + sentence.dropFirst().prefix { $0 != "." })
    }

    static func examples(_ examples: [(command: String, meaning: String)]) -> String {
        examples.map { example in
            let first = example.meaning.first.map { $0.uppercased() } ?? ""
            return "\(text(first + example.meaning.dropFirst() + ":"))\n.Pp\n.Dl \(argument(example.command))\n"
        }.joined(separator: ".Pp\n")
    }

    /// From names such as "a2.toml(5)", in the order of sections.
    static func seeAlso(_ pages: [String]) -> String {
        let parts = Set(pages).map { page in
            let parts = page.split(separator: "(")
            return (name: String(parts[0]), section: parts.count > 1 ? String(parts[1].prefix { $0 != ")" }) : "1")
        }
        let sorted = parts.sorted { ($0.section, $0.name) < ($1.section, $1.name) }
        return ".Sh SEE ALSO\n" + sorted.map { ".Xr \($0.name) \($0.section)" }.joined(separator: " ,\n") + "\n"
    }
}

extension String {
    var mdocEscaped: String { map { $0 == "-" ? "\\-" : String($0) }.joined() }
}
