/// A worker's connections: made, greeted, lost and made again.
import Base
import Client
import OS

extension LoadWorker {
    private static let greetingMilliseconds: Int64 = 10_000

    /// Connects all and waits for their greetings; false when that failed and has been told.
    func connectAll() -> Bool {
        for index in 0..<connectionCount {
            if board.isStopped { return false }
            do {
                let target = plan.targets[connections[index].node]
                connections[index].socket = try target.connect()
                try adopt(index)
                greet(index)
            } catch {
                board.fail(BenchFailure(description: error.description, exitStatus: 3))
                return false
            }
        }
        let deadline = SystemClock.monotonicMilliseconds + Self.greetingMilliseconds
        while openCount < connectionCount, !board.isStopped {
            _ = turnWithoutSending(milliseconds: 10)
            if SystemClock.monotonicMilliseconds > deadline {
                board.fail(BenchFailure(description: "the server does not answer", exitStatus: 3))
            }
        }
        return !board.isStopped
    }

    private func adopt(_ index: Int) throws(SystemError) {
        Socket.setNoDelay(connections[index].socket)
        try poller.add(connections[index].socket, token: UInt64(index))
    }

    /// The connection is there: says what it has to say first.
    private func greet(_ index: Int) {
        let target = plan.targets[connections[index].node]
        let prologue = target.prologue
        connections[index].database = target.endpoint.database
        connections[index].prologueLeft = prologue.replies
        connections[index].state = .greeting
        if prologue.replies == 0 { return didOpen(index) }
        connections[index].output.append(prologue.bytes)
        send(index)
    }

    /// A reply to what was said first.
    func greeted(_ index: Int) {
        connections[index].prologueLeft -= 1
        if connections[index].scanner.isError {
            let text = errorText(index)
            let isRefusal = ["WRONGPASS", "NOAUTH", "NOPERM", "ERR AUTH", "ERR Client sent AUTH"].contains {
                text.hasPrefix($0)
            }
            let name = plan.targets[connections[index].node].name
            board.fail(BenchFailure(description: "\(name): \(text)", exitStatus: isRefusal ? 4 : 1))
            return
        }
        if connections[index].prologueLeft == 0 { didOpen(index) }
    }

    private func didOpen(_ index: Int) {
        connections[index].state = .open
        openCount += 1
        if startAt > 0 { mayStart(index) }
    }

    /// A reply nobody waits for: an error that ends the connection, or nonsense.
    func unexpected(_ index: Int) {
        let name = plan.targets[connections[index].node].name
        let text = connections[index].scanner.isError ? errorText(index) : "a reply to nothing"
        board.fail(BenchFailure(description: "\(name): \(text)", exitStatus: 1))
    }

    // MARK: Loss

    /// The other end is gone, and with it what was sent and not answered.
    func lose(_ index: Int) {
        abandonPending(index, as: "CONNECTION")
        drop(index)
        connections[index].retryAt = SystemClock.monotonicNanoseconds + Self.retryNanoseconds
        // A client that takes turns goes on with its other connections.
        if startAt > 0, isClosedLoop, plan.takesTurns {
            var other = connections[index].successor
            while other != index, connections[other].state != .open { other = connections[other].successor }
            if other != index { mayStart(other) }
        }
    }

    private func drop(_ index: Int) {
        if connections[index].state == .open { openCount -= 1 }
        if connections[index].socket >= 0 { Socket.close(connections[index].socket) }
        connections[index].socket = -1
        connections[index].state = .closed
        connections[index].output.removeAll()
        connections[index].carry.removeAll()
        connections[index].scanner = ReplyScanner()
        connections[index].prologueLeft = 0
        connections[index].unmarked = 0
    }

    func abandonPending(_ index: Int, as code: String) {
        while connections[index].pending.count > 0 {
            let request = connections[index].pending.removeFirst()
            pendingTotal -= 1
            guard request.command >= 0 else { continue }
            if plan.tracksKeys, request.key < unacknowledged.count { unacknowledged[request.key] += 1 }
            // Whoever stops a run does not wait for what is on its way.
            guard request.isMeasured, !board.isStopped else { continue }
            counts[connections[index].node * commandCount + Int(request.command)].errors += 1
            errors[code, default: 0] += 1
        }
    }

    /// Ends a connection on purpose, for a new one in its place.
    func reconnect(_ index: Int) {
        drop(index)
        beginConnecting(index)
    }

    func reviveConnections() {
        let now = SystemClock.monotonicNanoseconds
        for index in 0..<connectionCount
        where connections[index].state == .closed && now >= connections[index].retryAt {
            beginConnecting(index)
        }
    }

    private func beginConnecting(_ index: Int) {
        let node = connections[index].node
        connections[index].retryAt = SystemClock.monotonicNanoseconds + Self.retryNanoseconds
        do {
            if plan.targets[node].endpoint.socketPath != nil {
                connections[index].socket = try plan.targets[node].connect()
                try adopt(index)
                return greet(index)
            }
            guard let address = addresses[node].first else { return }
            connections[index].socket = try address.beginConnecting()
            connections[index].state = .connecting
            try adopt(index)
        } catch {
            drop(index)
        }
    }

    func finishConnecting(_ index: Int) {
        if Socket.pendingError(connections[index].socket) != 0 {
            drop(index)
            return
        }
        greet(index)
    }
}
