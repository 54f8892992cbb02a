/// A run's result for people, in the words of redis-benchmark where it has some.
import Base

struct RunText {
    let result: LoadResult
    let options: BenchOptions
    let servers: [ServerFacts]

    private var plan: LoadPlan { result.plan }
    private var latency: Histogram { result.latency }

    private func milliseconds(_ microseconds: Double) -> String {
        String(fixed: microseconds / 1000, decimals: options.precision)
    }

    private func milliseconds(_ microseconds: Int64) -> String { milliseconds(Double(microseconds)) }

    /// Of `-q`.
    var quiet: String {
        var line = "\(plan.name): \(String(fixed: result.requestsPerSecond, decimals: 2)) requests per second, "
        line += "p50=\(milliseconds(latency.value(atPercentile: 50))) msec"
        if plan.isOpen { line += ", service p50=\(milliseconds(result.all.service.value(atPercentile: 50))) msec" }
        if result.errorCount > 0 { line += ", \(result.errorCount) errors" }
        if result.mismatches > 0 { line += ", \(result.mismatches) wrong replies" }
        return line + "\n"
    }

    static let csvHeader =
        "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\","
        + "\"p99_latency_ms\",\"max_latency_ms\"\n"

    /// Of `--csv`: the columns of redis-benchmark.
    var csv: String {
        let times = [
            latency.mean, Double(latency.minimum), Double(latency.value(atPercentile: 50)),
            Double(latency.value(atPercentile: 95)), Double(latency.value(atPercentile: 99)), Double(latency.maximum),
        ]
        let columns = [String(fixed: result.requestsPerSecond, decimals: 2)] + times.map { milliseconds($0) }
        let name = plan.name.replacing("\"", with: "\"\"")
        return "\"\(name)\"," + columns.map { "\"\($0)\"" }.joined(separator: ",") + "\n"
    }

    var full: String {
        var text = "====== \(plan.name) ======\n"
        text += conditions.map { "  " + $0 + "\n" }.joined() + "\n"
        text += "Latency by range (msec):\n" + histogram + "\n"
        text += "Latency by percentile (msec):\n" + ladder + "\n"
        text += "Summary:\n" + summary
        return text + notes.map { $0 + "\n" }.joined() + "\n"
    }

    private var conditions: [String] {
        var lines = ["\(result.replies) requests completed in \(String(fixed: result.seconds, decimals: 2)) seconds"]
        let nodes = plan.targets.count
        let spread = nodes == 1 ? "" : plan.takesTurns ? " in turn over \(nodes) nodes" : " spread over \(nodes) nodes"
        lines.append("\(plan.clients) parallel clients\(spread), pipeline \(plan.pipeline)")
        let sizes = plan.shape.valueSizes
        lines.append(
            sizes.count == 1
                ? "\(sizes.lowerBound) bytes payload" : "\(sizes.lowerBound) to \(sizes.upperBound) bytes payload")
        lines.append("keep alive: \(plan.keepsAlive ? 1 : 0)")
        lines.append("multi-thread: \(plan.threads > 1 ? "yes, \(plan.threads)" : "no")")
        for server in servers {
            lines.append("server \(server.target.name): \(server.before?.version ?? "unknown")")
        }
        switch plan.mode {
        case .closed: lines.append("closed loop: latency excludes queueing")
        case .open(let rates, let arrival):
            let ends = (rates.steps.first?.perSecond ?? 0, rates.steps.last?.perSecond ?? 0)
            let rate = ends.0 == ends.1 ? "\(Int(ends.0))" : "\(Int(ends.0)) to \(Int(ends.1))"
            lines.append("open loop: \(rate) requests per second, \(arrival.rawValue) arrivals")
        case .recorded(let load):
            lines.append(
                load.speed > 0
                    ? "replay: \(BenchMetric.shortest(load.speed)) times the recorded pace"
                    : "replay as fast as replies come: latency excludes queueing")
        }
        return lines
    }

    // MARK: Latency

    /// Ranges that grow by half, each with its share.
    private var histogram: String {
        var rows: [(label: String, count: Int64)] = []
        var (from, seen) = (Int64(0), Int64(0))
        var to = max(latency.minimum, 1)
        while seen < latency.totalCount {
            let upTo = latency.count(upTo: to)
            if upTo > seen || !rows.isEmpty {
                rows.append(("\(padded(milliseconds(from), 9)) - \(padded(milliseconds(to), 9))", upTo - seen))
            }
            seen = upTo
            from = to
            to = max(to + to / 2, to + 1)
        }
        let most = max(rows.map(\.count).max() ?? 1, 1)
        return rows.map { row in
            let bar = String(repeating: "#", count: Int(40 * row.count / most))
            let share = 100 * Double(row.count) / Double(max(latency.totalCount, 1))
            return "  \(row.label) \(padded(String(fixed: share, decimals: 3), 8))% \(bar)\n"
        }.joined()
    }

    private var ladder: String {
        options.percentiles.map { percentile in
            let value = latency.value(atPercentile: percentile)
            return "  \(padded(String(fixed: percentile, decimals: 3), 8))% <= \(padded(milliseconds(value), 10))"
                + "  (cumulative count \(latency.count(upTo: value)))\n"
        }.joined()
    }

