/// A connection to a server that speaks RESP, for the tools: console, bench, snapshot, inspect.
///
/// One socket, never blocking by itself: `call` waits within a time limit, `send`, `flush` and `receive` do what
/// can be done at once, for somebody's own poll loop (`descriptor`, `wantsWrite`). What the server says unasked,
/// pushes, messages, lines of MONITOR, is kept apart from the replies (`takePushes`). Not for several threads.
import Base
import OS
import RESP

public final class Connection {
    public enum ProtocolVersion: Sendable, Equatable {
        case two
        case three
        /// Three with a server that speaks it, else two.
        case preferThree
    }

    public let endpoint: Endpoint
    /// 2 or 3: what HELLO agreed on.
    public internal(set) var protocolVersion = 2
    /// The server wants a password and was given none; only with `mayBeUnauthenticated`.
    public internal(set) var needsAuthentication = false
    /// HELLO's reply, where there was one: server, version, id.
    public internal(set) var greeting: ReplyValue?
    public private(set) var isOpen = true
    private let socket: Int32
    private var incoming = ByteBuffer(capacity: 16 * 1024)
    private var outgoing = ByteBuffer(capacity: 4 * 1024)
    private var parser: ReplyParser
    private var sorter = ReplySorter()
    private var pushes: [ReplyValue] = []

    /// Connects, introduces itself and selects the database. With `mayBeUnauthenticated` a server that wants a
    /// password is no failure as long as none was given: the user may send AUTH.
    public init(
        _ endpoint: Endpoint, protocolVersion: ProtocolVersion = .preferThree, timeoutMilliseconds: Int = 5000,
        clientName: String? = nil, mayBeUnauthenticated: Bool = false, replyBytesMax: Int = Limits.bulkBytesMax
    ) throws(ClientError) {
        self.endpoint = endpoint
        parser = ReplyParser(bulkBytesMax: replyBytesMax)
        let deadline = SystemClock.monotonicMilliseconds + Int64(timeoutMilliseconds)
        socket = try Self.open(endpoint, deadline: deadline)
        let handshake = Handshake(
            wanted: protocolVersion, clientName: clientName, mayBeUnauthenticated: mayBeUnauthenticated,
            deadline: deadline)
        try handshake.run(self)
    }

    deinit { close() }

    public func close() {
        guard isOpen else { return }
        isOpen = false
        Socket.close(socket)
    }

    // MARK: Calls that wait

    /// Sends a command and waits for its reply; a server's error is a reply. SUBSCRIBE and its like return the last
    /// of their confirmations. Without a limit it waits as long as the server lives.
    public func call(_ arguments: [[UInt8]], timeoutMilliseconds: Int? = 5000) throws(ClientError) -> ReplyValue {
        try send(arguments)
        let deadline = timeoutMilliseconds.map { SystemClock.monotonicMilliseconds + Int64($0) }
        var last = ReplyValue.null
        while sorter.awaited > 0 { last = try next(before: deadline) }
        return last
    }

    public func call(_ words: String..., timeoutMilliseconds: Int? = 5000) throws(ClientError) -> ReplyValue {
        try call(words.map { Array($0.utf8) }, timeoutMilliseconds: timeoutMilliseconds)
    }

    /// The next reply, waiting for it until `deadline` (of `SystemClock.monotonicMilliseconds`).
    public func next(before deadline: Int64?) throws(ClientError) -> ReplyValue {
        while true {
            if let reply = try receive() { return reply }
            try wait(until: deadline)
        }
    }

    /// Several commands in one go, and their replies in order.
    public func pipeline(
        _ commands: [[[UInt8]]], timeoutMilliseconds: Int? = 5000
    ) throws(ClientError) -> [ReplyValue] {
        let deadline = timeoutMilliseconds.map { SystemClock.monotonicMilliseconds + Int64($0) }
        for command in commands { append(command) }
        try flush()
        var replies: [ReplyValue] = []
        replies.reserveCapacity(commands.count)
        while sorter.awaited > 0 { replies.append(try next(before: deadline)) }
        return replies
    }

    /// Until something can be read, or written if something waits to be.
    private func wait(until deadline: Int64?) throws(ClientError) {
        let left = deadline.map { max($0 - SystemClock.monotonicMilliseconds, 0) }
        let outcome = Readiness.wait(
            socket, writing: wantsWrite, timeoutMilliseconds: left.map { Int(clamping: $0) } ?? -1)
        if outcome == .timedOut, let left, left == 0 {
            // The reply may still come and would answer the next command: this connection is of no more use.
            close()
            throw .timeout("\(endpoint) did not answer in time")
        }
        try flush()
    }

    // MARK: Calls that do not wait

    /// For poll: readable is worth a `receive`.
    public var descriptor: Int32 { socket }
    /// Something waits to be sent: poll for writing, then `flush`.
    public var wantsWrite: Bool { isOpen && !outgoing.isEmpty }
    /// Commands sent whose answer has not come, or not to its end.
    public var repliesAwaited: Int { sorter.awaited }
    public var isSubscribed: Bool { sorter.isSubscribed }
    public var subscriptionCount: Int { sorter.subscriptionCount }
    public var isMonitoring: Bool { sorter.isMonitoring }
    /// Bytes that wait to be sent.
    public var bytesWaiting: Int { outgoing.count }

    /// Sends as much as the system takes now; the rest goes with `flush`.
    public func send(_ arguments: [[UInt8]]) throws(ClientError) {
        append(arguments)
        try flush()
    }

