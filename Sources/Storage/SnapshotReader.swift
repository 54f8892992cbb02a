/// Reads a snapshot file: its header and footer, and each partition on its own, on any thread.
///
/// Opening walks over the heads of all blocks, so that a file which is cut short, or whose blocks do not make up a
/// snapshot, is refused before anything is taken from it. Contents are checked when they are read; `verify` reads all.
import Base

public struct SnapshotReader: Sendable {
    public let path: String
    public let header: SnapshotHeader
    public let footer: SnapshotFooter
    private let contents: FileContents
    private let blocks: [SnapshotBlock]
    private let partitions: [Int: Part]

    private struct Part: Sendable {
        /// Indices of its blocks.
        var blocks: [Int] = []
        var pieceCount: UInt32 = 0
        var byteCount: UInt64 = 0
        var isInPiece = false
        var isEnded = false
    }

    public init<D: Disk>(_ path: String, on disk: D) throws(StorageError) {
        try self.init(disk.contents(of: path), path: path)
    }

    public init<D: Disk>(
        _ facts: SnapshotFacts, in directory: borrowing DataDirectory<D>
    ) throws(StorageError) {
        let path = FileNames.join(directory.snapshotPath, facts.fileName)
        let contents: FileContents
        do throws(StorageError) {
            contents = try directory.disk.contents(of: path)
        } catch {
            guard error.errno == StorageError.noEntry else { throw error }
            throw StorageError(.missing, path, "missing, though the manifest lists it")
        }
        try self.init(contents, path: path)
        guard header.start == facts.start, footer.end == facts.end, UInt64(byteCount) == facts.bytes else {
            throw StorageError(
                .damaged, path,
                "from position \(header.start) to \(footer.end), but the manifest has it from "
                    + "\(facts.start) to \(facts.end)", advice: Advice.snapshot)
        }
    }

    /// `path` is for the texts of errors.
    public init(_ contents: FileContents, path: String) throws(StorageError) {
        let bytes = contents.view
        let (header, headerBytes) = try SnapshotHeader.decode(bytes, path: path)
        guard let footerOffset = SnapshotTrailer.decode(bytes) else {
            throw StorageError(
                .damaged, path, at: bytes.count, "the end is missing or damaged", advice: Advice.snapshot)
        }
        self.contents = contents
        self.path = path
        self.header = header
        var walk = BlockWalk(bytes: bytes, path: path, offset: headerBytes)
        try walk.run(upTo: footerOffset)
        blocks = walk.blocks
        var parts: [Int: Part] = [:]
        for index in blocks.indices { try Self.take(index, blocks[index], into: &parts, bytes, path) }
        for (number, part) in parts where !part.isEnded {
            throw StorageError(.damaged, path, "the end of partition \(number) is missing", advice: Advice.snapshot)
        }
        partitions = parts
        footer = try Self.readFooter(walk, at: footerOffset, blocks.count, parts.count)
    }

    private static func readFooter(
        _ walk: BlockWalk, at offset: Int, _ blockCount: Int, _ partitionCount: Int
    ) throws(StorageError) -> SnapshotFooter {
        let block = try walk.block(at: offset, index: blockCount, isFooter: true)
        let content = walk.bytes.slice(offset + SnapshotBlock.headBytes, block.length)
        guard checksum(content) == block.contentCRC, let (footer, count) = SnapshotFooter.decode(content),
            Int(count) == blockCount, Int(footer.partitionCount) == partitionCount,
            offset + SnapshotBlock.headBytes + block.length + SnapshotTrailer.byteCount == walk.bytes.count
        else {
            throw StorageError(
                .damaged, walk.path, at: offset, "the footer does not match what is before it",
                advice: Advice.snapshot)
        }
        return footer
    }

