/// Readiness of many descriptors: epoll, edge-triggered, its event array made once.
///
/// One thread waits; any thread may add, change and remove. A descriptor leaves when it is closed.
import CLinux

/// One ready descriptor: the token it was added with and what it is ready for.
public struct PollEvent {
    public let token: UInt64
    public let flags: UInt32

    @inlinable
    public init(token: UInt64, flags: UInt32) {
        self.token = token
        self.flags = flags
    }

    /// Something to read: bytes, a connection, the end of the stream or an error, which a read reports.
    @inlinable
    public var isReadable: Bool { flags & Poller.readableMask != 0 }

    @inlinable
    public var isWritable: Bool { flags & Poller.writableMask != 0 }

    /// The peer has closed its side, or the connection is broken.
    @inlinable
    public var isClosed: Bool { flags & Poller.closedMask != 0 }
}

public struct Poller: ~Copyable {
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let read = Interest(rawValue: UInt32(A2_READABLE | A2_PEER_CLOSED))
        public static let write = Interest(rawValue: UInt32(A2_WRITABLE))
    }

    public static let readableMask = UInt32(
        A2_READABLE | A2_PEER_CLOSED | A2_HUNG_UP | A2_FAILED)
    public static let writableMask = UInt32(A2_WRITABLE | A2_HUNG_UP | A2_FAILED)
    public static let closedMask = UInt32(A2_PEER_CLOSED | A2_HUNG_UP | A2_FAILED)
    private static let edgeTriggered: UInt32 = 1 << 31

    private let epoll: Descriptor
    private let events: UnsafeMutableRawPointer
    public let capacity: Int

    public init(capacity: Int = 1024) throws(SystemError) {
        epoll = Descriptor(owning: try check(a2_epoll_create(), "make an epoll"))
        self.capacity = capacity
        events = .allocate(byteCount: capacity * Int(A2_EVENT_BYTES), alignment: 16)
    }

    deinit { events.deallocate() }

    /// Reports each change to readiness once: read or write until `Refusal.wouldBlock`.
    public func add(
        _ descriptor: Int32, token: UInt64, for interest: Interest = [.read, .write]
    ) throws(SystemError) {
        let flags = interest.rawValue | Self.edgeTriggered
        try check(a2_epoll_add(epoll.number, descriptor, flags, token), "poll descriptor \(descriptor)")
    }

    /// Reports for as long as there is something to read: for listeners, which may leave connections waiting.
    public func addLevelTriggered(_ descriptor: Int32, token: UInt64) throws(SystemError) {
        let flags = Interest.read.rawValue
        try check(a2_epoll_add(epoll.number, descriptor, flags, token), "poll descriptor \(descriptor)")
    }

    public func change(_ descriptor: Int32, token: UInt64, for interest: Interest) throws(SystemError) {
        let flags = interest.rawValue | Self.edgeTriggered
        try check(a2_epoll_change(epoll.number, descriptor, flags, token), "poll descriptor \(descriptor)")
    }

    public func remove(_ descriptor: Int32) { _ = a2_epoll_remove(epoll.number, descriptor) }

    /// Waits until something is ready or the time has passed (0: not at all, −1: for ever), and returns how
    /// many events there are; the next wait overwrites them. A failure is a bug: the epoll is ours.
    @inline(__always)
    public func wait(timeoutMilliseconds: Int) -> Int {
        let count = a2_epoll_wait(
            epoll.number, events, Int32(truncatingIfNeeded: capacity), Int32(clamping: timeoutMilliseconds))
        precondition(count >= 0, "epoll_wait failed with errno \(-count)")
        return Int(count)
    }

    /// The same with a time that is kept to the microsecond, if the thread asked for `Thread.keepTimersPrecise`.
    @inline(__always)
    public func wait(timeoutNanoseconds: Int64) -> Int {
        let count = a2_epoll_wait_precisely(
            epoll.number, events, Int32(truncatingIfNeeded: capacity), max(timeoutNanoseconds, 0))
        precondition(count >= 0, "epoll_wait failed with errno \(-count)")
        return Int(count)
    }

    @inline(__always)
    public subscript(index: Int) -> PollEvent {
        assert(index >= 0 && index < capacity, "event \(index) of \(capacity)")
        let index = Int32(truncatingIfNeeded: index)
        return PollEvent(token: a2_event_token(events, index), flags: a2_event_flags(events, index))
    }
}
