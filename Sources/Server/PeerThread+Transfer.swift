/// Bytes in both directions, and how links end.
///
/// A peer that takes nothing stops being read once what waits for it exceeds the bound: it can ask for no more.
import Base
import Core
import OS
import Replication
import Synchronization

extension PeerThread where Machine: ~Copyable {
    /// What one link may bring, and take, in one turn.
    private static var turnBytesMax: Int { 1 << 20 }
    private static var receiveBytesMin: Int { 64 * 1024 }
    /// A link that has sent this much at once may have more to send.
    private static var bulkBytesMin: Int { 64 * 1024 }
    private static var outputBytesKept: Int { 256 * 1024 }
    private static var closeMillisecondsMax: Int64 { 1000 }

    // MARK: Receiving

    func receiveAll() {
        for socket in Array(sockets.values) {
            switch socket.state {
            case .dialling: continue
            case .open: receive(socket)
            case .closing: continue
            case .lingering: if socket.mayHaveInput { discardInput(socket) }
            }
        }
    }

    private func receive(_ socket: PeerSocket) {
        updatePause(socket)
        let delay = Int64(machine.deliveryDelayMilliseconds(link: socket.link))
        if socket.mayHaveInput, !socket.isPaused {
            socket.mayHaveInput = false
            // Into the buffer itself only where nothing has to wait first.
            if delay == 0, socket.delayed.isEmpty {
                let before = socket.input.count
                read(socket, into: &socket.input)
                if socket.input.count > before { deliver(socket) }
            } else {
                var bytes = ByteBuffer(capacity: Self.receiveBytesMin)
                read(socket, into: &bytes)
                if !bytes.isEmpty {
                    socket.delayed.append(bytes.view, dueMilliseconds: now.monotonicMilliseconds + delay)
                }
            }
        }
        if socket.delayed.take(into: &socket.input, nowMilliseconds: now.monotonicMilliseconds) { deliver(socket) }
        if let reason = socket.endReason, socket.delayed.isEmpty, socket.isOpen { finish(socket, reason) }
    }

    private func deliver(_ socket: PeerSocket) {
        machine.receive(link: socket.link, &socket.input, now)
        socket.input.shrink(to: PeerSocket.inputBytesKept)
        needsTurn = true
    }

    private func read(_ socket: PeerSocket, into buffer: inout ByteBuffer) {
        var total = 0
        while total < Self.turnBytesMax {
            buffer.reserve(Self.receiveBytesMin)
            let wanted = min(buffer.writableCount, Self.turnBytesMax - total)
            let got = Socket.receive(socket.descriptor, into: buffer.writable, count: wanted)
            if got <= 0 {
                if got != Refusal.wouldBlock { socket.endReason = Self.reason(got, "receive") }
                break
            }
            buffer.commit(got)
            total += got
        }
        if total >= Self.turnBytesMax { socket.mayHaveInput = true }
        post.inputBytes.add(UInt64(total), ordering: .relaxed)
    }

    private static func reason(_ result: Int, _ operation: String) -> String {
        result == 0 ? "closed by the peer" : SystemError(operation: operation, errno: Int32(-result)).reason
    }

    private func updatePause(_ socket: PeerSocket) {
        let waiting = machine.output(link: socket.link)?.pointee.count ?? 0
        let bound = socket.isPaused ? options.bufferBytes / 2 : options.bufferBytes
        socket.isPaused = waiting > bound || socket.delayed.count > bound || shared.isLogBehind
    }

    /// What nobody will read: until the other end has closed too.
    private func discardInput(_ socket: PeerSocket) {
        socket.mayHaveInput = false
        var buffer = ByteBuffer(capacity: Self.receiveBytesMin)
        read(socket, into: &buffer)
        if socket.endReason != nil { forget(socket) }
    }

    // MARK: Sending

    func flushAll() {
        for socket in Array(sockets.values) where socket.isLink {
            flush(socket)
            if case .closing(_, let reason) = socket.state,
                machine.output(link: socket.link)?.pointee.isEmpty ?? true
            {
                finish(socket, reason)
            } else {
                updatePause(socket)
            }
        }
    }

    private func flush(_ socket: PeerSocket) {
        guard socket.hasRoom, let output = machine.output(link: socket.link), !output.pointee.isEmpty else { return }
        var total = 0
        while !output.pointee.isEmpty, total < Self.turnBytesMax {
            let sent = Socket.send(socket.descriptor, output.pointee.view)
            if sent <= 0 {
                if sent == Refusal.wouldBlock { socket.hasRoom = false } else { broken(socket, sent) }
                break
            }
            output.pointee.consume(sent)
            total += sent
        }
        post.outputBytes.add(UInt64(total), ordering: .relaxed)
        machine.noteSent(link: socket.link, byteCount: total)
        // The machine may have held back for want of room, or there is a rest that the socket takes at once.
        if total >= Self.bulkBytesMin, socket.hasRoom { needsTurn = true }
        if socket.isLink, output.pointee.isEmpty { output.pointee.shrink(to: Self.outputBytesKept) }
    }

    private func broken(_ socket: PeerSocket, _ result: Int) {
        socket.hasRoom = false
        // What has come before is still to be read, the reason of a refusal perhaps.
        if socket.isOpen {
            socket.endReason = socket.endReason ?? Self.reason(result, "send")
            socket.mayHaveInput = true
            needsTurn = true
        } else if case .closing(_, let reason) = socket.state {
            socket.state = .closing(untilMilliseconds: now.monotonicMilliseconds, reason: reason)
        }
    }

    // MARK: Ending

    /// As the machine wants it: what is owed is sent first.
    func close(_ link: Int, reason: String = "closed by this node") {
        guard let socket = sockets[link] else { return }
        switch socket.state {
        case .dialling:
            // Only the end of the process comes here: the machine does not know the link yet.
            forget(socket)
        case .open:
            socket.state = .closing(
                untilMilliseconds: now.monotonicMilliseconds + Self.closeMillisecondsMax, reason: reason)
        case .closing, .lingering: break
        }
    }

    /// The machine hears of it; the socket lingers where that may help the other end.
    private func finish(_ socket: PeerSocket, _ reason: String) {
        post.linkCount.subtract(1, ordering: .relaxed)
        if case .closing = socket.state, socket.endReason == nil, socket.hasRoom {
            Socket.endOutput(socket.descriptor)
            socket.state = .lingering(untilMilliseconds: now.monotonicMilliseconds + Self.closeMillisecondsMax)
            socket.mayHaveInput = true
        } else {
            forget(socket)
        }
        machine.closed(link: socket.link, reason: reason, now)
        needsTurn = true
    }

    private func forget(_ socket: PeerSocket) {
        sockets[socket.link] = nil
        socket.closeDescriptor()
    }

    /// What has taken too long ends.
    func expire() {
        let time = now.monotonicMilliseconds
        if let until = deafUntilMilliseconds, until <= time { listenAgain() }
        for socket in Array(sockets.values) {
            switch socket.state {
            case .dialling(let dial): if dial.untilMilliseconds <= time { giveUpDialling(socket, dial) }
            case .open: continue
            case .closing(let until, let reason): if until <= time { finish(socket, reason) }
            case .lingering(let until): if until <= time { forget(socket) }
            }
        }
    }
}
