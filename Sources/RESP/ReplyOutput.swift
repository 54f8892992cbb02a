/// What a connection still has to send: the reply buffer with shared values spliced into it.
///
/// A segment is a value block that the engine keeps alive for the token's sake. Positions count buffer bytes
/// from the connection's first, so neither sending nor compaction touches them. Everything here is
/// arithmetic: the connection asks for pieces, writes them, and reports how many bytes went out.
import Base

public struct OutputSegment: Equatable, Sendable {
    /// How many buffer bytes go out before this one, since the connection began.
    public internal(set) var position: Int
    /// The address of the first byte: an integer, so that a segment may be handed between threads.
    let address: UInt
    public let count: Int
    /// What the owner needs to let the block go.
    public let token: UInt

    public var start: UnsafeRawPointer? { UnsafeRawPointer(bitPattern: address) }
}

/// One contiguous run to send. Two words, pointer and length, in the order of C's `struct iovec`.
public struct OutputPiece: Equatable {
    public var start: UnsafeRawPointer?
    public var count: Int

    public init(start: UnsafeRawPointer?, count: Int) {
        self.start = start
        self.count = count
    }
}

extension ReplyWriter {
    /// A place in the output to come back to.
    public struct Mark: Equatable, Sendable {
        let position: Int
        let segmentOrdinal: Int
    }

    /// An aggregate whose length is still to be said.
    public struct DeferredLength: Sendable {
        let start: Mark
        let kind: Aggregate
    }

    @inline(__always)
    public var mark: Mark {
        Mark(position: bufferBytesSent + buffer.count, segmentOrdinal: segmentsForgotten + segments.count)
    }

    /// Takes back everything written since `mark`, none of which may have been sent; `release` gets the tokens
    /// of the segments among it.
    @inline(__always)
    public mutating func truncate(to mark: Mark, release: (UInt) -> Void) {
        buffer.truncate(to: mark.position - bufferBytesSent)
        let kept = mark.segmentOrdinal - segmentsForgotten
        while segments.count > kept { release(segments.removeLast().token) }
    }

    /// Takes back what was written since `mark` and returns it as plain bytes, the segments' among them.
    public mutating func take(from mark: Mark, release: (UInt) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        var position = mark.position
        for segment in segments[(mark.segmentOrdinal - segmentsForgotten)...] {
            bytes += buffer.view.slice(position - bufferBytesSent, segment.position - position).raw
            bytes += UnsafeRawBufferPointer(start: segment.start, count: segment.count)
            position = segment.position
        }
        bytes += buffer.view.dropFirst(position - bufferBytesSent).raw
        truncate(to: mark, release: release)
        return bytes
    }

    // MARK: Deferred lengths

    public mutating func beginDeferredArray() -> DeferredLength { beginDeferred(.array) }

    /// Room for one digit; most replies of unknown length are short, and longer ones move once.
    public mutating func beginDeferred(_ kind: Aggregate) -> DeferredLength {
        let start = mark
        aggregate(kind, 0)
        return DeferredLength(start: start, kind: kind)
    }

    /// Says the length: elements, or pairs of a map. Nested ones end innermost first, and nothing after the
    /// beginning may have been sent.
    public mutating func endDeferred(_ deferred: DeferredLength, count: Int) {
        let isFlatMap = deferred.kind == .map && protocolVersion < 3
        let said = UInt64(isFlatMap ? count * 2 : count)
        let extra = decimalLength(said) - 1
        let offset = deferred.start.position - bufferBytesSent
        if extra > 0 {
            let moved = buffer.count - offset - 2
            buffer.reserve(extra)
            let place = buffer.base + buffer.head + offset + 2
            (place + extra).update(from: place, count: moved)
            buffer.commit(extra)
            for index in (deferred.start.segmentOrdinal - segmentsForgotten)..<segments.count {
                segments[index].position += extra
            }
        }
        _ = writeDecimal(said, to: buffer.base + buffer.head + offset + 1)
    }

    // MARK: Shared values

