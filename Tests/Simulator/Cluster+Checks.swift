/// What must hold in every run of a cluster, at every moment it is looked at, and when it has come to rest.
import Base
import CRDT
import Commands
import Core
import Engine
import Replication
import Wire

/// The frames of each replica, in the order of their writing, by partition.
struct Chains {
    struct Chain {
        let replica: Replica
        let partition: Int
        var life: (slot: Int, number: Int)
        var latest: Stamp
        var stamps: Set<Stamp>
    }

    private var chains: [Int: Chain] = [:]

    subscript(replica: Replica, partition: Int) -> Chain? {
        get { chains[Int(replica.rawValue) << 8 | partition] }
        set { chains[Int(replica.rawValue) << 8 | partition] = newValue }
    }
}

/// One node's cut was covered by another's versions: from then on it has to be.
struct CutPair: Hashable {
    let node: Int
    let life: Int
    let other: Int
    let otherLife: Int
}

extension Cluster {
    static let watchedPartitions: [Int] = {
        var partitions: [Int] = []
        let keys = Workload.keys + Ledger.keys + bigKeys
        for partition in keys.map({ $0.withView { Slots.partition(of: $0) } }) where !partitions.contains(partition) {
            partitions.append(partition)
        }
        return partitions.sorted()
    }()

    func check(_ when: String) {
        for index in members {
            guard let node = slots[index].node else { continue }
            checkLedger(index, node, when)
            checkPair(index, node)
            checkVersions(index, node)
            checkAcknowledgements(index, node)
            if let watchedKey {
                node.core.setClock(moment(index).unixMilliseconds)
                note("\(slots[index].number) remembers \(text(node.core.run([Array("A2.META".utf8), watchedKey])))")
            }
        }
        compareEquals(when)
        checkCuts()
    }

    // MARK: one node

    /// A node shows exactly what its versions say that it has.
    func checkLedger(_ index: Int, _ node: ClusterNode, _ when: String) {
        for key in Ledger.keys.indices where !ledger.textsWrittenOver.contains(key) {
            let versions = node.versions(Ledger.partitions[key])
            let expected = ledger.expected(key, versions)
            let shown = node.core.view(Ledger.keys[key], at: node.core.moment([Ledger.partitions[key]]))
            if shown.value != expected {
                fail(
                    "\(when), \(text(Ledger.keys[key])) at \(slots[index].number) is \(text(shown)), not "
                        + "\(text(KeyView(value: expected))), at \(versions)")
            }
        }
    }

    /// Keys that are only ever written together are the same wherever one looks.
    func checkPair(_ index: Int, _ node: ClusterNode) {
        let time = node.core.moment(Workload.partitions)
        let values = Workload.pair.map { node.core.view($0, at: time) }
        if values[0] != values[1] { fail("\(slots[index].number) shows half a MULTI: \(values.map { text($0) })") }
    }

    private func checkVersions(_ index: Int, _ node: ClusterNode) {
        for partition in Self.watchedPartitions {
            for stamp in node.versions(partition).stamps {
                if chains[stamp.replica, partition]?.stamps.contains(stamp) != true {
                    fail("\(slots[index].number) claims \(stamp) in \(partition), which nobody wrote")
                }
            }
            let here = node.core.partition(partition)
            if here.pointee.settleCut > here.pointee.announcedCut {
                fail("\(slots[index].number) settles beyond its own cut")
            }
        }
    }

    /// Whoever has acknowledged all of a window has all that was written to it, or has lost its memory since. What a
    /// node wrote in a former life never stood in this window: it has that back from some, and others may lack it yet.
    private func checkAcknowledgements(_ index: Int, _ node: ClusterNode) {
        let count = node.core.node.acknowledgements.count(.applied, upTo: node.core.node.window.end)
        if count == 0 { return }
        let written = writtenStamps(node)
        let others = slots.indices.filter { $0 != index }
        let without = others.filter { other in
            guard let peer = slots[other].node else { return false }
            return written.contains { !peer.versions($0.partition).covers($0.stamp) }
        }
        let holders = others.count - without.count { slots[$0].lives == 1 }
        guard count > holders else { return }
        fail(
            "\(count) have acknowledged all of \(slots[index].number), \(holders) have it, not "
                + "\(without.map { slots[$0].number })")
    }

    /// The last of what this process has written to its window, by watched partition.
    private func writtenStamps(_ node: ClusterNode) -> [(partition: Int, stamp: Stamp)] {
        Self.watchedPartitions.compactMap { partition in
            let last = node.core.sent.last { $0.header.partition == partition }
            // Before it met anybody all of it got other stamps, and comes to the others as state.
            if node.framesRestamped > 0 { return (partition, node.core.partition(partition).pointee.latestOwnStamp) }
            return last.map { (partition, $0.header.stamp) }
        }
    }

