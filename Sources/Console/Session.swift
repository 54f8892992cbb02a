/// One conversation: a connection that is made anew when it breaks, what is known of the server, and where replies go.
import Base
import CEdit
import Client
import OS
import Options
import RESP

/// Why a command has no reply.
enum CallFailure: Error {
    case client(ClientError)
    /// Ctrl-C.
    case interrupted
    /// SIGTERM or SIGHUP.
    case ended
}

final class Session {
    var settings: ConsoleSettings
    let nodes: NamedNodes
    /// Those given with --node, for views and @all.
    let givenNodes: [Endpoint]
    private(set) var endpoint: Endpoint
    let version: Connection.ProtocolVersion
    /// Of connecting.
    let timeoutMilliseconds: Int
    private(set) var connection: Connection?
    var prompt: PromptState
    var catalog = Catalog.builtIn
    let output = Output()
    let signals: Int32
    /// Lines are typed on a terminal.
    let isInteractive: Bool
    let isTerminalOutput: Bool
    /// What arrives unasked, as text, and where it goes.
    var showPush: (ReplyValue) -> Void = { _ in }
    /// Replies to what the console asked for itself, which come before the user's own.
    private var background: [(Session, ReplyValue) -> Void] = []
    /// Reads a line of an answer; nil where nobody can answer.
    var askLine: ((String) -> String?)?
    /// Connections of `@name`, by the address.
    var others: [String: Connection] = [:]
    var isQuitting = false

    init(
        _ endpoint: Endpoint, settings: ConsoleSettings, nodes: NamedNodes, givenNodes: [Endpoint],
        version: Connection.ProtocolVersion, timeoutMilliseconds: Int, isInteractive: Bool, signals: Int32
    ) {
        self.endpoint = endpoint
        self.settings = settings
        self.nodes = nodes
        self.givenNodes = givenNodes
        self.version = version
        self.timeoutMilliseconds = timeoutMilliseconds
        self.isInteractive = isInteractive
        self.signals = signals
        isTerminalOutput = Terminal.isTerminal(1)
        prompt = PromptState(label: endpoint.label, database: endpoint.database)
    }

    var format: ReplyFormat { settings.format ?? (isTerminalOutput ? .typed : .raw) }

    var style: ReplyStyle {
        var (rows, columns): (Int32, Int32) = (0, 0)
        a2_terminal_size(&rows, &columns)
        return ReplyStyle(usesColor: settings.usesColor, width: Int(columns))
    }

    // MARK: Connecting

    /// Connects where the last connection was, or elsewhere; the database is the one the prompt shows.
    func connect(to other: Endpoint? = nil, timeoutMilliseconds: Int? = nil) throws(ClientError) {
        var target = other ?? endpoint
        if other == nil {
            target.database = prompt.isConnected || connection != nil ? prompt.database : endpoint.database
        }
        connection?.close()
        connection = nil
        background = []
        prompt.disconnected()
        if let other { endpoint = other }
        let made = try Connection(
            target, protocolVersion: version, timeoutMilliseconds: timeoutMilliseconds ?? self.timeoutMilliseconds,
            clientName: nil,
            mayBeUnauthenticated: isInteractive)
        connection = made
        prompt.connected(label: endpoint.label, database: target.database)
        if isInteractive, !made.needsAuthentication { learnCommands(made) }
    }

    /// Asks for what hints and completion need, without waiting for it.
    private func learnCommands(_ connection: Connection) {
        connection.append([Array("COMMAND".utf8), Array("DOCS".utf8)])
        background.append { session, reply in session.catalog.readDocs(reply) }
        connection.append([Array("COMMAND".utf8)])
        background.append { session, reply in session.catalog.readCommands(reply) }
        _ = try? connection.flush()
    }

    func lost() {
        connection?.close()
        connection = nil
        background = []
        prompt.disconnected()
    }

    /// A connection that is there: one that the other end closed meanwhile is noticed before anything is sent.
    func connected() throws(ClientError) -> Connection {
        if let connection, connection.isOpen {
            do {
                try takeIdle()
                return connection
            } catch { lost() }
        }
        try connect()
        guard let connection else { throw .closed("not connected") }
        return connection
    }

