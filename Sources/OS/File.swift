/// Files as Storage needs them: opened by intent, written at an offset, allocated ahead, locked, synced.
///
/// Every function takes and gives plain descriptors: who opens one closes it. Results below zero are negated errnos,
/// which Storage turns into errors that name the file.
import Base
import CLinux

public enum RawFile {
    public enum Opening: Int32, Sendable {
        case reading = 0
        /// It must exist.
        case writing = 1
        /// It must not exist.
        case creating = 2
        /// What it held is gone.
        case replacing = 3
        case writingOrCreating = 4
    }

    public static func open(_ path: String, for opening: Opening, permissions: UInt32) -> Int32 {
        a2_file_open(path, opening.rawValue, permissions)
    }

    public static func close(_ file: Int32) { _ = a2_close(file) }

    public static func length(_ file: Int32) -> Int { Int(a2_file_length(file)) }

    /// Which file of its file system it is, and since when: a copy has another. 0 where that cannot be told.
    public static func home(_ file: Int32) -> UInt64 { a2_file_home(file) }

    /// Bytes read, 0 at the end of the file.
    public static func read(
        _ file: Int32, at offset: Int, into bytes: UnsafeMutablePointer<UInt8>, count: Int
    ) -> Int {
        a2_read_at(file, bytes, count, Int64(offset))
    }

    /// Bytes written, which may be fewer than asked.
    public static func write(_ file: Int32, _ bytes: ByteView, at offset: Int) -> Int {
        a2_write_at(file, bytes.start, bytes.count, Int64(offset))
    }

    /// Gives the first `length` bytes room on the disk; new ones read as zero.
    public static func allocate(_ file: Int32, length: Int) -> Int32 { a2_file_allocate(file, Int64(length)) }

    public static func truncate(_ file: Int32, to length: Int) -> Int32 { a2_file_truncate(file, Int64(length)) }

    public static func sync(_ file: Int32) -> Int32 { a2_data_sync(file) }

    /// Does not wait: EWOULDBLOCK when another holds it.
    public static func lock(_ file: Int32, exclusively: Bool) -> Int32 { a2_file_lock(file, exclusively ? 1 : 0) }

    public static func rename(_ old: String, to new: String) -> Int32 { a2_rename(old, new) }

    public static func remove(_ path: String) -> Int32 { a2_remove_file(path) }

    public static func makeDirectory(_ path: String, permissions: UInt32) -> Int32 {
        a2_make_directory(path, permissions)
    }

    public static func syncDirectory(_ path: String) -> Int32 { a2_sync_directory(path) }

    /// The names in a directory, in no order; nil with the negated errno in `error`.
    public static func list(_ path: String, error: inout Int32) -> [String]? {
        var names: UnsafeMutablePointer<CChar>?
        let count = a2_list_directory(path, &names)
        defer { a2_free_names(names) }
        guard count >= 0 else {
            error = Int32(count)
            return nil
        }
        var found: [String] = []
        var at = 0
        while let names, at < count {
            let name = String(cString: names + at)
            found.append(name)
            at += name.utf8.count + 1
        }
        return found
    }

    /// A read-only mapping of the first `length` bytes, to be given to `unmap`; nil with the negated errno in `error`.
    public static func map(_ file: Int32, length: Int, error: inout Int32) -> UnsafePointer<UInt8>? {
        guard let base = a2_file_map(file, length, &error) else { return nil }
        return UnsafePointer(base.assumingMemoryBound(to: UInt8.self))
    }

    public static func unmap(_ base: UnsafePointer<UInt8>, length: Int) {
        _ = a2_unmap(UnsafeMutableRawPointer(mutating: base), length)
    }

    /// The system's words for an error number: "No space left on device".
    public static func reason(_ errno: Int32) -> String { SystemError(operation: "", errno: errno).reason }
}
