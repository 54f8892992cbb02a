/// What converging has found, for people and as JSON.
import Base

struct ConvergeReport {
    let options: BenchOptions
    let nodes: [ConvergeNode]
    var result: LoadResult
    let pairs: [VisibilityObserver.Pair]
    var resolutionMicroseconds: Int64 = 0
    var outcomes: [PartitionDriver.Outcome] = []
    var peak = ConvergeConnections.Backlog()
    /// Nil: not in time.
    var drainSeconds: Double?
    var drainStepSeconds = 0.0
    var bytesSent: Int64 = 0
    var servers: [ServerFacts] = []
    var checks: [ConvergeCheck] = []

    var serverCPU: Double? {
        let cpu = servers.compactMap(\.cpuMicroseconds)
        return cpu.count == servers.count && result.replies > 0 ? cpu.reduce(0, +) / Double(result.allReplies) : nil
    }

    /// Per acknowledged request, over all links.
    private var bytesPerRequest: Double? {
        result.replies > 0 ? Double(bytesSent) / Double(result.allReplies) : nil
    }

    var failures: [String] {
        var failures: [String] = []
        for check in checks where !check.isRight {
            failures.append(
                "\(nodes[check.node].target.name): \(check.lost) increments lost, \(check.duplicate) counted twice")
        }
        if drainSeconds == nil { failures.append("the nodes are not the same after \(options.drainSeconds) s") }
        for outcome in outcomes where outcome.healSeconds == nil {
            failures.append("a partition has not healed after \(options.drainSeconds) s")
        }
        if result.errorRate > options.maxErrorRate {
            failures.append("\(BenchMetric.errorRate.text(result.errorRate)) of requests failed")
        }
        for condition in options.failConditions {
            guard let value = condition.metric.value(of: result, serverCPU: serverCPU) else {
                failures.append("\(condition.text): it cannot be told")
                continue
            }
            if condition.holds(value) { failures.append(condition.message(found: value)) }
        }
        return failures
    }

    private func time(_ seconds: Double) -> String { BenchMetric.time(seconds * 1e6) }

    var text: String {
        let latency = result.latency
        var text = "====== CONVERGE ======\n"
        for node in nodes { text += "  node \(node.id): \(node.target.name)\n" }
        text += "  \(result.replies) increments of \(result.plan.shape.keyCount) keys in "
        text += "\(String(fixed: result.seconds, decimals: 2)) seconds, "
        text += "\(String(fixed: result.requestsPerSecond, decimals: 0)) requests per second, "
        text += "p50 \(BenchMetric.time(Double(latency.value(atPercentile: 50)))), "
        text += "p99 \(BenchMetric.time(Double(latency.value(atPercentile: 99))))\n"
        text += result.plan.isOpen ? "" : "  closed loop: latency excludes queueing\n"
        if result.errorCount > 0 {
            text +=
                "  errors: "
                + result.errors.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
                + "\n"
        }
        return text + "\n" + visibility + drain + partitions + correctness + cost
    }

    private var visibility: String {
        var text = "Visibility under load, from a write's reply until the other node shows it:\n"
        text += "  " + ["from", "to", "p50", "p99", "max", "samples"].map { padded($0, 10) }.joined() + "\n"
        for pair in pairs {
            let columns = [
                "\(nodes[pair.from].id)", "\(nodes[pair.to].id)",
                BenchMetric.time(Double(pair.latency.value(atPercentile: 50))),
                BenchMetric.time(Double(pair.latency.value(atPercentile: 99))),
                BenchMetric.time(Double(pair.latency.maximum)), "\(pair.latency.totalCount)",
            ]
            text += "  " + columns.map { padded($0, 10) }.joined()
            text += (pair.unseen > 0 ? "  \(pair.unseen) not seen in 2 s" : "") + "\n"
        }
        return text + "  resolution: asked every \(BenchMetric.time(Double(resolutionMicroseconds)))\n"
    }

    private var drain: String {
        let means = nodes.allSatisfy(\.hasDigest) ? "digests" : "values"
        guard let drainSeconds else { return "Drain: the \(means) are NOT the same after \(options.drainSeconds) s\n" }
        return
            "Drain: all \(means) the same \(time(drainSeconds)) after the load, asking takes \(time(drainStepSeconds))\n"
    }

