/// Numbers of all partitions, read one by one as each is lent: what INFO and MEMORY tell of the keyspace.
import Base
import Engine

/// What a survey has added up.
struct KeyspaceSurvey {
    struct Database {
        var keys = 0
        var volatileKeys = 0
        /// The mean of the partitions whose keys' deadlines have been looked at, and how many keys they have.
        private(set) var meanDeadlineMilliseconds: Int64?
        private var sampledKeys = 0

        mutating func add(meanDeadlineMilliseconds mean: Int64, keys: Int) {
            sampledKeys += keys
            let known = meanDeadlineMilliseconds ?? mean
            // Moved towards the new mean by its share: a sum of deadlines would overflow.
            meanDeadlineMilliseconds = known + Int64(Double(mean - known) * Double(keys) / Double(sampledKeys))
        }
    }

    var databases: [Database]
    var spanBytes = 0
    /// The oldest settle cut of a partition with writes that not every member has.
    var oldestUnsettledMilliseconds: Int64?
    /// Of each replica the latest write that has been applied anywhere.
    var latest = Versions()

    var keyCount: Int { databases.reduce(0) { $0 + $1.keys } }

    mutating func add(_ partition: borrowing Partition) {
        for database in databases.indices {
            databases[database].keys += partition.count(database: database)
            let volatileKeys = partition.volatileCount(database: database)
            databases[database].volatileKeys += volatileKeys
            if let mean = partition.meanDeadlineMilliseconds(database: database) {
                databases[database].add(meanDeadlineMilliseconds: mean, keys: volatileKeys)
            }
        }
        spanBytes += partition.spanBytes
        latest.formUnion(partition.versions)
        if partition.latestOwnStamp > partition.settleCut {
            let settled = partition.settleCut.unixMilliseconds
            oldestUnsettledMilliseconds = min(oldestUnsettledMilliseconds ?? .max, settled)
        }
    }
}

final class SurveyWalk: Walk {
    private let node: Node
    private var survey: KeyspaceSurvey
    private let reply: (inout Invocation, KeyspaceSurvey) -> Void

    /// `reply` writes the reply once every partition has been looked at.
    init(_ node: Node, reply: @escaping (inout Invocation, KeyspaceSurvey) -> Void) {
        self.node = node
        self.reply = reply
        survey = KeyspaceSurvey(
            databases: Array(repeating: KeyspaceSurvey.Database(), count: node.databaseCount))
    }

    override func visit(_ visit: inout PartitionVisit) {
        survey.add(visit.partition.pointee)
        node.report(visit.partition)
        advance()
    }

    override func finish(_ call: inout Invocation) { reply(&call, survey) }
}
