/// Replies as tables: a map has two columns, a list of maps one for each of their keys, a list its numbers.
import Client
import RESP

struct TableFormat {
    let output: Output
    let style: ReplyStyle

    func write(_ reply: ReplyValue) {
        switch reply.plain {
        case .map(let pairs):
            rows(["key", "value"], pairs.map { [cell($0.key), cell($0.value)] })
        case .array(let elements), .set(let elements), .push(let elements):
            list(elements)
        case .error: output.append(style.error("(error) " + cell(reply)) + "\n")
        default: output.append(cell(reply) + "\n")
        }
    }

    private func list(_ elements: [ReplyValue]) {
        var keys: [String] = []
        var maps: [[ReplyPair]] = []
        for element in elements {
            guard case .map(let pairs) = element.plain else { break }
            maps.append(pairs)
            for pair in pairs where !keys.contains(cell(pair.key)) { keys.append(cell(pair.key)) }
        }
        guard maps.count == elements.count, !maps.isEmpty else {
            return rows(["#", "value"], elements.enumerated().map { [String($0.offset + 1), cell($0.element)] })
        }
        rows(
            keys,
            maps.map { pairs in keys.map { key in pairs.first { cell($0.key) == key }.map { cell($0.value) } ?? "" } })
    }

    /// Nested values in one line.
    private func cell(_ value: ReplyValue) -> String {
        switch value.plain {
        case .null, .nullArray: return "(nil)"
        case .array(let elements), .set(let elements), .push(let elements):
            return "[" + elements.map(cell).joined(separator: ", ") + "]"
        case .map(let pairs):
            return "{" + pairs.map { cell($0.key) + ": " + cell($0.value) }.joined(separator: ", ") + "}"
        default:
            let bytes = value.bytes ?? []
            guard let text = String(validating: bytes, as: UTF8.self),
                !text.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 })
            else { return Quoting.quoted(bytes) }
            return text
        }
    }

    private func rows(_ head: [String], _ rows: [[String]]) {
        if rows.isEmpty { return output.append("(empty)\n") }
        var widths = head.map(displayWidth)
        for row in rows {
            for (index, text) in row.enumerated() { widths[index] = max(widths[index], displayWidth(text)) }
        }
        line(head, widths)
        output.append(widths.map { String(repeating: "-", count: $0) }.joined(separator: "-+-") + "\n")
        for row in rows {
            if output.isStopped { return }
            line(row, widths)
        }
    }

    private func line(_ cells: [String], _ widths: [Int]) {
        var text = ""
        for (index, cell) in cells.enumerated() {
            if index > 0 { text += " | " }
            text += cell
            if index + 1 < cells.count { text += String(repeating: " ", count: widths[index] - displayWidth(cell)) }
        }
        output.append(text + "\n")
    }
}
