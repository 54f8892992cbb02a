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
}
