/// Messages read back from bytes. Whatever the bytes are, the answer is a message, "not all here yet" or a failure
/// with its reason; nothing is allocated that the input does not pay for.
import Base

public enum MessageFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLarge(length: Int, limit: Int)
    case checksum
    case unknownType(UInt8)
    case malformed(MessageKind)

    public var description: String {
        switch self {
        case .tooLarge(let length, let limit): "a message of \(length) bytes where at most \(limit) are allowed"
        case .checksum: "a message whose checksum is wrong"
        case .unknownType(let type): "a message of unknown type \(type)"
        case .malformed(let kind): "a malformed message of type \(kind)"
        }
    }
}

extension LinkMessage {
    /// Reads one message from the front of `bytes`, and its whole length; nil while some of it is missing.
    public static func decode(
        _ bytes: ByteView, bytesMax: Int
    ) throws(MessageFailure) -> (message: LinkMessage, byteCount: Int)? {
        guard bytes.count >= MessageEnvelope.lengthBytes else { return nil }
        let word = bytes.word32(at: 0).littleEndian
        guard bytes.word32(at: 4).littleEndian == MessageEnvelope.check(word) else { throw .checksum }
        let length = Int(word)
        guard length <= bytesMax else { throw .tooLarge(length: length, limit: bytesMax) }
        guard bytes.count >= MessageEnvelope.prefixBytes + length else { return nil }
        let content = bytes.slice(MessageEnvelope.prefixBytes, length)
        guard crc32c(content) == bytes.word32(at: MessageEnvelope.lengthBytes).littleEndian else { throw .checksum }
        var reader = ByteReader(content)
        let type = reader.byte()
        guard reader.isValid, let kind = MessageKind(rawValue: type) else { throw .unknownType(type) }
        let message = body(kind, &reader)
        guard let message, reader.isValid, reader.isAtEnd else { throw .malformed(kind) }
        return (message, MessageEnvelope.prefixBytes + length)
    }

    /// How many bytes the message at the front takes in all, once its length has arrived.
    public static func byteCount(_ bytes: ByteView) -> Int? {
        bytes.count >= 4 ? MessageEnvelope.prefixBytes + Int(bytes.word32(at: 0).littleEndian) : nil
    }

    private static func body(_ kind: MessageKind, _ reader: inout ByteReader) -> LinkMessage? {
        switch kind {
        case .hello, .challenge, .proof, .welcome, .refuse: return handshake(kind, &reader)
        case .frames:
            let position = reader.littleEndian(UInt64.self)
            return .frames(position: position, frames: reader.rest())
        case .jumped: return .jumped(position: reader.varint())
        case .heartbeat: return reader.heartbeat().map { .heartbeat($0) }
        case .acknowledgement:
            let applied = reader.varint()
            let durable = reader.varint()
            let echoed = reader.zigzag()
            return .acknowledgement(
                Acknowledgement(
                    appliedPosition: applied, durablePosition: durable, echoedUnixMilliseconds: echoed,
                    frameCount: reader.varint()))
        case .members:
            // A row for every process there ever was, and none is left out: only the bytes bound them.
            let entriesMax = reader.remaining / 16
            guard let entries = reader.list(atMost: entriesMax, { $0.memberEntry() }) else { return nil }
            return .members(entries)
        case .versionsRequest: return .versionsRequest
        case .versions:
            guard let applied = reader.appliedFences(),
                let partitions = reader.list(atMost: Slots.partitionCount, { $0.partitionVersions() })
            else { return nil }
            return .versions(VersionsReport(applied: applied, partitions: partitions))
        case .probe:
            let sequence = reader.varint()
            return reader.replica().map { .probe(sequence: sequence, about: $0) }
        case .probeReply:
            let sequence = reader.varint()
            return reader.peerReport().map { .probeReply(sequence: sequence, report: $0) }
        case .leave: return reader.replica().map { .leave($0) }
        case .expel:
            guard let replica = reader.replica(), let isForced = reader.flag() else { return nil }
            return .expel(replica, isForced: isForced)
        default: return repair(kind, &reader)
        }
    }

