/// The bytes of a snapshot file.
///
///     file     header, blocks, footer, trailer
///     header   preamble(16) length(4) created(8) node(4) generation(4) incarnation(16) databases(4) start(8)
///              clusterLength(4) zero(4) cluster crc(4)
///     block    magic(4) kind(1) flags(1) partition(2) index(4) length(4) contentCRC(4) crc(4), then the content
///     footer   a block of kind `footer`: partitions(4) keys(8) digest(16) end(8) blocks(4) versionsLength(4) versions
///     trailer  magic(4) footerOffset(8) fileBytes(8) crc(4)
///
/// A *piece* is what the caller has given at once: one block, or several where it is longer than a block may be.
/// Blocks count up from zero, so that one left out, repeated or moved shows. Every byte is under one of the checksums.
import Base

public struct SnapshotHeader: Equatable, Sendable {
    public static let version: UInt32 = 1
    static let magic: StaticString = "a2 snap\n"
    private static let fixedBytes = Preamble.byteCount + 56
    private static let clusterBytesMax = 1 << 16

    public var createdUnixMilliseconds: Int64
    public var owner: LogOwner
    public var clusterName: String
    public var databaseCount: UInt32
    /// Where the log stood when the walk began.
    public var start: UInt64

    public init(
        createdUnixMilliseconds: Int64, owner: LogOwner, clusterName: String, databaseCount: UInt32, start: UInt64
    ) {
        self.createdUnixMilliseconds = createdUnixMilliseconds
        self.owner = owner
        self.clusterName = clusterName
        self.databaseCount = databaseCount
        self.start = start
    }

    func encode(to out: inout ByteBuffer) {
        precondition(clusterName.utf8.count < Self.clusterBytesMax, "a cluster name of \(clusterName.utf8.count) bytes")
        let from = out.count
        Preamble.append(Self.magic, version: Self.version, to: &out)
        out.append(littleEndian: UInt32(Self.fixedBytes + clusterName.utf8.count + 4))
        out.append(littleEndian: createdUnixMilliseconds)
        out.append(littleEndian: owner.node)
        out.append(littleEndian: owner.generation)
        out.append(littleEndian: owner.incarnation)
        out.append(littleEndian: databaseCount)
        out.append(littleEndian: start)
        out.append(littleEndian: UInt32(clusterName.utf8.count))
        // Reserved.
        out.append(littleEndian: UInt32(0))
        out.append(clusterName)
        out.append(littleEndian: checksum(out.view.dropFirst(from)))
    }

    static func decode(
        _ bytes: ByteView, path: String
    ) throws(StorageError) -> (header: SnapshotHeader, byteCount: Int) {
        try Preamble.check(
            bytes, magic, version: version, what: "a snapshot", path: path, advice: Advice.snapshot)
        var reader = ByteReader(bytes.dropFirst(Preamble.byteCount))
        let length = Int(reader.littleEndian(UInt32.self))
        guard reader.isValid, length >= fixedBytes + 4, length <= fixedBytes + clusterBytesMax + 4,
            length <= bytes.count,
            checksum(bytes.slice(0, length - 4)) == bytes.word32(at: length - 4).littleEndian
        else {
            throw StorageError(
                .damaged, path, at: Preamble.byteCount, "the checksum of the header does not hold",
                advice: Advice.snapshot)
        }
        let created = reader.littleEndian(Int64.self)
        let node = reader.littleEndian(UInt32.self)
        let generation = reader.littleEndian(UInt32.self)
        let owner = LogOwner(node: node, generation: generation, incarnation: reader.littleEndian(UInt128.self))
        let databases = reader.littleEndian(UInt32.self)
        let start = reader.littleEndian(UInt64.self)
        let clusterBytes = Int(reader.littleEndian(UInt32.self))
        _ = reader.littleEndian(UInt32.self)
        guard clusterBytes == length - fixedBytes - 4 else {
            throw StorageError(
                .damaged, path, at: Preamble.byteCount, "a header of \(length) bytes with a name of \(clusterBytes)",
                advice: Advice.snapshot)
        }
        let header = SnapshotHeader(
            createdUnixMilliseconds: created, owner: owner, clusterName: reader.view(clusterBytes).string,
            databaseCount: databases, start: start)
        return (header, length)
    }
}

public struct SnapshotFooter: Equatable, Sendable {
    public var partitionCount: UInt32
    public var keyCount: UInt64
    /// Of the content, as the caller sums it up.
    public var digest: UInt128
    /// Where the log stood when the walk ended.
    public var end: UInt64
    /// What the state as a whole has seen, in the caller's encoding.
    public var versions: [UInt8]

