/// Nodes that keep a log: what their shells do for them, what a crash leaves of it, and that they come back as what
/// it says.
import Base
import CRDT
import Commands
import Core
import Engine
import Replication
import Synchronization

/// A snapshot being written.
struct ClusterWalk {
    let start: Int
    let countsOthers: Bool
    let replica: Replica
    var states: [Int: [UInt8]] = [:]
    var partition = 0
    var export: StateExport?
    var bytes: [UInt8] = []
    var headBytes = 0
    /// The log's end when the last partition was done.
    var end: Int?
}

extension Cluster {
    private static let leaseMilliseconds: Int64 = 3000

    func makeDisk(_ index: Int) -> ClusterDisk {
        let replica = Replica(node: slots[index].number, generation: 0)
        return ClusterDisk(replica: replica, sync: pick([.always, .everySecond, .everySecond, .slow]))
    }

    // MARK: starting

    /// A process made out of what the disk holds; of an empty one a node that is new.
    func wake(_ index: Int, _ plainSettings: ReplicationSettings) -> ClusterNode? {
        guard var disk = slots[index].disk else { return nil }
        var settings = plainSettings
        let isNew = disk.incarnation == 0
        if isNew {
            disk.incarnation = UInt128(random.next())
            disk.firstLife = slots[index].lives
        }
        settings.incarnation = disk.incarnation
        settings.generation = disk.replica.generation
        let wall = moment(index).unixMilliseconds
        let sinceEpoch = UInt64(max(wall, disk.leaseMilliseconds) - Stamp.epochMilliseconds)
        let lease = plan.faultsOfDisk.contains(.ignoresLease) ? 0 : disk.leaseMilliseconds
        let core = SimNode(
            replica: disk.replicaAtStart, counted: [disk.replicaAtStart], seed: random.next(),
            windowBytes: plan.windowBytes,
            start: plan.faultsOfDisk.contains(.reusesPositions) ? 0 : sinceEpoch << 22, keepsLog: true)
        core.node.window.log?.isSynchronous.store(disk.sync == .always, ordering: .relaxed)
        core.setClock(wall)
        var past = RecoveredPast()
        do {
            (past.cut, past.settleCut) = try disk.replay(
                into: core, shares: 1 + random.below(3), leaseMilliseconds: lease, nowMilliseconds: wall,
                faults: plan.mergeFaultsNow)
        } catch {
            fail("node \(slots[index].number) does not come back: \(error)")
            return nil
        }
        past.isWhole = disk.isWhole && !disk.isCopy
        past.resumePoints = disk.resumePoints
        past.isUnsure = disk.isUnsure
        past.incarnation = disk.knownIncarnation
        past.isCopy = disk.isCopy
        if let kept = KeptReplication(disk.members) {
            past.members = kept.members
        } else {
            fail("node \(slots[index].number) cannot read its members")
        }
        note("node \(slots[index].number) comes back as \(disk.replica), whole \(past.isWhole), \(disk.sync)")
        let node = ClusterNode(
            settings: settings, life: slots[index].lives, core: core, recovered: past, random: &random)
        for partition in Self.watchedPartitions { node.recovered[partition] = node.versions(partition) }
        node.isWhole = past.isWhole
        if !isNew { checkRecovered(index, node, disk, lease) }
        if disk.sync != .always { disk.isWhole = false }
        if disk.isCut, let last = disk.batches.popLast() {
            // Only now it shows how much of the batch that the crash cut is there.
            disk.batches.append(
                ClusterDisk.Batch(entries: last.entries, versions: Self.watchedPartitions.map { node.versions($0) }))
        }
        disk.isCut = false
        disk.shown = nil
        disk.batchesSynced = disk.batchesWritten
        slots[index].disk = disk
        slots[index].node = node
        renewLease(index)
        notePlace(index, node)
        queue.insert(.sync(node: index, life: node.life), at: now + 1)
        if plan.walkMilliseconds > 0 {
            queue.insert(.walk(node: index, life: node.life), at: now + Int64(random.below(plan.walkMilliseconds)))
        }
        return node
    }

    // MARK: running

