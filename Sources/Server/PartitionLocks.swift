/// The partitions in memory, each beside its lock, and how they are lent.
///
/// Lock and partition share a cache line: whoever takes the lock has the partition's head with it.
import Base
import Commands
import Core
import Engine
import OS

struct PartitionLocks: PartitionLending, @unchecked Sendable {
    private let memory: UnsafeMutableRawPointer
    private let strideBytes: Int

    private static let partitionOffset = 16

    /// Makes all partitions of a node. They live as long as the process.
    init(replica: Replica, databases: Int, hashSeed: UInt64, pages: PageSource) {
        strideBytes = (Self.partitionOffset + MemoryLayout<Partition>.size + 63) & ~63
        memory = .allocate(byteCount: strideBytes * Slots.partitionCount, alignment: 64)
        for index in 0..<Slots.partitionCount {
            let cell = memory + index * strideBytes
            cell.bindMemory(to: Lock.self, capacity: 1).initialize(to: Lock())
            (cell + Self.partitionOffset).bindMemory(to: Partition.self, capacity: 1).initialize(
                to: Partition(
                    index: index, replica: replica, databases: databases, hashSeed: hashSeed, pages: pages))
        }
    }

    var array: PartitionArray {
        PartitionArray(first: memory + Self.partitionOffset, strideBytes: strideBytes)
    }

    @inline(__always)
    private func lock(_ partition: Int) -> UnsafeMutablePointer<Lock> {
        (memory + partition * strideBytes).assumingMemoryBound(to: Lock.self)
    }

    @inline(__always)
    func acquire(_ partition: Int) { lock(partition).pointee.lock() }

    @inline(__always)
    func tryAcquire(_ partition: Int) -> Bool { lock(partition).pointee.tryLock() }

    @inline(__always)
    func release(_ partition: Int) { lock(partition).pointee.unlock() }

    @inline(__always)
    func ticks() -> UInt64 { SystemClock.ticks }
}
