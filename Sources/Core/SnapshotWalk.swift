/// Writing a partition out for a snapshot while commands go on, in slices short enough for them to come in between.
import Base
import Commands
import Engine

/// What a snapshot says of the node besides its keys: how what is in it is to be taken up again.
public struct SnapshotOrigin: Equatable, Sendable {
    /// Whom the node wrote as when the walk began.
    public var replica: Replica
    /// It had met others then: what only it had was not stable.
    public var countsOthers: Bool

    private static let version: UInt8 = 1

    public init(replica: Replica, countsOthers: Bool) {
        self.replica = replica
        self.countsOthers = countsOthers
    }

    public var encoded: [UInt8] {
        let number = replica.rawValue
        return [
            Self.version, countsOthers ? 1 : 0, UInt8(truncatingIfNeeded: number),
            UInt8(truncatingIfNeeded: number >> 8),
        ]
    }

    /// Nil where the bytes are none.
    public init?(_ bytes: ByteView) {
        guard bytes.count == 4, bytes[0] == Self.version, bytes[1] < 2 else { return nil }
        let number = UInt16(bytes[2]) | UInt16(bytes[3]) << 8
        guard number < Replica.countMax, number & 0xFF > 0 else { return nil }
        self.init(replica: Replica(rawValue: number), countsOthers: bytes[1] == 1)
    }
}

public struct SnapshotWalk<Lending: PartitionLending> {
    private let partitions: PartitionArray
    private let lending: Lending
    private let bucketsMax: Int

    public init(_ node: Node, lending: Lending, bucketsMax: Int = 256) {
        partitions = node.partitions
        self.lending = lending
        self.bucketsMax = bucketsMax
    }

    /// As the node is before the first partition is written.
    public var origin: SnapshotOrigin {
        lending.acquire(0)
        defer { lending.release(0) }
        return SnapshotOrigin(
            replica: partitions[0].pointee.replica, countsOthers: !partitions[0].pointee.isSole)
    }

    /// The whole of a partition as it would be exported to somebody who has nothing. `write` gets it piece by piece:
    /// first the head, then slices.
    public func write<Failure: Error>(
        _ partition: Int, _ write: (_ bytes: ByteView, _ isSlice: Bool) throws(Failure) -> Void
    ) throws(Failure) {
        var export = StateExport(.everything)
        var buffer = ByteBuffer(capacity: 256 * 1024)
        lending.acquire(partition)
        partitions[partition].pointee.beginWalk()
        export.writeHead(partitions[partition], into: &buffer)
        lending.release(partition)
        var isDone = false
        defer {
            lending.acquire(partition)
            partitions[partition].pointee.endWalk()
            lending.release(partition)
        }
        try write(buffer.view, false)
        buffer.removeAll()
        while !isDone {
            lending.acquire(partition)
            isDone = export.writeSlice(partitions[partition], bucketsMax: bucketsMax, into: &buffer)
            lending.release(partition)
            try write(buffer.view, true)
            buffer.removeAll()
        }
    }
}
