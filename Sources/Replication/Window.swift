/// The window: the recent entries of this node's log, kept in memory for its peers; the tail of the log buffer.
///
/// One ring for the whole node, written by every loop. Space is reserved while the entry's partition is
/// locked, so that per partition the order in the ring is the order in which things were applied; the bytes may
/// land later, which is why each entry stands behind a word that is written last. A position counts bytes since the
/// start of the node and never wraps; a peer that falls more than the capacity behind has lost its place
/// and repairs from state instead of slowing anyone.
///
/// Peers are sent what was written here. A node that keeps a log also enters what it took in from others, for the
/// log alone; see `LogBuffer` for its reader, which must never fall behind.
///
///     word   u64   high half: position / 8 + 1, low half: kind of the entry (3 bits), length (29 bits)
///     entry, padded to 8 bytes
import Base
import CIntrinsics
import Synchronization

public final class Window: @unchecked Sendable {
    /// What an entry is.
    public enum Kind: UInt32, Sendable {
        /// Frames written here.
        case own = 0
        /// A frame written here whose records stand beside the window.
        case ownLarge = 1
        /// A frame that a peer wrote.
        case foreign = 2
        /// A state, key states, an event: see `LogRecord`. What is large stands beside the window.
        case state = 3
        case keyStates = 4
        case event = 5
        /// Empty marks around the entries of a transaction too large for one: the log takes all between them at once, and
        /// whatever others enter meanwhile with them.
        case groupBegins = 6
        case groupEnds = 7

        public var isOwn: Bool { self == .own || self == .ownLarge }
        /// Nothing of it goes into the log.
        public var isMark: Bool { self == .groupBegins || self == .groupEnds }
    }

    private let memory: UnsafeMutableRawPointer
    /// A power of two.
    public let capacity: Int
    /// The first position. Those of a former life of the node lie before it.
    public let start: UInt64
    private let reserved: Atomic<UInt64>
    /// Who keeps the log, if anybody does.
    public let log: LogBuffer?

    private static let wordBytes = 8
    private static let lengthBits: UInt64 = 29

    /// `memory` is all zero, as the system hands it out: what another window left there at the same positions would pass
    /// for entries of this one between their reservation and their writing.
    public init(capacity: Int, memory: UnsafeMutableRawPointer, start: UInt64 = 0, log: LogBuffer? = nil) {
        precondition(
            capacity >= 4096 && capacity & (capacity - 1) == 0 && capacity <= 1 << Self.lengthBits,
            "window of \(capacity) bytes")
        precondition(start % 8 == 0, "a window that starts at \(start)")
        self.capacity = capacity
        self.memory = memory
        self.start = start
        self.log = log
        reserved = Atomic(start)
        log?.begin(at: start, capacity: capacity)
    }

    /// Where the next frame will begin.
    public var end: UInt64 { reserved.load(ordering: .acquiring) }

    /// The positions whose entries may still be read here.
    public var readableRange: ClosedRange<UInt64> {
        let end = self.end
        return max(start, end > UInt64(capacity) ? end - UInt64(capacity) : 0)...end
    }

    /// The largest frame the window takes.
    public var frameBytesMax: Int { capacity / 4 }

    /// Appends one entry given in two pieces. Called with the entry's partition locked.
    @inline(__always)
    public func append(_ header: ByteView, _ body: ByteView, _ kind: Kind = .own) {
        let length = header.count + body.count
        precondition(length <= frameBytesMax, "an entry of \(length) bytes in a window of \(capacity)")
        let position = reserve(length)
        write(header, at: position + UInt64(Self.wordBytes))
        write(body, at: position + UInt64(Self.wordBytes + header.count))
        publish(position, length, kind)
    }

    /// Appends an entry most of which stands beside the window, for the log alone.
    public func append(_ header: ByteView, beside body: consuming ByteBuffer, _ kind: Kind) {
        guard let log else { preconditionFailure("bytes beside a window without a log") }
        let position = reserve(header.count)
        log.put(LargeBody(body), at: position)
        write(header, at: position + UInt64(Self.wordBytes))
        publish(position, header.count, kind)
    }

