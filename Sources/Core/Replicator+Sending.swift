/// The upstream's side: our window's frames and heartbeats out to a peer, and the states it asks for.
import Base
import Commands
import Engine
import Replication
import Synchronization
import Wire

private let framesMessageBytesMax = 64 * 1024
private let stateMessageBytesMax = 256 * 1024
/// Of a link's output, where the bound is not lower: more would only wait here instead of in the window.
private let outputBytesWanted = 1024 * 1024

extension Replicator {
    /// The handshake is over: the stream begins where the peer's knowledge of our window ends, or now.
    func startSending(_ link: PeerLink, resume: UInt64?, _ now: Moment) {
        if let resume, resume >= past.resumableFrom, goOn(link, from: resume, now) {
            link.sending.acknowledged = resume
        } else {
            link.sending.cursor = node.window.end
            link.send(.jumped(position: link.sending.cursor))
        }
        link.sendTable(members.entries)
        sendVersions(link)
    }

    /// Fills a link's output. Returns whether more could be sent at once.
    func fill(_ link: PeerLink, _ now: Moment) -> Bool {
        let bound = min(outputBytesWanted, settings.bounds.linkOutputBytesMax)
        while link.output.pointee.count < bound {
            if let heartbeat = link.sending.heartbeat,
                link.sending.cursor >= heartbeat.position || faults.contains(.fenceBeforeFrames)
            {
                link.sending.heartbeat = nil
                link.send(.heartbeat(heartbeat))
            }
            if isListening {
                // What is written now will be told as a state. Signs of life go out, which prove nothing yet.
                link.sending.cursor = node.window.end
                if link.sending.heartbeat == nil { return false }
                continue
            }
            let hasFrames = link.sending.fromLog == nil ? sendFrames(link, now) : sendFromLog(link, now)
            let hasState = serveState(link)
            if !hasFrames, !hasState { return false }
        }
        return true
    }

    /// How far the window may be sent: with `fsync always` as far as it would survive a crash.
    private var sendableEnd: UInt64 {
        guard let log = node.window.log, log.isSynchronous.load(ordering: .relaxed) || !hasKeptNames else {
            return node.window.end
        }
        return min(log.durablePosition, node.window.end)
    }

    /// One message of frames, none from behind a heartbeat that waits. Returns whether there was anything.
    private func sendFrames(_ link: PeerLink, _ now: Moment) -> Bool {
        let limit = min(link.sending.heartbeat?.position ?? .max, sendableEnd)
        guard link.sending.cursor < limit || link.sending.owesPosition else { return false }
        let mark = link.output.pointee.beginFrames()
        let framesStart = link.output.pointee.count
        var isLost = false
        while link.sending.cursor < limit, link.output.pointee.count - mark < framesMessageBytesMax {
            let before = link.output.pointee.count
            switch node.window.read(at: link.sending.cursor, into: &link.output.pointee) {
            case .frame(let next):
                link.sending.cursor = next
                let bytes = link.output.pointee.view.dropFirst(before)
                link.sending.framesSent &+= UInt64(FrameCodec.count(bytes))
                continue
            case .skipped(let next):
                link.sending.cursor = next
                link.sending.owesPosition = true
                continue
            case .end: break
            case .lost: isLost = true
            }
            break
        }
        let hasFrames = link.output.pointee.count > framesStart
        let hasMessage = hasFrames || link.sending.owesPosition && maySayPosition(link)
        if hasMessage {
            link.output.pointee.endFrames(mark, position: link.sending.cursor)
            link.sending.owesPosition = false
        } else {
            link.output.pointee.truncate(to: mark)
        }
        if isLost, !goOn(link, from: link.sending.cursor, now) { jump(link) }
        return hasMessage
    }