    private static func take(
        _ index: Int, _ block: SnapshotBlock, into parts: inout [Int: Part], _ bytes: ByteView, _ path: String
    ) throws(StorageError) {
        let number = Int(block.partition)
        var isGood = parts[number, default: Part()].isEnded == false
        if block.kind == .piece {
            parts[number, default: Part()].blocks.append(index)
            parts[number, default: Part()].byteCount += UInt64(block.length)
            let isContinued = block.flags & SnapshotBlock.continues != 0
            parts[number, default: Part()].isInPiece = isContinued
            if !isContinued { parts[number, default: Part()].pieceCount += 1 }
        } else {
            let part = parts[number, default: Part()]
            let content = bytes.slice(block.offset + SnapshotBlock.headBytes, block.length)
            isGood =
                isGood && block.length == 12 && checksum(content) == block.contentCRC && !part.isInPiece
                && content.word32(at: 0).littleEndian == part.pieceCount
                && content.word64(at: 4).littleEndian == part.byteCount
            parts[number, default: Part()].isEnded = true
        }
        if !isGood {
            throw StorageError(
                .damaged, path, at: block.offset, "partition \(number) is not what its end says",
                advice: Advice.snapshot)
        }
    }

    // MARK: Reading

    public var byteCount: Int { contents.view.count }
    /// The numbers of the partitions in it, ascending.
    public var partitionNumbers: [Int] { partitions.keys.sorted() }
    public func byteCount(ofPartition number: Int) -> Int { Int(partitions[number]?.byteCount ?? 0) }

    /// The pieces of a partition in order, checked; none for one that is not there. A view is valid until `body`
    /// returns. Safe on any thread.
    public func forEachPiece(
        ofPartition number: Int, _ body: (ByteView) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard let part = partitions[number] else { return }
        var joined = ByteBuffer(capacity: 16)
        for index in part.blocks {
            let block = blocks[index]
            let content = try checkedContent(block)
            let isContinued = block.flags & SnapshotBlock.continues != 0
            if !isContinued, joined.isEmpty {
                try body(content)
                continue
            }
            joined.append(content)
            if !isContinued {
                try body(joined.view)
                joined.removeAll()
            }
        }
    }

    /// Checks every block's content; throws at the first that is damaged.
    public func verify() throws(StorageError) {
        for block in blocks { _ = try checkedContent(block) }
    }

    private func checkedContent(_ block: SnapshotBlock) throws(StorageError) -> ByteView {
        let content = contents.view.slice(block.offset + SnapshotBlock.headBytes, block.length)
        let crc = checksum(content)
        guard crc == block.contentCRC else {
            throw StorageError(
                .damaged, path, at: block.offset,
                "the checksum of a block of partition \(block.partition) is \(hexadecimal(crc)), written was "
                    + hexadecimal(block.contentCRC), advice: Advice.snapshot)
        }
        return content
    }
}

/// From block to block, by their heads.
private struct BlockWalk {
    let bytes: ByteView
    let path: String
    var offset: Int
    var blocks: [SnapshotBlock] = []

    mutating func run(upTo end: Int) throws(StorageError) {
        while offset < end {
            let block = try block(at: offset, index: blocks.count, isFooter: false)
            blocks.append(block)
            offset += SnapshotBlock.headBytes + block.length
        }
        guard offset == end else {
            throw StorageError(
                .damaged, path, at: end, "the footer is said to be inside a block", advice: Advice.snapshot)
        }
    }

    func block(at offset: Int, index: Int, isFooter: Bool) throws(StorageError) -> SnapshotBlock {
        let room = bytes.count - SnapshotTrailer.byteCount - SnapshotBlock.headBytes - offset
        guard let block = SnapshotBlock.decode(bytes, at: offset), block.length <= room, Int(block.index) == index,
            (block.kind == .footer) == isFooter, isFooter || block.length <= SnapshotBlock.contentBytesMax
        else {
            throw StorageError(
                .damaged, path, at: offset, "no block \(index) of a snapshot", advice: Advice.snapshot)
        }
        return block
    }
}
