/// Standard output and error, and what stands behind a descriptor.
import Base
import CLinux

public enum Terminal {
    public static func isTerminal(_ descriptor: Int32) -> Bool { a2_is_terminal(descriptor) != 0 }

    /// Whether the descriptor is the stream to systemd's journal that JOURNAL_STREAM ("device:inode") names; it
    /// is inherited by children whose own streams lead elsewhere.
    public static func isJournal(_ descriptor: Int32, stream: String?) -> Bool {
        let parts = (stream ?? "").split(separator: ":").compactMap { UInt64($0) }
        return parts.count == 2 && a2_is_file(descriptor, parts[0], parts[1]) != 0
    }

    /// In one write where the system takes all of it; a failure has nobody to be told.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withView { view in
            var written = 0
            while written < view.count {
                let count = a2_write(descriptor, view.start + written, view.count - written)
                if count <= 0 { return }
                written += count
            }
        }
    }

    public static func print(_ text: String) { write(Array(text.utf8), to: 1) }

    public static func printError(_ text: String) { write(Array(text.utf8), to: 2) }

    public static func close(_ descriptor: Int32) { _ = a2_close(descriptor) }
}

extension Terminal {
    /// The line somebody types on the controlling terminal, which does not show it; nil where there is none.
    public static func askSecret(_ question: String) -> String? {
        var answer = [CChar](repeating: 0, count: 1024)
        let count = answer.withUnsafeMutableBufferPointer { buffer -> Int32 in
            guard let start = buffer.baseAddress else { return -1 }
            return a2_ask_secret(question, start, buffer.count)
        }
        guard count >= 0 else { return nil }
        return String(decoding: answer[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
