/// Wakes a loop that may be asleep in its poller: an eventfd written at most once per sleep.
///
/// The order that loses no message: the sender puts its message where it is to be found, then signals; the
/// loop clears the wake-up, then looks for messages.
import CLinux
import Synchronization

public final class WakeUp: Sendable {
    /// Added to the loop's poller for reading.
    public let descriptor: Int32
    /// Set from the first signal until `clear`: whoever finds it set need not write. Acquire and release on
    /// both sides, so that a message put before a skipped write is seen after the clear.
    private let pending = Atomic<Bool>(false)

    public init() throws(SystemError) {
        descriptor = try check(a2_eventfd(), "make an eventfd")
    }

    deinit { _ = a2_close(descriptor) }

    @inline(__always)
    public func signal() {
        if pending.exchange(true, ordering: .acquiringAndReleasing) { return }
        _ = a2_eventfd_signal(descriptor)
    }

    /// Whether a signal waits: lets a busy loop look without a system call.
    @inline(__always)
    public var isPending: Bool { pending.load(ordering: .acquiring) }

    /// For a loop that wants to know of nothing else. Leaves the signal for `clear`.
    public func wait(timeoutMilliseconds: Int) {
        _ = a2_eventfd_await(descriptor, Int32(clamping: timeoutMilliseconds))
    }

    /// Called by the loop before it looks for messages.
    @inline(__always)
    public func clear() {
        _ = a2_eventfd_drain(descriptor)
        _ = pending.exchange(false, ordering: .acquiringAndReleasing)
    }
}
