/// Where a name leads, and connecting there without waiting.
import CLinux

public struct SocketAddress: Sendable, CustomStringConvertible {
    private let address: a2_address

    private static let countMax = 8

    /// All addresses of a name or number, in the order in which they are to be tried. With `numbersOnly` a name is
    /// refused at once; without it this may take as long as name servers like.
    public static func resolve(
        _ host: String, port: UInt16, numbersOnly: Bool = false
    ) throws(SystemError) -> [SocketAddress] {
        var found = [a2_address](repeating: a2_address(), count: countMax)
        let count = found.withUnsafeMutableBufferPointer { buffer -> Int32 in
            guard let start = buffer.baseAddress else { return 0 }
            return a2_resolve(host, port, numbersOnly ? 1 : 0, start, Int32(truncatingIfNeeded: buffer.count))
        }
        return found.prefix(Int(try check(count, "resolve \(host)"))).map(SocketAddress.init(address:))
    }

    private init(address: a2_address) { self.address = address }

    /// Whether it leads back to this machine.
    public var isLoopback: Bool { withUnsafePointer(to: address) { a2_address_is_loopback($0) != 0 } }

    public var isIPv6: Bool { withUnsafePointer(to: address) { a2_address_is_ipv6($0) != 0 } }

    /// "ip:port", IPv6 in brackets.
    public var description: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let start = text.baseAddress,
                withUnsafePointer(to: address, { a2_address_text($0, start, text.count) }) > 0
            else { return "" }
            return String(cString: start)
        }
    }

    /// A socket that has begun to connect; it becomes writable when that has ended one way or the other, which
    /// `Socket.pendingError` tells. The caller owns it.
    public func beginConnecting() throws(SystemError) -> Int32 {
        try check(withUnsafePointer(to: address) { a2_connect_begin($0) }, "connect to \(self)")
    }

    /// The number of an interface of this machine that others can reach, nil when there is none.
    public static var outside: String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let start = text.baseAddress, a2_outside_address(start, text.count) > 0 else { return nil }
            return String(cString: start)
        }
    }
}
