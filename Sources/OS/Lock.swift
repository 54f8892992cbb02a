/// Mutual exclusion for short sections: a word and a futex.
///
/// `Synchronization.Mutex` would do but for three things: it spins for its own time before sleeping, it cannot
/// be held across functions, and ThreadSanitizer does not see it. A build for ThreadSanitizer (the environment
/// variable A2_THREAD_SANITIZER) makes this a pthread mutex.
///
/// It may live in a class, a struct, or memory initialised in place; once used it must not move.
import CLinux
import Synchronization

#if A2_THREAD_SANITIZER
    import Glibc

    public struct Lock: ~Copyable, @unchecked Sendable {
        private let mutex: UnsafeMutablePointer<pthread_mutex_t>

        public init() {
            mutex = .allocate(capacity: 1)
            pthread_mutex_init(mutex, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
        }

        public borrowing func lock() { pthread_mutex_lock(mutex) }

        public borrowing func tryLock() -> Bool { pthread_mutex_trylock(mutex) == 0 }

        public borrowing func unlock() { pthread_mutex_unlock(mutex) }
    }
#else
    public struct Lock: ~Copyable, Sendable {
        private static let free: UInt32 = 0
        private static let held: UInt32 = 1
        /// Held, and somebody may sleep: unlocking must wake.
        private static let contended: UInt32 = 2
        /// About 2 µs: longer than most commands hold a partition, shorter than a sleep and a wake.
        private static let spinsMax = 60

        /// Guards whatever its owner says it guards; acquire to lock, release to unlock.
        private let word = Atomic<UInt32>(Self.free)

        @inline(__always)
        public init() {}

        @inline(__always)
        public borrowing func lock() {
            let (taken, _) = word.compareExchange(expected: 0, desired: 1, ordering: .acquiring)
            if !taken { lockSlowly() }
        }

        @inline(__always)
        public borrowing func tryLock() -> Bool {
            word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
        }

        @inline(__always)
        public borrowing func unlock() {
            if word.exchange(0, ordering: .releasing) == 2 { wakeOne() }
        }

        @inline(never)
        private borrowing func lockSlowly() {
            for _ in 0..<Self.spinsMax {
                a2_pause()
                if word.load(ordering: .relaxed) == Self.free, tryLock() { return }
            }
            // From here on this thread cannot know whether others sleep, so it holds the lock as contended.
            while word.exchange(Self.contended, ordering: .acquiring) != Self.free {
                withUnsafePointer(to: word) { a2_futex_wait($0, Self.contended) }
            }
        }

        @inline(never)
        private borrowing func wakeOne() {
            withUnsafePointer(to: word) { a2_futex_wake_one($0) }
        }
    }
#endif

extension Lock {
    @inline(__always)
    public borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body()
    }
}
