/// Meeting a cluster for the first time, perhaps with content of our own.
///
/// What was written here before is news to everybody, and the cluster's cut may have moved past it: all of it is
/// renamed at once, to later than any of their cuts can be before they count us. Then we listen: peers hear neither
/// frames nor versions of ours until we have joined what the first of them has. With the first state of a partition
/// what we wrote there is written over it, by somebody who has seen it. Clients notice nothing of that.
import Base
import Commands
import Replication

extension Replicator {
    func meetFirst(_ peer: EstablishedPeer, _ link: PeerLink, _ now: Moment) {
        linkOfFirst = hasMet || !peer.horizon.isZero ? nil : link.number
        guard !hasMet else { return }
        hasMet = true
        defer { hasEverMet = true }
        guard !peer.horizon.isZero, !hasEverMet, !hasSharedPast else { return }
        let margin = UInt64(settings.timing.handshakeMilliseconds) << Stamp.counterBits
        let floor = Stamp(tick: peer.horizon.tick + margin, replica: replica)
        var count = 0
        for partition in 0..<Slots.partitionCount where executor.restamp(partition, above: floor) { count += 1 }
        if count > 0 {
            restampedPosition = node.window.end
            log(.notice, "met \(describe(peer.identity)): what was written here before counts as written now")
        }
        // Who asks for his own past takes no writes before he has heard everybody.
        if past.isAsking && count == 0 || faults.contains(.speaksAtOnce) { return }
        isListening = true
        heard = PartitionSet()
    }

    /// Whom we took for the first and let in has been let into a cluster meanwhile, and goes away without having taken
    /// anything from us: we are as alone as before, and shall be told of that cluster.
    func forgetFirst(_ link: PeerLink) {
        if linkOfFirst == link.number { forgetMeeting() }
    }

    func forgetMeeting() {
        linkOfFirst = nil
        hasMet = false
        hasEverMet = hasCluster
    }

    /// Whether what was renamed when the first was met is on the disk under its new stamps. Until then nobody gets any of
    /// it, and the disk does not remember that we have met: a crash brings the old stamps back, and who has a cluster
    /// does not rename. His members would take them for settled and removed.
    var hasKeptNames: Bool { node.window.log.map { $0.durablePosition >= restampedPosition } ?? true }

    /// All that somebody of the cluster has is here: now the others may hear what we have.
    func stopListening() {
        guard isListening else { return }
        isListening = false
        restampedPosition = node.window.end
        past.resumableFrom = node.window.end + 1
        for link in links where link.isEstablished && link.isUpstream {
            link.sending.cursor = node.window.end
            tellAll(link)
        }
    }

    /// Those who had let us in are all gone: there is nothing to hear any more, and whoever comes is to hear us.
    func speakWhereNobodyIsLeft() {
        if members.present.allSatisfy({ $0.replica == replica }) { stopListening() }
    }

    /// What the others have of ours may differ, or be nothing: they are to know all of it before our next fence, also
    /// where the stream goes on from where a link broke.
    func tellAll(_ link: PeerLink) {
        link.sending.heartbeat = nil
        if link.sending.fromLog != nil { return jump(link) }
        link.send(.jumped(position: link.sending.cursor))
        sendVersions(link)
    }
}
