/// Where a server is and who one is there: redis://[user[:password]@]host[:port][/db], unix://path, host:port.

public struct Endpoint: Sendable, Equatable {
    public static let portDefault: UInt16 = 6379

    public enum Family: Sendable {
        case any, preferFour, preferSix
    }

    public var host: String
    public var port: UInt16
    /// A socket in the file system; host and port are not looked at then.
    public var socketPath: String?
    public var user: String?
    public var password: String?
    public var database: Int
    /// Which addresses of a name are tried first.
    public var family = Family.any
    /// What the operator calls this node; nil when it has no name.
    public var name: String?

    public init(
        host: String = "127.0.0.1", port: UInt16 = Endpoint.portDefault, socketPath: String? = nil,
        user: String? = nil, password: String? = nil, database: Int = 0, name: String? = nil
    ) {
        self.host = host
        self.port = port
        self.socketPath = socketPath
        self.user = user
        self.password = password
        self.database = database
        self.name = name
    }

    /// Reads a URI or host:port. Parts may be percent-encoded.
    public init(uri: String) throws(ClientError) {
        guard let scheme = uri.firstRange(of: "://") else {
            self.init()
            try readAddress(uri[...])
            return
        }
        self.init()
        var rest = uri[scheme.upperBound...]
        switch uri[..<scheme.lowerBound].lowercased() {
        case "redis", "valkey", "a2", "tcp": break
        case "unix", "redis+unix", "redis-socket":
            try readSocket(rest)
            return
        case "rediss", "valkeys", "a2s":
            throw .usage("'\(Self.redacted(uri))': encrypted connections are not supported")
        default: throw .usage("'\(Self.redacted(uri))' is no address: write redis://host:port or host:port")
        }
        if let question = rest.firstIndex(of: "?") { rest = rest[..<question] }
        try readIdentity(&rest)
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[rest.index(after: slash)...]
            if !path.isEmpty {
                guard let number = Int(path), number >= 0 else { throw .usage("'\(path)' is no database number") }
                database = number
            }
            rest = rest[..<slash]
        }
        if !rest.isEmpty { try readAddress(rest) }
    }

    /// unix:///run/a2.sock, optionally with user:password@ in front and ?db=N behind.
    private mutating func readSocket(_ text: Substring) throws(ClientError) {
        var rest = text
        if let question = rest.firstIndex(of: "?") {
            for pair in rest[rest.index(after: question)...].split(separator: "&") where pair.hasPrefix("db=") {
                guard let number = Int(pair.dropFirst(3)), number >= 0 else {
                    throw .usage("'\(pair.dropFirst(3))' is no database number")
                }
                database = number
            }
            rest = rest[..<question]
        }
        if !rest.hasPrefix("/") { try readIdentity(&rest) }
        guard !rest.isEmpty else { throw .usage("the path of a socket is missing: write unix:///path") }
        socketPath = try Self.decoded(rest)
    }

    private mutating func readIdentity(_ rest: inout Substring) throws(ClientError) {
        guard let at = rest.lastIndex(of: "@") else { return }
        let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        rest = rest[rest.index(after: at)...]
        // As redis-cli reads it: a word alone is a password.
        if parts.count == 1 {
            password = try Self.decoded(parts[0])
        } else {
            user = parts[0].isEmpty ? nil : try Self.decoded(parts[0])
            password = try Self.decoded(parts[1])
        }
    }

    private mutating func readAddress(_ text: Substring) throws(ClientError) {
        var hostPart = text
        var portPart: Substring?
        if text.hasPrefix("["), let close = text.firstIndex(of: "]") {
            hostPart = text[text.index(after: text.startIndex)..<close]
            let behind = text[text.index(after: close)...]
            guard behind.isEmpty || behind.hasPrefix(":") else { throw .usage("'\(text)' is no address") }
            portPart = behind.isEmpty ? nil : behind.dropFirst()
        } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
            hostPart = text[..<colon]
            portPart = text[text.index(after: colon)...]
        }
        if !hostPart.isEmpty { host = try Self.decoded(hostPart) }
        guard host.utf8.allSatisfy({ $0 > 32 && $0 != UInt8(ascii: "/") }) else {
            throw .usage("'\(text)' is no address: write host:port")
        }
        guard let portPart else { return }
        guard let number = UInt16(portPart), number > 0 else { throw .usage("'\(portPart)' is no port") }
        port = number
    }

    private static func decoded(_ text: Substring) throws(ClientError) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                throw .usage("a '%' in an address stands before two hexadecimal digits")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A URI without what stands before its '@'.
    private static func redacted(_ uri: String) -> String {
        guard let scheme = uri.firstRange(of: "://"), let at = uri.lastIndex(of: "@"), at >= scheme.upperBound else {
            return uri
        }
        return uri[..<scheme.upperBound] + "…" + uri[at...]
    }
}

extension Endpoint: CustomStringConvertible {
    /// "host:port" or the path of the socket: never a secret.
    public var description: String { socketPath ?? (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)") }

    /// Its name where it has one.
    public var label: String { name ?? description }
}

extension String {
    /// The standard library has this only in Foundation's company.
    fileprivate func firstRange(of word: String) -> Range<String.Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(word) { return at..<index(at, offsetBy: word.count) }
            at = index(after: at)
        }
        return nil
    }
}
