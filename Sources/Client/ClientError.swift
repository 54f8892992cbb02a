/// What can go wrong between a tool and a server, in words for a person and a status for a script.
import Options

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
