/// What a loop brings along when it executes: the time, chance, scratch memory and counters. One per loop,
/// lent to whatever partition is being worked on, so that partitions stay small and scratch stays in cache.
import Base

public struct ExecutionContext: ~Copyable {
    /// Unix milliseconds, read once a turn: the same for every command of a batch.
    public var nowMilliseconds: Int64 = 0
    /// The records of the frame being drafted.
    public var records = ByteBuffer(capacity: 4096)
    /// A record of this frame was too large for the window; peers will fetch its key by repair.
    public var hasElidedRecord = false
    /// The log wants what the window does not.
    public var keepsLargeRecords = false
    /// Several commands or keys share a frame: records are written at commit, one per key, net.
    public var accumulates = false
    var touched = TouchedKeys()
    public var random: SeededRandom
    public var access = AccessClock()
    /// Reads do not count as accesses: CLIENT NO-TOUCH, OBJECT, TYPE.
    public var leavesAccessAlone = false

    // Counters since the start of the loop; the server sums them up for INFO.
    public var keyspaceHits: UInt64 = 0
    public var keyspaceMisses: UInt64 = 0
    public var expiredKeys: UInt64 = 0
    public var evictedKeys: UInt64 = 0
    public var framesWritten: UInt64 = 0
    /// Into the log, besides frames: what came from peers, and what happened to the node.
    public var logEntriesWritten: UInt64 = 0
    public var frameBytes: UInt64 = 0

    /// Where a value is put together that is stored in another form than it is shown.
    var text = ByteBuffer(capacity: 64)

    public init(random: SeededRandom) {
        self.random = random
    }

    /// Ends an accumulation: the touched keys have become records.
    public mutating func endAccumulating() {
        accumulates = false
        if !touched.isEmpty { touched.removeAll() }
    }
}

/// How the last use of an entry is remembered in its 32-bit access word: a second count for LRU, or for LFU
/// minutes above a logarithmic counter, as Redis does it.
public struct AccessClock: Sendable {
    public var countsFrequency = false
    public var seconds: UInt32 = 0
    public var logFactor = 10
    public var decayMinutes = 1

    public static let frequencyInitial: UInt32 = 5

    public init() {}

    @inline(__always)
    var initialWord: UInt32 {
        countsFrequency ? minutes << 8 | Self.frequencyInitial : seconds
    }

    private var minutes: UInt32 { seconds / 60 & 0xFF_FFFF }

    @inline(__always)
    func touched(_ word: UInt32, _ random: inout SeededRandom) -> UInt32 {
        countsFrequency ? frequencyTouched(word, &random) : seconds
    }

    /// The counter after the minutes that passed without an access.
    public func decayedFrequency(_ word: UInt32) -> UInt32 {
        let counter = word & 0xFF
        guard decayMinutes > 0 else { return counter }
        let passed = (minutes &- (word >> 8)) & 0xFF_FFFF
        // More than half of what can be told: an access of later than now.
        if passed > 0x7F_FFFF { return counter }
        let periods = passed / UInt32(decayMinutes)
        return periods > counter ? 0 : counter - periods
    }

    private func frequencyTouched(_ word: UInt32, _ random: inout SeededRandom) -> UInt32 {
        var counter = decayedFrequency(word)
        if counter < 255 {
            let above = counter > Self.frequencyInitial ? counter - Self.frequencyInitial : 0
            let odds = Double(above) * Double(logFactor) + 1
            if Double(random.next() >> 11) * 0x1p-53 * odds < 1 { counter += 1 }
        }
        return minutes << 8 | counter
    }

    /// Seconds since the last access; none since one of later than now, which a thread whose clock is a turn ahead may
    /// note, or a clock that was set back since.
    public func idleSeconds(_ word: UInt32) -> Int { max(Int(Int32(bitPattern: seconds &- word)), 0) }
}
