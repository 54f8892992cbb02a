/// What the replication of a node wants done by the shell around it, which alone has sockets.
import Base
import Replication

public enum PeerAction: Sendable {
    /// To be answered with `dialled` or `dialFailed` for that target.
    case dial(target: Int, address: PeerAddress)
    /// After what `output` still holds has been sent, within a second; to be answered with `closed`.
    case close(link: Int)
    /// To be answered with `logRead`, unless the link ends before. One at a time is asked for of each link.
    case readLog(link: Int, LogRead)
    /// Nothing more will be read for this link.
    case endLogRead(link: Int)
    /// To be remembered over restarts.
    case keepMembers([MemberEntry])
    /// To be remembered over restarts with what is written next; nobody waits for it. `onceSynced`: they hold when all
    /// that has been entered into the log is on the disk, at the end of a process that ends in order.
    case noteResumePoints([HandshakeFacts.ResumePoint], onceSynced: Bool)
    /// To be remembered before anything is written under it. `isUnsure`: not everybody has said whether the name has
    /// been used before.
    case keepReplica(Replica, incarnation: UInt128, isUnsure: Bool)
    /// The directory is no copy any more: all that was ever written under its names is in it, or known to be lost.
    case keepHome
    /// One line.
    case log(LogSeverity, String)
}

/// A piece of the log, for a peer.
public struct LogRead: Equatable, Sendable {
    /// Where in the log a batch begins, and where the last one that is wanted ends.
    public let from: UInt64
    public let upTo: UInt64
    /// Whose frames are wanted.
    public let origin: Replica
    /// Enough once there are so many bytes of frames. An entry of them may be this large.
    public let bytesWanted: Int
    public let entryBytesMax: Int
}

/// What a read has brought: frames one behind the other, and where in the log it has come to.
public struct LogChunk: Sendable {
    public let frames: [UInt8]
    public let next: UInt64

    public init(frames: [UInt8], next: UInt64) {
        self.frames = frames
        self.next = next
    }
}

public enum LogReadOutcome: Sendable {
    case read(LogChunk)
    /// Gone, damaged, or nothing that a peer could go on with.
    case failed(String)
}

public enum LogSeverity: Sendable {
    case notice, warning, error
}
