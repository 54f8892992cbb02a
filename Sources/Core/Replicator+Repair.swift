/// Mending what is missing: comparing versions, asking for states, joining them.
///
/// A peer tells the versions of all its partitions when a link begins, when we have fallen out of its window, and
/// when we ask. Where they lead ours we ask for the partition's state, naming our own versions; of what may still
/// come by itself we ask only after a while.
import Base
import Commands
import Engine
import Replication
import Wire

extension Replicator {
    /// A peer's versions have come.
    func receive(_ report: VersionsReport, _ link: PeerLink, _ now: Moment) {
        guard let peer = link.peer else { return }
        link.receiving.awaitsVersions = false
        keepFormerPromise(in: report.applied)
        link.receiving.comparison = Versions(report.applied.map { Stamp(tick: $0.tick, replica: $0.replica) })
        for entry in report.partitions {
            let here = executor.versions(entry.partition)
            var isOfOrigin = false
            var mayCome = true
            var leads = false
            for stamp in entry.versions.stamps where stamp > here[stamp.replica] {
                if stamp <= fences[stamp.replica] { complainOfFence(stamp, here, entry.partition) }
                if stamp.replica == peer.replica {
                    // What is missing of its own comes with its stream, unless that began anew after it.
                    if link.receiving.isResumed { continue }
                    isOfOrigin = true
                    mayCome = false
                } else if !isStreaming(stamp.replica) {
                    mayCome = false
                }
                leads = true
            }
            guard leads else { continue }
            let due = now.monotonicMilliseconds + (mayCome ? settings.timing.gapMilliseconds : 0)
            repair.insert(
                RepairPlan.Need(
                    partition: entry.partition, link: link.number, wanted: entry.versions, isOfOrigin: isOfOrigin,
                    dueMilliseconds: due))
        }
        // From here on whatever it writes comes with its stream.
        link.receiving.isResumed = true
        finishComparison(link, now)
        noteProgress(link, now)
    }

    /// A peer has a write that this node takes for applied: no repair would bring it, and no digest show it.
    private func complainOfFence(_ stamp: Stamp, _ here: Versions, _ partition: Int) {
        guard stamp.replica != replica, !brokenFences.contains(stamp.replica) else { return }
        brokenFences.append(stamp.replica)
        log(
            .error,
            "partition \(partition): this node was told that it has all that replica \(stamp.replica) wrote up to "
                + "\(fences[stamp.replica]), a peer has \(stamp), and here is \(here[stamp.replica]): restart this node "
                + "empty, and please report this")
    }

    /// Whether a replica's own stream comes in at the moment.
    private func isStreaming(_ replica: Replica) -> Bool {
        links.contains { $0.isEstablished && !$0.isUpstream && $0.peer?.replica == replica }
    }

    /// Whether a replica's own stream is far behind, and coming: what another peer leads in of it need not be fetched.
    func isCatchingUp(_ replica: Replica, _ now: Moment) -> Bool {
        let gap = settings.timing.gapMilliseconds
        guard let number = peer(replica)?.downstream, let link = link(number), link.isEstablished, !hasHoles(link)
        else { return false }
        return link.receiving.appliedMilliseconds > now.monotonicMilliseconds - gap
            && fences[replica].unixMilliseconds < now.unixMilliseconds - gap
    }

    /// Whether all that a need is about is on its way by itself. Whoever asks for his own past does not wait for it.
    private func isComing(_ need: RepairPlan.Need, from catchingUp: [Replica]) -> Bool {
        guard !catchingUp.isEmpty, !need.isOfOrigin, !need.wanted.stamps.isEmpty else { return false }
        let here = executor.versions(need.partition)
        return need.wanted.stamps.allSatisfy { $0 <= here[$0.replica] || catchingUp.contains($0.replica) }
    }

    /// Something of a partition is missing in a link's stream.
    func need(
        _ partition: Int, _ link: PeerLink, renews: Bool, _ now: Moment, inMilliseconds delay: Int64 = 0
    ) {
        repair.insert(
            RepairPlan.Need(
                partition: partition, link: link.number, wanted: Versions(), isOfOrigin: true,
                dueMilliseconds: now.monotonicMilliseconds + delay), renews: renews)
    }

    /// Sends the requests that are due.
    func askForStates(_ now: Moment) {
        guard !repair.isEmpty else { return }
        let catchingUp = past.isAsking ? [] : peers.map(\.identity.replica).filter { isCatchingUp($0, now) }
        let due = repair.takeDue(
            nowMilliseconds: now.monotonicMilliseconds, isOpen: { self.link($0)?.isEstablished == true },
            isCovered: { self.executor.versions($0.partition).covers($0.wanted) },
            isAhead: { $0.wanted.stamps.contains { self.isTooFarAhead($0, now) } },
            isComing: { self.isComing($0, from: catchingUp) })
        for (need, request) in due {
            guard let link = link(need.link) else { continue }
            var body = ByteBuffer(capacity: 256)
            executor.stateRequest(need.partition).encode(to: &body)
            link.send(.stateRequest(request: request, partition: need.partition, body: body.view))
        }
        for link in links where link.isEstablished && !link.isUpstream {
            finishComparison(link, now)
            noteProgress(link, now)
        }
    }