    @inline(__always)
    private func reserve(_ length: Int) -> UInt64 {
        let total = UInt64(Self.wordBytes + (length + 7) & ~7)
        let position = reserved.add(total, ordering: .relaxed).oldValue
        // No byte may land before the reservation shows: readers tell by it what is being overwritten.
        atomicMemoryFence(ordering: .acquiringAndReleasing)
        if let log { log.waitForRoom(upTo: position + total) }
        return position
    }

    /// The word of the place behind is what a reader waits on.
    @inline(__always)
    private func publish(_ position: UInt64, _ length: Int, _ kind: Kind) {
        word(at: position).pointee.store(Self.word(position, length, kind), ordering: .releasing)
    }

    @inline(__always)
    private static func word(_ position: UInt64, _ length: Int, _ kind: Kind) -> UInt64 {
        (position / 8 &+ 1) << 32 | UInt64(kind.rawValue) << lengthBits | UInt64(length)
    }

    @inline(__always)
    private func word(at position: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (memory + offset(position)).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inline(__always)
    private func offset(_ position: UInt64) -> Int { Int(position & UInt64(capacity - 1)) }

    @inline(__always)
    private func write(_ bytes: ByteView, at position: UInt64) {
        let start = offset(position)
        let first = min(bytes.count, capacity - start)
        a2_memory_copy(memory + start, bytes.start, first)
        if first < bytes.count { a2_memory_copy(memory, bytes.start + first, bytes.count - first) }
    }

    public enum Reading: Equatable {
        /// An entry was appended to the buffer; the next one begins at `next`.
        case frame(next: UInt64)
        /// One that is not for peers.
        case skipped(next: UInt64)
        /// Nothing is written there yet.
        case end
        /// The window has moved past this position.
        case lost
    }

    /// Copies the frames at `position` into `buffer`, if they were written here.
    public func read(at position: UInt64, into buffer: inout ByteBuffer) -> Reading {
        if position < start { return .lost }
        let end = self.end
        if position >= end { return .end }
        if end - position > UInt64(capacity) { return .lost }
        guard let (kind, length) = entry(at: position) else {
            // Reserved but not yet written, or overwritten since we looked.
            return self.end - position > UInt64(capacity) ? .lost : .end
        }
        let mark = buffer.count
        if kind.isOwn { copy(position, length, into: &buffer) }
        // Whatever was copied while a writer passed over it is not the frame: look again once it is copied.
        atomicMemoryFence(ordering: .acquiring)
        if self.end - position > UInt64(capacity) {
            buffer.truncate(to: mark)
            return .lost
        }
        let next = position + UInt64(Self.wordBytes + (length + 7) & ~7)
        return kind.isOwn ? .frame(next: next) : .skipped(next: next)
    }

    /// The entry at `position`, for the log: nil where none is written yet. Its bytes may be copied until the log's
    /// reader has gone past it.
    @inline(__always)
    public func entryForLog(at position: UInt64) -> (kind: Kind, length: Int, next: UInt64)? {
        guard position < end, let (kind, length) = entry(at: position) else { return nil }
        return (kind, length, position + UInt64(Self.wordBytes + (length + 7) & ~7))
    }

    /// What is written at a position, nil where that is not whole yet.
    @inline(__always)
    private func entry(at position: UInt64) -> (kind: Kind, length: Int)? {
        let present = word(at: position).pointee.load(ordering: .acquiring)
        guard present >> 32 == (position / 8 &+ 1) & 0xFFFF_FFFF else { return nil }
        let length = Int(present & (1 << Self.lengthBits - 1))
        let kind = Kind(rawValue: UInt32(truncatingIfNeeded: present >> Self.lengthBits & 7))
        // Bytes of a former lap that happen to look like the word must not send us out of the memory.
        guard length <= frameBytesMax, let kind else { return nil }
        return (kind, length)
    }

    @inline(__always)
    public func copy(_ position: UInt64, _ length: Int, into buffer: inout ByteBuffer) {
        buffer.reserve(length)
        let start = offset(position + UInt64(Self.wordBytes))
        let first = min(length, capacity - start)
        a2_memory_copy(buffer.writable, memory + start, first)
        if first < length { a2_memory_copy(buffer.writable + first, memory, length - first) }
        buffer.commit(length)
    }
}
