/// Replies of nodes, asked for by name: maps of either protocol, INFO's lines, stamps.
///
/// What a node sends is not believed: what is missing or of another kind is nil.
import Base
import RESP

struct ClusterReply {
    let value: ReplyValue

    init(_ value: ReplyValue) {
        if case .attributed(_, let inner) = value { self.value = inner } else { self.value = value }
    }

    var bytes: [UInt8]? {
        switch value {
        case .simple(let bytes), .bulk(let bytes), .verbatim(_, let bytes): bytes
        case .integer(let number): Array("\(number)".utf8)
        case .double(let number): Array("\(number)".utf8)
        default: nil
        }
    }

    /// On one line, whatever is in it.
    var text: String? { bytes.map { ViewText.plain(String(decoding: $0, as: UTF8.self)) } }

    var error: String? {
        if case .error(let bytes) = value { ViewText.plain(String(decoding: bytes, as: UTF8.self)) } else { nil }
    }

    var isNull: Bool { value == .null || value == .nullArray }

    var number: Int64? {
        switch value {
        case .integer(let number): number
        case .bulk(let bytes), .simple(let bytes): Int64(String(decoding: bytes, as: UTF8.self))
        default: nil
        }
    }

    var boolean: Bool? {
        switch value {
        case .boolean(let value): value
        case .integer(let number): number != 0
        default: nil
        }
    }

    var elements: [ClusterReply]? {
        switch value {
        case .array(let values), .set(let values), .push(let values): values.map { ClusterReply($0) }
        default: nil
        }
    }

    /// A map, or RESP2's flat array of keys and values.
    var members: [(name: ClusterReply, value: ClusterReply)]? {
        switch value {
        case .map(let pairs): pairs.map { (ClusterReply($0.key), ClusterReply($0.value)) }
        case .array(let values) where values.count.isMultiple(of: 2):
            stride(from: 0, to: values.count, by: 2).map { (ClusterReply(values[$0]), ClusterReply(values[$0 + 1])) }
        default: nil
        }
    }

    subscript(name: String) -> ClusterReply? { members?.first { $0.name.text == name }?.value }

    func text(_ name: String) -> String { self[name]?.text ?? "" }

    func number(_ name: String) -> Int64? { self[name]?.number }

    /// INFO's "field:value" lines.
    var informationFields: [String: String] {
        guard let bytes else { return [:] }
        var fields: [String: String] = [:]
        for line in bytes.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
            guard line.first != UInt8(ascii: "#"), let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            fields[name] = ViewText.plain(String(decoding: line[(colon + 1)...], as: UTF8.self))
        }
        return fields
    }

    /// A map from replica to stamp, as A2.VERSIONS and A2.DIGEST have it.
    var versions: Versions? {
        guard let members else { return nil }
        var versions = Versions()
        for member in members {
            guard let stamp = member.value.text.flatMap({ Stamp(spelled: $0) }) else { return nil }
            versions.advance(to: stamp)
        }
        return versions
    }
}

extension Stamp {
    /// As replies spell a stamp: "1764343434343+0@2.1".
    init?(spelled text: String) {
        if text == "0" {
            self = .zero
            return
        }
        guard let plus = text.firstIndex(of: "+"), let at = text.firstIndex(of: "@"), plus < at,
            let milliseconds = Int64(text[..<plus]), let counter = UInt64(text[text.index(after: plus)..<at]),
            let replica = Replica(spelled: String(text[text.index(after: at)...])), counter < 1 << Self.counterBits
        else { return nil }
        let (since, overflow) = milliseconds.subtractingReportingOverflow(Self.epochMilliseconds)
        guard !overflow, 0..<(1 << 42) ~= since else { return nil }
        self.init(tick: UInt64(since) << Self.counterBits | counter, replica: replica)
    }
}

extension Replica {
    /// "2", or "2.1" for the next generation.
    init?(spelled text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, let node = UInt8(parts[0]), node > 0 else { return nil }
        guard let generation = parts.count == 2 ? UInt8(parts[1]) : 0, generation < 4 else { return nil }
        self.init(node: node, generation: generation)
    }
}
