/// Entries inside a batch: a kind, which means nothing here, and bytes.
import Base

public struct LogEntry {
    public let kind: Int
    /// Valid as long as the log or the buffer it was read from.
    public let content: ByteView
    /// How many bytes the entry has. `content` is the front of them in a batch that was not read whole.
    public let length: Int

    public var isWhole: Bool { content.count == length }

    public static let kindsMax = 16
    /// A head's length that says: the length follows in eight bytes.
    private static let longLength = 1 << 28 - 1

    /// What comes before an entry's bytes: append the head, then exactly `length` bytes.
    @inline(__always)
    public static func appendHead(kind: Int, length: Int, into out: inout ByteBuffer) {
        precondition(kind >= 0 && kind < kindsMax && length >= 0, "an entry of kind \(kind) and \(length) bytes")
        if length < longLength {
            out.append(littleEndian: UInt32(length << 4 | kind))
        } else {
            out.append(littleEndian: UInt32(longLength << 4 | kind))
            out.append(littleEndian: UInt64(length))
        }
    }

    /// How many bytes the head of an entry of `length` bytes takes.
    @inline(__always)
    public static func headBytes(length: Int) -> Int { length < longLength ? 4 : 12 }

    @inline(__always)
    fileprivate static func read(
        _ bytes: ByteView, of total: Int, at offset: Int
    ) -> (entry: LogEntry, end: Int)? {
        guard bytes.count - offset >= 4 else { return nil }
        let head = Int(bytes.word32(at: offset).littleEndian)
        var start = offset + 4
        var length = head >> 4
        if length == longLength {
            guard bytes.count - start >= 8 else { return nil }
            let long = bytes.word64(at: start).littleEndian
            guard long >= longLength, long <= UInt64(total) else { return nil }
            length = Int(long)
            start += 8
        }
        guard length <= total - start else { return nil }
        let entry = LogEntry(
            kind: head & 15, content: bytes.slice(start, min(length, bytes.count - start)), length: length)
        return (entry, start + length)
    }
}

/// The entries of a batch, in order. Ends early where the bytes are none; then `isComplete` stays false.
public struct LogEntries: Sequence, IteratorProtocol {
    private let bytes: ByteView
    private let total: Int
    private var offset = 0

    /// `total`: how long the content is of which `content` is the front.
    public init(_ content: ByteView, of total: Int? = nil) {
        bytes = content
        self.total = total ?? content.count
    }

    public var isComplete: Bool { offset == total }

    @inline(__always)
    public mutating func next() -> LogEntry? {
        guard offset < bytes.count, let (entry, end) = LogEntry.read(bytes, of: total, at: offset) else { return nil }
        offset = end
        return entry
    }

    /// How many entries `content` is, nil when it is not entries to its end.
    static func count(_ content: ByteView) -> Int? {
        var entries = LogEntries(content)
        var count = 0
        while entries.next() != nil { count += 1 }
        return entries.isComplete ? count : nil
    }
}

/// One batch, found in a segment.
public struct LogBatch {
    public let header: LogBatchHeader
    public let segment: UInt64
    /// Of its header, in the segment's file.
    public let fileOffset: Int
    /// Valid as long as the log or the buffer it was read from. All of it, but where its reader has set a bound.
    public let content: ByteView

    public var position: UInt64 { header.position }
    public var end: UInt64 { header.end }
    public var entryCount: Int { Int(header.entryCount) }
    public var unixMilliseconds: Int64 { header.unixMilliseconds }
    public var entries: LogEntries { LogEntries(content, of: header.length) }
}
