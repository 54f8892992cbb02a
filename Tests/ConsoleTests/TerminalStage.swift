/// A console on a terminal, with a home of its own, talking to one server.
import TestSupport

final class TerminalStage {
    let server: ServerProcess?
    let home: TemporaryDirectory
    let terminal: PseudoTerminal
    let port: Int

    /// On a server of its own.
    convenience init(_ kind: ServerProcess.Kind = .a2, _ flags: [String] = [], columns: Int = 80) throws {
        let server = try ServerProcess.start(kind)
        try self.init(port: server.port, server: server, flags, columns: columns)
    }

    /// On whatever listens there.
    init(
        port: Int, server: ServerProcess? = nil, _ flags: [String] = [], columns: Int = 80,
        environment: [String: String] = [:]
    ) throws {
        self.server = server
        self.port = port
        home = try TemporaryDirectory()
        let own = ["HOME": home.path, "NO_COLOR": "1", "LC_ALL": "C", "SWIFT_BACKTRACE": "enable=no"]
        terminal = try PseudoTerminal(
            try TestEnvironment.a2Binary(), ["console", "-p", "\(port)"] + flags, columns: columns,
            environment: own.merging(environment) { _, new in new })
        try terminal.wait(for: prompt())
    }

    func prompt(_ state: String = "") -> String { "127.0.0.1:\(port)\(state)> " }

    func run(_ line: String, shows text: String, seconds: Double = 20) throws {
        try terminal.type(line + "\r")
        try terminal.wait(for: text, seconds: seconds)
    }

    /// As terminals send what is pasted.
    func paste(_ text: String) throws { try terminal.type("\u{1B}[200~" + text + "\u{1B}[201~") }

    func connect() throws -> RESPClient { try RESPClient(port: port, timeoutSeconds: 10) }
}
