/// `:nodes`: who is there, where, and how each does.
import Base

struct ViewNodes: ClusterView {
    let reading: ClusterReading

    var isNegative: Bool { reading.nodes.contains { $0.condition.isSilent } || !reading.unaddressed.isEmpty }
    var asked: [NodeReading] { reading.nodes }

    func lines(_ style: ViewStyle) -> [ViewLine] {
        var table = ViewTable([
            ViewColumn(title: "NODE"), ViewColumn(title: "ID", isRight: true, rank: 4),
            ViewColumn(title: "ADDRESS", rank: 1),
            ViewColumn(title: "REGION", rank: 6), ViewColumn(title: "STATE"),
            ViewColumn(title: "KEYS", isRight: true, rank: 2), ViewColumn(title: "OPS/S", isRight: true, rank: 3),
            ViewColumn(title: "CLIENTS", isRight: true, rank: 8), ViewColumn(title: "MEMORY", isRight: true, rank: 5),
            ViewColumn(title: "UPTIME", isRight: true, rank: 7), ViewColumn(title: "CLOCK", isRight: true, rank: 9),
            ViewColumn(title: "VERSION", rank: 10),
        ])
        for node in reading.nodes { table.rows.append(row(node, style)) }
        return table.lines(style) + reading.remarks.wrapped(style)
    }

    private func row(_ node: NodeReading, _ style: ViewStyle) -> [ViewCell] {
        let none = ViewCell(style.none, .dim)
        let head = [
            ViewCell(node.label, .strong), node.id.map { ViewCell("\($0)") } ?? none, ViewCell(node.address),
            node.region.isEmpty ? none : ViewCell(node.region), node.stateCell,
        ]
        guard !node.condition.isSilent else { return head + Array(repeating: none, count: 7) }
        return head + [
            ViewCell(ViewNumber.count(node.keys)), ViewCell(ViewNumber.count(node.operationsPerSecond)),
            ViewCell(ViewNumber.count(node.clients)), ViewCell(ViewNumber.bytes(node.usedBytes)),
            ViewCell(ViewNumber.duration(milliseconds: node.uptimeSeconds * 1000)),
            node.clockOffsetMilliseconds.map { ViewNumber.offset(milliseconds: $0) } ?? none, ViewCell(node.version),
        ]
    }

    var json: ViewJSON {
        .view(
            "nodes",
            [
                "nodes": .list(reading.nodes.map(document)),
                "unaddressed": .list(
                    reading.unaddressed.map {
                        ["id": .number($0.id), "name": .text($0.name), "peer_address": .text($0.address)]
                    }),
            ])
    }

    private func document(_ node: NodeReading) -> ViewJSON {
        let isKnown = !node.condition.isSilent
        func number(_ value: Int64) -> ViewJSON { isKnown ? .integer(value) : .null }
        return .node(
            node,
            [
                "version": .text(isKnown ? node.version : nil), "region": .text(node.region),
                "cluster": .text(node.cluster), "keys": number(node.keys),
                "operations_per_second": number(node.operationsPerSecond), "clients": number(node.clients),
                "used_bytes": number(node.usedBytes), "uptime_seconds": number(node.uptimeSeconds),
                "round_trip_ms": node.roundTripMilliseconds.map { .number($0) } ?? .null,
                "clock_offset_ms": node.clockOffsetMilliseconds.map { .number($0) } ?? .null,
                "write_gate": .text(node.writeGate.isEmpty ? nil : node.writeGate),
                "stable_ms": node.isAnswering ? .integer(node.stableMilliseconds) : .null,
                "keys_repaired": node.isAnswering ? .integer(node.keysRepaired) : .null,
                "keys_diverged": node.isAnswering ? .integer(node.keysDiverged) : .null,
            ])
    }
}

extension ViewJSON: ExpressibleByDictionaryLiteral {
    init(dictionaryLiteral elements: (String, ViewJSON)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }
}

extension ViewNumber {
    /// A clock's lead over the console's: what is below the precision of asking over a network is no lead.
    static func offset(milliseconds: Double) -> ViewCell {
        let magnitude = milliseconds.magnitude
        let tone: ViewTone = magnitude >= 1000 ? .bad : magnitude >= 100 ? .warning : .plain
        let sign = milliseconds < 0 ? "-" : "+"
        if magnitude < 10 { return ViewCell(sign + String(fixed: magnitude, decimals: 1) + " ms", tone) }
        return ViewCell(sign + duration(milliseconds: Int64(magnitude.rounded())), tone)
    }
}
