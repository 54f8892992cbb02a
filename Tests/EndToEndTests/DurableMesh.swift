/// Nodes over real processes with data directories.
import Foundation
import Glibc
import TestSupport
import Testing

/// Nodes whose directories outlive them, with windows as small as they may be.
final class DurableMesh {
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
        let process = try start(number, data: "data-\(number)", port: ports[number], peerPort: peerPorts[number])
        processes[number] = process
        let isUp = poll(forSeconds: 20) { process.output.contains("serving") || !process.isRunning }
        guard isUp, process.isRunning else { throw TestSupportError("no start:\n\(process.output)") }
    }

    /// Of the directory of a node that does not run.
    func copy(_ number: Int, to name: String) throws -> String {
        try FileManager.default.copyItem(atPath: directory.file("data-\(number)"), toPath: directory.file(name))
        return name
    }

    /// Another process of a node's name, on a copy of its directory.
    func startCopy(_ data: String, of number: Int, port: Int) throws -> ChildProcess {
        try start(number, data: data, port: port, peerPort: try ServerProcess.freePort())
    }

    private func start(_ number: Int, data: String, port: Int, peerPort: Int) throws -> ChildProcess {
        let seed = number == 0 ? 1 : 0
        lives += 1
        return try ChildProcess(
            try TestEnvironment.a2Binary(),
            [
                "serve", "--data-dir", directory.file(data), "--port", "\(port)", "--peer-port", "\(peerPort)",
                "--peer", "127.0.0.1:\(peerPorts[seed])", "--node-id", "\(number + 1)",
                "--window-bytes", "1mb", "--log-segment-bytes", "1mb", "--snapshot-keep", "1", "--enable-debug-command",
                "local", "--threads", "1",
            ], outputPath: directory.file("log-\(number)-\(lives)"), environment: ["XDG_CONFIG_HOME": directory.path])
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
