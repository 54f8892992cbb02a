/// One thread, one epoll, and the connections it owns.
///
/// A turn is read all, execute all, write all: every ready socket is read, what arrived is executed, and only
/// then the replies go out, so that a turn's work shares warm caches and nobody waits for a send that another
/// client caused. Between turns the loop gives slices to walks under way and to the upkeep of its partitions.
/// Nothing here may block, but for the sync of the log that its clients wait for: see `LogPump`.
import Base
import Commands
import Core
import Engine
import OS
import RESP
import Replication
import Synchronization

final class EventLoop {
    let index: Int
    let shared: Shared
    /// Nil where nothing is kept on disk.
    let pump: LogPump?
    let node: Node
    let poller: Poller
    var executor: Executor<PartitionLocks>
    /// Of a clock that nobody sets, read once a turn: whatever waits goes by it. Stamps, and what becomes of keys, go by
    /// the time of day, which the executor has.
    private(set) var steadyMilliseconds: Int64 = 0
    var connections = ConnectionTable()
    let batch = Batch()
    let counters: LoopCounters
    var limits: ConnectionLimits
    var parserLimits: ParserLimits

    /// Listeners this loop accepts on; only the first loop has any.
    let listeners: [Int32]
    /// Slots with input to execute, and slots with output to send, in this turn.
    var ready: [Int] = []
    var scheduled: [Int] = []
    /// Slots whose socket may hold more than this turn's share.
    var unread: [Int] = []
    /// Slots with output that the socket would take.
    var unsent: [Int] = []
    /// Slots with a walk under way, and slots held for another reason that the tick looks after.
    var walking: [Int] = []
    /// All walks under way write, and must not now.
    var walksWait = false
    var held: [Int] = []
    /// When the first of the held may go on; later than it where that one has gone already.
    var nextDeadlineMilliseconds = Int64.max
    var monitors: [Int] = []
    /// Slots with replies that wait for the disk: `fsync always`.
    var withheld: [Int] = []
    /// Nothing is answered before what it may tell of is on the disk. Looked at once a turn.
    var withholds = false
    /// The log cannot take what this turn would write.
    var holdsWrites = false
    /// Slots to close at the end of the turn.
    var doomed: [Int] = []
    var isStopping = false
    var upkeep = Upkeep()
    var census = ClientCensus()
    var reports = LoopReports()

    /// For how long sockets are left alone at most.
    private static let disregardMillisecondsMax = 2
    static let mailboxToken = UInt64.max
    static let listenerTokenFirst = UInt64.max - 64

    init(index: Int, shared: Shared, pump: LogPump? = nil, listeners: [Int32]) throws(SystemError) {
        self.index = index
        self.shared = shared
        self.pump = pump
        self.listeners = listeners
        node = shared.node
        counters = shared.counters[index]
        limits = shared.limits
        parserLimits = ParserLimits(bulkBytesMax: limits.bulkBytesMax)
        poller = try Poller(capacity: 512)
        executor = Executor(
            node: node, lending: shared.locks, statistics: node.statistics[index],
            random: SeededRandom(seed: Entropy.seed))
        try poller.add(shared.mailboxes[index].wakeUp.descriptor, token: Self.mailboxToken, for: .read)
        for (position, listener) in listeners.enumerated() {
            try poller.addLevelTriggered(listener, token: Self.listenerTokenFirst + UInt64(position))
        }
    }

    /// Turns until told to stop and everything owed has been sent.
    func run() {
        readClock()
        while true {
            let count = awaitEvents()
            readClock()
            lookAtLog()
            // What another has brought to the disk does not wait for what this turn will write.
            if !withheld.isEmpty { sendWithheld() }
            LoopCounters.bump(counters.turns, 1)
            // Behind the count, which the watchdog reads after it.
            if counters.isAtDisk.load(ordering: .relaxed) { counters.isAtDisk.store(false, ordering: .releasing) }
            for position in 0..<count { take(poller[position]) }
            if !unread.isEmpty { receiveRest() }
            if !unsent.isEmpty { scheduleUnsent() }
            if steadyMilliseconds >= nextDeadlineMilliseconds { lookAfterHeld() }
            executeReady()
            if !walking.isEmpty { stepWalks() }
            flushScheduled()
            shared.peers.bell.ringIfAsleep(node.window)
            if withheld.isEmpty { shared.log?.ringIfAsleep(node.window) } else { seeToWithheld() }
            if !doomed.isEmpty { closeDoomed() }
            if steadyMilliseconds >= upkeep.nextTickMilliseconds { tick() }
            if upkeep.isBehind { continueUpkeep() }
            if isStopping, connections.count == 0 { return }
        }
    }

