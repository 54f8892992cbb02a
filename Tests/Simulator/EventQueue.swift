/// What is to happen in a cluster, in order of time; at one moment in the order of asking.
struct EventQueue {
    enum Event {
        /// A node's replication wants to be called.
        case turn(node: Int, life: Int)
        /// Bytes arrive at one end of a connection.
        case arrive(connection: Int, end: Int)
        /// A dial comes to its end.
        case connect(node: Int, life: Int, target: Int, to: Int?)
        /// A node learns that a connection of its is gone.
        case lose(connection: Int, end: Int, reason: String)
        case client
        /// A log is synced; a snapshot is written on.
        case sync(node: Int, life: Int)
        case walk(node: Int, life: Int)
        case disturb
        case check
        case start(node: Int)
        case stop(node: Int)
        case heal(from: Int, to: Int)
    }

    private struct Entry {
        let time: Int64
        let order: UInt64
        let event: Event

        func comes(before other: Entry) -> Bool { time == other.time ? order < other.order : time < other.time }
    }

    private var heap: [Entry] = []
    private var nextOrder: UInt64 = 0

    var nextTime: Int64? { heap.first?.time }

    mutating func insert(_ event: Event, at time: Int64) {
        heap.append(Entry(time: time, order: nextOrder, event: event))
        nextOrder += 1
        var child = heap.count - 1
        while child > 0, heap[child].comes(before: heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (time: Int64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (first.time, first.event)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].comes(before: heap[least]) { least = child }
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
