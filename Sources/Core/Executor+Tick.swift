/// What a loop tells the node, and the node the loop, about ten times a second.
import Commands
import Engine

extension Executor {
    /// Makes this loop's counters readable to INFO and takes over changed settings.
    public func publishCounters() {
        var counts = LoopCounts.Values()
        counts.keyspaceHits = context.pointee.keyspaceHits
        counts.keyspaceMisses = context.pointee.keyspaceMisses
        counts.expiredKeys = context.pointee.expiredKeys
        counts.evictedKeys = context.pointee.evictedKeys
        counts.frames = context.pointee.framesWritten
        counts.frameBytes = context.pointee.frameBytes
        statistics.publish(counts)
        node.refresh(&context.pointee.access)
        // One loop measures for all.
        if statistics === node.statistics.first { node.sample(nowMilliseconds: context.pointee.nowMilliseconds) }
    }
}
