/// The frame: one partition, one origin, `prev → stamp`, the records one command wrote there.
///
///     length        u32   bytes after the checksum
///     crc32c        u32   of everything after it
///     version       u8    1
///     flags         u8    below
///     partition     varint
///     stamp         u64   its low bits name the origin
///     prev          varint (stamp − prev) >> 10, absent with flag `first`; both have the origin's low bits
///     cut           varint stamp − S, absent with flag `cutIsPrev`
///     dependencies  varint count, then 8 bytes each: entries of the version vector that changed since the
///                   origin's previous frame here, or all of them with flag `absolute`
///     records       to the end
///
/// Whoever reads a frame of another version refuses it by number.
import Base
import CRDT

public struct FrameHeader: Equatable, Sendable {
    public var partition: Int
    public var stamp: Stamp
    public var prev: Stamp
    public var cut: Stamp
    public var dependencies: [Stamp]
    public var hasAllDependencies: Bool
    /// A record was too large for the window: what follows is not all the frame wrote.
    public var isElided: Bool
    /// Part of a MULTI or a script that wrote other partitions too.
    public var isGrouped: Bool

    public init(
        partition: Int, stamp: Stamp, prev: Stamp, cut: Stamp, dependencies: [Stamp] = [],
        hasAllDependencies: Bool = false, isElided: Bool = false, isGrouped: Bool = false
    ) {
        self.partition = partition
        self.stamp = stamp
        self.prev = prev
        self.cut = cut
        self.dependencies = dependencies
        self.hasAllDependencies = hasAllDependencies
        self.isElided = isElided
        self.isGrouped = isGrouped
    }

    public var origin: Replica { stamp.replica }
}

public enum FrameCodec {
    public static let version: UInt8 = 1
    public static let prefixBytes = 8

    private static let flagFirst: UInt8 = 1
    private static let flagCutIsPrev: UInt8 = 2
    private static let flagAbsolute: UInt8 = 4
    private static let flagElided: UInt8 = 8
    private static let flagGrouped: UInt8 = 16

    /// Writes everything in front of the records into `buffer`, which is emptied first, checksum included.
    @inline(__always)
    public static func encodeHeader(
        partition: Int, stamp: Stamp, prev: Stamp, cut: Stamp, dependencies: [Stamp], hasAllDependencies: Bool,
        isElided: Bool, isGrouped: Bool, records: ByteView, into buffer: inout ByteBuffer
    ) {
        buffer.removeAll()
        buffer.reserve(64)
        buffer.append(littleEndian: UInt64(0))
        buffer.append(version)
        var flags: UInt8 = prev.isZero ? flagFirst : 0
        if cut == prev { flags |= flagCutIsPrev }
        if hasAllDependencies { flags |= flagAbsolute }
        if isElided { flags |= flagElided }
        if isGrouped { flags |= flagGrouped }
        buffer.append(flags)
        buffer.append(varint: partition)
        buffer.append(littleEndian: stamp.rawValue)
        if !prev.isZero { buffer.append(varint: (stamp.rawValue - prev.rawValue) >> Stamp.replicaBits) }
        if cut != prev { buffer.append(varint: stamp.rawValue - cut.rawValue) }
        buffer.append(varint: dependencies.count)
        for dependency in dependencies { buffer.append(littleEndian: dependency.rawValue) }
        let headerBytes = buffer.view.dropFirst(prefixBytes)
        let crc = crc32c(records, continuing: crc32c(headerBytes))
        let length = headerBytes.count + records.count
        buffer.patch(littleEndian: UInt64(UInt32(truncatingIfNeeded: length)) | UInt64(crc) << 32, at: 0)
    }

    public enum Failure: Error, Equatable {
        /// Not all of it is here yet.
        case incomplete
        case checksum
        /// Written by a version that this build does not speak.
        case version(UInt8)
        case malformed
    }

    /// Reads one frame from the front of `bytes`: its header, where its records lie, and its whole length.
    public static func decode(
        _ bytes: ByteView
    ) throws(Failure) -> (header: FrameHeader, records: ByteView, byteCount: Int) {
        guard bytes.count >= prefixBytes else { throw .incomplete }
        let length = Int(bytes.word32(at: 0).littleEndian)
        guard bytes.count - prefixBytes >= length else { throw .incomplete }
        let content = bytes.slice(prefixBytes, length)
        guard crc32c(content) == bytes.word32(at: 4).littleEndian else { throw .checksum }
        guard let first = content.isEmpty ? nil : content[0], first == version else {
            throw content.isEmpty ? .malformed : .version(content[0])
        }
        var reader = ByteReader(content.dropFirst(1))
        let flags = reader.byte()
        let partition = reader.varint()
        let stamp = reader.littleEndian(UInt64.self)
        var prev: UInt64 = 0
        if flags & flagFirst == 0 {
            let (distance, overflow) = reader.varint().multipliedReportingOverflow(by: 1 << Stamp.replicaBits)
            guard !overflow, distance <= stamp else { throw .malformed }
            prev = stamp - distance
        }
        var cut = prev
        if flags & flagCutIsPrev == 0 {
            let distance = reader.varint()
            guard distance <= stamp else { throw .malformed }
            cut = stamp - distance
        }
        let dependencyCount = reader.count()
        var dependencies: [Stamp] = []
        for _ in 0..<dependencyCount where reader.isValid {
            dependencies.append(Stamp(rawValue: reader.littleEndian(UInt64.self)))
        }
        guard reader.isValid, partition < UInt64(Slots.partitionCount), flags & 0xE0 == 0 else { throw .malformed }
        let header = FrameHeader(
            partition: Int(partition), stamp: Stamp(rawValue: stamp), prev: Stamp(rawValue: prev),
            cut: Stamp(rawValue: cut), dependencies: dependencies, hasAllDependencies: flags & flagAbsolute != 0,
            isElided: flags & flagElided != 0, isGrouped: flags & flagGrouped != 0)
        return (header, reader.view(reader.remaining), prefixBytes + length)
    }
}
