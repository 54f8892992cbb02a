/// Clocks that lead, jump, step back and stand still.
import Base
import Testing

@testable import Replication

private let start: Int64 = 1_800_000_000_000

private func at(_ seconds: Int64, wall: Int64? = nil) -> Moment {
    Moment(unixMilliseconds: start + (wall ?? seconds) * 1000, monotonicMilliseconds: 5000 + seconds * 1000)
}

private func peer(_ number: UInt8) -> Replica { Replica(node: number, generation: 0) }

private func isRefused(_ verdict: ClockVerdict, _ words: String...) -> Bool {
    guard case .refuseWrites(let text) = verdict else { return false }
    return words.allSatisfy { text.contains($0) }
}

/// Peers 2, 3, … say that their walls are so many seconds ahead of true time.
private func hear(_ guarding: inout ClockGuard, _ ahead: [Int64], second: Int64, now: Moment) {
    for (index, seconds) in ahead.enumerated() {
        guarding.heard(
            peer(UInt8(2 + index)), unixMilliseconds: start + (second + seconds) * 1000, roundTripMilliseconds: 0, now)
    }
}

@Suite struct ClockGuardTests {
    private func stamp(_ milliseconds: Int64) -> Stamp {
        let tick = UInt64(start + milliseconds - Stamp.epochMilliseconds) << Stamp.counterBits
        return Stamp(tick: tick, replica: peer(2))
    }

    @Test("Frames up to a minute ahead are taken, later ones wait for their time")
    func heldFrames() {
        let guarding = ClockGuard(at(0))
        #expect(!guarding.isTooFarAhead(stamp(60_000), at(0)))
        #expect(guarding.isTooFarAhead(stamp(60_001), at(0)))
        #expect(!guarding.isTooFarAhead(stamp(60_001), at(1)))
        #expect(guarding.isTooFarAhead(.distantFuture, at(0)))
        #expect(!guarding.isTooFarAhead(.zero, at(0)))
    }

    @Test("Leading the median by more than a minute refuses writes, until the clock is set right")
    func lead() {
        var guarding = ClockGuard(at(0, wall: 70))
        #expect(guarding.verdict(at(0, wall: 70)) == .trusted)
        hear(&guarding, [0, 0, 100], second: 1, now: at(1, wall: 71))
        #expect(isRefused(guarding.verdict(at(1, wall: 71)), "70 seconds ahead", "3 peers", "chronyc makestep"))
        // Nobody is heard any more: what they said last still counts.
        #expect(isRefused(guarding.verdict(at(900, wall: 970)), "70 seconds ahead"))
        #expect(guarding.verdict(at(901, wall: 901)) == .trusted)
        var alone = guarding
        alone.heard(peer(2), unixMilliseconds: start, roundTripMilliseconds: 0, at(901, wall: 901))
        alone.forget(peer(3))
        alone.forget(peer(4))
        #expect(isRefused(alone.verdict(at(901, wall: 901)), "901 seconds ahead of its peer's"))
        alone.forget(peer(2))
        #expect(alone.verdict(at(901, wall: 901)) == .trusted)
    }

    @Test("Exactly a minute, and half of the peers, are no lead")
    func bounds() {
        var guarding = ClockGuard(at(0, wall: 60))
        hear(&guarding, [0], second: 0, now: at(0, wall: 60))
        #expect(guarding.verdict(at(0, wall: 60)) == .trusted)
        hear(&guarding, [-1], second: 0, now: at(0, wall: 60))
        #expect(isRefused(guarding.verdict(at(0, wall: 60)), "61 seconds ahead of its peer's"))
        hear(&guarding, [-1, 60], second: 0, now: at(0, wall: 60))
        #expect(guarding.verdict(at(0, wall: 60)) == .trusted)
    }

    @Test("Half the round trip is the age of what a heartbeat says")
    func roundTrip() {
        var guarding = ClockGuard(at(0, wall: 61))
        guarding.heard(peer(2), unixMilliseconds: start, roundTripMilliseconds: 2000, at(0, wall: 61))
        #expect(guarding.verdict(at(0, wall: 61)) == .trusted)
        guarding.heard(peer(2), unixMilliseconds: start, roundTripMilliseconds: 1990, at(0, wall: 61))
        #expect(isRefused(guarding.verdict(at(0, wall: 61))))
    }

    @Test("A jump against the monotonic clock refuses writes at once, without any peer")
    func jump() {
        var guarding = ClockGuard(at(0))
        #expect(guarding.verdict(at(10, wall: 70)) == .trusted)
        #expect(isRefused(guarding.verdict(at(11, wall: 72)), "jumped forward by 60 seconds", "restart"))
        #expect(isRefused(guarding.verdict(at(500, wall: 561)), "jumped"))
        #expect(guarding.verdict(at(501, wall: 501)) == .trusted)
    }

    @Test("Several small jumps add up, slewing does not")
    func slewing() {
        var guarding = ClockGuard(at(0))
        #expect(guarding.verdict(at(1, wall: 41)) == .trusted)
        #expect(isRefused(guarding.verdict(at(2, wall: 82)), "jumped"))
        var slewed = ClockGuard(at(0))
        for second: Int64 in stride(from: 0, through: 100_000, by: 10) {
            #expect(slewed.verdict(at(second, wall: second + second / 100)) == .trusted)
        }
    }

