/// The frame: one partition, one origin, `prev → stamp`, the records one command wrote there.
///
///     length        u24   bytes after the checksum
///     version       u8    1
///     crc32c        u32   of everything after it
///     flags         u8    below; its top two bits count the dependencies, 3 for a varint count in front of them
///     partition     u8
///     stamp         u64   its low bits name the origin
///     prev          varint (stamp − prev) >> 10, absent with flag `first`; both have the origin's low bits
///     cut           absent with flag `cutIsPrev`; with `cutIsFence` varint 0 for none, else 1 + milliseconds
///                   from it to the stamp; else varint stamp − S
///     dependencies  varint stamp − dependency each: entries of the version vector that changed since the
///                   origin's previous frame here, or all of them with flag `absolute`
///     records       to the end
///
/// A cut is nearly always a fence: the last stamp of some replica's whole millisecond.
///
/// Whoever reads a frame of another version refuses it by number.
import Base
import CRDT

public struct FrameHeader: Equatable, Sendable {
    public var partition: Int
    public var stamp: Stamp
    public var prev: Stamp
    public var cut: Stamp
    public var dependencies: FewStamps
    public var hasAllDependencies: Bool
    /// A record was too large for the window: what follows is not all the frame wrote.
    public var isElided: Bool
    /// Part of a MULTI or a script that wrote other partitions too.
    public var isGrouped: Bool

