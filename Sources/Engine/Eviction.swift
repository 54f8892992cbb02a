/// Choosing which key to give up when memory runs out.
import Base
import CRDT

public enum EvictionPolicy: Int, Sendable, CaseIterable {
    case noEviction
    case allKeysLRU, allKeysLFU, allKeysRandom
    case volatileLRU, volatileLFU, volatileRandom, volatileTTL

    var considersVolatileOnly: Bool { rawValue >= Self.volatileLRU.rawValue }

    public var countsFrequency: Bool { self == .allKeysLFU || self == .volatileLFU }
}

public struct EvictionCandidate {
    let database: Int
    let key: [UInt8]
    /// Higher goes first.
    let score: UInt64
}

extension Partition {
    /// Looks at up to `keysMax` keys around a random place and keeps the best candidate in `best`.
    public mutating func sampleForEviction(
        _ policy: EvictionPolicy, keysMax: Int, best: inout EvictionCandidate?, _ context: inout ExecutionContext
    ) -> (sampled: Int, improved: Bool) {
        var sampled = 0
        var improved = false
        for database in 0..<databaseCount {
            let eligible = policy.considersVolatileOnly ? tables[database].volatileCount : tables[database].count
            if eligible == 0 { continue }
            var position: UInt64? = context.random.next()
            var buckets = 0
            while let at = position, sampled < keysMax, buckets < 64 {
                buckets += 1
                position =
                    tables[database].visit(at) { slot in
                        let entry = slot.entry
                        if sampled >= keysMax || policy.considersVolatileOnly && !entry.hasDeadline { return }
                        sampled += 1
                        let score = evictionScore(entry, policy, context.access, &context.random)
                        if score > best?.score ?? 0 {
                            best = EvictionCandidate(database: database, key: entry.key.array, score: score)
                            improved = true
                        }
                    } ?? 0
            }
        }
        return (sampled, improved)
    }

    private func evictionScore(
        _ entry: Entry, _ policy: EvictionPolicy, _ clock: AccessClock, _ random: inout SeededRandom
    ) -> UInt64 {
        // Keys last written here go first: peers need not hear of what they own from somebody else.
        let own: UInt64 = entry.stamp.replica == replica ? 1 : 0
        switch policy {
        case .noEviction: return 0
        case .allKeysRandom, .volatileRandom: return 1 + random.next() >> 1
        case .allKeysLRU, .volatileLRU: return 2 + UInt64(clock.idleSeconds(entry.access)) * 2 + own
        case .allKeysLFU, .volatileLFU: return 2 + UInt64(255 - clock.decayedFrequency(entry.access)) * 2 + own
        case .volatileTTL: return UInt64(Int64.max - entry.deadlineMilliseconds) + 1
        }
    }

    /// Deletes the candidate as a client's DEL would, if it is still there.
    public mutating func evict(_ candidate: EvictionCandidate, _ context: inout ExecutionContext) {
        let deleted = candidate.key.withView { name in
            withUnsafeMutablePointer(to: &self) { partition in
                withUnsafeMutablePointer(to: &context) { context in
                    KeyHandle(
                        partition: partition, context: context, database: candidate.database,
                        hash: partition.pointee.hash(of: name), name: name
                    ).delete()
                }
            }
        }
        if deleted { context.evictedKeys &+= 1 }
    }
}
