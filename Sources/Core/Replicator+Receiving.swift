/// The downstream's side: a peer's frames and heartbeats in.
import Base
import Commands
import Engine
import Replication
import Wire

extension Replicator {
    /// The handshake is over: what comes next is the peer's stream.
    func startReceiving(_ link: PeerLink, resume: UInt64?) {
        link.receiving.isResumed = resume != nil
        link.receiving.receivedPosition = resume ?? 0
        link.receiving.appliedPosition = resume ?? 0
        link.receiving.acknowledgedPosition = resume ?? 0
        link.receiving.awaitsVersions = true
    }

    func receiveFrames(_ link: PeerLink, position: UInt64, _ bytes: ByteView, _ now: Moment) {
        var rest = bytes
        while !rest.isEmpty {
            do {
                let frame = try FrameCodec.decode(rest)
                guard accept(frame.header, frame.records, rest.slice(0, frame.byteCount), link, now) else { return }
                rest = rest.dropFirst(frame.byteCount)
            } catch {
                return fail(link, "a frame that cannot be read: \(error)")
            }
        }
        guard position >= link.receiving.receivedPosition else { return fail(link, "a window that runs backwards") }
        link.receiving.receivedPosition = position
        link.receiving.owesAcknowledgement = true
        noteProgress(link, now)
    }

    /// Applies a frame, or holds it. False where the link cannot go on.
    private func accept(
        _ header: FrameHeader, _ records: ByteView, _ bytes: ByteView, _ link: PeerLink, _ now: Moment
    ) -> Bool {
        counters.framesReceived &+= 1
        guard header.origin == link.peer?.replica else {
            fail(link, "a frame of replica \(header.origin), which it is not")
            return false
        }
        if isTooFarAhead(header.stamp, now) {
            counters.heldAhead &+= 1
            hold(header, bytes, link, now)
            return true
        }
        var header = header
        if faults.contains(.ignoresPrevious) { header.prev = executor.versions(header.partition)[header.origin] }
        switch executor.receive(header, records: records, bytes: bytes) {
        case .applied:
            counters.framesApplied &+= 1
            link.receiving.framesApplied &+= 1
            link.receiving.appliedMilliseconds = now.monotonicMilliseconds
            if !held.isEmpty { retry(header.partition, now) }
        case .duplicate:
            counters.duplicates &+= 1
            link.receiving.framesApplied &+= 1
            link.receiving.appliedMilliseconds = now.monotonicMilliseconds
        case .gap:
            counters.gaps &+= 1
            hold(header, bytes, link, now)
            need(header.partition, link, renews: false, now)
        case .waitsForCut:
            hold(header, bytes, link, now)
        case .fork:
            counters.forks &+= 1
            log(
                .error,
                "partition \(header.partition): a frame of replica \(header.origin) from \(header.prev) to "
                    + "\(header.stamp) overlaps what is here (\(executor.versions(header.partition)[header.origin])): "
                    + "two nodes write under one name, or one lost its past. Restart that node empty")
            link.send(
                .refuse(
                    Refusal(
                        .otherHistory,
                        "two nodes write as replica \(header.origin), or it has lost its past: this node takes no writes; "
                            + "start it empty and it joins anew")))
            close(link, "a fork of replica \(header.origin)", now)
            return false
        case .malformed:
            fail(link, "a frame whose records cannot be read")
            return false
        }
        return true
    }

    private func hold(_ header: FrameHeader, _ bytes: ByteView, _ link: PeerLink, _ now: Moment) {
        counters.framesHeld &+= 1
        if !held.insert(bytes, header.stamp, partition: header.partition) {
            // Let go: the state asked for from here on includes it.
            need(header.partition, link, renews: true, now)
        }
    }

