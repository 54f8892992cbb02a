/// Why a request cannot be parsed, in Redis' words. After one the connection replies, then closes: where the
/// next request would begin is unknown.
import Base

public enum ProtocolFailure: Equatable, Sendable {
    case inlineTooLong
    case unbalancedQuotes
    case argumentCountTooLong
    case invalidArgumentCount
    case unauthenticatedArgumentCount
    case bulkCountTooLong
    case invalidBulkLength
    case unauthenticatedBulkLength
    case expectedBulk(got: UInt8)

    /// What follows "ERR Protocol error: ", except for `expectedBulk`, which goes on with the byte.
    var text: StaticString {
        switch self {
        case .inlineTooLong: "too big inline request"
        case .unbalancedQuotes: "unbalanced quotes in request"
        case .argumentCountTooLong: "too big mbulk count string"
        case .invalidArgumentCount: "invalid multibulk length"
        case .unauthenticatedArgumentCount: "unauthenticated multibulk length"
        case .bulkCountTooLong: "too big bulk count string"
        case .invalidBulkLength: "invalid bulk length"
        case .unauthenticatedBulkLength: "unauthenticated bulk length"
        case .expectedBulk: "expected '$', got '"
        }
    }

    /// The whole error reply.
    public func append(to buffer: inout ByteBuffer) {
        buffer.append("-ERR Protocol error: ")
        buffer.append(text)
        if case .expectedBulk(let byte) = self {
            buffer.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte)
            buffer.append("'")
        }
        buffer.append("\r\n")
    }
}
