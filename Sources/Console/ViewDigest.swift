/// `:digest`: whether the nodes show the same, and if not, which keys differ and why.
import Base

struct ViewDigest: ClusterView {
    let reading: DigestReading
    /// A picture of all partitions.
    var showsPartitions = false
    /// Every key in flight, and not only some.
    var showsAll = false

    /// What is in flight mends itself; a long list of it would hide what does not.
    private static let inFlightMax = 10

    private var shownKeys: [KeyDifference] {
        var left = showsAll ? Int.max : Self.inFlightMax
        return reading.keys.filter { key in
            if key.agreement != .inFlight { return true }
            left -= 1
            return left >= 0
        }
    }

    var asked: [NodeReading] { reading.cluster.nodes }
    var isNegative: Bool {
        reading.agreement == .diverged || reading.cluster.nodes.contains { $0.condition.isSilent }
    }

    func lines(_ style: ViewStyle) -> [ViewLine] {
        var table = ViewTable([
            ViewColumn(title: "NODE"), ViewColumn(title: "DIGEST"), ViewColumn(title: "STATE"),
        ])
        for (index, node) in reading.cluster.nodes.enumerated() {
            let place = reading.compared.firstIndex { $0.index == index }
            let root = place.map { reading.compared[$0].root } ?? style.none
            table.rows.append([ViewCell(node.label, .strong), ViewCell(root), place.map(stateCell) ?? node.stateCell])
        }
        var lines = table.lines(style) + [.empty] + ([verdict] + reading.missing.map(line)).wrapped(style)
        if showsPartitions { lines += [.empty] + picture(style) }
        if !reading.keys.isEmpty { lines += [.empty] + keyLines(style) }
        return lines + reading.cluster.remarks.wrapped(style)
    }

    private func stateCell(_ place: Int) -> ViewCell {
        guard let agreement = reading.agreement else {
            return reading.cluster.nodes[reading.compared[place].index].stateCell
        }
        guard agreement != .equal else { return ViewCell("equal", .good) }
        let roots = AgreementLook(fingerprints: reading.compared.map { $0.root }, versions: [])
        return roots.outliers.contains(place) ? ViewCell("differs", agreement.tone) : ViewCell("")
    }

    private var verdict: ViewLine {
        let count = reading.compared.count
        guard let agreement = reading.agreement else {
            return ViewLine(
                count == 0 ? "no a2 node to ask for a digest" : "one a2 node: nothing to compare it with", .dim)
        }
        let waited =
            reading.waitedMilliseconds > 0
            ? ", looked at again after \(ViewNumber.duration(milliseconds: reading.waitedMilliseconds))" : ""
        switch agreement {
        case .equal: return ViewLine("equal: \(count) nodes show the same data\(waited)", .good)
        case .inFlight:
            return ViewLine("in flight: \(partitionCounts), none diverged\(waited)", .warning)
        case .diverged: return ViewLine("DIVERGED: \(partitionCounts)\(waited)", .bad)
        }
    }

    private var partitionCounts: String {
        let parts = [(Agreement.diverged, "diverged"), (.inFlight, "in flight"), (.equal, "equal")]
        return parts.compactMap { agreement, word in
            let count = reading.count(agreement)
            return count > 0 ? "\(count) \(word)" : nil
        }.joined(separator: ", ") + " of \(Slots.partitionCount) partitions"
    }

    private func line(_ missing: MissingWrites) -> ViewLine {
        let author = reading.cluster.nodes.first { $0.replica == "\(missing.replica)" }?.label
        let age = ViewNumber.duration(milliseconds: missing.milliseconds)
        return ViewLine(
            "\(reading.label(missing.node)) lacks writes of \(author ?? "replica \(missing.replica)"): "
                + "\(Self.counted(missing.partitions, "partition")), for \(age) at least", .warning)
    }

    // MARK: Partitions

    private func picture(_ style: ViewStyle) -> [ViewLine] {
        let columns = style.width >= 70 ? 64 : 32
        var lines: [ViewLine] = []
        for start in stride(from: 0, to: Slots.partitionCount, by: columns) {
            var cells = [ViewCell(ViewText.padded("\(start)", to: 3, isRight: true) + " ", .dim)]
            for partition in start..<start + columns {
                let agreement = reading.partitions.isEmpty ? .equal : reading.partitions[partition]
                let sign = agreement == .equal ? style.sign("·", ".") : agreement == .inFlight ? "~" : "#"
                cells.append(ViewCell(sign, agreement == .equal ? .dim : agreement.tone))
            }
            lines.append(ViewLine(cells))
        }
        let legend = "\(style.sign("·", ".")) equal   ~ in flight   # diverged"
        return lines + [ViewLine(ViewText.padded("", to: 4) + legend, .dim)]
    }

