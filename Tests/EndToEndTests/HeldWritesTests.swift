/// What the disk has not been told makes clients' writes wait, and their replies, and nothing else does.
import Foundation
import TestSupport
import Testing

@Suite struct HeldWritesTests {
    @Test("No write is given a stamp behind the lease on the disk; it waits for the next lease, and reads do not")
    func endOfLease() throws {
        let directory = try TemporaryDirectory()
        let still = directory.file("still")
        let server = try DurableServer(
            in: directory, ["--threads", "2"],
            environment: ["LD_PRELOAD": try Shim.still.build(in: directory), "STILL_DISK_WHILE": still])
        var clients = try (0..<4).map { _ in try server.connect() }
        for (number, client) in clients.enumerated() { _ = try client.increment("key:\(number)") }
        // Or its age would make them wait.
        _ = try clients[0].call("WAITAOF", "1", "0", "5000")
        _ = try directory.write("", to: "still")
        var lease: Int64 = 0
        let isNear = try poll(forSeconds: 20) {
            lease = try directory.leaseMilliseconds()
            return nowMilliseconds() > lease - 150
        }
        try #require(isNear, "the lease goes on to \(lease)")

        // Long enough for the lease to end.
        for client in clients { client.timeoutSeconds = 1 }
        var waiting: [RESPClient] = []
        var latest: Int64 = 0
        let areAllHeld = try poll(forSeconds: 30) {
            for (number, client) in clients.enumerated() {
                guard let written = try client.increment("key:\(number)") else {
                    waiting.append(client)
                    continue
                }
                latest = max(latest, written)
            }
            clients.removeAll { client in waiting.contains { $0 === client } }
            return clients.isEmpty
        }
        #expect(areAllHeld)
        #expect(latest < lease, "\(latest - lease) ms behind the lease")
        #expect(try directory.leaseMilliseconds() == lease)
        #expect(try server.connect().call("GET", "key:0").string != nil)

        try FileManager.default.removeItem(atPath: still)
        for client in waiting {
            client.timeoutSeconds = 20
            #expect(try client.receive().integerValue != nil)
        }
        server.end(SIGTERM)
    }

    @Test("With `no` no write waits for a sync") func lazySyncs() throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(in: directory, ["--fsync", "no"])
        let client = try server.connect()
        // Every write must be answered sooner than the next sync comes, which is ten seconds after the last.
        client.timeoutSeconds = 5
        let end = Date().addingTimeInterval(3.5)
        while Date() < end { #expect(try client.call("INCR", "counter").integerValue != nil) }
        server.end(SIGTERM)
    }

