/// The views of the cluster as commands of the console.
import Base
import CEdit
import Client
import OS
import Options
import RESP

enum ColonViews {
    static var names: [String] { ViewCommand.all.map(\.name) }

    static var help: [(usage: String, summary: String)] { ViewCommand.all.map { ($0.usage, $0.row.summary) } }

    /// Nil when there is no view of that name.
    static func run(_ name: String, _ words: [[UInt8]], _ session: Session) -> Int32? {
        guard let command = ViewCommand.named(name) else { return nil }
        if session.settings.isReadOnly, name == "probe" {
            return session.fail("read-only: :probe writes", ExitStatus.negative)
        }
        session.output.flush()
        var context = ViewContext(endpoints: session.viewedNodes.map { ClusterEndpoint($0) })
        context.database = session.prompt.database
        context.style = session.viewStyle
        context.isJSON = session.settings.format == .json
        context.isTerminal = session.isTerminalOutput && Terminal.isTerminal(0)
        let stopping = Int32(A2_SIGNALLED_INTERRUPT | A2_SIGNALLED_END)
        context.isStopped = { a2_console_signals_peek() & stopping != 0 }
        let status: Int32
        do throws(ViewUsage) {
            status = try command.run(words, context)
        } catch { return session.fail(error.description, ExitStatus.usage) }
        let bits = a2_console_signals_take()
        if bits & Int32(A2_SIGNALLED_END) != 0 {
            session.isQuitting = true
            return 143
        }
        guard bits & Int32(A2_SIGNALLED_INTERRUPT) != 0 else { return status }
        if !session.isInteractive { session.isQuitting = true }
        return 130
    }
}

extension Session {
    /// Those given with --node, or the one connected to; the views find the others.
    var viewedNodes: [Endpoint] { givenNodes.isEmpty ? [endpoint] : givenNodes }

    var viewStyle: ViewStyle {
        ViewStyle(
            width: isTerminalOutput ? style.width : 200, usesColour: settings.usesColor, isUnicode: settings.isUnicode)
    }
}

extension ClusterEndpoint {
    init(_ endpoint: Endpoint) {
        self.init(
            host: endpoint.host, port: endpoint.port, username: endpoint.user ?? "", password: endpoint.password ?? "")
        socketPath = endpoint.socketPath
    }
}
