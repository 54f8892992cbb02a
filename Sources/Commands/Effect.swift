/// What a handler leaves to be done by whoever runs it.
import Base

public enum Effect {
    case none
    /// Run what MULTI queued.
    case exec
    /// Visit the partitions one after the other, then reply.
    case walk(Walk)
    /// WATCH the keys of the call; UNWATCH all.
    case watch
    case unwatch
    /// Something only the process around the node can do.
    case host(HostRequest)
    /// What the commands of a transaction asked for, in order.
    case hostList([OrderedRequest])
    /// Close the connection once the reply is out.
    case close
}

/// A command that looks at every partition, a slice at a time: KEYS, SCAN, FLUSHALL, DBSIZE, RANDOMKEY.
///
/// The executor lends it one partition after the other, and between two slices whoever else waits gets its
/// turn; inside MULTI all partitions are lent at once and it runs whole. It must therefore not assume that
/// nothing changed between two visits.
open class Walk {
    /// The partition to visit next, nil when done.
    public var partition: Int? = 0

    public init() {}

    /// Works on the lent partition for a slice of about `bucketsMax` buckets and sets `partition` to the one
    /// to visit next.
    open func visit(_ partition: inout PartitionVisit) {}

    /// Writes the reply once `partition` is nil.
    open func finish(_ call: inout Invocation) {}

    public func advance() {
        guard let at = partition else { return }
        partition = at + 1 < Slots.partitionCount ? at + 1 : nil
    }
}
