/// One process of a cluster: a node with its data, a client's executor and its replication, from start to end.
/// Whoever comes back after a crash is another one of these: nothing is left of the former but its address.
import Base
import CRDT
import Commands
import Core
import Engine
import Replication

/// A node's clocks, as far as they are from the time of the simulation.
struct SimClock {
    var skewMilliseconds: Int64
    /// Parts in a million that the clock gains.
    var drift: Int64
    private let origin: Int64
    private let monotonicStart: Int64

    init(skewMilliseconds: Int64, drift: Int64, now: Int64, monotonicStart: Int64) {
        self.skewMilliseconds = skewMilliseconds
        self.drift = drift
        self.monotonicStart = monotonicStart
        origin = now
    }

    func moment(_ now: Int64) -> Moment {
        let gained = (now - origin) * drift / 1_000_000
        return Moment(
            unixMilliseconds: now + skewMilliseconds + gained,
            monotonicMilliseconds: monotonicStart + now - origin + gained)
    }
}

final class ClusterNode {
    struct Line {
        let severity: LogSeverity
        let text: String
    }

    /// One side of a connection as this node has it.
    struct Link {
        let number: Int
        let connection: Int
        let end: Int
        let input: UnsafeMutablePointer<ByteBuffer>
        var isClosing = false
    }

    let core: SimNode
    let replicator: Replicator<PlainLending>
    let settings: ReplicationSettings
    let life: Int
    var links: [Link] = []
    var nextLink = 1
    /// The turn that counts: earlier wishes may still be in the queue.
    var nextTurn = Int64.max
    var turns = 0
    var lines: [Line] = []
    /// It gave up its membership, or was shut out: it takes no part in what all must agree on.
    var isOutside = false
    /// A peer has refused it, and it is about to be ended and emptied. Others may take it, so its gate may be open; its
    /// clients have been sent elsewhere.
    var isGivenUp = false
    /// Asked to leave, and not gone before all it has is with somebody else.
    var isHandingOver: Bool { core.node.writeGate?.text.hasPrefix("READONLY this node leaves") == true }
    /// Others refuse it for what was written where they could not be reached: the operator has to start it empty.
    enum LastingRefusal { case forItsName, forItsCluster }
    var isRefused: LastingRefusal?
    /// Of these, how many got other stamps before anybody had seen them.
    var framesRestamped = 0
    var wasListening = false
    /// The name it was last seen under.
    var formerReplica: Replica
    /// Of its own frames, how many have been looked at.
    var framesRead = 0

    /// A snapshot being written, where there is a disk.
    var walk: ClusterWalk?
    /// What it had when it came back from its disk, by watched partition.
    var recovered: [Int: Versions] = [:]
    /// Its disk had all it ever told anybody.
    var isWhole = false

    convenience init(settings: ReplicationSettings, life: Int, windowBytes: Int, random: inout SeededRandom) {
        let core = SimNode(
            replica: settings.replica, counted: [settings.replica], seed: random.next(), windowBytes: windowBytes)
        self.init(settings: settings, life: life, core: core, recovered: RecoveredPast(), random: &random)
    }

    init(
        settings: ReplicationSettings, life: Int, core: SimNode, recovered: RecoveredPast, random: inout SeededRandom
    ) {
        self.settings = settings
        self.life = life
        self.core = core
        formerReplica = settings.replica
        replicator = Replicator(
            node: core.node, lending: PlainLending(), settings: settings,
            statistics: LoopStatistics(rowCount: CommandTable.shared.rowCount),
            random: SeededRandom(seed: random.next()), recovered: recovered)
    }

    deinit { for link in links { Self.release(link) } }

    var replica: Replica { core.node.replica }
    var takesWrites: Bool { core.node.writeGate == nil }

    func addLink(connection: Int, end: Int) -> Int {
        let input = UnsafeMutablePointer<ByteBuffer>.allocate(capacity: 1)
        input.initialize(to: ByteBuffer())
        links.append(Link(number: nextLink, connection: connection, end: end, input: input))
        nextLink += 1
        return nextLink - 1
    }

    func index(link number: Int) -> Int? { links.firstIndex { $0.number == number } }

    func removeLink(_ number: Int) {
        guard let index = index(link: number) else { return }
        Self.release(links[index])
        links.remove(at: index)
    }

    private static func release(_ link: Link) {
        link.input.deinitialize(count: 1)
        link.input.deallocate()
    }

    func versions(_ partition: Int) -> Versions { core.partition(partition).pointee.versions }

    var report: ClusterReport { core.node.cluster.withLock { $0 } }
}
