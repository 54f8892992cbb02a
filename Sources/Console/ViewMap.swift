/// `:map`: who sends to whom, a line for each direction, as text or as a graph for Graphviz.
import Base

struct ViewMap: ClusterView {
    let reading: ClusterReading
    /// The document is Graphviz' language instead of text.
    var isDot = false

    var isNegative: Bool { !reading.isWhole }
    var asked: [NodeReading] { reading.nodes }

    func lines(_ style: ViewStyle) -> [ViewLine] {
        if isDot { return dot.map { ViewLine($0) } }
        var lines: [ViewLine] = []
        for (writer, node) in reading.nodes.enumerated() {
            var place = [node.address]
            if !node.region.isEmpty { place.insert(node.region, at: 0) }
            lines.append(
                ViewLine([
                    ViewCell(style.sign("● ", "* "), node.stateCell.tone), ViewCell(node.label, .strong),
                    ViewCell("  \(place.joined(separator: "  "))  ", .dim), node.stateCell,
                ]))
            lines += links(of: writer, style)
        }
        return lines + reading.remarks.wrapped(style)
    }

    /// Where the node's writes go.
    private func links(of writer: Int, _ style: ViewStyle) -> [ViewLine] {
        let readers = reading.directions.filter { $0.writer == writer }.map(\.reader)
        var table = ViewTable([
            ViewColumn(title: ""), ViewColumn(title: ""), ViewColumn(title: ""), ViewColumn(title: "", isRight: true),
            ViewColumn(title: "", rank: 1),
        ])
        table.hasTitles = false
        for (place, reader) in readers.enumerated() {
            let link = reading.link(reader: reader, writer: writer)
            let isLast = place == readers.count - 1
            let (body, tone): (String, ViewTone) =
                switch link.state {
                case .up: ("──▶", .plain)
                case .impaired("down"): ("─╳─", .bad)
                case .impaired: ("┄┄▶", .warning)
                case .unknown: ("─?─", .dim)
                }
            let arrow = style.isUnicode ? (isLast ? "└" : "├") + body : (isLast ? "`" : "|") + Self.ascii(body)
            let isBehind = link.state != .up || (link.lagMilliseconds ?? 0) >= 1000
            let frames = link.pendingFrames ?? 0
            table.rows.append([
                ViewCell(arrow, tone), ViewCell(reading.nodes[reader].label),
                ViewCell(link.state.word, link.state == .up ? .good : .bad),
                ViewCell(
                    link.lagMilliseconds.map { ViewNumber.duration(milliseconds: max($0, 0)) + " behind" }
                        ?? style.none, isBehind ? tone == .plain ? .warning : tone : .plain),
                ViewCell(
                    frames > 0
                        ? "\(ViewNumber.count(frames)) frames, \(ViewNumber.bytes(link.pendingBytes ?? 0)) wait" : ""),
            ])
        }
        return table.lines(style)
    }

    private static func ascii(_ body: String) -> String {
        switch body {
        case "──▶": "-->"
        case "─╳─": "-X-"
        case "┄┄▶": "..>"
        default: "-?-"
        }
    }

    private var dot: [String] {
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        var lines = ["digraph a2 {", "  rankdir=LR;"]
        for node in reading.nodes {
            let colour = node.condition.isSilent ? "red" : node.isAnswering ? "black" : "gray"
            let label = node.label + "\u{1}" + (node.region.isEmpty ? node.address : node.region)
            let escaped = quoted(label).replacing("\u{1}", with: "\\n")
            lines.append("  \(quoted(node.label)) [label=\(escaped), color=\(colour)];")
        }
        for (reader, writer) in reading.directions {
            let link = reading.link(reader: reader, writer: writer)
            let style = ViewStyle(isUnicode: false)
            let look = link.state == .up ? "color=black" : "color=red, style=dashed"
            lines.append(
                "  \(quoted(reading.nodes[writer].label)) -> \(quoted(reading.nodes[reader].label)) "
                    + "[label=\(quoted(ViewLag.cell(link, style).text)), \(look)];")
        }
        return lines + ["}"]
    }

    var json: ViewJSON {
        .view(
            "map",
            [
                "whole": .boolean(reading.isWhole),
                "nodes": .list(reading.nodes.map { .node($0, ["region": .text($0.region)]) }),
                "links": ViewLag.links(reading),
            ])
    }
}