    public init(
        partition: Int, stamp: Stamp, prev: Stamp, cut: Stamp, dependencies: FewStamps = FewStamps(),
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
    private static let flagCutIsFence: UInt8 = 32

    /// What a length of three bytes can say.
    public static let contentBytesMax = 1 << 24 - 1
    private static let millisecondShift = Stamp.counterBits + Stamp.replicaBits
    private static let fenceMask: UInt64 = 1 << millisecondShift - 1

    /// Writes everything in front of the records into `buffer`, which is emptied first, checksum included.
    @inline(__always)
    public static func encodeHeader(
        partition: Int, stamp: Stamp, prev: Stamp, cut: Stamp, dependencies: borrowing FewStamps,
        hasAllDependencies: Bool,
        isElided: Bool, isGrouped: Bool, records: ByteView, into buffer: inout ByteBuffer
    ) {
        buffer.removeAll()
        buffer.reserve(64)
        buffer.append(littleEndian: UInt64(0))
        var flags: UInt8 = prev.isZero ? flagFirst : 0
        let isFence = cut.isZero || cut.rawValue & fenceMask == 1023 && cut < stamp
        if cut == prev { flags |= flagCutIsPrev } else if isFence { flags |= flagCutIsFence }
        if hasAllDependencies { flags |= flagAbsolute }
        if isElided { flags |= flagElided }
        if isGrouped { flags |= flagGrouped }
        flags |= UInt8(truncatingIfNeeded: min(dependencies.count, 3)) << 6
        buffer.append(flags)
        buffer.append(UInt8(truncatingIfNeeded: partition))
        buffer.append(littleEndian: stamp.rawValue)
        if !prev.isZero { buffer.append(varint: (stamp.rawValue - prev.rawValue) >> Stamp.replicaBits) }
        if cut != prev {
            if isFence {
                let milliseconds = stamp.rawValue >> millisecondShift &- cut.rawValue >> millisecondShift
                buffer.append(varint: cut.isZero ? 0 : 1 + milliseconds)
            } else {
                buffer.append(varint: stamp.rawValue - cut.rawValue)
            }
        }
        if dependencies.count > 2 { buffer.append(varint: dependencies.count) }
        for index in 0..<dependencies.count { buffer.append(varint: stamp.rawValue &- dependencies[index].rawValue) }
        let headerBytes = buffer.view.dropFirst(prefixBytes)
        let crc = crc32c(records, continuing: crc32c(headerBytes))
        let length = headerBytes.count + records.count
        assert(length <= contentBytesMax, "a frame of \(length) bytes")
        let front = UInt32(truncatingIfNeeded: length) | UInt32(version) << 24
        buffer.patch(littleEndian: UInt64(front) | UInt64(crc) << 32, at: 0)
    }

    /// The partition of the frame at the front of `bytes` and its whole length, without checking it.
    @inline(__always)
    public static func place(of bytes: ByteView) throws(Failure) -> (partition: Int, byteCount: Int) {
        guard bytes.count >= prefixBytes + 2 else { throw .incomplete }
        let front = bytes.word32(at: 0).littleEndian
        guard front >> 24 == version else { throw .version(UInt8(truncatingIfNeeded: front >> 24)) }
        let byteCount = prefixBytes + Int(front & 0xFF_FFFF)
        guard byteCount >= prefixBytes + 2, bytes.count >= byteCount else { throw .incomplete }
        return (Int(bytes[prefixBytes + 1]), byteCount)
    }

    /// Who wrote the frame at the front of `bytes`, where `place` has found one.
    @inline(__always)
    public static func origin(of bytes: ByteView) throws(Failure) -> Replica {
        guard bytes.count >= prefixBytes + 10 else { throw .malformed }
        return Stamp(rawValue: bytes.word64(at: prefixBytes + 2).littleEndian).replica
    }

    /// How many frames stand one behind the other, going by their lengths.
    public static func count(_ bytes: ByteView) -> Int {
        var count = 0
        var rest = bytes
        while rest.count >= prefixBytes {
            let length = prefixBytes + Int(rest.word32(at: 0).littleEndian & 0xFF_FFFF)
            count += 1
            if length >= rest.count { break }
            rest = rest.dropFirst(length)
        }
        return count
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
        let front = bytes.word32(at: 0).littleEndian
        guard front >> 24 == version else { throw .version(UInt8(truncatingIfNeeded: front >> 24)) }
        let length = Int(front & 0xFF_FFFF)
        guard bytes.count - prefixBytes >= length else { throw .incomplete }
        let content = bytes.slice(prefixBytes, length)
        guard crc32c(content) == bytes.word32(at: 4).littleEndian else { throw .checksum }
        var reader = ByteReader(content)
        let flags = reader.byte()
        let partition = reader.byte()
        let stamp = reader.littleEndian(UInt64.self)
        var prev: UInt64 = 0
        if flags & flagFirst == 0 {
            let (distance, overflow) = reader.varint().multipliedReportingOverflow(by: 1 << Stamp.replicaBits)
            guard !overflow, distance <= stamp else { throw .malformed }
            prev = stamp - distance
        }
        var cut = prev
        if flags & flagCutIsPrev == 0 {
            guard let told = readCut(flags, stamp, &reader) else { throw .malformed }
            cut = told
        } else if flags & flagCutIsFence != 0 {
            throw .malformed
        }
        let dependencyCount = flags >> 6 == 3 ? reader.count() : Int(flags >> 6)
        guard flags >> 6 < 3 || dependencyCount > 2 else { throw .malformed }
        var dependencies = FewStamps()
        for _ in 0..<dependencyCount where reader.isValid {
            dependencies.append(Stamp(rawValue: stamp &- reader.varint()))
        }
        guard reader.isValid else { throw .malformed }
        let header = FrameHeader(
            partition: Int(partition), stamp: Stamp(rawValue: stamp), prev: Stamp(rawValue: prev),
            cut: Stamp(rawValue: cut), dependencies: dependencies, hasAllDependencies: flags & flagAbsolute != 0,
            isElided: flags & flagElided != 0, isGrouped: flags & flagGrouped != 0)
        return (header, reader.view(reader.remaining), prefixBytes + length)
    }

    private static func readCut(_ flags: UInt8, _ stamp: UInt64, _ reader: inout ByteReader) -> UInt64? {
        let distance = reader.varint()
        guard flags & flagCutIsFence != 0 else { return distance <= stamp ? stamp - distance : nil }
        if distance == 0 { return 0 }
        let millisecond = stamp >> millisecondShift
        guard distance - 1 <= millisecond else { return nil }
        let cut = (millisecond - (distance - 1)) << millisecondShift | 1023
        return cut < stamp ? cut : nil
    }
}
