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
        name: "SCAN", arity: -2, flags: [.readOnly, .walks],
        arguments: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        summary: "Iterates over the key names in the database.", since: "2.8.0", group: "generic",
        complexity:
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
        tips: "nondeterministic_output request_policy:special", handler: scan),
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

/// Bulk strings collected for an array whose length is known at the end. Millions of them are sent from the
/// blocks they were collected in: copying them together would hold the loop up.
private final class BulkList {
    private(set) var count = 0
    private var blocks: [SharedBlock] = []

    private static let blockBytes = 64 * 1024

    deinit {
        for block in blocks { block.release() }
    }

    func append(_ name: ByteView) {
        count += 1
        let needed = name.count + 25
        if blocks.isEmpty || blocks[blocks.count - 1].capacity - blocks[blocks.count - 1].count < needed {
            blocks.append(.allocate(capacity: max(needed, blocks.isEmpty ? 4096 : Self.blockBytes)))
        }
        let block = blocks[blocks.count - 1]
        var place = block.bytes + block.count
        place[0] = UInt8(ascii: "$")
        place += 1 + writeDecimal(UInt64(name.count), to: place + 1)
        place[0] = 13
        place[1] = 10
        place += 2
        place.update(from: name.start, count: name.count)
        place += name.count
        place[0] = 13
        place[1] = 10
        block.count = place + 2 - block.bytes
    }

    func write(to reply: inout ReplyWriter) {
        reply.array(count)
        guard blocks.count > 1 else {
            if let block = blocks.first { reply.buffer.append(block.view) }
            return
        }
        for block in blocks { reply.splice(block.bytes, count: block.count, token: UInt(bitPattern: block.address)) }
        blocks.removeAll()
    }
}

extension PartitionVisit {
    @inline(__always)
    fileprivate func visitBucket(_ database: Int, _ position: UInt64, _ body: (WalkedKey) -> Void) -> UInt64? {
        partition.pointee.visitBucket(
            database: database, position: position, nowMilliseconds: context.pointee.nowMilliseconds, body)
    }
}

// MARK: SCAN

/// A cursor is a partition above the upper 40 bits of a position in it: below 2^53, so that clients which keep
/// numbers as doubles keep it whole. Zero is both the beginning and the end.
private struct ScanCursor {
    static let positionBits: UInt64 = 40
    static let droppedBits = 64 - positionBits

    let partition: Int
    let position: UInt64

    init(partition: Int, position: UInt64) {
        self.partition = partition
        self.position = position
    }

    /// Nil for a number that no SCAN has returned and that lies behind everything.
    init?(_ number: UInt64) {
        guard number < UInt64(Slots.partitionCount) << Self.positionBits else { return nil }
        partition = Int(number >> Self.positionBits)
        position = number << Self.droppedBits
    }

    /// The position is rounded down, which may show a bucket again but never skips one.
    var number: UInt64 { UInt64(partition) << Self.positionBits | position >> Self.droppedBits }
}

private struct ScanOptions {
    var pattern: [UInt8] = [UInt8(ascii: "*")]
    var count: Int64 = 10
    var type: [UInt8]?

    init(_ arguments: Arguments) throws(CommandError) {
        var index = 2
        while index < arguments.count {
            guard index + 1 < arguments.count else { throw .syntax }
            if arguments.isWord(index, "count") {
                count = try arguments.integer(index + 1)
                guard count >= 1 else { throw .syntax }
            } else if arguments.isWord(index, "match") {
                pattern = arguments[index + 1].array
            } else if arguments.isWord(index, "type") {
                type = arguments[index + 1].array
            } else {
                throw .syntax
            }
            index += 2
        }
    }
}

@Sendable
private func scan(_ call: inout Invocation) throws(CommandError) {
    guard let number = call.arguments[1].scanCursor else { throw .fixed("ERR invalid cursor") }
    let options = try ScanOptions(call.arguments)
    let walk = ScanWalk(database: call.session.database, options: options)
    if let cursor = ScanCursor(number) { walk.begin(at: cursor) } else { walk.partition = nil }
    call.effect = .walk(walk)
}

extension ByteView {
    /// The unsigned number, as lenient as Redis: leading zeroes, a plus, nothing at all.
    fileprivate var scanCursor: UInt64? {
        let digits = count > 1 && self[0] == UInt8(ascii: "+") ? dropFirst(1) : self
        var value: UInt64 = 0
        for index in 0..<digits.count {
            let digit = digits[index] &- 48
            guard digit < 10 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        return value
    }
}

private final class ScanWalk: Walk {
    private let database: Int
    private let options: ScanOptions
    private var position: UInt64 = 0
    /// Where this call entered the partition it is in.
    private var entry: UInt64 = 0
    private var seen: Int64 = 0
    private var bucketsVisited: Int64 = 0
    private var found = BulkList()
    private var nextCursor: UInt64 = 0

    /// Buckets looked at for each key asked for, at most: keys may stand thin, or match rarely.
    private static let bucketsPerKeyMax: Int64 = 10

    init(database: Int, options: ScanOptions) {
        self.database = database
        self.options = options
    }

    func begin(at cursor: ScanCursor) {
        partition = cursor.partition
        position = cursor.position
        entry = cursor.position
    }

    private var isSatisfied: Bool {
        seen >= options.count || bucketsVisited / Self.bucketsPerKeyMax >= options.count
    }

    override func visit(_ visit: inout PartitionVisit) {
        guard let partition else { return }
        // An empty partition costs nothing of what the caller asked for.
        if visit.partition.pointee.count(database: database) == 0 { return leave(partition) }
        var bucketsLeft = visit.bucketsMax
        while bucketsLeft > 0 {
            bucketsLeft -= 1
            bucketsVisited += 1
            guard let next = visitBucket(visit) else { return leave(partition) }
            position = next
            // The rounded cursor must have moved, or the next call would end up here again.
            if isSatisfied, next >> ScanCursor.droppedBits > entry >> ScanCursor.droppedBits {
                return stop(at: ScanCursor(partition: partition, position: next))
            }
        }
    }

    private func visitBucket(_ visit: PartitionVisit) -> UInt64? {
        options.pattern.withView { pattern in
            let glob = GlobPattern(pattern)
            return visit.visitBucket(database, position) { key in
                seen += 1
                if hasType(key.type), glob.matchesName(key.name) { found.append(key.name) }
            }
        }
    }

    private func hasType(_ type: ValueType) -> Bool {
        options.type?.withView { $0.equalsIgnoringCase(type.redisName) } ?? true
    }

    private func leave(_ left: Int) {
        position = 0
        entry = 0
        if isSatisfied, left + 1 < Slots.partitionCount {
            stop(at: ScanCursor(partition: left + 1, position: 0))
        } else {
            advance()
        }
    }

    private func stop(at cursor: ScanCursor) {
        nextCursor = cursor.number
        partition = nil
    }

    override func finish(_ call: inout Invocation) {
        call.reply.array(2)
        call.reply.bulkHeader(decimalLength(nextCursor))
        call.reply.buffer.append(decimal: nextCursor)
        call.reply.lineEnd()
        found.write(to: &call.reply)
    }
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
