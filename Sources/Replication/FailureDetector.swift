/// Who of the peers is up, as far as this node can tell. It reports and dials; it decides nothing about stability.
///
/// After SWIM, over the links that exist anyway: every node hears every other one several times a second, so nobody has
/// to be chosen to be pinged. What a heartbeat says of the others is first-hand, the time since its sender itself heard
/// them; a peer that is silent here but heard elsewhere is unreachable from here, not dead. On silence a few others, in
/// turn, are asked directly as well, because a reply to a question is known to be new.
///
/// Suspicion travels with the incarnation of the suspect that it is about; the suspect answers by raising it. A word
/// about a lower incarnation is old and has no effect.
import Base

/// What this node thinks of a peer.
public enum PeerCondition: UInt8, Sendable, CaseIterable {
    case alive
    /// We do not hear it, others do.
    case unreachable
    /// Nobody we know of hears it.
    case suspect
    /// It has been suspect long enough for somebody to vouch for it, or for itself to answer.
    case dead

    public var name: String {
        switch self {
        case .alive: "alive"
        case .unreachable: "unreachable from here"
        case .suspect: "suspect"
        case .dead: "dead"
        }
    }
}

public enum DetectorEvent: Equatable, Sendable {
    /// Ask the helper whether it hears `about`.
    case probe(helper: Replica, sequence: UInt64, about: Replica)
    case changed(Replica, from: PeerCondition, to: PeerCondition)
    /// This node was thought to be gone and has raised its incarnation.
    case refuted(incarnation: UInt64)
}

public struct FailureDetector: Sendable {
    public let own: Replica
    /// What this node's heartbeats carry: raised to refute a suspicion of it.
    public private(set) var incarnation: UInt64
    private let timing: DetectorTiming
    private var random: SeededRandom
    /// Ascending by replica.
    private var peers: [PeerHearing] = []
    private var probes: [OutstandingProbe] = []
    private var lastSequence: UInt64 = 0
    private var lastTickMilliseconds: Int64?
    private var hasRefuted = false

    private struct OutstandingProbe: Sendable {
        var sequence: UInt64
        var helper: Replica
        var about: Replica
        var sentAtMilliseconds: Int64
    }

    public init(own: Replica, timing: DetectorTiming = DetectorTiming(), random: SeededRandom, incarnation: UInt64 = 1)
    {
        self.own = own
        self.timing = timing
        self.random = random
        self.incarnation = incarnation
    }

    // MARK: Whom to watch

    /// Watches exactly these from now on; whoever is new gets the time of a suspicion to be heard.
    public mutating func watch(_ replicas: [Replica], _ now: Moment) {
        peers.removeAll { !replicas.contains($0.replica) }
        probes.removeAll { !replicas.contains($0.about) || !replicas.contains($0.helper) }
        for replica in replicas where replica != own && index(of: replica) == nil {
            peers.append(PeerHearing(replica, now.monotonicMilliseconds))
        }
        peers.sort { $0.replica < $1.replica }
    }

    public var watched: [Replica] { peers.map(\.replica) }

    private func index(of replica: Replica) -> Int? { peers.firstIndex { $0.replica == replica } }

    // MARK: What is heard

    /// Anything came on a link with the peer. `incarnation`: where it was a heartbeat, what that carried.
    public mutating func heard(from replica: Replica, incarnation: UInt64? = nil, _ now: Moment) {
        guard let index = index(of: replica) else { return }
        peers[index].heard(incarnation: incarnation, now.monotonicMilliseconds)
    }

    public mutating func measured(roundTripMilliseconds: Int64, with replica: Replica) {
        guard let index = index(of: replica) else { return }
        peers[index].roundTrip.measured(milliseconds: roundTripMilliseconds)
    }

    /// A heartbeat of `author` says this of somebody.
    public mutating func learn(_ report: PeerReport, from author: Replica, _ now: Moment) {
        let underWay = index(of: author).map { peers[$0].roundTrip.milliseconds / 2 } ?? 0
        learn(report, from: author, saidAtMilliseconds: now.monotonicMilliseconds - underWay, now)
    }

