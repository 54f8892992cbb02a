/// One of the 256 partitions of a node: the keys of 64 consecutive slots, their clock and their context.
///
/// The unit of locking. Whoever calls a method has been lent the partition; nothing here knows of threads.
/// A write stamps itself with the partition's clock, applies, and leaves its record in the execution
/// context; when the command is done, Core turns the records into a frame and closes the draft.
import Base
import CRDT

public struct Partition: ~Copyable {
    public let index: Int
    /// The author of what is written here.
    public private(set) var replica: Replica
    let hashSeed: UInt64
    let pages: PageSource

    /// One per logical database.
    let tables: UnsafeMutablePointer<Table>
    public let databaseCount: Int
    var arena: Arena

    var clock = HybridClock()
    /// The stamp of the frame being drafted, zero while nothing has been written.
    public internal(set) var draftStamp = Stamp.zero
    /// What peers' frames have brought, and what they removed ahead of its coming. The versions in it may lag
    /// behind this replica's own latest stamp.
    var receiver = MergeContext()
    /// See PartitionCuts.
    var cut = Stamp.zero
    var announcedByAll = Stamp.zero
    /// For each replica the stamp up to which everything of it has been applied, be it written here or not.
    var fences = Versions()
    var dependencyChain = Dependencies()
    /// Keys whose stamps do not tell of a remove that came before.
    var returns = Returns()
    /// Keys in general form, to be settled when the cut moves.
    var unsettled = WaitingKeys()
    /// Counters that have not settled.
    var waitingCounters = WaitingCounters()
    /// Databases that the frame being drafted has flushed while it accumulates.
    var flushedDatabases: [Int] = []
    /// Nothing settles before the settle cut has passed this: strangers have met, whose cuts did not speak of each
    /// other's writes.
    var settlesAfter = Stamp.zero
    /// The latest stamp of this replica that a peer's state has shown.
    var ownPast = Stamp.zero
    /// What that frame of this replica had told of its dependencies.
    var ownTold = Versions()
    /// The latest stamp of this replica that a former life of the node has written.
    var formerOwnPast = Stamp.zero
    /// Snapshots being written.
    var walkers = 0
    var digestCache = DigestCache()
    /// The stamp of this replica's latest frame here.
    public internal(set) var latestOwnStamp = Stamp.zero

    /// Bytes of shared blocks and other memory that entries own outside the arena.
    var ownedBytes = 0
    /// Entries that hold something the arena cannot free by itself, or a history.
    var owningEntries = 0
    /// What `footprintBytes` was when it was last added to the node's total.
    private var reportedBytes = 0
    /// Bytes of all tables' bucket arrays.
    var tableBytes = 0

    /// Keys that a client watches, and whether they were written since.
    var watches = WatchList()

    /// No key here expires before this; the sweep need not look.
    public internal(set) var earliestDeadlineMilliseconds = Int64.max
    /// Where the expiry sweep stands.
    var sweep = ExpirySweep()
    var sample = DeadlineSample()

    public init(
        index: Int, replica: Replica, databases: Int = Limits.databasesMax, hashSeed: UInt64,
        pages: PageSource = .heap
    ) {
        self.index = index
        self.replica = replica
        self.hashSeed = hashSeed
        self.pages = pages
        databaseCount = databases
        arena = Arena(pages: pages)
        tables = .allocate(capacity: databases)
        for database in 0..<databases { (tables + database).initialize(to: Table(hashSeed: hashSeed)) }
    }

    deinit {
        // Entries that own memory are freed one by one; the arena takes the rest with it.
        for database in 0..<databaseCount {
            if owningEntries > 0 {
                var position: UInt64? = 0
                while let at = position {
                    position = tables[database].visit(at) { Self.releaseOwned($0.entry) }
                }
            }
            tables[database].releaseArrays(pages)
        }
        tables.deinitialize(count: databaseCount)
        tables.deallocate()
    }

    /// A table to be changed. For ThreadSanitizer the compiler takes a change of `tables[database]` for an access to
    /// the whole partition, and refuses, or crashes on, `&arena` beside it.
    @inline(__always)
    func changeableTable(_ database: Int) -> UnsafeMutablePointer<Table> { tables + database }

    // What reads and runs for every command under the lock is `mutating`: then a pointer's target is passed as it is,
    // where the compiler would copy the whole partition to the stack for a call that borrows it.

    @inline(__always)
    public func hash(of key: ByteView) -> UInt64 { keyHash(key, seed: hashSeed) }

    public func count(database: Int) -> Int { tables[database].count }
    public func volatileCount(database: Int) -> Int { tables[database].volatileCount }

    public var keyCount: Int {
        var sum = 0
        for database in 0..<databaseCount { sum += tables[database].count }
        return sum
    }

    /// Memory in use by keys, values and tables.
    public var footprintBytes: Int { arena.liveBytes + tableBytes + ownedBytes }

    /// What the footprint has changed by since this was last asked: what is to be added to the node's sum.
    public mutating func takeUnreportedBytes() -> Int {
        let change = footprintBytes - reportedBytes
        reportedBytes += change
        return change
    }