    /// Offers a partition's held frames again: something they wait for may have come.
    func retry(_ partition: Int, _ now: Moment) {
        guard !held.isEmpty(partition: partition) else { return }
        var dropped: [Replica] = []
        held.offer(partition: partition) { bytes in
            bytes.withView { bytes in
                guard let frame = try? FrameCodec.decode(bytes) else { return true }
                if executor.versions(partition).covers(frame.header.stamp) { return true }
                if isTooFarAhead(frame.header.stamp, now) { return false }
                switch executor.receive(frame.header, records: frame.records, bytes: bytes) {
                case .applied:
                    counters.framesApplied &+= 1
                    return true
                case .duplicate: return true
                // Its origin's state says what comes of it.
                case .fork, .malformed:
                    dropped.append(frame.header.origin)
                    return true
                case .gap, .waitsForCut: return false
                }
            }
        }
        for origin in dropped {
            let source = links.first { $0.isEstablished && !$0.isUpstream && $0.peer?.replica == origin }
            if let source { need(partition, source, renews: true, now) }
        }
    }

    /// Whether something of the peer's own is missing: until it has come, its heartbeats prove nothing.
    func hasHoles(_ link: PeerLink) -> Bool {
        guard let peer = link.peer else { return true }
        return link.receiving.awaitsVersions || held.count(origin: peer.replica) > 0
            || repair.isNeeded(link: link.number, ofOrigin: true)
    }

    /// After anything that may have closed the last hole of a link.
    func noteProgress(_ link: PeerLink, _ now: Moment) {
        guard !hasHoles(link) else { return }
        link.receiving.appliedPosition = link.receiving.receivedPosition
        if let peer = link.peer { change(peer.replica) { $0.resumePosition = link.receiving.appliedPosition } }
        guard let heartbeat = link.receiving.heartbeat else { return }
        link.receiving.heartbeat = nil
        take(heartbeat, link, now)
    }

    func receive(_ heartbeat: Heartbeat, _ link: PeerLink, _ now: Moment) {
        guard let peer = link.peer else { return }
        link.receiving.echoUnixMilliseconds = heartbeat.unixMilliseconds
        link.receiving.owesAcknowledgement = true
        link.receiving.announcedCounted = heartbeat.counted
        recount()
        change(peer.replica) { $0.beatMilliseconds = heartbeat.unixMilliseconds }
        keepFormerPromise(heartbeat)
        observe(heartbeat, of: peer, now)
        // The latest says all that the one before it did, unless it promises nothing.
        if hasHoles(link), !faults.contains(.heartbeatInSpiteOfHoles) {
            if heartbeat.fenceTick > 0 || link.receiving.heartbeat == nil { link.receiving.heartbeat = heartbeat }
        } else {
            take(heartbeat, link, now)
        }
    }

    /// Tells the peer how far its window has been applied here.
    func acknowledge(_ link: PeerLink) {
        guard link.receiving.owesAcknowledgement else { return }
        link.receiving.owesAcknowledgement = false
        let applied = link.receiving.appliedPosition
        link.receiving.acknowledgedPosition = applied
        link.receiving.acknowledgedDurable = durablePosition(link, applied)
        link.send(
            .acknowledgement(
                Acknowledgement(
                    appliedPosition: applied, durablePosition: link.receiving.acknowledgedDurable,
                    echoedUnixMilliseconds: link.receiving.echoUnixMilliseconds,
                    frameCount: link.receiving.framesApplied)))
        link.receiving.echoUnixMilliseconds = 0
    }

    /// How far of what has been applied of the peer's window is on the disk here.
    private func durablePosition(_ link: PeerLink, _ applied: UInt64) -> UInt64 {
        guard let log = node.window.log else { return applied }
        link.receiving.durable.note(applied, at: node.window.end)
        advanceDurable(link, to: log.durablePosition)
        return link.receiving.durable.latest
    }

    private func advanceDurable(_ link: PeerLink, to position: UInt64) {
        link.receiving.durable.advance(to: position)
        let latest = link.receiving.durable.latest
        if latest > 0, let peer = link.peer { change(peer.replica) { $0.resumeOnDisk = latest } }
    }

    /// The disk has caught up with what a peer's window brought: it is told, because a client of it may wait.
    func acknowledgeWhatIsDurable() {
        guard let log = node.window.log else { return }
        let durable = log.durablePosition
        guard durable != durableSeen else { return }
        durableSeen = durable
        for link in links where link.isEstablished && !link.isUpstream {
            advanceDurable(link, to: durable)
            if link.receiving.durable.latest > link.receiving.acknowledgedDurable {
                link.receiving.owesAcknowledgement = true
            }
        }
    }
}
