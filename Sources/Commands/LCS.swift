/// LCS: the longest common subsequence of two strings, its length, or where its pieces lie in both.
import Base
import CIntrinsics
import Engine
import RESP

let lcsCommands: [Command] = [
    Command(
        name: "LCS", arity: -3, flags: [.readOnly], keys: [KeySpec(1, 2, "RO ACCESS")],
        arguments: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
        summary: "Finds the longest common substring.", since: "7.0.0", group: "string",
        complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
        handler: longestCommonSubsequence)
]

@Sendable
private func longestCommonSubsequence(_ call: inout Invocation) throws(CommandError) {
    let firstKey = call.key(1)
    let secondKey = call.key(2)
    // A number is spelled in the context's scratch, which has room for one.
    var digits = ByteBuffer(capacity: 24)
    var first = try text(firstKey)
    if case .integer(let number) = firstKey.peek() {
        digits.append(decimal: number)
        first = digits.view
    }
    let second = try text(secondKey)
    let options = try LCSOptions(call.arguments)
    guard first.count < UInt32.max - 1, second.count < UInt32.max - 1 else {
        throw .fixed("ERR String too long for LCS")
    }
    let (cells, overflow) = (first.count + 1).multipliedReportingOverflow(by: second.count + 1)
    guard !overflow, cells <= Limits.bulkBytesMax / MemoryLayout<UInt32>.size else {
        throw .fixed("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    }
    let table = LCSTable(first, second, keepsRows: !options.wantsLength)
    if options.wantsRanges {
        replyRanges(table, options, &call)
    } else if options.wantsLength {
        call.reply.integer(table.length)
    } else {
        replySubsequence(table, &call)
    }
}

private func text(_ key: KeyHandle) throws(CommandError) -> ByteView {
    let value = key.read()
    if case .wrongType = value { throw .fixed("ERR The specified keys must contain string values") }
    return key.bytes(of: value) ?? .empty
}

private struct LCSOptions {
    private(set) var wantsLength = false
    private(set) var wantsRanges = false
    private(set) var withLengths = false
    private(set) var matchLengthMin: Int64 = 0

    init(_ arguments: Arguments) throws(CommandError) {
        var index = 3
        while index < arguments.count {
            if arguments.isWord(index, "idx") {
                wantsRanges = true
            } else if arguments.isWord(index, "len") {
                wantsLength = true
            } else if arguments.isWord(index, "withmatchlen") {
                withLengths = true
            } else if arguments.isWord(index, "minmatchlen"), index + 1 < arguments.count {
                index += 1
                matchLengthMin = try arguments.integer(index)
            } else {
                throw .syntax
            }
            index += 1
        }
        if wantsRanges, wantsLength {
            throw .fixed("ERR If you want both the length and indexes, please just use IDX.")
        }
    }
}

/// The lengths of the common subsequences of all pairs of prefixes.
private struct LCSTable: ~Copyable {
    let first: ByteView
    let second: ByteView
    let length: Int
    private let cells: UnsafeMutablePointer<UInt32>
    private let width: Int

    /// `keepsRows` where the way through the table will be walked; the length alone needs two rows.
    init(_ first: ByteView, _ second: ByteView, keepsRows: Bool) {
        self.first = first
        self.second = second
        width = second.count + 1
        let rowCount = keepsRows ? first.count + 1 : 2
        cells = .allocate(capacity: width * rowCount)
        cells.initialize(repeating: 0, count: width)
        var above = cells
        for row in 1..<max(first.count + 1, 1) {
            let current = cells + (keepsRows ? row : row & 1) * width
            let byte = first[row - 1]
            var left: UInt32 = 0
            current[0] = 0
            for column in 1..<max(width, 1) {
                left = byte == second[column - 1] ? above[column - 1] &+ 1 : max(left, above[column])
                current[column] = left
            }
            above = current
        }
        length = Int(above[second.count])
    }

    deinit { cells.deallocate() }

    /// Walks from the ends of both strings to their fronts, visiting each common byte once, last one first.
    func walk(_ visit: (_ firstIndex: Int, _ secondIndex: Int) -> Void) {
        var row = first.count
        var column = second.count
        while row > 0, column > 0 {
            if first[row - 1] == second[column - 1] {
                row -= 1
                column -= 1
                visit(row, column)
            } else if cells[(row - 1) * width + column] > cells[row * width + column - 1] {
                row -= 1
            } else {
                column -= 1
            }
        }
    }
}

private func replySubsequence(_ table: borrowing LCSTable, _ call: inout Invocation) {
    let count = table.length
    call.reply.bulkHeader(count)
    call.reply.buffer.reserve(count)
    let place = call.reply.buffer.writable
    let first = table.first
    var at = count
    table.walk { row, _ in
        at -= 1
        place[at] = first[row]
    }
    call.reply.buffer.commit(count)
    call.reply.lineEnd()
}

/// A piece that both strings share, `length` bytes from each start.
private struct LCSMatch {
    var first: Int
    var second: Int
    var length: Int
}

private func replyRanges(_ table: borrowing LCSTable, _ options: LCSOptions, _ call: inout Invocation) {
    let reply = call.replyPointer
    reply.pointee.map(2)
    reply.pointee.bulk("matches")
    let matches = reply.pointee.beginDeferredArray()
    var count = 0
    var pending: LCSMatch?
    func finishPending() {
        guard let match = pending, match.length >= options.matchLengthMin else { return }
        reply.pointee.array(options.withLengths ? 3 : 2)
        for start in [match.first, match.second] {
            reply.pointee.array(2)
            reply.pointee.integer(start)
            reply.pointee.integer(start + match.length - 1)
        }
        if options.withLengths { reply.pointee.integer(match.length) }
        count += 1
    }
    table.walk { row, column in
        if let match = pending, match.first == row + 1, match.second == column + 1 {
            pending = LCSMatch(first: row, second: column, length: match.length + 1)
        } else {
            finishPending()
            pending = LCSMatch(first: row, second: column, length: 1)
        }
    }
    finishPending()
    reply.pointee.bulk("len")
    reply.pointee.integer(table.length)
    reply.pointee.endDeferred(matches, count: count)
}