    /// Reads what a node has written: each frame follows the one before, no stamp is used twice, and what a process
    /// lost with its memory is lost to all.
    func readOwnFrames(_ index: Int, _ node: ClusterNode, author: Replica? = nil) {
        for frame in node.core.sent[node.framesRead...] {
            let header = frame.header
            let replica = header.origin
            if replica != author ?? node.replica { fail("\(header) of \(node.replica) names another author") }
            var chain =
                chains[replica, header.partition]
                ?? Chains.Chain(
                    replica: replica, partition: header.partition, life: (index, node.life), latest: .zero, stamps: [])
            if let disk = slots[index].disk, header.stamp.unixMilliseconds > disk.leaseMilliseconds {
                fail("\(header) lies beyond what node \(slots[index].number) has reserved")
            }
            if header.stamp <= header.prev { fail("\(header) is not later than the one before") }
            if chain.stamps.contains(header.stamp) { fail("\(header.stamp) is used twice in \(header.partition)") }
            if header.prev != chain.latest {
                if chain.life == (index, node.life) { fail("\(header) does not follow \(chain.latest)") }
                if !header.prev.isZero, !chain.stamps.contains(header.prev) { fail("\(header) follows what never was") }
                lose(replica, header.partition, from: header.prev, to: chain.latest, before: node.life, of: index)
            }
            chain.life = (index, node.life)
            chain.latest = header.stamp
            chain.stamps.insert(header.stamp)
            chains[replica, header.partition] = chain
        }
        node.framesRead = node.core.sent.count
    }

    /// A node has another name from now on, or has given what it wrote before it met anybody other stamps.
    func noteName(_ index: Int, _ node: ClusterNode, isRestamped: Bool = false) {
        guard node.replica != node.formerReplica || isRestamped else { return }
        if node.replica != node.formerReplica {
            note("node \(slots[index].number) is \(node.replica) from now on")
            counts.generations += 1
        }
        readOwnFrames(index, node, author: node.formerReplica)
        if isRestamped { node.framesRestamped = node.framesRead }
        for partition in 0..<Slots.partitionCount {
            let latest = node.core.partition(partition).pointee.latestOwnStamp
            guard latest.replica == node.replica, !latest.isZero, chains[node.replica, partition]?.latest != latest
            else { continue }
            // A name that had been used before and is free again: its next frame tells what was lost of it.
            guard isRestamped || chains[node.replica, partition] == nil else { continue }
            if isRestamped { loseUnrecovered(index, node, partition) }
            chains[node.replica, partition] = Chains.Chain(
                replica: node.replica, partition: partition, life: (index, node.life), latest: latest,
                stamps: (chains[node.replica, partition]?.stamps ?? []).union([latest]))
            for position in ledger.entries.indices {
                let entry = ledger.entries[position]
                guard entry.partition == partition, entry.slot == index,
                    entry.life == node.life || node.recovered[partition]?.covers(entry.stamp) == true
                else { continue }
                guard entry.stamp.replica == node.formerReplica else { continue }
                if Ledger.isText(entry.key) { ledger.textsWrittenOver.insert(entry.key) }
                ledger.entries[position].formerStamps.append(entry.stamp)
                ledger.entries[position].stamp = latest
            }
        }
        node.formerReplica = node.replica
    }

    /// What a former life of a node that has met nobody wrote, and its disk has lost, is not among what now gets other
    /// stamps: these are no continuation of the chain by which the loss would show.
    private func loseUnrecovered(_ index: Int, _ node: ClusterNode, _ partition: Int) {
        guard let chain = chains[node.formerReplica, partition], chain.life != (index, node.life) else { return }
        let recovered = node.recovered[partition]?[node.formerReplica] ?? .zero
        guard recovered < chain.latest else { return }
        lose(node.formerReplica, partition, from: recovered, to: chain.latest, before: node.life, of: index)
    }

    /// A new process of a replica has gone on from an earlier frame: nobody may have what came behind it. What the new
    /// process has written may lie among the stamps that were lost, if its clock is behind.
    private func lose(
        _ replica: Replica, _ partition: Int, from: Stamp, to: Stamp, before life: Int, of slot: Int
    ) {
        for index in members {
            guard let latest = slots[index].node?.versions(partition)[replica], slots[index].node?.replica != replica
            else { continue }
            if latest > from, latest <= to {
                fail("\(replica) goes on from \(from) in \(partition), and \(slots[index].number) has \(latest)")
            }
        }
        for index in ledger.entries.indices {
            let entry = ledger.entries[index]
            guard entry.partition == partition, entry.stamp.replica == replica, entry.stamp > from else { continue }
            if entry.slot == slot, entry.life == life { continue }
            if entry.stamp <= to { ledger.entries[index].isLost = true }
        }
    }

