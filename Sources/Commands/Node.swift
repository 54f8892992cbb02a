/// The node as its commands see it: identity, limits, statistics. One per process, shared by all loops.
import Base
import Engine
import Replication
import Synchronization

public final class Node: Sendable {
    public let replica: Replica
    public let databaseCount: Int
    public let partitions: PartitionArray
    public let window: Window
    /// Commands that take longer are offered to the slow log.
    public let slowTicks = Atomic<UInt64>(.max)
    /// 0: no limit.
    public let memoryLimitBytes = Atomic<Int>(0)
    public let statistics: [LoopStatistics]

    public init(
        replica: Replica, databaseCount: Int, partitions: PartitionArray, window: Window, statistics: [LoopStatistics]
    ) {
        self.replica = replica
        self.databaseCount = databaseCount
        self.partitions = partitions
        self.window = window
        self.statistics = statistics
    }

    public var evictionPolicy: EvictionPolicy {
        EvictionPolicy(rawValue: policyNumber.load(ordering: .relaxed)) ?? .noEviction
    }

    public let policyNumber = Atomic<Int>(0)
    public let evictionSamplesNumber = Atomic<Int>(5)
    public var evictionSamples: Int { evictionSamplesNumber.load(ordering: .relaxed) }

    /// Memory of keys, values and tables over all partitions, read without their locks: near enough to
    /// gate writes.
    public func usedBytes() -> Int {
        var sum = 0
        for index in 0..<Slots.partitionCount { sum += partitions[index].pointee.footprintBytes }
        return sum
    }

    public func noteSlow(_ call: borrowing Invocation, ticks: UInt64) {}
}