    /// Takes what has arrived while nobody waited for anything.
    func takeIdle() throws(ClientError) {
        guard let connection else { return }
        try connection.flush()
        while let reply = try connection.receive() {
            if background.isEmpty { showPush(reply) } else { background.removeFirst()(self, reply) }
        }
        for push in connection.takePushes() { showPush(push) }
    }

    // MARK: Asking

    /// The next reply to a command of the user.
    func nextReply(_ connection: Connection, deadline: Int64? = nil) throws(CallFailure) -> ReplyValue? {
        while true {
            do {
                while let reply = try connection.receive() {
                    for push in connection.takePushes() { showPush(push) }
                    if connection === self.connection, !background.isEmpty {
                        background.removeFirst()(self, reply)
                    } else {
                        return reply
                    }
                }
                for push in connection.takePushes() { showPush(push) }
                try connection.flush()
            } catch { throw .client(error) }
            var interests = [
                Readiness(connection.descriptor, wantsWrite: connection.wantsWrite), Readiness(signals),
            ]
            let left = deadline.map { max($0 - SystemClock.monotonicMilliseconds, 0) }
            let outcome = Readiness.wait(&interests, timeoutMilliseconds: left.map { Int($0) } ?? -1)
            if outcome == .timedOut, deadline != nil { return nil }
            try throwOnSignal()
        }
    }

    func throwOnSignal() throws(CallFailure) {
        let bits = a2_console_signals_take()
        if bits & Int32(A2_SIGNALLED_END) != 0 { throw .ended }
        if bits & Int32(A2_SIGNALLED_INTERRUPT) != 0 { throw .interrupted }
        if bits & Int32(A2_SIGNALLED_SUSPEND) != 0 { a2_terminal_suspend() }
    }

    /// One command of the console's own, answered before anything else happens.
    func ask(_ words: [[UInt8]], on other: Connection? = nil) throws(CallFailure) -> ReplyValue {
        do {
            let connection: Connection
            if let other { connection = other } else { connection = try connected() }
            try connection.send(words)
            guard let reply = try nextReply(connection) else { throw CallFailure.interrupted }
            return reply
        } catch let error as ClientError {
            throw .client(error)
        } catch let error as CallFailure {
            throw error
        } catch { preconditionFailure("\(error)") }
    }

    func ask(_ words: String...) throws(CallFailure) -> ReplyValue { try ask(words.map { Array($0.utf8) }) }

    /// The keys that begin with `prefix`, as many as are found within the budget; none where asking would disturb.
    func keys(beginning prefix: [UInt8], budgetMilliseconds: Int64 = 50, limit: Int = 200) -> [[UInt8]] {
        guard settings.completesKeys, let connection, !prompt.isInTransaction, !prompt.isSubscribed,
            !prompt.isMonitoring, !connection.needsAuthentication
        else { return [] }
        let deadline = SystemClock.monotonicMilliseconds + budgetMilliseconds
        var found: Set<[UInt8]> = []
        var cursor: [UInt8] = [0x30]
        repeat {
            let words = [
                Array("SCAN".utf8), cursor, Array("MATCH".utf8), Self.globEscaped(prefix) + [UInt8(ascii: "*")],
            ]
            do {
                try connection.send(words + [Array("COUNT".utf8), Array("1000".utf8)])
                guard let reply = try nextReply(connection, deadline: deadline) else {
                    // It comes when nobody waits for it any more.
                    background.append { _, _ in }
                    break
                }
                guard let elements = reply.elements, elements.count == 2, let next = elements[0].bytes else { break }
                for key in elements[1].elements ?? [] { if let bytes = key.bytes { found.insert(bytes) } }
                cursor = next
            } catch { break }
        } while cursor != [0x30] && found.count < limit && SystemClock.monotonicMilliseconds < deadline
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }

    static func globEscaped(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { "*?[]\\^".utf8.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
    }
}
