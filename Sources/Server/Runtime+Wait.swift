/// The main thread while the loops serve: it waits for signals and requests, and ends the process in order.
import OS
import Synchronization

extension Runtime {
    /// How long a drain may take before the process ends anyway.
    private static let drainMillisecondsMax: Int64 = 3_000

    /// And how long the last of the log may take; then the next start takes this for a crash, and loses nothing that
    /// was promised.
    private static let logMillisecondsMax: Int64 = 60_000

    /// And how long the farewell to the peers after it, which bounds itself to two seconds.
    private static let farewellMillisecondsMax: Int64 = 2_500

    private struct Drain {
        let reason: String
        let sinceMilliseconds: Int64
        /// Clients have been served, or their time was over: since then peers get what is left.
        var farewellMilliseconds: Int64?

        var untilMilliseconds: Int64 {
            farewellMilliseconds.map { $0 + farewellMillisecondsMax } ?? sinceMilliseconds + drainMillisecondsMax
        }
    }

    /// Until a signal or SHUTDOWN says that it is time, then drains. Returns the exit code.
    func waitForTheEnd(_ operations: Operations) -> Int32 {
        var drain: Drain?
        while true {
            let beat = operations.beat(nowMilliseconds: SystemClock.monotonicMilliseconds)
            wait(until: [beat, drain?.untilMilliseconds].compactMap { $0 }.min())
            stop.wakeUp.clear()
            let second = answerSignals(operations, isDraining: drain != nil)
            operations.rewriteConfiguration()
            let request = stop.current
            if request.kind == .none { continue }
            let now = SystemClock.monotonicMilliseconds
            if drain == nil {
                drain = Drain(reason: request.reason, sinceMilliseconds: now)
                operations.announceShutdown(request.reason)
                if request.kind == .graceful { beginDrain() }
            }
            if drain?.farewellMilliseconds == nil, let until = drain?.untilMilliseconds,
                shared.loopsRunning.load(ordering: .acquiring) == 0 || now >= until
            {
                drain?.farewellMilliseconds = now
                shared.peers.post(.end)
            }
            guard let drain else { continue }
            let isOver =
                drain.farewellMilliseconds != nil
                && (!shared.peers.isRunning.load(ordering: .acquiring) || now >= drain.untilMilliseconds)
            if second != nil || request.kind == .immediate || isOver {
                if second == nil { endLog() }
                operations.announceEnd(second?.reason ?? drain.reason, sinceMilliseconds: drain.sinceMilliseconds)
                return second?.status ?? 0
            }
        }
    }

    /// Everything that was written goes to the disk, and the disk is told that this was all.
    private func endLog() {
        guard let log = shared.log else { return }
        log.snapshots.end()
        log.post(.end)
        let end = SystemClock.monotonicMilliseconds + Self.logMillisecondsMax
        while log.isRunning.load(ordering: .acquiring) || log.snapshots.isRunning.load(ordering: .acquiring),
            SystemClock.monotonicMilliseconds < end
        {
            _ = poller.wait(timeoutMilliseconds: 20)
            stop.wakeUp.clear()
        }
    }

    private func wait(until milliseconds: Int64?) {
        let now = SystemClock.monotonicMilliseconds
        _ = poller.wait(timeoutMilliseconds: milliseconds.map { Int(max($0 - now, 0)) } ?? -1)
    }

    /// Returns what a signal says that comes while another is being obeyed: do not wait for clients.
    private func answerSignals(_ operations: Operations, isDraining: Bool) -> (reason: String, status: Int32)? {
        var second: (reason: String, status: Int32)?
        while let signal = signals.next() {
            switch signal {
            case .hangUp: if !isDraining { operations.reload() }
            case .userOne: operations.reopenLog()
            case .interrupt, .terminate:
                let name = signal == .interrupt ? "SIGINT" : "SIGTERM"
                if isDraining {
                    second = ("\(name) during the shutdown", signal == .interrupt ? 130 : 143)
                } else {
                    stop.ask(.graceful, reason: name)
                }
            }
        }
        return second
    }

    private func beginDrain() {
        shared.isDraining.store(true, ordering: .releasing)
        for mailbox in shared.mailboxes { mailbox.post(.drain) }
    }
}
