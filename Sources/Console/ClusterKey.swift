/// One key on several nodes: replies to TYPE, PEXPIRETIME, a read and A2.META become rows of a comparison.
import Base

enum ClusterKey {
    /// Of a value this much is read and compared; the rest is told by its length alone.
    static let valueBytesMax = 1 << 20
    static let elementsMax = 1000
    private static let shownBytesMax = 64

    /// What there is to say of a key, with the requests that ask for it, in this order.
    static func firstRequests(_ key: [UInt8]) -> [[[UInt8]]] {
        [["TYPE"], ["PEXPIRETIME"], ["A2.META"]].map { words in words.map { Array($0.utf8) } + [key] }
    }

    /// How the value of a type is read whole; nil: by no command.
    static func readRequest(type: String, _ key: [UInt8]) -> [[UInt8]]? {
        let words: [String]
        switch type {
        case "string": words = ["GETRANGE", "0", "\(valueBytesMax - 1)"]
        case "list": words = ["LRANGE", "0", "\(elementsMax - 1)"]
        case "set": words = ["SMEMBERS"]
        case "hash": words = ["HGETALL"]
        case "zset": words = ["ZRANGE", "0", "\(elementsMax - 1)", "WITHSCORES"]
        case "stream": words = ["XRANGE", "-", "+", "COUNT", "\(elementsMax)"]
        default: return nil
        }
        return [Array(words[0].utf8), key] + words.dropFirst().map { Array($0.utf8) }
    }

    static func sizeRequest(type: String, _ key: [UInt8]) -> [[UInt8]]? {
        let command = [
            "string": "STRLEN", "list": "LLEN", "set": "SCARD", "hash": "HLEN", "zset": "ZCARD", "stream": "XLEN",
        ][type]
        return command.map { [Array($0.utf8), key] }
    }

    /// Short where it is long, and the same for the same value: sets and hashes in one order.
    static func valueCell(type: String, _ reply: ClusterReply) -> SideCell {
        if let error = reply.error { return SideCell(error) }
        if type == "string", let bytes = reply.bytes {
            let isCut = bytes.count > shownBytesMax
            let shown = ViewText.quoted(Array(bytes.prefix(shownBytesMax)))
            return SideCell(isCut ? shown + "… (\(ViewNumber.bytes(Int64(bytes.count))))" : shown, .bytes(bytes))
        }
        var parts: [String]
        if type == "hash" || type == "zset", let members = reply.members {
            parts = members.map { flat($0.name) + "=" + flat($0.value) }
        } else {
            parts = (reply.elements ?? []).map(flat)
        }
        if type == "set" || type == "hash" { parts.sort() }
        let text = parts.joined(separator: " ")
        return SideCell(ViewText.cut(text, to: shownBytesMax), .list(parts.map { .text($0) }))
    }

    private static func flat(_ reply: ClusterReply) -> String {
        if let bytes = reply.bytes { return ViewText.key(bytes) }
        return "[" + (reply.elements ?? []).map(flat).joined(separator: " ") + "]"
    }

    static func deadlineCell(unixMilliseconds: Int64, now: Int64) -> SideCell {
        switch unixMilliseconds {
        case -1: SideCell("never", .null)
        case -2: SideCell("absent", .null)
        default:
            SideCell(
                ViewNumber.moment(unixMilliseconds: unixMilliseconds)
                    + " (in \(ViewNumber.duration(milliseconds: max(unixMilliseconds - now, 0))))",
                .integer(unixMilliseconds))
        }
    }

    // MARK: A2.META

    /// The rows of `:meta`. `replies` by node: nil where it did not answer, null where it does not have the key.
    static func metaRows(_ replies: [ClusterReply?], nowMilliseconds now: Int64) -> [SideRow] {
        func row(_ name: String, isShared: Bool = true, _ cell: (ClusterReply) -> SideCell?) -> SideRow {
            SideRow(name: name, cells: replies.map { $0.flatMap(cell) }, isShared: isShared)
        }
        func number(_ name: String) -> (ClusterReply) -> SideCell? {
            { $0.number(name).map { SideCell("\($0)", .integer($0)) } }
        }
        // What only merging needs is dropped once every member has the write, on each node in its own time.
        let settled = Set(replies.compactMap { $0?["settled"]?.boolean })
        let isComparable = settled.count <= 1
        var rows = [
            row("type") { reply in reply.isNull ? SideCell("absent", .null) : reply["type"]?.text.map { SideCell($0) }
            },
            row("stamp") { $0["stamp"]?.text.map { SideCell($0) } },
            row("written") { reply in
                reply.number("written-ms").map { SideCell(ViewNumber.moment(unixMilliseconds: $0), .integer($0)) }
            },
            row("by replica") { $0["replica"]?.text.map { SideCell($0) } },
            row("expires") { reply in
                reply.number("deadline-ms").map { deadlineCell(unixMilliseconds: $0, now: now) }
            },
            row("value bytes", number("value-bytes")),
            row("form", isShared: false) { $0["form"]?.text.map { SideCell($0) } },
            row("memory bytes", isShared: false, number("size-bytes")),
            row("slot", isShared: false, number("slot")), row("partition", isShared: false, number("partition")),
            row("settled", isShared: false) { reply in
                reply["settled"]?.boolean.map { SideCell($0 ? "yes" : "no", .boolean($0)) }
            },
        ]
        rows += baseRows(replies, isComparable) + incrementRows(replies, isComparable)
        if replies.contains(where: { ($0?.number("patches") ?? 0) > 0 }) {
            rows.append(row("patches", isShared: isComparable, number("patches")))
        }
        return rows
    }

    /// Values that concurrent writes left side by side, a row for each.
    private static func baseRows(_ replies: [ClusterReply?], _ isComparable: Bool) -> [SideRow] {
        let stamps = Set(replies.flatMap { ($0?["bases"]?.elements ?? []).map { $0.text("stamp") } }).sorted()
        return stamps.map { stamp in
            let cells = replies.map { reply -> SideCell? in
                let base = (reply?["bases"]?.elements ?? []).first { $0.text("stamp") == stamp }
                return base.map { base in
                    let size = base.number("value-bytes") ?? 0
                    let deadline = base.number("deadline-ms") ?? -1
                    let until = deadline < 0 ? "" : ", until \(ViewNumber.moment(unixMilliseconds: deadline))"
                    return SideCell(
                        "\(size) bytes\(until)",
                        ["value_bytes": .integer(size), "deadline_ms": deadline < 0 ? .null : .integer(deadline)])
                }
            }
            return SideRow(name: "value of \(stamp)", cells: cells, isShared: isComparable)
        }
    }

    /// What each replica has added.
    private static func incrementRows(_ replies: [ClusterReply?], _ isComparable: Bool) -> [SideRow] {
        let runs = replies.map { ($0?["increments"]?.elements ?? []) }
        let replicas = Set(runs.flatMap { $0.compactMap { Replica(spelled: $0.text("replica")) } }).sorted()
        return replicas.map { replica in
            let cells = runs.map { runs -> SideCell? in
                let own = runs.filter { $0.text("replica") == "\(replica)" }
                guard !own.isEmpty else { return nil }
                let text = own.map { "\($0.text("sum")) (\($0.text("stamp")))" }.joined(separator: ", ")
                return SideCell(
                    text, .list(own.map { ["sum": .text($0.text("sum")), "stamp": .text($0.text("stamp"))] }))
            }
            return SideRow(name: "added by \(replica)", cells: cells, isShared: isComparable)
        }
    }
}
