/// Makes snapshot files: into a data directory, beside any path, or into a stream.
import Base

/// Turns pieces into the bytes of a snapshot, front to back. What `output` holds is to be carried off and removed by
/// the caller now and then; nothing in it is looked at again.
public struct SnapshotEncoder: ~Copyable {
    public var output = ByteBuffer(capacity: 512 << 10)
    /// Bytes that have been carried off.
    private var carriedBytes = 0
    private var blockCount: UInt32 = 0
    private var openPieces: [UInt32]
    private var openBytes: [UInt64]
    private var isEnded: [Bool]
    /// Partitions that have pieces but no end yet, and those that have their end.
    private var openCount = 0
    private var endedCount = 0
    private var isFinished = false

    public init(_ header: SnapshotHeader, partitionsMax: Int = 1 << 16) {
        precondition(partitionsMax > 0 && partitionsMax <= 1 << 16, "\(partitionsMax) partitions")
        openPieces = [UInt32](repeating: 0, count: partitionsMax)
        openBytes = [UInt64](repeating: 0, count: partitionsMax)
        isEnded = [Bool](repeating: false, count: partitionsMax)
        header.encode(to: &output)
    }

    /// Bytes made so far.
    public var byteCount: Int { carriedBytes + output.count }

    /// Says that what `output` held has been carried off.
    public mutating func removeOutput() {
        carriedBytes += output.count
        output.removeAll()
    }

    /// Adds a piece of a partition's state; a reader gets it back as a whole. Partitions may take turns.
    public mutating func append(partition: Int, _ piece: ByteView) {
        precondition(!isFinished && !isEnded[partition], "a piece of partition \(partition) after its end")
        if openPieces[partition] == 0 { openCount += 1 }
        openPieces[partition] += 1
        openBytes[partition] += UInt64(piece.count)
        var done = 0
        repeat {
            let length = min(piece.count - done, SnapshotBlock.contentBytesMax)
            let flags = done + length < piece.count ? SnapshotBlock.continues : 0
            block(.piece, flags: flags, partition: partition, piece.slice(done, length))
            done += length
        } while done < piece.count
    }

    /// The partition is complete.
    public mutating func end(partition: Int) {
        precondition(!isFinished && !isEnded[partition], "partition \(partition) ends twice")
        isEnded[partition] = true
        endedCount += 1
        if openPieces[partition] > 0 { openCount -= 1 }
        var content = ByteBuffer(capacity: 16)
        content.append(littleEndian: openPieces[partition])
        content.append(littleEndian: openBytes[partition])
        block(.partitionEnd, flags: 0, partition: partition, content.view)
    }

    public mutating func finish(_ footer: SnapshotFooter) {
        precondition(!isFinished, "a snapshot finished twice")
        precondition(
            endedCount == Int(footer.partitionCount) && openCount == 0,
            "a snapshot of \(footer.partitionCount) partitions: \(endedCount) complete, \(openCount) open")
        isFinished = true
        let offset = byteCount
        var content = ByteBuffer(capacity: 64 + footer.versions.count)
        footer.encode(blocks: blockCount, to: &content)
        block(.footer, flags: 0, partition: 0, content.view)
        SnapshotTrailer.encode(footerOffset: offset, fileBytes: byteCount + SnapshotTrailer.byteCount, to: &output)
    }

    private mutating func block(_ kind: SnapshotBlock.Kind, flags: UInt8, partition: Int, _ content: ByteView) {
        output.reserve(SnapshotBlock.headBytes + content.count)
        SnapshotBlock(
            kind: kind, flags: flags, partition: UInt16(partition), index: blockCount, length: content.count,
            contentCRC: checksum(content), offset: byteCount
        ).encode(to: &output)
        output.append(content)
        blockCount += 1
    }
}

/// A snapshot on its way into a file. It is written under another name and gets its own when it is complete and on
/// disk: whatever has the name is whole.
public struct SnapshotWriter<D: Disk>: ~Copyable {
    private static var writeBytes: Int { 1 << 20 }

    private let disk: D
    public let path: String
    private let beside: String
    private var file: DiskFile?
    private var encoder: SnapshotEncoder
    private var written = 0

    /// Into any place, inside a data directory or not. What is at `path` is replaced when the snapshot is complete.
    public init(_ path: String, on disk: D, _ header: SnapshotHeader) throws(StorageError) {
        self.disk = disk
        self.path = path
        beside = path + FileNames.besideSuffix
        encoder = SnapshotEncoder(header)
        file = try disk.open(beside, for: .replacing, permissions: FileNames.filePermissions)
    }

    /// As the snapshot `number` of a data directory.
    public init(
        number: UInt64, in directory: borrowing DataDirectory<D>, _ header: SnapshotHeader
    ) throws(StorageError) {
        let path = FileNames.join(directory.snapshotPath, FileNames.snapshot(number))
        try self.init(path, on: directory.disk, header)
    }

    /// A writer that goes without finishing takes its file with it.
    deinit {
        guard let file else { return }
        disk.close(file)
        try? disk.remove(beside)
    }

    public var byteCount: Int { encoder.byteCount }

    public mutating func append(partition: Int, _ piece: ByteView) throws(StorageError) {
        encoder.append(partition: partition, piece)
        if encoder.output.count >= Self.writeBytes { try flush() }
    }

    public mutating func end(partition: Int) throws(StorageError) {
        encoder.end(partition: partition)
        if encoder.output.count >= Self.writeBytes { try flush() }
    }

    /// Completes the file; it is on disk under its name on return. Gives its length.
    public mutating func finish(_ footer: SnapshotFooter) throws(StorageError) -> Int {
        encoder.finish(footer)
        try flush()
        guard let file else { preconditionFailure("a snapshot finished twice") }
        try disk.sync(file, path: beside)
        disk.close(file)
        self.file = nil
        try disk.rename(beside, to: path)
        try disk.syncDirectory(FileNames.parent(of: path))
        return written
    }

    private mutating func flush() throws(StorageError) {
        guard let file else { preconditionFailure("a snapshot written on after its end") }
        try disk.writeAll(encoder.output.view, to: file, at: written, path: beside)
        written += encoder.output.count
        encoder.removeOutput()
    }
}
