/// How a run does while it goes on: one line on a terminal, rewritten each interval.
import Base
import OS

struct LiveLine {
    let isShown: Bool
    private var lastReplies: Int64 = 0
    private var lastAt: Int64 = 0
    private var width = 0

    /// Only where somebody can see it: standard error is a terminal, and CI has none.
    init(environment: [String: String] = Environment.all) {
        let isDumb = environment["TERM"] == "dumb" || environment["CI"]?.isEmpty == false
        isShown = Terminal.isTerminal(2) && !isDumb
    }

    mutating func show(_ board: RunBoard) {
        guard isShown, board.startNanoseconds > 0 else { return }
        let now = SystemClock.monotonicNanoseconds
        let warmup = Int64(board.plan.warmupSeconds * 1e9)
        let since = board.startNanoseconds + warmup
        guard now > since else { return write("\(board.plan.name): warming up") }
        let (replies, errors) = board.totalReplies
        let overall = Double(replies) / (Double(now - since) / 1e9)
        let last = board.lastInterval
        let recent = last.map { Double($0.replies) / board.plan.intervalSeconds } ?? overall
        var text = "\(board.plan.name): \(String(fixed: recent, decimals: 0)) now, "
        text += "\(String(fixed: overall, decimals: 0)) overall requests per second, "
        text += "p99 \(BenchMetric.time(Double(last?.p99 ?? 0))), \(errors) errors"
        write(text)
    }

    private mutating func write(_ text: String) {
        Terminal.printError("\r" + text + String(repeating: " ", count: max(width - text.count, 0)))
        width = text.count
    }

    mutating func clear() {
        if isShown, width > 0 { Terminal.printError("\r" + String(repeating: " ", count: width) + "\r") }
        width = 0
    }
}
