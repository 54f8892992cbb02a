/// Frames that came before what they build on: an earlier frame of their origin is missing, or something their
/// cut promises. They wait here, each origin's in order of stamp, until it has arrived or been repaired: while the first
/// of an origin cannot be applied, none behind it can, so only that one is looked at.
///
/// Bounded: what does not fit is let go, and its partition is repaired from its origin's state instead.
import Base

struct HeldFrames {
    private struct Frame {
        let stamp: Stamp
        let bytes: [UInt8]
    }

    private struct Queue {
        let origin: Replica
        /// Those before `first` are done with.
        var frames: [Frame] = []
        var first = 0

        /// Where a frame belongs; nil where it is held already.
        func place(of stamp: Stamp) -> Int? {
            guard let last = frames.last, stamp <= last.stamp else { return frames.count }
            let index = frames[first...].firstIndex { $0.stamp >= stamp } ?? frames.count
            return index < frames.count && frames[index].stamp == stamp ? nil : index
        }

        mutating func removeFirst() -> Frame {
            let frame = frames[first]
            first += 1
            if first > 64, first > frames.count / 2 {
                frames.removeFirst(first)
                first = 0
            }
            return frame
        }
    }

    private var partitions: [[Queue]] = Array(repeating: [], count: Slots.partitionCount)
    /// Frames held of each origin; few origins, so a list.
    private var counts: [(replica: Replica, count: Int)] = []
    private(set) var byteCount = 0
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    var isEmpty: Bool { byteCount == 0 }

    func isEmpty(partition: Int) -> Bool { partitions[partition].isEmpty }

    /// Partitions with frames, ascending.
    var occupied: [Int] { partitions.indices.filter { !partitions[$0].isEmpty } }

    func count(origin: Replica) -> Int { counts.first { $0.replica == origin }?.count ?? 0 }

    /// False where there is no room.
    mutating func insert(_ bytes: ByteView, _ stamp: Stamp, partition: Int) -> Bool {
        let origin = stamp.replica
        let known = partitions[partition].firstIndex { $0.origin == origin }
        let place = known.map { partitions[partition][$0].place(of: stamp) } ?? 0
        // A link that broke sends again what has been held since.
        guard let place else { return true }
        guard byteCount + bytes.count <= bytesMax else { return false }
        if known == nil { partitions[partition].append(Queue(origin: origin)) }
        let index = known ?? partitions[partition].count - 1
        partitions[partition][index].frames.insert(Frame(stamp: stamp, bytes: bytes.array), at: place)
        byteCount += bytes.count
        change(origin, by: 1)
        return true
    }

    /// Offers the first frame of each origin in a partition; those that `isDone` settles go and make room for the next
    /// one, until nothing moves any more.
    mutating func offer(partition: Int, _ isDone: (_ bytes: [UInt8]) -> Bool) {
        var moves = true
        while moves {
            moves = false
            for index in partitions[partition].indices.reversed() {
                while isDone(partitions[partition][index].frames[partitions[partition][index].first].bytes) {
                    moves = true
                    let frame = partitions[partition][index].removeFirst()
                    byteCount -= frame.bytes.count
                    change(frame.stamp.replica, by: -1)
                    if partitions[partition][index].first == partitions[partition][index].frames.count { break }
                }
                if partitions[partition][index].first == partitions[partition][index].frames.count {
                    partitions[partition].remove(at: index)
                }
            }
        }
    }

    /// The first frame of each origin that a partition waits with.
    func heads(partition: Int) -> [(origin: Replica, bytes: [UInt8])] {
        partitions[partition].map { ($0.origin, $0.frames[$0.first].bytes) }
    }

    /// Lets go whatever is held of an origin that will not fill its holes any more: what anybody has applied of it comes
    /// as state.
    mutating func removeAll(origin: Replica) {
        guard count(origin: origin) > 0 else { return }
        for partition in partitions.indices {
            guard let index = partitions[partition].firstIndex(where: { $0.origin == origin }) else { continue }
            let queue = partitions[partition].remove(at: index)
            for frame in queue.frames[queue.first...] { byteCount -= frame.bytes.count }
        }
        counts.removeAll { $0.replica == origin }
    }

    private mutating func change(_ origin: Replica, by amount: Int) {
        if let index = counts.firstIndex(where: { $0.replica == origin }) {
            counts[index].count += amount
        } else {
            counts.append((origin, amount))
        }
    }
}
