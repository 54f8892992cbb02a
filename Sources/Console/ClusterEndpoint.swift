/// Where a node's clients connect, and who they say they are.
import Base
import Client
import OS

struct ClusterEndpoint: Equatable {
    var host: String
    var port: UInt16
    var username = ""
    var password = ""
    /// A socket in the file system; host and port are not looked at then.
    var socketPath: String?

    init(host: String, port: UInt16, username: String = "", password: String = "") {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
    }

    /// "host:port", IPv6 in brackets, or the path of the socket.
    var address: String { socketPath ?? (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)") }

    /// Another node of the cluster, told of as "host:port" by this one: reached with the same credentials. A node that
    /// tells of loopback addresses stands beside the others, so they are where it is.
    func sibling(_ address: String) -> ClusterEndpoint? {
        guard !address.isEmpty, let parsed = try? Endpoint(uri: address) else { return nil }
        let isBeside = Self.isLoopback(parsed.host) && !Self.isLoopback(host) && socketPath == nil
        return ClusterEndpoint(
            host: isBeside ? host : parsed.host, port: parsed.port, username: username, password: password)
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// What a connection says first: the protocol, and who it is.
    var greeting: [[UInt8]] {
        var words = ["HELLO", "3"]
        if !password.isEmpty { words += ["AUTH", username.isEmpty ? "default" : username, password] }
        return words.map { Array($0.utf8) }
    }

    /// The same for servers that know no HELLO; nil where there is nothing to say.
    var authentication: [[UInt8]]? {
        guard !password.isEmpty else { return nil }
        return (username.isEmpty ? ["AUTH", password] : ["AUTH", username, password]).map { Array($0.utf8) }
    }
}

/// A name being looked up on a thread of its own, because that takes as long as name servers like.
final class NameLookup: Sendable {
    private let answer = Guarded<Result<[SocketAddress], SystemError>?>(nil)
    private let wakeUp: WakeUp

    var descriptor: Int32 { wakeUp.descriptor }

    init(host: String, port: UInt16) throws(SystemError) {
        wakeUp = try WakeUp()
        _ = try Thread.start(name: "a2-name") { [self] in
            let found = Result { () throws(SystemError) in try SocketAddress.resolve(host, port: port) }
            answer.withLock { $0 = found }
            wakeUp.signal()
        }
    }

    /// Nil: not yet.
    var result: Result<[SocketAddress], SystemError>? { answer.withLock { $0 } }
}
