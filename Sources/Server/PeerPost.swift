/// The peer thread as other threads see it: a mailbox, and a bell for frames that have been written.
import Base
import Commands
import OS
import Replication
import Synchronization

enum PeerMail: Sendable {
    case request(PeerRequest)
    /// Where the name leads that a link is to be dialled to.
    case resolved(link: Int, [SocketAddress], failure: String?)
    /// Say goodbye, send what is owed, end.
    case end
}

final class PeerPost: Sendable {
    let wakeUp: WakeUp
    private let mail = Guarded<[PeerMail]>([])
    /// The thread sleeps, has peers to send to, and has sent them everything before `seenPosition`.
    private let isAsleep = Atomic<Bool>(false)
    private let seenPosition = Atomic<UInt64>(0)
    /// Until the thread has ended.
    let isRunning = Atomic<Bool>(false)
    let linkCount = Atomic<Int>(0)
    let inputBytes = Atomic<UInt64>(0)
    let outputBytes = Atomic<UInt64>(0)

    init() throws(SystemError) { wakeUp = try WakeUp() }

    func post(_ message: PeerMail) {
        mail.withLock { $0.append(message) }
        wakeUp.signal()
    }

    /// Everything posted so far, in order. Clears the wake-up first, so that nothing is missed.
    func takeAll() -> [PeerMail] {
        wakeUp.clear()
        return mail.withLock { mail in
            let taken = mail
            mail.removeAll()
            return taken
        }
    }

    // MARK: The bell

    /// Called by a loop at the end of each turn: one load while the thread is awake or has no peers.
    @inline(__always)
    func ringIfAsleep(_ window: Window) {
        #if !arch(x86_64)
            // The frames of this turn before the load; on x86 reserving space in the window has seen to that.
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
