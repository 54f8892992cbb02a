/// Messages as bytes: what is written reads back, and whatever else arrives ends in a failure, never in a trap.
import Base
import Testing

@testable import Replication

private struct MessageMaker {
    var random: SeededRandom

    mutating func number() -> UInt64 { random.next() >> UInt64(random.below(64)) }

    mutating func text() -> String {
        let alphabet = ["a", "Z", "9", "-", " ", "é", "語", "🐟"]
        return (0..<random.below(20)).map { _ in alphabet[random.below(alphabet.count)] }.joined()
    }

    mutating func bytes(_ countMax: Int = 40) -> [UInt8] {
        (0..<random.below(countMax)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    mutating func replica() -> Replica {
        Replica(node: UInt8(1 + random.below(255)), generation: UInt8(random.below(4)))
    }

    mutating func stamp() -> Stamp { Stamp(tick: number() >> 10, replica: replica()) }
    mutating func wide() -> UInt128 { UInt128(random.next()) << 64 | UInt128(random.next()) }
    mutating func flag() -> Bool { random.below(2) == 0 }

    mutating func list<Element>(_ make: (inout MessageMaker) -> Element) -> [Element] {
        (0..<random.below(5)).map { _ in make(&self) }
    }

    mutating func address() throws -> PeerAddress {
        let hosts = ["localhost", "10.0.0.7", "fe80::1%eth0", "a-very.long_name.example.org"]
        return try PeerAddress(host: hosts[random.below(hosts.count)], port: 1 + random.below(65535))
    }

    mutating func identity() throws -> PeerIdentity {
        PeerIdentity(
            cluster: text(), replica: replica(), incarnation: wide(), name: text(), region: text(),
            address: try address(), clientPort: UInt16(truncatingIfNeeded: number()))
    }

    mutating func report() -> PeerReport {
        PeerReport(
            replica(), incarnation: number(), health: PeerHealth.allCases[random.below(3)],
            heardMilliseconds: flag() ? nil : UInt32(truncatingIfNeeded: number()))
    }

    mutating func entry() throws -> MemberEntry {
        MemberEntry(
            replica: replica(), incarnation: wide(), name: text(), region: text(), address: try address(),
            status: MemberStatus.allCases[random.below(5)], epoch: number(), cut: stamp(), isForced: flag(),
            isClosed: flag(), isFree: flag(), clientPort: UInt16(truncatingIfNeeded: number()))
    }

    mutating func heartbeat() -> Heartbeat {
        Heartbeat(
            fenceTick: number(), unixMilliseconds: Int64(bitPattern: number() >> 1), position: number(),
            applied: list { AppliedFence($0.replica(), tick: $0.number()) }, cut: stamp(),
            counted: list { $0.replica() }, settled: list { $0.replica() }, tableVersion: number(),
            detectorIncarnation: number(), reports: list { $0.report() })
    }

    mutating func versions() -> [PartitionVersions] {
        list { maker in
            PartitionVersions(
                partition: maker.random.below(256), versions: Versions(maker.list { $0.stamp() }))
        }
    }

    mutating func digestRequest() -> DigestRequest {
        let levels: [DigestRequest.Level] = [
            .partitions, .buckets(partition: random.below(256)),
            .keys(partition: random.below(256), bucket: random.below(64)),
        ]
        return DigestRequest(
            request: number(), expiryUnixMilliseconds: Int64(bitPattern: number()), level: levels[random.below(3)])
    }

    /// One message of the kind, as bytes, and what it must read back as: its description holds its bodies.
    mutating func encode(_ kind: MessageKind) throws -> (bytes: [UInt8], text: String) {
        let body = bytes()
        var names = ByteBuffer()
        for _ in 0..<random.below(5) {
            let name = bytes()
            let database = UInt8(random.below(16))
            name.withView { names.appendKeyName(database: database, $0) }
        }
        let request = number()
        let partition = random.below(256)
        var buffer = ByteBuffer(capacity: 16)
        let hello = Hello(
            lowestProtocol: UInt8(random.below(4)), highestProtocol: UInt8(4 + random.below(4)),
            identity: try identity(), nonce: wide(), hasSecret: flag(), horizon: stamp(), isUnsure: flag())
        let challenge = Challenge(
            protocolVersion: UInt8(random.below(4)), identity: try identity(), nonce: wide(), horizon: stamp(),
            isUnsure: flag(), knowsDialler: flag(), proof: bytes())
        let refusal = Refusal(RefusalCode.allCases[random.below(RefusalCode.allCases.count)], text())
        let entries = [try entry(), try entry()]
        return body.withView { view in
            let message: LinkMessage =
                switch kind {
                case .hello: .hello(hello)
                case .challenge: .challenge(challenge)
                case .proof: .proof(challenge.proof)
                case .welcome: .welcome(resume: flag() ? nil : request)
                case .refuse: .refuse(refusal)
                case .frames: .frames(position: request, frames: view)
                case .jumped: .jumped(position: request)
                case .heartbeat: .heartbeat(heartbeat())
                case .acknowledgement:
                    .acknowledgement(
                        Acknowledgement(
                            appliedPosition: number(), durablePosition: number(),
                            echoedUnixMilliseconds: Int64(bitPattern: number()), frameCount: number()))
                case .members: .members(Array(entries.prefix(random.below(3))))
                case .versionsRequest: .versionsRequest
                case .versions: .versions(VersionsReport(applied: heartbeat().applied, partitions: versions()))
                case .stateRequest: .stateRequest(request: request, partition: partition, body: view)
                case .state: .state(request: request, partition: partition, isLast: flag(), body: view)
                case .stateRefused: .stateRefused(request: request, text: text())
                case .digestRequest: .digestRequest(digestRequest())
                case .digestReply: .digestReply(request: request, body: view)
                case .keyStatesRequest:
                    .keyStatesRequest(request: request, partition: partition, keys: KeyNames(checked: names.view))
                case .keyStates: .keyStates(request: request, body: view)
                case .probe: .probe(sequence: request, about: replica())
                case .probeReply: .probeReply(sequence: request, report: report())
                case .leave: .leave(replica())
                case .expel: .expel(replica(), isForced: flag())
                }
            #expect(message.kind == kind)
            buffer.append(message)
            return (buffer.array, describe(message))
        }
    }
}

/// The message with the bytes of its views instead of where they lie.
private func describe(_ message: LinkMessage) -> String {
    switch message {
    case .frames(let position, let frames): "frames \(position) \(frames.array)"
    case .stateRequest(let request, let partition, let body): "request \(request) \(partition) \(body.array)"
    case .state(let request, let partition, let isLast, let body):
        "state \(request) \(partition) \(isLast) \(body.array)"
    case .digestReply(let request, let body): "digests \(request) \(body.array)"
    case .keyStates(let request, let body): "states \(request) \(body.array)"
    case .keyStatesRequest(let request, let partition, let keys):
        "keys \(request) \(partition) \(keys.map { "\($0.database) \($0.name.array)" })"
    default: "\(message)"
    }
}

private enum Decoded: Equatable {
    case message(String, byteCount: Int)
    case incomplete
    case failure(MessageFailure)
}

private func decode(_ bytes: [UInt8], bytesMax: Int = MessageEnvelope.bytesMax) -> Decoded {
    bytes.withView { view in
        do throws(MessageFailure) {
            guard let (message, byteCount) = try LinkMessage.decode(view, bytesMax: bytesMax) else {
                return .incomplete
            }
            return .message(describe(message), byteCount: byteCount)
        } catch {
            return .failure(error)
        }
    }
}

private func again(_ bytes: [UInt8]) -> [UInt8]? {
    bytes.withView { view in
        guard let decoded = try? LinkMessage.decode(view, bytesMax: MessageEnvelope.bytesMax) else { return nil }
        var buffer = ByteBuffer()
        buffer.append(decoded.message)
        return buffer.array
    }
}

/// An envelope with the right length and checksum around any content.
private func sealed(_ content: [UInt8]) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.append(littleEndian: UInt32(content.count))
    buffer.append(littleEndian: UInt32(content.count) &* 0x9E37_79B1 ^ 0x6132_6C6B)
    buffer.append(littleEndian: content.withView { crc32c($0) })
    buffer.append(content)
    return buffer.array
}

@Suite struct MessageTests {
    @Test("Every message reads back as it was written, whatever follows it", arguments: MessageKind.allCases)
    func roundTrip(_ kind: MessageKind) throws {
        var maker = MessageMaker(random: SeededRandom(seed: 1))
        for _ in 0..<300 {
            let (bytes, text) = try maker.encode(kind)
            #expect(decode(bytes) == .message(text, byteCount: bytes.count))
            #expect(decode(bytes + maker.bytes()) == .message(text, byteCount: bytes.count))
            #expect(bytes.withView { LinkMessage.byteCount($0) } == bytes.count)
        }
    }