    // MARK: several nodes

    /// Nodes that have applied the same frames of a partition show the same, now and at any later time.
    private func compareEquals(_ when: String) {
        let running = members
        var start = now
        for index in running { start = max(start, slots[index].node?.core.moment(Self.watchedPartitions) ?? 0) }
        for (position, left) in running.enumerated() {
            for right in running[(position + 1)...] {
                guard let one = slots[left].node, let other = slots[right].node else { continue }
                for partition in Self.watchedPartitions where one.versions(partition) == other.versions(partition) {
                    compare(one, other, partition, start + 10, when)
                }
            }
        }
    }

    private func compare(_ one: ClusterNode, _ other: ClusterNode, _ partition: Int, _ start: Int64, _ when: String) {
        for key in Workload.keys + Workload.pair + Self.bigKeys
        where key.withView({ Slots.partition(of: $0) }) == partition {
            for later: Int64 in [0, 12, 45, 100_000] {
                let left = one.core.view(key, at: start + later)
                let right = other.core.view(key, at: start + later)
                if left != right {
                    fail(
                        "\(when), \(text(key)) at +\(later): node \(one.replica) shows \(text(left)), node "
                            + "\(other.replica) \(text(right)), both at \(one.versions(partition))")
                    return
                }
                if left.deadline == nil, right.deadline == nil { break }
            }
        }
    }

    /// The cut of a node is nowhere ahead of what those it counts have applied, once they had it.
    private func checkCuts() {
        for index in members {
            guard let node = slots[index].node, node.takesWrites else { continue }
            let counted = node.report.counted
            for other in members where other != index {
                // Who still asks for its past has lost what it announced before.
                guard let peer = slots[other].node, peer.takesWrites || slots[other].keepsWhatItSays,
                    counted.contains(peer.replica)
                else { continue }
                let pair = CutPair(node: index, life: node.life, other: other, otherLife: peer.life)
                let missing = missingBelowCut(node, counted) { peer.versions(Self.watchedPartitions[$0]) }
                if let synced = slots[other].disk?.synced, missingBelowCut(node, counted, { synced[$0] }) == nil {
                    coveredOnDisk.insert(pair)
                }
                if missing == nil {
                    covered.insert(pair)
                } else if let missing, covered.contains(pair) {
                    fail("the cut of \(slots[index].number) is ahead of \(slots[other].number): it lacks \(missing)")
                }
            }
        }
    }

    private func missingBelowCut(
        _ node: ClusterNode, _ counted: [Replica], _ versionsAt: (Int) -> Versions
    ) -> String? {
        for (position, partition) in Self.watchedPartitions.enumerated() {
            let cut = node.core.partition(partition).pointee.announcedCut
            if cut.isZero { continue }
            let versions = versionsAt(position)
            for author in members {
                // What somebody wrote before he met others may still get other stamps.
                guard let origin = slots[author].node, counted.contains(origin.replica),
                    origin.report.counted.contains(node.replica)
                else { continue }
                let last = origin.core.sent.dropFirst(origin.framesRestamped).last {
                    $0.header.partition == partition && $0.header.stamp <= cut && $0.header.origin == origin.replica
                }
                if let stamp = last?.header.stamp, !versions.covers(stamp) {
                    return "\(stamp) of partition \(partition), the cut being \(cut)"
                }
            }
        }
        return nil
    }

    // MARK: rest

