/// What the replication of a node keeps in its identity, as bytes.
///
///     members    the member table, as the message that tells it to peers
///     then, or nothing:
///     version    u8 1
///     points     varint count, then replica(2) incarnation(16) position(8) each: how far of a peer's window everything is
///                on this disk
///     places     varint count, then window(8) log(8) each: where former positions of this node's own window stand in
///                its log
///
/// Who knows only of members reads no further. Of points and places of a later version nothing is taken: states bring
/// what cannot be resumed.
import Base
import Replication

public struct KeptReplication: Equatable, Sendable {
    public var members: [MemberEntry]
    public var resumePoints: [HandshakeFacts.ResumePoint]
    public var places: [LogPlace]

    private static let version: UInt8 = 1
    private static let pointBytes = 26
    private static let placeBytes = 16

    public init(
        members: [MemberEntry] = [], resumePoints: [HandshakeFacts.ResumePoint] = [], places: [LogPlace] = []
    ) {
        self.members = members
        self.resumePoints = resumePoints
        self.places = places
    }

    public var encoded: [UInt8] {
        var bytes = ByteBuffer(capacity: 256)
        bytes.append(.members(members))
        bytes.append(Self.version)
        bytes.append(varint: resumePoints.count)
        for point in resumePoints {
            bytes.append(littleEndian: point.replica.rawValue)
            bytes.append(littleEndian: point.incarnation)
            bytes.append(littleEndian: point.position)
        }
        bytes.append(varint: places.count)
        for place in places {
            bytes.append(littleEndian: place.window)
            bytes.append(littleEndian: place.log)
        }
        return bytes.array
    }

    /// Nil where the bytes are none.
    public init?(_ bytes: [UInt8]) {
        self.init()
        if bytes.isEmpty { return }
        let isRead = bytes.withView { view in
            guard let (message, byteCount) = try? LinkMessage.decode(view, bytesMax: view.count),
                case .members(let entries) = message
            else { return false }
            members = entries
            var reader = ByteReader(view.dropFirst(byteCount))
            if reader.isAtEnd || reader.byte() != Self.version { return true }
            return readPoints(&reader) && readPlaces(&reader) && reader.isAtEnd
        }
        guard isRead else { return nil }
    }

    private mutating func readPoints(_ reader: inout ByteReader) -> Bool {
        let count = reader.count()
        guard reader.isValid, count <= reader.remaining / Self.pointBytes else { return false }
        for _ in 0..<count {
            let number = reader.littleEndian(UInt16.self)
            guard number < Replica.countMax, number & 0xFF > 0 else { return false }
            resumePoints.append(
                HandshakeFacts.ResumePoint(
                    Replica(rawValue: number), incarnation: reader.littleEndian(UInt128.self),
                    position: reader.littleEndian(UInt64.self)))
        }
        return reader.isValid
    }

    private mutating func readPlaces(_ reader: inout ByteReader) -> Bool {
        let count = reader.count()
        guard reader.isValid, count <= reader.remaining / Self.placeBytes else { return false }
        for _ in 0..<count {
            places.append(
                LogPlace(window: reader.littleEndian(UInt64.self), log: reader.littleEndian(UInt64.self)))
        }
        return reader.isValid
    }
}