    // MARK: Keys

    private func keyLines(_ style: ViewStyle) -> [ViewLine] {
        // Some of the fingerprints would be of no use.
        let full = keyTable(showsFingerprints: true).lines(ViewStyle(width: .max))
        let isTight = full.contains { $0.width > style.width }
        var lines = isTight ? keyTable(showsFingerprints: false).lines(style) : full
        let hidden = reading.keys.count - shownKeys.count
        if hidden > 0 {
            lines.append(ViewLine("and \(Self.counted(hidden, "more key")) in flight: --all lists them", .dim))
        }
        if reading.keysOmitted > 0 {
            lines.append(ViewLine("and \(Self.counted(reading.keysOmitted, "more key"))", .dim))
        }
        if reading.partitionsOmitted > 0 {
            lines.append(
                ViewLine(
                    "\(Self.counted(reading.partitionsOmitted, "more partition")) not looked into: --all does", .dim))
        }
        return lines
    }

    private static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    private func keyTable(showsFingerprints: Bool) -> ViewTable {
        let keys = shownKeys
        let isOneDatabase = keys.allSatisfy { $0.database == 0 }
        var columns = [
            ViewColumn(title: "KEY"), ViewColumn(title: "STATE"), ViewColumn(title: "DIFFERS ON"),
            ViewColumn(title: "PARTITION", isRight: true, rank: 2),
        ]
        if !isOneDatabase { columns.insert(ViewColumn(title: "DB", isRight: true, rank: 1), at: 1) }
        if showsFingerprints { columns += reading.compared.indices.map { ViewColumn(title: " " + reading.label($0)) } }
        var table = ViewTable(columns)
        for key in keys {
            let outliers = look(key).outliers.map(reading.label).joined(separator: ", ")
            var cells = [
                ViewCell(ViewText.key(key.key)), ViewCell(key.agreement.word, key.agreement.tone), ViewCell(outliers),
                ViewCell("\(key.partition)"),
            ]
            if !isOneDatabase { cells.insert(ViewCell("\(key.database)"), at: 1) }
            table.rows.append(cells + (showsFingerprints ? fingerprintCells(key) : []))
        }
        return table
    }

    private func look(_ key: KeyDifference) -> AgreementLook {
        AgreementLook(fingerprints: key.fingerprints, versions: [])
    }

    /// Enough of each fingerprint to tell them apart; those that most nodes do not share are marked.
    private func fingerprintCells(_ key: KeyDifference) -> [ViewCell] {
        let outliers = look(key).outliers
        return key.fingerprints.enumerated().map { node, fingerprint in
            let isOutlier = outliers.contains(node)
            let text = fingerprint.map { String($0.prefix(8)) } ?? "absent"
            return ViewCell((isOutlier ? "!" : " ") + text, isOutlier ? key.agreement.tone : .plain)
        }
    }

    // MARK: Document

    var json: ViewJSON {
        .view(
            "digest",
            [
                "state": .text(reading.agreement?.word), "waited_ms": .integer(reading.waitedMilliseconds),
                "nodes": .list(
                    reading.cluster.nodes.enumerated().map { index, node in
                        .node(node, ["digest": .text(reading.compared.first { $0.index == index }?.root)])
                    }),
                "partitions": [
                    "equal": .number(reading.count(.equal)), "in_flight": .number(reading.count(.inFlight)),
                    "diverged": .number(reading.count(.diverged)),
                ],
                "partitions_in_flight": numbers(.inFlight), "partitions_diverged": numbers(.diverged),
                "missing": .list(reading.missing.map(document)), "keys": .list(reading.keys.map(document)),
                "keys_omitted": .number(reading.keysOmitted), "partitions_omitted": .number(reading.partitionsOmitted),
            ])
    }

    private func numbers(_ agreement: Agreement) -> ViewJSON {
        .list(reading.partitions.indices.filter { reading.partitions[$0] == agreement }.map { .number($0) })
    }

    private func document(_ missing: MissingWrites) -> ViewJSON {
        [
            "node": .text(reading.label(missing.node)), "replica": .text("\(missing.replica)"),
            "partitions": .number(missing.partitions), "behind_ms": .integer(missing.milliseconds),
        ]
    }

    private func document(_ key: KeyDifference) -> ViewJSON {
        [
            "database": .number(key.database), "key": .bytes(key.key), "partition": .number(key.partition),
            "bucket": .number(key.bucket), "state": .text(key.agreement.word),
            "fingerprints": .object(
                key.fingerprints.enumerated().map {
                    .init(name: reading.label($0.offset), value: .text($0.element))
                }),
        ]
    }
}
