/// The seam between Core and threads.
///
/// Core names the partitions it needs, in ascending order, and is lent them; it never learns whether a lock
/// stands behind that. The server lends under locks, the simulator lends what nobody else can reach.
public protocol PartitionLending: Sendable {
    func acquire(_ partition: Int)
    func release(_ partition: Int)
    /// A steadily rising count for measuring how long commands take; its rate is the server's affair.
    func ticks() -> UInt64
}
