/// Results as JSON: what `--json` writes and `compare` reads. The schema has a version; fields are only added to it.
import Base
import OS
import Options

enum RunJSON {
    static let schemaVersion = 1

    static func document(
        _ options: BenchOptions, servers: [ServerFacts], runs: [JSONText], extra: [(String, JSONText)] = [],
        startMilliseconds: Int64, isInterrupted: Bool, failures: [String]
    ) -> JSONText {
        let config = options.given.map { ($0.name, isSecret($0.name) ? JSONText.text("…") : .text($0.value)) }
        var members: [(String, JSONText)] = [
            ("schema_version", .count(schemaVersion)), ("tool", .text("a2 bench")),
            ("version", .text(Version.number)), ("verb", .text(options.verb.rawValue)),
            ("started_unix_ms", .integer(startMilliseconds)), ("interrupted", .flag(isInterrupted)),
            ("flags", .object(unique(config))), ("operands", .list(options.operands.map { .text($0) })),
            ("config", settings(options)),
            (
                "host",
                .object([
                    ("system", .text(ProcessFacts.systemName)), ("cores", .count(Thread.coreCount)),
                    ("memory_bytes", .count(ProcessFacts.physicalMemoryBytes)),
                ])
            ),
            ("servers", .list(servers.map(server))), ("runs", .list(runs)),
        ]
        members += extra
        return .object(members + [("failed", .list(failures.map { .text($0) }))])
    }

    private static func isSecret(_ name: String) -> Bool { name == "password" || name == "uri" || name == "targets" }

    /// Of a flag given twice both values.
    private static func unique(_ members: [(String, JSONText)]) -> [(String, JSONText)] {
        var result: [(String, JSONText)] = []
        for (name, value) in members {
            guard let at = result.firstIndex(where: { $0.0 == name }) else {
                result.append((name, value))
                continue
            }
            if case .list(let values) = result[at].1 {
                result[at].1 = .list(values + [value])
            } else {
                result[at].1 = .list([result[at].1, value])
            }
        }
        return result
    }

    /// Everything that was in effect, given or not.
    private static func settings(_ options: BenchOptions) -> JSONText {
        let plan = options.basePlan
        var members: [(String, JSONText)] = [
            ("targets", .list(options.targets.map { .text($0.name) })), ("clients", .count(plan.clients)),
            ("threads", .count(plan.threads)), ("pipeline", .count(plan.pipeline)),
            ("requests", plan.requests.map { .count($0) } ?? .null),
            ("duration_seconds", .optional(plan.durationSeconds)), ("warmup_seconds", .number(plan.warmupSeconds)),
            ("keep_alive", .flag(plan.keepsAlive)), ("spread", .text(plan.takesTurns ? "round-robin" : "pinned")),
            ("keys", .count(plan.shape.keyCount)), ("key_distribution", .text("\(plan.distribution)")),
            ("value_bytes_min", .count(plan.shape.valueSizes.lowerBound)),
            ("value_bytes_max", .count(plan.shape.valueSizes.upperBound)), ("verify", .flag(plan.shape.verifies)),
            ("seed", .text("\(plan.seed)")), ("resp3", .flag(options.targets.first?.usesRESP3 ?? false)),
            ("interval_seconds", .number(plan.intervalSeconds)),
        ]
        if case .open(let rates, let arrival) = plan.mode {
            members.append(("arrival", .text(arrival.rawValue)))
            let steps = rates.steps.map { step in
                JSONText.object([
                    ("per_second", .number(step.perSecond)),
                    ("seconds", step.seconds.isFinite ? .number(step.seconds) : .null),
                ])
            }
            members.append(("rates", .list(steps)))
        }
        return .object(members)
    }

    private static func server(_ facts: ServerFacts) -> JSONText {
        func info(_ info: ServerInfo?) -> JSONText {
            guard let info else { return .null }
            return .object(info.fields.map { ($0.name, JSONText.text($0.value)) })
        }
        return .object([
            ("target", .text(facts.target.name)), ("version", .optional(facts.before?.version)),
            ("cpu_us", .optional(facts.cpuMicroseconds)), ("before", info(facts.before)), ("after", info(facts.after)),
        ])
    }

    // MARK: One run

