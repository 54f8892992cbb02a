/// Links from dial to close: handshakes, and what each message is handed to.
import Base
import Commands
import Replication

extension Replicator {
    func addTarget(_ address: PeerAddress) {
        guard !targets.contains(where: { $0.address == address }) else { return }
        targets.append(
            DialTarget(
                address: address,
                backoff: Backoff(
                    millisecondsMin: settings.timing.dialMillisecondsMin,
                    millisecondsMax: settings.timing.dialMillisecondsMax)))
    }

    func dialWhatIsDue(_ now: Moment) {
        for index in targets.indices where targets[index].state == .waiting {
            let target = targets[index]
            guard target.nextDialMilliseconds <= now.monotonicMilliseconds, isWorthDialling(target) else { continue }
            targets[index].state = .dialling
            actions.append(.dial(target: index, address: target.address))
        }
    }

    func isWorthDialling(_ target: DialTarget) -> Bool {
        if target.isSelf || isGone { return false }
        guard let replica = target.replica else { return true }
        // Another address of somebody we are linked with already.
        if let peer = peer(replica), peer.upstream != nil { return false }
        return !silenced.contains(replica.node) && !isDeserted(target)
    }

    /// We have left, or were expelled: nobody would link with us.
    var isGone: Bool { members.entry(of: replica, incarnation: incarnation)?.status.isGone == true }

    /// A row of the table that speaks of this node, by whatever name.
    func isOurs(_ entry: MemberEntry) -> Bool {
        entry.replica.node == replica.node && Incarnation.isOfOneDirectory(entry.incarnation, incarnation)
    }

    /// Somebody links to us, so he can be reached: no reason to wait.
    func dialAtOnce(_ identity: PeerIdentity, _ now: Moment) {
        for index in targets.indices
        where targets[index].replica == identity.replica || targets[index].address == identity.address {
            targets[index].nextDialMilliseconds = min(
                targets[index].nextDialMilliseconds, now.monotonicMilliseconds)
        }
    }

    /// Whoever was there is gone, and nobody else has come; a node's next generation is somebody else.
    func isDeserted(_ target: DialTarget) -> Bool {
        members.entries.contains { $0.address == target.address }
            && !members.present.contains { $0.address == target.address }
    }

    public func dialFailed(target index: Int, reason: String, _ now: Moment) {
        setClock(now)
        let delay = targets[index].backoff.failed(&random)
        targets[index].state = .waiting
        targets[index].refusesAsDuplicate = false
        targets[index].nextDialMilliseconds = now.monotonicMilliseconds + delay
        complain(index, "cannot reach the peer at \(targets[index].address): \(reason)")
    }

    func complain(_ index: Int, _ text: String) {
        guard targets[index].complaint != text else { return }
        targets[index].complaint = text
        log(.warning, text)
    }

    public func dialled(target: Int, link number: Int, _ now: Moment) {
        setClock(now)
        targets[target].state = .connected
        let link = PeerLink(number: number, target: target, handshake: handshake(.dialler), now)
        links.append(link)
        if let hello = link.handshake.start() { link.send(hello) }
    }

    public func accepted(link number: Int, from: String, _ now: Moment) {
        setClock(now)
        links.append(PeerLink(number: number, target: nil, handshake: handshake(.acceptor), now))
    }

    public func closed(link number: Int, reason: String, _ now: Moment) {
        setClock(now)
        guard let index = links.firstIndex(where: { $0.number == number }) else { return }
        let link = links.remove(at: index)
        forget(link)
        if let target = link.target {
            targets[target].state = .waiting
            // A link that came up and broke at once is no success: it would be dialled without a pause for ever.
            let age = now.monotonicMilliseconds - link.openedMilliseconds
            if link.peer != nil, age > settings.timing.dialMillisecondsMax { targets[target].backoff.succeeded() }
            if targets[target].nextDialMilliseconds <= now.monotonicMilliseconds {
                let delay = targets[target].backoff.failed(&random)
                targets[target].nextDialMilliseconds = now.monotonicMilliseconds + delay
            }
        }
        if let peer = link.peer, !link.isClosing {
            log(.warning, "the link \(link.isUpstream ? "to" : "from") \(describe(peer)) broke: \(reason)")
        }
    }

    /// Nothing more is to be expected of a link.
    private func forget(_ link: PeerLink) {
        repair.removeAll(link: link.number)
        endLogService(link)
        guard let identity = link.peer else { return }
        change(identity.replica) { peer in
            // A link is forgotten when it is given up and once more when it is gone: it counts the first time.
            guard peer.upstream == link.number || peer.downstream == link.number else { return }
            if peer.upstream == link.number {
                peer.upstream = nil
                peer.framesSent &+= link.sending.framesSent
            }
            if peer.downstream == link.number {
                peer.downstream = nil
                peer.framesReceived &+= link.receiving.framesApplied
            }
            peer.bytesSent &+= link.bytesSent
            peer.bytesReceived &+= link.bytesReceived
        }
        recount()
    }

    /// Ends a link from our side, for a reason that has been logged or needs no line.
    func close(_ link: PeerLink, _ reason: String, _ now: Moment) {
        guard !link.isClosing else { return }
        link.isClosing = true
        actions.append(.close(link: link.number))
        forget(link)
    }

    /// The peer has sent what no correct peer sends.
    func fail(_ link: PeerLink, _ reason: String) {
        guard !link.isClosing else { return }
        log(
            .error, "closing the link \(link.peer.map { "with \(describe($0))" } ?? "of a stranger"): it sent \(reason)"
        )
        link.send(.refuse(Refusal(.malformedMessage, reason)))
        link.isClosing = true
        actions.append(.close(link: link.number))
        forget(link)
    }

