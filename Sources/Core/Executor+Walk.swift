/// Commands that look at every partition, in slices: between two slices whoever else waits gets its turn.
import Base
import Commands
import Engine
import RESP
import Synchronization

extension Executor {
    /// About a hundred microseconds of buckets.
    public static var walkBucketsMax: Int { 256 }

    /// Visits the walk's next partition once. Returns whether the walk is done.
    public mutating func stepWalk(_ walk: Walk, bucketsMax: Int) -> Bool {
        guard let index = walk.partition else { return true }
        lending.acquire(index)
        let now = enter(index)
        var visit = PartitionVisit(partition: partitions[index], context: context, bucketsMax: bucketsMax)
        walk.visit(&visit)
        commitOne(index)
        context.pointee.nowMilliseconds = now
        lending.release(index)
        return walk.partition == nil
    }

    /// Writes the reply of a walk that is done.
    public mutating func finishWalk(
        _ walk: Walk, _ command: Command.Reference, _ arguments: Arguments,
        reply: UnsafeMutablePointer<ReplyWriter>, session: UnsafeMutablePointer<Session>
    ) {
        var call = Invocation(
            arguments: arguments, command: command, reply: reply, session: session, context: context,
            partitions: partitions, node: node)
        walk.finish(&call)
    }

    /// One slice of the upkeep of a partition: expired keys are freed, history
    /// that has become stable is forgotten, tables go on moving. Returns whether
    /// there is more to do at once.
    public mutating func maintain(_ index: Int, bucketsMax: Int) -> Bool {
        lending.acquire(index)
        // DEBUG SET-ACTIVE-EXPIRE 0 leaves expired keys where they are; nobody sees them either way.
        let sweeps =
            node.sweepsExpired.load(ordering: .relaxed)
            && partitions[index].pointee.sweepExpired(bucketsMax: bucketsMax, &context.pointee)
        partitions[index].pointee.settleWhatIsStable(&context.pointee)
        let moves = partitions[index].pointee.moveTables(bucketsMax: bucketsMax)
        node.report(partitions[index])
        partitions[index].pointee.sampleDeadlines(nowMilliseconds: context.pointee.nowMilliseconds)
        lending.release(index)
        return sweeps || moves
    }
}
