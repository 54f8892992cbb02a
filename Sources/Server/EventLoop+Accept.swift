/// How connections come in: the first loop accepts and hands each to the loop with the fewest clients.
import Base
import Commands
import Core
import Engine
import OS
import RESP
import Synchronization

extension EventLoop {
    /// Connections taken in one go, so that a flood of them does not stop the turn.
    private static let acceptsPerTurnMax = 128

    func accept(_ token: UInt64) {
        let listener = listeners[Int(token - Self.listenerTokenFirst)]
        for _ in 0..<Self.acceptsPerTurnMax {
            let descriptor = Socket.accept(listener)
            if descriptor < 0 {
                let isOrdinary = [Refusal.wouldBlock, Refusal.connectionAborted].contains(Int(descriptor))
                if !isOrdinary { reportAcceptFailure(descriptor) }
                return
            }
            LoopCounters.bump(counters.connectionsReceived, 1)
            if let refusal = refusal(descriptor) {
                LoopCounters.bump(counters.connectionsRejected, 1)
                _ = Socket.send(descriptor, ByteView(refusal.reply))
                reportRefusal(refusal.reason, descriptor)
                Socket.close(descriptor)
                continue
            }
            shared.clientCount.add(1, ordering: .relaxed)
            let client = shared.nextClient.add(1, ordering: .relaxed).oldValue
            let target = leastLoadedLoop()
            if target == index {
                adopt(descriptor, client)
            } else {
                shared.counters[target].clients.add(1, ordering: .relaxed)
                shared.mailboxes[target].post(.adopt(descriptor: descriptor, client: client))
            }
        }
    }

    private func refusal(_ descriptor: Int32) -> (reply: StaticString, reason: StaticString)? {
        if shared.isDraining.load(ordering: .relaxed) {
            return ("-ERR Server is shutting down\r\n", "the server is shutting down")
        }
        if shared.clientCount.load(ordering: .relaxed) >= limits.clientsMax {
            return ("-ERR max number of clients reached\r\n", "maxclients are connected")
        }
        if limits.isProtected, limits.password.isEmpty, !Socket.peerIsLoopback(descriptor) {
            return (protectedText, "protected mode, and no password is set")
        }
        return nil
    }

    private func leastLoadedLoop() -> Int {
        var best = 0
        for candidate in 1..<max(shared.counters.count, 1)
        where shared.counters[candidate].clients.load(ordering: .relaxed)
            < shared.counters[best].clients.load(ordering: .relaxed)
        {
            best = candidate
        }
        return best
    }

    func adopt(_ descriptor: Int32, _ client: UInt64) {
        Socket.setNoDelay(descriptor)
        if Socket.peerIsLoopback(descriptor) { Socket.expectNoCongestion(descriptor) }
        if limits.keepAliveSeconds > 0 { Socket.setKeepAlive(descriptor, seconds: limits.keepAliveSeconds) }
        let address = Socket.peerAddress(descriptor)
        var session = Session(id: client, isAuthenticated: limits.password.isEmpty)
        session.address = Array(address.utf8)
        let slot = connections.insert(
            Connection(
                descriptor: descriptor, session: session, address: address,
                localAddress: Socket.localAddress(descriptor),
                nowMilliseconds: steadyMilliseconds))
        counters.clients.store(connections.count, ordering: .relaxed)
        do {
            try poller.add(descriptor, token: ConnectionTable.token(slot: slot, client: client))
        } catch {
            close(slot)
        }
    }
}

private let protectedText: StaticString =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"
