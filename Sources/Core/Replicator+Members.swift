/// Who belongs to the cluster: admitting joiners, telling everybody, leaving, expelling.
///
/// The table goes out on every link the moment it changes, so before any heartbeat that follows from it: whoever
/// hears that we have applied something after a joiner came knows of the joiner already.
import Base
import Commands
import Replication

/// A replica that is gone, and whose writes may not all be here yet: it is counted until we have compared with
/// everybody who could have more.
struct Departure {
    let replica: Replica
    /// Members with whom we still have to compare. Those out of reach too: the cut waits for them anyway.
    var members: [Replica]
}

extension Replicator {
    /// What the others have announced that they count.
    var announcements: [CountAnnouncement] {
        links.compactMap { link in
            guard link.isEstablished, !link.isUpstream, let peer = link.peer else { return nil }
            return link.receiving.announcedCounted.map { CountAnnouncement(peer.replica, counted: $0) }
        }
    }

    /// Whom we announce that we count.
    var ownCounted: [Replica] { members.counted(own: replica, unfinished: departures.map(\.replica)) }

    /// Whom the cut waits for: everybody we count, and everybody whom any of them counts.
    func recount() {
        var counted = members.countedByAny(own: replica, counted: ownCounted, announced: announcements)
        if faults.contains(.countsReachableOnly) {
            counted.removeAll { $0 != replica && peer($0)?.downstream == nil }
        }
        if faults.contains(.countsMetOnly) { counted = ownCounted.filter { $0 == replica || peer($0) != nil } }
        if counted != stability.counted {
            stability.count(counted)
            adoptsCuts = true
        }
    }

    /// Somebody has shown who he is.
    func announce(_ identity: PeerIdentity, _ now: Moment) {
        startCountingPartitions()
        let before = members.entries
        if members.admit(identity) {
            noteDepartures(since: before, now)
            tellTable()
        }
        addTarget(identity.address)
        recount()
    }

    func tellTable() {
        // Whoever asks here sees it with the next turn.
        nextReportMilliseconds = 0
        for link in links where link.isEstablished { link.sendTable(members.entries) }
    }

    /// A peer's table.
    func receive(_ entries: [MemberEntry], _ now: Moment) {
        let before = members.entries
        guard members.merge(entries) else { return }
        for entry in members.present where entry.replica != replica { addTarget(entry.address) }
        noteDepartures(since: before, now)
        noteOwnEntry(now)
        tellTable()
        recount()
    }

    func noteDepartures(since before: [MemberEntry], _ now: Moment) {
        for entry in members.entries where entry.status.isGone && entry.replica != replica {
            let former = before.first { $0.replica == entry.replica && $0.incarnation == entry.incarnation }
            if former?.status.isGone != true { noteDeparture(entry, now) }
        }
        speakWhereNobodyIsLeft()
    }

    private func noteDeparture(_ entry: MemberEntry, _ now: Moment) {
        clockGuard?.forget(entry.replica)
        guard members.current(entry.replica)?.status.isGone == true else { return }
        log(.notice, "\(entry.label) \(entry.status.phrase)")
        for link in links where link.isEstablished && link.peer?.replica == entry.replica {
            link.send(.refuse(Refusal(.expelled, "\(entry.label) \(entry.status.phrase)")))
            close(link, "the peer is gone", now)
        }
        startDeparture(entry.replica)
    }

    /// Asks everybody what they have of a replica that is gone. From here on what it wrote comes as state alone: a frame
    /// that is held for want of another might be applied here after the others have been told that it is not.
    func startDeparture(_ gone: Replica) {
        held.removeAll(origin: gone)
        departures.removeAll { $0.replica == gone }
        finishDepartures(with: gone)
        let others = members.present.map(\.replica).filter { $0 != replica }
        for link in links where link.isEstablished && !link.isUpstream {
            // The peer answers once it knows what we do, and applies no frame of the replica any more either.
            link.sendTable(members.entries)
            link.send(.versionsRequest)
        }
        // Nobody to ask: whoever comes later is compared with anyway.
        if !others.isEmpty { departures.append(Departure(replica: gone, members: others)) }
    }

    /// What was not compared before the process ended is to be compared now.
    func resumeDepartures() {
        let gone = Set(members.entries.map(\.replica)).filter { members.current($0)?.status.isGone == true }
        for replica in gone.sorted() where !members.isForcedOut(replica) { startDeparture(replica) }
    }

    /// A member has told all it has, or is gone itself: what it had of those who went is here, or comes from others.
    func finishDepartures(with member: Replica) {
        guard !departures.isEmpty else { return }
        for index in departures.indices { departures[index].members.removeAll { $0 == member } }
        let count = departures.count
        departures.removeAll(where: \.members.isEmpty)
        if departures.count != count { recount() }
    }

    /// We have been expelled, or another node has taken our place.
    func noteOwnEntry(_ now: Moment) {
        // Whoever was expelled is, whatever it has called itself since.
        let expelled = members.entries.first { isOurs($0) && $0.status == .expelled }
        guard let entry = expelled ?? members.entry(of: replica, incarnation: incarnation), entry.status.isGone, !isOut
        else { return }
        isOut = true
        past.isAsking = false
        past.opensNext = false
        isClockRefused = false
        let reason = "this node \(entry.status.phrase)"
        node.writeGate = WriteGate("READONLY \(reason) and takes no writes: start it empty and it joins anew")
        log(.error, "\(reason): it takes no writes; start it empty and it joins anew")
    }

