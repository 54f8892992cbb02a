/// What replication asks of a partition: each call locks it, does one thing, and lets it go.
import Base
import Commands
import Engine
import Replication
import Wire

extension Executor {
    public func versions(_ partition: Int) -> Versions {
        lending.acquire(partition)
        defer { lending.release(partition) }
        return partitions[partition].pointee.versions
    }

    /// Whether what this node holds was written among others.
    func knowsOthers() -> Bool {
        (0..<Slots.partitionCount).contains { partition in
            lending.acquire(partition)
            defer { lending.release(partition) }
            return partitions[partition].pointee.knowsOthers
        }
    }

    /// How far ahead the clock of any partition has been driven.
    func latestMomentMilliseconds() -> Int64 {
        var latest = Int64.min
        for partition in 0..<Slots.partitionCount {
            lending.acquire(partition)
            latest = max(latest, partitions[partition].pointee.momentMilliseconds)
            lending.release(partition)
        }
        return latest
    }

    /// From here on what only this node has is not stable.
    public mutating func startCounting(_ partition: Int) {
        lending.acquire(partition)
        partitions[partition].pointee.startCounting()
        lending.release(partition)
    }

    /// Renames what was written before anybody was met. Returns whether there was anything.
    mutating func restamp(_ partition: Int, above floor: Stamp) -> Bool {
        lending.acquire(partition)
        defer { lending.release(partition) }
        let isEmpty = partitions[partition].pointee.versions.stamps.isEmpty
        partitions[partition].pointee.restamp(above: floor, &context.pointee)
        if !isEmpty { enterWhole(partition) }
        return !isEmpty
    }

    mutating func goOn(_ partition: Int, as replica: Replica) {
        lending.acquire(partition)
        partitions[partition].pointee.goOn(as: replica)
        lending.release(partition)
    }

    /// What this node has of a partition, for whoever is to fill in the rest.
    func stateRequest(_ partition: Int) -> StateRequest {
        lending.acquire(partition)
        defer { lending.release(partition) }
        return partitions[partition].pointee.stateRequest()
    }

    /// Writes the next piece of a partition's state, in slices short enough for clients to come in between.
    /// Returns whether that was the last.
    func export(
        _ export: inout StateExport, _ partition: Int, includesHead: Bool, bytesMax: Int,
        into output: UnsafeMutablePointer<ByteBuffer>
    ) -> Bool {
        let start = output.pointee.count
        var isDone = false
        var needsHead = includesHead
        while !isDone, output.pointee.count - start < bytesMax {
            lending.acquire(partition)
            if needsHead { export.writeHead(partitions[partition], into: &output.pointee) }
            needsHead = false
            isDone = export.writeSlice(
                partitions[partition], bucketsMax: 1024, bytesWanted: bytesMax - (output.pointee.count - start),
                into: &output.pointee)
            lending.release(partition)
        }
        return isDone
    }

    /// Joins a peer's state of a partition with what is here.
    /// `isFirst`: this node's own content has been seen by nobody yet, and goes on top.
    mutating func join(
        _ partition: Int, state: ByteView, limit: Stamp, adoptsOwnPast: Bool, isFirst: Bool
    ) -> StateJoinOutcome {
        let reserved = min(node.window.log?.latestReserved ?? .distantFuture, limit)
        let outcome = joinReserved(
            partition, state: state, limit: reserved, adoptsOwnPast: adoptsOwnPast, isFirst: isFirst)
        guard case .ahead(let latest) = outcome, latest <= limit else { return outcome }
        node.window.log?.reserve(latest)
        return joinReserved(partition, state: state, limit: limit, adoptsOwnPast: adoptsOwnPast, isFirst: isFirst)
    }

    private mutating func joinReserved(
        _ partition: Int, state: ByteView, limit: Stamp, adoptsOwnPast: Bool, isFirst: Bool
    ) -> StateJoinOutcome {
        lending.acquire(partition)
        defer { lending.release(partition) }
        if isFirst {
            let outcome = partitions[partition].pointee.adoptState(state, limit: limit, &context.pointee)
            if case .joined = outcome { enterWhole(partition) }
            node.report(partitions[partition])
            return outcome
        }
        let outcome = partitions[partition].pointee.joinState(state, limit: limit, &context.pointee)
        if case .joined = outcome {
            if adoptsOwnPast { partitions[partition].pointee.adoptOwnPast() }
            enterState(partition, adoptsOwnPast ? .adoptsOwnPast : [], state)
        }
        node.report(partitions[partition])
        return outcome
    }
}
