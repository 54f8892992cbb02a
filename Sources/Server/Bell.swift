/// Wakes a thread that follows the window, at the cost of one load a turn for those who write into it.
import OS
import Replication
import Synchronization

final class Bell: Sendable {
    let wakeUp: WakeUp
    private let isAsleep = Atomic<Bool>(false)
    private let seenPosition = Atomic<UInt64>(0)

    init() throws(SystemError) { wakeUp = try WakeUp() }

    /// Called by a loop at the end of each turn: one load while the thread is awake or wants nothing.
    @inline(__always)
    func ringIfAsleep(_ window: Window) {
        #if !arch(x86_64)
            // The entries of this turn before the load; on x86 reserving space in the window has seen to that.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        #endif
        if isAsleep.load(ordering: .relaxed) { ring(window) }
    }

    @inline(never)
    private func ring(_ window: Window) {
        guard window.end != seenPosition.load(ordering: .relaxed) else { return }
        // Of several loops one rings.
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
