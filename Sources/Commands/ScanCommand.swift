/// SCAN: what is there from the first call to the last is returned, however much the table grows or shrinks meanwhile.
import Base
import CRDT
import Engine
import RESP

let scanCommands: [Command] = [
    Command(
        name: "SCAN", arity: -2, flags: [.readOnly, .walks],
        arguments: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        summary: "Iterates over the key names in the database.", since: "2.8.0", group: "generic",
        complexity:
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
        tips: "nondeterministic_output request_policy:special", handler: scan)
]

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
