/// Standard input: single bytes of answers, lines of scripts, and all of it.
import Base
import OS

#if canImport(Glibc)
    import Glibc
#endif

enum StandardInput {
    static func byte() -> UInt8? {
        var byte: UInt8 = 0
        return read(0, &byte, 1) == 1 ? byte : nil
    }

    /// Up to `count` bytes; empty at the end, nil when a signal came.
    static func piece(_ count: Int = 64 * 1024) -> [UInt8]? {
        var space = [UInt8](repeating: 0, count: count)
        let got = read(0, &space, count)
        if got < 0 { return errno == EINTR || errno == EAGAIN ? nil : [] }
        return Array(space.prefix(got))
    }

    static func all() -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            guard let more = piece() else { continue }
            if more.isEmpty { return bytes }
            bytes += more
        }
    }
}

/// Lines of standard input, the last one with or without its end.
struct InputLines {
    private var buffer: [UInt8] = []
    private var at = 0
    private var isAtEnd = false

    mutating func next() -> String? {
        var searched = at
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0A) {
                defer { at = end + 1 }
                return String(decoding: buffer[at..<end], as: UTF8.self)
            }
            if isAtEnd {
                guard at < buffer.count else { return nil }
                defer { at = buffer.count }
                return String(decoding: buffer[at...], as: UTF8.self)
            }
            buffer.removeFirst(at)
            at = 0
            searched = buffer.count
            guard let more = StandardInput.piece() else { return nil }
            if more.isEmpty { isAtEnd = true } else { buffer += more }
        }
    }
}
