/// The peer thread of a node over real sockets of the loopback, obeying a script; by itself or beside a loop.
import Base
import Commands
import Core
import OS
import Options
import Replication
import Synchronization
import TestSupport
import Testing

@testable import Server

final class PeerNode {
    let shared: Shared
    let script: Script
    let port: UInt16
    private let directory: TemporaryDirectory
    private let thread: Thread
    private let loop: Thread?
    private let clientPort: UInt16
    private var hasEnded = false

    init(bufferBytes: Int = 1 << 20, servesClients: Bool = false) throws {
        directory = try TemporaryDirectory()
        let logger = try Logger(level: .error, path: directory.file("log"))
        var settings = RuntimeSettings()
        settings.windowBytes = 1 << 20
        shared = try Runtime.makeShared(settings, port: 0, peerPort: 0, try Stop(), logger)
        script = Script(shared.peers)
        let listener = try Socket.listen(address: "127.0.0.1", port: 0).release()
        port = Socket.localPort(listener)
        var options = PeerOptions()
        options.bufferBytes = bufferBytes
        let (shared, script) = (shared, script)
        let resolver = try Resolver(answeringTo: shared.peers)
        thread = try Thread.start(name: "test-peers") { [options] in
            do {
                try PeerThread(
                    shared: shared, options: options, listeners: [listener], resolver: resolver,
                    machine: ScriptedMachine(script, shared.node.acknowledgements)
                ).run()
            } catch {
                Issue.record(error)
            }
            Socket.close(listener)
        }
        let clients = try Socket.listen(address: "127.0.0.1", port: 0).release()
        clientPort = Socket.localPort(clients)
        guard servesClients else {
            Socket.close(clients)
            loop = nil
            return
        }
        loop = try Thread.start(name: "test-loop") {
            do { try EventLoop(index: 0, shared: shared, listeners: [clients]).run() } catch { Issue.record(error) }
            Socket.close(clients)
        }
    }

    func client() throws -> RESPClient { try RESPClient(port: Int(clientPort)) }

    deinit { end() }

    /// Returns how many seconds the farewell took.
    @discardableResult
    func end() -> Double {
        guard !hasEnded else { return 0 }
        hasEnded = true
        if let loop {
            shared.isDraining.store(true, ordering: .releasing)
            shared.mailboxes[0].post(.drain)
            loop.join()
        }
        shared.peers.post(.end)
        return secondsTaken { thread.join() }
    }

    func waitFor(_ event: String, count: Int = 1, _ location: SourceLocation = #_sourceLocation) {
        let isThere = poll(forSeconds: 20) { script.events.filter { $0.hasPrefix(event) }.count >= count }
        #expect(isThere, "no \(count) × '\(event)' in \(script.events)", sourceLocation: location)
    }

    /// Somebody who connects to the peer port, and the number his link has got.
    func connect() throws -> (peer: TestPeer, link: Int) {
        let before = script.with { $0.openLinks }
        let peer = TestPeer(try Socket.connect(address: "127.0.0.1", port: port).release())
        var link: Int?
        poll(forSeconds: 20) {
            link = script.with { $0.openLinks }.first { !before.contains($0) }
            return link != nil
        }
        return (peer, try #require(link))
    }
}

/// The other end of a link.
final class TestPeer {
    let descriptor: Int32
    private var isOpen = true

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    func close() {
        if isOpen { Socket.close(descriptor) }
        isOpen = false
    }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        poll(forSeconds: 20) {
            let count = bytes[sent...].withUnsafeBytes { raw in
                raw.baseAddress.map { Socket.send(descriptor, $0, count: raw.count) } ?? 0
            }
            sent += max(count, 0)
            return sent == bytes.count
        }
        #expect(sent == bytes.count)
    }

    /// Reads until `count` bytes are there or the stream has ended.
    func read(_ count: Int = .max) -> (bytes: [UInt8], endsCleanly: Bool) {
        var buffer = ByteBuffer()
        var end: Int?
        poll(forSeconds: 20) {
            while buffer.count < count, end == nil {
                buffer.reserve(1 << 16)
                let got = Socket.receive(
                    descriptor, into: buffer.writable, count: min(buffer.writableCount, count - buffer.count))
                if got == Refusal.wouldBlock { return false }
                if got > 0 { buffer.commit(got) } else { end = got }
            }
            return true
        }
        return (buffer.array, end == 0)
    }
}
