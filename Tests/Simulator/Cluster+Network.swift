/// Connections of a cluster from dial to loss, and the bytes on them.
import Base
import Core
import Replication

extension Cluster {
    func dial(_ index: Int, _ target: Int, _ address: PeerAddress) {
        guard let node = slots[index].node else { return }
        counts.dials += 1
        // The name is looked up now: whoever has the address now answers.
        let to = slots.firstIndex { $0.address == address }
        let isReachable = to.map { !cuts[index][$0] && !cuts[$0][index] } ?? false
        let milliseconds = isReachable ? 1 + 2 * (to.map { delays[index][$0] } ?? 0) : 300 + Int64(random.below(900))
        queue.insert(
            .connect(node: index, life: node.life, target: target, to: isReachable ? to : nil), at: now + milliseconds)
    }

    func connect(_ index: Int, _ life: Int, _ target: Int, _ to: Int?) {
        guard let node = running(index, life) else { return }
        defer {
            obey(index)
            planTurn(index, in: 0)
        }
        guard let to, let other = slots[to].node, !cuts[index][to], !cuts[to][index] else {
            let reason = to == nil ? "Connection timed out" : "Connection refused"
            return node.replicator.dialFailed(target: target, reason: reason, moment(index))
        }
        let link = openConnection(index, node, to, other)
        node.replicator.dialled(target: target, link: link, moment(index))
    }

    /// A connection, accepted at its other end. Returns the dialler's number for it.
    func openConnection(_ index: Int, _ node: ClusterNode, _ to: Int, _ other: ClusterNode) -> Int {
        let link = node.addLink(connection: connections.count, end: 0)
        let theirs = other.addLink(connection: connections.count, end: 1)
        connections.append(
            SimConnection(
                dialler: SimConnection.End(node: index, life: node.life, link: link),
                acceptor: SimConnection.End(node: to, life: other.life, link: theirs),
                pipes: [makePipe(index, to), makePipe(to, index)]))
        note("connection \(connections.count - 1): \(slots[index].number) → \(slots[to].number)")
        other.replicator.accepted(link: theirs, from: "\(slots[index].address)", moment(to))
        obey(to)
        planTurn(to, in: Int64(random.below(3)))
        return link
    }

    private func makePipe(_ from: Int, _ to: Int) -> SimConnection.Pipe {
        SimConnection.Pipe(
            capacity: plan.profile == .slow ? [2048, 1 << 14, 1 << 16][random.below(3)] : 1 << 17,
            delayMilliseconds: delays[from][to],
            bytesPerMillisecond: chance(plan.slowPipesPercent) ? 2 + random.below(40) : 0)
    }

    // MARK: bytes

    /// Moves what a node has to send into its pipes, as far as there is room.
    func pump(_ index: Int) {
        guard let node = slots[index].node else { return }
        for link in node.links where !link.isClosing { pump(node, link) }
    }

    func pump(_ node: ClusterNode, _ link: ClusterNode.Link) {
        guard let output = node.replicator.output(link: link.number) else { return }
        let connection = connections[link.connection]
        while !output.pointee.isEmpty, connection.pipes[link.end].room > 0 {
            var size = min(output.pointee.count, connection.pipes[link.end].room, 1 << 16)
            if chance(15) { size = 1 + random.below(size) }
            send(output, size, link.connection, link.end)
        }
        planArrival(link.connection, link.end)
    }

    private func send(_ output: UnsafeMutablePointer<ByteBuffer>, _ size: Int, _ connection: Int, _ end: Int) {
        var bytes = output.pointee.view.slice(0, size).array
        output.pointee.consume(size)
        counts.bytes += size
        if let position = connections[connection].pipes[end].bytesToFlip {
            if position < size {
                bytes[position] ^= 1 << UInt8(random.below(8))
                connections[connection].pipes[end].bytesToFlip = nil
                note("a bit turns on connection \(connection)")
            } else {
                connections[connection].pipes[end].bytesToFlip = position - size
            }
        }
        connections[connection].pipes[end].append(bytes, now: now)
    }

    func planArrival(_ number: Int, _ end: Int) {
        let connection = connections[number]
        guard !connection.pipes[end].isPlanned,
            !cuts[connection.ends[end].node][connection.ends[1 - end].node]
        else { return }
        let due = connection.pipes[end].nextDue
        guard due != nil || connection.pipes[end].isFinished else { return }
        connection.pipes[end].isPlanned = true
        queue.insert(.arrive(connection: number, end: end), at: max(due ?? now, now))
    }

