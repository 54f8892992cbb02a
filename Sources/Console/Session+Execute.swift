/// Lines, carried out: what belongs to the console, what goes to the server, and what is asked before.
import Base
import CEdit
import Client
import OS
import Options
import RESP

#if canImport(Glibc)
    import Glibc
#endif

extension Session {
    /// Runs a line as typed. Returns the status it would end a script with.
    func run(line: String) -> Int32 {
        let text = line.trimmingBlanks
        if text.isEmpty || text.hasPrefix("#") { return ExitStatus.success }
        output.begin()
        if let (command, shell) = Self.splitPipe(text) { return pipe(command, to: shell) }
        guard var words = Quoting.words(of: text), !words.isEmpty else {
            return fail("Invalid argument(s)", ExitStatus.usage)
        }
        var count = 1
        if words.count > 1, let number = Int(String(decoding: words[0], as: UTF8.self)), number > 0 {
            count = number
            words.removeFirst()
        }
        var status = ExitStatus.success
        for _ in 0..<count {
            status = run(words: words)
            if output.isStopped || isQuitting || status == 130 { break }
        }
        return status
    }

    /// One command, words apart.
    func run(words: [[UInt8]]) -> Int32 {
        guard let first = words.first else { return ExitStatus.success }
        let name = String(decoding: first, as: UTF8.self)
        if name.hasPrefix(":") { return ColonCommand.run(words, self) }
        if name.hasPrefix("@"), name.utf8.count > 1 {
            return run(Array(words.dropFirst()), onNodes: String(name.dropFirst()))
        }
        switch name.lowercased() {
        case "quit" where isInteractive, "exit" where words.count == 1:
            isQuitting = true
            return ExitStatus.success
        case "help" where isInteractive, "?" where isInteractive:
            return ColonCommand.run([Array(":help".utf8)] + words.dropFirst(), self)
        case "clear" where isInteractive && words.count == 1:
            Terminal.print("\u{1B}[H\u{1B}[2J")
            return ExitStatus.success
        case "connect" where isInteractive:
            return ColonCommand.run([Array(":connect".utf8)] + words.dropFirst(), self)
        default: return send(words)
        }
    }

    private func send(_ words: [[UInt8]]) -> Int32 {
        let started = SystemClock.monotonicMilliseconds
        let status: Int32
        do {
            let connection = try connected()
            if let refusal = try refusal(of: words, on: connection) { return fail(refusal, ExitStatus.negative) }
            status = try exchange(words, on: connection)
            prompt.isSubscribed = connection.isSubscribed
            prompt.isMonitoring = connection.isMonitoring
        } catch let error as ClientError {
            return failed(.client(error))
        } catch let error as CallFailure {
            return failed(error)
        } catch { preconditionFailure("\(error)") }
        let milliseconds = SystemClock.monotonicMilliseconds - started
        if isInteractive, milliseconds >= 500 || settings.showsTiming {
            output.append("(\(String(fixed: Double(milliseconds) / 1000, decimals: milliseconds < 100 ? 3 : 2))s)\n")
        }
        finishOutput()
        return status
    }

    /// Sends, waits, prints: SUBSCRIBE has several replies.
    private func exchange(_ words: [[UInt8]], on connection: Connection) throws(CallFailure) -> Int32 {
        do { try connection.send(words) } catch { throw .client(error) }
        var status = ExitStatus.success
        while connection.repliesAwaited > 0 {
            guard let reply = try nextReply(connection) else { break }
            prompt.answered(words, reply)
            if reply.isError { status = ExitStatus.negative }
            show(reply, of: words)
        }
        return status
    }

    /// Prints a reply in the format chosen; what is a text for people is printed as one.
    func show(_ reply: ReplyValue, of words: [[UInt8]]) {
        var format = format
        if format == .typed, Self.isText(words), reply.bytes != nil, !reply.isError {
            output.append(reply.bytes ?? [])
            if reply.bytes?.last != 0x0A { output.append(0x0A) }
            return
        }
        if format == .table, case .array(let elements) = reply.plain, elements.count.isMultiple(of: 2),
            ["HGETALL", "CONFIG"].contains(words.first.map { String(decoding: $0, as: UTF8.self).uppercased() } ?? "")
        {
            format = .table
            return ReplyFormat.table.write(.map(reply.entries ?? []), to: output, style: style)
        }
        if settings.usesPager, isInteractive {
            output.capture()
            format.write(reply, to: output, style: style, delimiters: settings.delimiters)
            page(output.captured())
            return
        }
        format.write(reply, to: output, style: style, delimiters: settings.delimiters)
    }

    /// Replies that are lines for people.
    private static func isText(_ words: [[UInt8]]) -> Bool {
        let upper = words.prefix(2).map { String(decoding: $0, as: UTF8.self).uppercased() }
        guard let name = upper.first else { return false }
        let second = upper.count > 1 ? upper[1] : ""
        switch name {
        case "INFO", "LOLWUT": return true
        case "MEMORY": return second == "MALLOC-STATS" || second == "DOCTOR"
        case "CLUSTER": return second == "INFO" || second == "NODES"
        case "CLIENT": return second == "LIST" || second == "INFO"
        case "LATENCY": return second == "GRAPH" || second == "DOCTOR"
        case "DEBUG": return second == "HTSTATS" || second == "HTSTATS-KEY"
        default: return false
        }
    }

