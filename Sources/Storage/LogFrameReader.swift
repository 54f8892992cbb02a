/// One peer's way through the log, batch by batch: the frames that this node has written, as the window had them.
///
/// The log is being written meanwhile, and segments may be removed: those that are open stay readable, and what is
/// missing after that, or cannot be read, is said and ends the way.
import Base
import Wire

/// Why a peer cannot be served from the log.
public enum LogReadFailure: Error, Equatable, CustomStringConvertible {
    case storage(StorageError)
    /// The log is not there any more, or a repair has left a gap in it.
    case gap(expected: UInt64, found: UInt64)
    case ended(at: UInt64, wanted: UInt64)
    case unreadable(position: UInt64, String)
    case renamed
    case recovered

    public var description: String {
        switch self {
        case .storage(let error): error.description
        case .gap(let expected, let found): "the log has nothing from position \(expected) to \(found) any more"
        case .ended(let position, let wanted): "the log ends at position \(position), wanted was \(wanted)"
        case .unreadable(let position, let what): "the batch at position \(position) of the log holds \(what)"
        case .renamed: "what was written before has got other stamps since"
        case .recovered: "some of what this node wrote came back to it as states"
        }
    }
}

public final class LogFrameReader<D: Disk> {
    private var tail: LogTail<D>
    /// Where the next batch begins.
    public private(set) var position: UInt64

    /// So much of the log is gone through at most before an answer is given, whatever is in it.
    public static var logBytesMax: UInt64 { 16 << 20 }
    /// What is written into a batch at most, behind which one entry more may come.
    private static var batchBytesMax: Int { 2 << 20 }

    /// A batch begins at `position`. `entryBytesMax`: how large an entry of frames can be; of larger ones only the front
    /// is held in memory.
    public init(
        _ directory: borrowing DataDirectory<D>, from position: UInt64, entryBytesMax: Int
    ) throws(LogReadFailure) {
        do throws(StorageError) {
            tail = try LogTail(
                directory, from: position, contentBytesMax: entryBytesMax + Self.batchBytesMax)
        } catch {
            throw .storage(error)
        }
        self.position = position
    }

    /// Adds the frames of `origin` from here on until there are enough, but none from behind `end`, where a batch ends.
    public func read(
        of origin: Replica, upTo end: UInt64, bytesWanted: Int, into frames: inout ByteBuffer
    ) throws(LogReadFailure) {
        let start = position
        while position < end, frames.count < bytesWanted, position - start < Self.logBytesMax {
            let next: LogTail<D>.Next
            do throws(StorageError) { next = try tail.next() } catch { throw .storage(error) }
            guard case .batch(let batch) = next else { throw .ended(at: position, wanted: end) }
            guard batch.position == position else { throw .gap(expected: position, found: batch.position) }
            try take(batch, origin, into: &frames)
            position = batch.end
        }
    }

    private func take(
        _ batch: LogBatch, _ origin: Replica, into frames: inout ByteBuffer
    ) throws(LogReadFailure) {
        var entries = batch.entries
        while let entry = entries.next() {
            let found: FramesOfEntry
            do throws(FrameCodec.Failure) {
                found = try FramesOfEntry.read(kind: entry.kind, entry.content, isWhole: entry.isWhole, of: origin)
            } catch {
                throw .unreadable(position: batch.position, "a frame that cannot be read (\(error))")
            }
            switch found {
            case .none: continue
            case .frames(let bytes): frames.append(bytes)
            case .renamed: throw .renamed
            case .recovered: throw .recovered
            }
        }
        guard entries.isComplete else { throw .unreadable(position: batch.position, "an entry that is none") }
    }
}