    /// Peers that say nothing any more, and handshakes that take too long.
    func dropSilent(_ now: Moment) {
        for link in links where !link.isClosing {
            let silence = now.monotonicMilliseconds - link.heardMilliseconds
            if link.peer == nil {
                let age = now.monotonicMilliseconds - link.openedMilliseconds
                if age > settings.timing.handshakeMilliseconds { close(link, "the handshake takes too long", now) }
            } else if silence > settings.timing.linkSilenceMilliseconds, let peer = link.peer {
                log(.warning, "\(describe(peer)) has said nothing for \(silence) ms: dropping the link")
                close(link, "silence", now)
            }
        }
    }

    // MARK: messages

    /// Takes what has arrived; leaves a message that is not whole yet.
    public func receive(link number: Int, _ bytes: inout ByteBuffer, _ now: Moment) {
        guard let link = link(number), !link.isClosing else { return bytes.removeAll() }
        setClock(now)
        link.heardMilliseconds = now.monotonicMilliseconds
        if let peer = link.peer { detector.heard(from: peer.replica, now) }
        while !link.isClosing {
            let limit = link.peer == nil ? MessageEnvelope.bytesMaxBeforeHandshake : MessageEnvelope.bytesMax
            do {
                guard let (message, byteCount) = try LinkMessage.decode(bytes.view, bytesMax: limit) else { return }
                link.bytesReceived &+= UInt64(byteCount)
                if link.peer == nil {
                    advance(link, message, now)
                } else {
                    take(message, link, now)
                }
                bytes.consume(byteCount)
            } catch {
                refuse(link, error, now)
            }
        }
        bytes.removeAll()
    }

    private func refuse(_ link: PeerLink, _ failure: MessageFailure, _ now: Moment) {
        guard link.peer == nil else { return fail(link, "\(failure)") }
        if case .refused(let refusal, _, let answer) = link.handshake.receive(failure) {
            if let answer { link.send(answer) }
            logRefusal("refused a stranger: \(refusal.text)", &strangers, now)
        }
        close(link, failure.description, now)
    }

    private func take(_ message: LinkMessage, _ link: PeerLink, _ now: Moment) {
        switch message {
        case .members(let entries): receive(entries, now)
        case .probe(let sequence, let about):
            if let report = detector.report(on: about, now) {
                link.send(.probeReply(sequence: sequence, report: report))
            }
        case .probeReply(let sequence, let report):
            if let peer = link.peer { detector.learn(sequence: sequence, report, from: peer.replica, now) }
        case .leave(let replica): receiveLeave(of: replica, link, now)
        case .expel(let replica, let isForced): receiveExpel(of: replica, isForced: isForced, now)
        case .refuse(let refusal):
            if refusal.code == .notYet { forgetFirst(link) }
            noteShutOut(by: refusal, now)
            noteFork(refusal)
            if let peer = link.peer { log(.warning, "\(describe(peer)) ends the link: \(refusal.text)") }
            close(link, refusal.text, now)
        default:
            if link.isUpstream { takeFromDownstream(message, link, now) } else { takeFromUpstream(message, link, now) }
        }
    }

    private func takeFromUpstream(_ message: LinkMessage, _ link: PeerLink, _ now: Moment) {
        switch message {
        case .frames(let position, let frames): receiveFrames(link, position: position, frames, now)
        case .jumped(let position):
            link.receiving.isResumed = false
            link.receiving.awaitsVersions = true
            // Of a life that a crash has ended, perhaps, and lost with it; the versions that follow say what there is.
            if let peer = link.peer { held.removeAll(origin: peer.replica) }
            link.receiving.receivedPosition = position
        case .heartbeat(let heartbeat): receive(heartbeat, link, now)
        case .versions(let report): receive(report, link, now)
        case .state(let request, let partition, let isLast, let body):
            receiveState(link, request: request, partition: partition, isLast: isLast, body, now)
        case .stateRefused(_, let text): log(.warning, "a state was refused: \(text)")
        case .digestReply(let request, let body): receiveDigests(link, request: request, body, now)
        case .keyStates(let request, let body): receiveKeyStates(link, request: request, body, now)
        default: fail(link, "a message of type \(message.kind) on a link it has no place on")
        }
    }

    private func takeFromDownstream(_ message: LinkMessage, _ link: PeerLink, _ now: Moment) {
        switch message {
        #if DEBUG
            case .heartbeat(let heartbeat) where faults.contains(.heartbeatOutOfBand):
                takeOutOfBand(heartbeat, link, now)
        #endif
        case .acknowledgement(let acknowledgement): receive(acknowledgement, link, now)
        case .versionsRequest: sendVersions(link)
        case .stateRequest(let request, let partition, let body):
            receiveStateRequest(link, request: request, partition: partition, body: body)
        case .digestRequest(let request): answer(request, link)
        case .keyStatesRequest(let request, let partition, let keys):
            answerKeyStates(link, request: request, partition: partition, keys)
        case .keyStates(let request, let body): receiveKeyStates(link, request: request, body, now)
        default: fail(link, "a message of type \(message.kind) on a link it has no place on")
        }
    }

    // MARK: peers

    func peer(_ replica: Replica) -> Peer? { peers.first { $0.identity.replica == replica } }

    func change(_ replica: Replica, _ body: (inout Peer) -> Void) {
        guard let index = peers.firstIndex(where: { $0.identity.replica == replica }) else { return }
        body(&peers[index])
    }

    func describe(_ peer: PeerIdentity) -> String {
        let place = peer.region.isEmpty ? "" : " in \(peer.region)"
        return "node \(peer.replica) (\(peer.name)\(place), \(peer.address))"
    }
}
