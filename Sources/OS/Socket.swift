/// TCP sockets: how they are made, and the raw calls a loop makes on them.
///
/// Everything here is non-blocking and close-on-exec. The calls of the hot path take descriptor numbers and
/// return a count or a negated errno (see `Refusal`); what happens once per listener throws.
import Base
import CLinux

#if canImport(Glibc)
    import Glibc
#endif

public enum Socket {
    /// Listens on a numeric address or host name; "*" is every IPv4 address, "::*" every IPv6 one. IPv6
    /// listeners take IPv6 only, so that both families can listen on one port. Port 0 lets the system choose.
    public static func listen(
        address: String, port: UInt16, backlog: Int = 511, sharingPort: Bool = false
    ) throws(SystemError) -> Descriptor {
        let listener = a2_listen(address, port, Int32(clamping: backlog), sharingPort ? 1 : 0)
        let name = address.contains(":") ? "[\(address)]" : address
        return Descriptor(owning: try check(listener, "listen on \(name):\(port)"))
    }

    /// The same for an address as the bind option has it: one after a '-' may be missing on this machine, which
    /// gives nil. The caller owns the descriptor.
    public static func listen(
        binding address: String, port: UInt16, backlog: Int
    ) throws(SystemError) -> Int32? {
        let isOptional = address.hasPrefix("-")
        do {
            let name = isOptional ? String(address.dropFirst()) : address
            return try listen(address: name, port: port, backlog: backlog).release()
        } catch {
            // EADDRNOTAVAIL, EAFNOSUPPORT, EPROTONOSUPPORT, ENOPROTOOPT: as Redis forgives them.
            if isOptional, [99, 97, 93, 92].contains(error.errno) { return nil }
            throw error
        }
    }

    /// Connects, waiting at most `timeoutMilliseconds`. Blocks (names are resolved): not for a loop.
    public static func connect(
        address: String, port: UInt16, timeoutMilliseconds: Int = 5000
    ) throws(SystemError) -> Descriptor {
        let socket = a2_connect(address, port, Int32(clamping: timeoutMilliseconds))
        return Descriptor(owning: try check(socket, "connect to \(address):\(port)"))
    }

    /// Connects to a socket in the file system.
    public static func connect(path: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(a2_connect_unix(path), "connect to \(path)"))
    }

    /// The port a listener got.
    public static func localPort(_ socket: Int32) -> UInt16 {
        let address = localAddress(socket)
        guard let colon = address.lastIndex(of: ":") else { return 0 }
        return UInt16(address[address.index(after: colon)...]) ?? 0
    }

    /// The next connection's descriptor, or a negated errno; the caller owns it.
    @inline(__always)
    public static func accept(_ listener: Int32) -> Int32 { a2_accept(listener) }

    /// Bytes read, 0 at the end of the stream, or a negated errno.
    @inline(__always)
    public static func receive(_ socket: Int32, into bytes: UnsafeMutableRawPointer, count: Int) -> Int {
        a2_receive(socket, bytes, count)
    }

    /// Bytes taken by the system, or a negated errno; never a signal.
    @inline(__always)
    public static func send(_ socket: Int32, _ bytes: UnsafeRawPointer, count: Int) -> Int {
        a2_send(socket, bytes, count)
    }

    @inline(__always)
    public static func send(_ socket: Int32, _ bytes: ByteView) -> Int {
        a2_send(socket, bytes.start, bytes.count)
    }

    /// Several runs of bytes in one call.
    @inline(__always)
    public static func send(_ socket: Int32, parts: UnsafePointer<iovec>, count: Int) -> Int {
        a2_send_vector(socket, parts, Int32(truncatingIfNeeded: count))
    }

    @inline(__always)
    public static func close(_ socket: Int32) { _ = a2_close(socket) }

    /// Ends both directions, so that whoever polls the socket wakes; the owner still closes it.
    public static func shutdown(_ socket: Int32) { _ = a2_shutdown(socket) }

    /// Ends one direction: the other end reads what was sent, then the end of the stream.
    public static func endOutput(_ socket: Int32) { _ = a2_end_output(socket) }

    @discardableResult
    public static func setNoDelay(_ socket: Int32, _ on: Bool = true) -> Int32 { a2_set_no_delay(socket, on ? 1 : 0) }

    /// For connections of this machine with itself, which have one speed and lose nothing: what the system does by default
    /// about congestion may model the path and pace what is sent with timers, at a cost to every request. Where the
    /// system refuses, it stays as it was.
    @discardableResult
    public static func expectNoCongestion(_ socket: Int32) -> Int32 { a2_expect_no_congestion(socket) }

    /// Probes an idle peer after `seconds` and gives it up after three more at a third of that; 0 turns it off.
    @discardableResult
    public static func setKeepAlive(_ socket: Int32, seconds: Int) -> Int32 {
        a2_set_keep_alive(socket, Int32(clamping: seconds))
    }

    /// Gives the connection up when the other end has acknowledged nothing for so long.
    @discardableResult
    public static func setUserTimeout(_ socket: Int32, milliseconds: Int) -> Int32 {
        a2_set_user_timeout(socket, Int32(clamping: milliseconds))
    }

    @discardableResult
    public static func setSendBuffer(_ socket: Int32, bytes: Int) -> Int32 {
        a2_set_send_buffer(socket, Int32(clamping: bytes))
    }

    /// The error that ended a connection, negated, or 0; reading clears it.
    public static func pendingError(_ socket: Int32) -> Int32 { a2_socket_error(socket) }

    /// "ip:port", IPv6 in brackets, as CLIENT LIST prints it; empty when the socket has none.
    public static func peerAddress(_ socket: Int32) -> String { addressText { a2_peer_address(socket, $0, $1) } }

    public static func localAddress(_ socket: Int32) -> String { addressText { a2_local_address(socket, $0, $1) } }

    /// Whether the other end is on this machine: what protected mode lets in.
    public static func peerIsLoopback(_ socket: Int32) -> Bool { a2_peer_is_loopback(socket) != 0 }

    private static func addressText(_ fill: (UnsafeMutablePointer<CChar>, Int) -> Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let start = text.baseAddress, fill(start, text.count) > 0 else { return "" }
            return String(cString: start)
        }
    }
}