    /// While replies wait for the disk, nothing that arrives can be answered before those are. What the sockets get until
    /// then is for one turn, and one sync, instead of a turn for each: unless that takes long, or somebody has to be
    /// told that the disk is full.
    private func awaitEvents() -> Int {
        let pause = waitMilliseconds
        if withheld.isEmpty || pause == 0 || node.diskGate != nil { return poller.wait(timeoutMilliseconds: pause) }
        shared.mailboxes[index].wakeUp.wait(timeoutMilliseconds: min(pause, Self.disregardMillisecondsMax))
        return poller.wait(timeoutMilliseconds: 0)
    }

    /// What this turn may write, and whether its replies wait.
    @inline(__always)
    func lookAtLog() {
        guard let log = shared.log else { return }
        withholds = log.buffer.isSynchronous.load(ordering: .relaxed)
        holdsWrites = log.mustHold(node.window, nowMilliseconds: executor.context.pointee.nowMilliseconds)
    }

    /// Not at all while there is work, which the tick may have left; else until the next tick, or the end of a wait.
    private var waitMilliseconds: Int {
        let hasWork =
            !ready.isEmpty || !unread.isEmpty || !unsent.isEmpty || !walking.isEmpty && !walksWait
            || upkeep.isBehind
        if hasWork { return 0 }
        let next = min(upkeep.nextTickMilliseconds, nextDeadlineMilliseconds)
        return max(Int(next - steadyMilliseconds), 0)
    }

    @inline(__always)
    func readClock() {
        let now = SystemClock.wallMilliseconds
        executor.context.pointee.nowMilliseconds = now
        executor.context.pointee.access.seconds = UInt32(truncatingIfNeeded: now / 1000)
        steadyMilliseconds = SystemClock.monotonicMilliseconds
    }

    @inline(__always)
    private func take(_ event: PollEvent) {
        if event.token >= Self.listenerTokenFirst {
            if event.token == Self.mailboxToken { readMail() } else { accept(event.token) }
            return
        }
        guard let slot = connections.slot(of: event.token), let connection = connections[slot] else { return }
        if event.isClosed { connection.pointee.peerHasClosed = true }
        if event.isReadable { receive(slot, connection) }
        if event.isWritable, connection.reply.pointee.hasOutput { schedule(slot, connection) }
    }

    @inline(__always)
    func schedule(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.isScheduled { return }
        connection.pointee.isScheduled = true
        scheduled.append(slot)
    }

    @inline(__always)
    func makeReady(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.isReady { return }
        connection.pointee.isReady = true
        ready.append(slot)
    }

    /// Executes what has arrived whole on every ready connection.
    @inline(__always)
    func executeReady() {
        var position = 0
        while position < ready.count {
            let slot = ready[position]
            position += 1
            guard let connection = connections[slot] else { continue }
            connection.pointee.isReady = false
            if connection.pointee.isWithheld {
                connection.pointee.runsOnceSent = true
            } else {
                execute(slot, connection)
            }
        }
        ready.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    func execute(_ slot: Int, _ connection: UnsafeMutablePointer<Connection>) {
        let framesBefore = executor.context.pointee.framesWritten
        batch.execute(slot, connection, self)
        // One of them may have made it `always`.
        if let log = shared.log { withholds = log.buffer.isSynchronous.load(ordering: .relaxed) }
        // On a full disk nothing is written here, and what peers' frames wait for is not to be waited for by readers.
        if withholds, executor.context.pointee.framesWritten != framesBefore || node.diskGate == nil {
            connection.pointee.replyPosition = node.window.end
        }
        if connection.reply.pointee.hasOutput || connection.pointee.closesAfterReply
            || connection.pointee.hasEnded
        {
            schedule(slot, connection)
        }
    }

    /// Ends a connection: its watches, its place in the lists, its socket.
    func close(_ slot: Int) {
        guard let connection = connections[slot] else { return }
        executor.unwatch(connection.session)
        if connection.session.pointee.isMonitor {
            monitors.removeAll { $0 == slot }
            shared.monitorCount.subtract(1, ordering: .relaxed)
        }
        if connection.pointee.isHeld {
            forgetWaiting(connection)
            walking.removeAll { $0 == slot }
            held.removeAll { $0 == slot }
            counters.blockedClients.subtract(1, ordering: .relaxed)
        }
        unread.removeAll { $0 == slot }
        unsent.removeAll { $0 == slot }
        ready.removeAll { $0 == slot }
        scheduled.removeAll { $0 == slot }
        withheld.removeAll { $0 == slot }
        counters.repliesWithheld.store(withheld.count, ordering: .sequentiallyConsistent)
        poller.remove(connection.pointee.descriptor)
        connections.remove(slot)
        counters.clients.store(connections.count, ordering: .relaxed)
        shared.clientCount.subtract(1, ordering: .relaxed)
    }
}
