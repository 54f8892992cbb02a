/// Spans of memory for tables and slabs, from chunks the kernel backs with huge pages.
///
/// A lookup in a large table on 4 KB pages misses the TLB before it misses the cache; on 2 MB pages it does
/// not. Memory comes from the system in 64 MB chunks, marked for huge pages, and is handed out in spans whose
/// sizes grow by a quarter or less (above 16 KB a span wastes a fifth at most). A freed span merges with its free
/// neighbours. What is free above a bound goes back to the system.
///
/// Free spans are of two kinds that never merge with each other: *used* ones, still resident, preferred when
/// allocating, and *clean* ones, which the system backs with zeros on the next touch.
import CLinux
import Synchronization

public final class HugePages: @unchecked Sendable {
    public struct Statistics: Sendable, Equatable {
        /// Address space held, resident or not.
        public internal(set) var reservedBytes = 0
        /// Handed out, rounded up to span sizes.
        public internal(set) var inUseBytes = 0
        /// Free and probably resident.
        public internal(set) var freeBytes = 0
    }

    public static let pageBytes = 4096
    /// Larger spans have mappings of their own.
    public static let spanBytesMax = 32 << 20
    /// Smaller spans are not worth a system call and the tearing of a huge page.
    private static let purgeBytesMin = 64 << 10
    static let chunkBytes = 64 << 20
    private static let hugePageBytes = 2 << 20

    private let lock = Lock()
    // All below is guarded by `lock`.
    private var usedBins = SpanBins()
    private var cleanBins = SpanBins()
    private var chunks = ChunkTable()
    private var counts = Statistics()
    private var frontier = Frontier()
    /// Free resident memory is kept up to this and an eighth of what is in use.
    private let keptBytesMin: Int

    public init(keepingBytes: Int = 64 << 20) { keptBytesMin = keepingBytes }

    deinit { chunks.unmapAll() }

    public var statistics: Statistics { lock.withLock { counts } }

    /// The size a request of `bytes` really takes: to fill, not to waste, it.
    public static func spanBytes(for bytes: Int) -> Int {
        if bytes > spanBytesMax { return roundUp(bytes, to: hugePageBytes) }
        return SpanSize.pages(SpanSize.index(pagesNeeded(bytes))) * pageBytes
    }

