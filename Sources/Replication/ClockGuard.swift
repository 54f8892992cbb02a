/// Whether this node's clock can be trusted with stamps.
///
/// A stamp far ahead of everybody's clock wins every conflict until time has caught up with it, so frames of such
/// stamps are held, and a node that would write them refuses its clients' writes. Peers' clocks are known from their
/// heartbeats and kept against our monotonic clock: a jump of our own wall shows at once, without waiting for anybody.
/// A clock that steps back harms nothing: stamps go on from the last one. Where all step back together, nobody's stamps
/// are ahead of what all clocks have said before: so that counts, and not what ours says now.
import Base

public enum ClockVerdict: Equatable, Sendable {
    case trusted
    /// Writes go on; what peers send is ahead of our clock and held. The text says what to do.
    case behind(String)
    /// Clients' writes must be refused. The text names the remedy.
    case refuseWrites(String)
}

public struct ClockGuard: Sendable {
    private struct Sample: Sendable {
        var replica: Replica
        /// The peer's wall minus our monotonic clock.
        var offsetMilliseconds: Int64
        var heardMonotonicMilliseconds: Int64
    }

    /// Our wall gains at most one part in this many on the monotonic clock by being slewed; more is a jump.
    private static let slewDivisor: Int64 = 60

    public let limitMilliseconds: Int64
    /// Ascending by replica.
    private var samples: [Sample] = []
    /// What our wall minus our monotonic clock is trusted to be at most.
    private var baselineMilliseconds: Int64
    private var lastMonotonicMilliseconds: Int64
    /// The latest that our wall has said while peers said the same, or more.
    private var confirmedMilliseconds = Int64.min
    /// Since when, in monotonic time, the wall has been ahead of the baseline.
    private var jumpedAtMilliseconds: Int64?

    public init(_ now: Moment, limitMilliseconds: Int64 = 60_000) {
        self.limitMilliseconds = limitMilliseconds
        baselineMilliseconds = Self.offset(now)
        lastMonotonicMilliseconds = now.monotonicMilliseconds
    }

    /// Whether a frame of this stamp must wait: its author's clock is too far ahead of ours.
    public func isTooFarAhead(_ stamp: Stamp, _ now: Moment) -> Bool {
        stamp.unixMilliseconds > followedMilliseconds(now)
    }

    private func followedMilliseconds(_ now: Moment) -> Int64 {
        Self.sum(max(now.unixMilliseconds, confirmedMilliseconds), limitMilliseconds)
    }

    /// The latest stamp that need not wait.
    public func latestFollowed(_ now: Moment) -> Stamp {
        let milliseconds = followedMilliseconds(now) - Stamp.epochMilliseconds
        guard milliseconds >= 0 else { return .zero }
        return Stamp(tick: (UInt64(milliseconds) + 1) << Stamp.counterBits - 1, replica: Replica(rawValue: 0)).asCut
    }

    /// A heartbeat of the peer said its wall; it was under way for half a round trip.
    public mutating func heard(
        _ replica: Replica, unixMilliseconds: Int64, roundTripMilliseconds: Int64?, _ now: Moment
    ) {
        let wall = Self.sum(unixMilliseconds, max(roundTripMilliseconds ?? 0, 0) / 2)
        let sample = Sample(
            replica: replica, offsetMilliseconds: Self.difference(wall, now.monotonicMilliseconds),
            heardMonotonicMilliseconds: now.monotonicMilliseconds)
        let index = samples.firstIndex { $0.replica >= replica } ?? samples.count
        if index < samples.count, samples[index].replica == replica {
            samples[index] = sample
        } else {
            samples.insert(sample, at: index)
        }
    }

    /// The peer is no member any more. While it is, its last word counts: both clocks go on at the same pace.
    public mutating func forget(_ replica: Replica) { samples.removeAll { $0.replica == replica } }

    /// `leaseUnixMilliseconds`: how far ahead stamps are reserved or clocks of partitions have already been driven.
    public mutating func verdict(leaseUnixMilliseconds: Int64? = nil, _ now: Moment) -> ClockVerdict {
        let verdict = judge(leaseUnixMilliseconds, now)
        if verdict == .trusted, let lead = lead(of: Self.offset(now), heardAfter: nil) {
            confirmedMilliseconds = max(confirmedMilliseconds, Self.difference(now.unixMilliseconds, max(lead, 0)))
        }
        return verdict
    }