    public init(partitionCount: UInt32, keyCount: UInt64, digest: UInt128, end: UInt64, versions: [UInt8]) {
        self.partitionCount = partitionCount
        self.keyCount = keyCount
        self.digest = digest
        self.end = end
        self.versions = versions
    }

    /// `blocks` come before the footer's own.
    func encode(blocks: UInt32, to out: inout ByteBuffer) {
        out.append(littleEndian: partitionCount)
        out.append(littleEndian: keyCount)
        out.append(littleEndian: digest)
        out.append(littleEndian: end)
        out.append(littleEndian: blocks)
        out.append(littleEndian: UInt32(versions.count))
        out.append(versions)
    }

    static func decode(_ content: ByteView) -> (footer: SnapshotFooter, blocks: UInt32)? {
        var reader = ByteReader(content)
        let partitions = reader.littleEndian(UInt32.self)
        let keys = reader.littleEndian(UInt64.self)
        let digest = reader.littleEndian(UInt128.self)
        let end = reader.littleEndian(UInt64.self)
        let blocks = reader.littleEndian(UInt32.self)
        let versions = reader.view(Int(reader.littleEndian(UInt32.self)))
        guard reader.isValid, reader.isAtEnd else { return nil }
        let footer = SnapshotFooter(
            partitionCount: partitions, keyCount: keys, digest: digest, end: end, versions: versions.array)
        return (footer, blocks)
    }
}

struct SnapshotBlock: Sendable {
    enum Kind: UInt8, Sendable {
        case piece = 1
        /// How many pieces the partition has, and how many bytes they are together.
        case partitionEnd = 2
        case footer = 3
    }

    static let headBytes = 24
    static let contentBytesMax = 256 << 10
    static let magic: UInt32 = 0x6B6C_4232  // "2Blk"
    /// The piece goes on in the partition's next block.
    static let continues: UInt8 = 1

    var kind: Kind
    var flags: UInt8
    var partition: UInt16
    var index: UInt32
    var length: Int
    var contentCRC: UInt32
    /// Of its head, in the file.
    var offset: Int

    func encode(to out: inout ByteBuffer) {
        let from = out.count
        out.append(littleEndian: Self.magic)
        out.append(kind.rawValue)
        out.append(flags)
        out.append(littleEndian: partition)
        out.append(littleEndian: index)
        out.append(littleEndian: UInt32(length))
        out.append(littleEndian: contentCRC)
        out.append(littleEndian: checksum(out.view.dropFirst(from)))
    }

    /// The block whose head is at `offset`, nil where there is none; its content may reach beyond the end.
    static func decode(_ bytes: ByteView, at offset: Int) -> SnapshotBlock? {
        guard offset >= 0, offset <= bytes.count - headBytes else { return nil }
        let head = bytes.slice(offset, headBytes)
        guard head.word32(at: 0).littleEndian == magic,
            checksum(head.slice(0, headBytes - 4)) == head.word32(at: headBytes - 4).littleEndian,
            let kind = Kind(rawValue: head[4]), head[5] & ~continues == 0
        else { return nil }
        return SnapshotBlock(
            kind: kind, flags: head[5], partition: UInt16(head[6]) | UInt16(head[7]) << 8,
            index: head.word32(at: 8).littleEndian, length: Int(head.word32(at: 12).littleEndian),
            contentCRC: head.word32(at: 16).littleEndian, offset: offset)
    }
}

enum SnapshotTrailer {
    static let byteCount = 24
    private static let magic: UInt32 = 0x646E_4532  // "2End"

    /// `fileBytes` counts this trailer too.
    static func encode(footerOffset: Int, fileBytes: Int, to out: inout ByteBuffer) {
        let from = out.count
        out.append(littleEndian: magic)
        out.append(littleEndian: UInt64(footerOffset))
        out.append(littleEndian: UInt64(fileBytes))
        out.append(littleEndian: checksum(out.view.dropFirst(from)))
    }

    /// Where the footer is; nil where these are not the last bytes of a whole file.
    static func decode(_ bytes: ByteView) -> Int? {
        guard bytes.count >= byteCount else { return nil }
        let last = bytes.dropFirst(bytes.count - byteCount)
        guard last.word32(at: 0).littleEndian == magic,
            checksum(last.slice(0, byteCount - 4)) == last.word32(at: byteCount - 4).littleEndian,
            last.word64(at: 12).littleEndian == UInt64(bytes.count)
        else { return nil }
        return Int(exactly: last.word64(at: 4).littleEndian)
    }
}
