/// What a node keeps over its end: ordered, or by SIGKILL; from the log alone, and from snapshots with the log behind
/// them. What only a disk that loses unsynced writes shows is tested elsewhere: SIGKILL keeps what the system holds.
import Foundation
import Glibc
import TestSupport
import Testing

/// An a2 with a data directory that outlives it.
final class DurableServer {
    let directory: TemporaryDirectory
    let port: Int
    let process: ChildProcess

    init(in directory: TemporaryDirectory, _ extra: [String] = [], environment: [String: String] = [:]) throws {
        self.directory = directory
        port = try ServerProcess.freePort()
        process = try ChildProcess(
            try TestEnvironment.a2Binary(),
            ["serve", "--data-dir", directory.file("data"), "--port", "\(port)", "--peer-port", "0"] + extra,
            outputPath: directory.file("log-\(port)"),
            environment: environment.merging(["XDG_CONFIG_HOME": directory.path]) { $1 })
        let isUp = poll(forSeconds: 20) { self.process.output.contains("serving") || !self.process.isRunning }
        guard isUp, process.isRunning else { throw TestSupportError("no start:\n\(process.output)") }
    }

    deinit { process.signal(SIGKILL) }

    func connect() throws -> RESPClient { try RESPClient(port: port) }

    func end(_ signal: Int32) {
        process.signal(signal)
        process.waitForExit(seconds: 20)
    }

    func info(_ field: String) throws -> String {
        let text = try connect().call("INFO", "persistence").string ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(field + ":") }
        return line.map { String($0.dropFirst(field.count + 1)) } ?? ""
    }
}

@Suite struct DurabilityTests {
    private func fill(_ client: RESPClient) throws {
        for number in 0..<500 { _ = try client.call("SET", "key:\(number)", "value \(number)") }
        for _ in 0..<50 { _ = try client.call("INCR", "counter") }
        _ = try client.call("SET", "large", String(repeating: "x", count: 3_000_000))
        _ = try client.call("SET", "fleeting", "1", "PX", "1")
        _ = try client.call("SET", "lasting", "1", "EX", "1000")
        _ = try client.call("APPEND", "text", "one")
        _ = try client.call("APPEND", "text", " two")
        _ = try client.call("MULTI")
        for key in ["a", "b", "c", "d"] { _ = try client.call("SET", key, "together") }
        _ = try client.call("EXEC")
        _ = try client.call("DEL", "key:7")
        _ = try client.call("RENAME", "key:8", "renamed")
    }

    private func digest(_ server: DurableServer) throws -> String {
        try server.connect().call("A2.DIGEST").string ?? "none"
    }

    @Test("Everything is there after an ordered end, and after SIGKILL", arguments: ["always", "everysec", "no"])
    func comesBack(fsync: String) throws {
        let directory = try TemporaryDirectory()
        var before = ""
        for signal in [SIGTERM, SIGKILL, SIGTERM] {
            let server = try DurableServer(in: directory, ["--fsync", fsync])
            let client = try server.connect()
            if before.isEmpty {
                try fill(client)
            } else {
                #expect(try digest(server) == before)
                #expect(try client.call("GET", "counter").string == "50")
                #expect(try client.call("STRLEN", "large") == .integer(3_000_000))
                #expect(try client.call("GET", "text").string == "one two")
                #expect(try client.call("EXISTS", "key:7", "key:8", "fleeting") == .integer(0))
                #expect(try client.call("GET", "renamed").string == "value 8")
            }
            // The policies but the first promise nothing of the last second under SIGKILL: give it to them.
            if signal == SIGKILL { _ = try client.call("WAITAOF", "1", "0", "5000") }
            before = try digest(server)
            server.end(signal)
        }
    }

