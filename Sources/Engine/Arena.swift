/// The memory of one partition's entries and overflow buckets.
///
/// Segregated free lists over spans from the `PageSource`: no header per allocation, so an entry of 52
/// bytes costs 56. Freed blocks are reused by the same size class of the same partition; everything goes
/// back to the source at once when the partition is emptied. Guarded by the partition's lock.
import Base

public struct Arena: ~Copyable {
    private let pages: PageSource
    /// Per size class: the first free block, linked through its first word.
    private let freeBlocks: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    /// Per size class: the unused rest of its newest span.
    private let fresh: UnsafeMutablePointer<(next: UnsafeMutableRawPointer, end: UnsafeMutableRawPointer)?>
    private let classBytes: UnsafeMutablePointer<Int>
    private var spans: [(start: UnsafeMutableRawPointer, bytes: Int)] = []

    /// Bytes handed out and not freed, rounded up to their classes.
    public private(set) var liveBytes = 0
    /// Bytes taken from the page source.
    public private(set) var spanBytes = 0

    /// Larger blocks come from the heap one by one.
    public static let blockBytesMax = 4096
    private static let classCount = 32 + 16 + 1

    init(pages: PageSource) {
        self.pages = pages
        freeBlocks = .allocate(capacity: Self.classCount)
        freeBlocks.initialize(repeating: nil, count: Self.classCount)
        fresh = .allocate(capacity: Self.classCount)
        fresh.initialize(repeating: nil, count: Self.classCount)
        classBytes = .allocate(capacity: Self.classCount)
        classBytes.initialize(repeating: 0, count: Self.classCount)
    }

    deinit {
        for span in spans { pages.release(span.start, span.bytes) }
        freeBlocks.deallocate()
        fresh.deallocate()
        classBytes.deallocate()
    }

    /// Steps of 8 bytes up to 256, then four classes per doubling up to 4096.
    @inline(__always)
    private static func sizeClass(_ bytes: Int) -> (index: Int, bytes: Int) {
        if bytes <= 256 {
            let index = (bytes + 7) >> 3
            return (index, index << 3)
        }
        let doubling = Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount
        let step = 1 << (doubling - 2)
        let quarter = (bytes - 1 - 1 << doubling) / step
        return (33 + (doubling - 8) * 4 + quarter, 1 << doubling + (quarter + 1) * step)
    }

    @inline(__always)
    static func roundedUp(_ bytes: Int) -> Int {
        bytes <= blockBytesMax ? sizeClass(bytes).bytes : (bytes + 15) & ~15
    }

    @inline(__always)
    mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard bytes <= Self.blockBytesMax else {
            liveBytes += Self.roundedUp(bytes)
            return .allocate(byteCount: bytes, alignment: 16)
        }
        let (index, rounded) = Self.sizeClass(bytes)
        liveBytes += rounded
        if let block = freeBlocks[index] {
            freeBlocks[index] = block.load(as: UnsafeMutableRawPointer?.self)
            return block
        }
        if let (next, end) = fresh[index], next + rounded <= end {
            fresh[index] = (next + rounded, end)
            return next
        }
        return refill(index, rounded)
    }

    /// Takes a span sized to what the class already uses, so that small partitions stay small.
    @inline(never)
    private mutating func refill(_ index: Int, _ rounded: Int) -> UnsafeMutableRawPointer {
        let wanted = min(max(classBytes[index] / 16, 4096), 65536)
        var bytes = 4096
        while bytes < wanted || bytes < rounded * 4 { bytes *= 2 }
        let start = pages.allocate(bytes)
        spans.append((start, bytes))
        spanBytes += bytes
        // For ThreadSanitizer the compiler gets the address wrong in `classBytes[index] += bytes`.
        (classBytes + index).pointee += bytes
        fresh[index] = (start + rounded, start + bytes)
        return start
    }

    @inline(__always)
    mutating func free(_ block: UnsafeMutableRawPointer, _ bytes: Int) {
        guard bytes <= Self.blockBytesMax else {
            liveBytes -= Self.roundedUp(bytes)
            block.deallocate()
            return
        }
        let (index, rounded) = Self.sizeClass(bytes)
        liveBytes -= rounded
        block.storeBytes(of: freeBlocks[index], as: UnsafeMutableRawPointer?.self)
        freeBlocks[index] = block
    }

    /// Forgets every block and gives all spans back. Blocks above `blockBytesMax` have been freed before.
    mutating func removeAll() {
        liveBytes = 0
        for span in spans { pages.release(span.start, span.bytes) }
        spans.removeAll()
        spanBytes = 0
        for index in 0..<Self.classCount {
            freeBlocks[index] = nil
            fresh[index] = nil
            classBytes[index] = 0
        }
    }
}
