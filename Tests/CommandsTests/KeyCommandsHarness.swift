/// One node without threads, driven command by command.
import Base
import Commands
import Core
import Engine
import RESP
import Replication

/// Nobody else is there: nothing to lock.
struct SoleLending: PartitionLending {
    func acquire(_ partition: Int) {}
    func release(_ partition: Int) {}
    func ticks() -> UInt64 { 0 }
}

final class KeyCommandsHarness {
    private let memory: UnsafeMutableRawPointer
    private let windowMemory: UnsafeMutableRawPointer
    private static let stride = (MemoryLayout<Partition>.size + 63) & ~63
    private let partitions: PartitionArray
    private var executor: Executor<SoleLending>
    private let session: UnsafeMutablePointer<Session>
    private let reply: UnsafeMutablePointer<ReplyWriter>
    /// Buckets a walk may look at before others get their turn.
    var walkBucketsMax = 4

    init(seed: UInt64 = 1) {
        memory = .allocate(byteCount: Self.stride * Slots.partitionCount, alignment: 64)
        let replica = Replica(node: 1, generation: 0)
        for index in 0..<Slots.partitionCount {
            (memory + index * Self.stride).bindMemory(to: Partition.self, capacity: 1).initialize(
                to: Partition(index: index, replica: replica, hashSeed: seed))
        }
        partitions = PartitionArray(first: memory, strideBytes: Self.stride)
        windowMemory = .allocate(byteCount: 1 << 20, alignment: 64)
        windowMemory.initializeMemory(as: UInt8.self, repeating: 0, count: 1 << 20)
        let statistics = LoopStatistics(rowCount: CommandTable.shared.rowCount)
        let node = Node(
            replica: replica, databaseCount: 16, partitions: partitions,
            window: Window(capacity: 1 << 20, memory: windowMemory), statistics: [statistics])
        executor = Executor(
            node: node, lending: SoleLending(), statistics: statistics, random: SeededRandom(seed: seed))
        session = .allocate(capacity: 1)
        session.initialize(to: Session(id: 1, isAuthenticated: true))
        reply = .allocate(capacity: 1)
        reply.initialize(to: ReplyWriter())
        nowMilliseconds = 1_800_000_000_000
    }

    deinit {
        for index in 0..<Slots.partitionCount { partitions[index].deinitialize(count: 1) }
        memory.deallocate()
        windowMemory.deallocate()
        session.deinitialize(count: 1)
        session.deallocate()
        reply.deinitialize(count: 1)
        reply.deallocate()
    }

    var nowMilliseconds: Int64 {
        get { executor.context.pointee.nowMilliseconds }
        set { executor.context.pointee.nowMilliseconds = newValue }
    }

    var seconds: UInt32 {
        get { executor.context.pointee.access.seconds }
        set { executor.context.pointee.access.seconds = newValue }
    }

    var countsFrequency: Bool {
        get { executor.context.pointee.access.countsFrequency }
        set { executor.context.pointee.access.countsFrequency = newValue }
    }

    var database: Int {
        get { session.pointee.database }
        set { session.pointee.database = newValue }
    }

    var framesWritten: UInt64 { executor.context.pointee.framesWritten }

    /// The reply's bytes. Between two slices of a walk `meanwhile` runs.
    func run(_ words: [[UInt8]], meanwhile: () -> Void = {}) -> [UInt8] {
        var request = ByteBuffer()
        request.append("*\(words.count)\r\n")
        for word in words {
            request.append("$\(word.count)\r\n")
            request.append(word)
            request.append("\r\n")
        }
        var parser = RequestParser()
        var list = ArgumentList()
        let view = request.view
        guard case .command(let range, _) = parser.next(view, into: &list, limits: ParserLimits()) else { return [] }
        return withUnsafeTemporaryAllocation(of: SharedBlock.self, capacity: 1) { none in
            guard let blocks = none.baseAddress else { return [] }
            let arguments = Arguments(
                ranges: list.pointer(at: range.lowerBound), count: range.count, buffer: view.start,
                side: list.sideStart, blocks: UnsafePointer(blocks))
            guard let command = CommandTable.shared.find(arguments[0]) else { return [] }
            let effect = executor.dispatch(command, arguments, reply: reply, session: session)
            if case .walk(let walk) = effect {
                let before = takeReply()
                precondition(before.isEmpty, "a walk replied before its end")
                while !executor.stepWalk(walk, bucketsMax: walkBucketsMax) { meanwhile() }
                executor.finishWalk(walk, command, arguments, reply: reply, session: session)
            }
            return takeReply()
        }
    }

    private func takeReply() -> [UInt8] {
        var bytes: [UInt8] = []
        withUnsafeTemporaryAllocation(of: OutputPiece.self, capacity: 64) { pieces in
            for piece in pieces[..<reply.pointee.gather(into: pieces)] {
                bytes += UnsafeRawBufferPointer(start: piece.start, count: piece.count)
            }
        }
        reply.pointee.removeAll { SharedBlock(token: $0)?.release() }
        return bytes
    }

    /// The reply as text, line ends shown as spaces.
    func callAsFunction(_ words: String...) -> String {
        let bytes = run(words.map { Array($0.utf8) })
        return String(decoding: bytes.map { $0 == 13 ? 32 : $0 }.filter { $0 != 10 }, as: UTF8.self)
            .trimmingEnd
    }

    /// The elements of a flat array of bulk strings, after `skipping` lines.
    func names(_ words: String..., skipping: Int = 1) -> [String] {
        Self.names(run(words.map { Array($0.utf8) }), skipping: skipping)
    }

    static func names(_ reply: [UInt8], skipping: Int) -> [String] {
        let lines = String(decoding: reply, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        var names: [String] = []
        var index = skipping + 1
        while index < lines.count {
            names.append(String(lines[index]))
            index += 2
        }
        return names.isEmpty ? [] : names
    }
}

extension SharedBlock {
    init?(token: UInt) {
        guard let address = UnsafeMutableRawPointer(bitPattern: token) else { return nil }
        self.init(address: address)
    }
}

extension String {
    fileprivate var trimmingEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
