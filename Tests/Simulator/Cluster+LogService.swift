/// Peers behind the window, as the shells of nodes with a disk serve them: out of the batches that are there.
import Base
import Commands
import Core
import Replication
import Wire

extension Cluster {
    /// A position of the log is the number of a batch, far enough apart that each is a place.
    private static let bytesPerBatch = LogPlaces.spacingBytesDefault

    /// The log ends with the last batch written; before those that are kept there is nothing.
    func notePlace(_ index: Int, _ node: ClusterNode) {
        guard let disk = slots[index].disk, let log = node.core.node.window.log else { return }
        log.note(
            LogPlace(window: node.core.drainedPosition, log: UInt64(disk.batchesWritten) * Self.bytesPerBatch))
        log.forgetPlaces(before: UInt64(disk.batchesDropped) * Self.bytesPerBatch)
    }

    func readLog(_ index: Int, _ read: LogRead) -> LogReadOutcome {
        guard let disk = slots[index].disk else { return .failed("no disk") }
        var batch = Int(read.from / Self.bytesPerBatch)
        let end = Int(read.upTo / Self.bytesPerBatch)
        // Compaction comes between, or the disk refuses.
        guard batch >= disk.batchesDropped, end <= disk.batchesWritten, !chance(5) else { return .failed("gone") }
        counts.logReads += 1
        var frames: [UInt8] = []
        let wanted = 1 + random.below(8000)
        while batch < end, frames.count < wanted {
            for entry in disk.batches[batch - disk.batchesDropped].entries {
                let found = entry.content.withView { bytes -> [UInt8]? in
                    switch try? FramesOfEntry.read(kind: entry.kind, bytes, isWhole: true, of: read.origin) {
                    case .frames(let view): return view.array
                    case .some(.none): return []
                    default: return nil
                    }
                }
                guard let found else { return .failed("nobody goes on from there") }
                frames += found
            }
            batch += 1
        }
        return .read(LogChunk(frames: frames, next: UInt64(batch) * Self.bytesPerBatch))
    }
}
