/// The lock: no increment lost, no sleeper forgotten.
import OS
import Synchronization
import Testing

/// A counter that only a lock makes safe.
private final class Guarded: @unchecked Sendable {
    let locks: UnsafeMutablePointer<Lock>
    var counts: [Int]

    init(_ count: Int) {
        locks = .allocate(capacity: count)
        for index in 0..<count { (locks + index).initialize(to: Lock()) }
        counts = Array(repeating: 0, count: count)
    }

    deinit {
        locks.deinitialize(count: counts.count)
        locks.deallocate()
    }
}

@Suite struct LockTests {
    @Test("Increments under locks in raw memory are never lost", arguments: [1, 256])
    func countsUnderContention(lockCount: Int) throws {
        let guarded = Guarded(lockCount)
        let threads = try (0..<4).map { number in
            try Thread.start(name: "lock \(number)") {
                for step in 0..<100_000 {
                    let index = step % lockCount
                    guarded.locks[index].lock()
                    guarded.counts[index] += 1
                    guarded.locks[index].unlock()
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(guarded.counts.reduce(0, +) == 400_000)
    }

    @Test("A sleeper is woken when the holder lets go after long")
    func sleepersWake() throws {
        let guarded = Guarded(1)
        let waiting = Atomic<Int>(0)
        guarded.locks[0].lock()
        let takenTwice = guarded.locks[0].tryLock()
        #expect(!takenTwice)
        let threads = try (0..<3).map { number in
            try Thread.start(name: "sleeper \(number)") {
                waiting.add(1, ordering: .relaxed)
                guarded.locks[0].withLock { guarded.counts[0] += 1 }
            }
        }
        // Long enough for all three to stop spinning and sleep in the kernel; a lost wake-up hangs the joins.
        let start = SystemClock.monotonicMilliseconds
        while waiting.load(ordering: .relaxed) < 3 || SystemClock.monotonicMilliseconds - start < 50 {}
        guarded.locks[0].unlock()
        for thread in threads { thread.join() }
        #expect(guarded.counts[0] == 3)
        let isFree = guarded.locks[0].tryLock()
        #expect(isFree)
        guarded.locks[0].unlock()
    }
}
