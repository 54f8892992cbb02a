/// `:top`, as what stands on the screen: everything known of the cluster at one moment, for a width and a height.
///
/// Pure: `ViewTopScreen` has the keys, the terminal and the clock. What does not fit goes by rank: columns first, then
/// the matrix, and the rest scrolls.
import Base

struct ViewTop: ClusterView {
    enum Sort: Int, CaseIterable {
        case name, state, lag, operations, queue, digest

        var word: String {
            switch self {
            case .name: "name"
            case .state: "state"
            case .lag: "lag"
            case .operations: "ops/s"
            case .queue: "queue"
            case .digest: "digest"
            }
        }

        var next: Sort { Sort(rawValue: (rawValue + 1) % Sort.allCases.count) ?? .name }
        var previous: Sort { Sort(rawValue: (rawValue + Sort.allCases.count - 1) % Sort.allCases.count) ?? .name }
    }

    /// What the last comparison of digests said.
    struct Digest: Equatable {
        var inFlight = 0
        var diverged = 0
        /// By node of the reading: partitions it shows otherwise than most; nil where it was not compared.
        var byNode: [(inFlight: Int, diverged: Int)?] = []
        var ageMilliseconds: Int64 = 0

        static func == (left: Digest, right: Digest) -> Bool {
            left.inFlight == right.inFlight && left.diverged == right.diverged
                && left.ageMilliseconds == right.ageMilliseconds && left.byNode.count == right.byNode.count
                && zip(left.byNode, right.byNode).allSatisfy {
                    $0?.inFlight == $1?.inFlight && $0?.diverged == $1?.diverged
                }
        }
    }

    struct Repair: Equatable {
        var keys: Int64
        var ageMilliseconds: Int64
    }

    var reading: ClusterReading
    /// By node of the reading: commands a second, oldest first.
    var rates: [[Int64]] = []
    var digest: Digest?
    /// By node: the last repair seen since the view was opened.
    var repairs: [Repair?] = []
    var sort = Sort.name
    var isPaused = false
    var isHelpShown = false
    var refreshMilliseconds: Int64 = 1000
    var unixMilliseconds: Int64 = 0
    /// Lines of the body scrolled away.
    var offset = 0

    init(reading: ClusterReading) { self.reading = reading }

    var asked: [NodeReading] { reading.nodes }
    var isNegative: Bool { !reading.isWhole || (digest?.diverged ?? 0) > 0 }

    // MARK: Screen

    /// Exactly `height` lines.
    func screen(height: Int, _ style: ViewStyle) -> [ViewLine] {
        let room = max(height - 2, 0)
        let body = isHelpShown ? help : bodyLines(style, room: room)
        let start = min(max(offset, 0), max(body.count - room, 0))
        var shown = Array(body.dropFirst(start).prefix(room))
        while shown.count < room { shown.append(.empty) }
        return Array(([head(style)] + shown + [foot(style, hidden: body.count - room)]).prefix(height))
    }

    /// How far the body can be scrolled.
    func offsetMax(height: Int, _ style: ViewStyle) -> Int {
        let room = max(height - 2, 0)
        return max((isHelpShown ? help : bodyLines(style, room: room)).count - room, 0)
    }

    func lines(_ style: ViewStyle) -> [ViewLine] { bodyLines(style, room: .max) }

    private func head(_ style: ViewStyle) -> ViewLine {
        let clusters = Set(reading.nodes.map(\.cluster).filter { !$0.isEmpty }).sorted()
        let down = reading.nodes.count { $0.condition.isSilent }
        var cells = [ViewCell("a2 top ", .strong)]
        let dot = style.sign(" · ", " | ")
        if style.width >= 60, !clusters.isEmpty { cells.append(ViewCell(clusters.joined(separator: ", ") + dot, .dim)) }
        cells.append(ViewCell("\(reading.nodes.count) nodes"))
        if down > 0 { cells.append(ViewCell(", \(down) down", .bad)) }
        if style.width >= 50 {
            cells.append(ViewCell(dot + ViewNumber.timeOfDay(unixMilliseconds: unixMilliseconds) + "Z", .dim))
        }
        cells.append(ViewCell(dot + "every \(ViewNumber.interval(milliseconds: refreshMilliseconds))", .dim))
        if isPaused { cells.append(ViewCell(dot + "PAUSED", .warning)) }
        return ViewLine(cells)
    }

    private func foot(_ style: ViewStyle, hidden: Int) -> ViewLine {
        let keys =
            style.width >= 64
            ? "q quit  p pause  s sort: \(sort.word)  + - refresh  ? help" : "q p s:\(sort.word) + - ?"
        return ViewLine([
            ViewCell(keys, .dim),
            ViewCell(hidden > 0 ? style.sign("  ↑↓ \(hidden) more", "  \(hidden) more") : "", .warning),
        ])
    }

