/// An open file descriptor with one owner, closed when the owner goes.
import Base
import CLinux

public struct Descriptor: ~Copyable {
    /// Lent to system calls; the owner alone closes it.
    public let number: Int32

    /// Takes ownership of an open descriptor.
    public init(owning number: Int32) {
        precondition(number >= 0, "descriptor \(number)")
        self.number = number
    }

    deinit { _ = a2_close(number) }

    /// Gives the descriptor up without closing it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    public var isTerminal: Bool { a2_is_terminal(number) != 0 }
}

/// Whole files, for configuration and secrets. Not for the hot path.
public enum Files {
    public enum Mode: Sendable {
        case append
        case replace

        fileprivate var how: Int32 {
            switch self {
            case .append: Int32(A2_OPEN_APPEND)
            case .replace: Int32(A2_OPEN_REPLACE)
            }
        }
    }

    /// Opens for writing, made with `permissions` if it does not exist.
    public static func open(
        _ path: String, for mode: Mode, permissions: UInt32 = 0o644
    ) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(a2_open(path, mode.how, permissions), "open \(path)"))
    }

    public static func read(_ path: String) throws(SystemError) -> [UInt8] {
        let opened = try check(a2_open(path, Int32(A2_OPEN_READ), 0), "read \(path)")
        let file = Descriptor(owning: opened)
        var contents = ByteBuffer(capacity: 4096)
        while true {
            contents.reserve(4096)
            let count = a2_read(file.number, contents.writable, contents.writableCount)
            try check(Int32(clamping: count), "read \(path)")
            if count == 0 { return contents.array }
            contents.commit(count)
        }
    }

    /// The permission bits of a file, nil when it cannot be looked at.
    public static func permissions(_ path: String) -> UInt32? {
        let present = a2_file_permissions(path)
        return present < 0 ? nil : UInt32(present)
    }

    /// Writes beside the file, syncs, and renames into its place: a reader sees the old text or the new one.
    /// A file that exists keeps its permissions.
    public static func replace(
        _ path: String, with contents: [UInt8], permissions: UInt32 = 0o644
    ) throws(SystemError) {
        let beside = path + ".new"
        let permissions = Self.permissions(path) ?? permissions
        let file = try open(beside, for: .replace, permissions: permissions)
        try write(contents, to: file.number, named: beside)
        try check(a2_sync(file.number), "sync \(beside)")
        try check(a2_rename(beside, path), "rename \(beside) to \(path)")
    }

    /// All of `contents`, however many calls it takes.
    public static func write(_ contents: [UInt8], to descriptor: Int32, named name: String) throws(SystemError) {
        var written = 0
        while written < contents.count {
            let count = contents.withView { a2_write(descriptor, $0.start + written, $0.count - written) }
            try check(Int32(clamping: count), "write \(name)")
            written += count
        }
    }
}
