/// SLOWLOG and LATENCY: what took long.
import Base
import Options
import RESP

private let reading: CommandFlags = [.admin, .noScript, .loading, .stale]

let diagnosticCommands: [Command] = [
    Command(
        name: "SLOWLOG", arity: -2, summary: "A container for slow log commands.", since: "2.2.12", group: "server",
        complexity: "Depends on subcommand.",
        subcommands: [
            Command(
                name: "GET", arity: -2, flags: [.admin, .loading, .stale], arguments: "[count]",
                summary: "Returns the slow log's entries.", since: "2.2.12", group: "server",
                complexity: "O(N) where N is the number of entries returned",
                tips: "request_policy:all_nodes nondeterministic_output", handler: slowLogGet),
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Show helpful text about the different subcommands", since: "6.2.0", group: "server",
                handler: slowLogHelp),
            Command(
                name: "LEN", arity: 2, flags: [.admin, .loading, .stale],
                summary: "Returns the number of entries in the slow log.", since: "2.2.12", group: "server",
                tips: "request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
                handler: slowLogLength),
            Command(
                name: "RESET", arity: 2, flags: [.admin, .loading, .stale],
                summary: "Clears all entries from the slow log.", since: "2.2.12", group: "server",
                complexity: "O(N) where N is the number of entries in the slowlog",
                tips: "request_policy:all_nodes response_policy:all_succeeded", handler: slowLogReset),
        ]),
    Command(
        name: "LATENCY", arity: -2, summary: "A container for latency diagnostics commands.", since: "2.8.13",
        group: "server", complexity: "Depends on subcommand.",
        subcommands: [
            latencyRow("DOCTOR", 2, "", "Returns a human-readable latency analysis report.", latencyDoctor),
            latencyRow("GRAPH", 3, "event", "Returns a latency graph for an event.", latencyGraph),
            Command(
                name: "HELP", arity: 2, flags: [.loading, .stale],
                summary: "Returns helpful text about the different subcommands.", since: "2.8.13", group: "server",
                handler: latencyHelp),
            latencyRow(
                "HISTOGRAM", -2, "[command [command ...]]", since: "7.0.0",
                "Returns the cumulative distribution of latencies of a subset or all commands.", latencyHistogram),
            latencyRow("HISTORY", 3, "event", "Returns timestamp-latency samples for an event.", latencyHistory),
            latencyRow("LATEST", 2, "", "Returns the latest latency samples for all events.", latencyLatest),
            Command(
                name: "RESET", arity: -2, flags: reading, arguments: "[event [event ...]]",
                summary: "Resets the latency data for one or more events.", since: "2.8.13", group: "server",
                tips: "request_policy:all_nodes response_policy:all_succeeded", handler: latencyReset),
        ]),
]

private func latencyRow(
    _ name: StaticString, _ arity: Int, _ arguments: StaticString, since: StaticString = "2.8.13",
    _ summary: StaticString, _ handler: @escaping Handler
) -> Command {
    Command(
        name: name, arity: arity, flags: reading, arguments: arguments, summary: summary, since: since,
        group: "server", tips: "nondeterministic_output request_policy:all_nodes response_policy:special",
        handler: handler)
}

// MARK: SLOWLOG

@Sendable
private func slowLogGet(_ call: inout Invocation) throws(CommandError) {
    guard call.arguments.count <= 3 else { throw .badSubcommand(call) }
    var count = 10
    if call.arguments.count == 3 {
        guard let asked = call.arguments[2].canonicalInteger, asked >= -1 else {
            throw .fixed("ERR count should be greater than or equal to -1")
        }
        count = asked == -1 ? Int.max : Int(asked)
    }
    let entries = call.node.slowLog.latest(count)
    call.reply.array(entries.count)
    for entry in entries {
        call.reply.array(6)
        call.reply.integer(entry.id)
        call.reply.integer(entry.unixSeconds)
        call.reply.integer(Int64(entry.microseconds))
        call.reply.array(entry.arguments.count)
        for argument in entry.arguments { argument.withView { call.reply.bulk($0) } }
        entry.clientAddress.withView { call.reply.bulk($0) }
        entry.clientName.withView { call.reply.bulk($0) }
    }
}

