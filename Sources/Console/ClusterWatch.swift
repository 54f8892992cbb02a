/// A cluster watched without waiting: asked again and again in turns of somebody else's loop, for `:top` and the prompt.
///
/// How the nodes do and what their digests say are asked over two connections each, because a digest may take a node
/// long. What digests cost is bounded: between two comparisons there are at least fifty times as long as one took, or
/// five times where something has happened since that the last one cannot know of.
import Base
import OS

final class ClusterWatch {
    /// What the last two comparisons of all partitions said.
    struct Digests {
        /// Places of the reading that were compared.
        var places: [Int] = []
        var agreements: [Agreement] = []
        var looks: PartitionLooks?
        var monotonicMilliseconds: Int64 = 0

        func count(_ agreement: Agreement) -> Int { agreements.count { $0 == agreement } }

        /// Of one place: in how many partitions it shows otherwise than most. Nil where it was not compared.
        func differing(_ place: Int) -> (inFlight: Int, diverged: Int)? {
            guard let index = places.firstIndex(of: place) else { return nil }
            guard let looks else { return (0, 0) }
            var counts = (inFlight: 0, diverged: 0)
            for (agreement, look) in zip(agreements, looks.looks) where agreement != .equal {
                guard look.outliers.contains(index) else { continue }
                if agreement == .diverged { counts.diverged += 1 } else { counts.inFlight += 1 }
            }
            return counts
        }
    }

    private enum DigestPhase {
        case idle
        case roots([Int])
        case partitions([Int])
    }

    private let gatherer: ClusterGatherer
    private var refresh: ClusterGatherer.Refresh?
    private(set) var reading: ClusterReading?
    /// Grows with every reading.
    private(set) var readingNumber = 0
    private(set) var readMilliseconds: Int64 = 0
    var refreshMilliseconds: Int64
    private var nextRefresh: Int64 = 0

    private(set) var digests: Digests?
    private var phase = DigestPhase.idle
    private var digestLinks: [String: ClusterLink] = [:]
    private var digestStarted: Int64 = 0
    private var nextDigest: Int64 = 0
    /// Somebody waits for an answer: what differs is looked at again after one lag interval, whatever it costs.
    var isHurried = false
    private var digestRounds = 0
    private static let digestShare: Int64 = 50
    private static let digestShareAfterEvents: Int64 = 5
    private var digestEnded: Int64 = 0
    private var digestTook: Int64 = 0
    /// As it was when the last comparison ended.
    private var comparedEvents: Events?

    /// What makes nodes the same or lets them come apart: repairs, and links that go or come.
    private struct Events: Equatable {
        let keysRepaired: [Int64]
        let answering: [Int]
        let areAllLinksUp: Bool

        init(_ reading: ClusterReading) {
            keysRepaired = reading.nodes.map(\.keysRepaired)
            answering = reading.answering
            areAllLinksUp = reading.areAllLinksUp
        }
    }

    init(_ gatherer: ClusterGatherer, refreshMilliseconds: Int64 = 1000) {
        self.gatherer = gatherer
        self.refreshMilliseconds = refreshMilliseconds
    }

    /// What to poll for.
    var links: [ClusterLink] { (refresh?.links ?? []) + digestLinks.keys.sorted().compactMap { digestLinks[$0] } }

    /// When there is something to do again, if nothing happens before: monotonic milliseconds.
    var dueMilliseconds: Int64 {
        let soon = SystemClock.monotonicMilliseconds + 50
        if links.contains(where: \.isBusy) { return soon }
        return reading == nil ? nextRefresh : min(nextRefresh, nextDigest)
    }

    /// What this watch has asked the node at a place.
    func commandsSent(_ place: Int) -> Int64 {
        let link = gatherer.link(place)
        return link.commandsSent + (digestLinks[link.endpoint.address]?.commandsSent ?? 0)
    }

    /// There is a reading, and what its digests differed in has been looked at twice.
    var isComplete: Bool {
        guard let reading else { return false }
        guard reading.answering.count > 1 else { return true }
        if case .idle = phase {} else { return false }
        return digestRounds > 1 || digestRounds == 1 && (digests?.agreements.allSatisfy { $0 == .equal } ?? true)
    }

    func refreshNow() { nextRefresh = 0 }

