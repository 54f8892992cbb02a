/// What replication says of itself, a few times a second, for INFO, ROLE and A2.PEERS.
import Base
import Commands
import Replication

private let reportMilliseconds: Int64 = 100

extension Replicator {
    /// The shell has sent so much of a link's output.
    public func noteSent(link number: Int, byteCount: Int) { link(number)?.bytesSent &+= UInt64(byteCount) }

    func publishReport(_ now: Moment) {
        nextReportMilliseconds = now.monotonicMilliseconds + reportMilliseconds
        var report = ClusterReport()
        report.counted = stability.counted
        report.stableUnixMilliseconds = stability.cut.isZero ? 0 : stability.cut.unixMilliseconds
        report.slowest = stability.slowest.first { $0.replica != replica }?.replica
        report.framesReceived = counters.framesReceived
        report.framesApplied = counters.framesApplied
        report.duplicates = counters.duplicates
        report.gaps = counters.gaps
        report.forks = counters.forks
        report.framesAhead = counters.heldAhead
        report.framesHeldBytes = held.byteCount
        report.statesJoined = counters.statesJoined
        report.statesServed = counters.statesServed
        report.peersOnLog = links.count { $0.sending.fromLog != nil }
        report.framesServedFromLog = counters.framesServedFromLog
        report.bytesServedFromLog = counters.bytesServedFromLog
        report.keysRepaired = counters.keysRepaired
        report.divergedKeys = counters.divergedKeys
        report.digestRounds = comparison.rounds
        report.refusals = counters.refusals
        for other in members.replicas where other != replica {
            if let entry = members.current(other) { report.peers.append(status(entry, now)) }
        }
        node.cluster.withLock { $0 = report }
        executor.publishCounters()
    }

    private func status(_ entry: MemberEntry, _ now: Moment) -> ClusterReport.Peer {
        var status = ClusterReport.Peer(replica: entry.replica)
        status.name = entry.name
        status.region = entry.region
        status.address = "\(entry.address)"
        status.clientAddress = entry.clientAddress.map { "\($0)" } ?? ""
        status.membership = entry.status.name
        status.health = detector.condition(of: entry.replica)?.name ?? ""
        guard let peer = peer(entry.replica) else { return status }
        status.lagMilliseconds = peer.lagMilliseconds
        status.roundTripMilliseconds = peer.roundTripMilliseconds
        if peer.beatMilliseconds > 0 {
            status.silentMilliseconds = max(now.unixMilliseconds - peer.beatMilliseconds, 0)
        }
        status.keysRepaired = peer.keysRepaired
        status.framesSent = peer.framesSent
        status.framesReceived = peer.framesReceived
        status.bytesSent = peer.bytesSent
        status.bytesReceived = peer.bytesReceived
        if let link = peer.upstream.flatMap({ link($0) }), link.isEstablished {
            status.outgoing = "up"
            status.pendingBytes = node.window.end - link.sending.acknowledged
            status.pendingFrames = link.sending.framesSent &- link.sending.framesAcknowledged
            status.framesSent &+= link.sending.framesSent
            status.bytesSent &+= link.bytesSent
            status.bytesReceived &+= link.bytesReceived
        } else if targets.contains(where: { $0.replica == entry.replica && $0.state == .dialling }) {
            status.outgoing = "connecting"
        }
        if let link = peer.downstream.flatMap({ link($0) }), link.isEstablished {
            status.partitionsMissing = repair.count(link: link.number)
            status.incoming = hasHoles(link) || status.partitionsMissing > 0 ? "syncing" : "up"
            status.framesReceived &+= link.receiving.framesApplied
            status.bytesSent &+= link.bytesSent
            status.bytesReceived &+= link.bytesReceived
        }
        return status
    }
}