    @Test("A message cut short is not all here, wherever it is cut", arguments: MessageKind.allCases)
    func truncation(_ kind: MessageKind) throws {
        var maker = MessageMaker(random: SeededRandom(seed: 2))
        for _ in 0..<30 {
            let (bytes, _) = try maker.encode(kind)
            for length in bytes.indices { #expect(decode(Array(bytes[..<length])) == .incomplete) }
        }
    }

    @Test("A flipped bit never goes unnoticed", arguments: MessageKind.allCases)
    func flips(_ kind: MessageKind) throws {
        var maker = MessageMaker(random: SeededRandom(seed: 3))
        let (bytes, _) = try maker.encode(kind)
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                if case .message = decode(damaged + [UInt8](repeating: 7, count: 600)) {
                    Issue.record("bit \(bit) of byte \(index) of \(bytes) went unnoticed")
                }
            }
        }
    }

    @Test("Damage under a right checksum ends in a message or a failure", arguments: 1...8)
    func fuzz(_ seed: Int) throws {
        var maker = MessageMaker(random: SeededRandom(seed: UInt64(seed)))
        var taken = 0
        for _ in 0..<4000 {
            let kind = MessageKind.allCases[maker.random.below(MessageKind.allCases.count)]
            var content = Array(try maker.encode(kind).bytes.dropFirst(12))
            for _ in 0..<1 + maker.random.below(4) where !content.isEmpty {
                let index = maker.random.below(content.count)
                switch maker.random.below(4) {
                case 0: content[index] = UInt8(truncatingIfNeeded: maker.random.next())
                case 1: content[index] = 0xFF
                case 2: content.removeSubrange(index...)
                default: content.insert(UInt8(truncatingIfNeeded: maker.random.next()), at: index)
                }
            }
            if case .message(let text, _) = decode(sealed(content)) {
                // What was taken says the same when it is written again.
                let bytes = try #require(again(sealed(content)), "seed \(seed): \(content)")
                #expect(decode(bytes) == .message(text, byteCount: bytes.count), "seed \(seed): \(content)")
                taken += 1
            }
        }
        #expect(taken > 100 && taken < 4000)
    }

