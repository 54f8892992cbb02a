/// Parts nodes from each other and joins them again, as `--partition` says, and watches what waits meanwhile.
import Base
import Client
import OS
import RESP
import Synchronization

final class PartitionDriver: Sendable {
    struct Outcome: Sendable {
        let plan: PartitionPlan
        /// From when the links might come up until either side showed what the other wrote before; nil: not in time.
        var healSeconds: Double?
        var peakFrames: Int64 = 0
        var peakBytes: Int64 = 0
    }

    private static let markerCount = 64

    private let nodes: [ConvergeNode]
    private let plans: [PartitionPlan]
    private let prefix: String
    private let observer: VisibilityObserver
    private let timeoutSeconds: Double
    private let found = Mutex<(outcomes: [Outcome], peak: ConvergeConnections.Backlog)>(([], .init()))

    init(
        _ nodes: [ConvergeNode], _ plans: [PartitionPlan], prefix: String, observer: VisibilityObserver,
        timeoutSeconds: Double
    ) throws(BenchFailure) {
        for id in plans.flatMap({ $0.left + $0.right }) where !nodes.contains(where: { $0.id == id }) {
            let known = nodes.map { "\($0.id)" }.joined(separator: ", ")
            throw BenchOptions.usage("--partition: none of the targets is node \(id); they are \(known)")
        }
        self.nodes = nodes
        self.plans = plans.sorted { $0.fromSeconds < $1.fromSeconds }
        self.prefix = prefix
        self.observer = observer
        self.timeoutSeconds = timeoutSeconds
    }

    var outcomes: [Outcome] { found.withLock { $0.outcomes } }
    var peak: ConvergeConnections.Backlog { found.withLock { $0.peak } }

    /// Goes on until the load has ended; no partition outlives this.
    func drive(_ board: RunBoard) throws(BenchFailure) {
        let connections = try ConvergeConnections(nodes)
        while board.startNanoseconds == 0, !board.isStopped { Pause.seconds(0.002) }
        var current: Outcome?
        do {
            try drive(board, connections, &current)
        } catch {
            // Whatever happened, no link stays cut.
            if let cut = current { try? set(cut.plan, "UP", connections) }
            throw error
        }
    }

    private func drive(
        _ board: RunBoard, _ connections: ConvergeConnections, _ current: inout Outcome?
    ) throws(BenchFailure) {
        var waiting = plans
        while board.finishedCount < board.plan.threads, !board.isStopped {
            let elapsed = Double(SystemClock.monotonicNanoseconds - board.startNanoseconds) / 1e9
            if current == nil, let next = waiting.first, elapsed >= next.fromSeconds {
                waiting.removeFirst()
                observer.setPartition(next)
                current = Outcome(plan: next)
                try set(next, "DOWN", connections)
            }
            let backlog = try connections.backlog()
            note(backlog, &current)
            if let cut = current, elapsed >= cut.plan.toSeconds {
                try finish(cut, connections, board)
                current = nil
            }
            Pause.seconds(0.02)
        }
        if let cut = current { try finish(cut, connections, board) }
    }

    private func note(_ backlog: ConvergeConnections.Backlog, _ current: inout Outcome?) {
        if var cut = current {
            cut.peakFrames = max(cut.peakFrames, backlog.frames)
            cut.peakBytes = max(cut.peakBytes, backlog.bytes)
            current = cut
        }
        found.withLock { found in
            found.peak.frames = max(found.peak.frames, backlog.frames)
            found.peak.bytes = max(found.peak.bytes, backlog.bytes)
            found.peak.lagMilliseconds = max(found.peak.lagMilliseconds, backlog.lagMilliseconds)
        }
    }

    /// Every link across, on both its ends.
    private func set(
        _ plan: PartitionPlan, _ state: String, _ connections: ConvergeConnections
    ) throws(BenchFailure) {
        for (side, others) in [(plan.left, plan.right), (plan.right, plan.left)] {
            for (number, node) in nodes.enumerated() where side.contains(node.id) {
                for other in others {
                    guard case .error(let text) = try connections.all[number].call("A2.LINK", "\(other)", state) else {
                        continue
                    }
                    throw BenchFailure(
                        description: "\(node.target.name): A2.LINK \(other) \(state): "
                            + String(decoding: text, as: UTF8.self), exitStatus: 1)
                }
            }
        }
    }

    /// Joins both sides, and waits until each shows what the other wrote while they were apart.
    private func finish(
        _ outcome: Outcome, _ connections: ConvergeConnections, _ board: RunBoard
    ) throws(BenchFailure) {
        var outcome = outcome
        var markers: [(to: Int, keys: [[UInt8]])] = []
        for (from, node) in nodes.enumerated() {
            let isLeft = outcome.plan.left.contains(node.id)
            guard isLeft || outcome.plan.right.contains(node.id) else { continue }
            // In many partitions: each is caught up with by itself.
            let keys = (0..<Self.markerCount).map { Array("\(prefix)heal:\(from):\($0)".utf8) }
            let mark = Array("\(board.startNanoseconds + Int64(outcome.plan.fromSeconds * 1e9))".utf8)
            _ = try connections.all[from].call([Array("MSET".utf8)] + keys.flatMap { [$0, mark] })
            let others = isLeft ? outcome.plan.right : outcome.plan.left
            for (to, other) in nodes.enumerated() where others.contains(other.id) { markers.append((to, keys)) }
        }
        try set(outcome.plan, "UP", connections)
        let up = SystemClock.monotonicNanoseconds
        for (to, keys) in markers {
            while true {
                let values = try connections.all[to].call([Array("MGET".utf8)] + keys).elements ?? []
                let seconds = Double(SystemClock.monotonicNanoseconds - up) / 1e9
                let isSeen = values.count == keys.count && values.allSatisfy { $0.integer != nil }
                if isSeen { outcome.healSeconds = max(outcome.healSeconds ?? 0, seconds) }
                if isSeen { break }
                if seconds > timeoutSeconds || board.isStopped {
                    outcome.healSeconds = nil
                    found.withLock { $0.outcomes.append(outcome) }
                    return observer.setPartition(nil)
                }
                Pause.seconds(0.001)
            }
        }
        observer.setPartition(nil)
        // A second partition marks anew.
        for (from, _) in nodes.enumerated() {
            let keys = (0..<Self.markerCount).map { Array("\(prefix)heal:\(from):\($0)".utf8) }
            _ = try connections.all[from].call([Array("DEL".utf8)] + keys)
        }
        found.withLock { $0.outcomes.append(outcome) }
    }
}