    static func run(_ result: LoadResult, percentiles: [Double], serverCPU: Double?) -> JSONText {
        let plan = result.plan
        var members: [(String, JSONText)] = [
            ("name", .text(plan.name)), ("loop", .text(plan.isOpen ? "open" : "closed")),
            ("seconds", .number(result.seconds)), ("requests", .integer(result.replies)),
            ("rps", .number(result.requestsPerSecond)), ("error_count", .integer(result.errorCount)),
            ("error_rate", .number(result.errorRate)),
            (
                "errors",
                .object(result.errors.sorted { $0.key < $1.key }.map { ($0.key, JSONText.integer($0.value)) })
            ),
            ("nulls", .integer(result.nulls)), ("wrong_replies", .integer(result.mismatches)),
            (
                "client",
                .object([
                    ("cpu_us", .integer(result.cpuMicroseconds)),
                    ("cpu_us_per_request", perRequest(Double(result.cpuMicroseconds), result)),
                    ("cpu_share_max", .number(result.cpuShareMax)), ("is_bottleneck", .flag(result.isClientBound)),
                ])
            ), ("server_cpu_us_per_request", .optional(serverCPU)),
            ("latency_us", latency(result.latency, percentiles)),
            ("service_us", latency(result.all.service, percentiles)),
        ]
        if plan.isOpen { members.append(("response_us", latency(result.all.response, percentiles))) }
        if !result.steps.isEmpty { members.append(("steps", .list(steps(result, percentiles)))) }
        members += [
            (
                "commands",
                .list(
                    plan.commands.indices.map {
                        part(plan.commands[$0].template.name, result.counts(ofCommand: $0), result)
                    })
            ),
            (
                "nodes",
                .list(plan.targets.indices.map { part(plan.targets[$0].name, result.counts(ofNode: $0), result) })
            ),
            ("series", .list(series(result))), ("histogram", .text(result.latency.encodedForLog())),
        ]
        return .object(members)
    }

    private static func perRequest(_ microseconds: Double, _ result: LoadResult) -> JSONText {
        result.replies > 0 ? .number(microseconds / Double(result.replies)) : .null
    }

    private static func latency(_ histogram: Histogram, _ percentiles: [Double]) -> JSONText {
        var members: [(String, JSONText)] = [
            ("avg", .number(histogram.mean)), ("min", .integer(histogram.minimum)),
        ]
        for percentile in Set(percentiles + [50, 90, 95, 99, 99.9]).sorted() where percentile < 100 {
            members.append(
                ("p" + BenchMetric.shortest(percentile), .integer(histogram.value(atPercentile: percentile))))
        }
        return .object(members + [("max", .integer(histogram.maximum))])
    }

    private static func part(_ name: String, _ counts: LoadCounts, _ result: LoadResult) -> JSONText {
        let measured = result.plan.isOpen ? counts.response : counts.service
        return .object([
            ("name", .text(name)), ("requests", .integer(counts.replies)),
            ("rps", .number(result.seconds > 0 ? Double(counts.replies) / result.seconds : 0)),
            ("errors", .integer(counts.errors)), ("nulls", .integer(counts.nulls)),
            ("wrong_replies", .integer(counts.mismatches)), ("avg_us", .number(measured.mean)),
            ("p50_us", .integer(measured.value(atPercentile: 50))),
            ("p99_us", .integer(measured.value(atPercentile: 99))),
            ("max_us", .integer(measured.maximum)),
        ])
    }

    /// Of a ramp.
    private static func steps(_ result: LoadResult, _ percentiles: [Double]) -> [JSONText] {
        result.steps.indices.map { index in
            let (step, seconds) = (result.steps[index], result.seconds(ofStep: index))
            return .object([
                ("wanted_rps", .number(result.plan.rampSteps[index].perSecond)), ("seconds", .number(seconds)),
                ("rps", seconds > 0 ? .number(Double(step.replies) / seconds) : .null),
                ("requests", .integer(step.replies)), ("errors", .integer(step.errors)),
                ("response_us", latency(step.response, percentiles)),
            ])
        }
    }

    /// Interval by interval; the last one may be shorter, its rate is that of its time. Of a moment there is none.
    private static func series(_ result: LoadResult) -> [JSONText] {
        result.intervals.compactMap { interval in
            let begin = Double(interval.number) * result.plan.intervalSeconds
            let length = min(result.plan.intervalSeconds, result.seconds - begin)
            guard length > 0 else { return nil }
            return .object([
                ("second", .number(begin)), ("length", .number(length)),
                (
                    "rps",
                    length < result.plan.intervalSeconds / 20 ? .null : .number(Double(interval.replies) / length)
                ),
                ("errors", .integer(interval.errors)), ("p50_us", .integer(interval.p50)),
                ("p99_us", .integer(interval.p99)), ("p999_us", .integer(interval.p999)),
                ("max_us", .integer(interval.maximum)),
                ("nodes", .list(interval.byNode.map { .integer($0) })),
            ])
        }
    }
}
