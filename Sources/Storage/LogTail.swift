/// Follows a log that somebody is writing: batch by batch, those that are complete on disk. Takes no lock.
import Base

public struct LogTail<D: Disk>: ~Copyable {
    public enum Next {
        /// Its content is valid until the next call.
        case batch(LogBatch)
        /// Nothing complete yet; ask again later.
        case nothing
    }

    private let disk: D
    private let directory: String
    /// Batches that end at or before are passed over.
    private let from: UInt64
    /// Of a batch whose content is longer only so much is kept in memory, the front.
    private let contentBytesMax: Int
    private var file: DiskFile?
    private var path = ""
    private var number: UInt64 = 0
    private var crc: UInt32 = 0
    private var offset = 0
    /// Where the next batch begins.
    public private(set) var position: UInt64 = 0
    private var buffer = ByteBuffer(capacity: 64 << 10)

    /// Begins with the first batch that reaches beyond `position`, or with the oldest there is.
    public init(
        _ directory: borrowing DataDirectory<D>, from position: UInt64 = 0, contentBytesMax: Int = .max
    ) throws(StorageError) {
        disk = directory.disk
        self.contentBytesMax = max(contentBytesMax, 1)
        self.directory = directory.logPath
        from = position
    }

    deinit { if let file { disk.close(file) } }

    public mutating func next() throws(StorageError) -> Next {
        while true {
            if file == nil, try !openFirst() { return .nothing }
            guard let file else { return .nothing }
            if let batch = try readBatch(file) {
                if batch.end > from { return .batch(batch) }
                continue
            }
            if try !moveOn() { return .nothing }
        }
    }

    private mutating func readBatch(_ file: DiskFile) throws(StorageError) -> LogBatch? {
        buffer.removeAll()
        try disk.readAll(file, at: offset, count: LogBatchHeader.byteCount, into: &buffer, path: path)
        guard let header = LogBatchHeader.decode(buffer.view, segmentCRC: crc), header.position == position else {
            return nil
        }
        let contentOffset = offset + LogBatchHeader.byteCount
        guard try header.length <= disk.length(file, path: path) - contentOffset else { return nil }
        buffer.removeAll()
        // What nobody wants to see need not be read.
        if header.end > from, try !readContent(file, at: contentOffset, header) { return nil }
        let batch = LogBatch(header: header, segment: number, fileOffset: offset, content: buffer.view)
        offset = contentOffset + header.length
        position = header.end
        return batch
    }

    /// Reads the content, or its front, into the buffer, and checks all of it.
    private mutating func readContent(
        _ file: DiskFile, at offset: Int, _ header: LogBatchHeader
    ) throws(StorageError) -> Bool {
        let kept = min(header.length, contentBytesMax)
        try disk.readAll(file, at: offset, count: kept, into: &buffer, path: path)
        guard buffer.count == kept else { return false }
        var crc = checksum(buffer.view)
        var done = kept
        var piece = ByteBuffer()
        while done < header.length {
            piece.removeAll()
            let count = min(header.length - done, Self.pieceBytes)
            try disk.readAll(file, at: offset + done, count: count, into: &piece, path: path)
            guard piece.count == count else { return false }
            crc = checksum(piece.view, continuing: crc)
            done += count
        }
        return crc == header.contentCRC
    }

    private static var pieceBytes: Int { 1 << 20 }

    /// Opens the segment that `from` falls into, or the first that is there.
    private mutating func openFirst() throws(StorageError) -> Bool {
        let numbers = try segmentNumbers()
        for number in numbers.reversed() {
            guard try open(number) else { return false }
            if position <= from { return true }
        }
        return file != nil
    }

    /// Goes to the next segment if the one being read has ended where that begins.
    private mutating func moveOn() throws(StorageError) -> Bool {
        guard let next = try segmentNumbers().first(where: { $0 > number }) else { return false }
        guard let header = try LogTail.header(next, in: directory, on: disk) else { return false }
        // Batches may have come between the look at this segment and the one at the directory.
        if next == number + 1, header.previousEnd > position, let file, try hasBatch(file) { return true }
        // A segment gets its name only when the one before is complete: what cannot be read there now is damage.
        if next == number + 1, header.previousEnd != position {
            throw StorageError(
                .damaged, path, at: offset,
                "no batch at position \(position), though segment \(next) goes on from \(header.previousEnd)",
                advice: Advice.log)
        }
        return try open(next)
    }

    private mutating func hasBatch(_ file: DiskFile) throws(StorageError) -> Bool {
        let (offset, position) = (offset, position)
        defer { (self.offset, self.position) = (offset, position) }
        return try readBatch(file) != nil
    }

    private func segmentNumbers() throws(StorageError) -> [UInt64] {
        try disk.list(directory).compactMap { FileNames.number(of: $0, suffix: FileNames.segmentSuffix) }.sorted()
    }

    private static func header(
        _ number: UInt64, in directory: String, on disk: D
    ) throws(StorageError) -> LogSegmentHeader? {
        let path = FileNames.join(directory, FileNames.segment(number))
        do throws(StorageError) {
            let file = try disk.open(path, for: .reading, permissions: 0)
            defer { disk.close(file) }
            var bytes = ByteBuffer(capacity: LogSegmentHeader.byteCount)
            try disk.readAll(file, at: 0, count: LogSegmentHeader.byteCount, into: &bytes, path: path)
            return try LogSegmentHeader.decode(bytes.view, path: path).header
        } catch {
            // Removed since it was listed.
            if error.errno == StorageError.noEntry { return nil }
            throw error
        }
    }

    /// Makes `number` the segment being read; false when it has been removed since it was listed.
    private mutating func open(_ number: UInt64) throws(StorageError) -> Bool {
        let path = FileNames.join(directory, FileNames.segment(number))
        let opened: DiskFile
        do throws(StorageError) {
            opened = try disk.open(path, for: .reading, permissions: 0)
        } catch {
            if error.errno == StorageError.noEntry { return false }
            throw error
        }
        do throws(StorageError) {
            buffer.removeAll()
            try disk.readAll(opened, at: 0, count: LogSegmentHeader.byteCount, into: &buffer, path: path)
            let (header, crc) = try LogSegmentHeader.decode(buffer.view, path: path)
            self.crc = crc
            position = header.position
        } catch {
            disk.close(opened)
            throw error
        }
        if let file { disk.close(file) }
        file = opened
        self.path = path
        self.number = number
        offset = LogSegmentHeader.byteCount
        return true
    }
}