    /// Why the cluster has not come to rest yet; nil once it has.
    func reasonForUnrest() -> String? {
        if let waiting = slots.first(where: \.isToRestart) { return "node \(waiting.number) is to come back" }
        if let going = slots.first(where: { $0.node?.isOutside == true }) { return "node \(going.number) is leaving" }
        let running = members
        guard let first = running.first, let model = slots[first].node else { return nil }
        let replicas = running.compactMap { slots[$0].node?.replica }.sorted()
        for index in running {
            guard let node = slots[index].node else { continue }
            let name = "node \(slots[index].number)"
            if let gate = node.core.node.writeGate { return "\(name) takes no writes: \(gate.text)" }
            let report = node.report
            for other in replicas where other != node.replica {
                guard let peer = report.peers.first(where: { $0.replica == other }) else {
                    return "\(name) does not know \(other)"
                }
                if peer.outgoing != "up" { return "the link of \(name) to \(other) is \(peer.outgoing)" }
                if peer.incoming != "up" { return "the link of \(name) from \(other) is \(peer.incoming)" }
                if peer.health != "alive" { return "\(other) is \(peer.health) to \(name)" }
                if peer.membership != "member" {
                    return "\(other) is \(peer.membership) to \(name), which knows \(describe(report))"
                }
                if running.count > 1, peer.pendingBytes > 0 { return "\(other) has not acknowledged all of \(name)" }
            }
            if running.count > 1, report.counted != replicas {
                return "\(name) counts \(report.counted), not \(replicas)"
            }
            if report.framesHeldBytes > 0 { return "\(name) holds frames" }
            for partition in 0..<Slots.partitionCount where node.versions(partition) != model.versions(partition) {
                return "\(name) has \(node.versions(partition)) of partition \(partition), node "
                    + "\(slots[first].number) \(model.versions(partition))"
            }
            if let history = historyLeft(index, node) { return "\(name) remembers \(history)" }
        }
        return nil
    }

    private func describe(_ report: ClusterReport) -> String {
        report.peers.map { "\($0.replica) \($0.membership) \($0.health) \($0.outgoing)/\($0.incoming)" }
            .joined(separator: ", ") + " and counts \(report.counted)"
    }

    private func historyLeft(_ index: Int, _ node: ClusterNode) -> History? {
        node.core.setClock(moment(index).unixMilliseconds)
        var history = History()
        for partition in Self.watchedPartitions {
            var left = 20
            while node.core.executor.maintain(partition, bucketsMax: 4), left > 0 { left -= 1 }
            history += node.core.partition(partition).pointee.history
        }
        history.outlivedStrings = 0
        // A remove of what a crash has lost everywhere is remembered: nobody can say that it will never come.
        // Who has never met anybody may yet meet those who need it: whom it is told of now, or was told of in a former
        // life that its log remembers.
        let wasTold = !node.settings.seeds.isEmpty || !node.core.partition(0).pointee.isSole
        if wasTold, node.report.peers.allSatisfy({ $0.replica.node == slots[index].number }) { return nil }
        if counts.crashes > 0 {
            history.deferredKeys = 0
            history.pendingClears = 0
        }
        return history == History() ? nil : history
    }

    private static let turnsAtRestMax = 200

    func checkRest() {
        note("all is quiet")
        check("at rest")
        // Comparing all data finds nothing.
        for index in members {
            slots[index].node?.replicator.request(.sync(node: nil), moment(index))
            planTurn(index, in: 0)
        }
        let turns = members.map { slots[$0].node?.turns ?? 0 }
        advance(to: now + 1000)
        for (position, index) in members.enumerated() {
            let count = (slots[index].node?.turns ?? 0) - turns[position]
            if count > Self.turnsAtRestMax { fail("node \(slots[index].number) does \(count) turns a second at rest") }
        }
        check("after comparing")
        // The cuts may have come into somebody's log once more.
        for _ in 0..<10 where plan.durablePercent > 0 && reasonForUnrest() != nil { advance(to: now + 200) }
        if let reason = reasonForUnrest() { fail("not at rest after comparing: \(reason)") }
    }

    /// Whoever leaves has told all that it wrote: somebody who runs, or one who has gone down since and may have told
    /// the leaver just before that he has everything. The last of a cluster has nobody to tell.
    func checkFarewell(_ index: Int, _ node: ClusterNode) {
        // Who is leaving as well hands it on, or stays.
        let others = slots.compactMap(\.node).filter { $0 !== node && (!$0.isOutside || $0.isHandingOver) }
        let present = node.report.peers.filter { ["member", "joining"].contains($0.membership) }
        if present.isEmpty, !node.report.peers.isEmpty || node.settings.seeds.isEmpty { return }
        // A crash without a word shows when the link has been silent for long enough.
        let isSilentUntil = now - node.settings.timing.linkSilenceMilliseconds
        let isLost = slots.contains { slot in
            guard slot.disk == nil, let peer = present.first(where: { $0.replica.node == slot.number }) else {
                return false
            }
            return slot.node == nil ? peer.membership == "member" : slot.crashedAt ?? .min >= isSilentUntil
        }
        if isLost { return }
        for partition in Self.watchedPartitions {
            let latest = node.core.partition(partition).pointee.latestOwnStamp
            if !others.contains(where: { $0.versions(partition).covers(latest) }) {
                fail("node \(slots[index].number) has left, and nobody has \(latest) of partition \(partition)")
            }
        }
    }
}