    func receiveState(
        _ link: PeerLink, request: UInt64, partition: Int, isLast: Bool, _ body: ByteView, _ now: Moment
    ) {
        guard repair.partition(request: request, link: link.number) == partition else {
            return fail(link, "a state that nobody asked for")
        }
        // The answers of a link come one behind the other, each whole.
        if link.receiving.stateRequest != request {
            link.receiving.stateRequest = request
            link.state.pointee.removeAll()
        }
        link.state.pointee.append(body)
        guard isLast else { return }
        let ownBefore = executor.versions(partition)[replica]
        let outcome = executor.join(
            partition, state: link.state.pointee.view, limit: latestFollowed(now), adoptsOwnPast: past.isAsking,
            isFirst: isListening && !heard.contains(partition))
        switch outcome {
        case .ahead:
            // It is as good as a frame that is held: asked for again until its time has come.
            counters.heldAhead &+= 1
            repair.postpone(
                request: request, link: link.number, until: now.monotonicMilliseconds + settings.timing.gapMilliseconds)
            link.state.pointee.removeAll()
            link.receiving.stateRequest = nil
            return
        case .joined(let keysChanged):
            heard.insert(partition)
            if executor.versions(partition)[replica] > ownBefore { noteComeBack() }
            counters.statesJoined &+= 1
            counters.keysRepaired &+= UInt64(keysChanged)
            if let peer = link.peer { change(peer.replica) { $0.keysRepaired &+= UInt64(keysChanged) } }
        case .malformed: return fail(link, "a state that cannot be read")
        case .unknownVersion(let version):
            return fail(link, "a state of format version \(version), where this build reads \(StateExport.version)")
        }
        #if DEBUG
            if faults.contains(.stateCountsForAll) { claimAll(link) }
        #endif
        link.state.pointee.removeAll()
        link.state.pointee.shrink(to: 1 << 20)
        link.receiving.stateRequest = nil
        _ = repair.finish(request: request, link: link.number)
        retry(partition, now)
        askForWhatIsHeldFor(partition, link, now)
        finishComparison(link, now)
        for other in links where other.isEstablished && !other.isUpstream { noteProgress(other, now) }
    }

    /// What is still held after a state has been joined: where the frame before it is missing, its origin has that.
    private func askForWhatIsHeldFor(_ partition: Int, _ link: PeerLink, _ now: Moment) {
        for head in held.heads(partition: partition) {
            let isGap = head.bytes.withView { bytes in
                guard let header = try? FrameCodec.decode(bytes).header else { return false }
                return header.isElided || executor.versions(partition)[header.origin] < header.prev
            }
            let source = links.first { $0.isEstablished && !$0.isUpstream && $0.peer?.replica == head.origin }
            guard isGap, let source else { continue }
            // Where its own state did not help, what it lacks is on its way.
            let delay = source === link ? settings.timing.gapMilliseconds : 0
            need(partition, source, renews: true, now, inMilliseconds: delay)
        }
    }

    /// All that a peer led in when it told its versions is here: what it knew of everybody then, we know now.
    private func finishComparison(_ link: PeerLink, _ now: Moment) {
        guard let known = link.receiving.comparison, !repair.isNeeded(link: link.number, ofOrigin: false) else {
            return
        }
        link.receiving.comparison = nil
        stopListening()
        if let peer = link.peer { finishDepartures(with: peer.replica) }
        for stamp in known.stamps where stamp.replica != replica {
            // Of its own it may be ahead of what it has sent so far; its heartbeats come behind that.
            if link.receiving.isResumed, stamp.replica == link.peer?.replica { continue }
            fences.advance(to: stamp)
        }
        adoptsCuts = true
    }

    /// A peer has had everything of somebody up to a fence for a while, and we have not: ask what it has.
    func askAboutLeads(_ applied: Versions, _ link: PeerLink, _ now: Moment) {
        guard now.monotonicMilliseconds >= link.receiving.nextLeadMilliseconds else { return }
        let late = UInt64(settings.timing.gapMilliseconds) << Stamp.counterBits
        let leads = applied.stamps.contains {
            $0.replica != replica && members.current($0.replica)?.status.isGone != true
                && $0.tick > fences[$0.replica].tick &+ late && !isCatchingUp($0.replica, now)
        }
        guard leads, link.receiving.comparison == nil, !link.receiving.awaitsVersions else { return }
        link.receiving.nextLeadMilliseconds = now.monotonicMilliseconds + settings.timing.gapMilliseconds
        link.send(.versionsRequest)
    }
}
