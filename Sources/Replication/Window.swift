/// The window: the recent frames of this node, kept in memory for its peers; the tail of the log buffer.
///
/// One ring for the whole node, written by every loop. Space is reserved while the frame's partition is
/// locked, so that per partition and origin the order in the ring is stamp order; the bytes may land later,
/// which is why each frame stands behind a word that is written last. A position counts bytes since the
/// start of the node and never wraps; a reader that falls more than the capacity behind has lost its place
/// and repairs from state instead of slowing anyone.
///
///     word   u64   high half: position / 8 + 1, low half: length of the frame
///     frame, padded to 8 bytes
import Base
import CIntrinsics
import Synchronization

public final class Window: @unchecked Sendable {
    private let memory: UnsafeMutableRawPointer
    /// A power of two.
    public let capacity: Int
    private let reserved = Atomic<UInt64>(0)

    private static let wordBytes = 8

    public init(capacity: Int, memory: UnsafeMutableRawPointer) {
        precondition(capacity >= 4096 && capacity & (capacity - 1) == 0, "window of \(capacity) bytes")
        self.capacity = capacity
        self.memory = memory
        a2_memory_zero(memory, Self.wordBytes)
    }

    /// Where the next frame will begin.
    public var end: UInt64 { reserved.load(ordering: .acquiring) }

    /// The largest frame the window takes.
    public var frameBytesMax: Int { capacity / 4 }

    /// Appends one frame given in two pieces. Called with the frame's partition locked.
    @inline(__always)
    public func append(_ header: ByteView, _ body: ByteView) {
        let length = header.count + body.count
        precondition(length <= frameBytesMax, "a frame of \(length) bytes in a window of \(capacity)")
        let total = UInt64(Self.wordBytes + (length + 7) & ~7)
        let position = reserved.add(total, ordering: .relaxed).oldValue
        // No byte may land before the reservation shows: readers tell by it what is being overwritten.
        atomicMemoryFence(ordering: .acquiringAndReleasing)
        write(header, at: position + UInt64(Self.wordBytes))
        write(body, at: position + UInt64(Self.wordBytes + header.count))
        // The word of the place behind is what a reader waits on: make sure it does not show a former lap's.
        word(at: position).pointee.store(Self.word(position, length), ordering: .releasing)
    }

    private static func word(_ position: UInt64, _ length: Int) -> UInt64 {
        (position / 8 &+ 1) << 32 | UInt64(UInt32(truncatingIfNeeded: length))
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
        /// A frame was appended to the buffer; the next one begins at `next`.
        case frame(next: UInt64)
        /// Nothing is written there yet.
        case end
        /// The window has moved past this position.
        case lost
    }

    /// Copies the frame at `position` into `buffer`.
    public func read(at position: UInt64, into buffer: inout ByteBuffer) -> Reading {
        let end = self.end
        if position >= end { return .end }
        if end - position > UInt64(capacity) { return .lost }
        let present = word(at: position).pointee.load(ordering: .acquiring)
        guard present >> 32 == (position / 8 &+ 1) & 0xFFFF_FFFF else {
            // Reserved but not yet written, or overwritten since we looked.
            return self.end - position > UInt64(capacity) ? .lost : .end
        }
        let length = Int(present & 0xFFFF_FFFF)
        // Bytes of a former lap that happen to look like the word must not send us out of the memory.
        guard length <= frameBytesMax else { return .end }
        let mark = buffer.count
        buffer.reserve(length)
        let start = offset(position + UInt64(Self.wordBytes))
        let first = min(length, capacity - start)
        a2_memory_copy(buffer.writable, memory + start, first)
        if first < length { a2_memory_copy(buffer.writable + first, memory, length - first) }
        buffer.commit(length)
        // Whatever was copied while a writer passed over it is not the frame: look again once it is copied.
        atomicMemoryFence(ordering: .acquiring)
        if self.end - position > UInt64(capacity) {
            buffer.truncate(to: mark)
            return .lost
        }
        return .frame(next: position + UInt64(Self.wordBytes + (length + 7) & ~7))
    }
}
