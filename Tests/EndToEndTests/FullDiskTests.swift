/// A disk that is full for a while: writes are refused with the reason, reads go on, and writes are taken again by
/// themselves once there is room.
import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct FullDiskTests {
    @Test(
        "While the disk is full reads are answered, and writes are taken again once it has room",
        arguments: ["always", "everysec"])
    func fullForAWhile(fsync: String) throws {
        let directory = try TemporaryDirectory()
        let full = directory.file("full")
        let arguments = ["--fsync", fsync, "--log-segment-bytes", "4mb"]
        let server = try DurableServer(
            in: directory, arguments,
            environment: ["LD_PRELOAD": try Shim.full.build(in: directory), "FULL_DISK_WHILE": full])
        let client = try server.connect()
        #expect(try client.call("SET", "before", "1") == .ok)
        _ = try directory.write("", to: "full")

        // As much as the segments take that are there already, and not a write more.
        let value = String(repeating: "x", count: 100_000)
        var taken = 0
        var refusal = ""
        while taken < 500, refusal.isEmpty {
            let reply = try client.call("SET", "large:\(taken)", value)
            if reply == .ok { taken += 1 } else { refusal = reply.string ?? "\(reply)" }
        }
        #expect(refusal.hasPrefix("MISCONF "), "after \(taken): \(refusal)\n\(server.process.output)")
        #expect(taken > 0)
        let other = try server.connect()
        #expect(try other.call("PING").string == "PONG")
        #expect(try other.call("GET", "before").string == "1")
        #expect(try other.call("DEL", "before").isError)
        #expect(try other.call("GET", "before").string == "1")
        #expect(server.process.output.contains("the disk is full"))

        try FileManager.default.removeItem(atPath: full)
        let isTaken = poll(forSeconds: 20) { (try? other.call("SET", "after", "1")) == .ok }
        #expect(isTaken, "\(server.process.output)")
        #expect(server.process.output.contains("there is room on the disk again"))

        // Nothing of it is lost, and nothing that was refused is there.
        _ = try other.call("WAITAOF", "1", "0", "5000")
        server.end(SIGKILL)
        let restarted = try DurableServer(in: directory, arguments)
        let again = try restarted.connect()
        #expect(try again.call("DBSIZE") == .integer(Int64(taken + 2)))
        #expect(try again.call("GET", "after").string == "1")
        restarted.end(SIGTERM)
    }

    @Test("What peers send while the disk is full waits, whatever its size, and nothing of it is lost")
    func fullBesidePeer() throws {
        let (directory, peerDirectory) = (try TemporaryDirectory(), try TemporaryDirectory())
        let full = directory.file("full")
        let peerPort = try ServerProcess.freePort()
        let peer = try DurableServer(in: peerDirectory, ["--peer-port", "\(peerPort)", "--node-id", "1"])
        let arguments = ["--node-id", "2", "--peer", "127.0.0.1:\(peerPort)", "--log-segment-bytes", "4mb"]
        let server = try DurableServer(
            in: directory, arguments,
            environment: ["LD_PRELOAD": try Shim.full.build(in: directory), "FULL_DISK_WHILE": full])
        let client = try server.connect()
        #expect(try poll(forSeconds: 20) { try client.call("SET", "writable", "1") == .ok })
        _ = try directory.write("", to: "full")

        let writer = try peer.connect()
        let value = String(repeating: "x", count: 1_100_000)
        // Those before the large one fill most of a batch, and are what finds no room first, or it is.
        let smaller = String(repeating: "x", count: 95_000)
        for round in 0..<12 {
            for key in 0..<10 { writer.enqueue(["SET", "small:\(round):\(key)", smaller].map { Array($0.utf8) }) }
            writer.enqueue(["SET", "large:\(round)", value].map { Array($0.utf8) })
            writer.enqueue(["SET", "last", "\(round)"].map { Array($0.utf8) })
        }
        try writer.flush()
        for _ in 0..<144 { #expect(try writer.receive() == .ok) }
        #expect(poll(forSeconds: 20) { server.process.output.contains("the disk is full") })
        #expect(try poll(forSeconds: 20) { try client.call("GET", "last").string == "11" })
        #expect(server.process.isRunning)

        try FileManager.default.removeItem(atPath: full)
        #expect(poll(forSeconds: 20) { server.process.output.contains("there is room on the disk again") })
        #expect(try poll(forSeconds: 20) { try client.call("SET", "after", "1") == .ok })
        _ = try client.call("WAITAOF", "1", "0", "10000")
        server.end(SIGKILL)
        let restarted = try DurableServer(in: directory, arguments)
        #expect(try restarted.connect().call("DBSIZE") == .integer(135))
        #expect(try restarted.connect().call("STRLEN", "large:11") == .integer(Int64(value.utf8.count)))
        restarted.end(SIGTERM)
        peer.end(SIGTERM)
    }
}
