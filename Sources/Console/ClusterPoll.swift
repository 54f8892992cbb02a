/// Asks several nodes at once and waits for all of them, each with its own time limit: what every view gathers with.
import Glibc
import OS

/// How long a node may take.
struct ClusterLimits: Equatable {
    /// To be reached, greeting included.
    var connectMilliseconds: Int64 = 2000
    /// Between the question and its first reply, and from one reply to the next.
    var silenceMilliseconds: Int64 = 2000
    /// The same where a node has to look at all of its data before it can reply.
    var digestMilliseconds: Int64 = 60_000
}

enum ClusterPoll {
    /// Polls until no link is busy, or `isStopped` says so: then what is still awaited is given up.
    static func wait(for links: [ClusterLink], isStopped: () -> Bool = { false }) {
        while true {
            step(links)
            let isBusy = links.contains(where: \.isBusy)
            guard isBusy else { return }
            if isStopped() {
                for link in links { link.cancel() }
                return
            }
            // Often enough to notice limits that have passed, and the wish to stop.
            sleep(until: links, timeoutMilliseconds: 50)
        }
    }

    /// Whatever can be done now.
    static func step(_ links: [ClusterLink]) {
        let now = SystemClock.monotonicMilliseconds
        for link in links { link.advance(now) }
    }

    /// Returns when there is something to do for a link or one of `others`, after the time, or on a signal.
    @discardableResult
    static func sleep(until links: [ClusterLink], others: [Int32] = [], timeoutMilliseconds: Int64) -> [Int32] {
        var entries = others.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) } + links.compactMap(\.interest)
        let count = nfds_t(entries.count)
        guard poll(&entries, count, Int32(clamping: timeoutMilliseconds)) > 0 else { return [] }
        return entries.prefix(others.count).filter { $0.revents != 0 }.map(\.fd)
    }
}
