/// Whether every loop still turns, judged by counts of their turns taken now and then.

struct LoopWatch {
    private var turns: [UInt64]
    /// When each count was last seen to have grown.
    private var grownMilliseconds: [Int64]
    private(set) var isStalled = false

    /// A loop that has nothing to do turns ten times a second: looks closer together than this prove nothing.
    static let toleranceMilliseconds: Int64 = 500

    init(loopCount: Int, nowMilliseconds: Int64) {
        turns = Array(repeating: 0, count: loopCount)
        grownMilliseconds = Array(repeating: nowMilliseconds, count: loopCount)
    }

    /// The loops that have not turned since the last look nor within the tolerance, without those that are excused.
    mutating func look(_ now: [UInt64], excusing excused: Set<Int> = [], nowMilliseconds: Int64) -> [Int] {
        var stalled: [Int] = []
        for index in turns.indices {
            if now[index] != turns[index] {
                turns[index] = now[index]
                grownMilliseconds[index] = nowMilliseconds
            } else if nowMilliseconds - grownMilliseconds[index] > Self.toleranceMilliseconds,
                !excused.contains(index)
            {
                stalled.append(index)
            }
        }
        isStalled = !stalled.isEmpty
        return stalled
    }
}