    /// A member that has proved itself says that we are one no more: whoever says so first is believed, because nobody
    /// would get what we write from here on. The disk remembers it.
    func noteShutOut(by refusal: Refusal, _ now: Moment) {
        guard refusal.code == .expelled, !isLeaving,
            var own = members.entry(of: replica, incarnation: incarnation), !own.status.isGone
        else { return }
        log(.warning, "a peer refuses this node: \(refusal.text)")
        own.status = .expelled
        members.merge([own])
        noteOwnEntry(now)
    }

    /// Joiners whom every member counts are members themselves.
    func promoteJoiners() {
        var isChanged = false
        for entry in members.present where entry.status == .joining {
            let missing = members.missingAcknowledgements(
                ofJoiner: entry.replica, own: replica, announced: announcements)
            if missing.isEmpty, members.promote(entry.replica) { isChanged = true }
        }
        if isChanged { tellTable() }
    }

    // MARK: leaving and expelling

    /// From here on nothing is written; gone is who has handed over all it wrote.
    func leave(_ now: Moment) {
        past.isAsking = false
        past.opensNext = false
        isClockRefused = false
        isLeaving = true
        leavingFence = nil
        node.writeGate = WriteGate("READONLY this node leaves the cluster and takes no writes")
        log(.notice, "this node leaves the cluster")
    }

    /// Once all whom we reach have what we wrote; they are asked for it by those whom we do not.
    func leaveWhenTold() {
        guard isLeaving else { return }
        let end = node.window.end
        // Who is out of reach for a moment is waited for: those in reach may be about to leave as well.
        let others = members.present.filter { $0.replica != replica && detector.condition(of: $0.replica) != .dead }
        let isTold = others.allSatisfy { other in
            links.contains {
                $0.isEstablished && $0.isUpstream && $0.peer?.replica == other.replica
                    && $0.sending.acknowledged >= end && $0.sending.exports.isEmpty
            } && hasAll(other.replica)
        }
        // Who has peers and has met none has told nobody.
        let isLast = members.present.count < 2 && (hasMet || settings.seeds.isEmpty)
        guard isTold, !others.isEmpty || isLast else { return }
        isLeaving = false
        isOut = true
        guard members.leave(replica) else { return }
        log(.notice, "everybody in reach has what this node wrote: it has left the cluster")
        tellTable()
        recount()
    }

    /// Whether a member has announced that it has everything of ours: also what went out as state, not as frames.
    private func hasAll(_ other: Replica) -> Bool {
        guard let leavingFence else { return false }
        return stability.applied(by: other)[replica] >= leavingFence
    }

    func expel(_ number: UInt8, isForced: Bool, _ now: Moment) {
        for entry in members.present where entry.replica.node == number && entry.replica != replica {
            var highest = Stamp.zero
            for partition in 0..<Slots.partitionCount {
                highest = max(highest, executor.versions(partition)[entry.replica])
            }
            guard members.expel(entry.replica, cut: highest, isForced: isForced) else { continue }
            if let gone = members.current(entry.replica) { noteDeparture(gone, now) }
        }
        speakWhereNobodyIsLeft()
        tellTable()
        recount()
    }

    func receiveExpel(of replica: Replica, isForced: Bool, _ now: Moment) {
        expel(replica.node, isForced: isForced, now)
    }

    func receiveLeave(of replica: Replica, _ link: PeerLink, _ now: Moment) {
        guard link.peer?.replica == replica else { return fail(link, "another node's farewell") }
        if members.leave(replica) { tellTable() }
        startDeparture(replica)
        speakWhereNobodyIsLeft()
        recount()
    }

    // MARK: requests of clients and the process

    public func request(_ request: PeerRequest, _ now: Moment) {
        setClock(now)
        switch request {
        case .sync(let number):
            for link in links where link.isEstablished && !link.isUpstream {
                if number == nil || link.peer?.replica.node == number { startComparison(link, now) }
            }
        case .link(let number, let policy): setPolicy(number, policy, now)
        case .expel(let number, let isForced): expel(number, isForced: isForced, now)
        case .leave: leave(now)
        case .goodbye: goodbye(now)
        }
    }

    private func setPolicy(_ number: UInt8, _ policy: LinkPolicy, _ now: Moment) {
        delays.removeAll { $0.node == number }
        switch policy {
        case .up:
            silenced.removeAll { $0 == number }
            for index in targets.indices where targets[index].replica?.node == number {
                targets[index].nextDialMilliseconds = now.monotonicMilliseconds
            }
        case .down:
            if !silenced.contains(number) { silenced.append(number) }
            for link in links where link.peer?.replica.node == number { close(link, "A2.LINK DOWN", now) }
        case .delay(let milliseconds): delays.append((node: number, milliseconds: milliseconds))
        }
    }

    /// How much later than it came what comes over a link is to be received: A2.LINK DELAY.
    public func deliveryDelayMilliseconds(link number: Int) -> Int {
        guard !delays.isEmpty, let peer = link(number)?.peer else { return 0 }
        return delays.first { $0.node == peer.replica.node }?.milliseconds ?? 0
    }

    /// The process ends: everything written goes out before the links close.
    private func goodbye(_ now: Moment) {
        beat(now)
        for link in links where link.isEstablished && link.isUpstream { _ = fill(link, now) }
        keepLastResumePoints()
        for link in links where !link.isClosing { close(link, "the process ends", now) }
    }
}
