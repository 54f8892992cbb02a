/// What of this node's knowledge would survive a crash.
///
/// A node with a log announces to its peers only what is on its disk: whoever hears that a member has applied
/// something forgets what would be needed to tell it again. Readings of what has been applied are kept with the
/// position where the log buffer ended then, and count once the log is durable up to there.
import Base

struct DurableProgress<Reading> {
    private var waiting: [(position: UInt64, reading: Reading)] = []
    private(set) var latest: Reading

    /// Readings are taken several times a second, and the disk lags behind by seconds at most.
    private static var waitingMax: Int { 256 }

    init(_ nothing: Reading) { latest = nothing }

    mutating func note(_ reading: Reading, at position: UInt64) {
        if waiting.last?.position == position {
            waiting[waiting.count - 1].reading = reading
        } else if waiting.count < Self.waitingMax {
            waiting.append((position: position, reading: reading))
        } else {
            // A disk that stands still: what is newer waits with the newest.
            waiting[waiting.count - 1] = (position: position, reading: reading)
        }
    }

    mutating func advance(to durable: UInt64) {
        let count = waiting.prefix { $0.position <= durable }.count
        guard count > 0 else { return }
        latest = waiting[count - 1].reading
        waiting.removeFirst(count)
    }
}
