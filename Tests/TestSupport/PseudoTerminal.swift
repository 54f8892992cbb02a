/// A program on a terminal of its own: what it shows, and keys pressed on it.
import Foundation
import Glibc

public final class PseudoTerminal {
    public let identifier: pid_t
    private let master: Int32
    private var shown: [UInt8] = []
    /// Output before this has been waited for.
    private var seen = 0
    private var status: Int32?

    public init(
        _ program: String, _ arguments: [String], columns: Int = 80, rows: Int = 24, environment: [String: String] = [:]
    ) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        // TIOCSPTLCK and TIOCGPTN, whose names the importer does not take.
        var (locked, number): (Int32, UInt32) = (0, 0)
        guard master >= 0, ioctl(master, 0x4004_5431, &locked) == 0, ioctl(master, 0x8004_5430, &number) == 0 else {
            throw TestSupportError("no pseudo-terminal: \(String(cString: strerror(errno)))")
        }
        let name = "/dev/pts/\(number)"
        let environment = ["TERM": "xterm"].merging(environment) { _, new in new }
        identifier = try spawn(program, arguments, environment: environment, isSessionLeader: true) { actions in
            // The leader of a session takes the first terminal it opens as its own.
            posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
        }
        resize(columns: columns, rows: rows)
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
    }

    deinit {
        if exitStatus == nil { kill(identifier, SIGKILL) }
        close(master)
        if status == nil { waitpid(identifier, nil, 0) }
    }

    public func resize(columns: Int, rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    public func signal(_ number: Int32) { kill(identifier, number) }

    /// Keys, all of them, however slowly they are taken; what is shown meanwhile is read.
    public func type(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        let end = Date().addingTimeInterval(60)
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(master, $0.baseAddress, min($0.count, 512)) }
            if count > 0 { rest = rest.dropFirst(count) } else { pause() }
            read()
            guard Date() < end else { throw TestSupportError("the terminal takes no keys") }
        }
    }

    /// Waits until the output holds `text`, behind what was waited for before; returns what was shown until then.
    @discardableResult
    public func wait(for text: String, seconds: Double = 20) throws -> ArraySlice<UInt8> {
        let end = Date().addingTimeInterval(seconds)
        let wanted = Array(text.utf8)
        var searched = seen
        while true {
            read()
            if let found = position(of: wanted, from: searched) {
                defer { seen = found + wanted.count }
                return shown[seen..<found + wanted.count]
            }
            searched = max(seen, shown.count - wanted.count + 1)
            guard Date() < end else {
                let rest = String(decoding: shown[seen...].suffix(2000), as: UTF8.self)
                throw TestSupportError("'\(text)' is not shown; but: \(rest.debugDescription)")
            }
            pause()
        }
    }

    /// Presses a key again and again until the output holds `text`.
    public func press(_ key: String, until text: String) throws {
        let end = Date().addingTimeInterval(20)
        while true {
            try type(key)
            do { return _ = try wait(for: text, seconds: 0.5) } catch {
                if Date() >= end { throw error }
            }
        }
    }

    private func position(of wanted: [UInt8], from start: Int) -> Int? {
        shown.withUnsafeBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, let first = wanted.first else { return nil }
            var at = start
            // Megabytes are looked through: by the system's own functions, also in a debug build.
            while bytes.count - at >= wanted.count, let next = memchr(base + at, Int32(first), bytes.count - at) {
                at = UnsafeRawPointer(next) - base
                if bytes.count - at < wanted.count { return nil }
                if memcmp(next, wanted, wanted.count) == 0 { return at }
                at += 1
            }
            return nil
        }
    }

    /// Everything shown so far, escapes and all.
    public var output: String {
        read()
        return String(decoding: shown, as: UTF8.self)
    }

    /// Whether the process has been stopped, as by Ctrl-Z.
    public var isStopped: Bool {
        let text = (try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)) ?? ""
        // Behind the name, which may hold anything, stands the state.
        return text.split(separator: ")").last?.hasPrefix(" T") ?? false
    }

    /// The exit status, or 128 and the signal; nil while it runs.
    public var exitStatus: Int32? {
        if let status { return status }
        var raw: Int32 = 0
        guard waitpid(identifier, &raw, WNOHANG) == identifier else { return nil }
        status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
        return status
    }

    public func waitForExit(seconds: Double = 20) -> Int32? {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            read()
            if let status = exitStatus { return status }
            pause()
        }
        return nil
    }

    /// Whether lines are edited by the system again and shown as they are typed.
    public var isCooked: Bool {
        var state = termios()
        tcgetattr(master, &state)
        return state.c_lflag & tcflag_t(ICANON | ECHO) == tcflag_t(ICANON | ECHO)
    }

    private func pause() {
        var entry = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
        Glibc.poll(&entry, 1, 10)
    }

    private func read() {
        var space = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(master, &space, space.count)
            if count <= 0 { return }
            shown += space.prefix(count)
        }
    }
}
