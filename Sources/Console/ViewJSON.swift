/// Views for programs: one document, its members in a fixed order, on one line.
import Base

indirect enum ViewJSON: Equatable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([ViewJSON])
    case object([Member])

    struct Member: Equatable {
        var name: String
        var value: ViewJSON
    }

    /// Of every view's document. Grows when a member changes its meaning or goes; new members do not count.
    static let schemaVersion: Int64 = 1

    static func object(_ members: KeyValuePairs<String, ViewJSON>) -> ViewJSON {
        .object(members.map { Member(name: $0.key, value: $0.value) })
    }

    /// The document of one view.
    static func view(_ name: String, _ members: KeyValuePairs<String, ViewJSON>) -> ViewJSON {
        let head = [
            Member(name: "schema_version", value: .integer(schemaVersion)), Member(name: "view", value: .text(name)),
        ]
        return .object(head + members.map { Member(name: $0.key, value: $0.value) })
    }

    static func number(_ value: Int64?) -> ViewJSON { value.map { .integer($0) } ?? .null }

    static func number(_ value: Int) -> ViewJSON { .integer(Int64(value)) }

    static func text(_ value: String?) -> ViewJSON { value.map { .text($0) } ?? .null }

    /// A key or value: a string where it is UTF-8, else its bytes.
    static func bytes(_ bytes: [UInt8]) -> ViewJSON {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .object(["b64": .text(bytes.withView { Base64.encoded($0) })])
        }
        return .text(text)
    }

    var text: String {
        var text = ""
        write(into: &text)
        return text
    }

    private func write(into text: inout String) {
        switch self {
        case .null: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .integer(let value): text += "\(value)"
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .text(let value): text += JSONSpelling.quoted(value)
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.write(into: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                text += JSONSpelling.quoted(member.name)
                text += ":"
                member.value.write(into: &text)
            }
            text += "}"
        }
    }
}
