/// What must hold of a node that has come back from its disk, before anybody has told it anything.
import Base
import Commands
import Core
import Engine
import Replication

extension Cluster {
    func checkRecovered(_ index: Int, _ node: ClusterNode, _ disk: ClusterDisk, _ lease: Int64) {
        counts.recoveries += 1
        let name = "node \(slots[index].number)"
        checkExtent(name, node, disk)
        for (moment, partition) in zip(disk.moments, Self.watchedPartitions)
        where node.core.moment([partition]) < moment {
            fail("\(name) may write at \(node.core.moment([partition])) in \(partition), having promised \(moment)")
        }
        if let watchedKey {
            let partition = watchedKey.withView { Slots.partition(of: $0) }
            note(
                "\(name) has \(node.versions(partition)) of \(text(watchedKey)), which is "
                    + text(node.core.view(watchedKey, at: node.core.moment([partition]))))
        }
        if let shown = disk.shown {
            let views = shownKeys(node.core, at: shown.at)
            for (position, key) in Self.everyKey.enumerated() where views[position] != shown.views[position] {
                fail(
                    "\(name) came back with \(text(key)) being \(text(views[position])), not "
                        + text(shown.views[position]))
            }
        }
        takeFormerStamps(index, node)
        checkLedger(index, node, "come back")
        checkPair(index, node)
        if chance(40) { checkAgain(name, node, disk, lease) }
        if disk.isWhole { checkWhole(index, node) }
        // It stands where its former life stood.
        for pair in coveredOnDisk where pair.other == index && pair.otherLife == node.life - 1 {
            covered.insert(CutPair(node: pair.node, life: pair.life, other: index, otherLife: node.life))
        }
    }

    /// The crash came before the disk knew the stamps that were given when the first peer was met: the old ones are
    /// there again, and of the new ones nobody may have anything.
    private func takeFormerStamps(_ index: Int, _ node: ClusterNode) {
        for position in ledger.entries.indices where ledger.entries[position].slot == index {
            let entry = ledger.entries[position]
            guard let versions = node.recovered[entry.partition], !versions.covers(entry.stamp),
                let former = entry.formerStamps.lastIndex(where: versions.covers)
            else { continue }
            for other in members where other != index {
                guard slots[other].node?.versions(entry.partition).covers(entry.stamp) == true else { continue }
                fail("node \(slots[other].number) has \(entry.stamp), which its author's disk never had")
            }
            ledger.entries[position].stamp = entry.formerStamps[former]
            ledger.entries[position].formerStamps.removeSubrange(former...)
        }
    }

    /// Exactly what its log says, and nothing less than was synced.
    private func checkExtent(_ name: String, _ node: ClusterNode, _ disk: ClusterDisk) {
        for (position, partition) in Self.watchedPartitions.enumerated() {
            let versions = node.versions(partition)
            if let last = disk.batches.last?.versions[position] {
                if disk.isCut ? !versions.stamps.allSatisfy(last.covers) : versions != last {
                    fail("\(name) came back at \(versions) of \(partition), its log ends at \(last)")
                }
            }
            guard !disk.floor.isEmpty else { continue }
            for stamp in disk.floor[position].stamps where !versions.covers(stamp) {
                fail("\(name) came back at \(versions) of \(partition), \(stamp) had been synced")
            }
        }
    }

    /// Others make the same of the same log.
    private func checkAgain(_ name: String, _ node: ClusterNode, _ disk: ClusterDisk, _ lease: Int64) {
        let other = SimNode(
            replica: disk.replicaAtStart, counted: [disk.replicaAtStart], seed: random.next(),
            windowBytes: plan.windowBytes, keepsLog: true)
        let wall = node.core.executor.context.pointee.nowMilliseconds
        other.setClock(wall)
        do {
            _ = try disk.replay(
                into: other, shares: 1 + random.below(3), leaseMilliseconds: lease, nowMilliseconds: wall,
                faults: plan.mergeFaultsNow)
        } catch { return fail("\(name) comes back once, and then not: \(error)") }
        let time = max(node.core.moment(Self.watchedPartitions), other.moment(Self.watchedPartitions)) + 10
        let one = shownKeys(node.core, at: time)
        let two = shownKeys(other, at: time)
        for (position, key) in Self.everyKey.enumerated() where one[position] != two[position] {
            fail("\(name) replayed twice: \(text(key)) is \(text(one[position])) and \(text(two[position]))")
        }
        for partition in Self.watchedPartitions {
            let here = node.core.partition(partition)
            let there = other.partition(partition)
            if here.pointee.versions != there.pointee.versions { fail("\(name) replayed twice: two versions") }
            if here.pointee.latestOwnStamp != there.pointee.latestOwnStamp { fail("\(name) replayed twice: two pasts") }
            if here.pointee.settleCut != there.pointee.settleCut { fail("\(name) replayed twice: two cuts") }
        }
    }

    /// Nothing that was told to anybody is missing.
    private func checkWhole(_ index: Int, _ node: ClusterNode) {
        for other in members where other != index {
            guard let peer = slots[other].node else { continue }
            for partition in Self.watchedPartitions {
                let told = peer.versions(partition)[node.replica]
                if !node.versions(partition).covers(told) {
                    fail("node \(slots[index].number) came back without \(told), which \(slots[other].number) has")
                }
            }
        }
    }
}
