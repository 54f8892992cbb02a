/// WATCH, as one partition sees it.
import Base
import CRDT

extension Partition {
    public mutating func watch(client: UInt64, database: Int, key: ByteView, _ context: inout ExecutionContext) {
        let hash = hash(of: key)
        // A key that has already expired is watched as absent.
        let position = tables[database].find(key, hash)
        let isLive = position.map { !isExpired($0.entry, context.nowMilliseconds) } ?? false
        watches.add(client: client, database: database, key: key, isLive: isLive)
    }

    public mutating func unwatch(client: UInt64) {
        watches.remove(client: client)
    }

    /// Whether a key this client watches was written, or has expired, since it was watched.
    public mutating func watchFailed(client: UInt64, _ context: inout ExecutionContext) -> Bool {
        watches.failed(client: client) { database, key in
            guard let position = tables[database].find(key, hash(of: key)) else { return false }
            return !isExpired(position.entry, context.nowMilliseconds)
        }
    }

    /// Whether nothing is left of a key for readers: a history may outlive its deadline, or be that of a DEL.
    func isExpired(_ entry: Entry, _ nowMilliseconds: Int64) -> Bool {
        if let state = entry.unsettledState { return !state.exists(at: nowMilliseconds) }
        return entry.hasDeadline && entry.deadlineMilliseconds <= nowMilliseconds
    }
}
