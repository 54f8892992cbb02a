/// Peers that fell out of the window, over real processes with data directories: they get what they lack from the log,
/// and only what that cannot give them as states.
import Foundation
import Glibc
import TestSupport
import Testing

/// Nodes whose directories outlive them, with windows as small as they may be.
private final class DurableMesh {
    private let directory: TemporaryDirectory
    private let ports: [Int]
    private let peerPorts: [Int]
    private var processes: [ChildProcess?] = []
    private var lives = 0

    init(_ count: Int) throws {
        directory = try TemporaryDirectory()
        ports = try (0..<count).map { _ in try ServerProcess.freePort() }
        peerPorts = try (0..<count).map { _ in try ServerProcess.freePort() }
        processes = Array(repeating: nil, count: count)
        for number in 0..<count { try start(number) }
        for number in 0..<count { try waitUntilWritable(number) }
    }

    deinit { for process in processes { process?.signal(SIGKILL) } }

    func start(_ number: Int) throws {
        let seed = number == 0 ? 1 : 0
        let process = try ChildProcess(
            try TestEnvironment.a2Binary(),
            [
                "serve", "--data-dir", directory.file("data-\(number)"), "--port", "\(ports[number])", "--peer-port",
                "\(peerPorts[number])", "--peer", "127.0.0.1:\(peerPorts[seed])", "--node-id", "\(number + 1)",
                "--window-bytes", "1mb", "--log-segment-bytes", "1mb", "--snapshot-keep", "1", "--enable-debug-command",
                "local", "--threads", "1",
            ], outputPath: directory.file("log-\(number)-\(lives)"), environment: ["XDG_CONFIG_HOME": directory.path])
        lives += 1
        processes[number] = process
        let isUp = poll(forSeconds: 20) { process.output.contains("serving") || !process.isRunning }
        guard isUp, process.isRunning else { throw TestSupportError("no start:\n\(process.output)") }
    }

    func end(_ number: Int, _ signal: Int32) {
        processes[number]?.signal(signal)
        processes[number]?.waitForExit(seconds: 20)
        processes[number] = nil
    }

    func signal(_ number: Int, _ signal: Int32) { processes[number]?.signal(signal) }

    func connect(_ number: Int) throws -> RESPClient { try RESPClient(port: ports[number], timeoutSeconds: 20) }

    func log(_ number: Int) -> String { processes[number]?.output ?? "" }

    func waitUntilWritable(_ number: Int) throws {
        let isWritable = try poll(forSeconds: 20) {
            try connect(number).call("SET", "writable:\(number)", "yes") == .ok
        }
        guard isWritable else { throw TestSupportError("node \(number + 1) takes no writes:\n\(log(number))") }
    }

    func info(_ number: Int, _ field: String) throws -> Int {
        let text = try connect(number).call("INFO", "a2").string ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(field + ":") }
        return Int(line?.dropFirst(field.count + 1) ?? "") ?? -1
    }

    func link(_ number: Int, _ other: Int, _ state: String) throws {
        #expect(try connect(number).call("A2.LINK", "\(other + 1)", state) == .ok)
    }

    func waitUntilEqual() throws {
        var digests: [String] = []
        let isEqual = try poll(forSeconds: 30) {
            digests = try ports.indices.map { try connect($0).call("A2.DIGEST").string ?? "" }
            return Set(digests).count == 1
        }
        guard isEqual else {
            throw TestSupportError(
                "not equal: \(digests)\n\(ports.indices.map { log($0) }.joined(separator: "\n--\n"))")
        }
    }

    /// Until its identity has been written some times since, every second or two: by then it says how far the node is.
    func waitUntilRenewed(_ number: Int) throws {
        let path = directory.file("data-\(number)") + "/identity"
        func written() -> Date? {
            (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
        }
        for _ in 0..<3 {
            let before = written()
            guard poll(forSeconds: 20, until: { written() != before }) else { throw TestSupportError("no renewal") }
        }
    }

    /// Several windows full of commands of all kinds.
    func write(_ number: Int, rounds: Int = 4000, valueBytes: Int = 700) throws {
        let client = try connect(number)
        let value = String(repeating: "v", count: valueBytes)
        for round in 0..<rounds {
            client.enqueue([bytes("SET"), bytes("key:\(number):\(round)"), bytes(value + "\(round)")])
            client.enqueue([bytes("INCR"), bytes("counter:\(round % 50)")])
            if round % 10 == 0 { client.enqueue([bytes("DEL"), bytes("key:\(number):\(round / 2)")]) }
            if round % 400 == 399 {
                for _ in 0..<840 { _ = try client.receive() }
            }
        }
        _ = try client.call("MULTI")
        for key in ["a", "b", "c", "d"] { _ = try client.call("APPEND", key, "together \(number)") }
        _ = try client.call("EXEC")
    }
}