    /// Where nothing in the window was for the peer, it still has to hear how far it has come, for those who wait for
    /// its acknowledgement: once a millisecond, or ahead of a heartbeat.
    private func maySayPosition(_ link: PeerLink) -> Bool {
        // What comes back of our past is none of the stream: nobody is to go on from behind it unless told of it.
        if past.isAsking, !past.isWhole {
            link.sending.owesPosition = false
            return false
        }
        let now = executor.context.pointee.nowMilliseconds
        if link.sending.heartbeat.map({ link.sending.cursor >= $0.position }) != true {
            guard link.sending.positionSaidMilliseconds != now else { return false }
        }
        link.sending.positionSaidMilliseconds = now
        return true
    }

    /// The peer is too slow for the window: it goes on from the window's end and repairs what lies between.
    func jump(_ link: PeerLink) {
        endLogService(link)
        link.sending.cursor = node.window.end
        link.sending.heartbeat = nil
        link.send(.jumped(position: link.sending.cursor))
        sendVersions(link)
        if let peer = link.peer {
            log(.warning, "\(describe(peer)) fell out of the window and repairs from state")
        }
    }

    /// All partitions' versions, and the fences behind which they stand, taken first.
    func sendVersions(_ link: PeerLink) {
        if isListening { return }
        let applied = fences.stamps.map { AppliedFence($0.replica, tick: $0.tick) }
        var partitions: [PartitionVersions] = []
        for partition in 0..<Slots.partitionCount {
            let versions = executor.versions(partition)
            if !versions.stamps.isEmpty {
                partitions.append(PartitionVersions(partition: partition, versions: versions))
            }
        }
        link.send(.versions(VersionsReport(applied: applied, partitions: partitions)))
    }

    // MARK: states

    func receiveStateRequest(_ link: PeerLink, request: UInt64, partition: Int, body: ByteView) {
        guard let wanted = StateRequest.decode(body) else {
            return fail(link, "a request for state that is none")
        }
        guard link.sending.exports.count < PeerLink.Sending.exportsMax else {
            return fail(link, "requests for more states than anybody joins at a time")
        }
        link.sending.exports.append(
            PeerLink.Export(request: request, partition: partition, export: StateExport(wanted)))
    }

    /// One message of the state asked for first. Returns whether there was anything.
    private func serveState(_ link: PeerLink) -> Bool {
        guard !link.sending.exports.isEmpty, hasKeptNames else { return false }
        let mark = link.output.pointee.beginState(
            request: link.sending.exports[0].request, partition: link.sending.exports[0].partition)
        let isDone = executor.export(
            &link.sending.exports[0].export, link.sending.exports[0].partition,
            includesHead: !link.sending.exports[0].hasHead, bytesMax: stateMessageBytesMax, into: link.output)
        link.sending.exports[0].hasHead = true
        link.output.pointee.endState(mark, isLast: isDone)
        if isDone {
            link.sending.exports.removeFirst()
            counters.statesServed &+= 1
        }
        return true
    }

    // MARK: acknowledgements

    func receive(_ acknowledgement: Acknowledgement, _ link: PeerLink, _ now: Moment) {
        guard let peer = link.peer, acknowledgement.appliedPosition <= node.window.end else {
            return fail(link, "an acknowledgement of what was never written")
        }
        link.sending.acknowledged = max(link.sending.acknowledged, acknowledgement.appliedPosition)
        link.sending.framesAcknowledged = acknowledgement.frameCount
        node.acknowledgements.note(.applied, node: peer.replica.node, upTo: link.sending.acknowledged)
        node.acknowledgements.note(
            .durable, node: peer.replica.node,
            upTo: min(acknowledgement.durablePosition, link.sending.acknowledged))
        if acknowledgement.echoedUnixMilliseconds > 0 {
            let trip = max(now.unixMilliseconds - acknowledgement.echoedUnixMilliseconds, 0)
            link.sending.roundTripMilliseconds = trip
            detector.measured(roundTripMilliseconds: trip, with: peer.replica)
            change(peer.replica) { $0.roundTripMilliseconds = trip }
        }
    }
}
