/// What of this node's knowledge would survive a crash.
///
/// A node with a log announces to its peers only what is on its disk: whoever hears that a member has applied
/// something forgets what would be needed to tell it again. Readings of what has been applied are kept with the
/// position where the log buffer ended then, and count once the log is durable up to there.
import Base

struct DurableProgress<Reading> {
    private var waiting: [(position: UInt64, reading: Reading)] = []
    private(set) var latest: Reading

    /// Under load a reading is taken every millisecond, and the disk may lag behind by seconds.
    private static var waitingMax: Int { 256 }

    init(_ nothing: Reading) { latest = nothing }

    mutating func note(_ reading: Reading, at position: UInt64) {
        if waiting.last?.position == position {
            waiting[waiting.count - 1].reading = reading
            return
        }
        if waiting.count == Self.waitingMax { thin() }
        waiting.append((position: position, reading: reading))
    }

    /// Every second one goes: the later of two says what both say, somewhat later.
    private mutating func thin() {
        for index in 0..<waiting.count / 2 { waiting[index] = waiting[2 * index + 1] }
        waiting.removeLast(waiting.count / 2)
    }

    mutating func advance(to durable: UInt64) {
        let count = waiting.prefix { $0.position <= durable }.count
        guard count > 0 else { return }
        latest = waiting[count - 1].reading
        waiting.removeFirst(count)
    }
}
