/// One thread, one epoll, and the connections it owns.
///
/// A turn is read all, execute all, write all: every ready socket is drained, what arrived is executed, and
/// only then the replies go out, so that a turn's work shares warm caches and nobody waits for a send that
/// another client caused.
import Base
import Commands
import Core
import Engine
import OS
import RESP

final class EventLoop {
    let index: Int
    private let poller: Poller
    private var executor: Executor<PartitionLocks>
    private let listener: Int32
    private var connections: [UnsafeMutablePointer<Connection>?] = []
    private var freeSlots: [Int] = []
    private var scheduled: [Int] = []
    private let batch: Batch
    private var nextClient: UInt64 = 1

    static let listenerToken: UInt64 = .max

    init(index: Int, node: Node, locks: PartitionLocks, listener: Int32) throws(SystemError) {
        self.index = index
        self.listener = listener
        poller = try Poller(capacity: 512)
        executor = Executor(
            node: node, lending: locks, statistics: node.statistics[index], random: SeededRandom(seed: Entropy.seed))
        batch = Batch()
        try poller.addLevelTriggered(listener, token: Self.listenerToken)
    }

    func run() {
        while true {
            let count = poller.wait(timeoutMilliseconds: 100)
            executor.context.pointee.nowMilliseconds = SystemClock.wallMilliseconds
            for index in 0..<count {
                let event = poller[index]
                if event.token == Self.listenerToken {
                    accept()
                } else {
                    serve(Int(event.token))
                }
            }
            flush()
        }
    }

    private func accept() {
        while true {
            let descriptor = Socket.accept(listener)
            if descriptor < 0 { return }
            Socket.setNoDelay(descriptor)
            let slot = freeSlots.popLast() ?? connections.count
            if slot == connections.count { connections.append(nil) }
            let connection = UnsafeMutablePointer<Connection>.allocate(capacity: 1)
            connection.initialize(
                to: Connection(descriptor: descriptor, session: Session(id: nextClient, isAuthenticated: true)))
            nextClient += 1
            connections[slot] = connection
            do { try poller.add(descriptor, token: UInt64(slot)) } catch { close(slot) }
        }
    }

    private func close(_ slot: Int) {
        guard let connection = connections[slot] else { return }
        connection.deinitialize(count: 1)
        connection.deallocate()
        connections[slot] = nil
        freeSlots.append(slot)
    }

    private func serve(_ slot: Int) {
        guard let connection = connections[slot] else { return }
        while true {
            connection.pointee.query.reserve(16 * 1024)
            let wanted = connection.pointee.query.writableCount
            let got = Socket.receive(
                connection.pointee.descriptor, into: connection.pointee.query.writable, count: wanted)
            if got <= 0 {
                if got == 0 || got != -11 { close(slot); return }
                break
            }
            connection.pointee.query.commit(got)
            if got < wanted { break }
        }
        batch.execute(connection, &executor)
        if connection.pointee.reply.pointee.hasOutput, !connection.pointee.isScheduled {
            connection.pointee.isScheduled = true
            scheduled.append(slot)
        }
    }

    private func flush() {
        for slot in scheduled {
            guard let connection = connections[slot] else { continue }
            connection.pointee.isScheduled = false
            let output = connection.pointee.reply.pointee.buffer.view
            let sent = Socket.send(connection.pointee.descriptor, output)
            if sent > 0 { connection.pointee.reply.pointee.consume(sent) { _ in } }
        }
        scheduled.removeAll(keepingCapacity: true)
    }
}
