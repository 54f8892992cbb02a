/// A plain client: a socket, requests as given, replies as they come.
///
/// Reads and writes are interleaved by poll(2), so a pipeline of any size cannot deadlock against a server
/// that stops reading while its replies are not taken.
import Glibc

public final class RESPClient {
    public enum Failure: Error, CustomStringConvertible {
        case closed
        case timedOut(seconds: Double)
        case system(String)

        public var description: String {
            switch self {
            case .closed: "the server closed the connection"
            case .timedOut(let seconds): "no reply within \(seconds) s"
            case .system(let text): text
            }
        }
    }

    public let descriptor: Int32
    public var timeoutSeconds: Double
    private var parser = ReplyParser()
    private var outgoing: [UInt8] = []
    private var sentCount = 0
    private var isOpen = true

    public init(port: Int, host: String = "127.0.0.1", timeoutSeconds: Double = 10) throws {
        self.timeoutSeconds = timeoutSeconds
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw RESPClient.systemFailure("socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let failure = RESPClient.systemFailure("connect to \(host):\(port)")
            Glibc.close(descriptor)
            isOpen = false
            throw failure
        }
        var one: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close() }

    public func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }

    /// The port this end of the connection has.
    public var localPort: Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func systemFailure(_ action: String) -> Failure {
        .system("\(action): \(String(cString: strerror(errno)))")
    }

    // MARK: Requests

    public func enqueue(_ arguments: [[UInt8]]) { RESPClient.encode(arguments, into: &outgoing) }

    public func enqueue(raw bytes: [UInt8]) { outgoing.append(contentsOf: bytes) }

    public static func encode(_ arguments: [[UInt8]], into bytes: inout [UInt8]) {
        bytes.append(contentsOf: "*\(arguments.count)\r\n".utf8)
        for argument in arguments {
            bytes.append(contentsOf: "$\(argument.count)\r\n".utf8)
            bytes.append(contentsOf: argument)
            bytes.append(13)
            bytes.append(10)
        }
    }

    public func call(_ arguments: String...) throws -> Reply { try call(bytes: arguments.map { Array($0.utf8) }) }

    public func call(bytes arguments: [[UInt8]]) throws -> Reply {
        enqueue(arguments)
        return try receive()
    }

    public func pipeline(_ commands: [[[UInt8]]]) throws -> [Reply] {
        for command in commands { enqueue(command) }
        return try commands.map { _ in try receive() }
    }

    public func send(raw bytes: [UInt8]) throws {
        enqueue(raw: bytes)
        try flush()
    }

    /// Hands everything enqueued to the kernel, taking in replies meanwhile.
    public func flush() throws {
        let deadline = Deadline(seconds: timeoutSeconds)
        while sentCount < outgoing.count { try turn(deadline) }
    }

    /// Writes without reading: what a client does that never takes its replies. Stops when the kernel takes no more.
    public func sendWithoutReading(raw bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    // MARK: Replies

    /// What is here already, as it came, for who does not use `receive`.
    public func takeAvailable() -> [UInt8] {
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { space in
            let count = recv(descriptor, space.baseAddress, space.count, Int32(MSG_DONTWAIT))
            return count > 0 ? Array(space[..<count]) : []
        }
    }

    public func receive() throws -> Reply {
        let deadline = Deadline(seconds: timeoutSeconds)
        while true {
            if let reply = try parser.next() { return reply }
            try turn(deadline)
        }
    }

    /// Bytes that came after the last reply taken, including those that are already here.
    public func unexpectedBytes() throws -> [UInt8] {
        do { try readAvailable() } catch Failure.closed {}
        return parser.takeBuffered()
    }

    /// Whether the server has closed the connection and everything it sent was taken.
    public var isAtEnd: Bool {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
        return parser.bufferedCount == 0 && (count == 0 || count < 0 && errno == ECONNRESET)
    }

    /// Everything the server sends until it closes.
    public func receiveToEnd() throws -> [UInt8] {
        let deadline = Deadline(seconds: timeoutSeconds)
        var all: [UInt8] = []
        while true {
            do { try turn(deadline) } catch Failure.closed { return all + parser.takeBuffered() }
            all += parser.takeBuffered()
        }
    }

    /// At least one byte of whatever comes next.
    public func receiveSome() throws -> [UInt8] {
        let deadline = Deadline(seconds: timeoutSeconds)
        while parser.bufferedCount == 0 { try turn(deadline) }
        return parser.takeBuffered()
    }

    /// Raw bytes until they end in `suffix` or the server closes.
    public func receiveRaw(until suffix: [UInt8]) throws -> (bytes: [UInt8], isClosed: Bool) {
        let deadline = Deadline(seconds: timeoutSeconds)
        var all: [UInt8] = []
        while !(all.count >= suffix.count && all.suffix(suffix.count).elementsEqual(suffix)) {
            do { try turn(deadline) } catch Failure.closed { return (all + parser.takeBuffered(), true) }
            all += parser.takeBuffered()
        }
        return (all, false)
    }

    // MARK: The socket

    /// Waits until the socket can do something and does it.
    private func turn(_ deadline: Deadline) throws {
        if deadline.hasPassed { throw Failure.timedOut(seconds: timeoutSeconds) }
        let wantsWrite = sentCount < outgoing.count
        var state = pollfd(fd: descriptor, events: Int16(POLLIN) | (wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
        let ready = Glibc.poll(&state, 1, max(1, deadline.remainingMilliseconds))
        if ready < 0, errno != EINTR { throw RESPClient.systemFailure("poll") }
        guard ready > 0 else { return }
        if state.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { try readAvailable() }
        if wantsWrite, state.revents & Int16(POLLOUT) != 0 { try writeAvailable() }
    }

    private func readAvailable() throws {
        try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { space in
            while true {
                let count = recv(descriptor, space.baseAddress, space.count, 0)
                if count > 0 {
                    parser.append(UnsafeRawBufferPointer(rebasing: space[..<count]))
                    if count < space.count { return }
                } else if count == 0 || errno == ECONNRESET {
                    throw Failure.closed
                } else if errno == EAGAIN || errno == EWOULDBLOCK {
                    return
                } else if errno != EINTR {
                    throw RESPClient.systemFailure("recv")
                }
            }
        }
    }

    private func writeAvailable() throws {
        let count = outgoing.withUnsafeBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return 0 }
            return Glibc.send(descriptor, base + sentCount, bytes.count - sentCount, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 {
            sentCount += count
            if sentCount == outgoing.count {
                outgoing.removeAll(keepingCapacity: true)
                sentCount = 0
            }
        } else if errno == EPIPE || errno == ECONNRESET {
            // What the server said before it closed is still to be read.
            outgoing.removeAll()
            sentCount = 0
        } else if errno != EAGAIN, errno != EINTR {
            throw RESPClient.systemFailure("send")
        }
    }
}