    @Test("With `always` a client that never stops asking is answered all the same") func neverStops() throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(in: directory, ["--fsync", "always", "--threads", "1"])
        let client = try server.connect()
        let request = Array("*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n".utf8)
        // Ten thousand a second whatever comes back, so that the server never finds nothing to read.
        var (sent, answered) = (0, 0)
        var waiting: [Int] = []
        let start = Date()
        while Date().timeIntervalSince(start) < 2 {
            guard Double(sent) < Date().timeIntervalSince(start) * 10_000 else { continue }
            if client.sendWithoutReading(raw: request) == request.count { sent += 1 }
            answered += client.takeAvailable().count { $0 == UInt8(ascii: "\n") }
            waiting.append(sent - answered)
        }
        let usually = waiting.sorted()[waiting.count / 2]
        #expect(usually < 500, "\(usually) requests wait for their replies, of \(sent)")
        server.end(SIGTERM)
    }

    @Test("With `always` a disk that does not answer holds back every reply, and the watchdog does not mind")
    func hangingSync() throws {
        let directory = try TemporaryDirectory()
        let manager = try NotifySocket(in: directory)
        let still = directory.file("still")
        let server = try DurableServer(
            in: directory, ["--fsync", "always", "--threads", "2"],
            environment: [
                "LD_PRELOAD": try Shim.still.build(in: directory), "STILL_SYNC_WHILE": still,
                "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000",
            ])
        let clients = try (0..<4).map { _ in try server.connect() }
        for client in clients { #expect(try client.call("INCR", "counter").integerValue != nil) }
        _ = try directory.write("", to: "still")
        for client in clients {
            client.enqueue(["INCR", "counter"].map { Array($0.utf8) })
            try client.flush()
        }
        // Long enough for a loop that stands still to be missed.
        #expect(manager.hears("WATCHDOG=1", count: manager.messages.count + 12))
        for client in clients { #expect(client.takeAvailable().isEmpty) }
        #expect(!server.process.output.contains("loops stand still"))

        try FileManager.default.removeItem(atPath: still)
        var seen: [Int64] = []
        for client in clients {
            client.timeoutSeconds = 20
            seen.append(try #require(try client.receive().integerValue))
        }
        #expect(seen.sorted() == [5, 6, 7, 8])
        // The disk was slow a moment ago, and is quick again.
        for number in 9..<40 { #expect(try clients[number % 4].call("INCR", "counter") == .integer(Int64(number))) }
        server.end(SIGKILL)
        let restarted = try DurableServer(in: directory)
        #expect(try restarted.connect().call("GET", "counter").string == "39")
        restarted.end(SIGTERM)
    }

    @Test("With `always` what a peer has sent goes to the disk when it comes, not at the next tick")
    func peersFrames() throws {
        let (directory, peerDirectory) = (try TemporaryDirectory(), try TemporaryDirectory())
        let peerPort = try ServerProcess.freePort()
        let peer = try DurableServer(
            in: peerDirectory, ["--fsync", "always", "--peer-port", "\(peerPort)", "--node-id", "1"])
        let server = try DurableServer(
            in: directory, ["--fsync", "always", "--node-id", "2", "--peer", "127.0.0.1:\(peerPort)"])
        let client = try server.connect()
        #expect(try poll(forSeconds: 20) { try client.call("SET", "writable", "1") == .ok })
        let start = Date()
        for _ in 0..<100 {
            #expect(try client.call("INCR", "counter").integerValue != nil)
            #expect(try client.call("WAITAOF", "1", "1", "5000") == .array([.integer(1), .integer(1)]))
        }
        // Ten ticks a second would make it ten seconds.
        #expect(Date().timeIntervalSince(start) < 5)
        server.end(SIGTERM)
        peer.end(SIGTERM)
    }

    @Test("What one turn writes may be more than the window holds: the log's reader is fetched", arguments: [1, 2])
    func turnLargerThanWindow(threads: Int) throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(
            in: directory, ["--fsync", "always", "--window-bytes", "1mb", "--threads", "\(threads)"])
        let value = String(repeating: "x", count: 20_000)
        let clients = try (0..<4).map { _ in try server.connect() }
        // Unless it is fetched it comes by itself after half a second, several times in each round.
        let start = Date()
        for round in 0..<60 {
            for client in clients {
                for key in 0..<40 { client.enqueue(["SET", "\(key)", value].map { Array($0.utf8) }) }
                try client.flush()
            }
            for client in clients {
                for _ in 0..<40 { #expect(try client.receive() == .ok, "in round \(round)") }
            }
        }
        #expect(Date().timeIntervalSince(start) < 15)
        server.end(SIGTERM)
    }

    @Test("Who sets `always` is owed that from the next write on, and who takes it back is not")
    func changedWhileRunning() throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(in: directory, ["--fsync", "no"])
        let client = try server.connect()
        for _ in 0..<20 {
            #expect(try client.call("CONFIG", "SET", "appendfsync", "always") == .ok)
            #expect(try client.call("INCR", "counter").integerValue != nil)
            // Already there: it does not have to wait.
            let synced = try client.call("WAITAOF", "1", "0", "1")
            #expect(synced.elements?.first?.integerValue == 1)
            #expect(try client.call("CONFIG", "SET", "appendfsync", "no") == .ok)
            #expect(try client.call("INCR", "counter").integerValue != nil)
        }
        server.end(SIGTERM)
    }
}