    func arrive(_ number: Int, _ end: Int) {
        let connection = connections[number]
        connection.pipes[end].isPlanned = false
        let receiver = connection.ends[1 - end]
        guard !cuts[connection.ends[end].node][receiver.node] else { return }
        guard receiver.isOpen, let node = running(receiver.node, receiver.life),
            let at = node.index(link: receiver.link)
        else {
            // Nobody is there: what comes is answered with a reset.
            let isNews = !connection.pipes[end].isEmpty
            connection.pipes[end].discard()
            if isNews, connection.ends[end].isOpen, !connection.isSilent {
                queue.insert(.lose(connection: number, end: end, reason: "Connection reset by peer"), at: now + 1)
            }
            return
        }
        let input = node.links[at].input
        var hasCome = false
        while let due = connection.pipes[end].nextDue, due <= now {
            input.pointee.append(connection.pipes[end].take())
            hasCome = true
        }
        if hasCome {
            renewLease(receiver.node)
            node.replicator.receive(link: receiver.link, &input.pointee, moment(receiver.node))
            obey(receiver.node)
            drain(receiver.node)
            planTurn(receiver.node, in: Int64(random.below(4)))
            // There is room again.
            let sender = connection.ends[end]
            if sender.isOpen, let other = running(sender.node, sender.life), let at = other.index(link: sender.link) {
                pump(other, other.links[at])
                planTurn(sender.node, in: 1)
            }
        }
        if connection.pipes[end].isEmpty, connection.pipes[end].isFinished {
            queue.insert(.lose(connection: number, end: 1 - end, reason: "end of stream"), at: now)
        } else {
            planArrival(number, end)
        }
    }

    // MARK: endings

    /// The node itself wants a link closed, after what it still has to say.
    func close(_ index: Int, _ link: Int) {
        guard let node = slots[index].node, let at = node.index(link: link), !node.links[at].isClosing else { return }
        node.links[at].isClosing = true
        let number = node.links[at].connection
        let end = node.links[at].end
        // It is given a second for it; what is not through by then is not said.
        if let output = node.replicator.output(link: link), !cuts[index][connections[number].ends[1 - end].node] {
            while !output.pointee.isEmpty { send(output, min(output.pointee.count, 1 << 16), number, end) }
        }
        connections[number].pipes[end].isFinished = true
        planArrival(number, end)
        queue.insert(.lose(connection: number, end: end, reason: "closed"), at: now + Int64(random.below(20)))
    }

    /// A node learns that its end is gone.
    func lose(_ number: Int, _ end: Int, _ reason: String) {
        let connection = connections[number]
        let here = connection.ends[end]
        guard here.isOpen else { return }
        connection.ends[end].isOpen = false
        connection.pipes[1 - end].discard()
        if !connection.isSilent {
            connection.pipes[end].isFinished = true
            planArrival(number, end)
        }
        guard let node = running(here.node, here.life) else { return }
        note("\(slots[here.node].number) loses connection \(number): \(reason)")
        node.removeLink(here.link)
        node.replicator.closed(link: here.link, reason: reason, moment(here.node))
        obey(here.node)
        planTurn(here.node, in: 0)
    }

    /// Breaks a connection in the middle of what is under way.
    func reset(_ number: Int) {
        note("connection \(number) breaks")
        for end in 0...1 {
            let pipe = connections[number].pipes[end]
            if !pipe.isEmpty {
                // Some of it still comes.
                let kept = random.below(pipe.chunks.count - pipe.head + 1)
                connections[number].pipes[end].truncate(chunks: kept)
            }
            queue.insert(
                .lose(connection: number, end: end, reason: "Connection reset by peer"),
                at: now + Int64(random.below(50)))
        }
    }

    func heal(_ from: Int, _ to: Int) {
        cuts[from][to] = false
        note("\(slots[from].number) reaches \(slots[to].number) again")
        for number in connections.indices {
            let ends = connections[number].ends
            for end in 0...1 where ends[end].node == from && ends[1 - end].node == to { planArrival(number, end) }
        }
    }

    /// Connections with an open end at both sides.
    var openConnections: [Int] {
        connections.indices.filter { connections[$0].ends[0].isOpen && connections[$0].ends[1].isOpen }
    }
}
