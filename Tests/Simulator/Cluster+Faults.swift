/// What goes wrong in a cluster, and how all of it ends.
import Base
import Commands
import Core
import Replication

extension Cluster {
    func disturb() {
        var die = random.below(plan.faults.reduce(0) { $0 + $1.1 })
        for (fault, weight) in plan.faults {
            die -= weight
            if die < 0 { return commit(fault) }
        }
    }

    private func commit(_ fault: ClusterFault) {
        switch fault {
        case .reset: if let number = anyConnection { reset(number) }
        case .halfOpen: if let number = anyConnection { halfOpen(number) }
        case .cut: cut(random.below(plan.nodes), random.below(plan.nodes), for: someMilliseconds)
        case .isolate: isolate()
        case .slowDown: slowDown()
        case .twice: connectTwice()
        case .crash: if members.count > 1 { crash(pick(members), returns: true) }
        case .restart: if !members.isEmpty { restart(pick(members)) }
        case .copy: copyDisk(random.below(plan.nodes))
        case .setBack: setBack(random.below(plan.nodes))
        case .powerLoss: losePower()
        case .join: join()
        case .leave: leave()
        case .expel: expel()
        case .step: step(Int64(random.below(6001)) - 3000)
        case .leap: leap()
        case .flip:
            if let number = anyConnection {
                connections[number].pipes[random.below(2)].bytesToFlip = random.below(4000)
            }
        }
    }

    private var anyConnection: Int? {
        let open = openConnections
        return open.isEmpty ? nil : pick(open)
    }

    private var someMilliseconds: Int64 { [50, 300, 1500, 6000][random.below(4)] + Int64(random.below(500)) }

    /// One end is told, or rather finds out; the other waits for what never comes.
    private func halfOpen(_ number: Int) {
        note("connection \(number) is half open")
        connections[number].isSilent = true
        let end = random.below(2)
        for end in 0...1 { connections[number].pipes[end].truncate(chunks: 0) }
        lose(number, end, "Connection timed out")
    }

    private func cut(_ from: Int, _ to: Int, for milliseconds: Int64) {
        guard from != to, !cuts[from][to] else { return }
        cuts[from][to] = true
        note("\(slots[from].number) does not reach \(slots[to].number) for \(milliseconds) ms")
        queue.insert(.heal(from: from, to: to), at: now + milliseconds)
    }

    /// A group, mostly of one, and all others see nothing of each other.
    func isolate(for someTime: Int64? = nil) {
        let group = Set((0..<1 + random.below(2)).map { _ in random.below(slots.count) })
        let milliseconds = someTime ?? someMilliseconds * (chance(30) ? 3 : 1)
        for inside in slots.indices where group.contains(inside) {
            for outside in slots.indices where !group.contains(outside) {
                cut(inside, outside, for: milliseconds)
                if chance(90) { cut(outside, inside, for: milliseconds) }
            }
        }
    }

    private func slowDown() {
        guard let number = anyConnection else { return }
        let end = random.below(2)
        connections[number].pipes[end].bytesPerMillisecond = [1, 5, 50, 0][random.below(4)]
        connections[number].pipes[end].delayMilliseconds = [0, 10, 100, 400][random.below(4)]
    }

    /// A connection too many: the dialler's replication is told of it as if it had asked.
    private func connectTwice() {
        guard let number = anyConnection else { return }
        let ends = connections[number].ends
        guard let node = running(ends[0].node, ends[0].life), let other = running(ends[1].node, ends[1].life) else {
            return
        }
        // The acceptor sees a connection of which the dialler knows nothing any more.
        note("\(slots[ends[0].node].number) connects to \(slots[ends[1].node].number) once more")
        let link = openConnection(ends[0].node, node, ends[1].node, other)
        let copy = connections.count - 1
        connections[copy].isSilent = chance(50)
        node.removeLink(link)
        connections[copy].ends[0].isOpen = false
        connections[copy].pipes[1].discard()
        if !connections[copy].isSilent {
            connections[copy].pipes[0].isFinished = true
            planArrival(copy, 0)
        }
    }

    // MARK: processes

    /// The process is gone and with it all it had in memory.
    func crash(_ index: Int, returns: Bool) {
        guard let node = slots[index].node else { return }
        note("node \(slots[index].number) crashes")
        counts.crashes += 1
        slots[index].crashedAt = now
        let isSilent = chance(30)
        end(index, node, isSilent: isSilent)
        if returns { planReturn(index) }
    }