    private static func handshake(_ kind: MessageKind, _ reader: inout ByteReader) -> LinkMessage? {
        switch kind {
        case .hello:
            let lowest = reader.byte()
            let highest = reader.byte()
            guard lowest <= highest, let identity = reader.identity() else { return nil }
            let nonce = reader.littleEndian(UInt128.self)
            guard let hasSecret = reader.flag() else { return nil }
            let horizon = Stamp(rawValue: reader.littleEndian(UInt64.self))
            guard let isUnsure = reader.flag() else { return nil }
            return .hello(
                Hello(
                    lowestProtocol: lowest, highestProtocol: highest, identity: identity, nonce: nonce,
                    hasSecret: hasSecret, horizon: horizon, isUnsure: isUnsure))
        case .challenge:
            let version = reader.byte()
            guard let identity = reader.identity() else { return nil }
            let nonce = reader.littleEndian(UInt128.self)
            let horizon = Stamp(rawValue: reader.littleEndian(UInt64.self))
            guard let isUnsure = reader.flag(), let knowsDialler = reader.flag(), let proof = reader.proof() else {
                return nil
            }
            return .challenge(
                Challenge(
                    protocolVersion: version, identity: identity, nonce: nonce, horizon: horizon, isUnsure: isUnsure,
                    knowsDialler: knowsDialler, proof: proof))
        case .proof: return reader.proof().map { .proof($0) }
        case .welcome:
            guard let isKnown = reader.flag() else { return nil }
            return .welcome(resume: isKnown ? reader.varint() : nil)
        case .refuse:
            let code = RefusalCode(rawValue: reader.byte()) ?? .other
            return reader.text(bytesMax: MessageEnvelope.textBytesMax).map { .refuse(Refusal(code, $0)) }
        default: return nil
        }
    }

    private static func repair(_ kind: MessageKind, _ reader: inout ByteReader) -> LinkMessage? {
        switch kind {
        case .stateRequest:
            let request = reader.varint()
            guard let partition = reader.partition() else { return nil }
            return .stateRequest(request: request, partition: partition, body: reader.rest())
        case .state:
            guard let isLast = reader.flag() else { return nil }
            let request = reader.varint()
            guard let partition = reader.partition() else { return nil }
            return .state(request: request, partition: partition, isLast: isLast, body: reader.rest())
        case .stateRefused:
            let request = reader.varint()
            return reader.text(bytesMax: MessageEnvelope.textBytesMax).map {
                .stateRefused(request: request, text: $0)
            }
        case .digestRequest: return reader.digestRequest().map { .digestRequest($0) }
        case .digestReply:
            let request = reader.varint()
            return .digestReply(request: request, body: reader.rest())
        case .keyStates:
            let request = reader.varint()
            return .keyStates(request: request, body: reader.rest())
        case .keyStatesRequest:
            let request = reader.varint()
            guard let partition = reader.partition() else { return nil }
            let start = reader
            while !reader.isAtEnd {
                guard Int(reader.byte()) < Limits.databasesMax else { return nil }
                _ = reader.lengthPrefixed()
            }
            guard reader.isValid else { return nil }
            let keys = start.bytes.slice(start.offset, start.remaining)
            return .keyStatesRequest(request: request, partition: partition, keys: KeyNames(checked: keys))
        default: return nil
        }
    }
}

/// The parts that messages are made of. A nil fails the message; so does a reader that has run dry.
extension ByteReader {
    fileprivate mutating func rest() -> ByteView { view(remaining) }

    fileprivate mutating func flag() -> Bool? {
        let byte = byte()
        return byte <= 1 ? byte == 1 : nil
    }

    /// No more elements than bytes are left, and the array grows only as they are read.
    fileprivate mutating func list<Element>(
        atMost countMax: Int = Replica.countMax, _ element: (inout ByteReader) -> Element?
    ) -> [Element]? {
        let count = count()
        guard count <= countMax else { return nil }
        var elements: [Element] = []
        for _ in 0..<count {
            guard let next = element(&self), isValid else { return nil }
            elements.append(next)
        }
        return isValid ? elements : nil
    }

