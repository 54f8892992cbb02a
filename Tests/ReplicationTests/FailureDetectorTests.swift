/// Clusters of detectors on links that tests cut and mend.
import Base
import Testing

@testable import Replication

private func replica(_ node: Int) -> Replica { Replica(node: UInt8(node), generation: 0) }

private func at(_ milliseconds: Int64) -> Moment {
    Moment(unixMilliseconds: 0, monotonicMilliseconds: 1_000_000 + milliseconds)
}

/// Nodes 1…n, each with its detector; heartbeats every 500 ms, 20 ms under way.
private struct DetectorCluster {
    struct Change: Equatable {
        var milliseconds: Int64
        var observer: Int
        var subject: Int
        var to: PeerCondition
    }

    private struct Delivery {
        var atMilliseconds: Int64
        var from: Int
        var to: Int
        var message: Message
    }

    private enum Message {
        case heartbeat(UInt64, [PeerReport])
        case probe(UInt64, Replica)
        case reply(UInt64, PeerReport)
    }

    var detectors: [FailureDetector] = []
    var now: Int64 = 0
    var crashed: Set<Int> = []
    var paused: Set<Int> = []
    /// Cut in one direction, from → to.
    var cut: Set<[Int]> = []
    var carriesReports = true
    private(set) var changes: [Change] = []
    private(set) var probes: [(asker: Int, helper: Int, about: Int, milliseconds: Int64)] = []
    private(set) var refutations = 0
    private var underWay: [Delivery] = []

    init(_ count: Int, seed: UInt64) {
        let all = (1...count).map { replica($0) }
        for node in 1...count {
            let random = SeededRandom(seed: seed * 1000 + UInt64(node))
            var detector = FailureDetector(own: replica(node), random: random)
            detector.watch(all, at(0))
            detectors.append(detector)
        }
    }

    mutating func cutBoth(_ one: Int, _ other: Int) {
        cut.insert([one, other])
        cut.insert([other, one])
    }

    private mutating func send(_ message: Message, _ from: Int, _ to: Int) {
        guard !cut.contains([from, to]) else { return }
        underWay.append(Delivery(atMilliseconds: now + 20, from: from, to: to, message: message))
    }

    mutating func run(_ milliseconds: Int64) {
        let end = now + milliseconds
        while now < end {
            now += 20
            let due = underWay.filter { $0.atMilliseconds <= now && !paused.contains($0.to) }
            underWay.removeAll { $0.atMilliseconds <= now && !paused.contains($0.to) }
            for delivery in due where !crashed.contains(delivery.to) { deliver(delivery) }
            for node in 1...detectors.count where !crashed.contains(node) && !paused.contains(node) {
                if (now + Int64(node) * 60) % 500 < 20 { beat(node) }
                if now % 100 == 0 { tick(node) }
            }
        }
    }

    private mutating func beat(_ node: Int) {
        let detector = detectors[node - 1]
        let reports = carriesReports ? detector.reports(at(now)) : []
        for other in 1...detectors.count where other != node {
            send(.heartbeat(detector.incarnation, reports), node, other)
        }
    }

    private mutating func deliver(_ delivery: Delivery) {
        let (from, to) = (replica(delivery.from), delivery.to - 1)
        switch delivery.message {
        case .heartbeat(let incarnation, let reports):
            detectors[to].heard(from: from, incarnation: incarnation, at(now))
            for report in reports { detectors[to].learn(report, from: from, at(now)) }
        case .probe(let sequence, let about):
            detectors[to].heard(from: from, at(now))
            guard let report = detectors[to].report(on: about, at(now)) else { return }
            send(.reply(sequence, report), delivery.to, delivery.from)
        case .reply(let sequence, let report):
            detectors[to].heard(from: from, at(now))
            detectors[to].learn(sequence: sequence, report, from: from, at(now))
        }
    }

    private mutating func tick(_ node: Int) {
        for event in detectors[node - 1].tick(at(now)) {
            switch event {
            case .probe(let helper, let sequence, let about):
                probes.append((node, Int(helper.node), Int(about.node), now))
                send(.probe(sequence, about), node, Int(helper.node))
            case .changed(let subject, _, let condition):
                changes.append(Change(milliseconds: now, observer: node, subject: Int(subject.node), to: condition))
            case .refuted: refutations += 1
            }
        }
    }

    func condition(_ observer: Int, of subject: Int) -> PeerCondition? {
        detectors[observer - 1].condition(of: replica(subject))
    }

