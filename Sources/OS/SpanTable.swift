/// The bookkeeping under HugePages: span sizes, free lists by size, and the chunks' page tables.
///
/// A chunk's first pages hold one entry per page: an entry is meaningful at the first and the last page of a
/// free span. Links are kept here rather than in the free memory itself, so that memory given back to the
/// system stays untouched.
import CLinux

/// Span sizes in pages: four to each doubling, every size up to four pages.
enum SpanSize {
    /// 1…4 pages, then 11 doublings up to 8192 pages.
    static let count = 48

    static func pages(_ index: Int) -> Int {
        index < 4 ? index + 1 : (index & 3 + 5) << ((index >> 2) - 1)
    }

    /// The smallest size that holds `pages`.
    static func index(_ pages: Int) -> Int {
        if pages <= 4 { return pages - 1 }
        let doubling = Int.bitWidth - 1 - (pages - 1).leadingZeroBitCount
        let quarter = (pages - 1) >> (doubling - 2) & 3
        return (doubling - 1) * 4 + quarter
    }

    /// The largest size that fits into `pages`: the list a free span goes to.
    static func indexBelow(_ pages: Int) -> Int {
        let above = index(pages)
        return above < count && Self.pages(above) == pages ? above : min(above, count) - 1
    }
}

/// A run of pages of a chunk. Pages are numbered through all chunks.
struct Span {
    let first: UInt32
    let pages: Int

    func dropFirst(_ count: Int) -> Span { Span(first: first + UInt32(count), pages: pages - count) }
}

/// The heads of the free lists, and which of them are not empty.
struct SpanBins {
    /// First span by size index, 0 for none: page 0 is never free, it holds a page table.
    var heads = InlineArray<48, UInt32>(repeating: 0)
    var occupied: UInt64 = 0
}

struct PageEntry {
    /// Pages of the free span that begins or ends here, 0 if none does; the top bit marks a clean one.
    var free: UInt32
    var next: UInt32
    var previous: UInt32

    static let cleanBit: UInt32 = 1 << 31
}

struct ChunkTable {
    private static let pagesPerChunk = HugePages.chunkBytes / HugePages.pageBytes
    private static let tablePages = HugePages.pagesNeeded(pagesPerChunk * MemoryLayout<PageEntry>.stride)
    /// 2^18 chunks of 64 MB: 16 TB.
    private static let chunksMax = 1 << 18

    private var bases: [UnsafeMutableRawPointer] = []

    private func entry(_ page: UInt32) -> UnsafeMutablePointer<PageEntry> {
        let base = bases[Int(page) / Self.pagesPerChunk]
        return base.assumingMemoryBound(to: PageEntry.self) + Int(page) % Self.pagesPerChunk
    }

    func address(of span: Span) -> UnsafeMutableRawPointer {
        let page = Int(span.first)
        return bases[page / Self.pagesPerChunk] + page % Self.pagesPerChunk * HugePages.pageBytes
    }

    /// The span at an address handed out before. Its chunk's number is in the chunk's entry 0, never free.
    func span(at base: UnsafeMutableRawPointer, pages: Int) -> Span {
        let offset = Int(bitPattern: base) & (HugePages.chunkBytes - 1)
        let chunk = (base - offset).assumingMemoryBound(to: PageEntry.self).pointee.next
        precondition(
            Int(chunk) < bases.count && bases[Int(chunk)] == base - offset, "released memory that is not a span")
        return Span(first: chunk * UInt32(Self.pagesPerChunk) + UInt32(offset / HugePages.pageBytes), pages: pages)
    }

    /// Takes in a fresh, zeroed chunk and returns all of it that can be handed out.
    mutating func add(_ base: UnsafeMutableRawPointer) -> Span {
        precondition(bases.count < Self.chunksMax, "more than 16 TB")
        let number = UInt32(bases.count)
        bases.append(base)
        base.bindMemory(to: PageEntry.self, capacity: Self.pagesPerChunk).pointee.next = number
        return Span(first: number * UInt32(Self.pagesPerChunk), pages: Self.pagesPerChunk).dropFirst(Self.tablePages)
    }

    mutating func unmapAll() {
        for base in bases { _ = a2_unmap(base, HugePages.chunkBytes) }
        bases = []
    }

    func insert(_ span: Span, isClean: Bool, into bins: inout SpanBins) {
        let mark = UInt32(span.pages) | (isClean ? PageEntry.cleanBit : 0)
        let first = entry(span.first)
        entry(span.first + UInt32(span.pages) - 1).pointee.free = mark
        let bin = SpanSize.indexBelow(span.pages)
        let head = bins.heads[bin]
        first.pointee = PageEntry(free: mark, next: head, previous: 0)
        if head != 0 { entry(head).pointee.previous = span.first }
        bins.heads[bin] = span.first
        bins.occupied |= 1 << UInt64(bin)
    }

    private func unlink(_ span: Span, from bins: inout SpanBins) {
        let first = entry(span.first)
        let (next, previous) = (first.pointee.next, first.pointee.previous)
        if next != 0 { entry(next).pointee.previous = previous }
        if previous != 0 {
            entry(previous).pointee.next = next
        } else {
            let bin = SpanSize.indexBelow(span.pages)
            bins.heads[bin] = next
            if next == 0 { bins.occupied &= ~(1 << UInt64(bin)) }
        }
        first.pointee.free = 0
        entry(span.first + UInt32(span.pages) - 1).pointee.free = 0
    }

    /// The first span of the smallest list whose spans all hold `pages`, which is a span size itself.
    func remove(atLeast pages: Int, from bins: inout SpanBins) -> Span? {
        let fitting = bins.occupied & (UInt64.max << UInt64(SpanSize.index(pages)))
        guard fitting != 0 else { return nil }
        let first = bins.heads[fitting.trailingZeroBitCount]
        let span = Span(first: first, pages: Int(entry(first).pointee.free & ~PageEntry.cleanBit))
        unlink(span, from: &bins)
        return span
    }

    /// Joins `span` with the free spans of its kind before and after it, which leave their lists.
    func merge(_ span: Span, isClean: Bool, in bins: inout SpanBins) -> Span {
        var (first, pages) = (span.first, span.pages)
        let inChunk = Int(span.first) % Self.pagesPerChunk
        if inChunk > Self.tablePages, let length = freeLength(at: first - 1, isClean: isClean) {
            let before = Span(first: first - UInt32(length), pages: length)
            unlink(before, from: &bins)
            first = before.first
            pages += length
        }
        if inChunk + span.pages < Self.pagesPerChunk,
            let length = freeLength(at: span.first + UInt32(span.pages), isClean: isClean)
        {
            unlink(Span(first: span.first + UInt32(span.pages), pages: length), from: &bins)
            pages += length
        }
        return Span(first: first, pages: pages)
    }

    private func freeLength(at page: UInt32, isClean: Bool) -> Int? {
        let mark = entry(page).pointee.free
        let length = mark & ~PageEntry.cleanBit
        return length != 0 && (mark & PageEntry.cleanBit != 0) == isClean ? Int(length) : nil
    }
}
