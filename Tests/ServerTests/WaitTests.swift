/// WAIT with a loop and a peer thread: who is woken when peers acknowledge, and who goes without.
import Base
import Commands
import Replication
import Synchronization
import TestSupport
import Testing

@testable import Server

@Suite struct WaitTests {
    private func waiting(_ node: PeerNode, _ count: Int) -> Bool {
        poll(forSeconds: 20) { node.shared.counters[0].clientsWaiting.load(ordering: .relaxed) == count }
    }

    private func isHeld(_ node: PeerNode, _ count: Int) -> Bool {
        poll(forSeconds: 20) { node.shared.counters[0].blockedClients.load(ordering: .relaxed) == count }
    }

    @Test("It replies as soon as enough peers have everything, with how many have")
    func acknowledged() throws {
        let node = try PeerNode(servesClients: true)
        let client = try node.client()
        #expect(try client.call("SET", "k", "v") == .ok)
        let position = node.shared.node.window.end
        client.enqueue([Array("WAIT".utf8), Array("2".utf8), Array("0".utf8)])
        // Pipelined behind it, and answered after it.
        client.enqueue([Array("PING".utf8)])
        try client.flush()
        #expect(waiting(node, 1))
        node.script.acknowledge(position, by: 2)
        node.script.acknowledge(position - 1, by: 3)
        #expect(poll(forSeconds: 20) { node.shared.node.acknowledgements.noteCount == 2 })
        // Written meanwhile by another: not what this client waits for.
        #expect(try node.client().call("SET", "other", "v") == .ok)
        #expect(waiting(node, 1))
        node.script.acknowledge(position, by: 3)
        #expect(try client.receive() == .integer(2))
        #expect(try client.receive() == .simple(Array("PONG".utf8)))
        #expect(waiting(node, 0) && isHeld(node, 0))
        node.end()
    }

    @Test("When the time is over it replies with how many there are")
    func timeout() throws {
        let node = try PeerNode(servesClients: true)
        let client = try node.client()
        #expect(try client.call("SET", "k", "v") == .ok)
        node.script.acknowledge(node.shared.node.window.end, by: 2)
        #expect(poll(forSeconds: 20) { node.shared.node.acknowledgements.noteCount == 1 })
        var reply: Reply?
        let taken = try secondsTaken { reply = try client.call("WAIT", "2", "200") }
        #expect(reply == .integer(1))
        // Not at the next tick of the loop, but when it is over.
        #expect(taken >= 0.199 && taken < 0.28)
        #expect(try client.call("WAITAOF", "0", "1", "10") == .array([.integer(0), .integer(0)]))
        #expect(waiting(node, 0))
        node.end()
    }

    @Test("CLIENT UNBLOCK and CLIENT KILL end it, and so does the client itself")
    func unblocked() throws {
        let node = try PeerNode(servesClients: true)
        let (client, other) = (try node.client(), try node.client())
        guard case .integer(let id) = try client.call("CLIENT", "ID") else { return #expect(Bool(false)) }
        for (reason, expected) in [
            ("TIMEOUT", Reply.integer(0)),
            ("ERROR", .error(Array("UNBLOCKED client unblocked via CLIENT UNBLOCK".utf8))),
        ] {
            client.enqueue([Array("WAIT".utf8), Array("1".utf8), Array("0".utf8)])
            try client.flush()
            #expect(waiting(node, 1))
            #expect(try other.call("CLIENT", "UNBLOCK", "\(id)", reason) == .integer(1))
            #expect(try client.receive() == expected)
            #expect(waiting(node, 0))
        }
        client.enqueue([Array("WAIT".utf8), Array("1".utf8), Array("0".utf8)])
        try client.flush()
        #expect(waiting(node, 1))
        #expect(try other.call("CLIENT", "KILL", "ID", "\(id)") == .integer(1))
        #expect(waiting(node, 0))
        let third = try node.client()
        third.enqueue([Array("WAIT".utf8), Array("1".utf8), Array("0".utf8)])
        try third.flush()
        #expect(waiting(node, 1))
        third.close()
        #expect(waiting(node, 0) && isHeld(node, 0))
        node.end()
    }

    @Test("Frames that a loop writes wake the peer thread that sleeps")
    func bell() throws {
        let node = try PeerNode(servesClients: true)
        let (peer, _) = try node.connect()
        let client = try node.client()
        for round in 1...50 {
            let before = node.script.with { $0.turns }
            #expect(try client.call("SET", "k", "\(round)") == .ok)
            #expect(poll(forSeconds: 20) { node.script.with { $0.turns } > before })
        }
        _ = peer
        node.end()
    }
}