    /// Memory of `bytes` or more, 4 KB aligned, its contents undefined; `release` takes the same `bytes`.
    /// Ends the process when the system has none left, as malloc's callers here do.
    public func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        take(bytes).base
    }

    /// The same, all zero. Memory never used before is not touched to make it so.
    public func allocateZeroed(_ bytes: Int) -> UnsafeMutableRawPointer {
        let (base, isClean) = take(bytes)
        if !isClean { base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes) }
        return base
    }

    public func release(_ base: UnsafeMutableRawPointer, _ bytes: Int) {
        let length = Self.spanBytes(for: bytes)
        lock.lock()
        defer { lock.unlock() }
        counts.inUseBytes -= length
        if length > Self.spanBytesMax {
            counts.reservedBytes -= length
            _ = a2_unmap(base, length)
            return
        }
        counts.freeBytes += length
        let freed = chunks.merge(chunks.span(at: base, pages: length / Self.pageBytes), isClean: false, in: &usedBins)
        let isAboveBound = counts.freeBytes > max(keptBytesMin, counts.inUseBytes / 8)
        if isAboveBound, freed.pages * Self.pageBytes >= Self.purgeBytesMin { purge(freed) } else { keep(freed) }
    }

    private func keep(_ span: Span) { chunks.insert(span, isClean: false, into: &usedBins) }

    private func purge(_ span: Span) {
        let bytes = span.pages * Self.pageBytes
        guard a2_advise_unneeded(chunks.address(of: span), bytes) == 0 else { return keep(span) }
        counts.freeBytes -= bytes
        let merged = chunks.merge(span, isClean: true, in: &cleanBins)
        chunks.insert(merged, isClean: true, into: &cleanBins)
    }

    private func take(_ bytes: Int) -> (base: UnsafeMutableRawPointer, isClean: Bool) {
        precondition(bytes > 0, "a span of \(bytes) bytes")
        lock.lock()
        defer { lock.unlock() }
        let length = Self.spanBytes(for: bytes)
        counts.inUseBytes += length
        if length > Self.spanBytesMax {
            counts.reservedBytes += length
            return (Self.map(length, alignment: Self.hugePageBytes), true)
        }
        let pages = length / Self.pageBytes
        if let span = chunks.remove(atLeast: pages, from: &usedBins) {
            counts.freeBytes -= length
            let rest = span.dropFirst(pages)
            if rest.pages > 0 { chunks.insert(rest, isClean: false, into: &usedBins) }
            return (chunks.address(of: span), false)
        }
        let span = chunks.remove(atLeast: pages, from: &cleanBins) ?? addChunk()
        let rest = span.dropFirst(pages)
        if rest.pages > 0 { chunks.insert(rest, isClean: true, into: &cleanBins) }
        let base = chunks.address(of: span)
        frontier.advance(to: UInt(bitPattern: base) + UInt(length))
        return (base, true)
    }

    /// Makes memory resident that will be handed out next, one huge page at a time: the kernel clears two
    /// megabytes at the first touch, which takes milliseconds that no loop has. Returns whether there was
    /// anything to do. For a thread of its own, which is to look again when `isBehind`.
    public func populateAhead() -> Bool {
        lock.lock()
        let next = frontier.nextToPopulate()
        lock.unlock()
        guard let next, let base = UnsafeMutableRawPointer(bitPattern: next) else { return false }
        return a2_populate(base, Self.hugePageBytes) == 0
    }

    /// Whether `populateAhead` has something to do: once every two megabytes, not at every span.
    public var isBehind: Bool { lock.withLock { frontier.isBehind } }

    /// The same for memory already handed out.
    public static func populate(_ base: UnsafeMutableRawPointer, _ bytes: Int) {
        var done = 0
        while done < bytes, a2_populate(base + done, min(hugePageBytes, bytes - done)) == 0 { done += hugePageBytes }
    }

    private func addChunk() -> Span {
        counts.reservedBytes += Self.chunkBytes
        return chunks.add(Self.map(Self.chunkBytes, alignment: Self.chunkBytes))
    }

    private static func map(_ bytes: Int, alignment: Int) -> UnsafeMutableRawPointer {
        guard let base = a2_map(bytes, alignment) else { fatalError("out of memory: cannot map \(bytes) bytes") }
        // Refused where the kernel has no huge pages: slower, not wrong.
        _ = a2_advise_huge(base, bytes)
        return base
    }

    static func pagesNeeded(_ bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes }

    private static func roundUp(_ bytes: Int, to unit: Int) -> Int { (bytes + unit - 1) & ~(unit - 1) }
}

/// How far into a chunk memory has been handed out, and how far beyond that it is resident.
private struct Frontier {
    private var used: UInt = 0
    private var resident: UInt = 0

    private static let pageBytes: UInt = 2 << 20
    private static let aheadBytes: UInt = 8 << 20
    private static let chunkBytes = UInt(HugePages.chunkBytes)

    mutating func advance(to end: UInt) {
        let isSameChunk = (end - 1) / Self.chunkBytes == (used == 0 ? 0 : (used - 1) / Self.chunkBytes)
        used = isSameChunk ? max(used, end) : end
        if !isSameChunk || resident < used { resident = (used + Self.pageBytes - 1) & ~(Self.pageBytes - 1) }
    }

    var isBehind: Bool {
        guard used > 0 else { return false }
        let chunkEnd = ((used - 1) / Self.chunkBytes + 1) * Self.chunkBytes
        return resident < min(used + Self.aheadBytes, chunkEnd)
    }

    mutating func nextToPopulate() -> UInt? {
        guard isBehind else { return nil }
        defer { resident += Self.pageBytes }
        return resident
    }
}
