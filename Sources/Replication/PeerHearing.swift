/// What is known of one peer's health, and how long a message to it and back takes.
import Base

/// The smoothed round trip of a link, as TCP keeps it.
public struct RoundTrip: Equatable, Sendable {
    /// A longer one is a clock that was set while the message was under way.
    private static let millisecondsMax: Int64 = 60_000

    private var smoothed: Double?
    private var variation = 0.0

    public init() {}

    /// 0 where it was never measured.
    public var milliseconds: Int64 { Int64((smoothed ?? 0).rounded()) }
    public var variationMilliseconds: Int64 { Int64(variation.rounded()) }
    public var isMeasured: Bool { smoothed != nil }

    public mutating func measured(milliseconds: Int64) {
        guard (0...Self.millisecondsMax).contains(milliseconds) else { return }
        let sample = Double(milliseconds)
        guard let present = smoothed else {
            smoothed = sample
            variation = sample / 2
            return
        }
        variation += ((sample - present).magnitude - variation) / 4
        smoothed = present + (sample - present) / 8
    }
}

/// All times are milliseconds of the monotonic clock.
struct PeerHearing: Sendable {
    let replica: Replica
    /// The highest incarnation of the peer's detector that anybody has named.
    private(set) var incarnation: UInt64 = 0
    /// When something last came from the peer itself.
    private(set) var heardAtMilliseconds: Int64?
    /// When it was last certain to be up, by our own ears or another's; at first, when we began to listen.
    private var evidenceAtMilliseconds: Int64
    private var watchedAtMilliseconds: Int64
    private var suspectedAtMilliseconds: Int64?
    private(set) var condition = PeerCondition.alive
    private var reported = PeerCondition.alive
    var probeAtMilliseconds: Int64
    /// Which of the helpers is next to be asked; drawn anew with each silence.
    var helperTurn: Int?
    var roundTrip = RoundTrip()

    init(_ replica: Replica, _ present: Int64) {
        self.replica = replica
        evidenceAtMilliseconds = present
        watchedAtMilliseconds = present
        probeAtMilliseconds = present
    }

    private func silence(_ present: Int64) -> Int64 { present - (heardAtMilliseconds ?? watchedAtMilliseconds) }

    func isHeard(_ present: Int64, _ timing: DetectorTiming) -> Bool {
        heardAtMilliseconds != nil && silence(present) <= timing.probeMilliseconds
    }

    func isProbeDue(_ present: Int64, _ timing: DetectorTiming) -> Bool {
        silence(present) > timing.probeMilliseconds && present >= probeAtMilliseconds
    }

    func report(_ present: Int64) -> PeerReport {
        let age = heardAtMilliseconds.map { UInt32(clamping: max(present - $0, 0)) }
        let health: PeerHealth =
            switch condition {
            case .alive, .unreachable: .alive
            case .suspect: .suspect
            case .dead: .dead
            }
        return PeerReport(replica, incarnation: incarnation, health: health, heardMilliseconds: age)
    }

    mutating func heard(incarnation: UInt64?, _ present: Int64) {
        self.incarnation = max(self.incarnation, incarnation ?? 0)
        heardAtMilliseconds = present
        helperTurn = nil
        trust(present)
    }

    private mutating func trust(_ evidenceAt: Int64) {
        evidenceAtMilliseconds = max(evidenceAtMilliseconds, evidenceAt)
    }

    mutating func learn(_ report: PeerReport, saidAtMilliseconds: Int64, _ present: Int64, _ timing: DetectorTiming) {
        if report.incarnation > incarnation {
            incarnation = report.incarnation
            // It has spoken since we knew of it: whatever was suspected of a lower incarnation is void.
            if report.health == .alive, suspectedAtMilliseconds != nil { trust(saidAtMilliseconds) }
        }
        if let age = report.heardMilliseconds { trust(saidAtMilliseconds - Int64(age)) }
        // Another has waited long enough for us as well, if this is about what we suspect ourselves.
        if report.health == .dead, report.incarnation == incarnation, let suspectedAt = suspectedAtMilliseconds {
            suspectedAtMilliseconds = min(suspectedAt, present - timing.deadMilliseconds - 1)
        }
    }

    mutating func judge(_ present: Int64, _ timing: DetectorTiming) {
        guard present - evidenceAtMilliseconds > timing.suspectMilliseconds else {
            suspectedAtMilliseconds = nil
            condition = silence(present) > timing.suspectMilliseconds ? .unreachable : .alive
            return
        }
        let suspectedAt = suspectedAtMilliseconds ?? present
        suspectedAtMilliseconds = suspectedAt
        condition = present - suspectedAt > timing.deadMilliseconds ? .dead : .suspect
    }

    /// The condition that was reported last, where it has changed since.
    mutating func takeChange() -> PeerCondition? {
        guard condition != reported else { return nil }
        defer { reported = condition }
        return reported
    }

    mutating func shift(by milliseconds: Int64, atMost present: Int64) {
        heardAtMilliseconds = heardAtMilliseconds.map { min($0 + milliseconds, present) }
        evidenceAtMilliseconds = min(evidenceAtMilliseconds + milliseconds, present)
        watchedAtMilliseconds = min(watchedAtMilliseconds + milliseconds, present)
        suspectedAtMilliseconds = suspectedAtMilliseconds.map { min($0 + milliseconds, present) }
    }
}
