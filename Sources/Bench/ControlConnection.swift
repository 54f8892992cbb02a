/// A connection for what is asked once: INFO, DBSIZE, A2.DIGEST, values to check. Blocking, with an end.
import Base
import Client
import RESP

final class ControlConnection {
    let target: LoadTarget
    private let connection: Connection
    private let timeoutMilliseconds: Int

    init(_ target: LoadTarget, timeoutMilliseconds: Int = 10_000) throws(BenchFailure) {
        self.target = target
        self.timeoutMilliseconds = timeoutMilliseconds
        do {
            connection = try Connection(
                target.endpoint, protocolVersion: target.usesRESP3 ? .three : .two,
                timeoutMilliseconds: timeoutMilliseconds)
        } catch {
            throw BenchFailure(error)
        }
    }

    /// The reply, errors among them.
    func call(_ arguments: String...) throws(BenchFailure) -> ReplyValue { try call(arguments.map { Array($0.utf8) }) }

    func call(_ arguments: [[UInt8]]) throws(BenchFailure) -> ReplyValue {
        do {
            return try connection.call(arguments, timeoutMilliseconds: timeoutMilliseconds)
        } catch {
            throw BenchFailure(error)
        }
    }
}

extension BenchFailure {
    init(_ error: ClientError) { self.init(description: error.description, exitStatus: error.exitStatus) }
}
