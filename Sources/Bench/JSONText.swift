/// JSON to write: values in the order in which they are put, numbers as they are.
import Base

indirect enum JSONText: Sendable {
    case null
    case flag(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([JSONText])
    case object([(String, JSONText)])

    static func count(_ value: Int) -> JSONText { .integer(Int64(value)) }
    static func optional(_ value: Double?) -> JSONText { value.map { .number($0) } ?? .null }
    static func optional(_ value: String?) -> JSONText { value.map { .text($0) } ?? .null }

    /// The document, indented, lists of numbers and short objects on one line.
    var document: String {
        var text = ""
        append(to: &text, indent: 0)
        return text + "\n"
    }

    private var isShort: Bool {
        switch self {
        case .list(let elements): elements.count <= 4 && elements.allSatisfy(\.isScalar)
        case .object(let members): members.count <= 12 && members.allSatisfy(\.1.isScalar)
        default: true
        }
    }

    private var isScalar: Bool {
        switch self {
        case .list(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: true
        }
    }

    private func append(to text: inout String, indent: Int) {
        switch self {
        case .null: text += "null"
        case .flag(let on): text += on ? "true" : "false"
        case .integer(let number): text += "\(number)"
        case .number(let number): text += number.isFinite ? Self.shortened(number) : "null"
        case .text(let string): text += JSONSpelling.quoted(string)
        case .list(let elements):
            appendItems(to: &text, indent, "[", "]", elements.count) { text, at in
                elements[at].append(to: &text, indent: indent + 2)
            }
        case .object(let members):
            appendItems(to: &text, indent, "{", "}", members.count) { text, at in
                text += JSONSpelling.quoted(members[at].0) + ": "
                members[at].1.append(to: &text, indent: indent + 2)
            }
        }
    }

    private func appendItems(
        to text: inout String, _ indent: Int, _ open: String, _ close: String, _ count: Int,
        _ item: (inout String, Int) -> Void
    ) {
        text += open
        let isShort = isShort
        for at in 0..<count {
            text += at > 0 ? "," : ""
            text += isShort ? (at > 0 ? " " : "") : "\n" + String(repeating: " ", count: indent + 2)
            item(&text, at)
        }
        text += (isShort || count == 0 ? "" : "\n" + String(repeating: " ", count: indent)) + close
    }

    /// Six decimals are enough for anything measured here.
    private static func shortened(_ number: Double) -> String {
        var text = String(fixed: number, decimals: 6)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
