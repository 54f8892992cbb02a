/// Waiting for a handful of descriptors with poll(2): for the tools, which have no loop of their own.
import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// One descriptor and what it is waited for; after the wait, what it is ready for.
public struct Readiness: Sendable {
    public let descriptor: Int32
    public var wantsRead: Bool
    public var wantsWrite: Bool
    /// Bytes, the end of the stream or an error, which a read reports.
    public fileprivate(set) var isReadable = false
    public fileprivate(set) var isWritable = false

    public init(_ descriptor: Int32, wantsRead: Bool = true, wantsWrite: Bool = false) {
        self.descriptor = descriptor
        self.wantsRead = wantsRead
        self.wantsWrite = wantsWrite
    }

    public enum Outcome: Equatable, Sendable {
        case ready
        case timedOut
        /// A signal came; its handler has run.
        case interrupted
    }

    /// Waits until one is ready, the time has passed (−1: for ever) or a signal has come.
    public static func wait(_ all: inout [Readiness], timeoutMilliseconds: Int) -> Outcome {
        var list = all.map { each in
            pollfd(
                fd: each.descriptor, events: Int16((each.wantsRead ? POLLIN : 0) | (each.wantsWrite ? POLLOUT : 0)),
                revents: 0)
        }
        let count = Int32(list.count)
        let ready = list.withUnsafeMutableBufferPointer { buffer -> Int32 in
            guard let start = buffer.baseAddress else { return 0 }
            return a2_poll(start, count, Int32(clamping: timeoutMilliseconds))
        }
        let ended = Int32(POLLHUP | POLLERR | POLLNVAL)
        for (index, entry) in list.enumerated() {
            let flags = ready > 0 ? Int32(entry.revents) : 0
            all[index].isReadable = all[index].wantsRead && flags & (Int32(POLLIN) | ended) != 0
            all[index].isWritable = all[index].wantsWrite && flags & (Int32(POLLOUT) | ended) != 0
        }
        if ready == -EINTR { return .interrupted }
        precondition(ready >= 0, "poll failed with errno \(-ready)")
        return ready == 0 ? .timedOut : .ready
    }

    /// The same for one descriptor.
    public static func wait(
        _ descriptor: Int32, reading: Bool = true, writing: Bool = false, timeoutMilliseconds: Int
    ) -> Outcome {
        var one = [Readiness(descriptor, wantsRead: reading, wantsWrite: writing)]
        return wait(&one, timeoutMilliseconds: timeoutMilliseconds)
    }
}
