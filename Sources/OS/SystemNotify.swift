/// What systemd is told: one datagram per change to the socket it names. Silent elsewhere.
import CLinux

public struct SystemNotify: Sendable {
    public enum State: Sendable {
        case ready
        case stopping
        case reloading(monotonicMicroseconds: Int64)
        case watchdog
        case status(String)

        var message: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time)"
            case .watchdog: "WATCHDOG=1"
            // A line break would start another assignment.
            case .status(let text): "STATUS=" + text.split(whereSeparator: \.isNewline).joined(separator: " ")
            }
        }
    }

    private let path: String?
    /// How often systemd wants to hear `watchdog`, nil when it does not: half of what would be too late.
    public let watchdogIntervalMilliseconds: Int?

    /// From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    public init(environment: [String: String] = Environment.all, processID: Int32 = ProcessFacts.id) {
        path = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let isMine = environment["WATCHDOG_PID"].map { Int32($0) == processID } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int($0) } ?? 0
        watchdogIntervalMilliseconds = isMine && microseconds > 0 ? max(microseconds / 2000, 1) : nil
    }

    public var isSupervised: Bool { path != nil }

    /// Whether systemd was reached; false too when there is none.
    @discardableResult
    public func send(_ states: State...) -> Bool {
        guard let path else { return false }
        let message = Array(states.map(\.message).joined(separator: "\n").utf8)
        return a2_notify(path, message, message.count) == 0
    }
}