    /// The answer to a probe; one that was not asked for, or came twice, has no effect.
    public mutating func learn(sequence: UInt64, _ report: PeerReport, from helper: Replica, _ now: Moment) {
        let asked = probes.firstIndex { probe in
            probe.sequence == sequence && probe.helper == helper && probe.about == report.replica
        }
        guard let asked else { return }
        // It was said after we had asked, however long the answer was under way.
        learn(report, from: helper, saidAtMilliseconds: probes.remove(at: asked).sentAtMilliseconds, now)
    }

    private mutating func learn(
        _ report: PeerReport, from author: Replica, saidAtMilliseconds: Int64, _ now: Moment
    ) {
        if report.replica == own { return refute(report) }
        guard author != report.replica, let index = index(of: report.replica) else { return }
        peers[index].learn(report, saidAtMilliseconds: saidAtMilliseconds, now.monotonicMilliseconds, timing)
    }

    private mutating func refute(_ report: PeerReport) {
        // One that cannot be raised any more is nobody's.
        guard report.incarnation < .max else { return }
        if report.health > .alive, report.incarnation >= incarnation {
            incarnation = report.incarnation + 1
            hasRefuted = true
        } else if report.incarnation > incarnation {
            // They remember what we said before a restart.
            incarnation = report.incarnation
        }
    }

    // MARK: What is said

    /// What a heartbeat says of the others; twice a second is enough. Ascending by replica.
    public func reports(_ now: Moment) -> [PeerReport] { peers.map { $0.report(now.monotonicMilliseconds) } }

    /// The answer to a probe; nil where there is nothing to say.
    public func report(on replica: Replica, _ now: Moment) -> PeerReport? {
        if replica == own {
            return PeerReport(own, incarnation: incarnation, health: .alive, heardMilliseconds: 0)
        }
        return index(of: replica).map { peers[$0].report(now.monotonicMilliseconds) }
    }

    public func condition(of replica: Replica) -> PeerCondition? { index(of: replica).map { peers[$0].condition } }

    public func roundTrip(with replica: Replica) -> RoundTrip? { index(of: replica).map { peers[$0].roundTrip } }

    /// How long nothing has come from the peer itself; nil where nothing ever has.
    public func silentMilliseconds(of replica: Replica, _ now: Moment) -> Int64? {
        guard let index = index(of: replica), let heardAt = peers[index].heardAtMilliseconds else { return nil }
        return max(now.monotonicMilliseconds - heardAt, 0)
    }

    // MARK: The passing of time

    /// To be called at least twice a second.
    public mutating func tick(_ now: Moment) -> [DetectorEvent] {
        let present = now.monotonicMilliseconds
        excuseOwnPause(present)
        var events: [DetectorEvent] = []
        if hasRefuted { events.append(.refuted(incarnation: incarnation)) }
        hasRefuted = false
        probes.removeAll { present - $0.sentAtMilliseconds > timing.suspectMilliseconds }
        for index in peers.indices {
            if peers[index].isProbeDue(present, timing) { probe(index, present, &events) }
            peers[index].judge(present, timing)
            if let change = peers[index].takeChange() {
                events.append(.changed(peers[index].replica, from: change, to: peers[index].condition))
            }
        }
        return events
    }

    /// While this process stood still nobody could be heard: that is nobody's silence.
    private mutating func excuseOwnPause(_ present: Int64) {
        let gap = present - (lastTickMilliseconds ?? present)
        lastTickMilliseconds = present
        guard gap > 2 * timing.probeMilliseconds else { return }
        for index in peers.indices { peers[index].shift(by: gap, atMost: present) }
    }

    /// Asks up to three of those that are heard, the next ones each time: a single one that hears the peer is found,
    /// however many others there are.
    private mutating func probe(_ index: Int, _ present: Int64, _ events: inout [DetectorEvent]) {
        let about = peers[index].replica
        peers[index].probeAtMilliseconds = present + timing.probeMilliseconds
        let helpers = peers.filter { $0.replica != about && $0.isHeard(present, timing) }.map(\.replica)
        guard !helpers.isEmpty else { return }
        let first = peers[index].helperTurn ?? random.below(helpers.count)
        let count = min(timing.helperCount, helpers.count)
        for turn in 0..<count {
            lastSequence += 1
            let helper = helpers[(first + turn) % helpers.count]
            probes.append(
                OutstandingProbe(
                    sequence: lastSequence, helper: helper, about: about, sentAtMilliseconds: present))
            events.append(.probe(helper: helper, sequence: lastSequence, about: about))
        }
        peers[index].helperTurn = (first + count) % helpers.count
    }
}
