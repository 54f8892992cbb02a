/// Wakes a thread that follows the window, at the cost of one load a turn for those who write into it.
import OS
import Replication
import Synchronization

final class Bell: Sendable {
    let wakeUp: WakeUp
    private let isAsleep = Atomic<Bool>(false)
    private let seenPosition = Atomic<UInt64>(0)

    init() throws(SystemError) { wakeUp = try WakeUp() }

    /// Called at the end of a turn in which something may have been written: one load while the thread is awake or wants
    /// nothing. It is not woken for what somebody else has seen to, up to `donePosition`.
    @inline(__always)
    func ringIfAsleep(_ window: Window, besides donePosition: @autoclosure () -> UInt64 = 0) {
        #if !arch(x86_64)
            // The entries of this turn before the load; on x86 reserving space in the window has seen to that.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        #endif
        if isAsleep.load(ordering: .relaxed) { ring(window, besides: donePosition()) }
    }

    @inline(never)
    private func ring(_ window: Window, besides donePosition: UInt64) {
        let end = window.end
        guard end != seenPosition.load(ordering: .relaxed), end != donePosition else { return }
        // Of several threads one rings.
        if isAsleep.exchange(false, ordering: .acquiringAndReleasing) { wakeUp.signal() }
    }

    /// The thread is about to sleep, having looked at the window up to `position`. False when there is more already.
    func arm(_ window: Window, seen position: UInt64) -> Bool {
        seenPosition.store(position, ordering: .relaxed)
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if window.end == position { return true }
        disarm()
        return false
    }

    func disarm() { isAsleep.store(false, ordering: .relaxed) }
}
