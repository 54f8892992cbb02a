/// Deadlines: expiry is a function of state and time; this file only gives memory back.
///
/// A read never shows a key past its deadline, whether or not it was reclaimed. A sweep walks the partitions
/// in slices and frees what has expired and is stable. Each partition knows the earliest deadline in it, and
/// how well the last sweep paid, so idle partitions cost nothing and a million keys expiring at once are
/// freed in slices that nobody notices.
import Base
import CRDT

struct ExpirySweep {
    /// Where in the hash space of which database the sweep goes on.
    var database = 0
    var position: UInt64 = 0
    var isUnderWay = false
    /// Seen since the sweep began.
    var earliestSeenMilliseconds = Int64.max
    var visited = 0
    var reclaimed = 0
    /// No new sweep before this, and how long the partition rests after one that found little.
    var nextMilliseconds = Int64.min
    var restMilliseconds: Int64 = 100

    static let restMillisecondsMin: Int64 = 100
    static let restMillisecondsMax: Int64 = 10_000
}

extension Partition {
    @inline(__always)
    mutating func insert(_ entry: Entry, _ database: Int, _ hash: UInt64) {
        returns.noteInsert(entry.stamp)
        let table = changeableTable(database)
        let before = table.pointee.bucketBytes
        table.pointee.insert(entry, hash, &arena, pages)
        tableBytes += table.pointee.bucketBytes - before
        if entry.hasDeadline { countDeadline(database, from: false, to: entry.deadlineMilliseconds) }
    }

    mutating func countDeadline(_ database: Int, from hadDeadline: Bool, to deadline: Int64?) {
        if hadDeadline { changeableTable(database).pointee.volatileCount -= 1 }
        guard let deadline else { return }
        changeableTable(database).pointee.volatileCount += 1
        earliestDeadlineMilliseconds = min(earliestDeadlineMilliseconds, deadline)
    }

    /// Frees an entry whose owned memory has passed to another.
    mutating func freeShell(_ entry: Entry) {
        if Self.ownsMemory(entry) { owningEntries -= 1 }
        arena.free(entry.address, entry.allocatedBytes)
    }

    /// Forgets an expired key, where everybody who counts has it: nothing is sent, every node does the same.
    @inline(never)
    mutating func reclaimExpired(
        _ position: SlotPosition, _ database: Int, _ hash: UInt64, _ context: inout ExecutionContext
    ) {
        guard mayReclaim(position.entry, context.nowMilliseconds) else { return }
        context.expiredKeys &+= 1
        forget(position, database, hash)
    }

    /// Whether a key that does not exist any more can be forgotten: its past deadline is stable, so no member can
    /// still hold a write that would have moved it. A history goes only as a whole, and once it has settled.
    func mayReclaim(_ entry: Entry, _ nowMilliseconds: Int64) -> Bool {
        guard let state = entry.unsettledState else {
            return isSole || settleCut.unixMilliseconds >= entry.deadlineMilliseconds
        }
        if isSole { return !state.exists(at: nowMilliseconds) }
        return state.modified <= settleCut && !state.exists(at: settleCut.unixMilliseconds)
    }

    /// One slice of the sweep: at most `bucketsMax` buckets. Returns whether there is more to do now.
    public mutating func sweepExpired(bucketsMax: Int, _ context: inout ExecutionContext) -> Bool {
        let now = context.nowMilliseconds
        if !sweep.isUnderWay {
            guard earliestDeadlineMilliseconds <= now, sweep.nextMilliseconds <= now else { return false }
            sweep.isUnderWay = true
            sweep.database = 0
            sweep.position = 0
            sweep.earliestSeenMilliseconds = .max
            sweep.visited = 0
            sweep.reclaimed = 0
            // Deadlines set from here on lower this again.
            earliestDeadlineMilliseconds = .max
        }
        var left = bucketsMax
        while left > 0 {
            while sweep.database < databaseCount, tables[sweep.database].volatileCount == 0 {
                sweep.database += 1
                sweep.position = 0
            }
            if sweep.database == databaseCount {
                finishSweep(now)
                return false
            }
            sweepBucket(now, &context)
            left -= 1
        }
        return true
    }

    private mutating func sweepBucket(_ now: Int64, _ context: inout ExecutionContext) {
        var expired = InlineArray<16, UInt>(repeating: 0)
        var count = 0
        var earliest = Int64.max
        var visited = 0
        let next = tables[sweep.database].visit(sweep.position) { position in
            guard position.bucket[position.slot] & 1 == 1 else { return }
            visited += 1
            let deadline = position.entry.deadlineMilliseconds
            if deadline <= now, count < 16, mayReclaim(position.entry, now) {
                expired[count] = UInt(bitPattern: position.entry.address)
                count += 1
            } else {
                earliest = min(earliest, deadline)
            }
        }
        for index in 0..<count {
            guard let address = UnsafeMutableRawPointer(bitPattern: expired[index]) else { continue }
            let key = Entry(address: address).key
            let hash = hash(of: key)
            guard let position = tables[sweep.database].find(key, hash) else { continue }
            context.expiredKeys &+= 1
            // Whoever watched it alive sees that it is gone; whoever watched it expired has missed nothing.
            forget(position, sweep.database, hash)
        }
        sweep.visited += visited
        sweep.reclaimed += count
        sweep.earliestSeenMilliseconds = min(sweep.earliestSeenMilliseconds, earliest)
        if let next {
            sweep.position = next
        } else {
            sweep.database += 1
            sweep.position = 0
        }
    }

    private mutating func finishSweep(_ now: Int64) {
        sweep.isUnderWay = false
        earliestDeadlineMilliseconds = min(earliestDeadlineMilliseconds, sweep.earliestSeenMilliseconds)
        // A sweep that freed a tenth of what it looked at was worth repeating soon.
        let paid = sweep.reclaimed * 10 >= sweep.visited
        let rest = paid ? sweep.restMilliseconds / 2 : sweep.restMilliseconds * 2
        sweep.restMilliseconds = min(
            max(rest, ExpirySweep.restMillisecondsMin), ExpirySweep.restMillisecondsMax)
        sweep.nextMilliseconds = now + sweep.restMilliseconds
        for database in 0..<databaseCount { changeableTable(database).pointee.shrinkIfSparse(&arena, pages) }
        recountTableBytes()
    }

    /// Goes on moving tables to their new size. Returns whether there is more to do.
    public mutating func moveTables(bucketsMax: Int) -> Bool {
        var isMoving = false
        for database in 0..<databaseCount where tables[database].isMoving {
            changeableTable(database).pointee.move(bucketsMax: bucketsMax, &arena, pages)
            isMoving = isMoving || tables[database].isMoving
            recountTableBytes()
        }
        return isMoving
    }
}
