/// `:probe`: how long a write on one node takes until each other node shows it.
import Base

enum ProbeOutcome: Equatable {
    /// After the writer's reply; what was there before the first look is 0.
    case seen(microseconds: Int64)
    case missing
    case failed(String)
    case unasked
}

struct ProbeReading: Equatable {
    struct Run: Equatable {
        var writer: Int
        /// Nil: the write succeeded.
        var failure: String?
        /// By node.
        var outcomes: [ProbeOutcome]
    }

    var cluster: ClusterReading
    var runs: [Run]
    var limitMilliseconds: Int64
}

struct ViewProbe: ClusterView {
    let reading: ProbeReading

    var asked: [NodeReading] { reading.cluster.nodes }
    var isNegative: Bool {
        reading.runs.contains { run in
            run.failure != nil
                || run.outcomes.contains {
                    if case .missing = $0 { true } else if case .failed = $0 { true } else { false }
                }
        } || reading.cluster.nodes.contains { $0.condition.isSilent } || reading.runs.isEmpty
    }

    func lines(_ style: ViewStyle) -> [ViewLine] {
        guard !reading.runs.isEmpty else {
            return [ViewLine("no a2 node to write a marker to", .dim)] + reading.cluster.remarks.wrapped(style)
        }
        let nodes = reading.cluster.nodes.indices.filter { reading.cluster.nodes[$0].id != nil }
        var table = ViewTable(
            [ViewColumn(title: style.sign("written ↓ seen →", "written \\ seen"))]
                + nodes.map { ViewColumn(title: reading.cluster.nodes[$0].label, isRight: true) })
        for run in reading.runs {
            table.rows.append(
                [ViewCell(reading.cluster.nodes[run.writer].label, .strong)]
                    + nodes.map { $0 == run.writer ? writerCell(run, style) : cell(run.outcomes[$0], style) })
        }
        var lines = table.lines(style)
        for run in reading.runs {
            if let failure = run.failure {
                lines.append(ViewLine("\(reading.cluster.nodes[run.writer].label) took no write: \(failure)", .bad))
            }
            for (node, outcome) in run.outcomes.enumerated() {
                guard case .failed(let reason) = outcome else { continue }
                lines.append(ViewLine("\(reading.cluster.nodes[node].label) did not show it: \(reason)", .bad))
            }
        }
        return lines + reading.cluster.remarks.wrapped(style)
    }

    private func writerCell(_ run: ProbeReading.Run, _ style: ViewStyle) -> ViewCell {
        run.failure == nil ? ViewCell(style.sign("·", "."), .dim) : ViewCell("refused", .bad)
    }

    private func cell(_ outcome: ProbeOutcome, _ style: ViewStyle) -> ViewCell {
        switch outcome {
        case .seen(let microseconds): ViewCell(Self.text(microseconds), microseconds >= 1_000_000 ? .warning : .plain)
        case .missing: ViewCell("not in \(ViewNumber.duration(milliseconds: reading.limitMilliseconds))", .bad)
        case .failed: ViewCell("failed", .bad)
        case .unasked: ViewCell(style.none, .dim)
        }
    }

    private static func text(_ microseconds: Int64) -> String {
        microseconds < 100_000
            ? String(fixed: Double(microseconds) / 1000, decimals: microseconds < 10_000 ? 2 : 1) + " ms"
            : ViewNumber.duration(milliseconds: microseconds / 1000)
    }

    var json: ViewJSON {
        .view(
            "probe",
            [
                "limit_ms": .integer(reading.limitMilliseconds),
                "nodes": .list(reading.cluster.nodes.map { .node($0, [:]) }),
                "runs": .list(reading.runs.map(document)),
            ])
    }

    private func document(_ run: ProbeReading.Run) -> ViewJSON {
        let others = run.outcomes.indices.filter { $0 != run.writer && run.outcomes[$0] != .unasked }
        return [
            "writer": .text(reading.cluster.nodes[run.writer].label), "failure": .text(run.failure),
            "readers": .list(
                others.map { node in
                    var members: [Member] = [.init(name: "node", value: .text(reading.cluster.nodes[node].label))]
                    switch run.outcomes[node] {
                    case .seen(let microseconds):
                        members += [
                            .init(name: "state", value: .text("seen")),
                            .init(name: "microseconds", value: .integer(microseconds)),
                        ]
                    case .failed(let reason):
                        members += [
                            .init(name: "state", value: .text("failed")), .init(name: "reason", value: .text(reason)),
                        ]
                    case .missing, .unasked: members.append(.init(name: "state", value: .text("missing")))
                    }
                    return .object(members)
                }),
        ]
    }

    private typealias Member = ViewJSON.Member
}
