/// Reading: into the query buffer, or for a large argument straight into the block that will hold it.
import Base
import Core
import Engine
import OS
import RESP

extension EventLoop {
    /// What one connection may bring in one turn, so that a flooding client leaves room for the others.
    private static var turnBytesMax: Int { 256 * 1024 }
    private static var receiveBytesMin: Int { 16 * 1024 }

    /// Reads until the socket is drained or the connection's share of the turn is used up.
    @inline(__always)
    func receive(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        // Input of a client that waits stays in the socket; it is the sender's to keep.
        let waits =
            connection.pointee.isWithheld
            || connection.pointee.isHeld && connection.pointee.query.count > Self.turnBytesMax
        if waits {
            connection.pointee.mayHaveInput = true
            return
        }
        var total = 0
        connection.pointee.mayHaveInput = false
        while true {
            let (got, wanted) =
                connection.pointee.blockBytesMissing > 0 ? receiveIntoBlock(connection) : receiveIntoQuery(connection)
            if got <= 0 {
                if got != -11 { end(slot, connection, got) }
                break
            }
            total += got
            // Edge-triggered: a short read means drained, unless the end of the stream is still to come.
            if got < wanted, !connection.pointee.peerHasClosed { break }
            if total >= Self.turnBytesMax {
                connection.pointee.mayHaveInput = true
                unread.append(slot)
                break
            }
        }
        if total > 0 {
            connection.pointee.lastActiveMilliseconds = steadyMilliseconds
            LoopCounters.bump(counters.inputBytes, total)
            LoopCounters.bump(counters.reads, 1)
            makeReady(slot, connection)
        }
    }

    @inline(__always)
    private func receiveIntoQuery(_ connection: UnsafeMutablePointer<Connection>) -> (got: Int, wanted: Int) {
        connection.pointee.query.reserve(Self.receiveBytesMin)
        let wanted = min(connection.pointee.query.writableCount, Self.turnBytesMax)
        let got = Socket.receive(
            connection.pointee.descriptor, into: connection.pointee.query.writable, count: wanted)
        if got > 0 { connection.pointee.query.commit(got) }
        return (got, wanted)
    }

    private func receiveIntoBlock(_ connection: UnsafeMutablePointer<Connection>) -> (got: Int, wanted: Int) {
        let block = connection.pointee.blocks[connection.pointee.blocks.count - 1]
        let wanted = min(connection.pointee.blockBytesMissing, 4 << 20)
        let got = Socket.receive(connection.pointee.descriptor, into: block.bytes + block.count, count: wanted)
        guard got > 0 else { return (got, wanted) }
        block.count += got
        connection.pointee.blockBytesMissing -= got
        if connection.pointee.blockBytesMissing == 0 {
            connection.pointee.parser.resumeAfterBlock(
                Int32(connection.pointee.blocks.count - 1), into: &connection.pointee.arguments)
        }
        return (got, wanted)
    }

    /// Goes on with sockets that had more than their share of an earlier turn.
    func receiveRest() {
        let slots = unread
        unread.removeAll(keepingCapacity: true)
        for slot in slots {
            guard let connection = connections[slot], connection.pointee.mayHaveInput else { continue }
            receive(slot, connection)
        }
    }

    /// The peer has closed its side, or the connection broke. What it sent before is still executed.
    private func end(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>, _ result: Int) {
        connection.pointee.hasEnded = true
        // What it waits for may never happen, and nobody is left to be told.
        if case .peers = connection.pointee.hold { connection.pointee.closesAfterReply = true }
        if result < 0 {
            connection.pointee.closesAfterReply = true
            connection.reply.pointee.removeAll { Connection.release($0) }
        }
        makeReady(slot, connection)
    }

    /// The parser has met a large argument: gives it a block of its own and moves what is here into it.
    func startBlock(
        _ connection: UnsafeMutablePointer<Connection>, length: Int, payloadOffset: Int, available: Int
    ) {
        let block = SharedBlock.allocate(capacity: length)
        let present = connection.pointee.query.view.slice(payloadOffset, available)
        block.bytes.update(from: present.start, count: present.count)
        block.count = available
        connection.pointee.query.truncate(to: payloadOffset)
        connection.pointee.blocks.append(block)
        connection.pointee.blockBytesMissing = length - available
    }
}
