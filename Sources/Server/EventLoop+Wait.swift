/// WAIT and WAITAOF: clients that wait until peers have what was written before.
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
        let now = executor.context.pointee.nowMilliseconds
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
    }

    /// The reply, whether enough have acknowledged or the time is over.
    func tell(_ wait: PeerWait, _ connection: UnsafeMutablePointer<Connection>) {
        let count = node.acknowledgements.count(wait.request.kind, upTo: wait.position)
        connection.reply.pointee.acknowledged(wait.request.kind, peers: count)
    }

    /// At every tick, and when peers have acknowledged something.
    func lookAfterWaiting() {
        guard counters.clientsWaiting.load(ordering: .relaxed) > 0 else { return }
        let now = executor.context.pointee.nowMilliseconds
        for slot in held {
            guard let connection = connections[slot], case .peers(let wait) = connection.pointee.hold,
                wait.untilMilliseconds <= now || isSatisfied(wait)
            else { continue }
            tell(wait, connection)
            letGo(slot, connection)
        }
    }

    /// The connection is about to go on, or to end.
    func forgetWaiting(_ connection: UnsafeMutablePointer<Connection>) {
        guard case .peers = connection.pointee.hold else { return }
        counters.clientsWaiting.subtract(1, ordering: .relaxed)
    }
}
