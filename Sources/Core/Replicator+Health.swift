/// Who is up, as far as this node can tell. Health is reported and decides whom we dial; the one thing it ends is
/// what an operator has asked for with --stability-timeout: a member dead for that long is expelled.
import Base
import Commands
import Replication

extension Replicator {
    func runDetector(_ now: Moment) {
        guard now.monotonicMilliseconds >= nextDetectionMilliseconds else { return }
        nextDetectionMilliseconds = now.monotonicMilliseconds + 100
        let others = members.present.map(\.replica).filter { $0 != replica }
        if others != detector.watched { detector.watch(others, now) }
        for event in detector.tick(now) {
            switch event {
            case .probe(let helper, let sequence, let about):
                let link = links.first { $0.isEstablished && $0.peer?.replica == helper }
                link?.send(.probe(sequence: sequence, about: about))
            case .changed(let peer, let former, let condition): noteCondition(peer, former, condition, now)
            case .refuted: log(.warning, "somebody took this node for gone: it says that it is not")
            }
        }
        expelTheLongDead(now)
        closeFormerSelves(now)
    }

    private func noteCondition(_ peer: Replica, _ former: PeerCondition, _ condition: PeerCondition, _ now: Moment) {
        let name = members.current(peer)?.label ?? "node \(peer)"
        log(condition == .alive ? .notice : .warning, "\(name) is \(condition.name) (was \(former.name))")
        deaths.removeAll { $0.replica == peer }
        guard condition == .dead else { return }
        deaths.append((replica: peer, monotonicMilliseconds: now.monotonicMilliseconds))
        // It will not send what it had not sent yet: whoever got more of it has to tell.
        for link in links where link.isEstablished && !link.isUpstream { link.send(.versionsRequest) }
    }

    /// What a node wrote under another generation before it lost its memory is closed by whoever admits it. Somebody who
    /// hears of that former self only later does it here: nobody else will, and joiners wait for its word.
    private func closeFormerSelves(_ now: Moment) {
        let present = members.present
        guard present.contains(where: { detector.condition(of: $0.replica) == .dead }) else { return }
        let running = links.filter(\.isEstablished).compactMap { $0.peer?.replica } + [replica]
        let before = members.entries
        for entry in present where detector.condition(of: entry.replica) == .dead {
            guard running.contains(where: { $0.node == entry.replica.node && $0 != entry.replica }) else { continue }
            members.leave(entry.replica)
        }
        guard members.entries != before else { return }
        noteDepartures(since: before, now)
        tellTable()
        recount()
    }

    private func expelTheLongDead(_ now: Moment) {
        let limit = settings.timing.stabilityMilliseconds
        guard limit > 0 else { return }
        for death in deaths where now.monotonicMilliseconds - death.monotonicMilliseconds > limit {
            log(.error, "node \(death.replica) has been dead for \(limit / 1000) s: expelling it (stability-timeout)")
            expel(death.replica.node, isForced: false, now)
        }
        deaths.removeAll { now.monotonicMilliseconds - $0.monotonicMilliseconds > limit }
    }

    /// What a heartbeat says of its sender's clock and of everybody's health.
    func observe(_ heartbeat: Heartbeat, of peer: PeerIdentity, _ now: Moment) {
        let trip = detector.roundTrip(with: peer.replica)?.milliseconds
        clockGuard?.heard(
            peer.replica, unixMilliseconds: heartbeat.unixMilliseconds, roundTripMilliseconds: trip, now)
        detector.heard(from: peer.replica, incarnation: heartbeat.detectorIncarnation, now)
        for report in heartbeat.reports { detector.learn(report, from: peer.replica, now) }
    }
}
