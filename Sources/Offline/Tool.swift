/// What every verb has at hand: its arguments, where results go, and whether somebody watches.
import Base
import Client
import OS
import Options
import Storage

struct Tool {
    let arguments: Arguments
    let isJSON: Bool
    let isQuiet: Bool

    /// What `--json` prints, of every verb.
    static let schemaVersion = 1

    init(_ arguments: Arguments) {
        self.arguments = arguments
        isJSON = arguments.has("json")
        isQuiet = arguments.has("quiet")
    }

    var verb: String { arguments.verb?.name ?? "" }

    func value(_ flag: String) -> String? { arguments.value(flag) }
    func has(_ flag: String) -> Bool { arguments.has(flag) }

    // MARK: output

    /// One document on standard output.
    func printJSON(_ body: (inout JSONOutput) -> Void) {
        var json = JSONOutput()
        json.object {
            $0.field("schema_version", Self.schemaVersion)
            body(&$0)
        }
        var bytes = json.bytes.array
        bytes.append(10)
        Terminal.write(bytes, to: 1)
    }

    func print(_ text: String) { Terminal.print(text + "\n") }

    /// Names and values, the values below each other.
    func print(_ rows: [(String, String)]) {
        let width = rows.map { $0.0.count }.max() ?? 0
        Terminal.print(rows.map { $0.0.padded(to: width) + "  " + $0.1 + "\n" }.joined())
    }

    /// For people only, on standard error.
    func note(_ text: String) { if !isQuiet { Terminal.printError("a2: \(text)\n") } }

    func warn(_ text: String) { Terminal.printError("a2: \(text)\n") }

    /// Runs a verb; its failure becomes words on standard error and an exit status.
    static func run(_ arguments: Arguments, _ body: (Tool) throws -> Int32) -> Int32 {
        let tool = Tool(arguments)
        do {
            return try body(tool)
        } catch let failure as ToolFailure {
            return tool.fail(failure.description, failure.status)
        } catch let failure as UsageError {
            return tool.fail(failure.description, ExitStatus.usage)
        } catch let failure as ClientError {
            return tool.fail(failure.description, failure.exitStatus)
        } catch let failure as StorageError {
            return tool.fail(failure.description, ToolFailure.storage(failure).status)
        } catch let failure as SystemError {
            return tool.fail(failure.description, failure.exitStatus)
        } catch { return tool.fail("\(error)", ExitStatus.internalError) }
    }

    private func fail(_ message: String, _ status: Int32) -> Int32 {
        warn(message)
        return status
    }
}

extension ToolFailure {
    static func storage(_ error: StorageError) -> ToolFailure {
        switch error.kind {
        case .damaged, .missing, .foreign, .unknownVersion: ToolFailure(ExitStatus.corruptData, error.description)
        case .system(let errno): ToolFailure(SystemError.exitStatus(ofErrno: errno), error.description)
        case .busy, .stopped: ToolFailure(ExitStatus.negative, error.description)
        }
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(width - count, 0)) }
}

/// A count on standard error while somebody watches a terminal and waits longer than two seconds.
final class Progress {
    private let label: String
    private let isShown: Bool
    private let started = SystemClock.monotonicMilliseconds
    private var lastShown: Int64 = 0
    private var wasShown = false

    private static let patienceMilliseconds: Int64 = 2000
    private static let intervalMilliseconds: Int64 = 200

    init(_ tool: Tool, _ label: String) {
        self.label = label
        isShown = !tool.isQuiet && Terminal.isTerminal(2) && (Environment.all["CI"] ?? "").isEmpty
    }

    func show(_ text: @autoclosure () -> String) {
        guard isShown else { return }
        let now = SystemClock.monotonicMilliseconds
        guard now - started > Self.patienceMilliseconds, now - lastShown > Self.intervalMilliseconds else { return }
        lastShown = now
        wasShown = true
        Terminal.printError("\r\u{1B}[K\(label): \(text())")
    }

    func end() { if wasShown { Terminal.printError("\r\u{1B}[K") } }
}
