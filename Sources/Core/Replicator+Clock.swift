/// Clocks: whether a frame comes from too far ahead, and whether our own time can be trusted with stamps.
import Base
import Commands
import Replication

extension Replicator {
    func isTooFarAhead(_ stamp: Stamp, _ now: Moment) -> Bool {
        clockGuard?.isTooFarAhead(stamp, now) ?? false
    }

    /// The latest stamp that a state may hold to be joined now.
    func latestFollowed(_ now: Moment) -> Stamp { clockGuard?.latestFollowed(now) ?? .distantFuture }

    /// Shuts the gate while our clock leads everybody's, and opens it when it does not any more.
    func checkClock(_ now: Moment) {
        guard isCounting, !past.isAsking, !isLeaving, !isOut else { return }
        // What was written before the leap was seen has driven partitions ahead: their stamps would be held.
        let lease = isClockRefused ? executor.latestMomentMilliseconds() : nil
        guard let verdict = clockGuard?.verdict(leaseUnixMilliseconds: lease, now) else { return }
        switch verdict {
        case .trusted:
            complaintAboutClock = ""
            if isClockRefused {
                isClockRefused = false
                node.writeGate = nil
                log(.notice, "the clock is right again: this node takes writes")
            }
        case .behind(let text): complainAboutClock(text)
        case .refuseWrites(let text):
            complainAboutClock(text)
            guard node.writeGate == nil || node.writeGate == .asksForPast else { return }
            past.opensNext = false
            isClockRefused = true
            node.writeGate = WriteGate("MISCONF \(text)")
        }
    }

    private func complainAboutClock(_ text: String) {
        // The seconds in it change: the same complaint once a minute is enough.
        guard complaintAboutClock.isEmpty else { return }
        complaintAboutClock = text
        log(.error, text)
    }
}
