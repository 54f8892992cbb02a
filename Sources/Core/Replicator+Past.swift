/// A node that starts with peers has to be sure of its own past before it writes: it may have lost what it wrote
/// under the same name, and a stamp must never be used twice.
///
/// Until every peer it knows of has told its versions, and whatever they led in has been joined, clients may only
/// read. After five seconds without some of them it goes on as its next generation, if it had a past at all. A copy of
/// a directory waits for all: it cannot tell which generations there have been since it was made.
import Base
import Commands
import Engine
import Replication
import Wire

struct OwnPast {
    var isAsking = false
    var deadlineMilliseconds: Int64 = 0
    /// Writes were taken although not everybody had answered.
    var isUnsure = false
    /// Nothing is written with a tick at or below this: a former life has promised that.
    var promisedTick: UInt64 = 0
    /// All have answered, and are asked once more.
    var isConfirming = false
    /// The gate opens with the next turn.
    var opensNext = false
    /// The disk has all that was ever written under this name and told to anybody.
    var isWhole = false
    /// The disk was copied from another, or is an older state of its own.
    var isCopy = false
    /// Whom a copy was said to wait for.
    var awaited = ""
    /// Peers have told us of writes of our own that our disk did not have.
    var hasComeBack = false
    /// Where our window ended when the gate opened, or just behind that: what came back of our past before did not come
    /// with our stream. Who has received all of the stream need not have heard of it, and cannot go on from there.
    var resumableFrom: UInt64 = 0
}

extension WriteGate {
    /// Closed before the first client can be served, where there are peers to ask.
    public static let asksForPast = WriteGate(
        "LOADING a2 is asking its peers what this node wrote before; writes are taken in a few seconds at most")
}

extension Replicator {
    public var logEntriesWritten: UInt64 { executor.context.pointee.logEntriesWritten }

    /// Whether all that was ever written under this name is here. The disk of a node that stops before that must not
    /// say that it has everything, however orderly the stop.
    public var knowsOwnPast: Bool { !past.isAsking || past.isWhole }

    func startAskingForPast(_ now: Moment) {
        past.isAsking = true
        past.deadlineMilliseconds = now.monotonicMilliseconds + settings.timing.ownPastMilliseconds
        node.writeGate = .asksForPast
    }

    /// Somebody else runs under our name, perhaps on the original of our data directory: what he has written since is
    /// not on our disk, whatever that says.
    func noteTakenName() {
        if past.isAsking { past.isWhole = false }
    }

    /// What we write a peer cannot take beside what it has under our name, and will not: clients have to know.
    func noteFork(_ refusal: Refusal) {
        guard refusal.code == .otherHistory, !isOut else { return }
        past.isAsking = false
        past.opensNext = false
        isClockRefused = false
        node.writeGate = WriteGate("READONLY \(refusal.text)")
        log(.error, refusal.text)
    }

    /// A peer had writes of ours that our disk did not.
    func noteComeBack() {
        guard past.isAsking else { return }
        past.hasComeBack = true
        past.isWhole = false
    }

    /// He is gone, and the peer that has told us of him is about to tell us what he wrote.
    func askAgain(_ now: Moment) {
        if past.isAsking { past.deadlineMilliseconds = now.monotonicMilliseconds + settings.timing.ownPastMilliseconds }
    }

    func checkPast(_ now: Moment) {
        if past.opensNext {
            past.opensNext = false
            node.writeGate = nil
        }
        guard past.isAsking else { return }
        // Of somebody who is gone the others may have learned since they answered: they are asked once more.
        let isSure = departures.isEmpty && targets.allSatisfy { $0.isSelf || isDeserted($0) || hasTold($0) }
        // Who is refused because its node id is taken may be its own former self, which will be missed soon. If not,
        // it must not write under that name.
        let taken = targets.first(where: \.refusesAsDuplicate)
        let isLate = now.monotonicMilliseconds >= past.deadlineMilliseconds
        let awaited = past.isCopy ? membersWhoHaveNotTold : []
        if isSure, !past.isConfirming {
            confirmPast()
        } else if isSure || taken == nil && isLate && awaited.isEmpty {
            // Where all who knew its past are gone, a copy may have been written on under its name.
            let hasHeard = !past.isCopy || targets.contains { hasTold($0) }
            openGate(isSure: isSure && hasHeard, now)
        } else if let taken, isLate, node.writeGate == .asksForPast || !past.awaited.isEmpty {
            past.awaited = ""
            node.writeGate = WriteGate("READONLY \(taken.complaint)")
        } else if taken == nil, isLate {
            tellWhomACopyAwaits(awaited)
        }
    }

    private var membersWhoHaveNotTold: [MemberEntry] {
        members.present.filter { $0.replica.node != replica.node && !hasTold($0.replica) }
    }

    /// A next generation may have been written under already, and those who know may be the very ones who are away.
    private func tellWhomACopyAwaits(_ awaited: [MemberEntry]) {
        let names = awaited.filter { peer($0.replica)?.downstream == nil }.map(\.label).joined(separator: ", ")
        guard names != past.awaited else { return }
        past.awaited = names
        // Those who are there are about to tell.
        if names.isEmpty { return node.writeGate = .asksForPast }
        let text =
            "the data directory of this node is a copy, or was restored: what was written since only its peers know, "
            + "and it takes no writes before these have answered, or were expelled (A2.EXPEL): \(names)"
        node.writeGate = WriteGate("READONLY \(text)")
        log(.warning, text)
    }

