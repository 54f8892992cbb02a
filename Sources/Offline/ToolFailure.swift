/// How a tool ends when it cannot go on: what to say on standard error, and the status to exit with.
import Client
import OS
import Options

public struct ToolFailure: Error, Equatable, CustomStringConvertible {
    public let status: Int32
    public let description: String

    public init(_ status: Int32, _ description: String) {
        self.status = status
        self.description = description
    }

    static func usage(_ text: String) -> ToolFailure { ToolFailure(ExitStatus.usage, text) }
    /// The data is not what it should be.
    static func corrupt(_ text: String) -> ToolFailure { ToolFailure(ExitStatus.corruptData, text) }
    /// Refused by a server, or a check that did not pass.
    static func refused(_ text: String) -> ToolFailure { ToolFailure(ExitStatus.negative, text) }
    static func unreachable(_ text: String) -> ToolFailure { ToolFailure(ExitStatus.network, text) }
    static func system(_ error: SystemError) -> ToolFailure { ToolFailure(error.exitStatus, error.description) }
}
