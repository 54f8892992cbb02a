/// One connection to a node, driven by whoever polls it: nothing here waits.
///
/// It connects when it is first asked something, and again when it is asked after it was lost. What it is asked it sends
/// in one piece and collects the replies; a node that does not connect, or falls silent for too long, is a failure with
/// its reason, and the connection is closed, so that no late reply is taken for another's.
import Base
import Glibc
import OS
import RESP

final class ClusterLink {
    enum Outcome {
        case replies([ClusterReply])
        case failure(String)
    }

    private enum State {
        case closed
        case resolving(NameLookup)
        /// A socket that connects, and where to try next.
        case connecting(Int32, rest: ArraySlice<SocketAddress>)
        /// Its greeting has been sent.
        case greeting(Int32)
        case ready(Int32)
    }

    let endpoint: ClusterEndpoint
    private var state = State.closed
    private var input = ByteBuffer(capacity: 16_384)
    private var output = ByteBuffer(capacity: 4096)
    private var parser = ReplyParser()
    private var isGreetedOldWay = false
    private var requests: [[[UInt8]]] = []
    private var replies: [ClusterReply] = []
    private(set) var outcome: Outcome? = .failure("not asked yet")
    private var connectMilliseconds: Int64 = 0
    private var silenceMilliseconds: Int64 = 0
    /// When this becomes the past, the node is given up.
    private var deadline: Int64 = 0
    private var limitText = ""
    /// Monotonic nanoseconds: when the requests left and when their first reply came.
    private(set) var sentNanoseconds: Int64 = 0
    private(set) var firstReplyNanoseconds: Int64 = 0
    /// Over all connections.
    private(set) var commandsSent: Int64 = 0

    init(_ endpoint: ClusterEndpoint) { self.endpoint = endpoint }

    deinit { close() }

    var isBusy: Bool { outcome == nil }

    /// What to poll for; nil while nothing is awaited.
    var interest: pollfd? {
        guard isBusy else { return nil }
        switch state {
        case .closed: return nil
        case .resolving(let lookup): return pollfd(fd: lookup.descriptor, events: Int16(POLLIN), revents: 0)
        case .connecting(let socket, _): return pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        case .greeting(let socket), .ready(let socket):
            let events = output.isEmpty ? POLLIN : POLLIN | POLLOUT
            return pollfd(fd: socket, events: Int16(events), revents: 0)
        }
    }

    /// Begins to ask. The node has `connectMilliseconds` to be reached and may afterwards not be silent for longer than
    /// `silenceMilliseconds`.
    func ask(
        _ requests: [[[UInt8]]], connectMilliseconds: Int64, silenceMilliseconds: Int64, now: Int64
    ) {
        precondition(!isBusy, "a node is asked while it still answers")
        outcome = nil
        self.requests = requests
        self.connectMilliseconds = connectMilliseconds
        self.silenceMilliseconds = silenceMilliseconds
        replies.removeAll()
        if case .ready = state {
            send(now)
        } else {
            begin(now)
        }
    }

    /// Gives up what is awaited.
    func cancel() {
        guard isBusy else { return }
        fail("given up")
    }

    func close() {
        switch state {
        case .connecting(let socket, _), .greeting(let socket), .ready(let socket): Socket.close(socket)
        case .closed, .resolving: break
        }
        state = .closed
        input.removeAll()
        output.removeAll()
        parser = ReplyParser()
        isGreetedOldWay = false
    }

    private func fail(_ reason: String) {
        close()
        outcome = .failure(reason)
    }

    // MARK: Progress

    /// Does whatever can be done now. `now` is monotonic milliseconds.
    func advance(_ now: Int64) {
        guard isBusy else { return }
        if case .resolving(let lookup) = state, let result = lookup.result { resolved(result, now) }
        if case .connecting(let socket, let rest) = state, Self.isWritable(socket) { connected(socket, rest, now) }
        flush()
        receive(now)
        if isBusy, now >= deadline { fail(limitText) }
    }

    private func begin(_ now: Int64) {
        close()
        deadline = now + connectMilliseconds
        limitText = "no connection within \(ViewNumber.duration(milliseconds: connectMilliseconds))"
        do throws(SystemError) {
            if let path = endpoint.socketPath {
                state = .connecting(try Socket.connect(path: path).release(), rest: [])
            } else if let found = try? SocketAddress.resolve(endpoint.host, port: endpoint.port, numbersOnly: true) {
                connect(found[...], now)
            } else {
                state = .resolving(try NameLookup(host: endpoint.host, port: endpoint.port))
            }
        } catch {
            fail("\(error)")
        }
    }

