/// An a2 run as an operator runs it: with a configuration file, an environment, a log to read, and a service manager
/// that listens.
import Foundation
import Glibc
import TestSupport
import Testing

final class OperatedServer {
    let directory: TemporaryDirectory
    let port: Int
    let process: ChildProcess

    /// Starts `a2 serve` with the text as its configuration file, and `extra` arguments. Without a text there is no
    /// file.
    init(
        configuration: String? = nil, _ extra: [String] = [], environment: [String: String] = [:],
        in directory: TemporaryDirectory? = nil
    ) throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        port = try ServerProcess.freePort()
        var arguments = ["serve", "--ephemeral", "--port", "\(port)", "--peer-port", "0"]
        arguments += ["--threads", "2"]
        if let configuration {
            arguments += ["--config", try directory.write(configuration, to: "a2.toml")]
        }
        process = try ChildProcess(
            try TestEnvironment.a2Binary(), arguments + extra, outputPath: directory.file("log-\(port)"),
            environment: environment.merging(["XDG_CONFIG_HOME": directory.path]) { $1 })
    }

    /// One that has said that it serves.
    static func serving(
        configuration: String? = nil, _ extra: [String] = [], environment: [String: String] = [:],
        in directory: TemporaryDirectory? = nil
    ) throws -> OperatedServer {
        let server = try OperatedServer(
            configuration: configuration, extra, environment: environment, in: directory)
        try server.waitForLog("serving")
        return server
    }

    var log: String { process.output }

    /// Lines of the log that say this.
    func lines(_ text: String) -> [Substring] { log.split(separator: "\n").filter { $0.contains(text) } }

    func waitForLog(_ text: String, count: Int = 1, location: SourceLocation = #_sourceLocation) throws {
        let isThere = poll(forSeconds: 20) { lines(text).count >= count || !process.isRunning }
        guard isThere, lines(text).count >= count else { throw TestSupportError("no '\(text)' in the log:\n\(log)") }
    }

    func connect() throws -> RESPClient { try RESPClient(port: port) }

    /// SIGHUP, and the line that tells what came of it.
    func reload(_ configuration: String? = nil, says text: String = "configuration reloaded") throws {
        if let configuration { _ = try directory.write(configuration, to: "a2.toml") }
        let before = lines(text).count
        process.signal(SIGHUP)
        try waitForLog(text, count: before + 1)
    }

    var configuration: String { (try? String(contentsOfFile: directory.file("a2.toml"), encoding: .utf8)) ?? "" }

    func end(_ signal: Int32 = SIGTERM) -> ChildProcess.Exit? {
        process.signal(signal)
        return process.waitForExit(seconds: 10)
    }
}

/// What systemd is for its services: a socket that takes their messages.
final class NotifySocket {
    let path: String
    private let descriptor: Int32
    private(set) var messages: [String] = []

    init(in directory: TemporaryDirectory) throws {
        path = directory.file("notify")
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard descriptor >= 0, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw TestSupportError("no socket at \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw TestSupportError("bind \(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    private func take() {
        var space = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &space, space.count, 0)
            if count < 0 { return }
            messages.append(String(decoding: space.prefix(count), as: UTF8.self))
        }
    }

    /// Whether `count` messages that contain this have come, within ten seconds.
    func hears(_ text: String, count: Int = 1) -> Bool {
        poll(forSeconds: 10) {
            take()
            return messages.filter { $0.contains(text) }.count >= count
        }
    }
}
