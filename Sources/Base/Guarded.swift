/// A value behind a mutex that ThreadSanitizer understands.
///
/// It does not see the futex inside `Synchronization.Mutex` and takes every use for a race; in its build this says
/// by hand what the mutex does. In any other build it is that mutex and nothing more.
import CIntrinsics
import Synchronization

public struct Guarded<Value: ~Copyable>: ~Copyable, Sendable {
    private let mutex: Mutex<Value>
    #if A2_THREAD_SANITIZER
        /// An address that stays the same, for telling locks apart; never freed, as these live as long as the process.
        private nonisolated(unsafe) let token = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
    #endif

    public init(_ value: consuming sending Value) { mutex = Mutex(value) }

    @inline(__always)
    public borrowing func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        #if A2_THREAD_SANITIZER
            let token = token
            return try mutex.withLock { value throws(Failure) in
                a2_sanitizer_acquire(token)
                defer { a2_sanitizer_release(token) }
                return try body(&value)
            }
        #else
            return try mutex.withLock(body)
        #endif
    }
}