@Sendable
private func slowLogLength(_ call: inout Invocation) throws(CommandError) {
    call.reply.integer(call.node.slowLog.count)
}

@Sendable
private func slowLogReset(_ call: inout Invocation) throws(CommandError) {
    call.node.slowLog.removeAll()
    call.reply.ok()
}

@Sendable
private func slowLogHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
    ])
}

// MARK: LATENCY

/// The event an argument names.
private func event(_ name: ByteView) -> LatencyMonitor.Event? {
    LatencyMonitor.Event.allCases.first { $0.name.withBytes { $0 == name } }
}

@Sendable
private func latencyLatest(_ call: inout Invocation) throws(CommandError) {
    let reply = call.reply.beginDeferredArray()
    var count = 0
    for event in LatencyMonitor.Event.allCases {
        let series = call.node.latency[event]
        guard let last = series.samples.last else { continue }
        call.reply.array(4)
        call.reply.bulk(event.name)
        call.reply.integer(last.unixSeconds)
        call.reply.integer(last.milliseconds)
        call.reply.integer(series.millisecondsMax)
        count += 1
    }
    call.reply.endDeferred(reply, count: count)
}

@Sendable
private func latencyHistory(_ call: inout Invocation) throws(CommandError) {
    let samples = event(call.arguments[2]).map { call.node.latency[$0].samples } ?? []
    call.reply.array(samples.count)
    for sample in samples {
        call.reply.array(2)
        call.reply.integer(sample.unixSeconds)
        call.reply.integer(sample.milliseconds)
    }
}

@Sendable
private func latencyReset(_ call: inout Invocation) throws(CommandError) {
    var count = 0
    if call.arguments.count == 2 {
        for event in LatencyMonitor.Event.allCases where call.node.latency.reset(event) { count += 1 }
    } else {
        for index in 2..<call.arguments.count {
            if let event = event(call.arguments[index]), call.node.latency.reset(event) { count += 1 }
        }
    }
    call.reply.integer(count)
}

@Sendable
private func latencyGraph(_ call: inout Invocation) throws(CommandError) {
    let name = call.arguments[2]
    guard let event = event(name), let last = call.node.latency[event].samples.last else {
        throw .quoting("ERR No samples available for event '", name)
    }
    let series = call.node.latency[event]
    let lowest = series.samples.map(\.milliseconds).min() ?? 0
    var text =
        "\(event.name) - high \(series.millisecondsMax) ms, low \(lowest) ms (all time high"
        + " \(series.millisecondsMax) ms)\n" + String(repeating: "-", count: 80) + "\n"
    // Four rows of dots, a column per sample, the newest on the right.
    let shown = series.samples.suffix(80)
    let range = max(series.millisecondsMax - lowest, 1)
    for row in stride(from: 3, through: 0, by: -1) {
        for sample in shown {
            let height = Int((sample.milliseconds - lowest) * 3 / range)
            text += height == row ? "o" : height > row ? "|" : " "
        }
        text += "\n"
    }
    text += "latest \(last.milliseconds) ms, \(max(call.nowMilliseconds / 1000 - last.unixSeconds, 0)) s ago\n"
    text.withBytes { call.reply.verbatim("txt", $0) }
}