    private func planReturn(_ index: Int) {
        slots[index].isToRestart = true
        queue.insert(.start(node: index), at: now + [10, 300, 2000, 5000][random.below(4)])
    }

    /// The process is asked to end.
    private func restart(_ index: Int) {
        guard let node = slots[index].node else { return }
        note("node \(slots[index].number) ends in order")
        counts.restarts += 1
        node.replicator.request(.goodbye, moment(index))
        obey(index)
        drain(index)
        end(index, node, isSilent: false, isClean: true)
        planReturn(index)
    }

    private func setBack(_ index: Int) {
        guard slots[index].copy != nil, let node = slots[index].node, !node.isOutside else { return }
        crash(index, returns: true)
        restoreDisk(index)
    }

    private func losePower() {
        guard chance(50) else { return }
        note("power is lost")
        for index in slots.indices where slots[index].node != nil { crash(index, returns: true) }
    }

    private func end(_ index: Int, _ node: ClusterNode, isSilent: Bool, isClean: Bool = false) {
        collect(index)
        leaveDisk(index, node, isClean: isClean)
        slots[index].node = nil
        for link in node.links {
            let connection = connections[link.connection]
            guard connection.ends[link.end].isOpen else { continue }
            connection.ends[link.end].isOpen = false
            connection.pipes[1 - link.end].discard()
            let pipe = connection.pipes[link.end]
            if !pipe.isEmpty {
                connection.pipes[link.end].truncate(chunks: random.below(pipe.chunks.count - pipe.head + 1))
            }
            connection.isSilent = isSilent
            connection.pipes[link.end].isFinished = !isSilent
            planArrival(link.connection, link.end)
        }
    }

    /// The process of a node that has left ends.
    func stop(_ index: Int, returns: Bool) {
        guard let node = slots[index].node, node.isOutside else { return }
        note("node \(slots[index].number) ends")
        end(index, node, isSilent: false)
        wipe(index)
        if returns {
            slots[index].isToRestart = true
            queue.insert(.start(node: index), at: now + 500 + Int64(random.below(3000)))
        } else {
            slots[index].isGone = true
        }
    }

    private func join() {
        let free = slots.indices.filter { slots[$0].node == nil && !slots[$0].isToRestart }
        guard let index = free.first, members.count < 6, !members.isEmpty else { return }
        counts.joins += 1
        start(index)
    }

    private func leave() {
        guard members.count > 2 else { return }
        let index = pick(members)
        guard let node = slots[index].node, node.takesWrites else { return }
        note("node \(slots[index].number) leaves")
        counts.departures += 1
        node.replicator.request(.leave, moment(index))
        node.isOutside = true
        obey(index)
        planTurn(index, in: 0)
        queue.insert(.stop(node: index), at: now + 6000)
    }

    /// One that is not running any more is shut out, by anybody.
    private func expel() {
        let gone = slots.indices.filter { slots[$0].node == nil && slots[$0].isToRestart }
        guard members.count > 1, let index = gone.first ?? members.last, let by = members.first, by != index else {
            return
        }
        if slots[index].node != nil { crash(index, returns: false) }
        counts.departures += 1
        note("node \(slots[by].number) expels \(slots[index].number)")
        slots[by].node?.replicator.request(.expel(node: slots[index].number, isForced: chance(50)), moment(by))
        slots[index].isGone = !slots[index].isToRestart
        if slots[index].isGone || chance(70) { wipe(index) }
        obey(by)
        planTurn(by, in: 0)
    }

    // MARK: clocks

    private func step(_ milliseconds: Int64) {
        let index = random.below(slots.count)
        slots[index].clock.skewMilliseconds += milliseconds
        note("the clock of node \(slots[index].number) steps by \(milliseconds) ms")
    }

    private func leap() {
        let index = random.below(plan.nodes)
        let minutes = Int64(random.below(21)) - 10
        slots[index].clock.skewMilliseconds = minutes * 60_000
        note("the clock of node \(slots[index].number) is \(minutes) minutes off")
    }

