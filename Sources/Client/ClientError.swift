/// What can go wrong between a tool and a server, in words for a person and a status for a script.
import OS
import Options

#if canImport(Glibc)
    import Glibc
#endif

public enum ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// An address or argument that makes no sense.
    case usage(String)
    case connect(String)
    case timeout(String)
    /// The other end closed the connection, or it broke.
    case closed(String)
    /// Wrong password, or none where one is needed.
    case authentication(String)
    /// The server refused what a connection needs to begin.
    case refused(String)
    /// Bytes that are no RESP.
    case malformedReply(String)

    public var description: String {
        switch self {
        case .usage(let text), .connect(let text), .timeout(let text), .closed(let text), .authentication(let text),
            .refused(let text), .malformedReply(let text):
            text
        }
    }

    public var exitStatus: Int32 {
        switch self {
        case .usage: ExitStatus.usage
        case .connect, .timeout, .closed, .malformedReply: ExitStatus.network
        case .authentication: ExitStatus.authentication
        case .refused: ExitStatus.negative
        }
    }
}

extension SystemError {
    /// For who named a file: one that is not there, or not for them, is a wrong argument; what the machine cannot do is
    /// an answer.
    public var exitStatus: Int32 { Self.exitStatus(ofErrno: errno) }

    public static func exitStatus(ofErrno errno: Int32) -> Int32 {
        [ENOENT, ENOTDIR, EISDIR, EACCES, ENAMETOOLONG, ELOOP].contains(errno)
            ? ExitStatus.usage : ExitStatus.negative
    }
}