@Sendable
private func latencyDoctor(_ call: inout Invocation) throws(CommandError) {
    var text = ""
    if call.node.settings.integer(.latencyMonitorThreshold) == 0 {
        text =
            "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n"
    } else {
        for event in LatencyMonitor.Event.allCases {
            let series = call.node.latency[event]
            guard let first = series.samples.first, let last = series.samples.last else { continue }
            let sum = series.samples.reduce(0) { $0 + $1.milliseconds }
            let count = Int64(series.samples.count)
            text +=
                "\(event.name): \(count) latency spikes (average \(sum / count)ms, worst"
                + " \(series.millisecondsMax)ms) over \(last.unixSeconds - first.unixSeconds) seconds.\n"
        }
        if text.isEmpty {
            text =
                "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n"
        } else {
            text =
                "Dave, I have observed latency spikes in this Redis instance:\n\n" + text
                + "\nSLOWLOG GET shows the commands that were slow.\n"
        }
    }
    text.withBytes { call.reply.verbatim("txt", $0) }
}

@Sendable
private func latencyHistogram(_ call: inout Invocation) throws(CommandError) {
    let reply = call.reply.beginDeferred(.map)
    var count = 0
    func add(_ row: Command) {
        let sum = call.node.statistics(of: row)
        if sum.calls == 0 { return }
        count += 1
        call.reply.bulk(row.fullName)
        call.reply.map(2)
        call.reply.bulk("calls")
        call.reply.integer(Int64(sum.calls))
        call.reply.bulk("histogram_usec")
        let buckets = call.node.microsecondBuckets(sum)
        call.reply.map(buckets.count)
        for bucket in buckets {
            call.reply.integer(bucket.upTo)
            call.reply.integer(Int64(bucket.cumulated))
        }
    }
    // A container's name stands for its subcommands too.
    if call.arguments.count == 2 {
        for row in CommandTable.shared.commands { ([row] + row.subcommands).forEach(add) }
    } else {
        for index in 2..<call.arguments.count {
            guard let row = CommandTable.shared.find(fullName: call.arguments[index])?.pointee else { continue }
            ([row] + row.subcommands).forEach(add)
        }
    }
    call.reply.endDeferred(reply, count: count)
}

extension Node {
    /// What all loops together counted of a row.
    func statistics(of row: Command) -> LoopStatistics.Row {
        var sum = LoopStatistics.Row()
        for loop in statistics { loop.add(row.index, to: &sum) }
        return sum
    }

    /// The histogram of a row in buckets of powers of two of microseconds, cumulated; empty ones left out.
    func microsecondBuckets(_ sum: LoopStatistics.Row) -> [(upTo: Int64, cumulated: UInt64)] {
        var buckets: [(upTo: Int64, cumulated: UInt64)] = []
        var cumulated: UInt64 = 0
        for (index, count) in sum.histogram.enumerated() where count > 0 {
            cumulated += count
            let limit = Double(UInt64(1) << UInt64(index)) * process.nanosecondsPerTick / 1000
            var upTo: Int64 = 1
            while Double(upTo) < limit { upTo <<= 1 }
            if let last = buckets.last, last.upTo == upTo {
                buckets[buckets.count - 1].cumulated = cumulated
            } else {
                buckets.append((upTo, cumulated))
            }
        }
        return buckets
    }

    /// Microseconds that `percent` of the calls did not exceed, to the nearest bucket.
    func percentile(_ percent: Double, _ sum: LoopStatistics.Row) -> Double {
        let wanted = percent / 100 * Double(sum.calls)
        var cumulated = 0.0
        for (index, count) in sum.histogram.enumerated() where count > 0 {
            cumulated += Double(count)
            // The bucket's upper bound, as a histogram reports its own.
            let limit = Double(UInt64(1) << UInt64(index)) * process.nanosecondsPerTick / 1000
            if cumulated >= wanted { return limit }
        }
        return 0
    }
}

@Sendable
private func latencyHelp(_ call: inout Invocation) throws(CommandError) {
    call.replyHelp([
        "DOCTOR",
        "    Return a human readable latency analysis report.",
        "GRAPH <event>",
        "    Return an ASCII latency graph for the <event> class.",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
        "    If no commands are specified then all histograms are replied.",
    ])
}
