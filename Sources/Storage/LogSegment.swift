/// One segment of the log, read: its header, and a walk over its batches that says how far they can be trusted.
import Base

public struct LogSegment: Sendable {
    public let path: String
    public let header: LogSegmentHeader
    public let contents: FileContents
    let crc: UInt32

    public var number: UInt64 { header.number }

    /// Opens the segment called `number` in `directory` and checks its header.
    static func open<D: Disk>(_ number: UInt64, in directory: String, on disk: D) throws(StorageError) -> LogSegment {
        let path = FileNames.join(directory, FileNames.segment(number))
        let contents = try disk.contents(of: path)
        let (header, crc) = try LogSegmentHeader.decode(contents.view, path: path)
        guard header.number == number else {
            throw StorageError(
                .damaged, path, at: 0, "the header says that this is segment \(header.number)", advice: Advice.log)
        }
        return LogSegment(path: path, header: header, contents: contents, crc: crc)
    }

    /// The batches from the first on, up to the byte `end`, which `scan` has found. No checksum is looked at again.
    public func batches(upTo end: Int) -> LogBatches {
        LogBatches(segment: self, offset: LogSegmentHeader.byteCount, end: min(end, contents.view.count))
    }

    /// Reads everything and checks it. Safe on any thread, and the slow part of opening a log: several segments can be
    /// scanned at once.
    public func scan(faults: StorageFaults = []) -> LogSegmentScan {
        let bytes = contents.view
        var found = LogSegmentScan(end: header.position, endOffset: LogSegmentHeader.byteCount)
        while true {
            switch readBatch(at: found.endOffset, position: found.end, faults) {
            case .batch(let header):
                found.batchCount += 1
                found.entryCount += Int(header.entryCount)
                found.durableSeen = max(found.durableSeen, header.durable)
                found.lastUnixMilliseconds = header.unixMilliseconds
                found.endOffset += LogBatchHeader.byteCount + header.length
                found.end = header.end
            case .zeros: return found
            case .problem(let reason):
                found.problem = reason
                found.strayBytes = countToLastNonZero(bytes.dropFirst(found.endOffset))
                if faults.contains(.durableIgnored) { return found }
                lookBeyond(&found)
                return found
            }
        }
    }

    private enum Reading {
        case batch(LogBatchHeader)
        case zeros
        case problem(String)
    }

    private func readBatch(at offset: Int, position: UInt64, _ faults: StorageFaults) -> Reading {
        let bytes = contents.view
        let rest = bytes.dropFirst(offset)
        guard let header = LogBatchHeader.decode(rest, segmentCRC: crc) else {
            if isZero(rest) { return .zeros }
            return .problem("no batch whose header's checksum holds")
        }
        guard header.position == position else {
            return .problem("a batch of position \(header.position), expected was \(position)")
        }
        guard header.durable <= position else {
            return .problem("a batch at position \(position) takes \(header.durable) for durable")
        }
        guard header.length <= rest.count - LogBatchHeader.byteCount else {
            return .problem("a batch of \(header.length) bytes reaches beyond the end of the file")
        }
        let content = rest.slice(LogBatchHeader.byteCount, header.length)
        let crc = checksum(content)
        guard crc == header.contentCRC || faults.contains(.checksumsSkipped) else {
            return .problem(
                "the checksum of a batch's content is \(hexadecimal(crc)), written was "
                    + hexadecimal(header.contentCRC))
        }
        guard let count = LogEntries.count(content), count == Int(header.entryCount) else {
            return .problem("a batch whose content is not its \(header.entryCount) entries")
        }
        return .batch(header)
    }

    /// Looks behind a problem for batches whose headers hold: they say how much was known to be on disk.
    private func lookBeyond(_ found: inout LogSegmentScan) {
        let bytes = contents.view
        let end = found.endOffset + found.strayBytes
        let first = UInt8(truncatingIfNeeded: LogBatchHeader.magic)
        var at = found.endOffset
        while at + LogBatchHeader.byteCount <= end {
            guard let next = bytes.slice(at, end - at).firstIndex(of: first) else { return }
            at += next
            guard let header = LogBatchHeader.decode(bytes.slice(at, end - at), segmentCRC: crc) else {
                at += 1
                continue
            }
            found.strayHeaders += 1
            found.durableSeen = max(found.durableSeen, header.durable)
            found.endSeen = max(found.endSeen, header.end)
            at += LogBatchHeader.byteCount
        }
    }
}

/// What a scan of one segment found.
public struct LogSegmentScan: Sendable, Equatable {
    /// The position behind the last batch that can be read, and where in the file that is.
    public var end: UInt64
    public var endOffset: Int
    public var batchCount = 0
    public var entryCount = 0
    /// What stands at `endOffset` instead of a batch or nothing; nil where the segment ends as it should.
    public var problem: String?
    /// From `endOffset` to the last byte that is not zero.
    public var strayBytes = 0
    /// Headers of batches found among them.
    public var strayHeaders = 0
    /// The highest position that any header, read or stray, knew to be durable.
    public var durableSeen: UInt64 = 0
    /// The highest end of a stray batch.
    public var endSeen: UInt64 = 0
    public var lastUnixMilliseconds: Int64 = 0

    init(end: UInt64, endOffset: Int) {
        self.end = end
        self.endOffset = endOffset
    }
}

/// Rules left out on purpose, so that the tests can be seen to notice. The server knows none.
public struct StorageFaults: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Everything that cannot be read is taken for a torn tail.
    public static let durableIgnored = StorageFaults(rawValue: 1)
    /// Contents are taken as they are.
    public static let checksumsSkipped = StorageFaults(rawValue: 2)
    /// What was torn stays where it is, behind what is written next.
    public static let tailKept = StorageFaults(rawValue: 4)
}

/// The batches of a segment that was scanned, in order.
public struct LogBatches: Sequence, IteratorProtocol {
    private let segment: LogSegment
    private var offset: Int
    private let end: Int

    init(segment: LogSegment, offset: Int, end: Int) {
        self.segment = segment
        self.offset = offset
        self.end = end
    }

    @inline(__always)
    public mutating func next() -> LogBatch? {
        guard end - offset > LogBatchHeader.byteCount else { return nil }
        let bytes = segment.contents.view.slice(offset, end - offset)
        guard let header = LogBatchHeader.decode(bytes, segmentCRC: segment.crc),
            header.length <= bytes.count - LogBatchHeader.byteCount
        else { return nil }
        let batch = LogBatch(
            header: header, segment: segment.number, fileOffset: offset,
            content: bytes.slice(LogBatchHeader.byteCount, header.length))
        offset += LogBatchHeader.byteCount + header.length
        return batch
    }
}