    @Test("Noise of every type is never taken for more than it holds", arguments: MessageKind.allCases)
    func noise(_ kind: MessageKind) {
        var maker = MessageMaker(random: SeededRandom(seed: 9))
        for _ in 0..<2000 { _ = decode(sealed([kind.rawValue] + maker.bytes(200))) }
        // Counts and lengths that the input does not hold.
        for count in 0..<40 {
            let content = [kind.rawValue] + [UInt8](repeating: 0xFF, count: count)
            _ = decode(sealed(content))
            _ = decode(sealed(content + [0x7F]))
        }
    }

    @Test("The limit is told by the length alone, before anything else has come")
    func limit() throws {
        var buffer = ByteBuffer()
        buffer.append(.stateRefused(request: 1, text: String(repeating: "x", count: 500)))
        let bytes = buffer.array
        #expect(decode(bytes, bytesMax: bytes.count - 12) == decode(bytes))
        #expect(
            decode(bytes, bytesMax: bytes.count - 13)
                == .failure(.tooLarge(length: bytes.count - 12, limit: bytes.count - 13)))
        let check = UInt32.max &* 0x9E37_79B1 ^ 0x6132_6C6B
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF] + (0..<4).map { UInt8(truncatingIfNeeded: check >> ($0 * 8)) }
        // One turned bit of the length alone shows at once.
        #expect(decode([0xFF, 0xFF, 0xFE, 0xFF] + huge[4...]) == .failure(.checksum))
        #expect(decode(huge) == .failure(.tooLarge(length: 0xFFFF_FFFF, limit: MessageEnvelope.bytesMax)))
        #expect(decode([1, 0, 1]) == .incomplete)
    }

    /// A node in a crash loop makes one after another.
    @Test("A table of more processes than there are replicas reads back")
    func longTable() throws {
        let address = try PeerAddress("h:1")
        let entries = (1...3000).map { number in
            MemberEntry(
                replica: Replica(node: 7, generation: 0), incarnation: UInt128(number), name: "", region: "",
                address: address, status: number == 3000 ? .member : .replaced, epoch: UInt64(number))
        }
        var buffer = ByteBuffer()
        buffer.append(.members(entries))
        let (message, count) = try #require(
            try LinkMessage.decode(buffer.view, bytesMax: MessageEnvelope.bytesMax))
        #expect(message == .members(entries) && count == buffer.count)
    }

    @Test("What is no message is named")
    func failures() {
        #expect(decode(sealed([])) == .failure(.unknownType(0)))
        #expect(decode(sealed([0])) == .failure(.unknownType(0)))
        #expect(decode(sealed([200, 1, 2])) == .failure(.unknownType(200)))
        #expect(decode(sealed([MessageKind.versionsRequest.rawValue, 0])) == .failure(.malformed(.versionsRequest)))
        #expect(decode(sealed([MessageKind.leave.rawValue, 0, 1])) == .failure(.malformed(.leave)))
        #expect(decode(sealed([MessageKind.leave.rawValue, 1, 4])) == .failure(.malformed(.leave)))
        #expect(decode([1, 0, 0, 0, 9, 9, 9, 9, 33]) == .failure(.checksum))
    }

    @Test("Text for the log loses its control characters and what is too long, between characters")
    func text() {
        let text = "a\nb\u{7F}c" + String(repeating: "語", count: 1000)
        var buffer = ByteBuffer()
        buffer.append(.refuse(Refusal(.busy, text)))
        let kept = "a b c" + String(repeating: "語", count: 339)
        #expect(
            decode(buffer.array) == .message("\(LinkMessage.refuse(Refusal(.busy, kept)))", byteCount: buffer.count))
        // Nobody else gets them past the reader.
        let refuse = MessageKind.refuse.rawValue
        #expect(decode(sealed([refuse, 0, 1, 10])) == .failure(.malformed(.refuse)))
        #expect(decode(sealed([refuse, 0, 1, 0xC3])) == .failure(.malformed(.refuse)))
        // A code of a later version is still a refusal with its text.
        let later = decode(sealed([refuse, 250, 1, 65]))
        #expect(later == .message("\(LinkMessage.refuse(Refusal(.other, "A")))", byteCount: 16))
    }

    @Test("Bodies are appended where the message will be sent from")
    func streams() {
        var buffer = ByteBuffer(capacity: 16)
        buffer.append(.jumped(position: 5))
        let first = buffer.count
        let frames = buffer.beginFrames()
        for _ in 0..<100 { buffer.append("frame") }
        buffer.endFrames(frames, position: 77)
        let second = buffer.count
        let state = buffer.beginState(request: 300, partition: 255)
        buffer.append("records")
        buffer.endState(state, isLast: true)
        let third = buffer.count
        let keys = buffer.beginKeyStatesRequest(request: 3, partition: 4)
        buffer.appendKeyName(database: 15, ByteView("name"))
        buffer.endMessage(keys)
        let fourth = buffer.count
        let reply = buffer.beginReply(.keyStates, request: 9)
        buffer.append("body")
        buffer.endMessage(reply)
        let bytes = buffer.array
        let frameBytes = Array(repeating: Array("frame".utf8), count: 100).flatMap { $0 }
        #expect(decode(bytes) == .message("\(LinkMessage.jumped(position: 5))", byteCount: first))
        #expect(decode(Array(bytes[first...])) == .message("frames 77 \(frameBytes)", byteCount: second - first))
        let records = Array("records".utf8)
        #expect(decode(Array(bytes[second...])) == .message("state 300 255 true \(records)", byteCount: third - second))
        let name = "keys 3 4 \(["15 \(Array("name".utf8))"])"
        #expect(decode(Array(bytes[third...])) == .message(name, byteCount: fourth - third))
        let body = "states 9 \(Array("body".utf8))"
        #expect(decode(Array(bytes[fourth...])) == .message(body, byteCount: bytes.count - fourth))
    }

    @Test("Vectors read back only in their one order, partitions only where there are some")
    func canonical() {
        let stamps = [
            Stamp(tick: 9, replica: Replica(node: 1, generation: 0)),
            Stamp(tick: 5, replica: Replica(node: 2, generation: 0)),
        ]
        func message(_ stamps: [Stamp], partition: UInt64 = 7) -> [UInt8] {
            var buffer = ByteBuffer()
            buffer.append(MessageKind.versions.rawValue)
            buffer.append(varint: 0)
            buffer.append(varint: 1)
            buffer.append(varint: partition)
            buffer.append(varint: stamps.count)
            for stamp in stamps { buffer.append(littleEndian: stamp.rawValue) }
            return sealed(buffer.array)
        }
        let expected = LinkMessage.versions(
            VersionsReport(
                applied: [], partitions: [PartitionVersions(partition: 7, versions: Versions(stamps))]))
        #expect(decode(message(stamps)) == .message("\(expected)", byteCount: message(stamps).count))
        #expect(decode(message(stamps.reversed())) == .failure(.malformed(.versions)))
        #expect(decode(message([stamps[0], stamps[0]])) == .failure(.malformed(.versions)))
        #expect(decode(message([.zero])) == .failure(.malformed(.versions)))
        #expect(decode(message(stamps, partition: 256)) == .failure(.malformed(.versions)))
    }
}
