/// What the replication of a node wants done by the shell around it, which alone has sockets.
import Base
import Replication

public enum PeerAction: Sendable {
    /// To be answered with `dialled` or `dialFailed` for that target.
    case dial(target: Int, address: PeerAddress)
    /// After what `output` still holds has been sent, within a second; to be answered with `closed`.
    case close(link: Int)
    /// To be remembered over restarts.
    case keepMembers([MemberEntry])
    /// To be remembered before anything is written under it.
    case keepReplica(Replica)
    /// One line.
    case log(LogSeverity, String)
}

public enum LogSeverity: Sendable {
    case notice, warning, error
}