    /// What ends with the reply: bytes out, Ctrl-C taken that came while they went.
    func finishOutput() {
        output.flush()
        if output.isStopped {
            let bits = a2_console_signals_take()
            if bits & Int32(A2_SIGNALLED_END) != 0 { isQuitting = true }
            if isTerminalOutput { Terminal.print("\n") }
        }
    }

    // MARK: Failures

    @discardableResult
    func fail(_ message: String, _ status: Int32) -> Int32 {
        output.flush()
        let text = style.error(isInteractive ? message : "a2: " + message)
        Terminal.printError(text + "\n")
        return status
    }

    func failed(_ failure: CallFailure) -> Int32 {
        output.flush()
        switch failure {
        case .interrupted:
            // The reply may still come; only a new connection is sure not to mistake it.
            lost()
            if isInteractive { _ = try? connect() }
            if isTerminalOutput { Terminal.print("^C\n") }
            if !isInteractive { isQuitting = true }
            return 130
        case .ended:
            isQuitting = true
            return 143
        case .client(let error):
            if case .closed = error {
                lost()
            } else if connection?.isOpen != true {
                lost()
            }
            return fail(isInteractive ? "Error: \(error)" : "\(error)", error.exitStatus)
        }
    }

    // MARK: Before a command

    /// Why a command is not sent; nil when it may be.
    func refusal(of words: [[UInt8]], on connection: Connection) throws(CallFailure) -> String? {
        if settings.isReadOnly, let reason = try writes(words, on: connection) { return reason }
        guard isInteractive, !settings.isSure, let askLine else { return nil }
        var danger = Caution.danger(words)
        if danger == nil, words.count > 1, String(decoding: words[0], as: UTF8.self).uppercased() == "KEYS",
            !prompt.isInTransaction
        {
            let size = try ask([Array("DBSIZE".utf8)], on: connection).integer ?? 0
            if size > Caution.manyKeys { danger = "looks at all \(size) keys while others wait" }
        }
        guard let danger else { return nil }
        let name = words.prefix(2).map { Quoting.word($0) }.joined(separator: " ")
        let answer = askLine("\(name) \(danger). Do it? (yes/no) ")
        return ["y", "yes"].contains(answer?.lowercased() ?? "") ? nil : "Not done."
    }

    /// Whether --read-only forbids it.
    private func writes(_ words: [[UInt8]], on connection: Connection) throws(CallFailure) -> String? {
        let texts = words.prefix(2).map { String(decoding: $0, as: UTF8.self) }
        if !catalog.knowsFlags, !prompt.isInTransaction {
            catalog.readCommands(try ask([Array("COMMAND".utf8)], on: connection))
        }
        let name = texts.first?.uppercased() ?? ""
        let isScript = ["EVAL", "EVALSHA", "FCALL", "FUNCTION", "SCRIPT"].contains(name)
        let isWrite = catalog.find(texts)?.entry.isWrite ?? true
        let isKnown = catalog.find(texts) != nil
        if !isKnown { return "read-only: '\(name)' is not known to only read" }
        if isWrite || isScript || Caution.danger(words) != nil { return "read-only: \(name) is refused" }
        return nil
    }

    // MARK: Pipes

    /// "GET x | jq": what stands before a bar that stands alone outside quotes, and what behind it.
    static func splitPipe(_ line: String) -> (command: String, shell: String)? {
        let bytes = Array(line.utf8)
        var quote: UInt8?
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if let open = quote {
                if byte == UInt8(ascii: "\\") { index += 1 } else if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: "|"), index > 0, bytes[index - 1] == 0x20 {
                let command = String(decoding: bytes[..<index], as: UTF8.self).trimmingBlanks
                let shell = String(decoding: bytes[(index + 1)...], as: UTF8.self).trimmingBlanks
                return command.isEmpty || shell.isEmpty ? nil : (command, shell)
            }
            index += 1
        }
        return nil
    }

    private func pipe(_ command: String, to shell: String) -> Int32 {
        guard let words = Quoting.words(of: command), let first = words.first, first.first != UInt8(ascii: ":") else {
            return fail("Invalid argument(s)", ExitStatus.usage)
        }
        do {
            let connection = try connected()
            if let refusal = try refusal(of: words, on: connection) { return fail(refusal, ExitStatus.negative) }
            let reply = try ask(words, on: connection)
            prompt.answered(words, reply)
            if reply.isError {
                show(reply, of: words)
                finishOutput()
                return ExitStatus.negative
            }
            output.capture()
            (settings.format ?? .raw).write(reply, to: output, delimiters: settings.delimiters)
            let bytes = output.captured()
            let status = bytes.withView { a2_run_shell(shell, $0.start, $0.count) }
            return status < 0 ? fail("cannot start a shell", ExitStatus.internalError) : status
        } catch let error as ClientError {
            return failed(.client(error))
        } catch let error as CallFailure {
            return failed(error)
        } catch { preconditionFailure("\(error)") }
    }

    /// Through $PAGER when it is longer than the screen.
    private func page(_ bytes: [UInt8]) {
        var (rows, columns): (Int32, Int32) = (0, 0)
        a2_terminal_size(&rows, &columns)
        let lines = bytes.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
        guard lines >= Int(rows), !output.isStopped else { return output.append(bytes) }
        let pager = Environment.all["PAGER"].flatMap { $0.isEmpty ? nil : $0 } ?? "less -R"
        let status = bytes.withView { a2_run_shell(pager, $0.start, $0.count) }
        if status == 127 { output.append(bytes) }
    }
}

extension String {
    var trimmingBlanks: String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0.isNewline }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