    /// A bulk string whose bytes stay where they are until they have been sent; then `consume` releases `token`.
    public mutating func bulk(shared start: UnsafeRawPointer, count: Int, token: UInt) {
        bulkHeader(count)
        segments.append(
            OutputSegment(
                position: bufferBytesSent + buffer.count, address: UInt(bitPattern: start), count: count, token: token))
        lineEnd()
    }

    /// Bytes of a reply already spelled out, sent from where they are; then `consume` releases `token`.
    public mutating func splice(_ start: UnsafeRawPointer, count: Int, token: UInt) {
        segments.append(
            OutputSegment(
                position: bufferBytesSent + buffer.count, address: UInt(bitPattern: start), count: count, token: token))
    }

    // MARK: Sending

    @inline(__always)
    public var hasOutput: Bool { !buffer.isEmpty || segmentsSent < segments.count }

    /// Whether everything to send is in `buffer`, so that one plain send will do.
    @inline(__always)
    public var isContiguous: Bool { segments.isEmpty }

    /// Bytes still to send, segments included.
    public var outputBytes: Int {
        var total = buffer.count - segmentBytesSent
        for index in segmentsSent..<segments.count { total += segments[index].count }
        return total
    }

    /// Fills `pieces` with the next runs to send, in order, and returns how many there are.
    public borrowing func gather(into pieces: UnsafeMutableBufferPointer<OutputPiece>) -> Int {
        let bufferStart = UnsafeRawPointer(buffer.base + buffer.head)
        let bufferEnd = bufferBytesSent + buffer.count
        var filled = 0
        var position = bufferBytesSent
        var index = segmentsSent
        var skipped = segmentBytesSent
        while filled < pieces.count {
            let stop = index < segments.count ? segments[index].position : bufferEnd
            if position < stop {
                pieces[filled] = OutputPiece(start: bufferStart + (position - bufferBytesSent), count: stop - position)
                filled += 1
                position = stop
                continue
            }
            guard index < segments.count else { break }
            let segment = segments[index]
            if segment.count > skipped {
                pieces[filled] = OutputPiece(start: segment.start.map { $0 + skipped }, count: segment.count - skipped)
                filled += 1
            }
            index += 1
            skipped = 0
        }
        return filled
    }

    /// Drops the first `count` bytes of output; `release` gets the token of each segment that is now sent whole.
    @inline(__always)
    public mutating func consume(_ count: Int, release: (UInt) -> Void) {
        if segments.isEmpty {
            buffer.consume(count)
            bufferBytesSent += count
            return
        }
        consumeAcrossSegments(count, release: release)
    }

    private mutating func consumeAcrossSegments(_ count: Int, release: (UInt) -> Void) {
        var left = count
        while true {
            let stop = segmentsSent < segments.count ? segments[segmentsSent].position : bufferBytesSent + buffer.count
            let step = min(left, stop - bufferBytesSent)
            buffer.consume(step)
            bufferBytesSent += step
            left -= step
            guard bufferBytesSent == stop, segmentsSent < segments.count else { break }
            let segment = segments[segmentsSent]
            let remaining = segment.count - segmentBytesSent
            guard left >= remaining else {
                segmentBytesSent += left
                left = 0
                break
            }
            left -= remaining
            segmentsSent += 1
            segmentBytesSent = 0
            release(segment.token)
        }
        precondition(left == 0, "\(left) bytes sent that were not there")
        if segmentsSent == segments.count {
            segmentsForgotten += segments.count
            segments.removeAll(keepingCapacity: true)
            segmentsSent = 0
        }
    }

    /// Forgets all output, as when the connection ends; `release` gets the token of every segment left.
    public mutating func removeAll(release: (UInt) -> Void) {
        for index in segmentsSent..<segments.count { release(segments[index].token) }
        segmentsForgotten += segments.count
        segments.removeAll()
        segmentsSent = 0
        segmentBytesSent = 0
        bufferBytesSent += buffer.count
        buffer.removeAll()
    }
}
