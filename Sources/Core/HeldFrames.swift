/// Frames that came before what they build on: an earlier frame of their origin is missing, or something their
/// cut promises. They wait here, in the order of their coming, until it has arrived or been repaired.
///
/// Bounded: what does not fit is let go, and its partition is repaired from its origin's state instead.
import Base

struct HeldFrames {
    struct Frame {
        let origin: Replica
        let bytes: [UInt8]
    }

    private var partitions: [[Frame]] = Array(repeating: [], count: Slots.partitionCount)
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
    mutating func insert(_ bytes: ByteView, origin: Replica, partition: Int) -> Bool {
        guard byteCount + bytes.count <= bytesMax else { return false }
        partitions[partition].append(Frame(origin: origin, bytes: bytes.array))
        byteCount += bytes.count
        change(origin, by: 1)
        return true
    }

    /// Offers each frame of a partition; those that `isDone` settles go, and it is offered the rest again until
    /// nothing moves any more.
    mutating func offer(partition: Int, _ isDone: (Frame) -> Bool) {
        var moves = true
        while moves, !partitions[partition].isEmpty {
            moves = false
            let frames = partitions[partition]
            partitions[partition] = []
            var kept: [Frame] = []
            for frame in frames {
                if isDone(frame) {
                    moves = true
                    byteCount -= frame.bytes.count
                    change(frame.origin, by: -1)
                } else {
                    kept.append(frame)
                }
            }
            partitions[partition] = kept
        }
    }

    /// The origins of what a partition holds.
    func origins(partition: Int) -> [Replica] {
        var origins: [Replica] = []
        for frame in partitions[partition] where !origins.contains(frame.origin) { origins.append(frame.origin) }
        return origins
    }

    private mutating func change(_ origin: Replica, by amount: Int) {
        if let index = counts.firstIndex(where: { $0.replica == origin }) {
            counts[index].count += amount
        } else {
            counts.append((origin, amount))
        }
    }
}
