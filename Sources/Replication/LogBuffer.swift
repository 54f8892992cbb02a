/// The log's side of the window: how far it has been read, and what stands beside the ring.
///
/// Peers may fall behind the window; the log must not, because what it has not read would be lost. Clients are held
/// back long before the ring is full of unread entries; whoever writes all the same waits here for room.
import Base
import CIntrinsics
import Synchronization

/// Bytes too many for the ring, on their way into the log. Nobody changes them any more.
public final class LargeBody: @unchecked Sendable {
    private let buffer: ByteBuffer

    init(_ buffer: consuming ByteBuffer) { self.buffer = buffer }

    public var view: ByteView { buffer.view }
}

public final class LogBuffer: Sendable {
    private let capacityBytes = Atomic<UInt64>(0)
    /// Everything before it has been copied out of the ring.
    private let consumedPosition = Atomic<UInt64>(0)
    /// Everything before it is on the disk.
    private let durable = Atomic<UInt64>(0)
    /// Nothing is answered or sent before it is durable: `fsync always`.
    public let isSynchronous = Atomic<Bool>(false)
    private let lease = Atomic<Int64>(.max)
    private let besideBytes = Atomic<Int>(0)
    private let beside = Guarded<[(position: UInt64, body: LargeBody)]>([])
    private let places = Guarded<LogPlaces>(LogPlaces())
    /// Called again and again by a writer who waits for room in the middle of what he does: somebody has to read.
    private let hastenReader: (@Sendable () -> Void)?
    /// Returns how far the lease goes once the disk knows that it goes beyond this time.
    private let extendLease: (@Sendable (Int64) -> Int64)?

    public init(
        hastenReader: (@Sendable () -> Void)? = nil, extendLease: (@Sendable (Int64) -> Int64)? = nil
    ) {
        self.hastenReader = hastenReader
        self.extendLease = extendLease
    }

    func begin(at position: UInt64, capacity: Int) {
        capacityBytes.store(UInt64(capacity), ordering: .relaxed)
        consumedPosition.store(position, ordering: .relaxed)
        durable.store(position, ordering: .relaxed)
    }

    public var consumed: UInt64 { consumedPosition.load(ordering: .acquiring) }

    /// Unix milliseconds up to which the disk knows that stamps may be handed out: nothing is promised beyond.
    public var leaseMilliseconds: Int64 {
        get { lease.load(ordering: .relaxed) }
        set(lease) { self.lease.store(lease, ordering: .relaxed) }
    }

    /// Of a peer, whose clock may be ahead: a partition that has seen the stamp goes on from it, so the disk has to know
    /// of it before. To be called without a partition in one's hands, because it may wait for the disk.
    public func reserve(_ stamp: Stamp) {
        guard let extendLease, stamp.unixMilliseconds >= leaseMilliseconds else { return }
        leaseMilliseconds = extendLease(stamp.unixMilliseconds)
    }

    /// The latest stamp that needs no `reserve`.
    public var latestReserved: Stamp {
        let milliseconds = leaseMilliseconds
        guard extendLease != nil, milliseconds != .max else { return .distantFuture }
        let tick = UInt64(max(milliseconds - Stamp.epochMilliseconds, 1)) << Stamp.counterBits - 1
        return Stamp(tick: tick, replica: Replica(rawValue: 0)).asCut
    }

    /// Everything of the window before this position would be there after a crash.
    public var durablePosition: UInt64 { durable.load(ordering: .acquiring) }

    /// Bytes that wait to be written, where the window ends at `end`.
    public func backlogBytes(end: UInt64) -> Int {
        Int(truncatingIfNeeded: end &- consumedPosition.load(ordering: .relaxed))
            + besideBytes.load(ordering: .relaxed)
    }

    // MARK: Writers

    @inline(__always)
    func waitForRoom(upTo end: UInt64) {
        if end &- consumedPosition.load(ordering: .acquiring) <= capacityBytes.load(ordering: .relaxed) { return }
        waitLong(upTo: end)
    }

    /// The last resort: commands are held back at half of it.
    @inline(never)
    private func waitLong(upTo end: UInt64) {
        while end &- consumedPosition.load(ordering: .acquiring) > capacityBytes.load(ordering: .relaxed) {
            hastenReader?()
            a2_pause()
        }
    }

    func put(_ body: LargeBody, at position: UInt64) {
        besideBytes.add(body.view.count, ordering: .relaxed)
        beside.withLock { $0.append((position: position, body: body)) }
    }

    // MARK: The reader

    /// What stands beside the entry at `position`; the caller alone has it then.
    public func takeBeside(_ position: UInt64) -> LargeBody? {
        let body = beside.withLock { entries in
            entries.firstIndex { $0.position == position }.map { entries.remove(at: $0).body }
        }
        if let body { besideBytes.subtract(body.view.count, ordering: .relaxed) }
        return body
    }

    public func consume(upTo position: UInt64) { consumedPosition.store(position, ordering: .releasing) }

    public func noteDurable(upTo position: UInt64) { durable.store(position, ordering: .releasing) }

    /// Everything before `place.window` has been written to the log, where it ends at `place.log`.
    public func note(_ place: LogPlace) { places.withLock { $0.note(place) } }

    /// The log before this position of it is gone.
    public func forgetPlaces(before log: UInt64) { places.withLock { $0.forget(before: log) } }

    // MARK: Peers that have fallen behind the window

    public var placesNow: LogPlaces { places.withLock { $0 } }

    /// How far peers may be served from the log: with `fsync always` as far as it would survive a crash.
    public var servedEnd: LogPlace? {
        let durable = isSynchronous.load(ordering: .relaxed) ? durablePosition : .max
        return places.withLock { $0.place(before: durable) }
    }

    /// Up to which position of the window everything stands before `log`.
    public func place(atLog log: UInt64) -> LogPlace? { places.withLock { $0.place(atLog: log) } }
}