    private func bodyLines(_ style: ViewStyle, room: Int) -> [ViewLine] {
        let order = nodeOrder
        var lines = nodeLines(order, style) + [digestLine(style)]
        lines += reading.remarks
        guard reading.directions.count > 0 else { return lines }
        var sorted = reading
        sorted.nodes = order.map { reading.nodes[$0] }
        let lag = ViewLag(reading: sorted).matrixOrList(style)
        // A blank line is the first to go.
        let needsGap = lines.count + lag.count + 1 <= room
        return lines + (needsGap ? [.empty] : []) + lag
    }

    // MARK: Nodes

    private func lag(_ node: Int) -> Int64 {
        reading.directions.filter { $0.reader == node }
            .compactMap { reading.link(reader: $0.reader, writer: $0.writer).lagMilliseconds }.max() ?? -1
    }

    private func queueBytes(_ node: Int) -> Int64 {
        reading.nodes[node].peers.filter(\.isPresent).map(\.pendingBytes).max() ?? 0
    }

    private func rate(_ node: Int) -> Int64 {
        (node < rates.count ? rates[node].last : nil) ?? reading.nodes[node].operationsPerSecond
    }

    private func differing(_ node: Int) -> Int {
        guard let digest, node < digest.byNode.count, let own = digest.byNode[node] else { return 0 }
        return own.diverged * 1000 + own.inFlight
    }

    /// The worst first, by name where two are alike.
    private var nodeOrder: [Int] {
        func key(_ node: Int) -> Int64 {
            switch sort {
            case .name: 0
            case .state: reading.nodes[node].condition.isSilent ? 2 : reading.nodes[node].writeGate.isEmpty ? 0 : 1
            case .lag: lag(node)
            case .operations: rate(node)
            case .queue: queueBytes(node)
            case .digest: Int64(differing(node))
            }
        }
        return reading.nodes.indices.sorted { left, right in
            let (leftKey, rightKey) = (key(left), key(right))
            if leftKey != rightKey { return leftKey > rightKey }
            let (leftNode, rightNode) = (reading.nodes[left], reading.nodes[right])
            return (leftNode.id ?? 256, leftNode.label, left) < (rightNode.id ?? 256, rightNode.label, right)
        }
    }

    private func nodeLines(_ order: [Int], _ style: ViewStyle) -> [ViewLine] {
        var table = ViewTable([
            ViewColumn(title: "NODE"), ViewColumn(title: "STATE"), ViewColumn(title: "LAG", isRight: true),
            ViewColumn(title: "DIGEST"), ViewColumn(title: "OPS/S", isRight: true, rank: 1),
            ViewColumn(title: "", rank: 4), ViewColumn(title: "QUEUE", isRight: true, rank: 2),
            ViewColumn(title: "CLOCK", isRight: true, rank: 5), ViewColumn(title: "REPAIRED", isRight: true, rank: 6),
            ViewColumn(title: "KEYS", isRight: true, rank: 3), ViewColumn(title: "MEMORY", isRight: true, rank: 7),
            ViewColumn(title: "CUT", isRight: true, rank: 8), ViewColumn(title: "REGION", rank: 9),
        ])
        for node in order { table.rows.append(row(node, style)) }
        return table.lines(style)
    }

    private func row(_ index: Int, _ style: ViewStyle) -> [ViewCell] {
        let node = reading.nodes[index]
        let none = ViewCell(style.none, .dim)
        guard !node.condition.isSilent else {
            return [ViewCell(node.label, .strong), node.stateCell] + Array(repeating: none, count: 11)
        }
        let lag = lag(index)
        let isBehind = reading.directions.contains {
            $0.reader == index && reading.link(reader: index, writer: $0.writer).state != .up
        }
        let queue = queueBytes(index)
        let isQueueLong = node.windowCapacityBytes > 0 && queue > node.windowCapacityBytes / 2
        return [
            ViewCell(node.label, .strong), node.stateCell,
            lag < 0
                ? none
                : ViewCell(
                    ViewNumber.duration(milliseconds: lag), isBehind ? .bad : lag >= 1000 ? .warning : .plain),
            digestCell(index, style), ViewCell(ViewNumber.count(rate(index))),
            ViewCell(ViewSparkline.text(index < rates.count ? rates[index] : [], columns: 12, style), .dim),
            node.isAnswering ? ViewCell(ViewNumber.bytes(queue), isQueueLong ? .bad : .plain) : none,
            node.clockOffsetMilliseconds.map { ViewNumber.offset(milliseconds: $0) } ?? none,
            repairCell(index, style), ViewCell(ViewNumber.count(node.keys)), ViewCell(ViewNumber.bytes(node.usedBytes)),
            node.isAnswering ? ViewCell(ViewNumber.duration(milliseconds: node.stableMilliseconds)) : none,
            node.region.isEmpty ? none : ViewCell(node.region),
        ]
    }