    /// Nobody knows more of it than it does.
    func settleHome() {
        guard past.isCopy else { return }
        past.isCopy = false
        actions.append(.keepHome)
    }

    /// Somebody who had forgotten everything himself may have learned of our past since he answered, from a life of another
    /// that has ended meanwhile. Now that all are back, what they do not know is not to be had.
    private func confirmPast() {
        past.isConfirming = true
        for link in links where link.isEstablished && !link.isUpstream {
            link.receiving.awaitsVersions = true
            link.send(.versionsRequest)
        }
    }

    /// Whether the peer behind a target has told us all it has, and counts us.
    func hasTold(_ target: DialTarget) -> Bool { target.replica.map { hasTold($0) } ?? false }

    private func hasTold(_ replica: Replica) -> Bool {
        guard let peer = peer(replica), let number = peer.downstream, let link = link(number), link.isEstablished
        else { return false }
        return !link.receiving.awaitsVersions && link.receiving.comparison == nil
            && !repair.isNeeded(link: number, ofOrigin: false)
            && link.receiving.announcedCounted?.contains(self.replica) == true
    }

    private func openGate(isSure: Bool, _ now: Moment) {
        past.isAsking = false
        settleHome()
        let former = replica
        let hasPast = (0..<Slots.partitionCount).contains { !executor.versions($0)[replica].isZero }
        // Who has met somebody in a former life may have written, told him, and lost all of it with the log's tail.
        let mayHavePast = hasPast || hasCluster
        // The disk may have all that was written under a name that another life had had before.
        let wasUnsure = past.isUnsure
        past.isUnsure = !isSure && (wasUnsure || !past.isWhole)
        if !isSure, past.isWhole {
            log(.notice, "not all peers have answered; the disk has all that this node wrote: it takes writes now")
        } else if !isSure, mayHavePast || isKnownUnderAnotherIncarnation {
            guard goOnAsNextGeneration(now) else {
                // Once all who know its past have come back it needs no new name.
                past.isAsking = true
                past.deadlineMilliseconds = .max
                return
            }
        } else if !isSure, !targets.contains(where: { hasTold($0) }) {
            goOnAlone(now)
        } else if !isSure {
            log(.warning, "not all peers have answered; this node is new to those who did, and takes writes now")
        } else {
            log(.notice, "all peers have answered: this node takes writes\(hasPast ? ", its own past recovered" : "")")
        }
        if replica == former, past.isUnsure != wasUnsure { keepName(replica) }
        // A new name is on the disk by the next turn, and nothing is written under it before.
        node.writeGate = .asksForPast
        past.opensNext = true
        checkClock(now)
        if past.opensNext, replica == former || node.window.log == nil {
            past.opensNext = false
            node.writeGate = nil
        }
        // Where the disk had all of it, so has the stream.
        if past.isWhole { return }
        past.resumableFrom = node.window.end + (past.hasComeBack ? 1 : 0)
        if isListening { return }
        for link in links where link.isEstablished && link.isUpstream { tellAll(link) }
    }

    private var isKnownUnderAnotherIncarnation: Bool {
        members.entries.contains { $0.replica == replica && $0.incarnation != incarnation }
    }

    /// Nobody has answered, so nobody can say which generations there have been: any but the first, which was the
    /// likeliest. Should it have been used, peers refuse this node when they meet it.
    private func goOnAlone(_ now: Moment) {
        let generation = UInt8(1 + random.below(3))
        log(.warning, "no peer has answered: this node takes writes alone, as generation \(generation) of itself")
        meetAnewWhereNothingCame()
        goOn(as: Replica(node: settings.nodeNumber, generation: generation), now)
    }

    /// Links there may have been, but nothing came over them: whoever comes next is the first. What is written until then
    /// has seen nothing of what the others have settled, and must not pass for what removes it.
    private func meetAnewWhereNothingCame() {
        if !hasSharedPast, !executor.knowsOthers() { forgetMeeting() }
    }

    private func goOnAsNextGeneration(_ now: Moment) -> Bool {
        let former = replica
        guard let next = nextName else {
            node.writeGate = WriteGate(
                "READONLY a2 has lost its past too often as node \(settings.nodeNumber): bring back the peers that know "
                    + "what it wrote or expel them (A2.EXPEL), or start it with another --node-id")
            log(
                .error,
                "all generations of node \(settings.nodeNumber) are used up: it takes no writes before it has reached all "
                    + "peers")
            return false
        }
        if !targets.contains(where: { hasTold($0) }) { meetAnewWhereNothingCame() }
        let kind = members.current(next) == nil ? "" : ", a name that is free again"
        log(
            .warning,
            "not all peers have answered: node \(former) goes on as \(next)\(kind), so that no stamp is used twice")
        goOn(as: next, now)
        return true
    }

    private func goOn(as free: Replica, _ now: Moment) {
        let former = replica
        if members.isFree(free) { incarnation = Incarnation.next(incarnation) }
        keepName(free)
        executor.enter(.goesOn(as: free))
        for partition in 0..<Slots.partitionCount { executor.goOn(partition, as: free) }
        node.goOn(as: free)
        past.isWhole = false
        members.leave(former)
        members.admit(identity)
        detector = FailureDetector(
            own: free, timing: settings.timing.detector, random: SeededRandom(seed: random.next()))
        // Everybody has to learn the new name.
        for link in links where !link.isClosing { close(link, "goes on as \(free)", now) }
        // What others have of the former is what this one is missing.
        startDeparture(former)
        recount()
    }
}
