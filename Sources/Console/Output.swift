/// Standard output, in large pieces, given up when the user has had enough.
import CEdit
import OS

#if canImport(Glibc)
    import Glibc
#endif

final class Output {
    private var bytes: [UInt8] = []
    private static let pieceBytes = 64 * 1024
    /// Kept instead of written: for a pipe to the shell, the pager, a table.
    private var isCapturing = false
    /// Ctrl-C came while something was printed: the rest of it is dropped.
    private(set) var isStopped = false

    func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        flushIfLong()
    }

    func append(_ more: [UInt8]) {
        bytes.append(contentsOf: more)
        flushIfLong()
    }

    func append(_ byte: UInt8) { bytes.append(byte) }

    func begin() { isStopped = false }

    private func flushIfLong() {
        if bytes.count >= Self.pieceBytes, !isCapturing { flush() }
        if isCapturing, a2_console_signals_peek() & Int32(A2_SIGNALLED_INTERRUPT) != 0 { isStopped = true }
    }

    func capture() {
        flush()
        isCapturing = true
    }

    func captured() -> [UInt8] {
        isCapturing = false
        defer { bytes = [] }
        return bytes
    }

    func flush() {
        var done = 0
        while done < bytes.count, !isStopped {
            if a2_console_signals_peek() & Int32(A2_SIGNALLED_INTERRUPT | A2_SIGNALLED_END) != 0 {
                isStopped = true
                break
            }
            let written = bytes.withUnsafeBytes { buffer -> Int in
                guard let start = buffer.baseAddress else { return 0 }
                return write(1, start + done, min(buffer.count - done, Self.pieceBytes))
            }
            if written > 0 {
                done += written
            } else if errno == EAGAIN {
                _ = Readiness.wait(1, reading: false, writing: true, timeoutMilliseconds: 100)
            } else if errno != EINTR {
                // Nobody reads any more: what is left has no place to go.
                isStopped = true
            }
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
