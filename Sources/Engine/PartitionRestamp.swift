/// Renaming everything a partition holds, for a node that has met nobody yet; see CRDT/Restamping.
import Base
import CRDT

extension Partition {
    /// Everything here is written anew under one stamp above `floor`. Nobody may have seen any of it.
    public mutating func restamp(above floor: Stamp, _ context: inout ExecutionContext) {
        precondition(draftStamp.isZero, "restamped in the middle of a frame")
        clock.observe(floor)
        guard !versions.stamps.isEmpty else { return }
        let stamp = stampForWrite(&context)
        for database in 0..<databaseCount {
            for name in keys(of: database) {
                name.withView { name in
                    withHandle(database, name, &context) { handle in
                        let now = handle.context.pointee.nowMilliseconds
                        let state = handle.partition.pointee.state(of: handle).restamped(stamp, at: now)
                        handle.partition.pointee.store(state ?? KeyState(), for: handle)
                    }
                }
            }
        }
        draftStamp = .zero
        latestOwnStamp = stamp
        receiver.versions.advance(to: stamp)
        dependencyChain.startOver()
    }
}
