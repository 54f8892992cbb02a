/// Replies as text, in redis-cli's formats to the letter: for people, raw and CSV; and as JSON and tables.
import Base
import Client
import RESP

enum ReplyFormat: String, Sendable, CaseIterable {
    /// Quotes, numbers and types.
    case typed
    case raw, json, csv, table

    /// Prints one reply and the end of its line.
    func write(
        _ reply: ReplyValue, to output: Output, style: ReplyStyle = ReplyStyle(),
        delimiters: ReplyDelimiters = ReplyDelimiters()
    ) {
        switch self {
        case .typed: TypedFormat(output: output, style: style).write(reply, indent: "")
        case .raw:
            RawFormat(output: output, delimiter: delimiters.elements).write(reply)
            output.append(delimiters.replies)
        case .csv:
            CSVFormat(output: output).write(reply)
            output.append(0x0A)
        case .json:
            JSONFormat(output: output).write(reply)
            output.append(0x0A)
        case .table: TableFormat(output: output, style: style).write(reply)
        }
    }
}

/// What separates raw replies and what is in them.
struct ReplyDelimiters: Sendable {
    var elements: [UInt8] = [0x0A]
    var replies: [UInt8] = [0x0A]
}

struct ReplyStyle: Sendable {
    var usesColor = false
    var width = 80

    func error(_ text: String) -> String { usesColor ? "\u{1B}[31m\(text)\u{1B}[0m" : text }
    func dim(_ text: String) -> String { usesColor ? "\u{1B}[90m\(text)\u{1B}[0m" : text }
}

func doubleText(_ number: Double) -> [UInt8] {
    var buffer = ByteBuffer(capacity: 32)
    buffer.append(double: number)
    return buffer.array
}

private struct TypedFormat {
    let output: Output
    let style: ReplyStyle

    func write(_ reply: ReplyValue, indent: String, endsLine: Bool = true) {
        switch reply {
        case .simple(let text): output.append(text)
        case .error(let text): output.append(style.error("(error) " + String(decoding: text, as: UTF8.self)))
        case .integer(let number): output.append("(integer) \(number)")
        case .bulk(let bytes): output.append(Quoting.quoted(bytes))
        case .verbatim(_, let text): output.append(text)
        case .null, .nullArray: output.append(style.dim("(nil)"))
        case .double(let number):
            output.append("(double) ")
            output.append(doubleText(number))
        case .boolean(let value): output.append(value ? "(true)" : "(false)")
        case .bigNumber(let digits):
            output.append("(big number) ")
            output.append(digits)
        case .array(let elements): return list(elements, ")", "array", indent, endsLine)
        case .set(let elements): return list(elements, "~", "set", indent, endsLine)
        case .push(let elements): return list(elements, ")", "push", indent, endsLine)
        case .map(let pairs): return map(pairs, indent, endsLine)
        case .attributed(_, let value): return write(value, indent: indent, endsLine: endsLine)
        }
        if endsLine { output.append(0x0A) }
    }

    private func list(
        _ elements: [ReplyValue], _ sign: String, _ kind: String, _ indent: String, _ endsLine: Bool
    ) {
        if elements.isEmpty { return empty(kind, endsLine) }
        let digits = String(elements.count).utf8.count
        let deeper = indent + String(repeating: " ", count: digits + 2)
        for (index, element) in elements.enumerated() {
            if output.isStopped { return }
            number(index, digits, sign, indent)
            write(element, indent: deeper, endsLine: endsLine || index + 1 < elements.count)
        }
    }

    private func map(_ pairs: [ReplyPair], _ indent: String, _ endsLine: Bool) {
        if pairs.isEmpty { return empty("hash", endsLine) }
        let digits = String(pairs.count).utf8.count
        let deeper = indent + String(repeating: " ", count: digits + 2)
        for (index, pair) in pairs.enumerated() {
            if output.isStopped { return }
            number(index, digits, "#", indent)
            write(pair.key, indent: deeper, endsLine: false)
            // What has several lines begins below its name.
            output.append(" => " + (isLong(pair.value) ? "\n" + deeper : ""))
            write(pair.value, indent: deeper, endsLine: endsLine || index + 1 < pairs.count)
        }
    }

    private func isLong(_ value: ReplyValue) -> Bool {
        if case .map(let pairs) = value.plain { return pairs.count > 1 }
        return value.elements.map { $0.count > 1 } ?? false
    }

    private func empty(_ kind: String, _ endsLine: Bool) {
        output.append("(empty \(kind))" + (endsLine ? "\n" : ""))
    }

    /// The first one stands on its parent's line.
    private func number(_ index: Int, _ digits: Int, _ sign: String, _ indent: String) {
        let text = String(index + 1)
        let padding = String(repeating: " ", count: max(digits - text.utf8.count, 0))
        output.append((index == 0 ? "" : indent) + padding + text + sign + " ")
    }
}

private struct RawFormat {
    let output: Output
    let delimiter: [UInt8]

    func write(_ reply: ReplyValue) {
        switch reply {
        case .null, .nullArray: break
        case .error(let text):
            output.append(text)
            output.append(0x0A)
        case .boolean(let value): output.append(value ? "(true)" : "(false)")
        case .array(let elements), .set(let elements), .push(let elements):
            for (index, element) in elements.enumerated() {
                if output.isStopped { return }
                if index > 0 { output.append(delimiter) }
                write(element)
            }
        case .map(let pairs):
            for (index, pair) in pairs.enumerated() {
                if output.isStopped { return }
                if index > 0 { output.append(delimiter) }
                write(pair.key)
                output.append(0x20)
                write(pair.value)
            }
        case .attributed(_, let value): write(value)
        default: output.append(reply.bytes ?? [])
        }
    }
}

private struct CSVFormat {
    let output: Output

    func write(_ reply: ReplyValue) {
        switch reply {
        case .null, .nullArray: output.append("NULL")
        case .error(let text): output.append("ERROR," + Quoting.quoted(text))
        case .simple(let text), .bulk(let text), .verbatim(_, let text): output.append(Quoting.quoted(text))
        case .boolean(let value): output.append(value ? "true" : "false")
        case .array(let elements), .set(let elements), .push(let elements): list(elements)
        case .map(let pairs): list(pairs.flatMap { [$0.key, $0.value] })
        case .attributed(_, let value): write(value)
        default: output.append(reply.bytes ?? [])
        }
    }

    private func list(_ elements: [ReplyValue]) {
        for (index, element) in elements.enumerated() {
            if output.isStopped { return }
            if index > 0 { output.append(UInt8(ascii: ",")) }
            write(element)
        }
    }
}