    @Test("A machine that slept: peers that are heard afterwards say that the time is right")
    func sleep() {
        var guarding = ClockGuard(at(0))
        hear(&guarding, [0, 0, 0], second: 0, now: at(0))
        #expect(isRefused(guarding.verdict(at(1, wall: 601)), "jumped"))
        // Only those heard since the jump know, and only they count from here on.
        guarding.heard(peer(2), unixMilliseconds: start + 602_000, roundTripMilliseconds: 0, at(2, wall: 602))
        #expect(guarding.verdict(at(2, wall: 602)) == .trusted)
        guarding.heard(peer(3), unixMilliseconds: start + 603_000, roundTripMilliseconds: 0, at(3, wall: 603))
        #expect(guarding.verdict(at(3, wall: 603)) == .trusted)
        // And where they say that it is wrong, it stays refused.
        #expect(isRefused(guarding.verdict(at(4, wall: 900)), "jumped"))
        hear(&guarding, [600, 600], second: 4, now: at(4, wall: 900))
        #expect(isRefused(guarding.verdict(at(4, wall: 900)), "jumped"))
        #expect(guarding.verdict(at(5, wall: 605)) == .trusted)
    }

    @Test("Steps back are tolerated, falling far behind is told")
    func stepBack() {
        var guarding = ClockGuard(at(0))
        #expect(guarding.verdict(at(1, wall: -1000)) == .trusted)
        #expect(guarding.verdict(at(2, wall: -999)) == .trusted)
        hear(&guarding, [0, 0], second: 3, now: at(3, wall: -998))
        guard case .behind(let text) = guarding.verdict(at(3, wall: -998)) else {
            Issue.record("not told that the clock is behind")
            return
        }
        #expect(text.contains("1001 seconds behind the median of its 2 peers'"))
    }

    @Test("After all clocks have been set back, stamps are measured by what they said together")
    func allSetBack() {
        var guarding = ClockGuard(at(0))
        hear(&guarding, [0], second: 1, now: at(1))
        #expect(guarding.verdict(at(1)) == .trusted)
        hear(&guarding, [-3600], second: 2, now: at(2, wall: -3600))
        #expect(guarding.verdict(at(2, wall: -3600)) == .trusted)
        #expect(!guarding.isTooFarAhead(stamp(61_000), at(2, wall: -3600)))
        #expect(guarding.isTooFarAhead(stamp(61_001), at(2, wall: -3600)))
        #expect(guarding.latestFollowed(at(2, wall: -3600)) >= stamp(61_000))
    }

    @Test("What a clock said that nobody agreed with, or what it led by, is not what stamps are measured by")
    func unconfirmed() {
        var alone = ClockGuard(at(0))
        #expect(alone.verdict(at(1)) == .trusted)
        #expect(alone.verdict(at(2, wall: -3600)) == .trusted)
        #expect(alone.isTooFarAhead(stamp(-3_539_999), at(2, wall: -3600)))
        var leading = ClockGuard(at(0, wall: 50))
        hear(&leading, [0], second: 0, now: at(0, wall: 50))
        #expect(leading.verdict(at(0, wall: 50)) == .trusted)
        #expect(leading.isTooFarAhead(stamp(60_001), at(0)))
        #expect(!leading.isTooFarAhead(stamp(60_000), at(0)))
    }

    @Test("Stamps from before all were set back refuse no writes, those of a clock that was wrong alone do")
    func leaseOfBefore() {
        var guarding = ClockGuard(at(0))
        hear(&guarding, [0], second: 0, now: at(0))
        #expect(guarding.verdict(at(0)) == .trusted)
        // The peer is set back first.
        hear(&guarding, [-3600], second: 1, now: at(1))
        #expect(isRefused(guarding.verdict(at(1)), "ahead"))
        #expect(guarding.verdict(leaseUnixMilliseconds: start + 4000, at(2, wall: -3598)) == .trusted)
        var alone = ClockGuard(at(0))
        #expect(alone.verdict(at(0)) == .trusted)
        hear(&alone, [-3600], second: 1, now: at(1))
        #expect(isRefused(alone.verdict(at(1)), "ahead"))
        #expect(isRefused(alone.verdict(leaseUnixMilliseconds: start + 4000, at(2, wall: -3598)), "reserved"))
    }

    @Test("A leap forward that is taken back is not what later stamps are measured by")
    func leapTakenBack() {
        var guarding = ClockGuard(at(0))
        #expect(isRefused(guarding.verdict(at(1, wall: 3601)), "jumped"))
        #expect(guarding.verdict(at(2)) == .trusted)
        #expect(guarding.isTooFarAhead(stamp(62_001), at(2)))
    }

    @Test("Stamps reserved far ahead refuse writes until time has caught up")
    func lease() {
        var guarding = ClockGuard(at(0))
        let lease = start + 70_000
        #expect(guarding.verdict(leaseUnixMilliseconds: lease, at(0)) == .trusted)
        hear(&guarding, [0, 0, 0], second: 0, now: at(0))
        #expect(isRefused(guarding.verdict(leaseUnixMilliseconds: lease, at(0)), "70 seconds ahead", "in 10 seconds"))
        #expect(guarding.verdict(leaseUnixMilliseconds: lease, at(10)) == .trusted)
    }

    @Test("Whatever a peer claims, nothing overflows")
    func extremes() {
        var guarding = ClockGuard(at(0))
        for wall in [Int64.min, .max, 0] {
            for roundTrip: Int64? in [nil, .max, .min, 0] {
                guarding.heard(peer(2), unixMilliseconds: wall, roundTripMilliseconds: roundTrip, at(0))
                _ = guarding.verdict(leaseUnixMilliseconds: .max, at(0))
                _ = guarding.verdict(leaseUnixMilliseconds: .min, at(0))
            }
        }
    }
}