    /// To be called after tables may have changed size other than by an insert.
    mutating func recountTableBytes() {
        tableBytes = 0
        for database in 0..<databaseCount { tableBytes += tables[database].bucketBytes }
    }

    /// Memory taken from the page source for entries, used or not.
    public var spanBytes: Int { arena.spanBytes }

    /// The node could not be sure of its past and goes on as its next generation: the first frame of that follows
    /// none.
    public mutating func goOn(as replica: Replica) {
        precondition(draftStamp.isZero, "another generation in the middle of a frame")
        receiver.versions.advance(to: latestOwnStamp)
        self.replica = replica
        // Nothing, but where a snapshot that a log is replayed over was taken after this.
        latestOwnStamp = receiver.versions[replica]
        // What others told of the former generation is not this one's past.
        ownPast = latestOwnStamp
        ownTold = Versions()
        dependencyChain.startOver()
    }

    // MARK: Drafting a frame

    /// Unix milliseconds of the partition's clock: later than the node's own where a peer's clock leads.
    @inline(__always)
    public var momentMilliseconds: Int64 { clock.unixMilliseconds }

    /// The stamp of the frame being drafted; the first write of a frame makes it.
    @inline(__always)
    mutating func stampForWrite(_ context: inout ExecutionContext) -> Stamp {
        if draftStamp.isZero {
            draftStamp = clock.next(unixMilliseconds: context.nowMilliseconds, replica: replica)
        }
        return draftStamp
    }

    /// Closes the draft: its frame is on its way.
    @inline(__always)
    public mutating func closeDraft() {
        latestOwnStamp = draftStamp
        returns.noteWrite(draftStamp)
        draftStamp = .zero
    }

    /// Whether this node is the only member: then everything it has written is stable.
    public internal(set) var isSole = true

    // MARK: Entries

    /// Gives up what an entry owns outside the arena.
    static func releaseOwned(_ entry: Entry) {
        switch entry.kind {
        case .shared: entry.block.release()
        case .general: entry.general.release()
        case .bytes, .integer, .counter: break
        }
    }

    @inline(__always)
    static func ownsMemory(_ entry: Entry) -> Bool {
        entry.kind.rawValue >= Entry.Kind.shared.rawValue || entry.allocatedBytes > Arena.blockBytesMax
    }

    @inline(__always)
    mutating func allocate(
        kind: Entry.Kind, key: ByteView, valueLength: Int, deadline: Int64?, stamp: Stamp, access: UInt32
    ) -> Entry {
        let bytes = Entry.bytesNeeded(key: key.count, value: valueLength, deadline: deadline != nil)
        let entry = Entry(address: arena.allocate(bytes))
        entry.initialize(
            kind: kind, key: key, valueLength: valueLength, deadline: deadline, stamp: stamp, access: access)
        if Self.ownsMemory(entry) { owningEntries += 1 }
        return entry
    }

    @inline(__always)
    mutating func free(_ entry: Entry) {
        if Self.ownsMemory(entry) { freeOwned(entry) }
        arena.free(entry.address, entry.allocatedBytes)
    }

    @inline(never)
    private mutating func freeOwned(_ entry: Entry) {
        owningEntries -= 1
        if entry.kind == .shared { ownedBytes -= entry.block.footprintBytes }
        Self.releaseOwned(entry)
    }

    /// A write leaves nothing of the key.
    mutating func discard(_ position: SlotPosition, _ database: Int, _ hash: UInt64) {
        returns.noteVanishing(position.entry.stamp)
        forget(position, database, hash)
    }

    /// Takes the entry out of its table and frees it.
    mutating func forget(_ position: SlotPosition, _ database: Int, _ hash: UInt64) {
        let entry = position.entry
        if entry.hasDeadline { changeableTable(database).pointee.volatileCount -= 1 }
        changeableTable(database).pointee.remove(position, hash, &arena)
        free(entry)
    }
}

/// The partitions of a node in memory of the shell's choosing, which puts a lock beside each.
public struct PartitionArray: @unchecked Sendable {
    private let first: UnsafeMutableRawPointer
    private let strideBytes: Int

    public init(first: UnsafeMutableRawPointer, strideBytes: Int) {
        self.first = first
        self.strideBytes = strideBytes
    }

    @inline(__always)
    public subscript(index: Int) -> UnsafeMutablePointer<Partition> {
        assert(index >= 0 && index < Slots.partitionCount, "partition \(index)")
        return (first + index * strideBytes).assumingMemoryBound(to: Partition.self)
    }
}

/// Hints, also from who has not been lent the partition: pointers, because a call that borrows the partition copies it.
extension UnsafeMutablePointer<Partition> {
    public func prefetchBucket(database: Int, hash: UInt64) { pointee.tables[database].prefetchBucket(hash) }

    /// The table must not be replaced meanwhile. A small entry spans two lines more often than not, a counter that has
    /// not settled always.
    public func prefetchEntry(database: Int, hash: UInt64) {
        pointee.tables[database].prefetchEntry(hash, secondLineOffset: pointee.isSole ? 48 : 64)
    }
}
