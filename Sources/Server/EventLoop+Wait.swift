/// WAIT and WAITAOF: clients that wait until peers have what was written before; and all who wait for a time.
import Base
import Commands
import Core
import Engine
import RESP
import Replication
import Synchronization

/// What a client waits for.
struct PeerWait {
    let request: PeerWaitRequest
    /// Where the window ended when it asked.
    let position: UInt64
    let untilMilliseconds: Int64
}

extension EventLoop {
    func wait(_ request: PeerWaitRequest, _ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        let now = steadyMilliseconds
        let until = request.timeoutMilliseconds == 0 ? Int64.max : now + Int64(request.timeoutMilliseconds)
        let wait = PeerWait(request: request, position: node.window.end, untilMilliseconds: until)
        if isSatisfied(wait) { return tell(wait, connection) }
        hold(slot, connection, .peers(wait))
        // What was acknowledged before this loop was known to have somebody who waits was told to nobody.
        guard isSatisfied(wait) else { return }
        tell(wait, connection)
        letGo(slot, connection)
    }

    private func isSatisfied(_ wait: PeerWait) -> Bool {
        node.acknowledgements.count(wait.request.kind, upTo: wait.position) >= wait.request.peerCount
            && (!wait.request.waitsForDisk || node.isOnDisk(wait.position))
    }

    /// The reply, whether enough have acknowledged or the time is over.
    func tell(_ wait: PeerWait, _ connection: UnsafeMutablePointer<Connection>) {
        let count = node.acknowledgements.count(wait.request.kind, upTo: wait.position)
        connection.reply.pointee.acknowledged(
            wait.request.kind, peers: count, isOnDisk: node.isOnDisk(wait.position))
    }

    /// When somebody's time is over, when peers have acknowledged something, and at every tick.
    func lookAfterHeld() {
        guard !held.isEmpty || nextDeadlineMilliseconds < .max else { return }
        nextDeadlineMilliseconds = .max
        let now = steadyMilliseconds
        for slot in held {
            guard let connection = connections[slot], let deadline = connection.pointee.hold.deadlineMilliseconds
            else { continue }
            if case .peers(let wait) = connection.pointee.hold, deadline <= now || isSatisfied(wait) {
                tell(wait, connection)
                letGo(slot, connection)
            } else if case .timer = connection.pointee.hold, deadline <= now {
                connection.reply.pointee.ok()
                letGo(slot, connection)
            } else {
                nextDeadlineMilliseconds = min(nextDeadlineMilliseconds, deadline)
            }
        }
    }

    /// The connection is about to go on, or to end.
    func forgetWaiting(_ connection: UnsafeMutablePointer<Connection>) {
        guard case .peers = connection.pointee.hold else { return }
        counters.clientsWaiting.subtract(1, ordering: .relaxed)
    }
}
