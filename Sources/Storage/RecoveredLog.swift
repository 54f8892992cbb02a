/// The log as recovery found it: to be replayed, as often and on as many threads as one likes, and then written on.
import Base

public struct RecoveredSegment: Sendable {
    public let segment: LogSegment
    /// The position behind its last batch, and where in the file that is.
    public let end: UInt64
    public let endOffset: Int

    public var batches: LogBatches { segment.batches(upTo: endOffset) }
}

/// What a repair has given up.
public struct LogRepair: Sendable, Equatable {
    public let problem: StorageError
    /// The log ends here now …
    public let end: UInt64
    /// … and goes on here, beyond all that was ever promised.
    public let nextPosition: UInt64
    /// Where what was given up is kept.
    public let saved: [String]
}

public struct RecoveredLog: Sendable {
    public let from: UInt64
    /// The position behind the last batch.
    public let end: UInt64
    /// Where the next batch will begin: `end`, but after a repair.
    public let next: UInt64
    /// Everything before was known to be on disk.
    public let durable: UInt64
    public let segments: [RecoveredSegment]
    /// Of a tail that a crash has torn, behind `end`. They go when writing begins.
    public let tornBytes: Int
    public let repair: LogRepair?
    let older: [OlderSegment]
    let faults: StorageFaults

    public var isEmpty: Bool { segments.isEmpty }
    /// Where the oldest segment begins that may be read without a gap up to the end.
    public var firstPosition: UInt64? { segments.first?.segment.header.position }
    public var batchBytes: Int { segments.reduce(0) { $0 + $1.endOffset } }

    /// The batches that reach beyond `from`, in order, until `body` throws.
    public func forEachBatch<Failure: Error>(_ body: (LogBatch) throws(Failure) -> Void) throws(Failure) {
        for segment in segments where segment.end > from {
            for batch in segment.batches where batch.end > from { try body(batch) }
        }
    }
}

extension LogWriter {
    /// Goes on where `log` ends. Whatever is in the last segment behind that is overwritten with zeros and synced
    /// before anything is appended: a stale batch, left by writes that a crash reordered, could otherwise fit behind a
    /// new one. Nothing is cut off, so that a crash at any moment here finds the same log again.
    ///
    /// What was not known to be on disk is written once more: after a failed sync the system takes pages for clean
    /// that the disk never got, and reads of them succeed until the machine stops.
    public static func open(
        continuing log: RecoveredLog, in directory: borrowing DataDirectory<D>, owner: LogOwner,
        segmentBytes: Int = LogWriter.segmentBytesDefault
    ) throws(StorageError) -> LogWriter<D> {
        let disk = directory.disk
        let path = directory.logPath
        for name in try disk.list(path) {
            // The segment allocated ahead may have been given a header, but never its name; half-made copies go too.
            if name == FileNames.spareSegment || name.hasSuffix(FileNames.besideSuffix) {
                try disk.remove(FileNames.join(path, name))
            }
        }
        var writer = LogWriter(
            disk: disk, directory: path, owner: owner, segmentBytes: segmentBytes, endPosition: log.next,
            segments: log.older.map { Segment(number: $0.number, position: $0.position) }
                + log.segments.map { Segment(number: $0.segment.number, position: $0.segment.header.position) })
        if let last = log.segments.last { try writer.reopen(last, log) }
        try disk.syncDirectory(path)
        // The first segment ever, or the first after a repair.
        if log.isEmpty || log.next != log.end {
            if case .full(let error) = try writer.prepareNext() { throw error }
            try writer.begin(previousEnd: log.isEmpty ? log.next : log.end)
        }
        _ = try writer.prepareNext()
        return writer
    }

    private mutating func reopen(_ last: RecoveredSegment, _ log: RecoveredLog) throws(StorageError) {
        let disk = disk
        let path = last.segment.path
        let file = try disk.open(path, for: .writing, permissions: FileNames.filePermissions)
        resume(
            file: file, path: path, crc: last.segment.crc, offset: last.endOffset,
            capacity: last.segment.contents.view.count)
        let bytes = last.segment.contents.view
        var unsure = last.endOffset
        for batch in last.batches where batch.end > log.durable {
            unsure = batch.fileOffset
            break
        }
        if unsure < last.endOffset {
            let copy = FileContents(copying: bytes.slice(unsure, last.endOffset - unsure))
            try disk.writeAll(copy.view, to: file, at: unsure, path: path)
        }
        let stray = countToLastNonZero(bytes.dropFirst(last.endOffset))
        if stray > 0, !log.faults.contains(.tailKept) {
            try disk.writeZeros(stray, to: file, at: last.endOffset, path: path)
        }
        try disk.sync(file, path: path)
        extend()
    }
}
