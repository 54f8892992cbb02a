/// The console's own commands, `:set`, `:help` and the like: typed, or given with -c.
///
/// To add one: a row here. The views of the cluster have a table of their own and are joined to it.
import Base
import Client
import OS
import Options
import RESP

struct ColonCommand: Sendable {
    let name: String
    let arguments: String
    let summary: String
    /// The words behind the name; returns the status for a script.
    let run: @Sendable (Session, [[UInt8]]) -> Int32

    static let all: [ColonCommand] = [
        ColonCommand(
            name: "help", arguments: "[COMMAND | @GROUP | :COMMAND]", summary: "Shows help.",
            run: { session, words in
                session.output.append(
                    HelpText.text(words.map { String(decoding: $0, as: UTF8.self) }, session.catalog, session.style))
                session.finishOutput()
                return ExitStatus.success
            }),
        ColonCommand(
            name: "set", arguments: "[OPTION ...]", summary: "Shows or changes how the console behaves: \(options).",
            run: set),
        ColonCommand(
            name: "connect", arguments: "NODE | HOST PORT | URI", summary: "Connects to another server.", run: connect),
        ColonCommand(
            name: "node", arguments: "NAME", summary: "Connects to a node of [console.nodes].", run: connect),
        ColonCommand(
            name: "named", arguments: "", summary: "Lists the nodes that have a name.",
            run: { session, _ in
                for node in session.nodes.endpoints { session.output.append("\(node.label)\t\(node.description)\n") }
                session.finishOutput()
                return ExitStatus.success
            }),
        ColonCommand(
            name: "timing", arguments: "", summary: "Switches the time of every reply on or off.",
            run: { session, _ in
                session.settings.showsTiming.toggle()
                return ExitStatus.success
            }),
        ColonCommand(
            name: "history", arguments: "[N]", summary: "Shows the last lines of the history.", run: history),
        ColonCommand(
            name: "quit", arguments: "", summary: "Ends the console.",
            run: { session, _ in
                session.isQuitting = true
                return ExitStatus.success
            }),
    ]

    private static let options = ConsoleSettings.names.filter { !$0.hasPrefix("no") }.joined(separator: ", ")

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
