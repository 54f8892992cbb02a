/// A partition lent to a walk for one slice.
import Base
import Engine

public struct PartitionVisit {
    public let partition: UnsafeMutablePointer<Partition>
    public let context: UnsafeMutablePointer<ExecutionContext>
    public let bucketsMax: Int

    public init(
        partition: UnsafeMutablePointer<Partition>, context: UnsafeMutablePointer<ExecutionContext>, bucketsMax: Int
    ) {
        self.partition = partition
        self.context = context
        self.bucketsMax = bucketsMax
    }
}
