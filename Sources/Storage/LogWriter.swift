/// Appends batches to the log: one write each, no allocation in the steady state, and zeros now and then where asked to.
///
/// The segment after the current one is allocated ahead, so that a full disk shows while there is still a whole
/// segment to fill. Moving on to it syncs the old one first and makes the new one's header and name durable before
/// anything is written behind it: of all segments only the last can hold what was never synced.
///
/// A failed write or sync is final. The writer then refuses everything, and its owner ends the process: what the
/// system still holds in memory may not be what is on the disk, and nobody can find out from here.
import Base

public enum NextSegment: Equatable, Sendable {
    case ready
    /// No room for it now; ask again.
    case full(StorageError)
}

public struct LogWriter<D: Disk>: ~Copyable {
    public static var segmentBytesDefault: Int { 64 << 20 }
    /// Batches up to this size are put together and written at once; larger ones piece by piece.
    private static var oneWriteBytesMax: Int { 4 << 20 }
    /// How far ahead zeros are written. More makes the one batch that writes them slower, and less makes more of those.
    private static var aheadBytes: Int { 256 << 10 }

    struct Segment {
        var number: UInt64
        var position: UInt64
    }

    struct Current {
        var file: DiskFile
        var path: String
        var crc: UInt32
        /// Where the next batch goes, and how far there is room.
        var offset: Int
        var capacity: Int
        /// Everything before has been written, if only with zeros.
        var touched: Int
    }

    struct Spare {
        var file: DiskFile
        var length: Int
    }

    let disk: D
    let directory: String
    let segmentBytes: Int
    /// For who syncs after every batch. A file system notes in its journal, at the sync, that what was only allocated
    /// has been written now; where zeros were before, the sync writes the batch and nothing else.
    public var writesAhead = false
    /// Stands in the header of segments that are begun from now on.
    public var owner: LogOwner
    /// All that are kept, the current one last.
    var segments: [Segment]
    var current: Current?
    /// Allocated ahead.
    var spare: Spare?
    /// Where the next batch begins.
    public private(set) var endPosition: UInt64
    /// Everything before is on disk.
    public private(set) var durablePosition: UInt64
    /// After a failure, or after `finishCleanly`.
    public private(set) var isStopped = false
    private var scratch = ByteBuffer(capacity: 64 << 10)

    /// The log in `directory` without segments yet; `begin` or `resume` makes it whole.
    init(disk: D, directory: String, owner: LogOwner, segmentBytes: Int, endPosition: UInt64, segments: [Segment]) {
        precondition(segmentBytes >= 4096, "segments of \(segmentBytes) bytes")
        self.disk = disk
        self.directory = directory
        self.owner = owner
        self.segmentBytes = segmentBytes
        self.segments = segments
        self.endPosition = endPosition
        durablePosition = endPosition
    }

    deinit {
        if let current { disk.close(current.file) }
        if let spare { disk.close(spare.file) }
    }

    // MARK: What there is

    /// How many bytes of content a batch may have to still fit into the current segment.
    public var segmentBytesLeft: Int {
        guard let current else { return 0 }
        return max(current.capacity - current.offset - LogBatchHeader.byteCount, 0)
    }

    public var isNextReady: Bool { spare != nil }
    public var segmentCount: Int { segments.count }
    /// The log can be read from here on.
    public var firstPosition: UInt64 { segments.first?.position ?? endPosition }
    public var segmentNumber: UInt64 { segments.last?.number ?? 0 }

    // MARK: Writing

    /// Appends one batch, made of `pieces` one behind the other. When the batch needs the next segment and the disk has
    /// no room for that, throws an error that `isFull`, with nothing written and everything as before.
    public mutating func append(
        _ pieces: UnsafeBufferPointer<ByteView>, entryCount: Int, unixMilliseconds: Int64
    ) throws(StorageError) {
        try refuseWhenStopped()
        var length = 0
        for piece in pieces { length += piece.count }
        precondition(length > 0 && entryCount > 0, "a batch of \(entryCount) entries in \(length) bytes")
        let whole = LogBatchHeader.byteCount + length
        if current.map({ $0.capacity - $0.offset < whole }) ?? true { try moveOn(forBatchBytes: whole) }
        guard let current else { preconditionFailure("a log without a segment") }

        scratch.removeAll()
        let isOneWrite = whole <= Self.oneWriteBytesMax
        scratch.reserve(isOneWrite ? whole : LogBatchHeader.byteCount)
        scratch.commit(LogBatchHeader.byteCount)
        var crc: UInt32 = 0
        for piece in pieces {
            if isOneWrite { scratch.append(piece) } else { crc = checksum(piece, continuing: crc) }
        }
        if isOneWrite { crc = checksum(scratch.view.dropFirst(LogBatchHeader.byteCount)) }
        let header = LogBatchHeader(
            entryCount: UInt32(clamping: entryCount), length: length, position: endPosition,
            durable: durablePosition, unixMilliseconds: unixMilliseconds, contentCRC: crc)
        header.encode(to: scratch.base + scratch.head, segmentCRC: current.crc)
        do throws(StorageError) {
            try disk.writeAll(scratch.view, to: current.file, at: current.offset, path: current.path)
            if !isOneWrite { try write(pieces, behind: current) }
            if writesAhead { try touchAhead(of: current.offset + whole) }
        } catch {
            throw stop(error)
        }
        self.current?.offset += whole
        endPosition += UInt64(length)
    }

    public mutating func append(
        _ content: ByteView, entryCount: Int, unixMilliseconds: Int64
    ) throws(StorageError) {
        var failure: StorageError?
        withUnsafePointer(to: content) {
            let pieces = UnsafeBufferPointer(start: $0, count: 1)
            do throws(StorageError) {
                try append(pieces, entryCount: entryCount, unixMilliseconds: unixMilliseconds)
            } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func write(_ pieces: UnsafeBufferPointer<ByteView>, behind place: Current) throws(StorageError) {
        var offset = place.offset + LogBatchHeader.byteCount
        for piece in pieces where !piece.isEmpty {
            try disk.writeAll(piece, to: place.file, at: offset, path: place.path)
            offset += piece.count
        }
    }

    private mutating func touchAhead(of end: Int) throws(StorageError) {
        guard let current, end > current.touched else { return }
        let touched = min(end + Self.aheadBytes, current.capacity)
        do throws(StorageError) {
            try disk.writeZeros(touched - end, to: current.file, at: end, path: current.path)
        } catch {
            // Where blocks are never written in place, these need others; and nobody needs the zeros.
            guard error.isFull else { throw error }
        }
        self.current?.touched = touched
    }

    /// Returns when everything appended is on disk.
    public mutating func sync() throws(StorageError) {
        try refuseWhenStopped()
        guard durablePosition < endPosition, let current else { return }
        do throws(StorageError) { try disk.sync(current.file, path: current.path) } catch { throw stop(error) }
        durablePosition = endPosition
    }

    /// Syncs and stops; returns the log's end, which the identity keeps as the mark of a clean stop.
    public mutating func finishCleanly() throws(StorageError) -> UInt64 {
        try sync()
        isStopped = true
        return endPosition
    }

    func refuseWhenStopped() throws(StorageError) {
        if isStopped { throw StorageError(.stopped, directory, "the log is closed after a failure or for good") }
    }

    mutating func stop(_ error: StorageError) -> StorageError {
        isStopped = true
        return error
    }
}
