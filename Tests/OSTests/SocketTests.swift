/// Sockets, the poller and wake-ups, over the loopback.
import Base
import Glibc
import OS
import Testing

@Suite struct SocketTests {
    /// Waits until the poller reports `token`, at most ten seconds.
    private func wait(_ poller: borrowing Poller, for token: UInt64) -> PollEvent? {
        let deadline = SystemClock.monotonicMilliseconds + 10_000
        while SystemClock.monotonicMilliseconds < deadline {
            let count = poller.wait(timeoutMilliseconds: 1000)
            for index in 0..<count where poller[index].token == token { return poller[index] }
        }
        return nil
    }

    @Test("Bytes travel both ways, edges are reported, the end is seen", arguments: ["127.0.0.1", "::1"])
    func echo(address: String) throws {
        let listener = try Socket.listen(address: address, port: 0)
        let port = Socket.localPort(listener.number)
        let poller = try Poller(capacity: 8)
        try poller.addLevelTriggered(listener.number, token: 1)
        #expect(Socket.accept(listener.number) == Refusal.wouldBlock)

        let client = try Socket.connect(address: address, port: port)
        #expect(wait(poller, for: 1)?.isReadable == true)
        let accepted = Descriptor(owning: Socket.accept(listener.number))
        Socket.setNoDelay(accepted.number)
        #expect(Socket.setKeepAlive(accepted.number, seconds: 300) == 0)
        #expect(Socket.expectNoCongestion(accepted.number) == 0)
        #expect(congestionControl(accepted.number) == "reno")
        try poller.add(accepted.number, token: .max - 1)
        #expect(wait(poller, for: .max - 1)?.isWritable == true)

        let host = address.contains(":") ? "[\(address)]" : address
        #expect(Socket.localAddress(accepted.number) == "\(host):\(port)")
        #expect(Socket.peerAddress(accepted.number) == Socket.localAddress(client.number))
        #expect(Socket.peerIsLoopback(accepted.number))

        var buffer = ByteBuffer(capacity: 64)
        #expect(Socket.receive(accepted.number, into: buffer.writable, count: 64) == Refusal.wouldBlock)
        #expect(Socket.send(client.number, ByteView("hello")) == 5)
        #expect(wait(poller, for: .max - 1)?.isReadable == true)
        #expect(Socket.receive(accepted.number, into: buffer.writable, count: 64) == 5)
        buffer.commit(5)
        #expect(buffer.view == ByteView("hello"))
        // Edge-triggered: what was reported once is not reported again.
        #expect(poller.wait(timeoutMilliseconds: 0) == 0)

        Socket.shutdown(client.number)
        #expect(wait(poller, for: .max - 1)?.isClosed == true)
        #expect(Socket.receive(accepted.number, into: buffer.writable, count: 1) == 0)
    }

    private func congestionControl(_ socket: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16) { name in
            var length = socklen_t(name.count)
            guard let start = name.baseAddress, getsockopt(socket, 6, TCP_CONGESTION, start, &length) == 0 else {
                return ""
            }
            return String(cString: start)
        }
    }

    @Test("Both families listen on one port; a taken port says so")
    func listening() throws {
        let four = try Socket.listen(address: "127.0.0.1", port: 0)
        let port = Socket.localPort(four.number)
        let six = try Socket.listen(address: "::1", port: port)
        #expect(Socket.localPort(six.number) == port)
        let error = #expect(throws: SystemError.self) { _ = try Socket.listen(address: "127.0.0.1", port: port) }
        #expect(error?.description == "cannot listen on 127.0.0.1:\(port): Address already in use")
        let unknown = #expect(throws: SystemError.self) { _ = try Socket.listen(address: "256.0.0.1", port: 1) }
        #expect(unknown?.description.hasPrefix("cannot listen on 256.0.0.1:1: Name or service not known") == true)
    }

    @Test("A wake-up written many times wakes once, and again after it was cleared")
    func wakeUp() throws {
        let wakeUp = try WakeUp()
        let poller = try Poller(capacity: 4)
        try poller.add(wakeUp.descriptor, token: 7, for: .read)
        #expect(poller.wait(timeoutMilliseconds: 0) == 0)
        for _ in 0..<3 {
            for _ in 0..<5 { wakeUp.signal() }
            #expect(wakeUp.isPending)
            #expect(wait(poller, for: 7)?.isReadable == true)
            wakeUp.clear()
            #expect(!wakeUp.isPending)
            #expect(poller.wait(timeoutMilliseconds: 0) == 0)
        }
    }

    @Test("No message is missed when sender and sleeper race")
    func wakeUpRace() throws {
        let wakeUp = try WakeUp()
        let acknowledged = try WakeUp()
        let rounds = 20_000
        let thread = try Thread.start(name: "sender") {
            guard let poller = try? Poller(capacity: 4) else { return }
            try? poller.add(acknowledged.descriptor, token: 1, for: .read)
            for _ in 0..<rounds {
                wakeUp.signal()
                if poller.wait(timeoutMilliseconds: 10_000) == 0 { return }
                acknowledged.clear()
            }
        }
        let poller = try Poller(capacity: 4)
        try poller.add(wakeUp.descriptor, token: 1, for: .read)
        var missed = 0
        for _ in 0..<rounds {
            if poller.wait(timeoutMilliseconds: 10_000) == 0 {
                missed += 1
                break
            }
            wakeUp.clear()
            acknowledged.signal()
        }
        thread.join()
        #expect(missed == 0)
    }
}
