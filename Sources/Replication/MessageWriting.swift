/// Messages as bytes, appended to what a link is to send.
///
///     length   u32   bytes after the checksums
///     check    u32   of the length alone, so that nobody waits for bytes that a turned bit has promised
///     crc32c   u32   of everything after it
///     type     u8    MessageKind
///     body
///
/// Numbers are varints where small ones are usual, little-endian words where they are not or where the writer
/// learns them last. Text carries its length and is bounded and free of control characters, because it ends up
/// in logs. A bulk body is the rest of its message.
import Base

public enum MessageEnvelope {
    public static let prefixBytes = 12
    /// Length and what vouches for it.
    static let lengthBytes = 8

    @inline(__always)
    static func check(_ length: UInt32) -> UInt32 { length &* 0x9E37_79B1 ^ 0x6132_6C6B }

    /// What a stranger may send, and what a peer may.
    public static let bytesMaxBeforeHandshake = 64 * 1024
    public static let bytesMax = 1024 * 1024 * 1024
    /// Of cluster, node and region.
    public static let nameBytesMax = 255
    /// Of what goes into a log.
    public static let textBytesMax = 1024
    public static let proofBytesMax = 64
}

extension ByteBuffer {
    /// Opens a message whose body the caller appends; the mark is for `endMessage`. Nothing may be consumed
    /// between the two.
    public mutating func beginMessage(_ kind: MessageKind) -> Int {
        let mark = count
        append(littleEndian: UInt64(0))
        append(littleEndian: UInt32(0))
        append(kind.rawValue)
        return mark
    }

    public mutating func endMessage(_ mark: Int) {
        let content = view.dropFirst(mark + MessageEnvelope.prefixBytes)
        let crc = crc32c(content)
        let length = UInt32(truncatingIfNeeded: content.count)
        patch(littleEndian: UInt64(length) | UInt64(MessageEnvelope.check(length)) << 32, at: mark)
        patch(littleEndian: crc, at: mark + MessageEnvelope.lengthBytes)
    }

    /// Opens a message of frames: append them straight from the window.
    public mutating func beginFrames() -> Int {
        let mark = beginMessage(.frames)
        append(littleEndian: UInt64(0))
        return mark
    }

    /// `position` is the window's after the last frame.
    public mutating func endFrames(_ mark: Int, position: UInt64) {
        patch(littleEndian: position, at: mark + MessageEnvelope.prefixBytes + 1)
        endMessage(mark)
    }

    /// Opens a piece of a partition's state: append its bytes.
    public mutating func beginState(request: UInt64, partition: Int) -> Int {
        let mark = beginMessage(.state)
        append(UInt8(0))
        append(varint: request)
        append(varint: partition)
        return mark
    }

    public mutating func endState(_ mark: Int, isLast: Bool) {
        patch(littleEndian: UInt8(isLast ? 1 : 0), at: mark + MessageEnvelope.prefixBytes + 1)
        endMessage(mark)
    }

    /// Opens a request for keys: append them with `appendKeyName`.
    public mutating func beginKeyStatesRequest(request: UInt64, partition: Int) -> Int {
        let mark = beginMessage(.keyStatesRequest)
        append(varint: request)
        append(varint: partition)
        return mark
    }

    /// Opens an answer whose body the caller appends: `.digestReply` or `.keyStates`.
    public mutating func beginReply(_ kind: MessageKind, request: UInt64) -> Int {
        let mark = beginMessage(kind)
        append(varint: request)
        return mark
    }

    public mutating func append(_ message: LinkMessage) {
        let mark = beginMessage(message.kind)
        switch message {
        case .hello, .challenge, .proof, .welcome, .refuse: appendHandshake(message)
        case .frames(let position, let frames):
            append(littleEndian: position)
            append(frames)
        case .jumped(let position): append(varint: position)
        case .heartbeat(let heartbeat): append(heartbeat)
        case .acknowledgement(let acknowledgement):
            append(varint: acknowledgement.appliedPosition)
            append(varint: acknowledgement.durablePosition)
            append(zigzag: acknowledgement.echoedUnixMilliseconds)
            append(varint: acknowledgement.frameCount)
        case .members(let entries):
            append(varint: entries.count)
            for entry in entries { append(entry) }
        case .versionsRequest: break
        case .versions(let report):
            append(report.applied)
            append(varint: report.partitions.count)
            for entry in report.partitions {
                append(varint: entry.partition)
                append(varint: entry.versions.stamps.count)
                for stamp in entry.versions.stamps { append(littleEndian: stamp.rawValue) }
            }
        case .probe(let sequence, let replica):
            append(varint: sequence)
            append(replica)
        case .probeReply(let sequence, let report):
            append(varint: sequence)
            append(report)
        case .leave(let replica): append(replica)
        case .expel(let replica, let isForced):
            append(replica)
            append(UInt8(isForced ? 1 : 0))
        default: appendRepair(message)
        }
        endMessage(mark)
    }

    private mutating func append(_ fences: [AppliedFence]) {
        append(varint: fences.count)
        for fence in fences {
            append(fence.replica)
            append(varint: fence.tick)
        }
    }

