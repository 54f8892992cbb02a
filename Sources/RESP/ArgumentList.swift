/// Where the arguments of parsed requests are: ranges, never copies.
///
/// One list serves a connection for life. A whole pipeline is parsed into it before anything executes, so it
/// must cost no allocation per command: a flat block of 16-byte ranges that is reused from batch to batch.
import Base

/// One argument: where its bytes live and how many there are.
public struct ArgumentRange: Equatable, Sendable {
    /// The bytes are in the connection's query buffer, `offset` counted from the start of the readable bytes.
    public static let inBuffer: Int32 = -1
    /// The bytes are in the list's side buffer: an inline argument that had to be unescaped.
    public static let inSideBuffer: Int32 = -2

    public var offset: Int32
    /// `inBuffer`, `inSideBuffer`, or (0 and up) the connection's name for a block that holds exactly this argument.
    public var block: Int32
    public var count: Int

    @inlinable
    public init(offset: Int32, count: Int, block: Int32 = ArgumentRange.inBuffer) {
        self.offset = offset
        self.count = count
        self.block = block
    }
}

public struct ArgumentList: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<ArgumentRange>
    public private(set) var capacity: Int
    public internal(set) var count = 0
    var side = ByteBuffer(capacity: 16)

    /// What an idle connection keeps: a full batch of ordinary commands.
    private static let capacityKept = 256

    public init(capacity: Int = 128) {
        self.capacity = max(capacity, 16)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    @inlinable
    public var isEmpty: Bool { count == 0 }

    /// What the list itself occupies, for the accounting of client memory.
    public var memoryBytes: Int { capacity * MemoryLayout<ArgumentRange>.stride + side.capacity }

    @inlinable
    public subscript(index: Int) -> ArgumentRange {
        assert(index >= 0 && index < count, "argument \(index) of \(count)")
        return base[index]
    }

    /// The bytes of an argument that is not in a block. `view` is the view the parser was given, or a longer one
    /// that starts at the same byte.
    @inlinable
    public func bytes(at index: Int, in view: ByteView) -> ByteView {
        let range = self[index]
        if range.block == ArgumentRange.inBuffer {
            assert(Int(range.offset) + range.count <= view.count, "argument past the end of the view")
            return ByteView(start: view.start + Int(range.offset), count: range.count)
        }
        return sideBytes(range)
    }

    @usableFromInline
    func sideBytes(_ range: ArgumentRange) -> ByteView {
        precondition(range.block == ArgumentRange.inSideBuffer, "argument in block \(range.block)")
        return side.view.slice(Int(range.offset), range.count)
    }

    @inline(__always)
    mutating func reserve(_ length: Int) {
        if capacity - count < length { grow(by: length) }
    }

    @inline(never)
    private mutating func grow(by length: Int) {
        let wanted = max(capacity * 2, count + length)
        let larger = UnsafeMutablePointer<ArgumentRange>.allocate(capacity: wanted)
        larger.initialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity = wanted
    }

    @inline(__always)
    mutating func append(_ range: ArgumentRange) {
        reserve(1)
        base[count] = range
        count += 1
    }

    mutating func truncate(to length: Int) { count = length }

    /// Drops the first `length` ranges and counts the offsets of the others from `distance` bytes further on.
    @inline(__always)
    mutating func removeFirst(_ length: Int, movingOriginBy distance: Int) {
        if count == length {
            count = 0
        } else {
            keepTail(from: length, movingOriginBy: distance)
        }
        if !side.isEmpty { side.removeAll() }
        if capacity > Self.capacityKept, count == 0 { shrink() }
    }

    private mutating func keepTail(from length: Int, movingOriginBy distance: Int) {
        count -= length
        if length == 0, distance == 0 { return }
        for index in 0..<count {
            var range = base[length + index]
            if range.block == ArgumentRange.inBuffer { range.offset -= Int32(distance) }
            base[index] = range
        }
    }

    @inline(never)
    private mutating func shrink() {
        base.deallocate()
        capacity = Self.capacityKept
        base = .allocate(capacity: capacity)
        side.shrink(to: 1024)
    }
}

extension ArgumentList {
    /// The ranges from `index` on, valid until the list next grows.
    @inlinable
    public func pointer(at index: Int) -> UnsafePointer<ArgumentRange> { UnsafePointer(base + index) }

    /// Where arguments that had to be unescaped lie.
    public var sideStart: UnsafePointer<UInt8> { side.view.start }
}
