/// The line being typed: libedit in front, one poll loop over the terminal, the server and signals behind.
///
/// libedit asks for one byte at a time; while none is there this polls everything, prints what the server says over the
/// half-typed line and draws the line anew. See CEdit for what the C side adds.
import Base
import CEdit
import Client
import OS
import RESP

#if canImport(Glibc)
    import Glibc
#endif

/// Several parts: what pasted lines do is in LineEditor+Paste.swift.
final class LineEditor {
    let session: Session
    private(set) var editor: OpaquePointer?
    private var input = TerminalInput()
    var pasted = PastedLines()
    private var promptText = strdup("")
    private var rightText = strdup("")
    /// What stands at the right now.
    private var shownRight = ""
    private var isFinishing = false
    var wasInterrupted = false
    var isEnding = false
    private var isReading = false
    let isDumb: Bool
    private var nextAttempt: Int64 = 0
    let status: StatusLine?
    private let colonNames: [String]

    init?(_ session: Session, status: StatusLine?) {
        self.session = session
        self.status = status
        isDumb = ["dumb", ""].contains(Environment.all["TERM"] ?? "")
        colonNames = ColonCommand.names
        var calls = a2_editor_calls(
            read_byte: { LineEditor.from($0).readByte() },
            prompt: { LineEditor.from($0).prompt().map { UnsafePointer($0) } },
            right_prompt: { LineEditor.from($0).rightPrompt().map { UnsafePointer($0) } },
            complete: { LineEditor.from($0).complete() })
        editor = a2_editor_open(Unmanaged.passUnretained(self).toOpaque(), &calls)
        if editor == nil { return nil }
    }

    private static func from(_ context: UnsafeMutableRawPointer) -> LineEditor {
        Unmanaged<LineEditor>.fromOpaque(context).takeUnretainedValue()
    }

    /// Gives the terminal back.
    func close() {
        if let editor { a2_editor_close(editor) }
        editor = nil
        free(promptText)
        free(rightText)
        promptText = nil
        rightText = nil
    }

    func remember(_ line: String) {
        if let editor { a2_editor_remember(editor, line) }
    }

    /// The next line; nil at the end or after Ctrl-C, which `wasInterrupted` tells apart.
    func read() -> String? {
        wasInterrupted = false
        input.fillAhead()
        while true {
            if let line = nextPastedLine() { return line }
            if wasInterrupted || isEnding { return nil }
            if let line = edit() { return line }
            // What was pasted ended the editing, for the user to be asked.
            guard pasted.isUndecided else { return nil }
            decide()
        }
    }

    private func edit() -> String? {
        guard let editor else { return nil }
        isReading = true
        isFinishing = false
        // Only here: a program that the console starts would be surprised by the marks.
        if !isDumb { Terminal.print("\u{1B}[?2004h") }
        defer {
            isReading = false
            if !isDumb { Terminal.print("\u{1B}[?2004l") }
        }
        var length = 0
        guard let text = a2_editor_read(editor, &length) else {
            if wasInterrupted || pasted.isUndecided { a2_editor_reset(editor) }
            return nil
        }
        return String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
    }

    /// Forgets what was typed or pasted ahead; the number of pasted lines among it.
    @discardableResult
    func dropAhead() -> Int {
        input.clear()
        return pasted.clear()
    }

    // MARK: The loop

