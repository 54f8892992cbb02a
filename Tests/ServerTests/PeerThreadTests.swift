/// Sockets between nodes: how links come about, what slow and dead peers do to them, and how they end.
import Base
import Commands
import Core
import OS
import Replication
import Synchronization
import TestSupport
import Testing

@testable import Server

/// One at a time: some measure time.
@Suite(.serialized) struct PeerThreadTests {
    private func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("A peer that connects is heard, answered, and missed when it goes")
    func accepted() throws {
        let node = try PeerNode()
        let (peer, link) = try node.connect()
        peer.send(text("hello"))
        #expect(poll(forSeconds: 20) { node.script.received(link) == text("hello") })
        node.script.send(text("welcome"), over: link)
        #expect(peer.read(7).bytes == text("welcome"))
        #expect(node.shared.peers.linkCount.load(ordering: .relaxed) == 1)
        peer.close()
        node.waitFor("closed: closed by the peer")
        #expect(node.shared.peers.linkCount.load(ordering: .relaxed) == 0)
    }

    @Test("A link that is reset says so")
    func reset() throws {
        let node = try PeerNode()
        let (peer, link) = try node.connect()
        node.script.send(text("never read"), over: link)
        #expect(poll(forSeconds: 20) { node.shared.peers.outputBytes.load(ordering: .relaxed) == 10 })
        // Closing with something unread resets.
        peer.close()
        node.waitFor("closed: Connection reset by peer")
    }

    @Test("Dialling: by number and by name; what is refused or has no address fails with the reason")
    func dialling() throws {
        let node = try PeerNode()
        let listener = try Socket.listen(address: "127.0.0.1", port: 0)
        let port = Int(Socket.localPort(listener.number))
        node.script.want(.dial(target: 1, address: try PeerAddress(host: "127.0.0.1", port: port)))
        node.waitFor("dialled 1")
        node.script.want(.dial(target: 2, address: try PeerAddress(host: "localhost", port: port)))
        node.waitFor("dialled 2")
        let free = try ServerProcess.freePort()
        node.script.want(.dial(target: 3, address: try PeerAddress(host: "127.0.0.1", port: free)))
        node.waitFor("failed 3: cannot connect to 127.0.0.1:\(free): Connection refused")
        node.script.want(.dial(target: 4, address: try PeerAddress(host: "no-such-host.invalid", port: 1)))
        node.waitFor("failed 4: cannot resolve no-such-host.invalid: ")
        node.script.want(.dial(target: 5, address: try PeerAddress(host: "192.0.2.1", port: 1)))
        node.waitFor("failed 5: 192.0.2.1:1 is another machine: add --peer-secret-file FILE and --peer-plaintext")
    }

    @Test("A dial that nobody answers is given up after five seconds")
    func unanswered() throws {
        let node = try PeerNode()
        // A queue of one that is full: further connections are neither taken nor refused.
        let listener = try Socket.listen(address: "127.0.0.1", port: 0, backlog: 0)
        let port = Socket.localPort(listener.number)
        var queued: [TestPeer] = []
        for _ in 0..<4 {
            do throws(SystemError) {
                queued.append(
                    TestPeer(
                        try Socket.connect(address: "127.0.0.1", port: port, timeoutMilliseconds: 200).release()))
            } catch { break }
        }
        let taken = try secondsTaken {
            node.script.want(.dial(target: 1, address: try PeerAddress(host: "127.0.0.1", port: Int(port))))
            node.waitFor("failed 1: cannot connect to 127.0.0.1:\(port): no answer")
        }
        #expect(taken > 4 && taken < 10)
        #expect(!queued.isEmpty)
    }

    @Test("A peer that takes nothing is not read either, until it takes something; others are served")
    func backPressure() throws {
        let node = try PeerNode(bufferBytes: 1 << 20)
        let (slow, slowLink) = try node.connect()
        let (other, otherLink) = try node.connect()
        let sent = [UInt8](repeating: 7, count: 48 << 20)
        node.script.send(sent, over: slowLink)
        #expect(poll(forSeconds: 20) { (node.script.with { $0.pending[slowLink] } ?? 0) > 1 << 20 })
        slow.send(text("unheard"))
        for round in 1...20 {
            other.send(text("x"))
            #expect(poll(forSeconds: 20) { node.script.received(otherLink).count == round })
        }
        #expect(node.script.received(slowLink).isEmpty)
        let read = slow.read(sent.count)
        #expect(read.bytes == sent)
        #expect(poll(forSeconds: 20) { node.script.received(slowLink) == text("unheard") })
    }

    @Test("A machine that wants to send to a peer that takes nothing does not keep the thread up")
    func clogged() throws {
        let node = try PeerNode()
        let (slow, link) = try node.connect()
        node.script.send([UInt8](repeating: 7, count: 16 << 20), over: link)
        #expect(poll(forSeconds: 20) { (node.script.with { $0.pending[link] } ?? 0) > 1 << 20 })
        node.script.with { $0.isEager = true }
        node.shared.peers.wakeUp.signal()
        let before = node.script.with { $0.turns }
        #expect(poll(forSeconds: 20) { node.script.with { $0.turns } > before })
        poll(forSeconds: 0.3) { false }
        #expect(node.script.with { $0.turns } - before < 100)
        #expect(slow.read(16 << 20).bytes.count == 16 << 20)
    }