    /// Twice as often as needed. No stamp lies behind what was reserved.
    func renewLease(_ index: Int) {
        guard let disk = slots[index].disk, let node = slots[index].node else { return }
        var latest = moment(index).unixMilliseconds
        if !plan.faultsOfDisk.contains(.leasesByWallClock) {
            for partition in Self.watchedPartitions {
                latest = max(latest, node.core.partition(partition).pointee.momentMilliseconds)
            }
        }
        if disk.leaseMilliseconds < latest + Self.leaseMilliseconds / 2 {
            slots[index].disk?.leaseMilliseconds = latest + Self.leaseMilliseconds
        }
    }

    /// Takes what the node has entered since the last time; it is written, not synced.
    func drain(_ index: Int) {
        guard slots[index].disk != nil, let node = slots[index].node else { return }
        if slots[index].disk?.sync == .always, node.replicator.knowsOwnPast { slots[index].disk?.isWhole = true }
        let entries = node.core.takeEntries()
        if entries.isEmpty { return }
        noteName(index, node)
        readOwnFrames(index, node)
        slots[index].disk?.batches.append(
            ClusterDisk.Batch(entries: entries, versions: Self.watchedPartitions.map { node.versions($0) }))
        notePlace(index, node)
    }

    func sync(_ index: Int, _ node: ClusterNode) {
        drain(index)
        guard let disk = slots[index].disk else { return }
        slots[index].disk?.batchesSynced = disk.batchesWritten
        node.core.node.window.log?.noteDurable(upTo: node.core.drainedPosition)
        finishWalk(index, node)
        planTurn(index, in: 0)
        let milliseconds =
            switch disk.sync {
            case .always: random.below(20)
            case .everySecond: random.below(1000)
            case .slow: random.below(5000)
            }
        queue.insert(.sync(node: index, life: node.life), at: now + 1 + Int64(milliseconds))
    }

    // MARK: snapshots

    func walk(_ index: Int, _ node: ClusterNode) {
        if node.walk == nil {
            if isQuiescing { return }
            beginWalk(index, node)
        }
        let isDone = stepWalk(node)
        drain(index)
        if isDone {
            node.walk?.end = slots[index].disk?.batchesWritten
            counts.snapshots += 1
            if plan.faultsOfDisk.contains(.dropsLogEarly) { finishWalk(index, node, isEarly: true) }
        }
        let isDrawnOut = node.walk.map { isSlow($0) } ?? false
        let wait =
            isDone
            ? plan.walkMilliseconds + random.below(plan.walkMilliseconds)
            : random.below(isDrawnOut ? plan.slowWalkMilliseconds : 60)
        queue.insert(.walk(node: index, life: node.life), at: now + 1 + Int64(wait))
    }

    private func isSlow(_ walk: ClusterWalk) -> Bool {
        plan.slowWalkMilliseconds > 0 && walk.partition == Workload.partitions[0]
    }

    private func beginWalk(_ index: Int, _ node: ClusterNode) {
        drain(index)
        node.walk = ClusterWalk(
            start: slots[index].disk?.batchesWritten ?? 0, countsOthers: !node.core.partition(0).pointee.isSole,
            replica: node.replica)
    }

    /// A slice of a partition that clients write to, or some of the others. Returns whether that was the last.
    private func stepWalk(_ node: ClusterNode) -> Bool {
        guard var walk = node.walk, walk.end == nil else { return false }
        defer { node.walk = walk }
        while walk.partition < Slots.partitionCount {
            let partition = node.core.partition(walk.partition)
            var bytes = ByteBuffer()
            var export: StateExport
            if let begun = walk.export {
                export = begun
            } else {
                partition.pointee.beginWalk()
                export = StateExport(.everything)
                export.writeHead(partition, into: &bytes)
                walk.headBytes = bytes.count
                if isSlow(walk) {
                    // As for any key but the first of a partition.
                    walk.bytes = bytes.array
                    walk.export = export
                    return false
                }
            }
            let isDone = export.writeSlice(partition, bucketsMax: 1 + random.below(2), into: &bytes)
            walk.bytes += bytes.array
            walk.export = export
            if isDone {
                partition.pointee.endWalk()
                walk.states[walk.partition] =
                    plan.faultsOfDisk.contains(.headsWalksLate) ? lateHead(partition, over: walk) : walk.bytes
                walk.export = nil
                walk.bytes = []
                walk.partition += 1
            }
            if Self.watchedPartitions.contains(walk.partition) { return false }
        }
        return true
    }

