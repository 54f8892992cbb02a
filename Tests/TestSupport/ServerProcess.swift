/// A server under test, or the redis-server it is compared with: started on a free port of the loopback.
import Foundation
import Glibc

public final class ServerProcess {
    public enum Kind: String, Sendable {
        case redis = "redis-server"
        case a2
    }

    public struct Options: Sendable {
        /// Settings both servers know, as `--name value`.
        public var settings: [(name: String, value: String)]
        public var password: String?
        public var threads: Int
        /// Bound besides 127.0.0.1, for what only a remote client sees.
        public var bindAddress: String?

        public init(
            settings: [(name: String, value: String)] = [], password: String? = nil, threads: Int = 2,
            bindAddress: String? = nil
        ) {
            self.settings = settings
            self.password = password
            self.threads = threads
            self.bindAddress = bindAddress
        }
    }

    public let kind: Kind
    public let port: Int
    public let options: Options
    public let process: ChildProcess
    private let directory: TemporaryDirectory

    /// Starts a server and returns when it answers.
    public static func start(_ kind: Kind, _ options: Options = Options()) throws -> ServerProcess {
        // Between finding a free port and binding it somebody else may take it.
        for attempt in 1... {
            let server = try ServerProcess(kind, options)
            do {
                try server.waitUntilAnswering()
                return server
            } catch  where attempt < 3 && server.log.localizedCaseInsensitiveContains("address already in use") {}
        }
        throw TestSupportError("unreachable")
    }

    private init(_ kind: Kind, _ options: Options) throws {
        self.kind = kind
        self.options = options
        directory = try TemporaryDirectory()
        port = try ServerProcess.freePort()
        var arguments: [String]
        let program: String
        switch kind {
        case .redis:
            program = try TestEnvironment.program("redis-server")
            arguments = ["--port", "\(port)", "--save", "", "--appendonly", "no", "--dir", directory.path]
            arguments += ["--bind", "127.0.0.1"] + (options.bindAddress.map { [$0] } ?? [])
            if let password = options.password { arguments += ["--requirepass", password] }
        case .a2:
            program = try TestEnvironment.a2Binary()
            arguments = ["serve", "--ephemeral", "--port", "\(port)", "--peer-port", "0"]
            arguments += ["--threads", "\(options.threads)"]
            if let address = options.bindAddress { arguments += ["--bind", "127.0.0.1 \(address)"] }
            if let password = options.password {
                arguments += ["--password-file", try directory.write(password + "\n", to: "password")]
            }
        }
        for setting in options.settings { arguments += ["--\(setting.name)", setting.value] }
        process = try ChildProcess(program, arguments, outputPath: directory.file("log"))
    }

    deinit { stop() }

    private func waitUntilAnswering() throws {
        let isAnswering = poll(forSeconds: 20) {
            if !process.isRunning { return true }
            guard let client = try? RESPClient(port: port, timeoutSeconds: 2) else { return false }
            guard let reply = try? client.call("PING") else { return false }
            // A server that wants a password is up too.
            return reply == .simple(Array("PONG".utf8)) || reply.string?.hasPrefix("NOAUTH") == true
        }
        guard isAnswering, process.isRunning else {
            let state = process.exitStatus.map { "ended (\($0))" } ?? "does not answer"
            throw TestSupportError("\(kind.rawValue) on port \(port) \(state). Its log:\n\(log)")
        }
    }

    public var log: String { process.output }

    /// A new connection, authenticated when the server wants a password.
    public func connect(protocolVersion: Int = 2, timeoutSeconds: Double = 10) throws -> RESPClient {
        let client = try RESPClient(port: port, timeoutSeconds: timeoutSeconds)
        if let password = options.password {
            let reply = try client.call("AUTH", password)
            guard reply == .ok else { throw TestSupportError("AUTH: \(reply)") }
        }
        if protocolVersion == 3 {
            let reply = try client.call("HELLO", "3")
            guard !reply.isError else { throw TestSupportError("HELLO 3: \(reply)") }
        }
        return client
    }

    /// SIGTERM, and SIGKILL for one that does not go.
    public func stop() {
        process.signal(SIGTERM)
        if process.waitForExit(seconds: 10) == nil { process.signal(SIGKILL) }
        process.waitForExit(seconds: 10)
    }

    public static func freePort() throws -> Int {
        let socket = try LoopbackSocket()
        close(socket.descriptor)
        return socket.port
    }

    /// An address of this machine that is not the loopback, if it has one.
    public static func outsideAddress() -> String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var entry = list
        while let current = entry {
            entry = current.pointee.ifa_next
            guard let address = current.pointee.ifa_addr, address.pointee.sa_family == AF_INET else { continue }
            var text = [CChar](repeating: 0, count: 64)
            getnameinfo(
                address, socklen_t(MemoryLayout<sockaddr_in>.size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST
            )
            let name = text.withUnsafeBufferPointer {
                String(decoding: $0.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            }
            if !name.hasPrefix("127.") { return name }
        }
        return nil
    }
}
