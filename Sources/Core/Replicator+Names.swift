/// The four names a node has: which it takes when it cannot be sure of its past, and when one that was given up is free
/// again.
import Base
import Commands
import Replication

/// The latest that was known here when a replica was seen to be counted by nobody any more, or to be closed.
struct Closing {
    let replica: Replica
    let isClosed: Bool
    let unixMilliseconds: Int64
}

extension Replicator {
    /// A name that was never used, or else one that is free again: that only where somebody has told us all that was
    /// written under it.
    var nextName: Replica? {
        let names = (0..<4).map { Replica(node: settings.nodeNumber, generation: UInt8($0)) }
        let unused = names.first { name in
            members.current(name) == nil
                && !(0..<Slots.partitionCount).contains { !executor.versions($0)[name].isZero }
        }
        let freed = names.first { name in
            members.isFree(name) && targets.contains { hasTold($0) }
        }
        return faults.contains(.prefersFreedNames) ? freed ?? unused : unused ?? freed
    }

    /// The disk is to know it before anything is written.
    func keepName(_ name: Replica) {
        actions.append(.keepReplica(name, incarnation: incarnation, isUnsure: past.isUnsure))
    }

    /// Of who is gone everybody has everything once nobody counts him any more, and all of that is on everybody's disk
    /// and has settled once the settle cut has passed this moment: the name is closed. Once it has passed that moment,
    /// too, everybody has the table that says so, because it goes before any fence: the name may be taken up again.
    func closeDepartures() {
        for entry in members.entries where entry.status > .replaced && !entry.isFree {
            let gone = entry.replica
            guard members.current(gone) == entry, !members.isForcedOut(gone) else { continue }
            if !entry.isClosed, isCounted(gone) {
                closings.removeAll { $0.replica == gone }
                continue
            }
            guard let seen = closings.first(where: { $0.replica == gone && $0.isClosed == entry.isClosed }) else {
                closings.removeAll { $0.replica == gone }
                let latest = max(executor.latestMomentMilliseconds(), horizon.unixMilliseconds)
                closings.append(Closing(replica: gone, isClosed: entry.isClosed, unixMilliseconds: latest))
                continue
            }
            guard stability.settleCut.unixMilliseconds > seen.unixMilliseconds else { continue }
            if entry.isClosed {
                members.free(gone)
                log(.notice, "all that \(entry.label) wrote has settled everywhere: its name is free")
            } else if hasSettled(gone) {
                members.close(gone)
            } else {
                continue
            }
            closings.removeAll { $0.replica == gone }
            tellTable()
        }
    }

    /// Whether anybody may still lack something of who is gone.
    private func isCounted(_ gone: Replica) -> Bool {
        let missing = members.missingAcknowledgements(
            ofDeparture: gone, own: replica, counted: stability.counted, announced: announcements)
        return !missing.isEmpty
    }

    private func hasSettled(_ gone: Replica) -> Bool {
        (0..<Slots.partitionCount).allSatisfy { executor.versions($0)[gone] <= stability.settleCut }
    }
}