    private func resolved(_ result: Result<[SocketAddress], SystemError>, _ now: Int64) {
        switch result {
        case .success(let found): connect(found[...], now)
        case .failure(let error): fail("\(error)")
        }
    }

    private func connect(_ addresses: ArraySlice<SocketAddress>, _ now: Int64) {
        var reason = "cannot connect: the name has no address"
        for (place, address) in zip(addresses.indices, addresses) {
            do throws(SystemError) {
                let socket = try address.beginConnecting()
                Socket.setNoDelay(socket)
                state = .connecting(socket, rest: addresses[(place + 1)...])
                return
            } catch {
                reason = "\(error)"
            }
        }
        fail(reason)
    }

    private func connected(_ socket: Int32, _ rest: ArraySlice<SocketAddress>, _ now: Int64) {
        let error = Socket.pendingError(socket)
        if error != 0 {
            Socket.close(socket)
            state = .closed
            if !rest.isEmpty { return connect(rest, now) }
            return fail("cannot connect: \(SystemError(operation: "", errno: -error).reason)")
        }
        state = .greeting(socket)
        limitText = "connected, but no answer within \(ViewNumber.duration(milliseconds: connectMilliseconds))"
        append(endpoint.greeting)
    }

    /// Connected and greeted: what was asked goes out.
    private func send(_ now: Int64) {
        for request in requests { append(request) }
        deadline = now + silenceMilliseconds
        limitText = "no answer within \(ViewNumber.duration(milliseconds: silenceMilliseconds))"
        sentNanoseconds = SystemClock.monotonicNanoseconds
        firstReplyNanoseconds = 0
        if requests.isEmpty { outcome = .replies([]) }
        flush()
    }

    private func append(_ request: [[UInt8]]) {
        commandsSent += 1
        output.append("*\(request.count)\r\n")
        for argument in request {
            output.append("$\(argument.count)\r\n")
            output.append(argument)
            output.append("\r\n")
        }
    }

    private var socket: Int32? {
        switch state {
        case .greeting(let socket), .ready(let socket): socket
        case .closed, .resolving, .connecting: nil
        }
    }

    private func flush() {
        while let socket, !output.isEmpty {
            let count = Socket.send(socket, output.view)
            if count == Refusal.wouldBlock { return }
            guard count > 0 else { return fail("connection lost: \(Self.reason(count))") }
            output.consume(count)
        }
    }

    private func receive(_ now: Int64) {
        while let socket, isBusy {
            input.reserve(65_536)
            let count = Socket.receive(socket, into: input.writable, count: input.writableCount)
            if count == Refusal.wouldBlock { return }
            guard count > 0 else { return fail(count == 0 ? closedText : "connection lost: \(Self.reason(count))") }
            input.commit(count)
            if case .ready = state { deadline = now + silenceMilliseconds }
            parse(now)
        }
    }

    private var closedText: String {
        if case .greeting = state { return "the connection was closed before it answered" }
        return "the connection was closed"
    }

    private static func reason(_ result: Int) -> String {
        SystemError(operation: "", errno: Int32(truncatingIfNeeded: -result)).reason
    }

    private func parse(_ now: Int64) {
        while isBusy {
            switch parser.next(&input) {
            case .incomplete: return
            case .failure: return fail("what answers does not speak RESP")
            case .reply(.push): continue
            case .reply(let value): take(ClusterReply(value), now)
            }
        }
    }

    private func take(_ reply: ClusterReply, _ now: Int64) {
        if case .greeting(let socket) = state {
            guard let error = reply.error else {
                state = .ready(socket)
                return send(now)
            }
            // Servers from before HELLO, and proxies that do not know it, are asked in the older protocol.
            let isUnknown = error.hasPrefix("ERR unknown command") || error.hasPrefix("NOPROTO")
            guard isUnknown, !isGreetedOldWay else { return fail(error) }
            isGreetedOldWay = true
            guard let authentication = endpoint.authentication else {
                state = .ready(socket)
                return send(now)
            }
            return append(authentication)
        }
        if replies.isEmpty { firstReplyNanoseconds = SystemClock.monotonicNanoseconds }
        replies.append(reply)
        guard replies.count == requests.count else { return }
        outcome = .replies(replies)
    }

    private static func isWritable(_ socket: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}
