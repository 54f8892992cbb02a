/// What the replication of a node keeps in its identity, as bytes.
///
///     members    the member table, as the message that tells it to peers
///     then, or nothing:
///     version    u8 2
///     points     varint count, then replica(2) incarnation(16) position(8) each: how far of a peer's window everything is
///                on this disk
///     places     varint count, then window(8) log(8) each: where former positions of this node's own window stand in
///                its log
///     unsure     u8 0 or 1: it took writes before everybody had said whether its name had been used before
///     known      incarnation(16): as what the node is known; 0: as its directory says
///     home       u64: where the identity lay when it was written, see `Disk.home`; 0: nobody knows
///     closed     varint count, then replica(2) incarnation(16) isFree(1) each: rows of the table that are closed
///
/// Version 1 ends behind the places. Who knows only of members reads no further. Of what is behind them in a later
/// version nothing is taken: states bring what cannot be resumed.
import Base
import Replication

public struct KeptReplication: Equatable, Sendable {
    public var members: [MemberEntry]
    public var resumePoints: [HandshakeFacts.ResumePoint]
    public var places: [LogPlace]
    public var isUnsure: Bool
    /// Nil: that of the directory.
    public var incarnation: UInt128?
    public var home: UInt64

    private static let version: UInt8 = 2
    private static let pointBytes = 26
    private static let placeBytes = 16
    private static let nameBytes = 19

    public init(
        members: [MemberEntry] = [], resumePoints: [HandshakeFacts.ResumePoint] = [], places: [LogPlace] = [],
        isUnsure: Bool = false, incarnation: UInt128? = nil, home: UInt64 = 0
    ) {
        self.home = home
        self.isUnsure = isUnsure
        self.incarnation = incarnation
        self.members = members
        self.resumePoints = resumePoints
        self.places = places
    }

    public var encoded: [UInt8] {
        var bytes = ByteBuffer(capacity: 256)
        // The table as version 1 has it.
        bytes.append(.members(MemberTable.withoutClosing(members)))
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
        bytes.append(UInt8(isUnsure ? 1 : 0))
        bytes.append(littleEndian: incarnation ?? 0)
        bytes.append(littleEndian: home)
        let closed = members.filter(\.isClosed)
        bytes.append(varint: closed.count)
        for entry in closed {
            bytes.append(littleEndian: entry.replica.rawValue)
            bytes.append(littleEndian: entry.incarnation)
            bytes.append(UInt8(entry.isFree ? 1 : 0))
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
            if reader.isAtEnd { return true }
            let version = reader.byte()
            guard (1...Self.version).contains(version) else { return true }
            guard readPoints(&reader), readPlaces(&reader) else { return false }
            if version > 1, !readNames(&reader) { return false }
            return reader.isAtEnd
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

    private mutating func readNames(_ reader: inout ByteReader) -> Bool {
        let flag = reader.byte()
        let known = reader.littleEndian(UInt128.self)
        home = reader.littleEndian(UInt64.self)
        let count = reader.count()
        guard reader.isValid, flag < 2, count <= reader.remaining / Self.nameBytes else { return false }
        isUnsure = flag == 1
        incarnation = known == 0 ? nil : known
        for _ in 0..<count {
            let number = reader.littleEndian(UInt16.self)
            let incarnation = reader.littleEndian(UInt128.self)
            let found = members.firstIndex { $0.replica.rawValue == number && $0.incarnation == incarnation }
            let isFree = reader.byte()
            guard let found, isFree < 2 else { return false }
            members[found].isClosed = true
            members[found].isFree = isFree == 1
        }
        return reader.isValid
    }
}
