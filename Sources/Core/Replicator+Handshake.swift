/// Links until both sides trust each other, and what begins then.
import Base
import Commands
import Engine
import Replication

extension Replicator {
    /// Who we say we are: the name may have changed since the start.
    var identity: PeerIdentity {
        var identity = settings.identity
        identity.replica = replica
        identity.incarnation = incarnation
        return identity
    }

    func handshake(_ role: HandshakeRole) -> Handshake {
        let nonce = UInt128(random.next()) << 64 | UInt128(random.next())
        return Handshake(
            role, identity: identity, secret: settings.secret, nonce: nonce, horizon: horizon,
            isUnsure: past.isUnsure)
    }

    /// No cut of anybody in our cluster is later than this: what strangers wrote before it, some of us may take for
    /// settled already, whatever our own cut is. Zero while nobody goes by our fences or we by theirs: a node that comes
    /// back from its disk belongs to the cluster it belonged to, also before it has met anybody again.
    var horizon: Stamp {
        let latest = fences.stamps.map(\.tick).max() ?? 0
        guard hasCluster || hasMet && (hasJoined || latest > 0) else { return .zero }
        // A clock that is refused has promised nothing, and would drive that of whoever comes new.
        let trusted = isClockRefused ? 0 : executor.context.pointee.nowMilliseconds
        let now = UInt64(max(trusted - Stamp.epochMilliseconds, 0))
        return Stamp(tick: max(latest, stability.cut.tick, now << Stamp.counterBits), replica: replica).asCut
    }

    /// What the handshake has to know of everybody else.
    private var facts: HandshakeFacts {
        var facts = HandshakeFacts(table: members)
        facts.horizon = horizon
        facts.connected = links.filter(\.isEstablished).compactMap(\.peer)
        facts.resumePoints = peers.compactMap { peer in
            peer.resumePosition.map {
                HandshakeFacts.ResumePoint(
                    peer.identity.replica, incarnation: peer.identity.incarnation, position: $0)
            }
        }
        // Of whom we have not met in this life the disk may know.
        facts.resumePoints += resumePoints.filter { peer($0.replica) == nil }
        return facts
    }

    func advance(_ link: PeerLink, _ message: LinkMessage, _ now: Moment) {
        var facts = facts
        facts.mayBeLetIn = mayBeLetIn(besides: link)
        facts.isBeingLetIn = isBeingLetIn(besides: link)
        let hasProved = link.handshake.hasTheirProof
        switch link.handshake.receive(message, facts) {
        case .send(let answer): link.send(answer)
        case .established(let peer, let welcome): establish(link, peer, welcome, now)
        case .refused(let refusal, let isTheirs, let answer):
            if let answer { link.send(answer) }
            if isTheirs, hasProved { noteShutOut(by: refusal, now) }
            noteRefusal(refusal, isTheirs: isTheirs, link, now)
            close(link, refusal.text, now)
        }
    }

    private func noteRefusal(_ refusal: Refusal, isTheirs: Bool, _ link: PeerLink, _ now: Moment) {
        if refusal.code == .oneself {
            if let target = link.target { targets[target].isSelf = true }
            return
        }
        counters.refusals &+= 1
        if refusal.code == .notYet {
            guard let target = link.target else { return }
            targets[target].nextDialMilliseconds =
                now.monotonicMilliseconds + targets[target].backoff.failed(&random)
            return
        }
        guard let target = link.target else {
            return logRefusal("refused a peer: \(refusal.text)", &refusedPeers, now)
        }
        targets[target].refusesAsDuplicate = isTheirs && refusal.code == .duplicateNode
        if targets[target].refusesAsDuplicate { noteTakenName() }
        // Our own former self goes away without anybody's doing, and a link kept down comes up.
        let isPassing = refusal.code == .duplicateNode || refusal.code == .busy
        let delay = isPassing ? targets[target].backoff.failed(&random) : targets[target].backoff.refused(&random)
        targets[target].nextDialMilliseconds = now.monotonicMilliseconds + delay
        complain(target, isTheirs ? "a peer refuses this node: \(refusal.text)" : refusal.text)
    }

