/// INFO's avg_ttl: an estimate of when the keys with a deadline expire, from a few buckets looked at each second.
///
/// What is kept is the mean deadline, not the mean time left: it stays right while time passes.

struct DeadlineSample {
    var nextMilliseconds = Int64.min

    static let restMilliseconds: Int64 = 1000
    static let bucketsAtFirst = 32
    static let buckets = 4
    /// A new mean counts this much less than what was known before.
    static let weight: Int64 = 8
    /// Deadlines farther off than a thousand years count as that far: sums of them must not overflow.
    static let farMilliseconds: Int64 = 1000 * 366 * 86_400_000
}

extension Partition {
    /// The mean deadline of a database's keys that have one, nil while none is known.
    public func meanDeadlineMilliseconds(database: Int) -> Int64? {
        let mean = tables[database].meanDeadlineMilliseconds
        return mean == 0 || tables[database].volatileCount == 0 ? nil : mean
    }

    /// Looks at a few keys of each database, when a second has passed since the last look.
    public mutating func sampleDeadlines(nowMilliseconds now: Int64) {
        // A clock that was set back must not end the looking.
        let isResting =
            now < sample.nextMilliseconds && sample.nextMilliseconds - now <= DeadlineSample.restMilliseconds
        if isResting { return }
        sample.nextMilliseconds = now + DeadlineSample.restMilliseconds
        for database in 0..<databaseCount {
            if tables[database].volatileCount == 0 {
                changeableTable(database).pointee.meanDeadlineMilliseconds = 0
            } else {
                sampleDeadlines(database, now)
            }
        }
    }

    private mutating func sampleDeadlines(_ database: Int, _ now: Int64) {
        var (sum, count): (Int64, Int64) = (0, 0)
        let known = tables[database].meanDeadlineMilliseconds
        var position: UInt64? = tables[database].samplePosition
        for _ in 0..<(known == 0 ? DeadlineSample.bucketsAtFirst : DeadlineSample.buckets) {
            guard let at = position else { break }
            position = tables[database].visit(at) { position in
                guard position.bucket[position.slot] & 1 == 1 else { return }
                let deadline = position.entry.deadlineMilliseconds
                sum += min(max(deadline, now), now + DeadlineSample.farMilliseconds) - now
                count += 1
            }
        }
        if count > 0 {
            let mean = now + sum / count
            changeableTable(database).pointee.meanDeadlineMilliseconds =
                known == 0 ? mean : known + (mean - known) / DeadlineSample.weight
        }
        changeableTable(database).pointee.samplePosition = position ?? 0
    }
}
