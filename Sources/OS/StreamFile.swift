/// Files and pipes read and written from front to back, for tools: what goes through them may be larger than memory.
import Base
import CLinux

public enum StreamFile {
    public static func openForReading(_ path: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(a2_open(path, Int32(A2_OPEN_READ), 0), "read \(path)"))
    }

    /// Bytes read, 0 at the end.
    public static func read(
        _ descriptor: Int32, into bytes: UnsafeMutablePointer<UInt8>, count: Int, named name: String
    ) throws(SystemError) -> Int {
        let got = a2_read(descriptor, bytes, count)
        try check(Int32(clamping: got), "read \(name)")
        return got
    }

    /// All of `bytes`, however many calls it takes.
    public static func write(_ bytes: ByteView, to descriptor: Int32, named name: String) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let count = a2_write(descriptor, bytes.start + written, bytes.count - written)
            try check(Int32(clamping: count), "write \(name)")
            written += count
        }
    }

    public static func sync(_ descriptor: Int32, named name: String) throws(SystemError) {
        try check(a2_sync(descriptor), "sync \(name)")
    }

    public static func rename(_ old: String, to new: String) throws(SystemError) {
        try check(a2_rename(old, new), "rename \(old) to \(new)")
    }
}
