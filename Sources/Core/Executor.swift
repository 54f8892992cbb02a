/// Runs commands against the partitions of a node and turns what they wrote into frames.
///
/// One per loop. A command runs where it arrives: the partitions of its keys are acquired in ascending order,
/// the handler runs, each partition it wrote gets its frame, the partitions are released. What is checked
/// before that stands in `Executor+Admission`, MULTI in `Executor+Transaction`, walks in `Executor+Walk`.
import Base
import CRDT
import Commands
import Engine
import RESP
import Replication
import Synchronization
import Wire

public struct Executor<Lending: PartitionLending>: ~Copyable {
    public let node: Node
    public let lending: Lending
    let partitions: PartitionArray
    public let context: UnsafeMutablePointer<ExecutionContext>
    public let statistics: LoopStatistics
    private var frames: FrameWriter
    /// When the command being run began.
    private var ticksAtStart: UInt64 = 0
    /// Whether the last dispatched command was let through, to run or to be queued.
    public internal(set) var hasAdmitted = false

    public init(node: Node, lending: Lending, statistics: LoopStatistics, random: SeededRandom) {
        self.node = node
        self.lending = lending
        self.statistics = statistics
        partitions = node.partitions
        context = .allocate(capacity: 1)
        context.initialize(to: ExecutionContext(random: random))
        context.pointee.keepsLargeRecords = node.window.log != nil
        frames = FrameWriter(window: node.window)
    }

    deinit {
        context.deinitialize(count: 1)
        context.deallocate()
    }

    /// A command with one key, whose partition and hash are known: the path of GET, SET and INCR.
    @inline(__always)
    public mutating func runSingleKey(
        _ command: Command.Reference, _ arguments: Arguments, partition: Int, hash: UInt64,
        reply: UnsafeMutablePointer<ReplyWriter>, session: UnsafeMutablePointer<Session>
    ) -> Effect {
        var call = Invocation(
            arguments: arguments, command: command, reply: reply, session: session, context: context,
            partitions: partitions, node: node, firstKeyHash: hash, firstKeyPartition: partition)
        lending.acquire(partition)
        let now = enter(partition)
        invoke(&call)
        commitOne(partition)
        context.pointee.nowMilliseconds = now
        lending.release(partition)
        return call.effect
    }

    /// Any other command: no key, several keys, or one not yet looked at.
    mutating func runKeyed(
        _ command: Command.Reference, _ arguments: Arguments, reply: UnsafeMutablePointer<ReplyWriter>,
        session: UnsafeMutablePointer<Session>
    ) -> Effect {
        var call = Invocation(
            arguments: arguments, command: command, reply: reply, session: session, context: context,
            partitions: partitions, node: node)
        guard command.pointee.firstKey > 0 else {
            invoke(&call)
            return call.effect
        }
        let named = partitions(of: command, arguments)
        named.forEach { lending.acquire($0) }
        let now = enter(named)
        context.pointee.accumulates = !command.pointee.hasSingleKey && command.pointee.flags.contains(.write)
        invoke(&call)
        commit(named)
        context.pointee.nowMilliseconds = now
        named.forEach { lending.release($0) }
        return call.effect
    }

    /// Brings the time up to the partition's clock, which a peer with a fast clock may have set ahead: a command
    /// must see the key as of the stamp it will write under. Returns the loop's time, to be put back.
    @inline(__always)
    func enter(_ partition: Int) -> Int64 {
        let now = context.pointee.nowMilliseconds
        let moment = partitions[partition].pointee.momentMilliseconds
        if moment > now { context.pointee.nowMilliseconds = moment }
        return now
    }

    /// The same for all partitions a command names: one moment for all of it.
    func enter(_ named: PartitionSet) -> Int64 {
        let now = context.pointee.nowMilliseconds
        named.forEach { _ = enter($0) }
        return now
    }

    /// The partitions of the keys a call names.
    func partitions(of command: Command.Reference, _ arguments: Arguments) -> PartitionSet {
        var named = PartitionSet()
        guard command.pointee.firstKey > 0 else { return named }
        let end = command.pointee.keyEnd(arguments.count)
        for index in stride(from: command.pointee.firstKey, to: end, by: command.pointee.keyStep) {
            named.insert(Slots.partition(of: arguments[index]))
        }
        return named
    }

    /// Writes the frames of all partitions of a set that were written, and ends the accumulation.
    mutating func commit(_ written: PartitionSet) {
        var count = 0
        written.forEach { if !partitions[$0].pointee.draftStamp.isZero { count += 1 } }
        if count > 0 {
            let isLimited = node.memoryLimitBytes.load(ordering: .relaxed) > 0
            written.forEach {
                frames.commit(partitions[$0], context, isGrouped: count > 1)
                if isLimited { node.report(partitions[$0]) }
            }
            frames.endGroup()
        }
        context.pointee.endAccumulating()
    }

    @inline(__always)
    mutating func commitOne(_ index: Int) {
        frames.commit(partitions[index], context, isGrouped: false)
        if node.memoryLimitBytes.load(ordering: .relaxed) > 0 { node.report(partitions[index]) }
    }

    /// To be called before the first command of a batch.
    @inline(__always)
    public mutating func startTiming() { ticksAtStart = lending.ticks() }

    /// Runs the handler, counts it, and turns what it throws into the error reply.
    @inline(__always)
    mutating func invoke(_ call: inout Invocation) {
        do {
            try call.command.pointee.handler(&call)
        } catch {
            fail(&call, error)
        }
        // One reading a command: where one ends the next begins.
        let now = lending.ticks()
        let elapsed = now &- ticksAtStart
        ticksAtStart = now
        statistics.count(call.command.pointee.index, ticks: elapsed)
        if elapsed > node.slowTicks.load(ordering: .relaxed) { noteSlow(&call, elapsed) }
    }

    @inline(never)
    private func fail(_ call: inout Invocation, _ error: CommandError) {
        statistics.countFailure(call.command.pointee.index)
        refuse(error, call.replyPointer)
    }

    /// The error reply, counted by its code.
    func refuse(_ error: CommandError, _ reply: UnsafeMutablePointer<ReplyWriter>) {
        switch error {
        case .fixed(let text):
            reply.pointee.error(text)
            statistics.countError(ByteView(text))
        case .built, .bytes:
            error.text.withView {
                reply.pointee.error($0)
                statistics.countError($0)
            }
        }
    }

    @inline(never)
    private func noteSlow(_ call: inout Invocation, _ ticks: UInt64) {
        node.noteSlow(call, ticks: ticks)
    }
}
