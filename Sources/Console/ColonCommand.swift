/// The console's own commands, `:set`, `:help` and the like: typed, or given with -c.
///
/// To add one: a row of Options/ConsoleCommands, and what it does here. The views of the cluster are a table of their own.
import Base
import Client
import OS
import Options
import RESP

struct ColonCommand: Sendable {
    let row: ConsoleCommand
    /// The words behind the name; returns the status for a script.
    let run: @Sendable (Session, [[UInt8]]) -> Int32

    private init(_ name: String, run: @escaping @Sendable (Session, [[UInt8]]) -> Int32) {
        row = ConsoleCommand.named(name)
        self.run = run
    }

    var name: String { row.name }

    static let all: [ColonCommand] = [
        ColonCommand(
            "help",
            run: { session, words in
                session.output.append(
                    HelpText.text(words.map { String(decoding: $0, as: UTF8.self) }, session.catalog, session.style))
                session.finishOutput()
                return ExitStatus.success
            }),
        ColonCommand("set", run: set),
        ColonCommand("connect", run: connect),
        ColonCommand("node", run: connect),
        ColonCommand(
            "named",
            run: { session, _ in
                for node in session.nodes.endpoints { session.output.append("\(node.label)\t\(node.description)\n") }
                session.finishOutput()
                return ExitStatus.success
            }),
        ColonCommand(
            "timing",
            run: { session, _ in
                session.settings.showsTiming.toggle()
                return ExitStatus.success
            }),
        ColonCommand("history", run: history),
        ColonCommand(
            "quit",
            run: { session, _ in
                session.isQuitting = true
                return ExitStatus.success
            }),
    ]

    /// Of both tables.
    static var names: [String] { (all.map(\.name) + ColonViews.names).sorted() }

    static func run(_ words: [[UInt8]], _ session: Session) -> Int32 {
        let name = String(decoding: (words.first ?? []).dropFirst(), as: UTF8.self).lowercased()
        let rest = Array(words.dropFirst())
        if let own = all.first(where: { $0.name == name }) { return own.run(session, rest) }
        if let status = ColonViews.run(name, rest, session) { return status }
        let near = nearestWord(to: name, among: names).map { "; did you mean ':\($0)'?" } ?? ""
        return session.fail("unknown command ':\(name)'\(near) Try :help.", ExitStatus.usage)
    }

    @Sendable
    private static func set(_ session: Session, _ words: [[UInt8]]) -> Int32 {
        for word in words {
            let text = String(decoding: word, as: UTF8.self).lowercased()
            guard session.settings.set(text) else {
                let near = nearestWord(to: text, among: ConsoleSettings.names).map { "; did you mean '\($0)'?" } ?? ""
                return session.fail(":set knows no '\(text)'\(near)", ExitStatus.usage)
            }
        }
        if words.isEmpty {
            session.output.append(session.settings.summary + "\n")
            session.finishOutput()
        }
        return ExitStatus.success
    }

    @Sendable
    private static func connect(_ session: Session, _ words: [[UInt8]]) -> Int32 {
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        guard texts.count == 1 || texts.count == 2 else {
            return session.fail("Usage: connect HOST PORT, or :connect NODE", ExitStatus.usage)
        }
        do throws(ClientError) {
            var target: Endpoint
            if texts.count == 2 {
                target = try Endpoint(
                    uri: texts[0].contains(":") ? "[\(texts[0])]:\(texts[1])" : "\(texts[0]):\(texts[1])")
            } else if let known = session.endpoints(named: texts[0]).first {
                target = known
            } else {
                target = try Endpoint(uri: texts[0])
            }
            try session.connect(to: target)
            return ExitStatus.success
        } catch {
            return session.fail("\(error)", error.exitStatus)
        }
    }

    @Sendable
    private static func history(_ session: Session, _ words: [[UInt8]]) -> Int32 {
        let count = words.first.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 20
        let lines = HistoryFile.standard(Environment.all)?.load() ?? []
        for line in lines.suffix(max(count, 0)) { session.output.append(line + "\n") }
        session.finishOutput()
        return ExitStatus.success
    }
}
