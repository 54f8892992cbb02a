/// A thread of the system with a name, and if asked a core of its own.
import CLinux
import Glibc
import Synchronization

public final class Thread: Sendable {
    private let handle: pthread_t
    private let joined = Atomic<Bool>(false)

    private init(handle: pthread_t) { self.handle = handle }

    /// What the new thread takes over from the one that starts it.
    private final class Start {
        let name: String
        let core: Int?
        let body: @Sendable () -> Void

        init(name: String, core: Int?, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.core = core
            self.body = body
        }
    }

    /// Starts `body` on a new thread. The system shows the first 15 bytes of `name`. A core that cannot be
    /// had is not an error: affinity is advice.
    public static func start(
        name: String, core: Int? = nil, stackBytes: Int = 1 << 20, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) -> Thread {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        try check(-pthread_attr_setstacksize(&attributes, stackBytes), "give a thread \(stackBytes) bytes of stack")
        let start = Unmanaged.passRetained(Start(name: name, core: core, body: body))
        var handle = pthread_t()
        let error = pthread_create(&handle, &attributes, Thread.main, start.toOpaque())
        if error != 0 { start.release() }
        try check(-error, "start thread \(name)")
        return Thread(handle: handle)
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        nameCurrent(start.name)
        if let core = start.core { _ = a2_thread_set_core(Int32(truncatingIfNeeded: core)) }
        start.body()
        return nil
    }

    /// Waits until the thread has ended. Once.
    public func join() {
        precondition(!joined.exchange(true, ordering: .acquiringAndReleasing), "a thread joined twice")
        pthread_join(handle, nil)
    }

    public static func nameCurrent(_ name: String) { _ = a2_thread_set_name(name) }

    /// Waits of the calling thread end when they should, not up to 50 µs later when it suits the kernel.
    public static func keepTimersPrecise() { _ = a2_thread_set_precise_timers() }

    /// The calling thread leaves the cores to the others: its work may take longer, theirs may not. Where the system
    /// refuses, they share as before.
    public static func giveWay() { _ = a2_thread_give_way() }

    /// Whoever waits for the calling thread's core goes first. Called before it takes a lock that others want, it is not
    /// likely to lose the core with the lock in its hands.
    public static func yield() { _ = a2_thread_yield() }

    /// The cores this process may run on.
    public static var coreCount: Int { Int(a2_core_count()) }
}
