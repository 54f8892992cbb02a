/// One whole node of the shipping core: 256 partitions in plain memory, an executor that is lent them without
/// locks, one client, and a window that peers read. Time is what the simulation says it is.
import Base
import CRDT
import Commands
import Core
import Engine
import RESP
import Replication
import Wire

/// Lends what nobody else can reach.
public struct PlainLending: PartitionLending {
    public init() {}
    public func acquire(_ partition: Int) {}
    public func release(_ partition: Int) {}
    public func ticks() -> UInt64 { 0 }
}

/// What anybody sees of a key at some time.
public struct KeyView: Equatable, Sendable {
    public var value: VisibleValue?
    public var deadline: Int64?
}

/// A frame as it stands in its origin's window.
public struct SentFrame: Sendable {
    public let position: UInt64
    /// Which of the frames that stand there together.
    public let number: Int
    public let header: FrameHeader
    public let keys: [DatabaseKey]
}

/// A heartbeat as it stands among its origin's frames.
public struct Beat: Sendable {
    public let framesBefore: Int
    public let fences: Versions
    public let cut: Stamp
}

/// An entry of a log.
public struct SimEntry: Equatable, Sendable {
    public let kind: Int
    public let content: [UInt8]
    /// The position in the window behind it.
    public let end: UInt64
    /// What follows is in the log with it or not at all.
    public var continues = false
}

/// Whoever takes entries out of the log buffer: the node itself, where one thread does everything.
private final class Reader: @unchecked Sendable {
    weak var node: SimNode?
}

public final class SimNode {
    public let replica: Replica
    public let node: Node
    public var executor: Executor<PlainLending>
    public private(set) var sent: [SentFrame] = []
    /// Of each partition, the stamps of all frames sent.
    public private(set) var stamps: [Int: Set<Stamp>] = [:]
    /// What went wrong while reading back the own window.
    public private(set) var failures: [String] = []
    public private(set) var beats: [Beat] = []
    public private(set) var fences = Versions()
    private var stability = Stability()

    private let memory: UnsafeMutableRawPointer
    private let windowMemory: UnsafeMutableRawPointer
    private let session: UnsafeMutablePointer<Session>
    private let reply: UnsafeMutablePointer<ReplyWriter>
    private let noBlocks = UnsafeMutablePointer<SharedBlock>.allocate(capacity: 1)
    private var query = ByteBuffer()
    private var parser = RequestParser()
    private var list = ArgumentList()
    private var readPosition: UInt64
    /// What has been entered into the log and not yet been taken from here.
    private var entries: [SimEntry] = []
    private var openGroups = 0

    private static let strideBytes = (MemoryLayout<Partition>.stride + 63) & ~63
    private static let databases = 2
    public static let windowBytes = 1 << 20

    /// A window that is small is overrun now and then by whoever does not read it.
    public init(
        replica: Replica, counted: [Replica], seed: UInt64, windowBytes: Int = SimNode.windowBytes,
        start: UInt64 = 0, keepsLog: Bool = false
    ) {
        self.replica = replica
        readPosition = start
        let reader = Reader()
        let log = keepsLog ? LogBuffer(hastenReader: { reader.node?.drainWindow() }) : nil
        memory = .allocate(byteCount: Self.strideBytes * Slots.partitionCount, alignment: 64)
        windowMemory = .allocate(byteCount: windowBytes, alignment: 64)
        windowMemory.initializeMemory(as: UInt8.self, repeating: 0, count: windowBytes)
        let partitions = PartitionArray(first: memory, strideBytes: Self.strideBytes)
        for index in 0..<Slots.partitionCount {
            partitions[index].initialize(
                to: Partition(index: index, replica: replica, databases: Self.databases, hashSeed: seed))
            if counted != [replica] { partitions[index].pointee.startCounting() }
        }
        let statistics = LoopStatistics(rowCount: CommandTable.shared.rowCount)
        node = Node(
            replica: replica, databaseCount: Self.databases, partitions: partitions,
            window: Window(capacity: windowBytes, memory: windowMemory, start: start, log: log),
            statistics: [statistics])
        executor = Executor(
            node: node, lending: PlainLending(), statistics: statistics, random: SeededRandom(seed: seed))
        session = .allocate(capacity: 1)
        session.initialize(to: Session(id: 1, isAuthenticated: true))
        reply = .allocate(capacity: 1)
        reply.initialize(to: ReplyWriter())
        // Whoever nobody counts applies everything and never settles.
        if counted.contains(replica) { stability.count(counted) }
        reader.node = self
    }