    /// Notes a command to be sent with the next `send` or `flush`.
    public func append(_ arguments: [[UInt8]]) {
        sorter.sent(arguments)
        outgoing.append(UInt8(ascii: "*"))
        outgoing.append(decimal: arguments.count)
        outgoing.append("\r\n")
        for argument in arguments {
            outgoing.append(UInt8(ascii: "$"))
            outgoing.append(decimal: argument.count)
            outgoing.append("\r\n")
            outgoing.append(argument)
            outgoing.append("\r\n")
        }
    }

    /// Bytes that are requests already, and how many replies they will bring.
    public func append(raw bytes: [UInt8], expecting replies: Int) {
        sorter.expect(replies)
        outgoing.append(bytes)
    }

    /// Sends what waits, as much as the system takes. Returns whether all has gone.
    @discardableResult
    public func flush() throws(ClientError) -> Bool {
        guard isOpen else { throw .closed("the connection to \(endpoint) is closed") }
        while !outgoing.isEmpty {
            let count = Socket.send(socket, outgoing.view)
            if count == Refusal.wouldBlock { return false }
            if count < 0 {
                // What the server said before it hung up explains why: it is still to be read.
                if count == Refusal.brokenPipe || count == Refusal.connectionReset {
                    outgoing.removeAll()
                    return true
                }
                throw failed(count)
            }
            outgoing.consume(count)
        }
        outgoing.shrink(to: 1 << 20)
        return true
    }

    /// The next reply that has arrived whole; nil when none has.
    public func receive() throws(ClientError) -> ReplyValue? {
        if let reply = try parsed() { return reply }
        // Bounded, so that a reply without end leaves the caller's loop its turns.
        for _ in 0..<16 {
            guard try fill() else { return nil }
            if let reply = try parsed() { return reply }
        }
        return nil
    }

    /// What came unasked since the last time, oldest first.
    public func takePushes() -> [ReplyValue] {
        defer { pushes.removeAll(keepingCapacity: true) }
        return pushes
    }

    public var hasPushes: Bool { !pushes.isEmpty }

    private func parsed() throws(ClientError) -> ReplyValue? {
        while true {
            switch parser.next(&incoming) {
            case .incomplete: return nil
            case .failure(let failure):
                close()
                throw .malformedReply("\(endpoint) sent what is no reply (\(failure))")
            case .reply(let value):
                if case .reply = sorter.arrived(value) { return value }
                pushes.append(value)
            }
        }
    }

    /// Reads once. False when nothing is there now.
    private func fill() throws(ClientError) -> Bool {
        guard isOpen else { throw .closed("the connection to \(endpoint) is closed") }
        // A long reply is worth a long read.
        incoming.reserve(incoming.isEmpty ? 16 * 1024 : 128 * 1024)
        let count = Socket.receive(socket, into: incoming.writable, count: incoming.writableCount)
        if count == Refusal.wouldBlock { return false }
        guard count > 0 else { throw failed(count) }
        incoming.commit(count)
        return true
    }

    private func failed(_ result: Int) -> ClientError {
        close()
        if result == 0 { return .closed("\(endpoint) closed the connection") }
        let error = SystemError(operation: "talk to \(endpoint)", errno: Int32(clamping: -result))
        return .closed("the connection to \(endpoint) broke: \(error.reason)")
    }

    // MARK: Connecting

    /// Tries each address of the name in turn.
    private static func open(_ endpoint: Endpoint, deadline: Int64) throws(ClientError) -> Int32 {
        if let path = endpoint.socketPath {
            do {
                return try Socket.connect(path: path).release()
            } catch { throw .connect("cannot connect to \(endpoint): \(error.reason)") }
        }
        let addresses: [SocketAddress]
        do {
            let found = try SocketAddress.resolve(endpoint.host, port: endpoint.port)
            let isFirst = { (address: SocketAddress) in
                endpoint.family == .any || address.isIPv6 == (endpoint.family == .preferSix)
            }
            addresses = found.filter(isFirst) + found.filter { !isFirst($0) }
        } catch { throw .connect("cannot connect to \(endpoint): \(error.reason)") }
        var failure = ClientError.connect("cannot connect to \(endpoint): the name has no address")
        for address in addresses {
            do {
                return try connect(address, endpoint, deadline: deadline)
            } catch { failure = error }
        }
        throw failure
    }

    private static func connect(
        _ address: SocketAddress, _ endpoint: Endpoint, deadline: Int64
    ) throws(ClientError) -> Int32 {
        do {
            let descriptor = Descriptor(owning: try address.beginConnecting())
            var left: Int64
            var outcome: Readiness.Outcome
            repeat {
                left = max(deadline - SystemClock.monotonicMilliseconds, 0)
                outcome = Readiness.wait(
                    descriptor.number, reading: false, writing: true, timeoutMilliseconds: Int(clamping: left))
            } while outcome == .interrupted
            if outcome == .timedOut { throw ClientError.timeout("cannot connect to \(endpoint): no answer in time") }
            let refusal = Socket.pendingError(descriptor.number)
            if refusal < 0 { throw SystemError(operation: "connect", errno: -refusal) }
            Socket.setNoDelay(descriptor.number)
            return descriptor.release()
        } catch let error as SystemError {
            throw .connect("cannot connect to \(endpoint): \(error.reason)")
        } catch let error as ClientError {
            throw error
        } catch { preconditionFailure("\(error)") }
    }
}
