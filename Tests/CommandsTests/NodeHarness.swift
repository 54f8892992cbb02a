/// One node without threads, whose server commands are driven one by one.
import Base
import Commands
import Core
import Engine
import Options
import RESP
import Replication

/// Nobody else is there: nothing to lock. Every command takes the ticks it is told to.
final class TickingLending: PartitionLending, @unchecked Sendable {
    var now: UInt64 = 0
    /// What each reading of the clock adds.
    var step: UInt64 = 0

    func acquire(_ partition: Int) {}
    func release(_ partition: Int) {}

    func ticks() -> UInt64 {
        now += step
        return now
    }
}

final class NodeHarness {
    private let memory: UnsafeMutableRawPointer
    private let windowMemory: UnsafeMutableRawPointer
    private static let stride = (MemoryLayout<Partition>.size + 63) & ~63
    private let partitions: PartitionArray
    private var executor: Executor<TickingLending>
    private let reply: UnsafeMutablePointer<ReplyWriter>
    let session: UnsafeMutablePointer<Session>
    let lending = TickingLending()
    let node: Node
    private(set) var requests: [HostRequest] = []
    /// What the last EXEC left to be answered.
    private(set) var ordered: [OrderedRequest] = []

    init(seed: UInt64 = 1, settings: Settings = Settings(), process: ProcessInterface = ProcessInterface()) {
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
        node = Node(
            replica: replica, databaseCount: 16, partitions: partitions,
            window: Window(capacity: 1 << 20, memory: windowMemory), statistics: [statistics], settings: settings,
            process: process)
        executor = Executor(node: node, lending: lending, statistics: statistics, random: SeededRandom(seed: seed))
        executor.context.pointee.nowMilliseconds = 1_800_000_000_000
        session = .allocate(capacity: 1)
        session.initialize(to: Session(id: 7, isAuthenticated: settings.text(.requirepass).isEmpty))
        session.pointee.address = Array("127.0.0.1:5000".utf8)
        reply = .allocate(capacity: 1)
        reply.initialize(to: ReplyWriter())
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

    func publishCounters() { executor.publishCounters() }

    func run(_ words: [[UInt8]]) -> [UInt8] {
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
            let found = CommandTable.shared.find(arguments[0])
            let effect = executor.dispatch(found, arguments, reply: reply, session: session)
            switch effect {
            case .walk(let walk):
                guard let found else { break }
                while !executor.stepWalk(walk, bucketsMax: 4) {}
                executor.finishWalk(walk, found, arguments, reply: reply, session: session)
            case .host(let request): requests.append(request)
            case .hostList(let list): ordered = list
            default: break
            }
            let bytes = reply.pointee.buffer.array
            reply.pointee.removeAll { _ in }
            return bytes
        }
    }

    /// The reply as text, line ends shown as spaces.
    func callAsFunction(_ words: String...) -> String {
        let bytes = run(words.map { Array($0.utf8) })
        let text = String(decoding: bytes.map { $0 == 13 ? 32 : $0 }.filter { $0 != 10 }, as: UTF8.self)
        return text.last == " " ? String(text.dropLast()) : text
    }

    /// The text of a bulk reply.
    func text(_ words: String...) -> String {
        let bytes = run(words.map { Array($0.utf8) })
        guard let end = bytes.firstIndex(of: 10) else { return "" }
        return String(decoding: bytes[(end + 1)...].dropLast(2), as: UTF8.self)
    }
}