    private func establish(_ link: PeerLink, _ peer: EstablishedPeer, _ welcome: LinkMessage?, _ now: Moment) {
        let replica = peer.identity.replica
        if let reason = reasonAgainst(peer, now) {
            link.send(.refuse(Refusal(.busy, reason)))
            return close(link, reason, now)
        }
        if let refusal = reasonToWait(link, peer) {
            link.send(.refuse(refusal))
            return close(link, refusal.text, now)
        }
        meet(peer.identity, now)
        meetFirst(peer, link, now)
        if !peer.horizon.isZero { hasJoined = true }
        if let former = link.isUpstream ? self.peer(replica)?.upstream : self.peer(replica)?.downstream,
            let old = self.link(former)
        {
            // The peer has come back before we noticed that it was gone, or has two addresses. Both sides keep the
            // newer one.
            close(old, "a newer link", now)
        }
        if let welcome { link.send(welcome) }
        link.peer = peer.identity
        link.protocolVersion = peer.protocolVersion
        change(replica) {
            if link.isUpstream { $0.upstream = link.number } else { $0.downstream = link.number }
        }
        if let target = link.target {
            targets[target].replica = replica
            if targets[target].refusesAsDuplicate { askAgain(now) }
            targets[target].refusesAsDuplicate = false
            targets[target].complaint = ""
        }
        detector.heard(from: replica, now)
        announce(peer.identity, now)
        if link.isUpstream {
            startSending(link, resume: peer.resume, now)
        } else {
            startReceiving(link, resume: peer.resume)
            dialAtOnce(peer.identity, now)
        }
        log(.notice, "linked \(link.isUpstream ? "to" : "from") \(describe(peer.identity))")
    }

    private func reasonAgainst(_ peer: EstablishedPeer, _ now: Moment) -> String? {
        let node = peer.identity.replica.node
        if silenced.contains(node) { return "links with node \(node) are kept down" }
        // Whoever comes new writes later than the cluster's cuts: not at a time that is an hour away.
        guard !hasMet, !hasEverMet, peer.horizon > latestFollowed(now) else { return nil }
        let lead = (peer.horizon.unixMilliseconds - now.unixMilliseconds) / 1000
        let reason =
            "the clock of \(describe(peer.identity)), or of its cluster, is \(lead) seconds ahead of this node's: set the "
            + "one that is wrong right (chronyc makestep, timedatectl set-ntp true); until then they do not link"
        logRefusal(reason, &refusedPeers, now)
        return reason
    }

    /// Somebody has let us into his cluster since this handshake began, or may be about to. Whether this peer belongs to
    /// it we shall hear in a moment; a stranger is to hear of it in the handshake, because he has to listen before he
    /// speaks. Until then nobody may count us, nor we him, because of this link.
    private func reasonToWait(_ link: PeerLink, _ peer: EstablishedPeer) -> Refusal? {
        guard link.handshake.horizon.isZero,
            members.entry(of: peer.identity.replica, incarnation: peer.identity.incarnation) == nil
        else { return nil }
        let mustWait =
            !horizon.isZero || (peer.horizon.isZero ? mayBeLetIn(besides: link) : isBeingLetIn(besides: link))
        return mustWait ? .notYet(identity) : nil
    }

    /// Somebody of a cluster has our proof, and may have counted us: of two clusters that let us in at once, each would
    /// take the other for its own.
    private func isBeingLetIn(besides link: PeerLink) -> Bool {
        horizon.isZero && links.contains { $0.number != link.number && $0.handshake.isBeingLetIn }
    }

    private func mayBeLetIn(besides link: PeerLink) -> Bool {
        horizon.isZero && links.contains { $0.number != link.number && $0.handshake.mayLetIn }
    }

    /// Notes who it is; another incarnation of somebody we know has nothing of what the former had.
    private func meet(_ identity: PeerIdentity, _ now: Moment) {
        guard let index = peers.firstIndex(where: { $0.identity.replica == identity.replica }) else {
            let position = peers.firstIndex { $0.identity.replica > identity.replica } ?? peers.count
            var peer = Peer(identity: identity)
            peer.resumePosition = facts.resumePoint(of: identity)
            peers.insert(peer, at: position)
            return
        }
        if peers[index].identity.incarnation != identity.incarnation {
            peers[index].resumePosition = nil
            peers[index].resumeOnDisk = nil
            resumePoints.removeAll { $0.replica == identity.replica }
            // What the former lost will not come, and what is held behind it must not be applied by chance: the new one
            // is asked what it knows of its past.
            held.removeAll(origin: identity.replica)
            node.acknowledgements.forget(node: identity.replica.node)
        }
        peers[index].identity = identity
    }
}
