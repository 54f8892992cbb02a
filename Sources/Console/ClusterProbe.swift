/// `:probe`: writes a marker on each node in turn and watches the others until they show it.
///
/// Every other node is asked over and over; one that does not show the marker within the limit is told as missing. The
/// marker is deleted afterwards, and has a time to live for the case that it cannot be.
import Base
import OS

struct ClusterProbe {
    let gatherer: ClusterGatherer
    var limitMilliseconds: Int64 = 5000
    /// Written on this node alone instead of on each in turn.
    var writer: Int?

    private static let lifeMilliseconds = 60_000

    func run() -> ProbeReading {
        var cluster = gatherer.read()
        let nodes = cluster.answering
        var runs: [ProbeReading.Run] = []
        for place in nodes where writer == nil || writer == place {
            if gatherer.isStopped() { break }
            runs.append(probe(from: place, nodes, &cluster))
        }
        return ProbeReading(cluster: cluster, runs: runs, limitMilliseconds: limitMilliseconds)
    }

    private func probe(from writer: Int, _ nodes: [Int], _ cluster: inout ClusterReading) -> ProbeReading.Run {
        let key = Array("a2:probe:\(String(Entropy.seed, radix: 16))".utf8)
        func words(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }
        var run = ProbeReading.Run(
            writer: writer, outcomes: cluster.nodes.indices.map { _ in ProbeOutcome.unasked })
        let request = words("SET") + [key] + words("1", "PX", "\(Self.lifeMilliseconds)")
        switch gatherer.ask([writer: [request]])[writer] {
        case .replies(let replies): run.failure = replies[0].error
        case .failure(let reason):
            run.failure = reason
            cluster.nodes[writer].condition = .silent(reason)
        case nil: run.failure = "not asked"
        }
        guard run.failure == nil else { return run }
        let written = gatherer.link(writer).firstReplyNanoseconds
        watch(key, nodes.filter { $0 != writer && !cluster.nodes[$0].condition.isSilent }, since: written, &run)
        for node in nodes {
            if case .failed(let reason) = run.outcomes[node] { cluster.nodes[node].condition = .silent(reason) }
        }
        // What the deletion says is of no interest: the marker goes by itself too.
        _ = gatherer.ask([writer: [words("DEL") + [key]]])
        return run
    }

    /// Asks each node again as soon as it has answered, a little later the longer it takes.
    private func watch(_ key: [UInt8], _ nodes: [Int], since written: Int64, _ run: inout ProbeReading.Run) {
        let request = [[Array("EXISTS".utf8), key]]
        var asked = Set<Int>()
        /// When to ask those that do not show it yet.
        var due = [Int: Int64](uniqueKeysWithValues: nodes.map { ($0, 0) })
        while !due.isEmpty {
            let now = SystemClock.monotonicNanoseconds
            let isOver = now - written > limitMilliseconds * 1_000_000 || gatherer.isStopped()
            for (node, time) in due.sorted(by: { $0.key < $1.key }) {
                let link = gatherer.link(node)
                if asked.contains(node) {
                    link.advance(now / 1_000_000)
                    guard let outcome = link.outcome else { continue }
                    asked.remove(node)
                    run.outcomes[node] = judge(outcome, link, since: written) ?? .missing
                    if run.outcomes[node] == .missing {
                        due[node] = now + min((now - written) / 50, 20_000_000)
                    } else {
                        due.removeValue(forKey: node)
                    }
                } else if isOver {
                    due.removeValue(forKey: node)
                } else if now >= time {
                    ask(link, request)
                    asked.insert(node)
                }
            }
            let first = due.filter { !asked.contains($0.key) }.values.min()
            let wait = first.map { max(($0 - SystemClock.monotonicNanoseconds) / 1_000_000, 0) } ?? 5
            ClusterPoll.sleep(until: asked.map { gatherer.link($0) }, timeoutMilliseconds: min(wait, 5))
        }
    }

    private func ask(_ link: ClusterLink, _ request: [[[UInt8]]]) {
        link.ask(
            request, connectMilliseconds: gatherer.limits.connectMilliseconds,
            silenceMilliseconds: gatherer.limits.silenceMilliseconds, now: SystemClock.monotonicMilliseconds)
    }

    /// Nil: not yet.
    private func judge(_ outcome: ClusterLink.Outcome, _ link: ClusterLink, since written: Int64) -> ProbeOutcome? {
        switch outcome {
        case .failure(let reason): return .failed(reason)
        case .replies(let replies):
            guard let reply = replies.first else { return nil }
            if let error = reply.error { return .failed(error) }
            guard reply.number == 1 else { return nil }
            // Asked before the writer's reply came, it may have been there all the time.
            return .seen(microseconds: max(link.firstReplyNanoseconds - written, 0) / 1000)
        }
    }
}