    /// Printable text: it ends up in logs.
    fileprivate mutating func text(bytesMax: Int) -> String? {
        let bytes = lengthPrefixed()
        guard isValid, bytes.count <= bytesMax, bytes.raw.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: bytes.raw, as: UTF8.self)
    }

    fileprivate mutating func proof() -> [UInt8]? {
        let bytes = lengthPrefixed()
        return isValid && bytes.count <= MessageEnvelope.proofBytesMax ? bytes.array : nil
    }

    fileprivate mutating func replica() -> Replica? {
        let number = littleEndian(UInt16.self)
        guard isValid, Int(number) < Replica.countMax, number & 0xFF != 0 else { return nil }
        return Replica(rawValue: number)
    }

    fileprivate mutating func partition() -> Int? {
        let partition = varint()
        return isValid && partition < UInt64(Slots.partitionCount) ? Int(partition) : nil
    }

    fileprivate mutating func address() -> PeerAddress? {
        guard let host = text(bytesMax: PeerAddress.hostBytesMax) else { return nil }
        return try? PeerAddress(host: host, port: Int(littleEndian(UInt16.self)))
    }

    fileprivate mutating func identity() -> PeerIdentity? {
        let bytesMax = MessageEnvelope.nameBytesMax
        guard let cluster = text(bytesMax: bytesMax), let replica = replica() else { return nil }
        let incarnation = littleEndian(UInt128.self)
        guard let name = text(bytesMax: bytesMax), let region = text(bytesMax: bytesMax), let address = address()
        else { return nil }
        return PeerIdentity(
            cluster: cluster, replica: replica, incarnation: incarnation, name: name, region: region, address: address,
            clientPort: littleEndian(UInt16.self))
    }

    fileprivate mutating func memberEntry() -> MemberEntry? {
        let bytesMax = MessageEnvelope.nameBytesMax
        guard let replica = replica() else { return nil }
        let incarnation = littleEndian(UInt128.self)
        guard let name = text(bytesMax: bytesMax), let region = text(bytesMax: bytesMax), let address = address()
        else { return nil }
        let clientPort = littleEndian(UInt16.self)
        guard let status = MemberStatus(rawValue: byte()) else { return nil }
        let epoch = varint()
        let cut = Stamp(rawValue: littleEndian(UInt64.self))
        let flags = byte()
        guard flags < 8 else { return nil }
        return MemberEntry(
            replica: replica, incarnation: incarnation, name: name, region: region, address: address, status: status,
            epoch: epoch, cut: cut, isForced: flags & 1 != 0, isClosed: flags & 2 != 0,
            isFree: flags & 4 != 0, clientPort: clientPort)
    }

    /// Ascending by replica, as `Versions` has them.
    fileprivate mutating func partitionVersions() -> PartitionVersions? {
        guard let partition = partition() else { return nil }
        guard let stamps = list({ Stamp(rawValue: $0.littleEndian(UInt64.self)) }) else { return nil }
        for (stamp, next) in zip(stamps, stamps.dropFirst()) where stamp.replica >= next.replica { return nil }
        guard stamps.allSatisfy({ !$0.isZero && $0.replica.node > 0 }) else { return nil }
        return PartitionVersions(partition: partition, versions: Versions(stamps))
    }

    fileprivate mutating func peerReport() -> PeerReport? {
        guard let replica = replica() else { return nil }
        let incarnation = varint()
        let flags = byte()
        guard isValid, flags & ~7 == 0, let health = PeerHealth(rawValue: flags & 3) else { return nil }
        var heard: UInt32?
        if flags & 4 != 0 {
            guard let age = UInt32(exactly: varint()) else { return nil }
            heard = age
        }
        return PeerReport(replica, incarnation: incarnation, health: health, heardMilliseconds: heard)
    }

    fileprivate mutating func appliedFences() -> [AppliedFence]? {
        list { reader -> AppliedFence? in
            guard let replica = reader.replica() else { return nil }
            return AppliedFence(replica, tick: reader.varint())
        }
    }

    fileprivate mutating func heartbeat() -> Heartbeat? {
        var heartbeat = Heartbeat(unixMilliseconds: 0)
        heartbeat.fenceTick = varint()
        heartbeat.unixMilliseconds = zigzag()
        // Times are subtracted: before 1970 nobody's clock stands.
        guard heartbeat.unixMilliseconds >= 0 else { return nil }
        heartbeat.position = varint()
        let applied = appliedFences()
        heartbeat.cut = Stamp(rawValue: littleEndian(UInt64.self))
        guard let applied, let counted = list({ $0.replica() }), let settled = list({ $0.replica() }) else {
            return nil
        }
        heartbeat.applied = applied
        heartbeat.counted = counted
        heartbeat.settled = settled
        heartbeat.tableVersion = varint()
        heartbeat.detectorIncarnation = varint()
        guard let reports = list({ $0.peerReport() }) else { return nil }
        heartbeat.reports = reports
        return heartbeat
    }

    fileprivate mutating func digestRequest() -> DigestRequest? {
        let request = varint()
        let expiry = zigzag()
        let level: DigestRequest.Level
        switch byte() {
        case 0: level = .partitions
        case 1:
            guard let partition = partition() else { return nil }
            level = .buckets(partition: partition)
        case 2:
            guard let partition = partition() else { return nil }
            let bucket = varint()
            guard bucket < UInt64(Slots.perPartition) else { return nil }
            level = .keys(partition: partition, bucket: Int(bucket))
        default: return nil
        }
        return DigestRequest(request: request, expiryUnixMilliseconds: expiry, level: level)
    }
}