    deinit {
        for index in 0..<Slots.partitionCount { node.partitions[index].deinitialize(count: 1) }
        memory.deallocate()
        windowMemory.deallocate()
        session.deinitialize(count: 1)
        session.deallocate()
        reply.deinitialize(count: 1)
        reply.deallocate()
        noBlocks.deallocate()
    }

    public func setClock(_ unixMilliseconds: Int64) {
        executor.context.pointee.nowMilliseconds = unixMilliseconds
        executor.context.pointee.access.seconds = UInt32(truncatingIfNeeded: unixMilliseconds / 1000)
    }

    public func partition(_ index: Int) -> UnsafeMutablePointer<Partition> { node.partitions[index] }

    /// The time at which a command that names these partitions runs.
    public func moment(_ partitions: [Int]) -> Int64 {
        partitions.reduce(executor.context.pointee.nowMilliseconds) {
            max($0, node.partitions[$1].pointee.momentMilliseconds)
        }
    }

    // MARK: the client

    /// Runs one command as a client would send it. `plainly`: the way the server takes for one key.
    public func run(_ arguments: [[UInt8]], plainly: Bool = false) -> ReplyValue {
        query.append("*\(arguments.count)\r\n")
        for argument in arguments {
            query.append("$\(argument.count)\r\n")
            query.append(argument)
            query.append("\r\n")
        }
        guard case .command(let range, _) = parser.next(query.view, into: &list, limits: ParserLimits()) else {
            preconditionFailure("the simulator sent a request that is none")
        }
        let call = Arguments(
            ranges: list.pointer(at: range.lowerBound), count: range.count, buffer: query.view.start,
            side: list.sideStart, blocks: UnsafePointer(noBlocks))
        let found = SecondType.table.find(call[0]) ?? CommandTable.shared.find(call[0])
        if plainly, let found, found.pointee.hasSingleKey, found.pointee.accepts(argumentCount: call.count),
            executor.admitsPlainly(found, session)
        {
            let key = call[found.pointee.firstKey]
            let partition = Slots.partition(of: key)
            _ = executor.runSingleKey(
                found, call, partition: partition, hash: node.partitions[partition].pointee.hash(of: key),
                reply: reply, session: session)
        } else {
            carryOut(executor.dispatch(found, call, reply: reply, session: session), found, call)
        }
        query.consume(parser.finishBatch(&list))
        drainWindow()
        var replies = ReplyParser()
        guard case .reply(let value) = replies.next(&reply.pointee.buffer), reply.pointee.buffer.isEmpty else {
            preconditionFailure("not exactly one reply")
        }
        return value
    }

    private func carryOut(_ effect: Effect, _ command: Command.Reference?, _ arguments: Arguments) {
        guard case .walk(let walk) = effect, let command else { return }
        while !executor.stepWalk(walk, bucketsMax: 8) {}
        executor.finishWalk(walk, command, arguments, reply: reply, session: session)
    }

    // MARK: stability

    /// Promises to write nothing more up to now, and tells what has been applied here.
    public func beat() {
        let sinceEpoch = UInt64(max(executor.context.pointee.nowMilliseconds - Stamp.epochMilliseconds, 0))
        let tick = sinceEpoch << Stamp.counterBits
        for partition in Workload.partitions { executor.raiseFence(partition, tick: tick) }
        fences.advance(to: Stamp(tick: tick, replica: replica))
        stability.note(applied: fences, cut: stability.cut, by: replica)
        beats.append(Beat(framesBefore: sent.count, fences: fences, cut: stability.cut))
        adopt()
    }

    /// Takes in what a node has told, all of whose earlier frames are here.
    public func hear(_ beat: Beat, from other: Replica) {
        fences.advance(to: beat.fences[other])
        stability.note(applied: beat.fences, cut: beat.cut, by: other)
        adopt()
    }

    private func adopt() {
        for partition in Workload.partitions {
            executor.adopt(partition, cut: stability.cut, settleCut: stability.settleCut, fences: fences)
        }
    }

    // MARK: frames

    /// Notes what has been written to the window since the last time.
    public func drainWindow() {
        guard node.window.log == nil else { return drainLog() }
        while let (frames, next) = readFrames(at: readPosition) {
            for (number, frame) in frames.enumerated() { note(frame.header, frame.records, number: number) }
            readPosition = next
        }
    }

