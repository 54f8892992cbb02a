/// What the disk has not been told makes clients' writes wait, and their replies, and nothing else does.
import Foundation
import TestSupport
import Testing

@Suite struct HeldWritesTests {
    private func nowMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    /// What the identity says of the lease: `Identity.swift` has the format.
    private func leaseMilliseconds(in directory: TemporaryDirectory) throws -> Int64 {
        let file = try Data(contentsOf: URL(fileURLWithPath: directory.file("data") + "/identity"))
        func number(_ offset: Int) -> Int64 {
            (0..<8).reduce(0) { $0 | Int64(file[offset + $1]) << (8 * Int64($1)) }
        }
        let copies = [4096, 4096 + Int(number(16))]
        return copies.map { number($0 + 40) }.max() ?? 0
    }

    /// One increment and when it was written; nil where it has to wait.
    private func increment(_ key: String, _ client: RESPClient) throws -> Int64? {
        client.enqueue(["INCR", key].map { Array($0.utf8) })
        client.enqueue(["A2.META", key].map { Array($0.utf8) })
        guard (try? client.receive()) != nil else { return nil }
        let fields = try #require(try client.receive().elements)
        let name = try #require(fields.firstIndex { $0.string == "written-ms" })
        return fields[name + 1].integerValue
    }

    @Test("No write is given a stamp behind the lease on the disk; it waits for the next lease, and reads do not")
    func endOfLease() throws {
        let directory = try TemporaryDirectory()
        let still = directory.file("still")
        let server = try DurableServer(
            in: directory, ["--threads", "2"],
            environment: ["LD_PRELOAD": try Shim.still.build(in: directory), "STILL_DISK_WHILE": still])
        var clients = try (0..<4).map { _ in try server.connect() }
        for (number, client) in clients.enumerated() { _ = try increment("key:\(number)", client) }
        // Or its age would make them wait.
        _ = try clients[0].call("WAITAOF", "1", "0", "5000")
        _ = try directory.write("", to: "still")
        var lease: Int64 = 0
        let isNear = try poll(forSeconds: 20) {
            lease = try leaseMilliseconds(in: directory)
            return nowMilliseconds() > lease - 150
        }
        try #require(isNear, "the lease goes on to \(lease)")

        // Long enough for the lease to end.
        for client in clients { client.timeoutSeconds = 1 }
        var waiting: [RESPClient] = []
        var latest: Int64 = 0
        let areAllHeld = try poll(forSeconds: 30) {
            for (number, client) in clients.enumerated() {
                guard let written = try increment("key:\(number)", client) else {
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
        #expect(try leaseMilliseconds(in: directory) == lease)
        #expect(try server.connect().call("GET", "key:0").string != nil)

        try FileManager.default.removeItem(atPath: still)
        for client in waiting {
            client.timeoutSeconds = 20
            #expect(try client.receive().integerValue != nil)
        }
        server.end(SIGTERM)
    }

    @Test("Behind a peer whose clock is ahead no stamp is given that the disk does not know of")
    func peerAhead() throws {
        let (directory, other) = (try TemporaryDirectory(), try TemporaryDirectory())
        let ports = [try ServerProcess.freePort(), try ServerProcess.freePort()]
        func linked(_ own: Int) -> [String] {
            ["--node-id", "\(own + 1)", "--peer-port", "\(ports[own])", "--peer", "127.0.0.1:\(ports[1 - own])"]
        }
        let ahead = try DurableServer(
            in: other, linked(1),
            environment: [
                "LD_PRELOAD": try Shim.clock.build(in: other),
                "SET_CLOCK_FILE": try other.write("20", to: "offset"),
            ])
        let server = try DurableServer(in: directory, linked(0))
        let (far, near) = (try ahead.connect(), try server.connect())
        #expect(try poll(forSeconds: 30) { try far.call("SET", "key", "1") == .ok })
        #expect(try poll(forSeconds: 30) { try near.call("GET", "key").string == "1" })
        let written = try #require(try increment("key", near))
        #expect(written > nowMilliseconds() + 10_000, "the peer's clock is not ahead")
        #expect(try leaseMilliseconds(in: directory) > written)
        ahead.end(SIGTERM)
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

    @Test("A clock that is set back stops nothing: timeouts, expiry, rates and the log go on")
    func clockSetBack() throws {
        let directory = try TemporaryDirectory()
        let offset = try directory.write("0", to: "offset")
        let server = try DurableServer(
            in: directory,
            environment: ["LD_PRELOAD": try Shim.clock.build(in: directory), "SET_CLOCK_FILE": offset])
        let (client, other) = (try server.connect(), try server.connect())
        #expect(try client.call("SET", "before", "1") == .ok)
        _ = try directory.write("-3600", to: "offset")
        // The hour is waited for by nobody.
        client.timeoutSeconds = 20
        #expect(try client.call("SET", "fleeting", "1", "PX", "1") == .ok)
        #expect(try client.call("WAIT", "1", "100") == .integer(0))
        #expect(try client.call("CLIENT", "PAUSE", "200", "ALL") == .ok)
        #expect(try client.call("GET", "before").string == "1")
        let isSwept = try poll(forSeconds: 20) { try other.call("DBSIZE") == .integer(1) }
        #expect(isSwept, "what has expired is still there")
        let logEnd = try #require(Int(try server.info("a2_log_end")))
        #expect(try client.call("SET", "after", "1") == .ok)
        let isTold = try poll(forSeconds: 20) { try Int(server.info("a2_log_end")) ?? 0 > logEnd }
        #expect(isTold, "INFO persistence stands still")
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
