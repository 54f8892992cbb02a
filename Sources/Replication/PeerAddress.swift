/// Where a node's peer port is reached: "host:port", "[v6]:port", or a host alone for the default port.
///
/// The host stays a name; whoever dials resolves it, each time anew. Two spellings of one name are one address:
/// letters are kept in lower case.

public struct PeerAddress: Hashable, Sendable {
    public static let defaultPort = 16379
    /// The longest name DNS has.
    public static let hostBytesMax = 253

    public let host: String
    public let port: Int

    public init(host: String, port: Int) throws(PeerAddressFailure) {
        try Self.checkHost(host)
        guard (1...65535).contains(port) else { throw .port("\(port)") }
        self.host = Self.lowercased(host)
        self.port = port
    }

    private init(unchecked host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Of a node that listens nowhere.
    public static let unreachable = PeerAddress(unchecked: "0.0.0.0", port: 1)

    public init(_ text: String) throws(PeerAddressFailure) {
        guard !text.isEmpty else { throw .empty }
        if text.utf8.first == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: "]") else { throw .unclosedBracket(text) }
            let host = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            guard host.utf8.contains(UInt8(ascii: ":")) else { throw .host(host) }
            guard rest.isEmpty || rest.utf8.first == UInt8(ascii: ":") else { throw .afterBracket(String(rest)) }
            try self.init(host: host, port: rest.isEmpty ? Self.defaultPort : Self.port(rest.dropFirst()))
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw .bracketsMissing(text) }
        try self.init(host: String(parts[0]), port: parts.count == 2 ? Self.port(parts[1]) : Self.defaultPort)
    }

    private static func port(_ text: Substring) throws(PeerAddressFailure) -> Int {
        guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ $0 &- 48 < 10 }), let port = Int(text) else {
            throw .port(String(text))
        }
        return port
    }

    private static func checkHost(_ host: String) throws(PeerAddressFailure) {
        guard !host.isEmpty else { throw .hostMissing }
        guard host.utf8.count <= hostBytesMax else { throw .hostTooLong(host.utf8.count) }
        let isV6 = host.utf8.contains(UInt8(ascii: ":"))
        // What follows '%' names an interface.
        let address = isV6 ? host.prefix { $0 != "%" } : host[...]
        let zone = host.utf8.dropFirst(address.utf8.count)
        let isAddress = address.utf8.allSatisfy { byte in
            if isV6 { return isHexadecimal(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") }
            return isNameByte(byte)
        }
        guard isAddress, zone.dropFirst().allSatisfy(isNameByte), zone.count != 1 else { throw .host(host) }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 6
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 26 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_")
    }

    private static func lowercased(_ host: String) -> String {
        guard let percent = host.firstIndex(of: "%") else { return host.lowercased() }
        return host[..<percent].lowercased() + host[percent...]
    }
}

extension PeerAddress: CustomStringConvertible {
    public var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

public enum PeerAddressFailure: Error, Equatable, CustomStringConvertible {
    case empty
    case hostMissing
    case hostTooLong(Int)
    case host(String)
    case port(String)
    case unclosedBracket(String)
    case afterBracket(String)
    case bracketsMissing(String)

    public var description: String {
        switch self {
        case .empty: "an address is missing: write host:port"
        case .hostMissing: "the host before ':' is missing: write host:port"
        case .hostTooLong(let count): "a host name has at most \(PeerAddress.hostBytesMax) bytes, not \(count)"
        case .host(let host): "'\(host)' is neither a host name nor an address"
        case .port(let port): "'\(port)' is no port: a port is a number from 1 to 65535"
        case .unclosedBracket(let text): "']' is missing in '\(text)': write [address]:port"
        case .afterBracket(let text): "'\(text)' follows ']' where ':port' is expected"
        case .bracketsMissing(let text):
            "'\(text)' has more than one ':': an IPv6 address is written [address]:port"
        }
    }
}