    func changes(of subject: Int, to condition: PeerCondition) -> [Change] {
        changes.filter { $0.subject == subject && $0.to == condition }
    }
}

@Suite struct FailureDetectorTests {
    @Test("Nobody is suspected who is up, however many there are", arguments: [2, 3, 24])
    func healthy(_ count: Int) {
        var cluster = DetectorCluster(count, seed: 1)
        cluster.run(12_000)
        #expect(cluster.changes.isEmpty)
        #expect(cluster.probes.isEmpty)
    }

    @Test("Who stops is suspect after 3 s and dead 5 s later, for everybody", arguments: [2, 3, 12])
    func crash(_ count: Int) {
        var cluster = DetectorCluster(count, seed: 2)
        cluster.run(5000)
        cluster.crashed = [count]
        cluster.run(15_000)
        let suspected = cluster.changes(of: count, to: .suspect)
        let dead = cluster.changes(of: count, to: .dead)
        #expect(suspected.count == count - 1 && dead.count == count - 1)
        #expect(suspected.allSatisfy { (7400...8300).contains($0.milliseconds) }, "\(suspected)")
        #expect(dead.allSatisfy { (12_400...13_500).contains($0.milliseconds) }, "\(dead)")
        #expect(cluster.changes.allSatisfy { $0.subject == count })
        // Back again: alive at once, without having to refute anything first.
        cluster.crashed = []
        cluster.run(1500)
        for observer in 1..<count { #expect(cluster.condition(observer, of: count) == .alive) }
    }

    @Test("A cut link makes a peer unreachable from here, never suspect", arguments: [true, false])
    func cutLink(_ carriesReports: Bool) {
        for count in [3, 4, 12] {
            var cluster = DetectorCluster(count, seed: 3)
            // Without what heartbeats say of others, probes alone must find it out.
            cluster.carriesReports = carriesReports
            cluster.run(3000)
            cluster.cutBoth(1, 2)
            cluster.run(20_000)
            #expect(cluster.condition(1, of: 2) == .unreachable)
            #expect(cluster.condition(2, of: 1) == .unreachable)
            #expect(cluster.changes.map(\.to) == [.unreachable, .unreachable])
            #expect(cluster.probes.allSatisfy { Set([$0.asker, $0.about]) == [1, 2] && $0.helper > 2 })
            #expect(!cluster.probes.isEmpty)
            cluster.cut = []
            cluster.run(1000)
            #expect(cluster.condition(1, of: 2) == .alive && cluster.condition(2, of: 1) == .alive)
        }
    }

    @Test("A single one that hears a peer is enough for all, also where it is asked among many")
    func singleWitness() {
        for carriesReports in [true, false] {
            var cluster = DetectorCluster(7, seed: 4)
            cluster.carriesReports = carriesReports
            cluster.run(3000)
            for other in 2...6 { cluster.cutBoth(other, 1) }
            cluster.run(20_000)
            for observer in 2...6 { #expect(cluster.condition(observer, of: 1) == .unreachable) }
            #expect(cluster.condition(7, of: 1) == .alive)
            #expect(cluster.changes.allSatisfy { $0.to != .dead })
            if carriesReports { #expect(cluster.changes.allSatisfy { $0.to == .unreachable }) }
        }
    }

    @Test("Two halves think each other dead; together again, they are refuted and alive")
    func partition() {
        var cluster = DetectorCluster(6, seed: 5)
        cluster.run(2000)
        for one in 1...3 { for other in 4...6 { cluster.cutBoth(one, other) } }
        cluster.run(20_000)
        for one in 1...3 { for other in 4...6 { #expect(cluster.condition(one, of: other) == .dead) } }
        for one in 1...3 {
            for other in 1...3 where one != other { #expect(cluster.condition(one, of: other) == .alive) }
        }
        cluster.cut = []
        cluster.run(3000)
        for one in 1...6 {
            for other in 1...6 where one != other { #expect(cluster.condition(one, of: other) == .alive) }
        }
        // Those that were told so before they were heard again have raised their incarnation, and everybody knows it.
        #expect(cluster.refutations >= 3)
        #expect(cluster.detectors.count { $0.incarnation == 2 } == cluster.refutations)
        for report in cluster.detectors[0].reports(at(cluster.now)) {
            #expect(report.incarnation == cluster.detectors[Int(report.replica.node) - 1].incarnation)
        }
        // Nothing flaps afterwards.
        let before = cluster.changes.count
        cluster.run(10_000)
        #expect(cluster.changes.count == before)
    }

    @Test("A link cut in one direction only: whoever hears nothing asks others")
    func oneWay() {
        var cluster = DetectorCluster(4, seed: 6)
        cluster.run(2000)
        cluster.cut = [[1, 2]]
        cluster.run(10_000)
        #expect(cluster.condition(2, of: 1) == .unreachable)
        #expect(cluster.condition(1, of: 2) == .alive)
        #expect(cluster.changes.count == 1)
    }

    @Test("A process that stood still suspects nobody for it")
    func ownPause() {
        var cluster = DetectorCluster(4, seed: 7)
        cluster.run(3000)
        cluster.paused = [1]
        cluster.run(20_000)
        cluster.paused = []
        cluster.run(6000)
        #expect(cluster.changes.allSatisfy { $0.observer != 1 })
        // The others had every reason.
        #expect(cluster.changes(of: 1, to: .dead).count == 3)
        for observer in 2...4 { #expect(cluster.condition(observer, of: 1) == .alive) }
    }

    @Test("Time that passed between two ticks is nobody's silence")
    func lateTick() {
        var detector = detector(2)
        detector.heard(from: replica(2), at(0))
        _ = detector.tick(at(0))
        #expect(detector.tick(at(20_000)) == [])
        for step: Int64 in 1...29 {
            let changes = detector.tick(at(20_000 + step * 100)).filter {
                if case .changed = $0 { true } else { false }
            }
            #expect(changes.isEmpty)
        }
        _ = detector.tick(at(23_100))
        #expect(detector.condition(of: replica(2)) == .suspect)
    }

    @Test("The same seed, the same run")
    func determinism() {
        func run(_ seed: UInt64) -> ([DetectorCluster.Change], [[Int]]) {
            var cluster = DetectorCluster(9, seed: seed)
            cluster.run(1000)
            cluster.crashed = [9]
            cluster.run(6000)
            return (cluster.changes, cluster.probes.map { [$0.asker, $0.helper, $0.about] })
        }
        #expect(run(8) == run(8))
        #expect(run(8).1 != run(9).1)
    }

    // MARK: One detector alone

    private func detector(_ peers: Int) -> FailureDetector {
        var detector = FailureDetector(own: replica(1), random: SeededRandom(seed: 1))
        detector.watch((1...peers + 1).map { replica($0) }, at(0))
        return detector
    }

    @Test("Three are asked a second, in turn, and only those that are heard")
    func helpers() {
        var detector = detector(12)
        var asked: [Replica] = []
        for step: Int64 in 0..<60 {
            // 2 is silent, 13 as well; the others are heard.
            for node in 3...12 { detector.heard(from: replica(node), at(step * 100)) }
            let probes = detector.tick(at(step * 100)).compactMap { event -> Replica? in
                guard case .probe(let helper, _, let about) = event, about == replica(2) else { return nil }
                return helper
            }
            #expect(probes.isEmpty || probes.count == 3 && Set(probes).count == 3)
            #expect(step > 10 || probes.isEmpty)
            asked += probes
        }
        // Silent for longer than a second at 1.1, then each second: five rounds of three.
        #expect(asked.count == 15)
        #expect(Set(asked.prefix(10)) == Set((3...12).map { replica($0) }))
    }

    @Test("A suspicion of a lower incarnation is old, one of ours is refuted")
    func incarnations() {
        var detector = detector(3)
        func says(_ about: Int, _ incarnation: UInt64, _ health: PeerHealth, heard: UInt32? = nil) -> PeerReport {
            PeerReport(replica(about), incarnation: incarnation, health: health, heardMilliseconds: heard)
        }
        detector.heard(from: replica(3), incarnation: 7, at(0))
        for step: Int64 in 1...32 { _ = detector.tick(at(step * 100)) }
        #expect(detector.condition(of: replica(3)) == .suspect)
        // Dead, but of another life: no effect. Of this one: we have waited as well.
        detector.learn(says(3, 6, .dead), from: replica(2), at(3300))
        _ = detector.tick(at(3300))
        #expect(detector.condition(of: replica(3)) == .suspect)
        detector.learn(says(3, 7, .dead), from: replica(2), at(3400))
        _ = detector.tick(at(3400))
        #expect(detector.condition(of: replica(3)) == .dead)
        // Alive under the same incarnation and heard by nobody says nothing; a raised one does.
        detector.learn(says(3, 7, .alive), from: replica(2), at(3500))
        _ = detector.tick(at(3500))
        #expect(detector.condition(of: replica(3)) == .dead)
        detector.learn(says(3, 8, .alive), from: replica(2), at(3600))
        _ = detector.tick(at(3600))
        #expect(detector.condition(of: replica(3)) == .unreachable)
        // Ourselves.
        detector.learn(says(1, 0, .dead), from: replica(2), at(3700))
        #expect(detector.incarnation == 1)
        detector.learn(says(1, 1, .suspect), from: replica(2), at(3700))
        #expect(detector.incarnation == 2)
        #expect(detector.tick(at(3700)).contains(.refuted(incarnation: 2)))
        detector.learn(says(1, 40, .alive), from: replica(2), at(3800))
        #expect(detector.incarnation == 40)
        detector.learn(says(1, .max, .dead), from: replica(2), at(3800))
        #expect(detector.incarnation == 40)
    }

    @Test("An answer proves only that the peer was heard after the question, and only once")
    func lateAnswer() throws {
        var detector = detector(2)
        var sequence: UInt64?
        for step: Int64 in 1...30 {
            detector.heard(from: replica(3), at(step * 100))
            for case .probe(_, let number, _) in detector.tick(at(step * 100)) { sequence = sequence ?? number }
        }
        let asked = try #require(sequence)
        let heard = PeerReport(replica(2), incarnation: 1, health: .alive, heardMilliseconds: 0)
        // Asked at 1.1 s; the answer arrives at 3.9 s and vouches for 1.1 s, which holds until 4.1 s.
        detector.learn(sequence: asked, heard, from: replica(3), at(3900))
        for (time, condition) in [(Int64(3900), PeerCondition.unreachable), (4100, .unreachable), (4200, .suspect)] {
            detector.heard(from: replica(3), at(time))
            _ = detector.tick(at(time))
            #expect(detector.condition(of: replica(2)) == condition, "at \(time)")
        }
        detector.learn(sequence: asked, heard, from: replica(3), at(4300))
        detector.learn(sequence: 999, heard, from: replica(3), at(4300))
        _ = detector.tick(at(4300))
        #expect(detector.condition(of: replica(2)) == .suspect)
    }

    @Test("Nobody vouches for himself through another's mouth, and strangers are no news")
    func ignored() {
        var detector = detector(2)
        let ofItself = PeerReport(replica(2), incarnation: 1, health: .alive, heardMilliseconds: 0)
        let stranger = PeerReport(replica(99), incarnation: 1, health: .dead, heardMilliseconds: 0)
        for step: Int64 in 1...40 {
            detector.learn(ofItself, from: replica(2), at(step * 100))
            detector.learn(stranger, from: replica(3), at(step * 100))
            _ = detector.tick(at(step * 100))
        }
        #expect(detector.condition(of: replica(2)) == .suspect)
        #expect(detector.condition(of: replica(99)) == nil && detector.report(on: replica(99), at(0)) == nil)
        #expect(detector.report(on: replica(1), at(0))?.heardMilliseconds == 0)
        #expect(detector.report(on: replica(2), at(0))?.heardMilliseconds == nil)
        detector.watch([replica(3)], at(5000))
        #expect(detector.watched == [replica(3)])
    }

    @Test("The round trip is smoothed, and what cannot be is not taken for one")
    func roundTrip() throws {
        var detector = detector(1)
        #expect(detector.roundTrip(with: replica(2))?.isMeasured == false)
        for sample: Int64 in [-5, 70_000, .max, .min] {
            detector.measured(roundTripMilliseconds: sample, with: replica(2))
        }
        #expect(detector.roundTrip(with: replica(2))?.isMeasured == false)
        detector.measured(roundTripMilliseconds: 80, with: replica(2))
        #expect(detector.roundTrip(with: replica(2))?.milliseconds == 80)
        #expect(detector.roundTrip(with: replica(2))?.variationMilliseconds == 40)
        detector.measured(roundTripMilliseconds: 160, with: replica(2))
        #expect(detector.roundTrip(with: replica(2))?.milliseconds == 90)
        #expect(detector.roundTrip(with: replica(2))?.variationMilliseconds == 50)
        for _ in 0..<100 { detector.measured(roundTripMilliseconds: 20, with: replica(2)) }
        #expect(detector.roundTrip(with: replica(2))?.milliseconds == 20)
        #expect(detector.roundTrip(with: replica(2))?.variationMilliseconds == 0)
    }
}
