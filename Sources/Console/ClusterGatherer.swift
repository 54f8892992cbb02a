/// The nodes of a cluster, found and asked: from one that is named to all that know each other.
///
/// Everything waits for all nodes together, never longer than its limits; a node that does not answer is a reading that
/// says so. Whoever has been found stays, so that a node that goes down keeps its row.
import Base
import OS

final class ClusterGatherer {
    /// A node, named by the user or told of by another.
    private final class Member {
        let link: ClusterLink
        var reading: NodeReading

        init(_ endpoint: ClusterEndpoint, label: String? = nil) {
            link = ClusterLink(endpoint)
            reading = NodeReading(label: label ?? endpoint.address, address: endpoint.address)
        }
    }

    private var members: [Member] = []
    private var unaddressed: [PeerReading] = []
    private let firstAddress: String
    let discovers: Bool
    var limits: ClusterLimits
    /// Looked at while waiting: Ctrl-C.
    var isStopped: () -> Bool = { false }

    /// A cluster has 255 nodes at most; who tells of more makes them up.
    private static let membersMax = 255

    init(_ seeds: [ClusterEndpoint], discovers: Bool = true, limits: ClusterLimits = ClusterLimits()) {
        self.discovers = discovers
        self.limits = limits
        firstAddress = seeds.first?.address ?? ""
        for seed in seeds where !members.contains(where: { $0.link.endpoint.address == seed.address }) {
            members.append(Member(seed))
        }
    }

    /// The place in readings of the node that was named first.
    var placeNamedFirst: Int { members.firstIndex { $0.link.endpoint.address == firstAddress } ?? 0 }

    // MARK: Asking

    /// Asks the nodes at these places of the reading, all at once. By place: replies or a reason.
    func ask(
        _ requests: [Int: [[[UInt8]]]], silenceMilliseconds: Int64? = nil
    ) -> [Int: ClusterLink.Outcome] {
        let now = SystemClock.monotonicMilliseconds
        let asked = requests.keys.sorted().filter { !(requests[$0] ?? []).isEmpty }
        for place in asked {
            members[place].link.ask(
                requests[place] ?? [], connectMilliseconds: limits.connectMilliseconds,
                silenceMilliseconds: silenceMilliseconds ?? limits.silenceMilliseconds, now: now)
        }
        ClusterPoll.wait(for: asked.map { members[$0].link }, isStopped: isStopped)
        var outcomes: [Int: ClusterLink.Outcome] = [:]
        for place in asked { outcomes[place] = members[place].link.outcome ?? .failure("given up") }
        return outcomes
    }

    /// The same question to many: replies where all came, in order.
    func replies(
        from places: [Int], _ requests: [[[UInt8]]], silenceMilliseconds: Int64? = nil
    ) -> [Int: [ClusterReply]] {
        let outcomes = ask(
            Dictionary(uniqueKeysWithValues: places.map { ($0, requests) }), silenceMilliseconds: silenceMilliseconds)
        return outcomes.compactMapValues { outcome in
            if case .replies(let replies) = outcome { replies } else { nil }
        }
    }

    // MARK: Reading

    static let readingRequests: [[[UInt8]]] = [[Array("INFO".utf8)], [Array("A2.PEERS".utf8)]]

    /// Asks everybody who they are and how they do, and those of whom they tell.
    func read() -> ClusterReading {
        let refresh = beginReading()
        while true {
            ClusterPoll.wait(for: refresh.links, isStopped: isStopped)
            if let reading = finish(refresh) { return reading }
        }
    }

    /// A reading on its way.
    final class Refresh {
        /// Places that have been asked, and those of them whose answers have been taken in.
        fileprivate var asked: [Int]
        fileprivate(set) var links: [ClusterLink]

        fileprivate init(_ asked: [Int], _ links: [ClusterLink]) {
            self.asked = asked
            self.links = links
        }
    }

    /// Asks without waiting for the answers.
    func beginReading() -> Refresh {
        let places = Array(members.indices)
        askForReading(places)
        return Refresh(places, members.map(\.link))
    }

    private func askForReading(_ places: [Int]) {
        for place in places {
            members[place].link.ask(
                Self.readingRequests, connectMilliseconds: limits.connectMilliseconds,
                silenceMilliseconds: limits.silenceMilliseconds, now: SystemClock.monotonicMilliseconds)
        }
    }

