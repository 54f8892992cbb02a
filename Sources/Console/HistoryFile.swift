/// Lines typed in former sessions: a file of plain lines, readable by its owner only, shared by all consoles.
///
/// Each line is appended under a lock as it is entered, so no console overwrites another's. A file that has grown too
/// long is cut when one begins: read under the lock, written beside, renamed.
import Base
import OS

#if canImport(Glibc)
    import Glibc
#endif

struct HistoryFile {
    let path: String
    static let linesMax = 10_000

    /// `A2_CONSOLE_HISTORY`, or a file in the home directory; none when the variable is empty or /dev/null.
    static func standard(_ environment: [String: String]) -> HistoryFile? {
        if let named = environment["A2_CONSOLE_HISTORY"] {
            return named.isEmpty || named == "/dev/null" ? nil : HistoryFile(path: named)
        }
        guard let home = environment["HOME"], !home.isEmpty else { return nil }
        return HistoryFile(path: home + "/.a2console_history")
    }

    /// Oldest first. Empty when there is no file or it cannot be read.
    func load() -> [String] {
        guard let contents = try? Files.read(path) else { return [] }
        let lines = contents.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
        if lines.count > Self.linesMax * 2 {
            locked { _ in
                guard let all = try? Files.read(path) else { return }
                let kept = all.split(separator: 0x0A).suffix(Self.linesMax)
                try? Files.replace(path, with: Array(kept.joined(separator: [0x0A])) + [0x0A], permissions: 0o600)
            }
        }
        return Array(lines.suffix(Self.linesMax))
    }

    func append(_ line: String) {
        let bytes = Array(line.utf8.filter { $0 != 0x0A && $0 != 0x0D }) + [0x0A]
        locked { Terminal.write(bytes, to: $0) }
    }

    /// Locks the file that is at the path now: between opening and locking another console may have renamed a new one
    /// there.
    private func locked(_ body: (Int32) -> Void) {
        for _ in 0..<10 {
            let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { return }
            defer { close(file) }
            guard flock(file, LOCK_EX) == 0 else { return }
            var opened = stat()
            var named = stat()
            guard fstat(file, &opened) == 0, stat(path, &named) == 0 else { return }
            guard opened.st_ino == named.st_ino, opened.st_dev == named.st_dev else { continue }
            if opened.st_mode & 0o077 != 0 { fchmod(file, 0o600) }
            return body(file)
        }
    }
}
