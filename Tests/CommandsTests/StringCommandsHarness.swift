/// A node without a server: one session whose commands run at once, at a time the test sets.
import Base
import Commands
import Core
import Engine
import RESP
import Replication

/// Nobody else is there to wait for.
private struct LoneLending: PartitionLending {
    func acquire(_ partition: Int) {}
    func release(_ partition: Int) {}
    func ticks() -> UInt64 { 0 }
}

final class StringCommandsHarness {
    private var executor: Executor<LoneLending>
    private let storage: UnsafeMutablePointer<Partition>
    private let windowMemory: UnsafeMutableRawPointer
    private let partitions: PartitionArray
    private let session: UnsafeMutablePointer<Session>
    private let reply: UnsafeMutablePointer<ReplyWriter>

    var nowMilliseconds: Int64 {
        get { executor.context.pointee.nowMilliseconds }
        set { executor.context.pointee.nowMilliseconds = newValue }
    }

    init(protocolVersion: UInt8 = 2) {
        let replica = Replica(node: 1, generation: 0)
        storage = .allocate(capacity: Slots.partitionCount)
        for index in 0..<Slots.partitionCount {
            (storage + index).initialize(
                to: Partition(index: index, replica: replica, databases: 1, hashSeed: 7, pages: .heap))
        }
        partitions = PartitionArray(
            first: UnsafeMutableRawPointer(storage), strideBytes: MemoryLayout<Partition>.stride)
        let windowBytes = 8 << 20
        windowMemory = .allocate(byteCount: windowBytes, alignment: 64)
        windowMemory.initializeMemory(as: UInt8.self, repeating: 0, count: windowBytes)
        let window = Window(capacity: windowBytes, memory: windowMemory)
        let statistics = LoopStatistics(rowCount: CommandTable.shared.rowCount)
        let node = Node(
            replica: replica, databaseCount: 1, partitions: partitions, window: window, statistics: [statistics])
        executor = Executor(
            node: node, lending: LoneLending(), statistics: statistics, random: SeededRandom(seed: 1))
        session = .allocate(capacity: 1)
        session.initialize(to: Session(id: 1, isAuthenticated: true))
        reply = .allocate(capacity: 1)
        reply.initialize(to: ReplyWriter())
        reply.pointee.protocolVersion = protocolVersion
        nowMilliseconds = 1_800_000_000_000
    }

    deinit {
        reply.deinitialize(count: 1)
        reply.deallocate()
        session.deinitialize(count: 1)
        session.deallocate()
        storage.deinitialize(count: Slots.partitionCount)
        storage.deallocate()
        windowMemory.deallocate()
    }

    /// The reply's bytes, large values spliced in.
    func run(_ words: [[UInt8]]) -> [UInt8] {
        let bytes: [UInt8] = Array(words.joined()) + [0]
        var ranges: [ArgumentRange] = []
        var offset: Int32 = 0
        for word in words {
            ranges.append(ArgumentRange(offset: offset, count: word.count))
            offset += Int32(word.count)
        }
        ranges.withUnsafeBufferPointer { ranges in
            bytes.withUnsafeBufferPointer { bytes in
                withUnsafeTemporaryAllocation(of: SharedBlock.self, capacity: 1) { blocks in
                    guard let first = ranges.baseAddress, let start = bytes.baseAddress,
                        let block = blocks.baseAddress
                    else { return }
                    let arguments = Arguments(
                        ranges: first, count: ranges.count, buffer: start, side: start, blocks: UnsafePointer(block))
                    _ = executor.dispatch(
                        CommandTable.shared.find(arguments[0]), arguments, reply: reply, session: session)
                }
            }
        }
        return takeReply()
    }

    private func takeReply() -> [UInt8] {
        var sent: [UInt8] = []
        while reply.pointee.hasOutput {
            var count = 0
            withUnsafeTemporaryAllocation(of: OutputPiece.self, capacity: 16) { pieces in
                pieces.initialize(repeating: OutputPiece(start: nil, count: 0))
                for index in 0..<reply.pointee.gather(into: pieces) {
                    sent += UnsafeRawBufferPointer(start: pieces[index].start, count: pieces[index].count)
                    count += pieces[index].count
                }
            }
            reply.pointee.consume(count) { token in
                guard let address = UnsafeMutableRawPointer(bitPattern: token) else { return }
                SharedBlock(address: address).release()
            }
        }
        return sent
    }

    /// One line, split at spaces; `''` is an empty word. The reply as text, line ends shown as `|`.
    func line(_ text: String) -> String {
        let words = text.split(separator: " ").map { $0 == "''" ? [] : Array($0.utf8) }
        return Self.shown(run(words))
    }

    static func shown(_ reply: [UInt8]) -> String {
        var text = ""
        for byte in reply where byte != 0x0D {
            switch byte {
            case 0x0A: text += "|"
            case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\" + String(byte, radix: 16)
            }
        }
        return String(text.dropLast())
    }

    /// Gives a key a type that is no string.
    func makeSet(_ key: String) {
        Array(key.utf8).withView { name in
            let partition = partitions[Slots.partition(of: name)]
            KeyHandle(
                partition: partition, context: executor.context, database: 0, hash: partition.pointee.hash(of: name),
                name: name
            ).addElement([1])
        }
    }
}
