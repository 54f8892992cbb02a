/// Fences, heartbeats and the cuts that follow from them.
import Base
import Commands
import Engine
import Replication
import Wire

extension Replicator {
    /// A node with peers configured counts them from the start: what only it has is not stable.
    func startCountingPartitions() {
        guard !isCounting else { return }
        isCounting = true
        executor.enter(.startsCounting)
        for partition in 0..<Slots.partitionCount { executor.startCounting(partition) }
    }

    /// Promises to write nothing more up to now, in any partition, and tells every peer, behind everything that
    /// was written before.
    func beat(_ now: Moment) {
        let end = node.window.end
        let isBusy = end != positionAtHeartbeat || framesAtHeartbeat != counters.framesApplied
        framesAtHeartbeat = counters.framesApplied
        positionAtHeartbeat = end
        nextHeartbeatMilliseconds =
            now.monotonicMilliseconds
            + (isBusy ? settings.timing.heartbeatBusyMilliseconds : settings.timing.heartbeatIdleMilliseconds)
        guard isCounting else { return }
        raiseFences(now)
        raiseFencesOfGone()
        enterFences()
        positionAtHeartbeat = node.window.end
        // Whatever was written up to the fence stands before this position.
        let position = node.window.end
        recount()
        durableFences.note(fences, at: position)
        durableCut.note(stability.cut, at: position)
        // Whom a former life met is in the table, and counted: nothing is stable without him.
        guard hasMet || hasEverMet else { return }
        let announced = announcedFences
        stability.note(applied: announced, cut: announcedCut, by: replica)
        adoptsCuts = true
        var heartbeat = Heartbeat(unixMilliseconds: now.unixMilliseconds)
        heartbeat.fenceTick = past.isAsking ? 0 : fences[replica].tick
        heartbeat.position = position
        heartbeat.applied = announced.stamps.map { AppliedFence($0.replica, tick: $0.tick) }
        heartbeat.cut = announcedCut
        heartbeat.counted = ownCounted
        heartbeat.tableVersion = members.version
        heartbeat.detectorIncarnation = detector.incarnation
        heartbeat.reports = detector.reports(now)
        #if DEBUG
            if faults.contains(.heartbeatOutOfBand) {
                for link in links where link.isEstablished && !link.isUpstream { link.send(.heartbeat(heartbeat)) }
                return
            }
        #endif
        for link in links where link.isEstablished && link.isUpstream {
            sendSign(of: heartbeat, link)
            // One that still waits is nearer to being sent than this one.
            if link.sending.heartbeat == nil { link.sending.heartbeat = heartbeat }
        }
    }

    /// What we tell others that we have applied: what would still be here after a crash.
    private var announcedFences: Versions {
        guard let log = node.window.log, !faults.contains(.announcesUnsynced) else { return fences }
        durableFences.advance(to: log.durablePosition)
        return durableFences.latest
    }

    /// The cut by which others may settle: they take it that we had nothing of theirs left to hear up to there, also when we
    /// come back from a crash.
    private var announcedCut: Stamp {
        guard let log = node.window.log, !faults.contains(.announcesUnsynced) else { return stability.cut }
        durableCut.advance(to: log.durablePosition)
        return durableCut.latest
    }

    /// A node that does not know its own past cannot promise that nothing of it is still to come: no fence then, 0.
    private func raiseFences(_ now: Moment) {
        // A fence drives the clocks of all partitions to it: not to a time that our own clock is wrong about.
        if past.isAsking || isClockRefused { return }
        let sinceEpoch = UInt64(max(now.unixMilliseconds - Stamp.epochMilliseconds, 0))
        let tick = max(min(sinceEpoch << Stamp.counterBits, reservedTick), fences[replica].tick)
        for partition in 0..<Slots.partitionCount { executor.raiseFence(partition, tick: tick) }
        fences.advance(to: Stamp(tick: tick, replica: replica))
        if isLeaving, leavingFence == nil { leavingFence = fences[replica] }
    }

    /// Of who is gone and counted by nobody nothing comes any more: what has been applied here of all who count, has been of
    /// him. Should his name be taken up again, that is above every cut, and what is settled here is told from it.
    private func raiseFencesOfGone() {
        let counted = stability.counted
        // Alone we have compared with nobody.
        guard counted.contains(where: { $0 != replica }) else { return }
        guard let lowest = counted.map({ fences[$0].tick }).min(), lowest > 0,
            !faults.contains(.leavesFencesOfGone)
        else { return }
        for gone in members.replicas where members.current(gone)?.status.isGone == true {
            if counted.contains(gone) || members.isForcedOut(gone) { continue }
            fences.advance(to: Stamp(tick: lowest, replica: gone))
        }
    }

    /// A life after a crash begins where the stamps end that this one has reserved: what is promised beyond, it would
    /// not keep.
    private var reservedTick: UInt64 {
        guard let lease = node.window.log?.leaseMilliseconds, lease != .max else { return .max }
        return UInt64(max(lease - Stamp.epochMilliseconds, 0)) << Stamp.counterBits
    }