    /// One turn: does what can be done, never waits. Whether there is something new.
    @discardableResult
    func turn(_ now: Int64) -> Bool {
        let isRead = turnReading(now)
        return turnDigests(now) || isRead
    }

    func close() {
        gatherer.close()
        for link in digestLinks.values { link.close() }
    }

    // MARK: Readings

    private func turnReading(_ now: Int64) -> Bool {
        if refresh == nil, now >= nextRefresh {
            nextRefresh = now + refreshMilliseconds
            refresh = gatherer.beginReading()
        }
        guard let current = refresh else { return false }
        ClusterPoll.step(current.links)
        guard let reading = gatherer.finish(current) else { return false }
        refresh = nil
        self.reading = reading
        readingNumber += 1
        readMilliseconds = now
        if let comparedEvents, comparedEvents != Events(reading) {
            nextDigest = min(nextDigest, digestEnded + digestTook * Self.digestShareAfterEvents)
        }
        return true
    }

    // MARK: Digests

    private func turnDigests(_ now: Int64) -> Bool {
        if case .idle = phase {
            guard let reading, now >= nextDigest else { return false }
            let places = reading.answering
            guard places.count > 1 else {
                nextDigest = now + refreshMilliseconds
                digests = nil
                return false
            }
            digestStarted = now
            phase = .roots(places)
            ask(places, [ClusterComparison.request()], now)
        }
        // Who has fallen silent would hold up the comparison of the others for as long as a digest may take.
        for node in reading?.nodes ?? [] where node.condition.isSilent { digestLinks[node.address]?.cancel() }
        ClusterPoll.step(Array(digestLinks.values))
        guard !digestLinks.values.contains(where: \.isBusy) else { return false }
        switch phase {
        case .idle: return false
        case .roots(let places): return rootsCame(places, now)
        case .partitions(let places): return partitionsCame(places, now)
        }
    }

    private func link(_ place: Int) -> ClusterLink {
        let endpoint = gatherer.link(place).endpoint
        if let link = digestLinks[endpoint.address] { return link }
        let link = ClusterLink(endpoint)
        digestLinks[endpoint.address] = link
        return link
    }

    private func ask(_ places: [Int], _ requests: [[[UInt8]]], _ now: Int64) {
        for place in places {
            link(place).ask(
                requests, connectMilliseconds: gatherer.limits.connectMilliseconds,
                silenceMilliseconds: gatherer.limits.digestMilliseconds, now: now)
        }
    }

    private func replies(_ places: [Int]) -> [(place: Int, replies: [ClusterReply])] {
        places.compactMap { place in
            guard case .replies(let replies) = link(place).outcome, replies.allSatisfy({ $0.error == nil }) else {
                return nil
            }
            return (place, replies)
        }
    }

    private func rootsCame(_ places: [Int], _ now: Int64) -> Bool {
        let answers = replies(places)
        let roots = Set(answers.map { $0.replies[0].text })
        if answers.count > 1, roots.count > 1 {
            phase = .partitions(answers.map(\.place))
            ask(answers.map(\.place), ClusterComparison.partitionRequests, now)
            return false
        }
        end(now)
        digests = answers.count > 1 ? Digests(places: answers.map(\.place), monotonicMilliseconds: now) : nil
        return true
    }

    private func partitionsCame(_ places: [Int], _ now: Int64) -> Bool {
        let answers = replies(places)
        end(now)
        guard answers.count > 1 else {
            digests = nil
            return true
        }
        let looks = ClusterComparison.partitionLooks(answers.map(\.replies))
        // Without a look before at the same nodes, nothing can be said to have come apart.
        let former = digests.flatMap { $0.places == answers.map(\.place) ? $0.looks : nil }
        let agreements =
            former.map { looks.agreements(after: $0) } ?? looks.looks.map { $0.isEqual ? .equal : .inFlight }
        digests = Digests(
            places: answers.map(\.place), agreements: agreements, looks: looks, monotonicMilliseconds: now)
        return true
    }

    private func end(_ now: Int64) {
        phase = .idle
        digestRounds += 1
        let pause = isHurried ? reading.map { ClusterComparison.lagInterval($0) } ?? 0 : refreshMilliseconds
        (digestEnded, digestTook) = (now, now - digestStarted)
        comparedEvents = reading.map { Events($0) }
        nextDigest = now + max(isHurried ? 0 : digestTook * Self.digestShare, pause)
    }
}