    private var partitions: String {
        var text = ""
        for outcome in outcomes {
            let sides = [outcome.plan.left, outcome.plan.right].map { $0.map { "\($0)" }.joined(separator: ",") }
            text += "Partition \(sides[0])/\(sides[1]) from \(time(outcome.plan.fromSeconds)) to "
            text += "\(time(outcome.plan.toSeconds)): "
            text += outcome.healSeconds.map { "healed \(time($0)) after the links may come up" } ?? "NOT healed"
            text += ", peak backlog \(outcome.peakFrames) frames, \(outcome.peakBytes) bytes\n"
        }
        return text
            + "Peak backlog of a link: \(peak.frames) frames, \(peak.bytes) bytes, lag \(peak.lagMilliseconds) ms\n"
    }

    private var correctness: String {
        var text = "Correctness:\n"
        for check in checks {
            text += "  node \(nodes[check.node].id): \(check.value) of \(check.acknowledged) acknowledged increments"
            text += check.unanswered > 0 ? " (\(check.unanswered) more unanswered)" : ""
            text += check.isRight ? ", none lost, none twice\n" : ", \(check.lost) LOST, \(check.duplicate) TWICE\n"
        }
        return text
    }

    private var cost: String {
        var text = "Cost: "
        if let bytesPerRequest {
            text += "\(String(fixed: bytesPerRequest, decimals: 1)) bytes between nodes per request\n"
        }
        for (number, server) in servers.enumerated() {
            guard let cpu = server.cpuMicroseconds, result.seconds > 0 else { continue }
            text += "  node \(nodes[number].id): \(String(fixed: cpu / 1e4 / result.seconds, decimals: 0))% of a core"
            if result.replies > 0 {
                text += ", \(String(fixed: cpu / Double(result.allReplies), decimals: 2)) µs per request of all"
            }
            text += "\n"
        }
        return text
    }

    var json: JSONText {
        .object([
            ("nodes", .list(nodes.map { .object([("id", .count($0.id)), ("target", .text($0.target.name))]) })),
            ("visibility", .list(pairs.map(json))),
            ("visibility_resolution_us", .integer(resolutionMicroseconds)),
            ("drain_seconds", .optional(drainSeconds)), ("drain_resolution_seconds", .number(drainStepSeconds)),
            ("compared_by", .text(nodes.allSatisfy(\.hasDigest) ? "digest" : "values")),
            ("partitions", .list(outcomes.map(json))), ("peak_backlog_frames", .integer(peak.frames)),
            ("peak_backlog_bytes", .integer(peak.bytes)), ("peak_lag_ms", .integer(peak.lagMilliseconds)),
            ("correctness", .list(checks.map(json))), ("is_correct", .flag(checks.allSatisfy(\.isRight))),
            ("replication_bytes", .integer(bytesSent)), ("replication_bytes_per_request", .optional(bytesPerRequest)),
            (
                "node_cpu_share",
                .list(
                    servers.map { server in
                        .optional(server.cpuMicroseconds.map { $0 / 1e6 / max(result.seconds, 1e-9) })
                    })
            ),
        ])
    }

    private func json(_ pair: VisibilityObserver.Pair) -> JSONText {
        .object([
            ("from", .count(nodes[pair.from].id)), ("to", .count(nodes[pair.to].id)),
            ("samples", .integer(pair.latency.totalCount)), ("unseen", .count(pair.unseen)),
            ("p50_us", .integer(pair.latency.value(atPercentile: 50))),
            ("p99_us", .integer(pair.latency.value(atPercentile: 99))), ("max_us", .integer(pair.latency.maximum)),
        ])
    }

    private func json(_ outcome: PartitionDriver.Outcome) -> JSONText {
        .object([
            ("left", .list(outcome.plan.left.map { .count($0) })),
            ("right", .list(outcome.plan.right.map { .count($0) })),
            ("from_seconds", .number(outcome.plan.fromSeconds)), ("to_seconds", .number(outcome.plan.toSeconds)),
            ("heal_seconds", .optional(outcome.healSeconds)), ("peak_backlog_frames", .integer(outcome.peakFrames)),
            ("peak_backlog_bytes", .integer(outcome.peakBytes)),
        ])
    }

    private func json(_ check: ConvergeCheck) -> JSONText {
        .object([
            ("node", .count(nodes[check.node].id)), ("value", .integer(check.value)),
            ("acknowledged", .integer(check.acknowledged)), ("unanswered", .integer(check.unanswered)),
            ("lost", .integer(check.lost)), ("duplicate", .integer(check.duplicate)),
        ])
    }
}
