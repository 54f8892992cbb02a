/// What Storage asks of a disk. The server runs on `SystemDisk`, the simulator on a disk that tears, loses and reorders
/// whatever was not synced; the code above is the same, specialised for each.
///
/// Names are durable only after `syncDirectory`, contents only after `sync`. A failure of either is final: after a
/// failed sync the system takes the pages for clean, so that a second one would lie.
import Base
import OS

/// An open file of a disk. Whoever opened it closes it, once.
public struct DiskFile: Equatable, Sendable {
    public let number: Int32
    public init(number: Int32) { self.number = number }
}

public enum DiskOpening: Sendable {
    case reading
    /// It must exist.
    case writing
    /// It must not exist.
    case creating
    /// What it held is gone.
    case replacing
    case writingOrCreating
}

public enum DiskLock: Sendable {
    case shared
    case exclusive
}

public protocol Disk {
    /// Fails with EEXIST where there is one.
    func makeDirectory(_ path: String, permissions: UInt32) throws(StorageError)
    /// The names in a directory, in no order.
    func list(_ path: String) throws(StorageError) -> [String]
    func syncDirectory(_ path: String) throws(StorageError)

    func open(_ path: String, for opening: DiskOpening, permissions: UInt32) throws(StorageError) -> DiskFile
    func close(_ file: DiskFile)
    func rename(_ old: String, to new: String) throws(StorageError)
    func remove(_ path: String) throws(StorageError)

    // `path` below is for the error's text alone.
    func length(_ file: DiskFile, path: String) throws(StorageError) -> Int
    /// Which file of its file system it is, and since when: a copy has another. 0 where that cannot be told.
    func home(_ file: DiskFile) -> UInt64
    /// Bytes read, 0 at the end of the file.
    func read(
        _ file: DiskFile, at offset: Int, into bytes: UnsafeMutablePointer<UInt8>, count: Int, path: String
    ) throws(StorageError) -> Int
    /// Bytes written: at least one, perhaps fewer than asked.
    func write(_ bytes: ByteView, to file: DiskFile, at offset: Int, path: String) throws(StorageError) -> Int
    /// Gives the first `length` bytes room, new ones zero. That there is no room is an ordinary answer.
    func allocate(_ file: DiskFile, length: Int, path: String) throws(StorageError)
    func truncate(_ file: DiskFile, to length: Int, path: String) throws(StorageError)
    func sync(_ file: DiskFile, path: String) throws(StorageError)
    /// Whether the lock was to be had; it goes when the file is closed.
    func lock(_ file: DiskFile, _ lock: DiskLock, path: String) throws(StorageError) -> Bool

    /// The whole file, as it is now.
    func contents(of path: String) throws(StorageError) -> FileContents
}

extension Disk {
    /// All of `bytes`, however many calls it takes.
    @inline(__always)
    func writeAll(_ bytes: ByteView, to file: DiskFile, at offset: Int, path: String) throws(StorageError) {
        var written = try write(bytes, to: file, at: offset, path: path)
        while written < bytes.count {
            written += try write(bytes.dropFirst(written), to: file, at: offset + written, path: path)
        }
    }

    /// Zeros, `count` of them.
    func writeZeros(_ count: Int, to file: DiskFile, at offset: Int, path: String) throws(StorageError) {
        let zeros = [UInt8](repeating: 0, count: min(count, 1 << 20))
        try zeros.withView { (view) throws(StorageError) in
            var done = 0
            while done < count {
                let length = min(view.count, count - done)
                try writeAll(view.slice(0, length), to: file, at: offset + done, path: path)
                done += length
            }
        }
    }

    /// As many bytes as there are from `offset` on, at most `count`, behind what `buffer` holds.
    func readAll(
        _ file: DiskFile, at offset: Int, count: Int, into buffer: inout ByteBuffer, path: String
    ) throws(StorageError) {
        buffer.reserve(count)
        var done = 0
        while done < count {
            let length = try read(file, at: offset + done, into: buffer.writable, count: count - done, path: path)
            if length == 0 { return }
            buffer.commit(length)
            done += length
        }
    }

    /// Writes beside `path`, syncs, renames into its place and syncs the directory: at every moment there is the old
    /// file or the new one, and on return it is the new one.
    func replace(_ path: String, in directory: String, with bytes: ByteView) throws(StorageError) {
        let beside = path + FileNames.besideSuffix
        let file = try open(beside, for: .replacing, permissions: FileNames.filePermissions)
        do {
            defer { close(file) }
            if !bytes.isEmpty { try writeAll(bytes, to: file, at: 0, path: beside) }
            try sync(file, path: beside)
        }
        try rename(beside, to: path)
        try syncDirectory(directory)
    }

    func exists(_ name: String, in directory: String) throws(StorageError) -> Bool {
        try list(directory).contains(name)
    }
}

/// A whole file in memory, mapped or copied; its bytes are valid as long as this lives and never change.
public final class FileContents: @unchecked Sendable {
    public let view: ByteView
    private let isMapped: Bool

    /// Takes over a mapping.
    init(mapped base: UnsafePointer<UInt8>, count: Int) {
        view = ByteView(start: base, count: count)
        isMapped = true
    }

    public init(copying bytes: ByteView) {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        copy.update(from: bytes.start, count: bytes.count)
        view = ByteView(start: copy, count: bytes.count)
        isMapped = false
    }

    deinit {
        if isMapped { RawFile.unmap(view.start, length: view.count) } else { view.start.deallocate() }
    }
}
