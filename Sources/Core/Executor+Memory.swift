/// maxmemory: client writes are gated, peers' frames always apply.
///
/// An eviction is an observed delete like any other, with its own frame. Keys are sampled from random
/// partitions, as Redis samples its table; the best candidate of a round goes.
import Base
import Commands
import Engine
import Synchronization

extension Executor {
    var isOverMemoryLimit: Bool {
        let limit = node.memoryLimitBytes.load(ordering: .relaxed)
        return limit > 0 && node.usedBytes() > limit
    }

    /// Frees memory until under the limit, or says that there is none to free.
    mutating func isOutOfMemory() -> Bool {
        guard isOverMemoryLimit else { return false }
        let policy = node.evictionPolicy
        guard policy != .noEviction else { return true }
        let start = lending.ticks()
        defer {
            node.noteEvent(
                .evictionCycle, ticks: lending.ticks() &- start, nowMilliseconds: context.pointee.nowMilliseconds)
        }
        // Bounded: a write waits for a few evictions at most, and the next one goes on.
        for _ in 0..<128 {
            guard evictOne(policy) else { return true }
            if !isOverMemoryLimit { return false }
        }
        return false
    }

    private mutating func evictOne(_ policy: EvictionPolicy) -> Bool {
        var best: EvictionCandidate?
        var bestPartition = 0
        var sampled = 0
        let start = context.pointee.random.below(Slots.partitionCount)
        for step in 0..<Slots.partitionCount {
            let index = (start + step * 97) & (Slots.partitionCount - 1)
            lending.acquire(index)
            let found = partitions[index].pointee.sampleForEviction(
                policy, keysMax: node.evictionSamples, best: &best, &context.pointee)
            lending.release(index)
            if found.improved { bestPartition = index }
            sampled += found.sampled
            if sampled >= node.evictionSamples { break }
        }
        guard let best else { return false }
        lending.acquire(bestPartition)
        partitions[bestPartition].pointee.evict(best, &context.pointee)
        commitOne(bestPartition)
        lending.release(bestPartition)
        return true
    }
}
