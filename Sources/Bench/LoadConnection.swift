/// One connection of a load: what it has still to send, what it waits for, where in a reply it is.
import Base
import OS

/// A request that has been sent.
struct PendingRequest {
    /// When it went out, and when it was meant to.
    var sentAt: Int64
    var intendedAt: Int64
    /// −1: what the connection itself had to say (SELECT).
    var command: Int32
    var isMeasured: Bool
    var key: Int
}

/// Requests in the order in which their replies come.
struct PendingQueue: ~Copyable {
    private var slots: UnsafeMutablePointer<PendingRequest>
    private var mask: Int
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) {
        var size = 4
        while size < capacity { size *= 2 }
        slots = .allocate(capacity: size)
        mask = size - 1
    }

    deinit { slots.deallocate() }

    @inline(__always)
    mutating func append(_ request: PendingRequest) {
        if count > mask { grow() }
        (slots + (head + count) & mask).initialize(to: request)
        count += 1
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<PendingRequest>.allocate(capacity: (mask + 1) * 2)
        for index in 0..<count { (larger + index).initialize(to: slots[(head + index) & mask]) }
        slots.deallocate()
        slots = larger
        mask = mask * 2 + 1
        head = 0
    }

    @inline(__always)
    var first: PendingRequest { slots[head & mask] }

    @inline(__always)
    mutating func removeFirst() -> PendingRequest {
        let request = slots[head & mask]
        head = (head + 1) & mask
        count -= 1
        return request
    }

    /// Says when the last `number` requests went out.
    @inline(__always)
    mutating func markSent(last number: Int, at time: Int64) {
        for index in count - number..<count { slots[(head + index) & mask].sentAt = time }
    }
}

struct LoadConnection: ~Copyable {
    enum State: Sendable {
        case closed
        case connecting
        /// Connected, its prologue not yet answered.
        case greeting
        case open
    }

    let node: Int
    /// The client's connection for its next batch: itself, or the one to the next node.
    let successor: Int
    var socket: Int32 = -1
    var state = State.closed
    /// In the queue of those that may send.
    var isQueued = false
    var output = ByteBuffer(capacity: 1024)
    /// The beginning of a line whose end has not come.
    var carry = ByteBuffer(capacity: 16)
    var scanner = ReplyScanner()
    var pending: PendingQueue
    var prologueLeft = 0
    /// Rendered and not yet handed to the system.
    var unmarked = 0
    var database = 0
    var retryAt: Int64 = 0

    init(node: Int, successor: Int, pipeline: Int) {
        self.node = node
        self.successor = successor
        pending = PendingQueue(capacity: pipeline)
    }

    deinit { if socket >= 0 { Socket.close(socket) } }
}

/// Connections in the order in which they may send: a ring of numbers.
struct ConnectionQueue: ~Copyable {
    private let slots: UnsafeMutablePointer<Int32>
    private let capacity: Int
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        slots = .allocate(capacity: self.capacity)
    }

    deinit { slots.deallocate() }

    @inline(__always)
    mutating func append(_ number: Int) {
        precondition(count < capacity, "\(count) connections queued of \(capacity)")
        var at = head + count
        if at >= capacity { at -= capacity }
        slots[at] = Int32(truncatingIfNeeded: number)
        count += 1
    }

    @inline(__always)
    mutating func removeFirst() -> Int {
        let number = Int(slots[head])
        head += 1
        if head == capacity { head = 0 }
        count -= 1
        return number
    }
}