    private var summary: String {
        var text = "  throughput summary: \(String(fixed: result.requestsPerSecond, decimals: 2)) requests per second\n"
        if plan.isOpen {
            text += "  response time, from when a request was meant to be sent (msec):\n" + table(result.all.response)
            text += "  service time, from when it was sent (msec):\n" + table(result.all.service)
            text += "  " + gap + "\n" + ramp
        } else {
            text += "  latency summary (msec):\n" + table(latency)
        }
        if plan.commands.count > 1 { text += rows(plan.commands.map(\.template.name)) { result.counts(ofCommand: $0) } }
        if plan.targets.count > 1 { text += rows(plan.targets.map(\.name)) { result.counts(ofNode: $0) } }
        return text + cost
    }

    /// Step by step, so that the rate is seen from which on the server does not keep up.
    private var ramp: String {
        if result.steps.isEmpty { return "" }
        let heads = ["wanted/s", "reached/s", "p50", "p95", "p99", "max", "errors"]
        var text = "  by step of the ramp (response time in msec):\n    " + heads.map { padded($0, 11) }.joined() + "\n"
        for (index, step) in result.steps.enumerated() {
            let seconds = result.seconds(ofStep: index)
            guard seconds > 0 else { break }
            let cells =
                [
                    BenchMetric.shortest(plan.rampSteps[index].perSecond),
                    String(fixed: Double(step.replies) / seconds, decimals: 1),
                ] + [50, 95, 99, 100].map { milliseconds(step.response.value(atPercentile: $0)) } + ["\(step.errors)"]
            text += "    " + cells.map { padded($0, 11) }.joined() + "\n"
        }
        return text
    }

    /// What a closed loop would not have shown.
    private var gap: String {
        let (response, service) = (result.all.response, result.all.service)
        let parts = [50.0, 99.0].map { percentile in
            let gap = response.value(atPercentile: percentile) - service.value(atPercentile: percentile)
            return "p\(Int(percentile)) \(milliseconds(gap)) msec"
        }
        return "the gap, \(parts.joined(separator: " and ")), is how long requests waited to be sent"
    }

    private func table(_ histogram: Histogram) -> String {
        let values = [
            milliseconds(histogram.mean), milliseconds(histogram.minimum),
            milliseconds(histogram.value(atPercentile: 50)), milliseconds(histogram.value(atPercentile: 95)),
            milliseconds(histogram.value(atPercentile: 99)), milliseconds(histogram.maximum),
        ]
        let heads = ["avg", "min", "p50", "p95", "p99", "max"]
        return "    " + heads.map { padded($0, 10) }.joined() + "\n    "
            + values.map { padded($0, 10) }.joined() + "\n"
    }

    private func rows(_ names: [String], _ counts: (Int) -> LoadCounts) -> String {
        let width = names.map(\.count).max() ?? 0
        return names.indices.map { at in
            let counts = counts(at)
            let measured = plan.isOpen ? counts.response : counts.service
            let rate = result.seconds > 0 ? Double(counts.replies) / result.seconds : 0
            var line = "  " + names[at] + String(repeating: " ", count: width - names[at].count)
            line += "  \(padded(String(fixed: rate, decimals: 2), 12)) requests per second"
            line += ", p50=\(milliseconds(measured.value(atPercentile: 50)))"
            line += ", p99=\(milliseconds(measured.value(atPercentile: 99))) msec"
            if counts.nulls > 0 { line += ", \(counts.nulls) nulls" }
            if counts.errors > 0 { line += ", \(counts.errors) errors" }
            return line + "\n"
        }.joined()
    }

    private var cost: String {
        guard result.replies > 0 else { return "" }
        let perRequest = Double(result.cpuMicroseconds) / Double(result.replies)
        var text = "  client CPU: \(String(fixed: perRequest, decimals: 2)) µs per request, busiest thread at "
        text += "\(String(fixed: result.cpuShareMax * 100, decimals: 0))%\n"
        for server in servers {
            guard let cpu = server.cpuMicroseconds else { continue }
            text += "  server CPU: \(String(fixed: cpu / Double(result.allReplies), decimals: 2)) µs per request"
            text += servers.count > 1 ? " of all, \(server.target.name)\n" : "\n"
        }
        return text
    }

    var notes: [String] {
        var notes: [String] = []
        if result.nulls > 0, plan.commands.count == 1 { notes.append("\(result.nulls) replies were null: no such key") }
        if result.errorCount > 0 {
            let codes = result.errors.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }
            let share = String(fixed: result.errorRate * 100, decimals: 3)
            notes.append("ERRORS: \(share)% of requests: \(codes.joined(separator: ", "))")
        }
        if result.mismatches > 0 { notes.append("WRONG REPLIES: \(result.mismatches)") }
        if result.isClientBound {
            notes.append(
                "WARNING: a thread of this client was busy all the time; the server may be faster. "
                    + "Give it more --threads.")
        }
        return notes
    }
}

func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
}