extension EndToEnd {
    @Suite struct CatchUp {
        @Test("A peer that was cut off for more than the window gets all of it from the log, and nothing as state")
        func cutOff() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            let repaired = try mesh.info(1, "a2_keys_repaired")
            try mesh.link(0, 1, "DOWN")
            try mesh.link(1, 0, "DOWN")
            try mesh.write(0)
            try mesh.link(0, 1, "UP")
            try mesh.link(1, 0, "UP")
            try mesh.waitUntilEqual()
            #expect(try mesh.info(0, "a2_log_frames_served") > 5000)
            #expect(try mesh.info(0, "a2_log_bytes_served") > 2_000_000)
            #expect(try mesh.info(1, "a2_keys_repaired") == repaired)
            #expect(try mesh.info(1, "a2_forks") == 0 && mesh.info(1, "a2_gaps") == 0)
            let isBack = try poll(forSeconds: 20) { try mesh.info(0, "a2_log_peers") == 0 }
            #expect(isBack)
            #expect(try mesh.connect(1).call("GET", "counter:7").string == "80")
            // And the stream goes on as before.
            _ = try mesh.connect(0).call("SET", "after", "that")
            try mesh.waitUntilEqual()
        }

        @Test("Of three the one that was away is served by both who wrote, each with what it wrote itself")
        func three() throws {
            let mesh = try DurableMesh(3)
            try mesh.waitUntilEqual()
            let repaired = try mesh.info(2, "a2_keys_repaired")
            for other in 0..<2 {
                try mesh.link(2, other, "DOWN")
                try mesh.link(other, 2, "DOWN")
            }
            for number in 0..<2 { try mesh.write(number, rounds: 1600, valueBytes: 3000) }
            try mesh.write(2, rounds: 400)
            for other in 0..<2 {
                try mesh.link(2, other, "UP")
                try mesh.link(other, 2, "UP")
            }
            try mesh.waitUntilEqual()
            for number in 0..<2 { #expect(try mesh.info(number, "a2_log_frames_served") > 1000) }
            // Until both links are up again the one peer is asked for what the other wrote; not for long.
            #expect(try mesh.info(2, "a2_keys_repaired") - repaired < 1600, "\(mesh.log(2))")
        }

        @Test("A peer that stands still falls behind and is served from the log when it goes on")
        func stopped() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            mesh.signal(1, SIGSTOP)
            try mesh.write(0, rounds: 2000, valueBytes: 8000)
            mesh.signal(1, SIGCONT)
            try mesh.waitUntilEqual()
            #expect(try mesh.info(0, "a2_log_frames_served") > 0)
            #expect(try mesh.info(1, "a2_keys_repaired") == 0)
        }

        @Test(
            "A peer that was down for more than the window goes on where it stood, whatever ended it",
            arguments: [SIGTERM, SIGKILL])
        func down(signal: Int32) throws {
            let mesh = try DurableMesh(2)
            try mesh.write(0, rounds: 400)
            try mesh.waitUntilEqual()
            try mesh.waitUntilRenewed(1)
            mesh.end(1, signal)
            try mesh.write(0)
            try mesh.start(1)
            try mesh.waitUntilEqual()
            #expect(try mesh.info(0, "a2_log_frames_served") > 5000)
            #expect(try mesh.info(1, "a2_keys_repaired") == 0, "\(mesh.log(1))")
            try mesh.waitUntilWritable(1)
            #expect(try mesh.connect(1).call("CONFIG", "GET", "node-id").isError == false)
            #expect(!mesh.log(1).contains("goes on as"))
        }

        @Test("A peer that was down is served by a node that has been restarted itself since")
        func bothRestart() throws {
            let mesh = try DurableMesh(2)
            try mesh.write(0, rounds: 400)
            try mesh.waitUntilEqual()
            mesh.end(1, SIGTERM)
            try mesh.write(0)
            mesh.end(0, SIGTERM)
            try mesh.start(0)
            try mesh.start(1)
            try mesh.waitUntilEqual()
            #expect(try mesh.info(0, "a2_log_frames_served") > 5000, "\(mesh.log(0))")
            #expect(try mesh.info(1, "a2_keys_repaired") == 0, "\(mesh.log(1))")
            try mesh.waitUntilWritable(0)
            try mesh.waitUntilWritable(1)
            try mesh.write(0, rounds: 400)
            try mesh.waitUntilEqual()
            #expect(try mesh.info(1, "a2_keys_repaired") == 0, "\(mesh.log(1))")
        }

        @Test("Where the log has been dropped, states bring the rest")
        func droppedLog() throws {
            let mesh = try DurableMesh(2)
            try mesh.waitUntilEqual()
            try mesh.link(0, 1, "DOWN")
            try mesh.link(1, 0, "DOWN")
            let client = try mesh.connect(0)
            try mesh.write(0)
            #expect(try client.call("SAVE") == .ok)
            let isDropped = try poll(forSeconds: 20) {
                (try client.call("INFO", "persistence").string ?? "").contains("a2_log_segments:1\r")
            }
            #expect(isDropped)
            try mesh.link(0, 1, "UP")
            try mesh.link(1, 0, "UP")
            try mesh.waitUntilEqual()
            #expect(try mesh.info(0, "a2_log_frames_served") == 0)
            #expect(try mesh.info(1, "a2_keys_repaired") > 1000)
        }
    }
}
