/// Looking at every key of a partition, and dropping all of them: what KEYS, SCAN, RANDOMKEY and FLUSHDB need.
///
/// A position is a place in the partition's 64-bit hash space. Buckets stand in hash order, so "everything
/// before this position has been visited" stays true while the table grows, shrinks and moves.
import Base
import CRDT

/// A key as a walk shows it. The name is valid until the next write to the partition.
public struct WalkedKey {
    public let name: ByteView
    public let type: ValueType
}

extension Partition {
    /// Shows the keys of the bucket that `position` falls into, without those past their deadline, and returns
    /// where the next bucket begins, nil behind the last.
    @inline(__always)
    public mutating func visitBucket(
        database: Int, position: UInt64, nowMilliseconds: Int64, _ body: (WalkedKey) -> Void
    ) -> UInt64? {
        tables[database].visit(position) { slot in
            let entry = slot.entry
            guard let type = visibleType(entry, nowMilliseconds) else { return }
            body(WalkedKey(name: entry.key, type: type))
        }
    }

    @inline(__always)
    private func visibleType(_ entry: Entry, _ nowMilliseconds: Int64) -> ValueType? {
        if let state = entry.unsettledState { return state.type(at: nowMilliseconds) }
        return isExpired(entry, nowMilliseconds) ? nil : .string
    }

    // MARK: Flushing

    /// FLUSHDB here: all that has been observed of the database goes, with one record. Returns whether there
    /// was anything.
    @discardableResult
    public mutating func flush(database: Int, _ context: inout ExecutionContext) -> Bool {
        guard tables[database].count > 0 else { return false }
        _ = stampForWrite(&context)
        markWatchesOfFlushed(database, context.nowMilliseconds)
        returns.hasRemoval = true
        clearUnsettled(database, &context)
        if context.accumulates {
            if !flushedDatabases.contains(database) { flushedDatabases.append(database) }
        } else {
            RecordCodec.appendClearDatabase(database: database, to: &context.records)
        }
        discardAll(database)
        recountTableBytes()
        return true
    }

    /// Writes the clears that the frame being drafted owes; they go before the records of its keys.
    mutating func writeFlushes(_ context: inout ExecutionContext) {
        guard !flushedDatabases.isEmpty else { return }
        for database in flushedDatabases {
            RecordCodec.appendClearDatabase(database: database, to: &context.records)
        }
        flushedDatabases.removeAll()
    }

    private mutating func markWatchesOfFlushed(_ database: Int, _ nowMilliseconds: Int64) {
        guard !watches.isEmpty else { return }
        let table = tables + database
        let seed = hashSeed
        watches.markAllWritten(database: database) { name in
            guard let entry = table.pointee.find(name, keyHash(name, seed: seed))?.entry else { return false }
            return !entry.hasDeadline || entry.deadlineMilliseconds > nowMilliseconds
        }
    }

    /// Keys whose history has not settled are cleared one by one before the rest goes as a whole: a clear of
    /// the database does not say how much of a running counter it had seen, theirs does. So are keys that
    /// this frame has touched, whose records will be written at its end.
    private mutating func clearUnsettled(_ database: Int, _ context: inout ExecutionContext) {
        var names: [[UInt8]] = []
        if context.accumulates { names = context.touched.names(partition: index, database: database) }
        if owningEntries > 0 {
            var position: UInt64? = 0
            while let at = position {
                position = tables[database].visit(at) { slot in
                    if slot.entry.isUnsettled { names.append(slot.entry.key.array) }
                }
            }
        }
        for name in names {
            name.withView { name in
                withHandle(database, name, &context) { handle in _ = handle.generalDelete() }
            }
        }
    }

    /// Drops every key of a database at once; what a cleared key still has to remember stays.
    private mutating func discardAll(_ database: Int) {
        let table = tables + database
        var kept = 0
        var position: UInt64? = owningEntries > 0 ? 0 : nil
        while let at = position {
            position = table.pointee.visit(at) { slot in if slot.entry.isUnsettled { kept += 1 } }
        }
        if kept > 0 { return discardPlain(database) }
        // Where nothing else lives here the arena forgets all blocks at once; only what is outside it is freed.
        let isLast = keyCount == table.pointee.count
        position = isLast && owningEntries == 0 ? nil : 0
        while let at = position {
            position = table.pointee.visit(at) { slot in
                if !isLast || Self.ownsMemory(slot.entry) { free(slot.entry) }
            }
        }
        guard isLast else {
            table.pointee.removeBuckets(&arena, pages)
            return
        }
        // Tables without keys may still hold on to overflow buckets.
        for other in 0..<databaseCount { changeableTable(other).pointee.removeBuckets(&arena, pages) }
        arena.removeAll()
    }

    private mutating func discardPlain(_ database: Int) {
        for name in keys(of: database) {
            name.withView { name in
                let hash = hash(of: name)
                guard let found = tables[database].find(name, hash), !found.entry.isUnsettled else { return }
                discard(found, database, hash)
            }
        }
        changeableTable(database).pointee.shrinkIfSparse(&arena, pages)
    }
}
