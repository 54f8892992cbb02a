/// The hash table of one database in one partition, ordered by hash.
///
/// A bucket is one cache line: seven tags and a control byte, then seven slots; a full bucket turns its last
/// slot into a link to an overflow bucket. Bucket i of n holds exactly the hashes of the i-th n-th of the
/// hash space, so buckets stand in hash order whatever n is, and that pays three times: tables grow by
/// halves instead of doubling; while one moves to its new size a key is either before the boundary (new
/// buckets) or behind it (old buckets), never looked up twice; and a SCAN cursor is a position in the hash
/// space that stays true while the table grows and shrinks.
import Base
import CIntrinsics

struct Bucket {
    let address: UnsafeMutableRawPointer

    static let bytes = 64
    static let slotCount = 7
    private static let linkFlag: UInt64 = 1 << 56
    private static let lows: UInt64 = 0x007F_7F7F_7F7F_7F7F

    @inline(__always)
    init(_ address: UnsafeMutableRawPointer) { self.address = address }

    /// Bytes 0…6: the slots' tags, zero where empty. Byte 7: whether slot 6 is a link.
    @inline(__always)
    var meta: UInt64 {
        get { address.load(as: UInt64.self) }
        nonmutating set { address.storeBytes(of: newValue, as: UInt64.self) }
    }

    @inline(__always)
    var link: Bucket? {
        meta & Self.linkFlag == 0 ? nil : Bucket(UnsafeMutableRawPointer(bitPattern: self[6]).unsafelyUnwrapped)
    }

    @inline(__always)
    subscript(slot: Int) -> UInt {
        get { address.load(fromByteOffset: 8 + slot * 8, as: UInt.self) }
        nonmutating set { address.storeBytes(of: newValue, toByteOffset: 8 + slot * 8, as: UInt.self) }
    }

    /// A bit at the top of each byte whose tag equals `tag`.
    @inline(__always)
    func matches(_ tag: UInt8) -> UInt64 {
        let difference = (meta & 0x00FF_FFFF_FFFF_FFFF) ^ (UInt64(tag) &* 0x0001_0101_0101_0101)
        return ~(((difference & Self.lows) &+ Self.lows) | difference) & 0x0080_8080_8080_8080
    }

    @inline(__always)
    func set(_ slot: Int, tag: UInt8, _ value: UInt) {
        meta = meta & ~(0xFF << UInt64(slot * 8)) | UInt64(tag) << UInt64(slot * 8)
        self[slot] = value
    }

    @inline(__always)
    func setLink(_ bucket: Bucket) {
        set(6, tag: 0, UInt(bitPattern: bucket.address))
        meta |= Self.linkFlag
    }

    @inline(__always)
    func clearLink() {
        set(6, tag: 0, 0)
        meta &= ~Self.linkFlag
    }

    @inline(__always)
    func tag(_ slot: Int) -> UInt8 { UInt8(truncatingIfNeeded: meta >> UInt64(slot * 8)) }

    @inline(__always)
    var isEmpty: Bool { meta == 0 }
}

/// Where an entry's slot is.
struct SlotPosition {
    let bucket: Bucket
    let slot: Int

    @inline(__always)
    var entry: Entry {
        Entry(address: UnsafeMutableRawPointer(bitPattern: bucket[slot] & ~7).unsafelyUnwrapped)
    }

    /// Points the slot at an entry; its lowest bit tells the expiry sweep that there is a deadline.
    @inline(__always)
    func point(at entry: Entry) {
        bucket[slot] = UInt(bitPattern: entry.address) | (entry.hasDeadline ? 1 : 0)
    }
}

struct Table: ~Copyable {
    private(set) var buckets: UnsafeMutableRawPointer?
    private(set) var bucketCount = 0
    private(set) var count = 0
    /// While the table moves: the former buckets, those before `movedCount` already empty.
    private var oldBuckets: UnsafeMutableRawPointer?
    private var oldBucketCount = 0
    private var movedCount = 0
    /// Entries with a deadline.
    var volatileCount = 0
    /// Of those, as far as has been looked at; 0 while unknown.
    var meanDeadlineMilliseconds: Int64 = 0
    /// Where in the hash space the looking goes on.
    var samplePosition: UInt64 = 0