    /// Of somebody who was expelled an incarnation may have turned up that was not known then: the operator says it
    /// once more.
    private func expelTheGone() {
        guard let first = members.first, let node = slots[first].node else { return }
        for peer in node.report.peers where peer.health == "dead" {
            guard let index = slots.firstIndex(where: { $0.number == peer.replica.node }), slots[index].node == nil,
                !slots[index].isToRestart
            else { continue }
            note("node \(slots[first].number) expels \(peer.replica) once more")
            node.replicator.request(.expel(node: peer.replica.node, isForced: true), moment(first))
            obey(first)
            planTurn(first, in: 0)
        }
    }

    /// A line of the log that says of a node what an operator has to do about it.
    func noteRefusal(_ index: Int, _ node: ClusterNode, _ text: String) {
        let name = "node \(node.replica) (node\(slots[index].number)) at"
        let isTwoClusters = text.contains("belong to two clusters")
        if text.contains(name), text.contains("took writes alone") { node.isRefused = .forItsName }
        if text.contains(name), isTwoClusters, node.isRefused == nil { node.isRefused = .forItsCluster }
    }

    /// Who is refused for good is started empty, as the log says: all but the first, whose cluster is kept.
    private func restartTheRefused() {
        let first = members.first { slots[$0].node?.isRefused == nil } ?? members.first
        guard let first, let keeper = slots[first].node else { return }
        for index in members where index != first && slots[index].node?.isRefused != nil {
            guard let replica = slots[index].node?.replica else { continue }
            let status = keeper.report.peers.first { $0.replica == replica }
            let isCluster = slots[index].node?.isRefused == .forItsCluster
            if isCluster, status?.outgoing == "up", status?.incoming == "up" {
                slots[index].node?.isRefused = nil
                continue
            }
            note("node \(slots[index].number) is refused: it is started empty")
            crash(index, returns: false)
            wipe(index)
            start(index, seeds: [first])
        }
    }

    /// Of two groups that have never heard of each other, because each began with those of its seeds that were there,
    /// the operator starts the smaller again and names one of the other.
    private func introduceStrangers() {
        guard let first = members.first else { return }
        var group = [first]
        var asked = 0
        while asked < group.count {
            let report = slots[group[asked]].node?.report
            asked += 1
            for index in members where !group.contains(index) {
                let peer = report?.peers.first { $0.replica == slots[index].node?.replica }
                if peer?.outgoing == "up" || peer?.incoming == "up" { group.append(index) }
            }
        }
        for index in members where !group.contains(index) && slots[index].node?.isRefused == nil {
            guard let node = slots[index].node else { continue }
            note("node \(slots[index].number) is told of node \(slots[first].number)")
            end(index, node, isSilent: false, isClean: slots[index].disk != nil)
            start(index, seeds: [first])
        }
    }

    // MARK: the end

    /// All machines are suspended for longer than any clock ever led, and wake up.
    private func sleep() {
        note("everybody sleeps")
        now += 11 * 60_000
    }

    /// Everything that was wrong is put right, and then the cluster has to come to rest by itself.
    func quiesce() {
        note("all is put right")
        isQuiescing = true
        for from in slots.indices {
            for to in slots.indices where cuts[from][to] { heal(from, to) }
            slots[from].clock.skewMilliseconds = min(max(slots[from].clock.skewMilliseconds, -50), 50)
        }
        for connection in connections {
            for end in 0...1 {
                connection.pipes[end].bytesPerMillisecond = 0
                connection.pipes[end].delayMilliseconds = 1
                connection.pipes[end].bytesToFlip = nil
                connection.pipes[end].capacity = 1 << 17
            }
        }
        if plan.profile == .skewed {
            // What was written under a clock that led by minutes is held until its time has come.
            advance(to: now + 3000)
            sleep()
        }
        let deadline = now + plan.restMilliseconds
        var unrest = "nothing has happened"
        var round = 0
        while failures.isEmpty, !isAbandoned, now < deadline {
            advance(to: now + 400)
            round += 1
            if round % 10 == 0 { expelTheGone() }
            if round % 10 == 5 { restartTheRefused() }
            if round % 20 == 18 { introduceStrangers() }
            guard let reason = reasonForUnrest() else { return checkRest() }
            unrest = reason
        }
        if isAbandoned { return }
        if failures.isEmpty { fail("no rest after \(plan.restMilliseconds) ms: \(unrest)") }
    }
}
