/// Commands that look at every partition, slice by slice: other clients get their turn in between, so KEYS,
/// DBSIZE and FLUSHALL are not one moment's picture outside MULTI.
import Base
import CRDT
import Engine
import RESP

let walkCommands: [Command] = [
    Command(
        name: "KEYS", arity: 2, flags: [.readOnly, .walks], arguments: "pattern",
        summary: "Returns all key names that match a pattern.", since: "1.0.0", group: "generic",
        complexity:
            "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
        categories: "@dangerous", tips: "request_policy:all_shards nondeterministic_output_order", handler: keys),
    Command(
        name: "RANDOMKEY", arity: 1, flags: [.readOnly, .walks],
        summary: "Returns a random key name from the database.", since: "1.0.0", group: "generic",
        tips: "request_policy:all_shards nondeterministic_output", handler: randomKey),
    Command(
        name: "DBSIZE", arity: 1, flags: [.readOnly, .fast, .walks],
        summary: "Returns the number of keys in the database.", since: "1.0.0", group: "server",
        categories: "@keyspace", tips: "request_policy:all_shards response_policy:agg_sum", handler: databaseSize),
    Command(
        name: "FLUSHDB", arity: -1, flags: [.write, .walks], arguments: "[ASYNC | SYNC]",
        summary: "Removes all keys from the current database.", since: "1.0.0", group: "server",
        complexity: "O(N) where N is the number of keys in the selected database",
        conflict: "removes what it had seen; writes it had not seen survive", categories: "@keyspace @dangerous",
        tips: "request_policy:all_shards response_policy:all_succeeded", handler: flushDatabase),
    Command(
        name: "FLUSHALL", arity: -1, flags: [.write, .walks], arguments: "[ASYNC | SYNC]",
        summary: "Removes all keys from all databases.", since: "1.0.0", group: "server",
        complexity: "O(N) where N is the total number of keys in all databases",
        conflict: "removes what it had seen; writes it had not seen survive", categories: "@keyspace @dangerous",
        tips: "request_policy:all_shards response_policy:all_succeeded", handler: flushAll),
]

// MARK: KEYS

@Sendable
private func keys(_ call: inout Invocation) throws(CommandError) {
    call.effect = .walk(KeysWalk(database: call.session.database, pattern: call.arguments[1].array))
}

private final class KeysWalk: Walk {
    private let database: Int
    private let pattern: [UInt8]
    private var position: UInt64 = 0
    private let found = BulkList()

    init(database: Int, pattern: [UInt8]) {
        self.database = database
        self.pattern = pattern
    }

    override func visit(_ visit: inout PartitionVisit) {
        pattern.withView { pattern in
            let glob = GlobPattern(pattern)
            var bucketsLeft = visit.bucketsMax
            while bucketsLeft > 0 {
                bucketsLeft -= 1
                let next = visit.visitBucket(database, position) { key in
                    if glob.matchesName(key.name) { found.append(key.name) }
                }
                position = next ?? 0
                if next == nil { return advance() }
            }
        }
    }

    override func finish(_ call: inout Invocation) { found.write(to: &call.reply) }
}

// MARK: RANDOMKEY

@Sendable
private func randomKey(_ call: inout Invocation) throws(CommandError) {
    call.effect = .walk(RandomKeyWalk(database: call.session.database))
}

/// Counts its way through the partitions, keeping each with the odds of its share, and then looks at random
/// places of the one it kept. Where those show only expired keys it starts over, and in the end takes what it
/// finds first.
private final class RandomKeyWalk: Walk {
    private enum Phase {
        case counting, sampling, searching
    }

    private let database: Int
    private var phase = Phase.counting
    private var total = 0
    private var chosen = 0
    private var rounds = 0
    private var position: UInt64 = 0
    private var key: [UInt8]?

    private static let roundsMax = 4
    private static let placesMax = 16

    init(database: Int) { self.database = database }

    override func visit(_ visit: inout PartitionVisit) {
        switch phase {
        case .counting: count(visit)
        case .sampling: sample(visit)
        case .searching: search(visit)
        }
    }

    private func count(_ visit: PartitionVisit) {
        guard let at = partition else { return }
        let here = visit.partition.pointee.count(database: database)
        total += here
        if here > 0, visit.context.pointee.random.below(total) < here { chosen = at }
        advance()
        if partition == nil, total > 0 {
            phase = .sampling
            partition = chosen
        }
    }

    private func sample(_ visit: PartitionVisit) {
        for _ in 0..<Self.placesMax {
            let place = visit.context.pointee.random.next()
            var seen = 0
            _ = visit.visitBucket(database, place) { candidate in
                seen += 1
                if visit.context.pointee.random.below(seen) == 0 { key = candidate.name.array }
            }
            if key != nil {
                partition = nil
                return
            }
        }
        rounds += 1
        total = 0
        partition = 0
        phase = rounds < Self.roundsMax ? .counting : .searching
    }

    private func search(_ visit: PartitionVisit) {
        var bucketsLeft = visit.bucketsMax
        while bucketsLeft > 0 {
            bucketsLeft -= 1
            let next = visit.visitBucket(database, position) { candidate in
                if key == nil { key = candidate.name.array }
            }
            if key != nil {
                partition = nil
                return
            }
            position = next ?? 0
            if next == nil { return advance() }
        }
    }

    override func finish(_ call: inout Invocation) {
        if let key { key.withView { call.reply.bulk($0) } } else { call.reply.null() }
    }
}

// MARK: DBSIZE, FLUSHDB, FLUSHALL

@Sendable
private func databaseSize(_ call: inout Invocation) throws(CommandError) {
    call.effect = .walk(CountWalk(database: call.session.database))
}

private final class CountWalk: Walk {
    private let database: Int
    private var count = 0

    init(database: Int) { self.database = database }

    override func visit(_ visit: inout PartitionVisit) {
        count += visit.partition.pointee.count(database: database)
        advance()
    }

    override func finish(_ call: inout Invocation) { call.reply.integer(count) }
}

@Sendable
private func flushDatabase(_ call: inout Invocation) throws(CommandError) {
    try call.checkFlushMode()
    let database = call.session.database
    call.effect = .walk(FlushWalk(databases: database..<database + 1))
}

@Sendable
private func flushAll(_ call: inout Invocation) throws(CommandError) {
    try call.checkFlushMode()
    call.effect = .walk(FlushWalk(databases: 0..<call.node.databaseCount))
}

extension Invocation {
    /// Both modes come to the same here: memory is given back partition by partition.
    fileprivate func checkFlushMode() throws(CommandError) {
        guard arguments.count > 1 else { return }
        guard arguments.count == 2, arguments.isWord(1, "async") || arguments.isWord(1, "sync") else {
            throw .syntax
        }
    }
}

private final class FlushWalk: Walk {
    private let databases: Range<Int>

    init(databases: Range<Int>) { self.databases = databases }

    override func visit(_ visit: inout PartitionVisit) {
        for database in databases {
            visit.partition.pointee.flush(database: database, &visit.context.pointee)
        }
        advance()
    }

    override func finish(_ call: inout Invocation) { call.reply.ok() }
}
