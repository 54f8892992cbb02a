/// Ten times a second: timers, idle clients, and the upkeep of the partitions this loop looks after.
import Base
import Commands
import Core
import Engine
import OS
import RESP
import Synchronization

/// Upkeep under way: which partitions still want work in this tick.
struct Upkeep {
    var nextTickMilliseconds: Int64 = 0
    /// Work is left from the last tick: the loop goes on between turns, up to a quarter of the time.
    var isBehind = false
    var nextPartition = 0
    var spentMicroseconds: Int64 = 0
}

extension EventLoop {
    private static var tickMilliseconds: Int64 { 100 }
    /// Upkeep may take this much of a tick, and this much at a stretch.
    private static var tickBudgetMicroseconds: Int64 { 25_000 }
    private static var sliceMicroseconds: Int64 { 800 }

    func tick() {
        let now = steadyMilliseconds
        upkeep.nextTickMilliseconds = now + Self.tickMilliseconds
        upkeep.spentMicroseconds = 0
        upkeep.nextPartition = index
        upkeep.isBehind = true
        let pausedUntil = shared.pausedUntil.load(ordering: .relaxed)
        if pausedUntil > 0, pausedUntil <= now {
            _ = shared.pausedUntil.compareExchange(expected: pausedUntil, desired: 0, ordering: .relaxed)
        }
        shared.log?.lookAtAge(now)
        if pausedUntil <= now, !holdsWrites, !held.isEmpty { resumePaused() }
        lookAfterHeld()
        if limits.idleSecondsMax > 0 { closeIdle(now) }
        census.step(connections, counters)
        let times = ProcessFacts.threadCPUTimes
        counters.userCPUMicroseconds.store(times.userMicroseconds, ordering: .relaxed)
        counters.systemCPUMicroseconds.store(times.systemMicroseconds, ordering: .relaxed)
        executor.publishCounters()
        if index == 0 { reportAlarms() }
    }

    private func closeIdle(_ now: Int64) {
        let oldest = now - Int64(limits.idleSecondsMax) * 1000
        for (slot, place) in connections.slots.enumerated() {
            guard let connection = place, !connection.pointee.isHeld, !connection.pointee.isWithheld,
                !connection.session.pointee.isMonitor,
                connection.pointee.lastActiveMilliseconds < oldest
            else { continue }
            doomed.append(slot)
        }
        closeDoomed()
    }

    /// One slice of upkeep over the partitions of this loop: every n-th.
    func continueUpkeep() {
        let start = monotonicMicroseconds
        let startTicks = SystemClock.ticks
        defer { noteUpkeep(since: startTicks) }
        var elapsed: Int64 = 0
        while elapsed < Self.sliceMicroseconds {
            guard upkeep.nextPartition < Slots.partitionCount else {
                upkeep.isBehind = false
                return
            }
            if !executor.maintain(upkeep.nextPartition, bucketsMax: 128) {
                upkeep.nextPartition += shared.mailboxes.count
            }
            elapsed = monotonicMicroseconds - start
        }
        upkeep.spentMicroseconds += elapsed
        if upkeep.spentMicroseconds >= Self.tickBudgetMicroseconds { upkeep.isBehind = false }
    }

    /// LATENCY's expire-cycle: how long this slice kept clients waiting.
    private func noteUpkeep(since start: UInt64) {
        node.noteEvent(
            .expireCycle, ticks: SystemClock.ticks &- start,
            nowMilliseconds: executor.context.pointee.nowMilliseconds)
    }
}
