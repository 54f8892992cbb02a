/// What KEYS and SCAN find.
import Base
import Engine
import RESP

/// Bulk strings collected for an array whose length is known at the end. Millions of them are sent from the
/// blocks they were collected in: copying them together would hold the loop up.
final class BulkList {
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
    /// The keys of the bucket at a position that are there now, and where the next begins.
    @inline(__always)
    func visitBucket(_ database: Int, _ position: UInt64, _ body: (WalkedKey) -> Void) -> UInt64? {
        partition.pointee.visitBucket(
            database: database, position: position, nowMilliseconds: context.pointee.nowMilliseconds, body)
    }
}
