/// Peers that are behind the window: what they lack is read from the log by the shell, piece by piece, and sent as the
/// window would have been; where the window begins they are handed over to it.
///
/// To the peer it is one stream. Nothing is read ahead of what the link takes: one piece of a link is under way or
/// waits for room in its output. Its heartbeats wait at their place in the stream, as behind frames of the window; so
/// that the peer sees who is there and who counts him, others go out meanwhile which prove nothing.
import Base
import Commands
import Replication
import Wire

/// So much is read at a time, and put into one message.
private let chunkBytesWanted = 1024 * 1024
private let logMessageBytesMax = 256 * 1024

extension Replicator {
    /// Lets the stream go on from a position of our window, also where that is only in the log. False where neither has
    /// it, or the state of what has changed is cheaper.
    func goOn(_ link: PeerLink, from position: UInt64, _ now: Moment) -> Bool {
        let choice = CatchUp.choose(
            position: position, windowRange: node.window.readableRange, places: node.window.log?.placesNow,
            dataBytes: UInt64(max(node.usedBytes(), 0)))
        switch choice {
        case .window:
            link.sending.cursor = position
            return true
        case .log(let place):
            link.sending.cursor = position
            link.sending.fromLog = PeerLink.LogService(
                next: place.log, startedMilliseconds: now.monotonicMilliseconds)
            if let peer = link.peer {
                log(.notice, "\(describe(peer)) is behind the window: what it lacks is read from the log")
            }
            return true
        case .state(let reason):
            if reason != .placeUnknown, reason != .noLog, let peer = link.peer {
                log(.notice, "\(describe(peer)) cannot be served from the log: \(reason)")
            }
            return false
        }
    }

    /// One message of what has been read, or the next read. Returns whether there was anything to send.
    func sendFromLog(_ link: PeerLink, _ now: Moment) -> Bool {
        guard let chunk = link.sending.fromLog?.chunk else {
            return readOn(link, now)
        }
        chunk.frames.withView { frames in
            let start = link.sending.fromLog?.taken ?? 0
            let length = wholeFrames(frames.dropFirst(start))
            precondition(length > 0, "what was read of the log is no frame at \(start)")
            let mark = link.output.pointee.beginFrames()
            link.output.pointee.append(frames.slice(start, length))
            let count = UInt64(FrameCodec.count(frames.slice(start, length)))
            link.sending.framesSent &+= count
            link.sending.fromLog?.frames &+= count
            link.sending.fromLog?.bytes &+= UInt64(length)
            link.sending.fromLog?.taken += length
            counters.framesServedFromLog &+= count
            counters.bytesServedFromLog &+= UInt64(length)
            if start + length == frames.count { finishChunk(link, chunk) }
            link.output.pointee.endFrames(mark, position: link.sending.cursor)
        }
        return true
    }

    /// How many bytes of the frames at the front of `bytes` make a message.
    private func wholeFrames(_ bytes: ByteView) -> Int {
        var length = 0
        while length < bytes.count, length < logMessageBytesMax,
            let place = try? FrameCodec.place(of: bytes.dropFirst(length))
        {
            length += place.byteCount
        }
        return length
    }

    /// All of it is on its way: so the stream has come to where the log was read up to.
    private func finishChunk(_ link: PeerLink, _ chunk: LogChunk) {
        link.sending.fromLog?.chunk = nil
        link.sending.fromLog?.taken = 0
        if let place = node.window.log?.place(atLog: chunk.next) {
            link.sending.cursor = max(link.sending.cursor, place.window)
        }
    }

    /// Asks for the next piece, or hands over to the window. Returns whether the window has it now.
    private func readOn(_ link: PeerLink, _ now: Moment) -> Bool {
        guard let service = link.sending.fromLog, !service.isReading, let log = node.window.log else { return false }
        // Not at its very edge, where the next writes would push the peer out again.
        let lead = node.window.end - link.sending.cursor
        let end = log.servedEnd
        let isAtEnd = end.map { $0.log <= service.next } ?? true
        if lead <= UInt64(node.window.capacity / (isAtEnd ? 1 : 2)) {
            handOver(link, service, now)
            return true
        }
        // What is in neither is about to be written.
        guard !isAtEnd, let end else { return false }
        link.sending.fromLog?.isReading = true
        actions.append(
            .readLog(
                link: link.number,
                LogRead(
                    from: service.next, upTo: end.log, origin: replica, bytesWanted: chunkBytesWanted,
                    entryBytesMax: node.window.frameBytesMax)))
        return false
    }

    private func handOver(_ link: PeerLink, _ service: PeerLink.LogService, _ now: Moment) {
        endLogService(link)
        guard let peer = link.peer else { return }
        let took = now.monotonicMilliseconds - service.startedMilliseconds
        log(
            .notice,
            "\(describe(peer)) is back in the window: \(service.frames) frames (\(service.bytes) bytes) came from the "
                + "log in \(took) ms")
    }

    /// The shell has read, or could not.
    public func logRead(link number: Int, _ outcome: LogReadOutcome, _ now: Moment) {
        guard let link = link(number), link.sending.fromLog?.isReading == true else { return }
        setClock(now)
        link.sending.fromLog?.isReading = false
        switch outcome {
        case .read(let chunk):
            link.sending.fromLog?.next = chunk.next
            if chunk.frames.isEmpty {
                finishChunk(link, chunk)
                link.sending.owesPosition = true
            } else {
                link.sending.fromLog?.chunk = chunk
            }
        case .failed(let reason):
            if let peer = link.peer {
                log(.warning, "\(describe(peer)) cannot be served from the log any more: \(reason)")
            }
            jump(link)
        }
    }

    /// For a peer whose heartbeats wait behind what is read: who is there, and whom we count. No fence, and nothing of
    /// what has been applied here: that is told behind everything that was written before.
    func sendSign(of heartbeat: Heartbeat, _ link: PeerLink) {
        guard link.sending.fromLog != nil, link.output.pointee.count < chunkBytesWanted else { return }
        var sign = heartbeat
        sign.fenceTick = 0
        sign.applied = []
        sign.cut = .zero
        sign.position = link.sending.cursor
        link.send(.heartbeat(sign))
    }

    func endLogService(_ link: PeerLink) {
        guard link.sending.fromLog != nil else { return }
        link.sending.fromLog = nil
        actions.append(.endLogRead(link: link.number))
    }
}
