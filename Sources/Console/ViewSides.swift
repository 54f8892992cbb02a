/// Nodes side by side: a row for each thing they could differ in, a column for each node. What `:diff` and `:meta` show.

struct SideCell: Equatable {
    var text: String
    var json: ViewJSON

    init(_ text: String, _ json: ViewJSON? = nil) {
        self.text = text
        self.json = json ?? .text(text)
    }
}

struct SideRow: Equatable {
    var name: String
    /// By node; nil where the node says nothing of it.
    var cells: [SideCell?]
    /// Nodes that agree show the same here. Other rows are each node's own matter, such as how it keeps a value.
    var isShared = true

    /// Of the nodes that were asked and answered.
    func differs(among nodes: [Int]) -> Bool {
        guard isShared, let first = nodes.first else { return false }
        return nodes.contains { cells[$0]?.json != cells[first]?.json }
    }

    /// Those that do not say what most say.
    func outliers(among nodes: [Int]) -> [Int] {
        guard differs(among: nodes) else { return [] }
        let look = AgreementLook(fingerprints: nodes.map { cells[$0]?.json.text }, versions: [])
        return look.outliers.map { nodes[$0] }
    }
}

struct ViewSides: ClusterView {
    /// "diff" or "meta".
    var name: String
    var key: [UInt8]
    var nodes: [NodeReading]
    var rows: [SideRow]
    /// Those whose answers are compared: they answered, and the question was one for them.
    var answering: [Int]
    /// What a second look said of a difference; nil: there was none, or there is nobody to tell.
    var agreement: Agreement?
    var waitedMilliseconds: Int64 = 0

    private static let stackedWidth = 14

    /// Of one node alone.
    func only(_ node: Int) -> ViewSides {
        var sides = self
        sides.nodes = [nodes[node]]
        sides.rows = rows.map { SideRow(name: $0.name, cells: [$0.cells[node]], isShared: $0.isShared) }
        sides.answering = answering.contains(node) ? [0] : []
        return sides
    }

    var differs: Bool { rows.contains { $0.differs(among: answering) } }

    var asked: [NodeReading] { nodes }
    var isNegative: Bool {
        let isDifferent = differs && agreement != .inFlight && agreement != .equal
        return isDifferent || nodes.contains { $0.condition.isSilent }
    }

    func lines(_ style: ViewStyle) -> [ViewLine] {
        let wide = wideLines(style)
        let isTight = wide.contains { $0.width > style.width } || columnWidth(style) < Self.stackedWidth
        return [ViewLine([ViewCell("key ", .dim), ViewCell(ViewText.key(key), .strong)])]
            + (nodes.count > 1 && isTight ? stackedLines(style) : wide)
            + ((nodes.count > 1 ? [verdict] : []) + nodes.compactMap(\.remark)).wrapped(style)
    }

    private func columnWidth(_ style: ViewStyle) -> Int {
        (style.width - 20) / max(nodes.count, 1)
    }

    private func mark(_ row: SideRow, _ node: Int, _ style: ViewStyle) -> ViewCell {
        guard let cell = row.cells[node] else {
            let isMissing = row.outliers(among: answering).contains(node)
            return ViewCell(isMissing ? "!" + style.none : " " + style.none, isMissing ? .bad : .dim)
        }
        let isOutlier = row.outliers(among: answering).contains(node)
        return ViewCell((isOutlier ? "!" : " ") + cell.text, isOutlier ? (agreement ?? .diverged).tone : .plain)
    }

    private func wideLines(_ style: ViewStyle) -> [ViewLine] {
        var table = ViewTable(
            [ViewColumn(title: "")] + nodes.map { ViewColumn(title: " " + $0.label) })
        for row in rows {
            table.rows.append([ViewCell(row.name, .dim)] + nodes.indices.map { mark(row, $0, style) })
        }
        return table.lines(style)
    }

    private func stackedLines(_ style: ViewStyle) -> [ViewLine] {
        rows.flatMap { row -> [ViewLine] in
            if nodes.indices.allSatisfy({ row.cells[$0]?.text == row.cells[0]?.text }), let cell = row.cells[0] {
                return [ViewLine([ViewCell(row.name + "  ", .dim), ViewCell(cell.text)])]
            }
            return [ViewLine(row.name, .dim)]
                + nodes.indices.map { node in
                    ViewLine([ViewCell("  \(nodes[node].label)  "), mark(row, node, style)])
                }
        }
    }

    private var verdict: ViewLine {
        let waited =
            waitedMilliseconds > 0
            ? " after \(ViewNumber.duration(milliseconds: waitedMilliseconds))" : ""
        if !differs, agreement ?? .equal == .equal {
            return answering.count > 1
                ? ViewLine("equal on \(answering.count) nodes", .good) : ViewLine("nothing to compare with", .dim)
        }
        switch agreement {
        case .diverged: return ViewLine("DIVERGED: still different\(waited), and no write is on its way", .bad)
        case .inFlight: return ViewLine("in flight: a write is on its way", .warning)
        case .equal: return ViewLine("equal\(waited): the difference was in flight", .good)
        case nil: return ViewLine("differs (marked !)", .bad)
        }
    }

    var json: ViewJSON {
        .view(
            name,
            [
                "key": .bytes(key), "differs": .boolean(differs),
                "state": .text(agreement?.word ?? (differs ? "different" : answering.count > 1 ? "equal" : nil)),
                "waited_ms": .integer(waitedMilliseconds), "nodes": .list(nodes.map { .node($0, [:]) }),
                "fields": .list(
                    rows.map { row in
                        [
                            "field": .text(row.name), "shared": .boolean(row.isShared),
                            "differs": .boolean(row.differs(among: answering)),
                            "values": .object(
                                nodes.indices.map {
                                    .init(name: nodes[$0].label, value: row.cells[$0]?.json ?? .null)
                                }),
                        ]
                    }),
            ])
    }
}
