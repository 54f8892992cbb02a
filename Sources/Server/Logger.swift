/// Log lines: one write for each, so that lines of several threads never mix.
///
/// Pretty for people, json for collectors, plain for systemd's journal, which adds the time itself and reads the
/// severity from "<5>" in front. The level can be changed while running; lines below it cost one load.
import Base
import OS
import Synchronization

public enum LogLevel: Int, Comparable, Sendable, CaseIterable {
    case trace, debug, info, notice, warning, error

    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

    /// By the words of the log-level option.
    public init?(named name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    public var name: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .notice: "notice"
        case .warning: "warning"
        case .error: "error"
        }
    }

    /// syslog's number.
    fileprivate var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        }
    }

    fileprivate var colour: String {
        switch self {
        case .trace, .debug: "\u{1B}[90m"
        case .info: "\u{1B}[36m"
        case .notice: "\u{1B}[32m"
        case .warning: "\u{1B}[33m"
        case .error: "\u{1B}[31m"
        }
    }
}

public enum LogFormat: Sendable, Equatable {
    case pretty(colour: Bool)
    case json
    case plain

    /// By the words of the log-format option; `descriptor` is where lines go. Colour only on a terminal that
    /// has it, and not where NO_COLOR asks for none.
    public init(option: String, descriptor: Int32, environment: [String: String]) {
        switch option {
        case "json": self = .json
        case "plain": self = .plain
        case "auto" where Terminal.isJournal(descriptor, stream: environment["JOURNAL_STREAM"]): self = .plain
        default:
            let isRefused = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
            self = .pretty(colour: !isRefused && Terminal.isTerminal(descriptor))
        }
    }
}

/// The value of a field: written bare in JSON when it is a number or a flag.
public enum LogField: Sendable {
    case text(String)
    case number(Int)
    case flag(Bool)
}

extension LogField: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int) { self = .number(value) }
    public init(booleanLiteral value: Bool) { self = .flag(value) }
}

public final class Logger: Sendable {
    /// Read by every thread that logs, written by CONFIG SET: relaxed, it guards nothing.
    private let leastLevel: Atomic<Int>
    private let format: LogFormat
    private let path: String?
    /// Guards against a write to the old file after it was reopened.
    private let lock = Lock()
    private let descriptor: Atomic<Int32>
    private let wallMicroseconds: @Sendable () -> Int64

    /// To the file at `path`, appended to, or to standard error.
    public init(
        level: LogLevel = .notice, format: String = "auto", path: String? = nil,
        environment: [String: String] = Environment.all,
        wallMicroseconds: @escaping @Sendable () -> Int64 = { SystemClock.wallMicroseconds }
    ) throws(SystemError) {
        var number: Int32 = 2
        if let path { number = try Files.open(path, for: .append, permissions: 0o640).release() }
        leastLevel = Atomic(level.rawValue)
        self.format = LogFormat(option: format, descriptor: number, environment: environment)
        self.path = path
        self.wallMicroseconds = wallMicroseconds
        descriptor = Atomic(number)
    }

    deinit {
        if path != nil { Terminal.close(descriptor.load(ordering: .relaxed)) }
    }

    public var level: LogLevel {
        get { LogLevel(rawValue: leastLevel.load(ordering: .relaxed)) ?? .notice }
        set { leastLevel.store(newValue.rawValue, ordering: .relaxed) }
    }

    @inline(__always)
    public func logs(_ level: LogLevel) -> Bool { level.rawValue >= leastLevel.load(ordering: .relaxed) }

    /// Opens the log file again by its name, after somebody moved it away. A file that cannot be opened leaves
    /// the old one in use.
    public func reopen() throws(SystemError) {
        guard let path else { return }
        let number = try Files.open(path, for: .append, permissions: 0o640).release()
        lock.lock()
        let old = descriptor.exchange(number, ordering: .relaxed)
        lock.unlock()
        Terminal.close(old)
    }