    private func readByte() -> Int32 {
        while true {
            // Not for each key of many: that would be three system calls.
            let isQuiet = input.hasKeys && a2_console_signals_peek() == 0
            let bits = isQuiet ? 0 : a2_console_signals_take()
            if bits & Int32(A2_SIGNALLED_END) != 0 {
                isEnding = true
                return Int32(A2_EDITOR_END)
            }
            if bits & Int32(A2_SIGNALLED_INTERRUPT) != 0 {
                wasInterrupted = true
                finish()
                dropAhead()
                return Int32(A2_EDITOR_INTERRUPTED)
            }
            if bits & Int32(A2_SIGNALLED_RESIZE) != 0, let editor {
                erase()
                a2_editor_resize(editor)
                a2_editor_redraw(editor)
            }
            if bits & Int32(A2_SIGNALLED_SUSPEND) != 0 { suspend() }
            if let rest = pasted.takeRest() { insert(rest) }
            switch input.next() {
            case .key(let byte):
                if byte == 0x0A || byte == 0x0D { finish() }
                return Int32(byte)
            case .paste(let bytes):
                if take(paste: bytes) { return Int32(A2_EDITOR_INTERRUPTED) }
                continue
            case nil: break
            }
            serve()
            var interests = [Readiness(0), Readiness(session.signals)]
            if let connection = session.connection {
                interests.append(Readiness(connection.descriptor, wantsWrite: connection.wantsWrite))
            }
            interests += status?.interests ?? []
            let timeout = session.connection == nil ? 500 : status?.timeoutMilliseconds ?? -1
            _ = Readiness.wait(&interests, timeoutMilliseconds: timeout)
            if interests[0].isReadable, !input.fill() { return Int32(A2_EDITOR_END) }
        }
    }

    /// Ctrl-Z: the shell gets a terminal as it knows it, and the line is there again afterwards.
    private func suspend() {
        guard let editor else { return }
        erase()
        if !isDumb { Terminal.print("\u{1B}[?2004l") }
        a2_editor_suspend(editor)
        if !isDumb { Terminal.print("\u{1B}[?2004h") }
        a2_editor_redraw(editor)
    }

    /// What the server and the cluster have to say.
    private func serve() {
        var hasChanged = status?.turn() ?? false
        if session.connection != nil {
            do { try session.takeIdle() } catch {
                session.lost()
                nextAttempt = 0
                hasChanged = true
            }
        }
        if session.connection == nil, SystemClock.monotonicMilliseconds >= nextAttempt {
            // Short, because the user may be typing meanwhile.
            if (try? session.connect(timeoutMilliseconds: 200)) != nil { hasChanged = true }
            nextAttempt = SystemClock.monotonicMilliseconds + 1000
        }
        if isSearching { return }
        // libedit draws what is typed at the end of a line and nothing beside it.
        if hasChanged || rightText(line) != shownRight { redraw() }
    }

    /// Prints a whole text above the line being typed.
    func printAbove(_ text: String) {
        guard isReading, let editor else { return Terminal.print(text) }
        if isDumb { Terminal.print("\n") } else { erase() }
        Terminal.print(text.hasSuffix("\n") ? text : text + "\n")
        a2_editor_redraw(editor)
    }

    private func redraw() {
        guard isReading, let editor, !isDumb else { return }
        erase()
        a2_editor_redraw(editor)
    }

    /// Goes to where the prompt begins, however many rows the line has, and clears from there.
    func erase() {
        guard editor != nil, !isDumb else { return }
        var (rows, columns): (Int32, Int32) = (0, 0)
        a2_terminal_size(&rows, &columns)
        let before = lineAtCursor.before
        let up = (displayWidth(session.prompt.text) + displayWidth(before)) / max(Int(columns), 1)
        Terminal.print("\r" + (up > 0 ? "\u{1B}[\(up)A" : "") + "\u{1B}[J")
    }

    // MARK: Texts

    private func prompt() -> UnsafeMutablePointer<CChar>? {
        free(promptText)
        promptText = strdup(session.prompt.text)
        return promptText
    }

    private var line: String { lineAtCursor.before + lineAtCursor.behind }

    var lineAtCursor: (before: String, behind: String) {
        guard let editor else { return ("", "") }
        var (length, cursor) = (0, 0)
        let bytes = UnsafeRawBufferPointer(start: a2_editor_line(editor, &length, &cursor), count: length)
        return (String(decoding: bytes[..<cursor], as: UTF8.self), String(decoding: bytes[cursor...], as: UTF8.self))
    }