    private mutating func judge(_ leaseUnixMilliseconds: Int64?, _ now: Moment) -> ClockVerdict {
        let offset = Self.offset(now)
        noticeJump(offset, now)
        if let jumpedAt = jumpedAtMilliseconds {
            guard let lead = lead(of: offset, heardAfter: jumpedAt), lead <= limitMilliseconds else {
                return .refuseWrites(Self.jumpText(Self.difference(offset, baselineMilliseconds)))
            }
            // The others say that this is the time: the monotonic clock stood still, as in a suspended machine.
            // What peers said before is as far off as that clock is.
            samples.removeAll { $0.heardMonotonicMilliseconds < jumpedAt }
            baselineMilliseconds = offset
            jumpedAtMilliseconds = nil
        }
        guard let lead = lead(of: offset, heardAfter: nil) else { return .trusted }
        if lead > limitMilliseconds { return .refuseWrites(aheadText(lead)) }
        if let lease = leaseUnixMilliseconds {
            // Peers still follow what they have said themselves.
            let leaseLead = min(
                Self.sum(lead, Self.difference(lease, now.unixMilliseconds)),
                Self.difference(lease, confirmedMilliseconds))
            if leaseLead > limitMilliseconds { return .refuseWrites(leaseText(leaseLead)) }
        }
        return lead < -limitMilliseconds ? .behind(behindText(lead)) : .trusted
    }

    private mutating func noticeJump(_ offset: Int64, _ now: Moment) {
        let passed = max(Self.difference(now.monotonicMilliseconds, lastMonotonicMilliseconds), 0)
        lastMonotonicMilliseconds = now.monotonicMilliseconds
        if Self.difference(offset, baselineMilliseconds) > limitMilliseconds {
            jumpedAtMilliseconds = jumpedAtMilliseconds ?? now.monotonicMilliseconds
            return
        }
        jumpedAtMilliseconds = nil
        // A step back is followed at once, a gain only as fast as clocks are slewed: several steps add up.
        baselineMilliseconds = min(offset, Self.sum(baselineMilliseconds, passed / Self.slewDivisor))
    }

    /// How far we are ahead of the median of the peers, of the later one where there are two.
    private func lead(of offset: Int64, heardAfter: Int64?) -> Int64? {
        let counted = samples.filter { sample in
            heardAfter.map { sample.heardMonotonicMilliseconds >= $0 } ?? true
        }
        guard !counted.isEmpty else { return nil }
        let offsets = counted.map(\.offsetMilliseconds).sorted()
        return Self.difference(offset, offsets[offsets.count / 2])
    }

    private static func offset(_ now: Moment) -> Int64 {
        difference(now.unixMilliseconds, now.monotonicMilliseconds)
    }

    // Peers may send any number.
    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? (left < 0 ? .min : .max) : sum
    }

    private static func difference(_ left: Int64, _ right: Int64) -> Int64 {
        let (difference, overflow) = left.subtractingReportingOverflow(right)
        return overflow ? (left < 0 ? .min : .max) : difference
    }
}

extension ClockGuard {
    private static func seconds(_ milliseconds: Int64) -> String {
        let whole = milliseconds.magnitude / 1000
        return whole == 1 ? "1 second" : "\(whole) seconds"
    }

    private var peersText: String { samples.count == 1 ? "its peer's" : "the median of its \(samples.count) peers'" }

    private static func jumpText(_ jump: Int64) -> String {
        "this node's clock has jumped forward by \(seconds(jump)): set it right (chronyc makestep, timedatectl set-ntp "
            + "true), or restart the node if it is right now"
    }

    private func aheadText(_ lead: Int64) -> String {
        "this node's clock is \(Self.seconds(lead)) ahead of \(peersText): set it right (chronyc makestep, timedatectl "
            + "set-ntp true); writes are taken again by themselves"
    }

    private func leaseText(_ lead: Int64) -> String {
        "this node has used or reserved stamps \(Self.seconds(lead)) ahead of \(peersText) clock: writes are taken "
            + "again by themselves in \(Self.seconds(lead - limitMilliseconds + 999)); check that its clock is right"
    }

    private func behindText(_ lead: Int64) -> String {
        "this node's clock is \(Self.seconds(lead)) behind \(peersText): what they write is held until its time has "
            + "come; set the clock right (chronyc makestep, timedatectl set-ntp true)"
    }
}
