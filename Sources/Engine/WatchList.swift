/// The keys of one partition that clients WATCH, each with whether it was written since.
///
/// Nearly always empty, so a write pays one test. Entries are few: a linear list.
import Base

struct WatchList {
    private struct Watch {
        let client: UInt64
        let database: Int
        let key: [UInt8]
        /// It existed when it was watched: its expiring counts as a write.
        let wasLive: Bool
        var wasWritten = false
    }

    private var watches: [Watch] = []

    @inline(__always)
    var isEmpty: Bool { watches.isEmpty }

    mutating func add(client: UInt64, database: Int, key: ByteView, isLive: Bool) {
        for watch in watches where watch.client == client && watch.database == database {
            if watch.key.withView({ $0 == key }) { return }
        }
        watches.append(Watch(client: client, database: database, key: key.array, wasLive: isLive))
    }

    mutating func remove(client: UInt64) {
        watches.removeAll { $0.client == client }
    }

    @inline(never)
    mutating func markWritten(database: Int, key: ByteView) {
        for index in watches.indices where watches[index].database == database {
            if watches[index].key.withView({ $0 == key }) { watches[index].wasWritten = true }
        }
    }

    /// FLUSHDB: every watched key of the database that exists counts as written.
    mutating func markAllWritten(database: Int, where exists: (ByteView) -> Bool) {
        for index in watches.indices where watches[index].database == database {
            if watches[index].key.withView(exists) { watches[index].wasWritten = true }
        }
    }

    func failed(client: UInt64, isLive: (Int, ByteView) -> Bool) -> Bool {
        watches.contains { watch in
            guard watch.client == client else { return false }
            return watch.wasWritten
                || watch.wasLive && !watch.key.withView { isLive(watch.database, $0) }
        }
    }
}