    private func digestCell(_ index: Int, _ style: ViewStyle) -> ViewCell {
        guard let digest, index < digest.byNode.count, let own = digest.byNode[index] else {
            return ViewCell(style.none, .dim)
        }
        var parts: [String] = []
        if own.diverged > 0 { parts.append("\(own.diverged)" + style.sign("≠", "!")) }
        if own.inFlight > 0 { parts.append("\(own.inFlight)~") }
        if parts.isEmpty { return ViewCell("=", .good) }
        return ViewCell(parts.joined(separator: " "), own.diverged > 0 ? .bad : .warning)
    }

    /// How many keys were ever repaired on the node, and how long ago the last were, if that was seen.
    private func repairCell(_ index: Int, _ style: ViewStyle) -> ViewCell {
        let node = reading.nodes[index]
        guard node.isAnswering else { return ViewCell(style.none, .dim) }
        let total = ViewNumber.count(node.keysRepaired)
        guard index < repairs.count, let repair = repairs[index] else { return ViewCell(total) }
        return ViewCell("\(total) (\(ViewNumber.duration(milliseconds: repair.ageMilliseconds)) ago)", .warning)
    }

    private func digestLine(_ style: ViewStyle) -> ViewLine {
        guard let digest else { return ViewLine("digests: not compared yet", .dim) }
        let age = ViewCell("  \(ViewNumber.duration(milliseconds: digest.ageMilliseconds)) ago", .dim)
        let equal = Slots.partitionCount - digest.inFlight - digest.diverged
        if digest.inFlight == 0, digest.diverged == 0 {
            return ViewLine([ViewCell("digests: "), ViewCell("all equal", .good), age])
        }
        return ViewLine([
            ViewCell("digests: \(equal) equal, "),
            ViewCell("\(digest.inFlight) in flight", digest.inFlight > 0 ? .warning : .plain), ViewCell(", "),
            ViewCell("\(digest.diverged) diverged", digest.diverged > 0 ? .bad : .plain), age,
        ])
    }

    private var help: [ViewLine] {
        [
            "q, Esc     leave", "p, space   pause", "s, → ←     sort by another column",
            "+ -        refresh more or less often",
            "↑ ↓        scroll", "?          this help", "",
            "LAG        the oldest of what the node has of the others",
            "DIGEST     = as most, 3~ three partitions in flight, 1≠ one diverged",
            "QUEUE      what the slowest peer has not acknowledged",
            "CLOCK      lead over this machine's clock", "REPAIRED   keys that comparisons have repaired",
            "CUT        age of what every member is known to have",
            "matrix     how old what a row has of a column is, +n: frames that wait",
        ].map { ViewLine($0) }
    }

    // MARK: Document

    var json: ViewJSON {
        .view(
            "top",
            [
                "unix_ms": .integer(unixMilliseconds), "whole": .boolean(reading.isWhole),
                "nodes": .list(reading.nodes.indices.map(document)), "links": ViewLag.links(reading),
                "partitions": digest.map {
                    [
                        "equal": .number(Slots.partitionCount - $0.inFlight - $0.diverged),
                        "in_flight": .number($0.inFlight), "diverged": .number($0.diverged),
                        "age_ms": .integer($0.ageMilliseconds),
                    ]
                } ?? .null,
            ])
    }

    private func document(_ index: Int) -> ViewJSON {
        let node = reading.nodes[index]
        let isKnown = !node.condition.isSilent
        func number(_ value: Int64) -> ViewJSON { isKnown ? .integer(value) : .null }
        let own = digest.flatMap { index < $0.byNode.count ? $0.byNode[index] : nil }
        let lag = lag(index)
        return .node(
            node,
            [
                "lag_ms": lag < 0 ? .null : .integer(lag), "operations_per_second": number(rate(index)),
                "queue_bytes": number(queueBytes(index)), "keys": number(node.keys),
                "used_bytes": number(node.usedBytes),
                "clock_offset_ms": node.clockOffsetMilliseconds.map { .number($0) } ?? .null,
                "keys_repaired": number(node.keysRepaired), "stable_ms": number(node.stableMilliseconds),
                "partitions_in_flight": own.map { .number($0.inFlight) } ?? .null,
                "partitions_diverged": own.map { .number($0.diverged) } ?? .null,
            ])
    }
}

extension ViewNumber {
    /// "1s", "0.5s".
    static func interval(milliseconds: Int64) -> String {
        milliseconds.isMultiple(of: 1000)
            ? "\(milliseconds / 1000)s" : String(fixed: Double(milliseconds) / 1000, decimals: 1) + "s"
    }
}

/// The last values as a row of bars, the largest as high as a line.
enum ViewSparkline {
    private static let bars = Array("▁▂▃▄▅▆▇█")
    private static let letters = Array("_.:-=+*#")

    /// Below this a full bar would make much of nothing.
    private static let mostMin: Int64 = 20

    static func text(_ values: [Int64], columns: Int, _ style: ViewStyle) -> String {
        let shown = values.suffix(columns)
        let most = max(shown.max() ?? 0, mostMin)
        return String(
            shown.map { value in
                let level = min(Int(Double(max(value, 0)) / Double(most) * 7.999), 7)
                return style.isUnicode ? bars[level] : letters[level]
            })
    }
}