    private mutating func appendHandshake(_ message: LinkMessage) {
        switch message {
        case .hello(let hello):
            append(hello.lowestProtocol)
            append(hello.highestProtocol)
            append(hello.identity)
            append(littleEndian: hello.nonce)
            append(UInt8(hello.hasSecret ? 1 : 0))
            append(littleEndian: hello.horizon.rawValue)
            append(UInt8(hello.isUnsure ? 1 : 0))
        case .challenge(let challenge):
            append(challenge.protocolVersion)
            append(challenge.identity)
            append(littleEndian: challenge.nonce)
            append(littleEndian: challenge.horizon.rawValue)
            append(UInt8(challenge.isUnsure ? 1 : 0))
            append(UInt8(challenge.knowsDialler ? 1 : 0))
            append(varint: challenge.proof.count)
            append(challenge.proof)
        case .proof(let proof):
            append(varint: proof.count)
            append(proof)
        case .welcome(let resume):
            append(UInt8(resume == nil ? 0 : 1))
            if let resume { append(varint: resume) }
        case .refuse(let refusal):
            append(refusal.code.rawValue)
            append(text: refusal.text, bytesMax: MessageEnvelope.textBytesMax)
        default: preconditionFailure("\(message.kind) is not of the handshake")
        }
    }

    private mutating func appendRepair(_ message: LinkMessage) {
        switch message {
        case .stateRequest(let request, let partition, let body):
            append(varint: request)
            append(varint: partition)
            append(body)
        case .state(let request, let partition, let isLast, let body):
            append(UInt8(isLast ? 1 : 0))
            append(varint: request)
            append(varint: partition)
            append(body)
        case .stateRefused(let request, let text):
            append(varint: request)
            append(text: text, bytesMax: MessageEnvelope.textBytesMax)
        case .digestRequest(let digest):
            append(varint: digest.request)
            append(zigzag: digest.expiryUnixMilliseconds)
            switch digest.level {
            case .partitions: append(UInt8(0))
            case .buckets(let partition):
                append(UInt8(1))
                append(varint: partition)
            case .keys(let partition, let bucket):
                append(UInt8(2))
                append(varint: partition)
                append(varint: bucket)
            }
        case .digestReply(let request, let body), .keyStates(let request, let body):
            append(varint: request)
            append(body)
        case .keyStatesRequest(let request, let partition, let keys):
            append(varint: request)
            append(varint: partition)
            append(keys.bytes)
        default: preconditionFailure("\(message.kind) is not of repair")
        }
    }

    private mutating func append(_ heartbeat: Heartbeat) {
        append(varint: heartbeat.fenceTick)
        append(zigzag: heartbeat.unixMilliseconds)
        append(varint: heartbeat.position)
        append(heartbeat.applied)
        append(littleEndian: heartbeat.cut.rawValue)
        append(heartbeat.counted)
        append(heartbeat.settled)
        append(varint: heartbeat.tableVersion)
        append(varint: heartbeat.detectorIncarnation)
        append(varint: heartbeat.reports.count)
        for report in heartbeat.reports { append(report) }
    }

    private mutating func append(_ entry: MemberEntry) {
        append(entry.replica)
        append(littleEndian: entry.incarnation)
        append(text: entry.name, bytesMax: MessageEnvelope.nameBytesMax)
        append(text: entry.region, bytesMax: MessageEnvelope.nameBytesMax)
        append(entry.address)
        append(littleEndian: entry.clientPort)
        append(entry.status.rawValue)
        append(varint: entry.epoch)
        append(littleEndian: entry.cut.rawValue)
        append(UInt8(entry.isForced ? 1 : 0) | UInt8(entry.isClosed ? 2 : 0) | UInt8(entry.isFree ? 4 : 0))
    }

    /// Also what the proofs of the handshake are made over.
    mutating func append(_ identity: PeerIdentity) {
        append(text: identity.cluster, bytesMax: MessageEnvelope.nameBytesMax)
        append(identity.replica)
        append(littleEndian: identity.incarnation)
        append(text: identity.name, bytesMax: MessageEnvelope.nameBytesMax)
        append(text: identity.region, bytesMax: MessageEnvelope.nameBytesMax)
        append(identity.address)
        append(littleEndian: identity.clientPort)
    }

    private mutating func append(_ address: PeerAddress) {
        append(text: address.host, bytesMax: PeerAddress.hostBytesMax)
        append(littleEndian: UInt16(address.port))
    }

    private mutating func append(_ report: PeerReport) {
        append(report.replica)
        append(varint: report.incarnation)
        append(report.health.rawValue | (report.heardMilliseconds == nil ? 0 : 4))
        if let age = report.heardMilliseconds { append(varint: UInt64(age)) }
    }

    private mutating func append(_ replica: Replica) { append(littleEndian: replica.rawValue) }

    private mutating func append(_ replicas: [Replica]) {
        append(varint: replicas.count)
        for replica in replicas { append(replica) }
    }

    /// Control characters become spaces, what is too long is cut between characters: it must read back.
    private mutating func append(text: String, bytesMax: Int) {
        var kept = String.UnicodeScalarView()
        var length = 0
        for scalar in text.unicodeScalars {
            length += UTF8.width(scalar)
            guard length <= bytesMax else { break }
            kept.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        let text = String(kept)
        append(varint: text.utf8.count)
        append(text)
    }
}

extension LinkMessage {
    public var kind: MessageKind {
        switch self {
        case .hello: .hello
        case .challenge: .challenge
        case .proof: .proof
        case .welcome: .welcome
        case .refuse: .refuse
        case .frames: .frames
        case .jumped: .jumped
        case .heartbeat: .heartbeat
        case .acknowledgement: .acknowledgement
        case .members: .members
        case .versionsRequest: .versionsRequest
        case .versions: .versions
        case .stateRequest: .stateRequest
        case .state: .state
        case .stateRefused: .stateRefused
        case .digestRequest: .digestRequest
        case .digestReply: .digestReply
        case .keyStatesRequest: .keyStatesRequest
        case .keyStates: .keyStates
        case .probe: .probe
        case .probeReply: .probeReply
        case .leave: .leave
        case .expel: .expel
        }
    }
}
