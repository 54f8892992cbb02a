/// `--stat`, `--latency`, `--latency-history`: figures of one server, line by line, until Ctrl-C.
import Base
import Client
import OS
import Options
import RESP

enum WatchModes {
    private static func interval(_ plan: ConsolePlan) -> Int {
        plan.intervalMilliseconds > 0 ? plan.intervalMilliseconds : 1000
    }

    /// redis-cli's columns; the head again every twenty lines.
    static func stat(_ session: Session, _ plan: ConsolePlan) throws(CallFailure) -> Int32 {
        var former: Int64 = 0
        var line = 0
        while true {
            let reply = try session.ask("INFO")
            if let error = reply.errorText { return session.fail(error, ExitStatus.negative) }
            let info = InfoText(reply.text ?? "")
            if line % 20 == 0 {
                session.output.append(
                    "------- data ------ --------------------- load -------------------- - child -\n"
                        + "keys       mem      clients blocked requests            connections          \n")
            }
            let keys = (info.section("Keyspace")?.fields ?? []).reduce(Int64(0)) { sum, field in
                sum + (InfoText.parts(of: field.value).first { $0.name == "keys" }.flatMap { Int64($0.value) } ?? 0)
            }
            let requests = info.integer("total_commands_processed") ?? 0
            var text = padded("\(keys)", 11) + padded(human(info.integer("used_memory") ?? 0), 9)
            text += padded(info["connected_clients"] ?? "", 8) + padded(info["blocked_clients"] ?? "", 8)
            text += padded("\(requests) (+\(line == 0 ? 0 : requests - former))", 20)
            text += padded(info["total_connections_received"] ?? "", 12)
            if info["loading"] == "1" { text += "LOAD" }
            session.output.append(text + "\n")
            session.output.flush()
            former = requests
            line += 1
            if plan.repetitions > 1, line >= plan.repetitions { return ExitStatus.success }
            if !session.pause(milliseconds: interval(plan)) { return 130 }
        }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.utf8.count, 1))
    }

    static func human(_ bytes: Int64) -> String { String(humanBytes: Int(bytes)) }

    /// PING, a hundred times a second. Without a terminal a summary when it ends, or a line per window.
    static func latency(
        _ session: Session, _ plan: ConsolePlan, windowMilliseconds: Int?
    ) throws(CallFailure) -> Int32 {
        let window = windowMilliseconds.map { Int64($0 > 0 ? $0 : 15_000) }
        let isLive = session.isTerminalOutput && session.settings.format == nil
        var figures = Figures()
        var began = SystemClock.monotonicMilliseconds
        let limit = plan.repetitions > 1 ? plan.repetitions : Int.max
        var windows = 0
        // Somebody who only wants a figure need not know Ctrl-C.
        let end =
            isLive || window != nil
            ? nil : began + Int64(plan.intervalMilliseconds > 0 ? plan.intervalMilliseconds : 1000)
        while true {
            let started = SystemClock.monotonicNanoseconds
            let reply = try session.ask("PING")
            if let error = reply.errorText { return session.fail(error, ExitStatus.negative) }
            figures.add(SystemClock.monotonicNanoseconds - started)
            let now = SystemClock.monotonicMilliseconds
            if isLive { session.output.append("\r\u{1B}[0K" + figures.text) }
            if let window, now - began >= window {
                let seconds = String(fixed: Double(now - began) / 1000, decimals: 2)
                session.output.append(
                    isLive ? " -- \(seconds) seconds range\n" : figures.text + " -- \(seconds) seconds range\n")
                figures = Figures()
                began = now
                windows += 1
                session.output.flush()
                if windows >= limit { return ExitStatus.success }
            }
            if let end, now >= end {
                session.output.append(session.format == .json ? figures.json + "\n" : figures.plain + "\n")
                session.output.flush()
                return ExitStatus.success
            }
            if !session.pause(milliseconds: 10) {
                if isLive { Terminal.print("\n") } else { session.output.append(figures.text + "\n") }
                session.output.flush()
                return 130
            }
        }
    }

    private struct Figures {
        var least = Int64.max
        var most: Int64 = 0
        var sum: Int64 = 0
        var count: Int64 = 0

        mutating func add(_ nanoseconds: Int64) {
            least = min(least, nanoseconds)
            most = max(most, nanoseconds)
            sum += nanoseconds
            count += 1
        }

        private func milliseconds(_ nanoseconds: Int64) -> String {
            String(fixed: Double(nanoseconds) / 1_000_000, decimals: 3)
        }

        private var average: Int64 { sum / max(count, 1) }

        var text: String {
            "min: \(milliseconds(least)), max: \(milliseconds(most)), avg: \(milliseconds(average)) (\(count) samples)"
        }

        /// min max avg samples, as redis-cli prints it into a pipe.
        var plain: String { "\(milliseconds(least)) \(milliseconds(most)) \(milliseconds(average)) \(count)" }

        var json: String {
            "{\"schema_version\":1,\"min_ms\":\(milliseconds(least)),\"max_ms\":\(milliseconds(most)),"
                + "\"avg_ms\":\(milliseconds(average)),\"samples\":\(count)}"
        }
    }
}