    private static let entriesPerBucketMax = 11  // halves: 5.5
    private static let entriesPerBucketMin = 2  // halves: 1

    var isMoving: Bool { oldBuckets != nil }

    @inline(__always)
    private static func index(_ hash: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(truncatingIfNeeded: count)).high)
    }

    @inline(__always)
    static func tag(_ hash: UInt64) -> UInt8 {
        let low = UInt8(truncatingIfNeeded: hash)
        return low == 0 ? 1 : low
    }

    @inline(__always)
    private func bucket(for hash: UInt64) -> Bucket? {
        guard let buckets else { return nil }
        if let oldBuckets {
            let old = Self.index(hash, oldBucketCount)
            if old >= movedCount { return Bucket(oldBuckets + old * Bucket.bytes) }
        }
        return Bucket(buckets + Self.index(hash, bucketCount) * Bucket.bytes)
    }

    @inline(__always)
    func prefetchBucket(_ hash: UInt64) {
        if let bucket = bucket(for: hash) { a2_prefetch_read(bucket.address) }
    }

    /// Prefetches the entries that the hash may mean; the bucket should be in cache by now.
    @inline(__always)
    func prefetchEntry(_ hash: UInt64, secondLineOffset: Int) {
        guard let bucket = bucket(for: hash) else { return }
        let candidates = bucket.matches(Self.tag(hash))
        guard candidates != 0 else { return }
        let slot = candidates.trailingZeroBitCount >> 3
        if let address = UnsafeRawPointer(bitPattern: bucket[slot] & ~7) {
            a2_prefetch_write(address)
            a2_prefetch_write(address + secondLineOffset)
        }
    }

    @inline(__always)
    func find(_ key: ByteView, _ hash: UInt64) -> SlotPosition? {
        guard var bucket = bucket(for: hash) else { return nil }
        let tag = Self.tag(hash)
        while true {
            var candidates = bucket.matches(tag)
            while candidates != 0 {
                let position = SlotPosition(bucket: bucket, slot: candidates.trailingZeroBitCount >> 3)
                if position.entry.matches(key) { return position }
                candidates &= candidates &- 1
            }
            guard let next = bucket.link else { return nil }
            bucket = next
        }
    }

    /// An entry that may have this hash and of which `accepts` holds.
    @inline(__always)
    func find(_ hash: UInt64, where accepts: (Entry) -> Bool) -> SlotPosition? {
        guard var bucket = bucket(for: hash) else { return nil }
        let tag = Self.tag(hash)
        while true {
            var candidates = bucket.matches(tag)
            while candidates != 0 {
                let position = SlotPosition(bucket: bucket, slot: candidates.trailingZeroBitCount >> 3)
                if accepts(position.entry) { return position }
                candidates &= candidates &- 1
            }
            guard let next = bucket.link else { return nil }
            bucket = next
        }
    }

    /// Adds an entry that is known to be absent.
    @inline(__always)
    mutating func insert(_ entry: Entry, _ hash: UInt64, _ arena: inout Arena, _ pages: PageSource) {
        if buckets == nil || count &* 2 >= bucketCount &* Self.entriesPerBucketMax || isMoving {
            makeRoom(&arena, pages)
        }
        guard let bucket = bucket(for: hash) else { preconditionFailure("no buckets after making room") }
        place(entry, Self.tag(hash), bucket, &arena)
        count += 1
    }

    @inline(__always)
    private func place(_ entry: Entry, _ tag: UInt8, _ first: Bucket, _ arena: inout Arena) {
        var bucket = first
        while true {
            let free = bucket.matches(0)
            // A bucket that has a link shows tag 0 at slot 6.
            let slot = free == 0 ? 7 : free.trailingZeroBitCount >> 3
            if slot < 6 || slot == 6 && bucket.link == nil {
                bucket.set(slot, tag: tag, 0)
                SlotPosition(bucket: bucket, slot: slot).point(at: entry)
                return
            }
            if let next = bucket.link {
                bucket = next
                continue
            }
            let overflow = Bucket(arena.allocate(Bucket.bytes))
            a2_memory_zero(overflow.address, Bucket.bytes)
            overflow.set(0, tag: bucket.tag(6), bucket[6])
            bucket.setLink(overflow)
            bucket = overflow
        }
    }

    /// Removes the entry at `position`, found by `find` with the same hash and not moved since.
    @inline(__always)
    mutating func remove(_ position: SlotPosition, _ hash: UInt64, _ arena: inout Arena) {
        position.bucket.set(position.slot, tag: 0, 0)
        count -= 1
        if position.bucket.isEmpty, let first = bucket(for: hash), first.address != position.bucket.address {
            unlink(position.bucket, from: first, &arena)
        }
    }

    private func unlink(_ emptied: Bucket, from first: Bucket, _ arena: inout Arena) {
        var before = first
        while let next = before.link {
            if next.address == emptied.address {
                before.clearLink()
                arena.free(emptied.address, Bucket.bytes)
                return
            }
            before = next
        }
    }

    // MARK: Size

    /// 1, 2, 4 … 64, then two sizes per doubling: 96, 128, 192 …
    private static func size(above count: Int) -> Int {
        if count < 64 { return max(count * 2, 1) }
        return count & (count - 1) == 0 ? count + count / 2 : count / 3 * 4
    }

    private static func size(below count: Int) -> Int {
        if count <= 64 { return max(count / 2, 1) }
        return count & (count - 1) == 0 ? count / 4 * 3 : count / 3 * 2
    }

    private static func allocate(_ count: Int, _ pages: PageSource) -> UnsafeMutableRawPointer {
        let bytes = count * Bucket.bytes
        let buckets =
            bytes >= 4096 ? pages.allocate(bytes) : UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        a2_memory_zero(buckets, bytes)
        return buckets
    }

    private static func release(_ buckets: UnsafeMutableRawPointer, _ count: Int, _ pages: PageSource) {
        let bytes = count * Bucket.bytes
        if bytes >= 4096 { pages.release(buckets, bytes) } else { buckets.deallocate() }
    }

    @inline(never)
    private mutating func makeRoom(_ arena: inout Arena, _ pages: PageSource) {
        if isMoving { move(bucketsMax: 4, &arena, pages) }
        if buckets == nil {
            bucketCount = 1
            buckets = Self.allocate(1, pages)
        } else if !isMoving, count * 2 >= bucketCount * Self.entriesPerBucketMax {
            startMoving(to: Self.size(above: bucketCount), &arena, pages)
        }
    }

    private mutating func startMoving(to newCount: Int, _ arena: inout Arena, _ pages: PageSource) {
        oldBuckets = buckets
        oldBucketCount = bucketCount
        movedCount = 0
        bucketCount = newCount
        buckets = Self.allocate(newCount, pages)
        // A small table moves at once; a large one a few buckets with every write that follows.
        if oldBucketCount <= 32 { move(bucketsMax: oldBucketCount, &arena, pages) }
    }

    /// Shrinks when most buckets stand empty. Called by whoever removes in bulk or idles.
    mutating func shrinkIfSparse(_ arena: inout Arena, _ pages: PageSource) {
        guard !isMoving, bucketCount > 16, count * 2 < bucketCount * Self.entriesPerBucketMin else { return }
        var smaller = Self.size(below: bucketCount)
        while smaller > 16, count * 2 < smaller * Self.entriesPerBucketMin * 2 { smaller = Self.size(below: smaller) }
        startMoving(to: smaller, &arena, pages)
    }

    /// Moves the next buckets, in hash order, into the new table.
    mutating func move(bucketsMax: Int, _ arena: inout Arena, _ pages: PageSource) {
        guard let old = oldBuckets, let new = buckets else { return }
        var left = bucketsMax
        while left > 0, movedCount < oldBucketCount {
            var bucket = Bucket(old + movedCount * Bucket.bytes)
            let first = bucket
            while true {
                for slot in 0..<(bucket.link == nil ? 7 : 6) where bucket.tag(slot) != 0 {
                    let position = SlotPosition(bucket: bucket, slot: slot)
                    let entry = position.entry
                    let hash = keyHash(entry.key, seed: hashSeed)
                    let home = Bucket(new + Self.index(hash, bucketCount) * Bucket.bytes)
                    place(entry, bucket.tag(slot), home, &arena)
                }
                guard let next = bucket.link else { break }
                if bucket.address != first.address { arena.free(bucket.address, Bucket.bytes) }
                bucket = next
            }
            if bucket.address != first.address { arena.free(bucket.address, Bucket.bytes) }
            first.meta = 0
            movedCount += 1
            left -= 1
        }
        if movedCount == oldBucketCount {
            Self.release(old, oldBucketCount, pages)
            oldBuckets = nil
            oldBucketCount = 0
        }
    }

    let hashSeed: UInt64

    init(hashSeed: UInt64) { self.hashSeed = hashSeed }

    /// Bytes of the bucket arrays, overflow buckets not counted.
    var bucketBytes: Int { (bucketCount + oldBucketCount) * Bucket.bytes }

    // MARK: Walking

    /// Visits the entries of the bucket that holds the hash `position` and returns where the next bucket's
    /// hashes begin, or nil behind the last one. The body may remove only the entry it is shown.
    func visit(_ position: UInt64, _ body: (SlotPosition) -> Void) -> UInt64? {
        guard let bucket = bucket(for: position) else { return nil }
        var at = bucket
        while true {
            let next = at.link
            for slot in 0..<(next == nil ? 7 : 6) where at.tag(slot) != 0 { body(SlotPosition(bucket: at, slot: slot)) }
            guard let next else { break }
            at = next
        }
        return end(of: position)
    }

    /// The first hash behind the bucket that holds `position`.
    private func end(of position: UInt64) -> UInt64? {
        if oldBuckets != nil {
            let old = Self.index(position, oldBucketCount)
            if old >= movedCount { return Self.start(of: old + 1, oldBucketCount) }
            // A new bucket may reach past the boundary, but what lies past it is still in the old buckets.
            let boundary = Self.start(of: movedCount, oldBucketCount)
            let end = Self.start(of: Self.index(position, bucketCount) + 1, bucketCount)
            guard let boundary else { return end }
            return min(end ?? .max, boundary)
        }
        return Self.start(of: Self.index(position, bucketCount) + 1, bucketCount)
    }

    /// The smallest hash that maps to bucket `index` of `count`, nil for the one behind the last.
    private static func start(of index: Int, _ count: Int) -> UInt64? {
        if index >= count { return nil }
        let (quotient, remainder) = UInt64(count).dividingFullWidth((UInt64(index), 0))
        return remainder == 0 ? quotient : quotient + 1
    }

    /// Gives the arrays back when the partition ends; overflow buckets go with its arena.
    func releaseArrays(_ pages: PageSource) {
        if let buckets { Self.release(buckets, bucketCount, pages) }
        if let oldBuckets { Self.release(oldBuckets, oldBucketCount, pages) }
    }

    /// Forgets all buckets. The caller has freed the entries; overflow buckets go with the arena or here.
    mutating func removeBuckets(_ arena: inout Arena, _ pages: PageSource) {
        for (array, length) in [(buckets, bucketCount), (oldBuckets, oldBucketCount)] {
            guard let array else { continue }
            for index in 0..<length {
                var next = Bucket(array + index * Bucket.bytes).link
                while let bucket = next {
                    next = bucket.link
                    arena.free(bucket.address, Bucket.bytes)
                }
            }
            Self.release(array, length, pages)
        }
        buckets = nil
        bucketCount = 0
        oldBuckets = nil
        oldBucketCount = 0
        movedCount = 0
        count = 0
        volatileCount = 0
        meanDeadlineMilliseconds = 0
    }
}