    private func rightPrompt() -> UnsafeMutablePointer<CChar>? {
        free(rightText)
        shownRight = rightText(line)
        var text = shownRight
        if !text.isEmpty, session.settings.usesColor { text = "\u{1}\u{1B}[90m\u{1}\(text)\u{1}\u{1B}[0m\u{1} " }
        rightText = strdup(text)
        return rightText
    }

    /// The hint of the command being typed, else the state of the cluster, as far as there is room.
    private func rightText(_ line: String) -> String {
        if isFinishing || isDumb { return "" }
        let room = session.style.width - displayWidth(session.prompt.text) - displayWidth(line) - 3
        var text = ""
        if session.settings.showsHints { text = Completion.hint(line, catalog: session.catalog) }
        if text.isEmpty, session.settings.showsStatus { text = status?.text ?? "" }
        if displayWidth(text) <= room { return text }
        // A few letters of a hint say less than none.
        guard room >= 12, !line.isEmpty else { return "" }
        return String(text.prefix(room - 1)) + (session.settings.isUnicode ? "…" : "~")
    }

    /// Takes what was pasted where one line fits, false; else it has become `pasted`, true, and the editing ends.
    private func take(paste bytes: [UInt8]) -> Bool {
        let text = PastedLines.text(bytes)
        if isSearching {
            input.type(text.filter { $0 != 0x0A })
            return false
        }
        guard text.contains(0x0A) else {
            insert(String(decoding: text, as: UTF8.self))
            return false
        }
        finish()
        let (before, behind) = lineAtCursor
        pasted.offer(text, before: before, behind: behind)
        erase()
        return true
    }

    private func insert(_ text: String) {
        guard let editor, !text.isEmpty else { return }
        erase()
        _ = a2_editor_insert(editor, text)
        a2_editor_redraw(editor)
    }

    /// Clears what stands at the right, before the line scrolls away.
    private func finish() {
        isFinishing = true
        if !shownRight.isEmpty, !isSearching { redraw() }
    }

    /// While the history is searched the line has a second one below it.
    var isSearching: Bool { line.contains("\n") }

    // MARK: Completion

    private func complete() {
        guard let editor else { return }
        let before = lineAtCursor.before
        guard let completion = Completion(before, catalog: session.catalog) else { return }
        var words = completion.candidates(
            session.catalog, colonCommands: colonNames, nodes: session.allNodes.map(\.label),
            settings: ConsoleSettings.names)
        // Who types small letters gets small ones.
        if before.contains(where: \.isLowercase), !before.contains(where: \.isUppercase),
            completion.subjects.allSatisfy({ $0.isWordOfServer })
        {
            words = words.map { $0.lowercased() }
        }
        if completion.subjects.contains(.key) {
            words += session.keys(beginning: Array(completion.word.utf8)).map { Quoting.word($0) }
        }
        let common = Completion.commonPrefix(words)
        if words.count == 1 || displayWidth(common) > displayWidth(completion.word) {
            a2_editor_delete(editor, Int32(completion.word.unicodeScalars.count))
            _ = a2_editor_insert(editor, common + (words.count == 1 ? " " : ""))
        } else if words.count > 1 {
            list(words)
        }
    }

    private func list(_ words: [String]) {
        let shown = words.prefix(200)
        let width = (shown.map(displayWidth).max() ?? 0) + 2
        let columns = max(session.style.width / max(width, 1), 1)
        var text = ""
        for (index, word) in shown.enumerated() {
            let isLast = (index + 1) % columns == 0 || index + 1 == shown.count
            text += word + (isLast ? "\n" : String(repeating: " ", count: width - displayWidth(word)))
        }
        if words.count > shown.count { text += "and \(words.count - shown.count) more\n" }
        // Under the line as it was, which stays readable.
        Terminal.print("\n" + text)
        if let editor { a2_editor_redraw(editor) }
    }
}