    @Test("A snapshot shortens the log, and both together make the node again")
    func snapshots() throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(in: directory, ["--log-segment-bytes", "1mb"])
        let client = try server.connect()
        try fill(client)
        #expect(try client.call("SAVE") == .ok)
        #expect(try server.info("rdb_saves") == "1")
        #expect(try server.info("rdb_last_bgsave_status") == "ok")
        for number in 0..<300 { _ = try client.call("INCRBY", "counter", "\(number)") }
        _ = try client.call("SET", "later", "1")
        let before = try digest(server)
        server.end(SIGTERM)
        let again = try DurableServer(in: directory)
        #expect(try digest(again) == before)
        #expect(try again.info("rdb_last_load_keys_loaded") != "0")
        // Snapshots until the first are gone, and with them the log before them.
        for _ in 0..<3 {
            _ = try again.connect().call("SET", "more", String(repeating: "y", count: 1_500_000))
            #expect(try again.connect().call("SAVE") == .ok)
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.file("data/snapshot"))
        #expect(files.filter { $0.hasSuffix(".a2s") }.count == 2, "\(files)")
        let isDropped = poll(forSeconds: 10) {
            let segments = try? FileManager.default.contentsOfDirectory(atPath: directory.file("data/log"))
            return segments?.contains("00000001.a2l") == false
        }
        #expect(isDropped)
        let last = try digest(again)
        again.end(SIGKILL)
        let third = try DurableServer(in: directory)
        #expect(try digest(third) == last)
    }

    @Test("Another node's directory, and one that is in use, are refused with the reason")
    func refusals() throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(in: directory, ["--node-id", "3"])
        func refused(_ extra: [String]) throws -> (exit: ChildProcess.Exit, text: String) {
            let result = try ChildProcess.run(
                try TestEnvironment.a2Binary(),
                ["serve", "--data-dir", directory.file("data"), "--port", "0", "--peer-port", "0"] + extra)
            return (result.exit, result.output)
        }
        let second = try refused(["--node-id", "3"])
        #expect(second.exit != .exited(0) && second.text.contains("in use"), "\(second)")
        server.end(SIGTERM)
        let other = try refused(["--node-id", "4"])
        #expect(other.exit == .exited(6) && other.text.contains("node 3"), "\(other)")
    }

    @Test("BGSAVE, LASTSAVE and BGREWRITEAOF answer as Redis does; without a disk they say so")
    func commands() throws {
        let directory = try TemporaryDirectory()
        let server = try DurableServer(in: directory)
        let client = try server.connect()
        #expect(try client.call("BGSAVE") == .simple(Array("Background saving started".utf8)))
        let isSaved = poll(forSeconds: 10) { (try? server.info("rdb_saves")) == "1" }
        #expect(isSaved)
        #expect(
            try client.call("BGREWRITEAOF")
                == .simple(Array("Background append only file rewriting started".utf8)))
        #expect(
            try client.call("CONFIG", "GET", "appendonly")
                == .array([.bulk(Array("appendonly".utf8)), .bulk(Array("yes".utf8))]))
        #expect(try client.call("WAITAOF", "1", "0", "0") == .array([.integer(1), .integer(0)]))
        let ephemeral = try ServerProcess.start(.a2)
        #expect(try ephemeral.connect().call("SAVE").isError)
    }

    @Test("A transaction larger than a quarter of the window is there whole after a crash, or nothing of it is")
    func largeTransaction() throws {
        let directory = try TemporaryDirectory()
        let options = ["--fsync", "no", "--window-bytes", "1mb"]
        let keys = (0..<40).map { "part:\($0)" }
        do {
            let server = try DurableServer(in: directory, options)
            let client = try server.connect()
            _ = try client.call("SET", "before", "1")
            _ = try client.call("MULTI")
            for (number, key) in keys.enumerated() {
                _ = try client.call("SET", key, String(repeating: "v", count: number == 7 ? 500_000 : 50_000))
            }
            _ = try client.call("EXEC")
            let isWritten = try poll(forSeconds: 20) { (try Int(server.info("a2_log_end")) ?? 0) > 2_400_000 }
            #expect(isWritten)
            server.end(SIGKILL)
        }
        let segment = directory.file("data") + "/log/00000001.a2l"
        let whole = try Data(contentsOf: URL(fileURLWithPath: segment))
        let end = (whole.lastIndex { $0 != 0 } ?? 0) + 1
        #expect(end > 2_400_000)
        for lost in [1, 100_000, 600_000, 1_500_000, 2_300_000, 0] {
            var torn = whole
            torn.resetBytes(in: end - lost..<whole.count)
            try torn.write(to: URL(fileURLWithPath: segment))
            let server = try DurableServer(in: directory, options)
            let reply = try server.connect().call(bytes: (["EXISTS"] + keys).map { bytes($0) })
            #expect(reply == .integer(lost == 0 ? 40 : 0), "\(lost) bytes lost")
            server.end(SIGKILL)
        }
    }
}