    /// Nil while answers are awaited, also those of nodes that were just told of.
    func finish(_ refresh: Refresh) -> ClusterReading? {
        guard !refresh.links.contains(where: \.isBusy) else { return nil }
        for place in refresh.asked { take(members[place].link.outcome ?? .failure("given up"), place) }
        let known = members.count
        if discovers, !isStopped() { discover() }
        if members.count > known {
            refresh.asked = Array(known..<members.count)
            refresh.links = refresh.asked.map { members[$0].link }
            askForReading(refresh.asked)
            return nil
        }
        identifySilent()
        sortOnce()
        var reading = ClusterReading(nodes: members.map(\.reading), unaddressed: unaddressed)
        reading.makeLabelsUnique()
        return reading
    }

    private func take(_ outcome: ClusterLink.Outcome, _ place: Int) {
        let member = members[place]
        switch outcome {
        case .failure(let reason):
            member.reading.condition = .silent(reason)
            member.reading.peers = []
        case .replies(let replies):
            member.reading.take(information: replies[0], peers: replies[1])
            let (sent, received) = (member.link.sentNanoseconds, member.link.firstReplyNanoseconds)
            let wall = SystemClock.wallMicroseconds
            let since = (SystemClock.monotonicNanoseconds - (sent + received) / 2) / 1000
            member.reading.takeClock(
                information: replies[0], roundTripMicroseconds: (received - sent) / 1000,
                middleUnixMicroseconds: wall - since)
        }
    }

    /// Adds those of whom the nodes tell and who are not there yet.
    private func discover() {
        unaddressed = []
        for teller in members {
            for peer in teller.reading.peers where peer.isPresent {
                guard !members.contains(where: { $0.reading.id == peer.id }) else { continue }
                guard let endpoint = teller.link.endpoint.sibling(peer.clientAddress) else {
                    if !unaddressed.contains(where: { $0.id == peer.id }) { unaddressed.append(peer) }
                    continue
                }
                if members.contains(where: { $0.link.endpoint.address == endpoint.address }) { continue }
                guard members.count < Self.membersMax else { return }
                let member = Member(endpoint, label: peer.name.isEmpty ? nil : peer.name)
                member.reading.id = peer.id
                member.reading.region = peer.region
                members.append(member)
            }
        }
    }

    /// Of a node that has never answered, its peers know who it is.
    private func identifySilent() {
        for member in members where member.reading.condition.isSilent && member.reading.id == nil {
            let told = members.lazy.flatMap(\.reading.peers).first {
                $0.isPresent && $0.clientAddress == member.link.endpoint.address
            }
            guard let told, !members.contains(where: { $0.reading.id == told.id }) else { continue }
            member.reading.id = told.id
            member.reading.region = told.region
            if !told.name.isEmpty { member.reading.label = told.name }
        }
        unaddressed.removeAll { peer in members.contains { $0.reading.id == peer.id } }
    }

    /// By node id, others last; those found later come behind, so that nobody's place changes.
    private var isSorted = false

    private func sortOnce() {
        guard !isSorted else { return }
        isSorted = true
        members = members.enumerated().sorted { left, right in
            let (leftID, rightID) = (left.element.reading.id ?? 256, right.element.reading.id ?? 256)
            return leftID != rightID ? leftID < rightID : left.offset < right.offset
        }.map(\.element)
    }

    /// The connection to a place of the reading, for whoever asks in a way of his own.
    func link(_ place: Int) -> ClusterLink { members[place].link }

    func close() { for member in members { member.link.close() } }
}

extension ClusterReading {
    /// Documents name nodes by their labels: of two alike, all but the first say where they are.
    mutating func makeLabelsUnique() {
        var seen = Set<String>()
        for index in nodes.indices where !seen.insert(nodes[index].label).inserted {
            nodes[index].label += " (\(nodes[index].address))"
            seen.insert(nodes[index].label)
        }
    }

    /// Places of the nodes of a2 that answer.
    var answering: [Int] { nodes.indices.filter { nodes[$0].isAnswering } }
}

extension NodeReading {
    /// Takes in the replies to INFO and A2.PEERS.
    mutating func take(information: ClusterReply, peers reply: ClusterReply) {
        if let error = information.error {
            condition = .silent(error)
            peers = []
            return
        }
        take(information: information.informationFields)
        peers = isAnswering ? (reply.elements ?? []).compactMap { PeerReading($0) } : []
    }

    /// The node's clock was read at some time between question and reply; half way is the best guess.
    mutating func takeClock(information: ClusterReply, roundTripMicroseconds: Int64, middleUnixMicroseconds: Int64) {
        roundTripMilliseconds = Double(roundTripMicroseconds) / 1000
        guard let theirs = information.informationFields["server_time_usec"].flatMap({ Int64($0) }) else { return }
        clockOffsetMilliseconds = Double(theirs &- middleUnixMicroseconds) / 1000
    }
}