    /// As the log's pump does: takes all that has been entered, and makes room.
    private func drainLog() {
        guard let log = node.window.log else { return }
        while let entry = node.window.entryForLog(at: readPosition) {
            if let kind = LogRecordKind(entry.kind)?.rawValue {
                var bytes = ByteBuffer()
                node.window.copy(readPosition, entry.length, into: &bytes)
                if let beside = log.takeBeside(readPosition) { bytes.append(beside.view) }
                if entry.kind.isOwn { noteOwn(kind, bytes.view) }
                entries.append(
                    SimEntry(kind: kind, content: bytes.array, end: entry.next, continues: openGroups > 0))
            } else {
                openGroups += entry.kind == .groupBegins ? 1 : -1
                if openGroups == 0, !entries.isEmpty { entries[entries.count - 1].continues = false }
            }
            readPosition = entry.next
            log.consume(upTo: readPosition)
        }
    }

    private func noteOwn(_ kind: Int, _ content: ByteView) {
        switch LogRecord(kind: kind, content) {
        case .largeFrame(let header, let records): note(header, records.array, number: 0)
        case .frames(var rest):
            var number = 0
            while !rest.isEmpty {
                guard let frame = try? FrameCodec.decode(rest) else {
                    preconditionFailure("node \(replica) wrote a frame that nobody can read")
                }
                note(frame.header, frame.records.array, number: number)
                number += 1
                rest = rest.dropFirst(frame.byteCount)
            }
        default: preconditionFailure("an entry of kind \(kind) among those written here")
        }
    }

    /// How far the window has been looked at.
    public var drainedPosition: UInt64 { readPosition }

    /// What has been entered into the log since this was last asked.
    public func takeEntries() -> [SimEntry] {
        drainWindow()
        defer { entries = [] }
        return entries
    }

    private func note(_ header: FrameHeader, _ records: [UInt8], number: Int) {
        var keys: [DatabaseKey] = []
        records.withView { bytes in
            var reader = ByteReader(bytes)
            while !reader.isAtEnd {
                guard let record = RecordCodec.decode(&reader) else {
                    failures.append("node \(replica) wrote a record that nobody can read")
                    return
                }
                if case .key(let key, _) = record { keys.append(key) }
            }
        }
        if Set(keys).count != keys.count { failures.append("two records of one key in \(header)") }
        sent.append(SentFrame(position: readPosition, number: number, header: header, keys: keys))
        stamps[header.partition, default: []].insert(header.stamp)
    }

    /// The next frames that this node wrote, of those at `position` and behind it: one, or the several of a MULTI,
    /// decoded from their bytes. Nil behind the last.
    public func readFrames(at position: UInt64) -> (frames: [(header: FrameHeader, records: [UInt8])], next: UInt64)? {
        var bytes = ByteBuffer()
        var position = position
        while true {
            switch node.window.read(at: position, into: &bytes) {
            case .end: return nil
            case .lost: preconditionFailure("the simulator's window is too small")
            case .skipped(let next): position = next
            case .frame(let next):
                var frames: [(header: FrameHeader, records: [UInt8])] = []
                var rest = bytes.view
                while !rest.isEmpty {
                    guard let frame = try? FrameCodec.decode(rest) else {
                        preconditionFailure("node \(replica) wrote a frame that nobody can read")
                    }
                    frames.append((frame.header, frame.records.array))
                    rest = rest.dropFirst(frame.byteCount)
                }
                return (frames, next)
            }
        }
    }

    public func receive(_ header: FrameHeader, _ records: [UInt8]) -> MergeOutcome {
        records.withView { executor.receive(header, records: $0, bytes: .empty) }
    }

    // MARK: looking

    public func view(_ key: [UInt8], at unixMilliseconds: Int64) -> KeyView {
        let context = executor.context
        let now = context.pointee.nowMilliseconds
        defer { context.pointee.nowMilliseconds = now }
        context.pointee.nowMilliseconds = unixMilliseconds
        return key.withView { name in
            let partition = node.partitions[Slots.partition(of: name)]
            let handle = KeyHandle(
                partition: partition, context: context, database: 0, hash: partition.pointee.hash(of: name), name: name)
            return KeyView(value: handle.visible, deadline: handle.visibleDeadline)
        }
    }

    #if DEBUG
        public func leaveOut(_ faults: Faults) {
            for index in 0..<Slots.partitionCount { node.partitions[index].pointee.leaveOut(faults) }
        }
    #endif
}
