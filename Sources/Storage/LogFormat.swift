/// The bytes of a log segment.
///
///     segment  header, then batches one behind the other, then zeros
///     header   preamble(16) number(8) position(8) previousEnd(8) node(4) generation(4) incarnation(16)
///              zero(4) crc(4)
///     batch    magic(4) entryCount(4) length(8) position(8) durable(8) unixMilliseconds(8) contentCRC(4) crc(4),
///              then `length` bytes of content: entries
///     entry    length << 4 | kind (4), or 2^28−1 << 4 | kind and the length in 8 bytes; then the bytes
///
/// All numbers are little endian. A position counts bytes of content since the log began. `durable` is the position up
/// to which the writer knew everything to be on disk: what cannot be read below it is damage, what cannot be read
/// above it may never have been written. A batch's checksum goes on from that of its segment's header, so that a batch
/// of another segment is none. `previousEnd` is `position` but after a repair, which leaves a gap.
import Base

public struct LogSegmentHeader: Equatable, Sendable {
    public static let byteCount = 72
    public static let version: UInt32 = 1
    private static let magic: StaticString = "a2 log\r\n"

    public var number: UInt64
    /// Of the first byte of content in this segment.
    public var position: UInt64
    /// Where the segment before ended.
    public var previousEnd: UInt64
    public var owner: LogOwner

    func encode() -> (bytes: [UInt8], crc: UInt32) {
        var out = ByteBuffer(capacity: Self.byteCount)
        Preamble.append(Self.magic, version: Self.version, to: &out)
        out.append(littleEndian: number)
        out.append(littleEndian: position)
        out.append(littleEndian: previousEnd)
        out.append(littleEndian: owner.node)
        out.append(littleEndian: owner.generation)
        out.append(littleEndian: owner.incarnation)
        out.append(littleEndian: UInt32(0))
        let crc = checksum(out.view)
        out.append(littleEndian: crc)
        return (out.array, crc)
    }

    /// The header at the start of `bytes`, and its checksum.
    static func decode(_ bytes: ByteView, path: String) throws(StorageError) -> (header: Self, crc: UInt32) {
        try Preamble.check(
            bytes, magic, version: version, what: "a log segment", path: path, advice: Advice.log)
        guard bytes.count >= byteCount else {
            throw StorageError(
                .damaged, path, at: bytes.count, "ends within the segment's header", advice: Advice.log)
        }
        let found = bytes.word32(at: byteCount - 4).littleEndian
        let crc = checksum(bytes.slice(0, byteCount - 4))
        guard crc == found else {
            throw StorageError(
                .damaged, path, at: 0,
                "the checksum of the segment's header is \(hexadecimal(crc)), written was \(hexadecimal(found))",
                advice: Advice.log)
        }
        var reader = ByteReader(bytes.slice(Preamble.byteCount, byteCount - Preamble.byteCount))
        let number = reader.littleEndian(UInt64.self)
        let position = reader.littleEndian(UInt64.self)
        let previousEnd = reader.littleEndian(UInt64.self)
        let owner = LogOwner(
            node: reader.littleEndian(UInt32.self), generation: reader.littleEndian(UInt32.self),
            incarnation: reader.littleEndian(UInt128.self))
        return (LogSegmentHeader(number: number, position: position, previousEnd: previousEnd, owner: owner), crc)
    }
}

/// Whose log it is.
public struct LogOwner: Equatable, Sendable {
    public var node: UInt32
    public var generation: UInt32
    public var incarnation: UInt128

    public init(node: UInt32, generation: UInt32, incarnation: UInt128) {
        self.node = node
        self.generation = generation
        self.incarnation = incarnation
    }
}

public struct LogBatchHeader: Equatable, Sendable {
    public static let byteCount = 48
    static let magic: UInt32 = 0x4232_6161  // "aa2B"

    public var entryCount: UInt32
    /// Bytes of content.
    public var length: Int
    public var position: UInt64
    /// The position up to which everything was known to be on disk when this was written.
    public var durable: UInt64
    public var unixMilliseconds: Int64
    var contentCRC: UInt32

    public var end: UInt64 { position + UInt64(length) }

    /// Writes over the first bytes of `place`.
    @inline(__always)
    func encode(to place: UnsafeMutablePointer<UInt8>, segmentCRC: UInt32) {
        let raw = UnsafeMutableRawPointer(place)
        raw.storeBytes(of: Self.magic.littleEndian, as: UInt32.self)
        raw.storeBytes(of: entryCount.littleEndian, toByteOffset: 4, as: UInt32.self)
        raw.storeBytes(of: UInt64(length).littleEndian, toByteOffset: 8, as: UInt64.self)
        raw.storeBytes(of: position.littleEndian, toByteOffset: 16, as: UInt64.self)
        raw.storeBytes(of: durable.littleEndian, toByteOffset: 24, as: UInt64.self)
        raw.storeBytes(of: unixMilliseconds.littleEndian, toByteOffset: 32, as: Int64.self)
        raw.storeBytes(of: contentCRC.littleEndian, toByteOffset: 40, as: UInt32.self)
        let crc = checksum(ByteView(start: place, count: 44), continuing: segmentCRC)
        raw.storeBytes(of: crc.littleEndian, toByteOffset: 44, as: UInt32.self)
    }

    /// The header at the start of `bytes`, nil where there is none whose checksum holds. Its content may reach beyond.
    @inline(__always)
    static func decode(_ bytes: ByteView, segmentCRC: UInt32) -> LogBatchHeader? {
        guard bytes.count >= byteCount, bytes.word32(at: 0).littleEndian == magic,
            checksum(bytes.slice(0, 44), continuing: segmentCRC) == bytes.word32(at: 44).littleEndian
        else { return nil }
        let length = bytes.word64(at: 8).littleEndian
        let position = bytes.word64(at: 16).littleEndian
        guard length > 0, length < 1 << 62, position < 1 << 62 else { return nil }
        return LogBatchHeader(
            entryCount: bytes.word32(at: 4).littleEndian, length: Int(length), position: position,
            durable: bytes.word64(at: 24).littleEndian,
            unixMilliseconds: Int64(bitPattern: bytes.word64(at: 32).littleEndian),
            contentCRC: bytes.word32(at: 40).littleEndian)
    }
}

/// What the operator can do about damage.
enum Advice {
    static let log = [
        "`a2 inspect log` shows what can be read",
        "`a2 serve --repair-from-peers` drops the log from there on and fetches the rest from the peers",
    ]
    static let snapshot = ["`a2 snapshot verify FILE` checks the whole file"]
    static let wholeDirectory = [
        "restore the data directory from a copy", "or start with an empty one and let the peers fill it",
    ]
}