    @inline(__always)
    public func log(
        _ level: LogLevel, _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, LogField> = [:]
    ) {
        if logs(level) { write(level, message(), fields()) }
    }

    @inline(__always)
    public func debug(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, LogField> = [:]
    ) { log(.debug, message(), fields()) }

    @inline(__always)
    public func info(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, LogField> = [:]
    ) { log(.info, message(), fields()) }

    @inline(__always)
    public func notice(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, LogField> = [:]
    ) { log(.notice, message(), fields()) }

    @inline(__always)
    public func warning(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, LogField> = [:]
    ) { log(.warning, message(), fields()) }

    @inline(__always)
    public func error(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, LogField> = [:]
    ) { log(.error, message(), fields()) }

    @inline(never)
    private func write(_ level: LogLevel, _ message: String, _ fields: KeyValuePairs<String, LogField>) {
        let line = LogLine.text(
            level: level, message: message, fields: fields, format: format, wallMicroseconds: wallMicroseconds())
        lock.withLock { Terminal.write(line, to: descriptor.load(ordering: .relaxed)) }
    }
}

enum LogLine {
    static func text(
        level: LogLevel, message: String, fields: KeyValuePairs<String, LogField>, format: LogFormat,
        wallMicroseconds: Int64
    ) -> [UInt8] {
        var line = ""
        switch format {
        case .json:
            line = "{\"time\":\"\(timestamp(wallMicroseconds))\",\"level\":\"\(level.name)\",\"message\":"
            line += JSONSpelling.quoted(message)
            for (name, value) in fields { line += "," + JSONSpelling.quoted(name) + ":" + json(value) }
            line += "}"
        case .plain:
            line = "<\(level.priority)>" + oneLine(message)
            for (name, value) in fields { line += " \(name)=\(readable(value))" }
        case .pretty(let colour):
            let name = level.name + String(repeating: " ", count: 7 - level.name.count)
            line = timestamp(wallMicroseconds) + " "
            line += colour ? level.colour + name + "\u{1B}[0m " : name + " "
            line += oneLine(message)
            for (name, value) in fields {
                line += colour ? " \u{1B}[90m\(name)=\u{1B}[0m\(readable(value))" : " \(name)=\(readable(value))"
            }
        }
        return Array((line + "\n").utf8)
    }

    private static func json(_ value: LogField) -> String {
        switch value {
        case .text(let text): JSONSpelling.quoted(text)
        case .number(let number): String(number)
        case .flag(let on): on ? "true" : "false"
        }
    }

    /// In quotes where bare text would not read back as one word.
    private static func readable(_ value: LogField) -> String {
        guard case .text(let text) = value else { return json(value) }
        let isWord = !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 32 && $0 != "\"" && $0 != "=" }
        return isWord ? oneLine(text) : JSONSpelling.quoted(text)
    }

    /// What a client sent must not forge a line or reach a terminal as a command.
    private static func oneLine(_ text: String) -> String {
        if !text.unicodeScalars.contains(where: JSONSpelling.isControl) { return text }
        return text.unicodeScalars.map { scalar in
            (JSONSpelling.isControl(scalar) ? JSONSpelling.escaped(scalar) : nil) ?? String(scalar)
        }.joined()
    }

    /// UTC, to the millisecond: 2026-10-01T09:30:00.123Z.
    static func timestamp(_ wallMicroseconds: Int64) -> String {
        let milliseconds = Int(wallMicroseconds / 1000)
        let days = milliseconds / 86_400_000
        let time = milliseconds % 86_400_000
        // Days since 0000-03-01, in eras of 400 years: February, the odd one, comes last.
        let shifted = days + 719_468
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + shifted / 146_097 * 400 + (month <= 2 ? 1 : 0)
        return "\(year)-\(padded(month))-\(padded(day))T\(padded(time / 3_600_000)):\(padded(time / 60_000 % 60))"
            + ":\(padded(time / 1000 % 60)).\(padded(time % 1000, 3))Z"
    }

    private static func padded(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