    /// The keys of a walk under the versions that the partition has now.
    private func lateHead(_ partition: UnsafeMutablePointer<Partition>, over walk: ClusterWalk) -> [UInt8] {
        var head = ByteBuffer()
        var export = StateExport(.everything)
        export.writeHead(partition, into: &head)
        return head.array + walk.bytes.dropFirst(walk.headBytes)
    }

    /// The snapshot counts once the log is on the disk up to the walk's end; then the log before it may go.
    private func finishWalk(_ index: Int, _ node: ClusterNode, isEarly: Bool = false) {
        guard let walk = node.walk, let end = walk.end, let disk = slots[index].disk,
            disk.batchesSynced >= end || isEarly
        else { return }
        node.walk = nil
        note("node \(slots[index].number) has a snapshot")
        slots[index].disk?.snapshot = ClusterDisk.Snapshot(
            states: walk.states, countsOthers: walk.countsOthers, replica: walk.replica)
        slots[index].disk?.drop(before: walk.start)
    }

    // MARK: ending

    /// The process is gone. `isClean`: it has synced everything.
    func leaveDisk(_ index: Int, _ node: ClusterNode, isClean: Bool) {
        guard slots[index].disk != nil else { return }
        drain(index)
        guard var disk = slots[index].disk else { return }
        disk.floor = disk.synced ?? []
        disk.moments = Self.watchedPartitions.map { node.core.partition($0).pointee.momentMilliseconds }
        if isClean { disk.batchesSynced = disk.batchesWritten }
        if isClean { disk.isWhole = node.replicator.knowsOwnPast || plan.faultsOfDisk.contains(.stopsMakeWhole) }
        let lost = disk.lose(random: &random)
        counts.batchesLost += lost
        if lost == 0 {
            var time = max(disk.leaseMilliseconds, moment(index).unixMilliseconds)
            time = max(time, node.core.moment(Self.watchedPartitions)) + 10
            disk.shown = (at: time, views: shownKeys(node.core, at: time))
        }
        note("the disk of \(slots[index].number) has lost \(lost) batches, clean \(isClean)")
        slots[index].disk = disk
    }

    /// What a copy of the directory holds that is made while the process runs is what a crash would leave.
    func copyDisk(_ index: Int) {
        guard let node = slots[index].node, !node.isOutside, node.takesWrites else { return }
        drain(index)
        guard var copy = slots[index].disk, !node.core.partition(0).pointee.isSole else { return }
        // One that is back before what it wrote got other stamps is refused: a test by itself shows it.
        let known = KeptReplication(copy.members)?.members ?? []
        let hasWritten = (0..<Slots.partitionCount).contains { !node.versions($0)[node.replica].isZero }
        guard !hasWritten || known.contains(where: { $0.replica.node != slots[index].number }) else { return }
        note("the disk of \(slots[index].number) is copied")
        _ = copy.lose(random: &random)
        copy.batchesSynced = copy.batchesWritten
        copy.isWhole = false
        copy.floor = []
        slots[index].copy = copy
    }

    func restoreDisk(_ index: Int) {
        guard var copy = slots[index].copy else { return }
        note("node \(slots[index].number) is set back to the copy")
        copy.moments = []
        copy.isCopy = true
        counts.setBack += 1
        slots[index].disk = copy
        slots[index].lifeSetBack = slots[index].lives + 1
        coveredOnDisk = coveredOnDisk.filter { $0.other != index }
    }

    static let everyKey = Workload.keys + Workload.pair + Ledger.keys + bigKeys

    func shownKeys(_ node: SimNode, at time: Int64) -> [KeyView] { Self.everyKey.map { node.view($0, at: time) } }

    /// The operator empties the directory.
    func wipe(_ index: Int) {
        slots[index].copy = nil
        if let disk = slots[index].disk { slots[index].disk = ClusterDisk(replica: disk.founder, sync: disk.sync) }
    }

    /// A line that tells the operator what only a node that starts empty can mend.
    func obeyOperator(_ index: Int, _ node: ClusterNode, _ text: String) {
        guard plan.durablePercent > 0, !node.isOutside else { return }
        let isOut = slots[index].disk != nil && text.contains("start it empty and it joins anew")
        let isRefused =
            text.hasPrefix("a peer refuses this node")
            && (text.contains("start it empty where it reaches a peer")
                || text.contains("start it with an empty data directory"))
        guard isOut || isRefused else { return }
        node.isOutside = true
        node.isGivenUp = isRefused
        slots[index].comesBack = true
        queue.insert(.stop(node: index), at: now + 300)
    }
}
