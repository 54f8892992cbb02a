/// The console on a terminal: reads lines until Ctrl-D, carries them out, remembers them.
import Base
import CEdit
import Client
import OS
import Options
import RESP

enum InteractiveConsole {
    static func run(_ session: Session) -> Int32 {
        let status = StatusLine(session)
        guard let editor = LineEditor(session, status: status) else {
            Terminal.printError("a2: this terminal cannot be edited on\n")
            return ExitStatus.internalError
        }
        defer { editor.close() }
        a2_console_signals_suspend()
        session.showPush = { push in editor.printAbove(text(of: push, session)) }
        session.askLine = { question in
            // First: whoever answers at once must meet a terminal that takes lines.
            a2_terminal_cook()
            Terminal.print(question)
            defer { a2_terminal_quieten() }
            return readAnswer(session)
        }
        do throws(ClientError) { try session.connect() } catch {
            Terminal.printError("\(error)\n")
            if error.exitStatus == ExitStatus.authentication { return error.exitStatus }
        }
        if session.connection?.needsAuthentication == true {
            Terminal.print("This server wants a password: AUTH [user] password\n")
        }
        runFile(session)
        let history = HistoryFile.standard(Environment.all)
        for line in history?.load() ?? [] { editor.remember(line) }
        return loop(session, editor, history)
    }

    private static func loop(_ session: Session, _ editor: LineEditor, _ history: HistoryFile?) -> Int32 {
        while !session.isQuitting {
            guard let line = editor.read() else {
                if editor.isEnding {
                    Terminal.print("\n")
                    return 143
                }
                guard editor.wasInterrupted else {
                    Terminal.print("\n")
                    break
                }
                Terminal.print("^C\n")
                leaveMode(session)
                continue
            }
            let isBlank = line.trimmingBlanks.isEmpty
            if !isBlank, !line.hasPrefix(" "), !Caution.isSecret(Quoting.words(of: line) ?? secretSafe(line)) {
                editor.remember(line)
                history?.append(line)
            }
            if !isBlank { stopAhead(session.run(line: line), session, editor) }
        }
        return session.isQuitting && a2_console_signals_peek() & Int32(A2_SIGNALLED_END) != 0 ? 143 : 0
    }

    /// What was typed or pasted ahead is not for a user who pressed Ctrl-C, nor for a server that is not there.
    private static func stopAhead(_ status: Int32, _ session: Session, _ editor: LineEditor) {
        guard session.output.isStopped || status == 130 || status == ExitStatus.network else { return }
        let dropped = editor.dropAhead()
        if dropped > 0 { Terminal.print("\(dropped) pasted lines were not run.\n") }
    }

    /// A line that cannot be split, roughly, so that a secret with an open quote is recognized all the same.
    private static func secretSafe(_ line: String) -> [[UInt8]] {
        line.split { $0 == " " || $0 == "\"" || $0 == "'" }.map { Array($0.utf8) }
    }

    /// Subscriptions and MONITOR end with the connection; so does nothing else, because a new one is made at once.
    private static func leaveMode(_ session: Session) {
        guard session.prompt.isSubscribed || session.prompt.isMonitoring else { return }
        try? session.connect()
    }

    private static func readAnswer(_ session: Session) -> String? {
        var answer: [UInt8] = []
        while true {
            var interests = [Readiness(0), Readiness(session.signals)]
            _ = Readiness.wait(&interests, timeoutMilliseconds: -1)
            let bits = a2_console_signals_take()
            if bits & Int32(A2_SIGNALLED_SUSPEND) != 0 { a2_terminal_suspend() }
            if bits & Int32(A2_SIGNALLED_INTERRUPT | A2_SIGNALLED_END) != 0 {
                if bits & Int32(A2_SIGNALLED_END) != 0 { session.isQuitting = true }
                Terminal.print("\n")
                return nil
            }
            guard interests[0].isReadable else { continue }
            guard let byte = StandardInput.byte() else { return nil }
            if byte == 0x0A { return String(decoding: answer, as: UTF8.self).trimmingBlanks }
            answer.append(byte)
        }
    }

    /// ~/.a2consolerc, or the file A2_CONSOLE_RC names: lines as typed, `:set` without its colon too.
    private static func runFile(_ session: Session) {
        let named = Environment.all["A2_CONSOLE_RC"]
        guard let path = named ?? Environment.all["HOME"].map({ $0 + "/.a2consolerc" }), !path.isEmpty,
            let contents = try? Files.read(path)
        else { return }
        for line in contents.split(separator: 0x0A) {
            let text = String(decoding: line, as: UTF8.self).trimmingBlanks
            if text.isEmpty || text.hasPrefix("#") { continue }
            _ = session.run(line: text.hasPrefix("set ") ? ":" + text : text)
        }
    }

    /// A push as it stands above the prompt.
    private static func text(of push: ReplyValue, _ session: Session) -> String {
        let output = Output()
        output.capture()
        // Lines of MONITOR are whole texts, messages are lists.
        session.format.write(push, to: output, style: session.style)
        return String(decoding: output.captured(), as: UTF8.self)
    }
}
