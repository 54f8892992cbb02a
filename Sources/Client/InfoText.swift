/// The reply of INFO, read: sections of fields.

public struct InfoText: Sendable, Equatable {
    public struct Field: Sendable, Equatable {
        public let name: String
        public let value: String
    }

    public struct Section: Sendable, Equatable {
        public let name: String
        public internal(set) var fields: [Field] = []
    }

    public private(set) var sections: [Section] = []

    public init(_ text: String) {
        for line in text.split(whereSeparator: { $0.isNewline }) {
            if line.hasPrefix("#") {
                sections.append(Section(name: String(line.dropFirst().drop { $0 == " " })))
                continue
            }
            guard let colon = line.firstIndex(of: ":") else { continue }
            if sections.isEmpty { sections.append(Section(name: "")) }
            sections[sections.count - 1].fields.append(
                Field(name: String(line[..<colon]), value: String(line[line.index(after: colon)...])))
        }
    }

    /// The value of a field, whichever section it is in.
    public subscript(field: String) -> String? {
        for section in sections {
            if let found = section.fields.first(where: { $0.name == field }) { return found.value }
        }
        return nil
    }

    public func integer(_ field: String) -> Int64? { self[field].flatMap { Int64($0) } }

    public func section(_ name: String) -> Section? {
        sections.first { $0.name.lowercased() == name.lowercased() }
    }

    /// "keys=1,expires=0" as pairs: what keyspace and commandstats lines hold.
    public static func parts(of value: String) -> [Field] {
        value.split(separator: ",").compactMap { part in
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return sides.count == 2 ? Field(name: String(sides[0]), value: String(sides[1])) : nil
        }
    }
}
