/// What the first loop tells the log of its own accord, never more often than an operator can read.
import Base
import Commands
import Core
import OS
import Options
import Synchronization

/// What was told, and when.
struct LoopReports {
    var refusals = LogLimiter(intervalMilliseconds: 10_000)
    var failures = LogLimiter(intervalMilliseconds: 10_000)
    var fullMemory = LogLimiter(intervalMilliseconds: 60_000)
    var writesRefused: UInt64 = 0
}

extension EventLoop {
    /// A connection was turned away; `reason` is what its client was told, in short.
    func reportRefusal(_ reason: StaticString, _ descriptor: Int32) {
        guard let withheld = reports.refusals.note(nowMilliseconds: SystemClock.monotonicMilliseconds) else { return }
        shared.logger.warning(
            "connection refused",
            [
                "reason": "\(reason)", "address": .text(Socket.peerAddress(descriptor)),
                "maxclients": .number(limits.clientsMax), "refused-before": .number(withheld),
            ])
    }

    /// The system gave no descriptor for a connection that waits.
    func reportAcceptFailure(_ result: Int32) {
        guard let withheld = reports.failures.note(nowMilliseconds: SystemClock.monotonicMilliseconds) else { return }
        shared.logger.error(
            "connection not accepted",
            [
                "reason": .text(SystemError(operation: "accept", errno: -result).reason),
                "failed-before": .number(withheld),
            ])
    }

    /// Ten times a second.
    func reportAlarms() {
        let now = SystemClock.monotonicMilliseconds
        let refused = reports.refusals.due(nowMilliseconds: now)
        if refused > 0 { shared.logger.warning("more connections refused", ["count": .number(refused)]) }
        let failed = reports.failures.due(nowMilliseconds: now)
        if failed > 0 { shared.logger.error("more connections not accepted", ["count": .number(failed)]) }
        reportFullMemory(now)
    }

    private func reportFullMemory(_ now: Int64) {
        let writesRefused = node.writesRefused.load(ordering: .relaxed)
        guard writesRefused != reports.writesRefused, reports.fullMemory.note(nowMilliseconds: now) != nil else {
            return
        }
        shared.logger.warning(
            "memory is full, writes are refused: raise maxmemory, choose a maxmemory-policy, or delete",
            [
                "used": .number(node.usedBytes()),
                "maxmemory": .number(node.memoryLimitBytes.load(ordering: .relaxed)),
                "policy": .text(node.settings.text(.maxmemoryPolicy)),
                "refused": .number(Int(writesRefused &- reports.writesRefused)),
            ])
        reports.writesRefused = writesRefused
    }
}
