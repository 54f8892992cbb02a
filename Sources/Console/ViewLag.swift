/// `:lag`: how far each node is behind each other, in time and in frames.
///
/// A row is a reader, a column is a writer: the cell says how old what the reader has of the writer's writes is, and how
/// many of its frames it has not acknowledged. Where the matrix does not fit, its cells are listed, the worst first.
import Base

struct ViewLag: ClusterView {
    let reading: ClusterReading

    var isNegative: Bool { !reading.isWhole }
    var asked: [NodeReading] { reading.nodes }

    private var ours: [Int] { reading.nodes.indices.filter { reading.nodes[$0].id != nil } }

    func lines(_ style: ViewStyle) -> [ViewLine] {
        guard ours.count > 1 else {
            return [ViewLine("no two a2 nodes to compare", .dim)] + reading.remarks.wrapped(style)
        }
        return matrixOrList(style) + reading.remarks.wrapped(style)
    }

    /// Also a part of `:top`.
    func matrixOrList(_ style: ViewStyle) -> [ViewLine] {
        let matrix = matrixLines(style)
        return matrix.contains { $0.width > style.width } ? listLines(style) : matrix
    }

    private func matrixLines(_ style: ViewStyle) -> [ViewLine] {
        let corner = style.sign("reads ↓ of →", "reads \\ of")
        var table = ViewTable(
            [ViewColumn(title: corner)] + ours.map { ViewColumn(title: reading.nodes[$0].label, isRight: true) })
        for reader in ours {
            table.rows.append(
                [ViewCell(reading.nodes[reader].label, .strong)]
                    + ours.map { writer in
                        reader == writer
                            ? ViewCell(style.sign("·", "."), .dim)
                            : Self.cell(reading.link(reader: reader, writer: writer), style)
                    })
        }
        return table.lines(style)
    }

    private func listLines(_ style: ViewStyle) -> [ViewLine] {
        var table = ViewTable([
            ViewColumn(title: "READER"), ViewColumn(title: "WRITER"), ViewColumn(title: "LAG", isRight: true),
        ])
        let directions = reading.directions
            .map { (direction: $0, link: reading.link(reader: $0.reader, writer: $0.writer)) }
        for (direction, link) in directions.sorted(by: { Self.isWorse($0.link, $1.link) }) {
            table.rows.append([
                ViewCell(reading.nodes[direction.reader].label), ViewCell(reading.nodes[direction.writer].label),
                Self.cell(link, style),
            ])
        }
        return table.lines(style)
    }

    static func isWorse(_ left: LinkReading, _ right: LinkReading) -> Bool {
        let (leftRank, rightRank) = (left.state == .up ? 0 : 1, right.state == .up ? 0 : 1)
        if leftRank != rightRank { return leftRank > rightRank }
        let (leftLag, rightLag) = (left.lagMilliseconds ?? -1, right.lagMilliseconds ?? -1)
        return leftLag != rightLag ? leftLag > rightLag : (left.pendingFrames ?? 0) > (right.pendingFrames ?? 0)
    }

    /// "1 ms", "240 ms +37", "down 12.3 s +840": the plus is frames that wait.
    static func cell(_ link: LinkReading, _ style: ViewStyle) -> ViewCell {
        var words: [String] = []
        var tone = ViewTone.plain
        switch link.state {
        case .unknown: return ViewCell("?", .dim)
        case .impaired(let word):
            words.append(word)
            tone = .bad
        case .up:
            if let lag = link.lagMilliseconds, lag >= 1000 { tone = lag >= 10_000 ? .bad : .warning }
        }
        words.append(link.lagMilliseconds.map { ViewNumber.duration(milliseconds: max($0, 0)) } ?? style.none)
        if let frames = link.pendingFrames, frames > 0 { words.append("+\(ViewNumber.count(frames))") }
        return ViewCell(words.joined(separator: " "), tone)
    }

    var json: ViewJSON {
        .view(
            "lag",
            [
                "whole": .boolean(reading.isWhole), "lag_max_ms": .number(reading.lagMaxMilliseconds),
                "nodes": .list(reading.nodes.map { .node($0, [:]) }), "links": Self.links(reading),
            ])
    }

    /// Also a part of other documents.
    static func links(_ reading: ClusterReading) -> ViewJSON {
        .list(
            reading.directions.map { reader, writer in
                let link = reading.link(reader: reader, writer: writer)
                return [
                    "reader": .text(reading.nodes[reader].label), "writer": .text(reading.nodes[writer].label),
                    "state": .text(link.state.word), "lag_ms": .number(link.lagMilliseconds),
                    "pending_frames": .number(link.pendingFrames), "pending_bytes": .number(link.pendingBytes),
                ]
            })
    }
}

extension LinkReading.State {
    var word: String {
        switch self {
        case .up: "up"
        case .impaired(let word): word
        case .unknown: "unknown"
        }
    }
}
