/// The cluster in a few characters, for a prompt: how far behind, whether the digests are equal, who is down.
///
/// Asked in turns of the prompt's own poll loop, at most once a second, and never waited for.
import Glibc
import OS

final class ClusterStatus {
    private let watch: ClusterWatch

    init(_ endpoints: [ClusterEndpoint]) {
        let limits = ClusterLimits(connectMilliseconds: 1500, silenceMilliseconds: 1500, digestMilliseconds: 10_000)
        watch = ClusterWatch(ClusterGatherer(endpoints, limits: limits))
    }

    /// What to poll for besides one's own.
    var interests: [pollfd] { watch.links.compactMap(\.interest) }

    /// How long may be waited if nothing happens.
    var timeoutMilliseconds: Int64 { min(max(watch.dueMilliseconds - SystemClock.monotonicMilliseconds, 0), 1000) }

    /// Does what can be done. Whether the text may be another.
    func turn() -> Bool {
        let before = cells
        watch.turn(SystemClock.monotonicMilliseconds)
        return cells != before
    }

    func close() { watch.close() }

    /// Empty until something is known, and where there is no cluster.
    var cells: [ViewCell] {
        guard let reading = watch.reading else { return [] }
        return Self.cells(reading, watch.digests)
    }

    static func cells(_ reading: ClusterReading, _ digests: ClusterWatch.Digests?) -> [ViewCell] {
        let down = reading.nodes.filter(\.condition.isSilent)
        guard reading.answering.count + down.count > 1 else { return [] }
        var cells: [ViewCell] = []
        if let first = down.first {
            cells.append(ViewCell(down.count == 1 ? "\(first.label) down" : "\(down.count) nodes down", .bad))
        }
        if let lag = reading.lagMaxMilliseconds {
            let text = "lag " + ViewNumber.duration(milliseconds: max(lag, 0)).filter { $0 != " " }
            let isCut = down.isEmpty && !reading.areAllLinksUp
            cells.append(ViewCell(text + (isCut ? " link down" : ""), isCut ? .bad : lag >= 1000 ? .warning : .plain))
        }
        if let digests {
            let (inFlight, diverged) = (digests.count(.inFlight), digests.count(.diverged))
            if diverged > 0 {
                cells.append(ViewCell("\(diverged)≠", .bad))
            } else {
                cells.append(inFlight > 0 ? ViewCell("\(inFlight)~", .warning) : ViewCell("=", .good))
            }
        }
        return cells
    }

    /// The same on one line.
    func text(_ style: ViewStyle) -> String {
        cells.map { ViewLine([$0]).written(style) }.joined(separator: " ")
    }
}
