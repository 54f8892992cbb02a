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
}
