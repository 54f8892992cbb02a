/// A thread that keeps memory resident ahead of its use.
///
/// The kernel clears a huge page at its first touch, which on a virtual machine takes milliseconds; a loop
/// that grows would stand still for each. So somebody else touches first.
import OS
import Synchronization

final class Populator: Sendable {
    private let pages: HugePages
    private let wakeUp: WakeUp

    init(_ pages: HugePages) throws(SystemError) {
        self.pages = pages
        wakeUp = try WakeUp()
    }

    func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let base = pages.allocate(bytes)
        // A wake-up costs more than filling a page with entries takes.
        if pages.isBehind { wakeUp.signal() }
        return base
    }

    /// Populates `memory` first, then whatever is about to be handed out, for the life of the process.
    func start(also memory: UnsafeMutableRawPointer, _ bytes: Int) throws(SystemError) {
        let address = UInt(bitPattern: memory)
        _ = try Thread.start(name: "a2-memory") { [self] in
            if let memory = UnsafeMutableRawPointer(bitPattern: address) { HugePages.populate(memory, bytes) }
            // Without it the node runs all the same, with the pauses it would have had.
            guard let poller = try? Poller(capacity: 1),
                (try? poller.add(wakeUp.descriptor, token: 0, for: .read)) != nil
            else { return }
            while true {
                _ = poller.wait(timeoutMilliseconds: -1)
                wakeUp.clear()
                while pages.populateAhead() {}
            }
        }
    }
}
