/// Spans carved out of huge pages: none overlap, none is lost, what was freed is used again.
import Base
import Glibc
import Testing

@testable import OS

@Suite struct HugePagesTests {
    @Test("Span sizes grow by a quarter or less, and every list holds what it promises")
    func sizes() {
        #expect(SpanSize.pages(SpanSize.count - 1) * HugePages.pageBytes == HugePages.spanBytesMax)
        for index in 1..<SpanSize.count {
            #expect(SpanSize.pages(index) > SpanSize.pages(index - 1))
            if index > 4 { #expect(SpanSize.pages(index) * 4 <= SpanSize.pages(index - 1) * 5) }
        }
        for pages in 1...SpanSize.pages(SpanSize.count - 1) {
            let index = SpanSize.index(pages)
            #expect(SpanSize.pages(index) >= pages)
            #expect(index == 0 || SpanSize.pages(index - 1) < pages)
            let below = SpanSize.indexBelow(pages)
            #expect(SpanSize.pages(below) <= pages)
            #expect(below == SpanSize.count - 1 || SpanSize.pages(below + 1) > pages)
        }
        #expect(SpanSize.indexBelow(16000) == SpanSize.count - 1)
    }

    private struct Held {
        let base: UnsafeMutableRawPointer
        let bytes: Int
        let mark: UInt64
    }

    private func fill(_ held: Held) {
        let words = held.base.assumingMemoryBound(to: UInt64.self)
        for page in 0..<(held.bytes / 4096) { words[page * 512] = held.mark &+ UInt64(page) }
        words[held.bytes / 8 - 1] = held.mark
    }

    private func isIntact(_ held: Held) -> Bool {
        let words = held.base.assumingMemoryBound(to: UInt64.self)
        if held.bytes > 4096, words[held.bytes / 8 - 1] != held.mark { return false }
        return (0..<(held.bytes / 4096)).allSatisfy { words[$0 * 512] == held.mark &+ UInt64($0) }
    }

    @Test("Spans never overlap, zeroed ones are zero, all memory comes back", arguments: [3, 4, 5] as [UInt64])
    func randomUse(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pages = HugePages(keepingBytes: 4 << 20)
        var held: [Held] = []
        for step in 0..<4000 {
            if held.count > 60 || (!held.isEmpty && random.below(2) == 0) {
                let one = held.remove(at: random.below(held.count))
                #expect(isIntact(one), "seed \(seed), step \(step)")
                pages.release(one.base, one.bytes)
                continue
            }
            let bytes = 4096 * (1 + random.below(1 << random.below(step % 500 == 0 ? 15 : 10)))
            let zeroed = random.below(2) == 0
            let base = zeroed ? pages.allocateZeroed(bytes) : pages.allocate(bytes)
            if zeroed {
                let words = UnsafeBufferPointer(start: base.assumingMemoryBound(to: UInt64.self), count: bytes / 8)
                #expect(words.allSatisfy { $0 == 0 }, "seed \(seed), step \(step)")
            }
            held.append(Held(base: base, bytes: bytes, mark: random.next()))
            fill(held[held.count - 1])
        }
        for one in held {
            #expect(isIntact(one), "seed \(seed)")
            pages.release(one.base, one.bytes)
        }
        let end = pages.statistics
        #expect(end.inUseBytes == 0)
        #expect(end.freeBytes <= (4 << 20) + 60 * (64 << 10))
        #expect(end.reservedBytes % HugePages.chunkBytes == 0)
    }

    @Test("What was freed is used again before more is reserved, whatever the order", arguments: [false, true])
    func reuse(isReversed: Bool) {
        let pages = HugePages()
        for _ in 0..<100 {
            let spans = (0..<16).map { _ in pages.allocate(3 << 20) }
            for span in isReversed ? spans.reversed() : spans { pages.release(span, 3 << 20) }
            // Nothing but the merged pieces is large enough.
            let whole = pages.allocate(32 << 20)
            pages.release(whole, 32 << 20)
        }
        #expect(pages.statistics.reservedBytes == HugePages.chunkBytes)
    }

    @Test("Memory above the bound leaves the process")
    func purging() {
        let pages = HugePages(keepingBytes: 0)
        let span = pages.allocate(32 << 20)
        span.initializeMemory(as: UInt8.self, repeating: 1, count: 32 << 20)
        #expect(residentBytes(at: span, 32 << 20) == 32 << 20)
        pages.release(span, 32 << 20)
        #expect(residentBytes(at: span, 32 << 20) == 0)
        #expect(pages.statistics == HugePages(keepingBytes: 0).statistics.adding(reserved: HugePages.chunkBytes))
    }

    @Test("Populating ahead ends, touches nothing that is in use, and makes resident what comes next")
    func populating() {
        let pages = HugePages()
        let first = pages.allocate(4096)
        first.initializeMemory(as: UInt8.self, repeating: 7, count: 4096)
        let before = residentBytes(at: first, 16 << 20)
        var steps = 0
        #expect(pages.isBehind)
        while pages.populateAhead() { steps += 1 }
        #expect(steps <= 5, "\(steps) huge pages ahead")
        #expect(!pages.populateAhead())
        #expect(!pages.isBehind)
        // Whoever wakes the populating thread for every span pays more for that than for the span.
        let behind = (0..<1024).filter { _ in
            _ = pages.allocate(4096)
            let isBehind = pages.isBehind
            while pages.populateAhead() {}
            return isBehind
        }
        #expect(behind.count == 2, "behind after \(behind.count) of 1024 pages")
        #expect(first.load(fromByteOffset: 4095, as: UInt8.self) == 7)
        // Kernels before 5.14 cannot do it, and then nothing happens.
        if steps > 0 { #expect(residentBytes(at: first, 16 << 20) - before > 4 << 20) }
    }
}

/// Of these bytes alone: what else the process has comes and goes with the tests beside this one.
private func residentBytes(at start: UnsafeMutableRawPointer, _ count: Int) -> Int {
    var pages = [UInt8](repeating: 0, count: count / 4096)
    guard mincore(start, count, &pages) == 0 else { return -1 }
    return pages.reduce(0) { $0 + Int($1 & 1) * 4096 }
}

extension HugePages.Statistics {
    fileprivate func adding(reserved: Int) -> Self {
        var sum = self
        sum.reservedBytes += reserved
        return sum
    }
}
