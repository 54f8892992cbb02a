/// What all views have in common: text for a width, a document for programs, and whether the answer is bad news.
import Options

protocol ClusterView {
    func lines(_ style: ViewStyle) -> [ViewLine]
    var json: ViewJSON { get }
    /// Something is diverged, down or missing: a script that asked ends with 1.
    var isNegative: Bool { get }
    /// Who was asked.
    var asked: [NodeReading] { get }
}

extension ClusterView {
    /// For a script. Where nobody answers there is no news, neither good nor bad.
    var status: Int32 {
        let reasons = asked.compactMap { node in
            if case .silent(let reason) = node.condition { reason } else { nil }
        }
        guard reasons.count == asked.count, !asked.isEmpty else {
            return isNegative ? ExitStatus.negative : ExitStatus.success
        }
        let isRefused = reasons.contains { $0.contains("NOAUTH") || $0.contains("WRONGPASS") || $0.contains("NOPERM") }
        return isRefused ? ExitStatus.authentication : ExitStatus.network
    }
}

extension NodeReading {
    var stateCell: ViewCell {
        switch condition {
        case .answering:
            writeGate.isEmpty ? ViewCell("up", .good) : ViewCell("no writes", .warning)
        case .foreign: ViewCell("not a2", .dim)
        case .silent: ViewCell("down", .bad)
        }
    }

    /// The word that stands for the condition in documents.
    var stateWord: String {
        switch condition {
        case .answering: "up"
        case .foreign: "foreign"
        case .silent: "down"
        }
    }

    /// What there is to say beyond one word, for the lines under a table.
    var remark: ViewLine? {
        switch condition {
        case .answering where writeGate.isEmpty: nil
        case .answering: ViewLine("\(label) takes no writes: \(writeGate)", .warning)
        case .foreign(let version): ViewLine("\(label) is \(version), not an a2 node: it has no peers to tell of", .dim)
        case .silent(let reason): ViewLine("\(label) (\(address)): \(reason)", .bad)
        }
    }

    /// The first members of a node in every document.
    var jsonHead: [ViewJSON.Member] {
        var reason: String?
        if case .silent(let text) = condition { reason = text }
        return [
            .init(name: "name", value: .text(label)), .init(name: "id", value: .number(id.map { Int64($0) })),
            .init(name: "address", value: .text(address)), .init(name: "state", value: .text(stateWord)),
            .init(name: "reason", value: .text(reason)),
        ]
    }
}

extension ClusterReading {
    /// Under every table: who did not answer and why, and whom nobody could ask.
    var remarks: [ViewLine] {
        nodes.compactMap(\.remark)
            + unaddressed.map { peer in
                ViewLine(
                    "node \(peer.id)\(peer.name.isEmpty ? "" : " (\(peer.name))") is known at \(peer.address) only, its "
                        + "peer port: name its client address with --node", .warning)
            }
    }
}

extension ViewJSON {
    /// A node's members, head first.
    static func node(_ node: NodeReading, _ members: KeyValuePairs<String, ViewJSON>) -> ViewJSON {
        .object(node.jsonHead + members.map { Member(name: $0.key, value: $0.value) })
    }
}