    @Test("Closing sends what is owed first, and the other end reads all of it")
    func closing() throws {
        let node = try PeerNode()
        let (peer, link) = try node.connect()
        // Unread on this side, which must not make the system take back what was sent.
        peer.send(text("asked"))
        let owed = [UInt8](repeating: 9, count: 12 << 20)
        node.script.send(owed, over: link)
        node.script.want(.close(link: link))
        // More than the system takes at once, so that this comes while it is being sent.
        peer.send(text("more"))
        let read = peer.read()
        #expect(read.bytes == owed && read.endsCleanly)
        node.waitFor("closed: closed by this node")
    }

    @Test("A peer that does not take what is owed is cut off after a second")
    func closingAgainstSilence() throws {
        let node = try PeerNode()
        let (peer, link) = try node.connect()
        node.script.send([UInt8](repeating: 9, count: 32 << 20), over: link)
        let taken = secondsTaken {
            node.script.want(.close(link: link))
            node.waitFor("closed: closed by this node")
        }
        #expect(taken > 0.9 && taken < 5)
        _ = peer
    }

    @Test("Delayed bytes come later, in order, also when the delay is taken back")
    func delay() throws {
        let node = try PeerNode()
        let (peer, link) = try node.connect()
        node.script.with { $0.delayMilliseconds = 300 }
        let start = SystemClock.monotonicMilliseconds
        peer.send(text("one"))
        #expect(poll(forSeconds: 20) { node.shared.peers.inputBytes.load(ordering: .relaxed) == 3 })
        node.script.with { $0.delayMilliseconds = 0 }
        peer.send(text("two"))
        #expect(poll(forSeconds: 20) { node.script.received(link) == text("onetwo") })
        #expect(node.script.with { $0.moments[link] ?? 0 } - start >= 300)
        peer.send(text("three"))
        #expect(poll(forSeconds: 20) { node.script.received(link) == text("onetwothree") })
        // What was said before hanging up is heard before that is.
        node.script.with { $0.delayMilliseconds = 200 }
        peer.send(text("!"))
        #expect(poll(forSeconds: 20) { node.shared.peers.inputBytes.load(ordering: .relaxed) == 12 })
        peer.close()
        node.waitFor("closed")
        #expect(node.script.received(link) == text("onetwothree!"))
    }

    @Test("At the end peers are told, and nobody who does not listen holds it up for long")
    func farewell() throws {
        let node = try PeerNode()
        let (listening, _) = try node.connect()
        #expect(node.end() < 1.5)
        #expect(node.script.events.contains("goodbye"))
        let read = listening.read()
        #expect(read.bytes == text("bye") && read.endsCleanly)

        let other = try PeerNode()
        let (deaf, link) = try other.connect()
        other.script.send([UInt8](repeating: 9, count: 32 << 20), over: link)
        #expect(poll(forSeconds: 20) { (other.script.with { $0.pending[link] } ?? 0) > 1 << 20 })
        let taken = other.end()
        #expect(taken > 1 && taken < 4)
        _ = deaf
    }

    @Test("Requests arrive, and the thread sleeps while nothing happens")
    func requests() throws {
        let node = try PeerNode()
        node.shared.peers.post(.request(.link(node: 3, .delay(milliseconds: 5))))
        node.waitFor("link(node: 3, Commands.LinkPolicy.delay(milliseconds: 5))")
        let turns = node.script.with { $0.turns }
        #expect(turns < 10)
    }
}

@Suite struct PeerPostTests {
    @Test("Under load frames wake the thread four times a millisecond, and rested it wakes at once")
    func pace() {
        var pace = FramePace()
        for position in 1...4 as ClosedRange<UInt64> {
            #expect(!pace.isSpent(7))
            pace.note(position, 7)
        }
        #expect(pace.isSpent(7) && !pace.isSpent(8))
        pace.note(5, 8)
        // Turns for something else than frames do not count.
        for _ in 0..<9 { pace.note(5, 8) }
        #expect(!pace.isSpent(8))
    }

    @Test("The bell rings once, for frames the sleeper has not seen, and not for one who is awake")
    func bell() throws {
        let post = try PeerPost()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        defer { memory.deallocate() }
        let window = Window(capacity: 4096, memory: memory)
        post.bell.ringIfAsleep(window)
        #expect(!post.wakeUp.isPending)
        #expect(post.bell.arm(window, seen: window.end))
        post.bell.ringIfAsleep(window)
        #expect(!post.wakeUp.isPending)
        window.append(ByteView("a frame"), .empty)
        post.bell.ringIfAsleep(window)
        #expect(post.wakeUp.isPending)
        post.wakeUp.clear()
        post.bell.ringIfAsleep(window)
        #expect(!post.wakeUp.isPending)
        // Written between the look and the sleep.
        #expect(!post.bell.arm(window, seen: 0))
        post.bell.ringIfAsleep(window)
        #expect(!post.wakeUp.isPending)
    }
}