    /// A fence that a former life of this replica gave holds for this one too, whatever its clock says now. And a cut
    /// beyond our own fence is of before its sender counted us: it has gone by all his fences and no later one, and what
    /// we write is to be later than that, too.
    func keepFormerPromise(_ heartbeat: Heartbeat) {
        keepFormerPromise(in: heartbeat.applied)
        guard heartbeat.cut.tick > max(fences[replica].tick, past.promisedTick) else { return }
        writeLater(than: max(heartbeat.cut.tick, heartbeat.fenceTick))
    }

    /// What a peer has applied of ours, on its disk or not; under whatever name, because we may go on under one that has
    /// been used before.
    func keepFormerPromise(in applied: [AppliedFence]) {
        let former = applied.filter { $0.replica.node == replica.node }.map(\.tick).max() ?? 0
        if former > max(fences[replica].tick, past.promisedTick) { writeLater(than: former) }
    }

    private func writeLater(than tick: UInt64) {
        past.promisedTick = tick
        node.window.log?.reserve(Stamp(tick: tick, replica: replica))
        for partition in 0..<Slots.partitionCount { executor.raiseFence(partition, tick: tick) }
    }

    /// A heartbeat whose sender has nothing missing here.
    func take(_ heartbeat: Heartbeat, _ link: PeerLink, _ now: Moment) {
        guard let peer = link.peer else { return }
        if heartbeat.fenceTick > 0 { fences.advance(to: Stamp(tick: heartbeat.fenceTick, replica: peer.replica)) }
        let applied = Versions(heartbeat.applied.map { Stamp(tick: $0.tick, replica: $0.replica) })
        recount()
        promoteJoiners()
        closeDepartures()
        stability.note(applied: applied, cut: heartbeat.cut, by: peer.replica)
        adoptsCuts = true
        // Without a fence it says nothing of how far its stream has come.
        let behind = heartbeat.fenceTick == 0 ? fences[peer.replica] : .zero
        let lag = max(
            now.unixMilliseconds - (behind.isZero ? heartbeat.unixMilliseconds : behind.unixMilliseconds), 0)
        link.receiving.lagMilliseconds = lag
        change(peer.replica) { $0.lagMilliseconds = lag }
        askAboutLeads(applied, link, now)
    }

    /// What is announced is on the disk, and so are the fences themselves: others settle by them, and after a crash this
    /// node has to see that it has whatever they have settled. Fences that have passed all that has been entered say as
    /// much as any later ones, which would only fill the disk of an idle node.
    private func enterFences() {
        guard node.window.log != nil else { return }
        noteNews()
        let entered = cutsEntered.fences
        let isWanted =
            cutsEntered.hasNews
            || stability.cut > cutsEntered.cut && cutsEntered.cut.unixMilliseconds <= cutsEntered.newsMilliseconds
            || fences.stamps.contains {
                $0 > entered[$0.replica] && entered[$0.replica].unixMilliseconds <= cutsEntered.newsMilliseconds
            }
        if isWanted, !faults.contains(.forgetsFences) { enterCuts() }
    }

    /// Now and then, so that a log that is replayed need not keep the history of all it holds; not where nothing has
    /// been entered that they have not passed yet.
    private func enterSettleCut() {
        guard node.window.log != nil else { return }
        noteNews()
        let now = executor.context.pointee.nowMilliseconds
        guard stability.settleCut > cutsEntered.settleCut,
            cutsEntered.settleCut.unixMilliseconds <= cutsEntered.newsMilliseconds,
            now >= cutsEntered.unixMilliseconds + 1000 || now < cutsEntered.unixMilliseconds
        else { return }
        enterCuts()
    }

    private func noteNews() {
        guard node.window.end != cutsEntered.position else { return }
        cutsEntered.position = node.window.end
        cutsEntered.newsMilliseconds =
            max(executor.context.pointee.nowMilliseconds, executor.latestMomentMilliseconds())
        cutsEntered.hasNews = true
    }

    private func enterCuts() {
        executor.enter(.cuts(cut: stability.cut, settleCut: stability.settleCut, fences: fences))
        cutsEntered.cut = stability.cut
        cutsEntered.settleCut = stability.settleCut
        cutsEntered.fences = fences
        cutsEntered.unixMilliseconds = executor.context.pointee.nowMilliseconds
        cutsEntered.position = node.window.end
        cutsEntered.hasNews = false
    }

    /// Hands the cuts down to the partitions, and lets them forget what they allow.
    func settle() {
        guard adoptsCuts else { return }
        adoptsCuts = false
        enterSettleCut()
        for partition in 0..<Slots.partitionCount {
            executor.adopt(partition, cut: stability.cut, settleCut: stability.settleCut, fences: fences)
        }
        if !held.isEmpty {
            let now = Moment(unixMilliseconds: executor.context.pointee.nowMilliseconds, monotonicMilliseconds: 0)
            for partition in held.occupied { retry(partition, now) }
        }
    }
}
