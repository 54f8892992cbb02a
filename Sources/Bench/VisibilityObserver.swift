/// How long a write takes to be seen on another node: writes a marker here, and asks there until it shows.
///
/// One clock, this process', has both moments: the write's reply and the first answer that has it. One pair of nodes
/// at a time, so that asking one does not wait for another.
import Base
import Client
import OS
import RESP
import Synchronization

final class VisibilityObserver: Sendable {
    struct Pair: Sendable {
        let from: Int
        let to: Int
        var latency = Histogram()
        /// Not seen in time.
        var unseen = 0
    }

    private static let unseenNanoseconds: Int64 = 2_000_000_000
    private static let pauseSeconds = 0.001

    private let nodes: [ConvergeNode]
    private let prefix: String
    private let stepSeconds: Double
    /// Node ids of a partition in force, as bits of those on the left and on the right; across it nothing is asked.
    private let partition = Mutex<(left: [Int], right: [Int])?>(nil)
    private let pairs: Mutex<[Pair]>
    /// Between two questions to one node.
    private let gaps = Mutex(Histogram())

    init(_ nodes: [ConvergeNode], prefix: String, stepSeconds: Double) {
        self.nodes = nodes
        self.prefix = prefix
        self.stepSeconds = stepSeconds
        let all = nodes.indices.flatMap { from in
            nodes.indices.filter { $0 != from }.map { Pair(from: from, to: $0) }
        }
        pairs = Mutex(all)
    }

    var results: [Pair] { pairs.withLock { $0 } }
    /// How exact the results are: what usually lies between two questions.
    var resolutionMicroseconds: Int64 { gaps.withLock { $0.value(atPercentile: 50) } }

    func setPartition(_ plan: PartitionPlan?) { partition.withLock { $0 = plan.map { ($0.left, $0.right) } } }

    private func isCut(_ from: Int, _ to: Int) -> Bool {
        partition.withLock { cut in
            guard let cut else { return false }
            let (a, b) = (nodes[from].id, nodes[to].id)
            return cut.left.contains(a) && cut.right.contains(b) || cut.left.contains(b) && cut.right.contains(a)
        }
    }

    /// Goes on until the load has ended.
    func observe(_ board: RunBoard) throws(BenchFailure) {
        Thread.keepTimersPrecise()
        let connections = try ConvergeConnections(nodes)
        var sequence: Int64 = 0
        let count = results.count
        while board.finishedCount < board.plan.threads, !board.isStopped {
            if board.startNanoseconds == 0 || SystemClock.monotonicNanoseconds < board.startNanoseconds {
                Pause.seconds(Self.pauseSeconds)
                continue
            }
            for number in 0..<count where board.finishedCount < board.plan.threads && !board.isStopped {
                sequence += 1
                try observe(number, sequence, connections, board)
                Pause.seconds(Self.pauseSeconds)
            }
        }
    }

    private func observe(
        _ number: Int, _ sequence: Int64, _ connections: ConvergeConnections, _ board: RunBoard
    ) throws(BenchFailure) {
        let (from, to) = pairs.withLock { ($0[number].from, $0[number].to) }
        if isCut(from, to) { return }
        let key = "\(prefix)visible:\(from):\(to)"
        if case .error(let text) = try connections.all[from].call("SET", key, "\(sequence)") {
            throw BenchFailure(
                description: "\(nodes[from].target.name): \(String(decoding: text, as: UTF8.self))", exitStatus: 1)
        }
        let written = SystemClock.monotonicNanoseconds
        var asked = written
        while true {
            let seen = try connections.all[to].call("GET", key).integer ?? 0
            let now = SystemClock.monotonicNanoseconds
            gaps.withLock { $0.record((now - asked) / 1000) }
            asked = now
            if seen >= sequence {
                pairs.withLock { $0[number].latency.record((now - written) / 1000) }
                return
            }
            if isCut(from, to) { return }
            if now - written > Self.unseenNanoseconds || board.isStopped {
                if !board.isStopped { pairs.withLock { $0[number].unseen += 1 } }
                return
            }
            if stepSeconds > 0 { Pause.seconds(stepSeconds) }
        }
    }
}
