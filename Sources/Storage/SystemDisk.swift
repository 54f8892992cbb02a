/// The disk of the machine.
import Base
import OS

public struct SystemDisk: Disk, Sendable {
    public init() {}

    public func makeDirectory(_ path: String, permissions: UInt32) throws(StorageError) {
        try check(RawFile.makeDirectory(path, permissions: permissions), "make the directory", path)
    }

    public func list(_ path: String) throws(StorageError) -> [String] {
        var error: Int32 = 0
        guard let names = RawFile.list(path, error: &error) else {
            throw StorageError.system("list", path, errno: -error)
        }
        return names
    }

    public func syncDirectory(_ path: String) throws(StorageError) {
        try check(RawFile.syncDirectory(path), "sync the directory", path)
    }

    public func open(_ path: String, for opening: DiskOpening, permissions: UInt32) throws(StorageError) -> DiskFile {
        let raw: RawFile.Opening
        switch opening {
        case .reading: raw = .reading
        case .writing: raw = .writing
        case .creating: raw = .creating
        case .replacing: raw = .replacing
        case .writingOrCreating: raw = .writingOrCreating
        }
        let operation = opening == .reading ? "open" : opening == .writing ? "open for writing" : "create"
        return DiskFile(number: try check(RawFile.open(path, for: raw, permissions: permissions), operation, path))
    }

    public func close(_ file: DiskFile) { RawFile.close(file.number) }

    public func rename(_ old: String, to new: String) throws(StorageError) {
        try check(RawFile.rename(old, to: new), "rename", old)
    }

    public func remove(_ path: String) throws(StorageError) { try check(RawFile.remove(path), "remove", path) }

    public func length(_ file: DiskFile, path: String) throws(StorageError) -> Int {
        try check(RawFile.length(file.number), "look at", path)
    }

    public func home(_ file: DiskFile) -> UInt64 { RawFile.home(file.number) }

    @inline(__always)
    public func read(
        _ file: DiskFile, at offset: Int, into bytes: UnsafeMutablePointer<UInt8>, count: Int, path: String
    ) throws(StorageError) -> Int {
        try check(RawFile.read(file.number, at: offset, into: bytes, count: count), "read", path)
    }

    @inline(__always)
    public func write(
        _ bytes: ByteView, to file: DiskFile, at offset: Int, path: String
    ) throws(StorageError) -> Int {
        let written = try check(RawFile.write(file.number, bytes, at: offset), "write", path)
        // Linux never does this to a regular file; a loop around it would not end.
        if written == 0, bytes.count > 0 { throw StorageError.system("write", path, errno: StorageError.inputOutput) }
        return written
    }

    public func allocate(_ file: DiskFile, length: Int, path: String) throws(StorageError) {
        try check(RawFile.allocate(file.number, length: length), "allocate \(length) bytes for", path)
    }

    public func truncate(_ file: DiskFile, to length: Int, path: String) throws(StorageError) {
        try check(RawFile.truncate(file.number, to: length), "truncate", path)
    }

    @inline(__always)
    public func sync(_ file: DiskFile, path: String) throws(StorageError) {
        try check(RawFile.sync(file.number), "sync", path)
    }

    public func lock(_ file: DiskFile, _ lock: DiskLock, path: String) throws(StorageError) -> Bool {
        let result = RawFile.lock(file.number, exclusively: lock == .exclusive)
        if result == Int32(Refusal.wouldBlock) { return false }
        try check(result, "lock", path)
        return true
    }

    public func contents(of path: String) throws(StorageError) -> FileContents {
        let file = try open(path, for: .reading, permissions: 0)
        defer { close(file) }
        let length = try length(file, path: path)
        if length == 0 { return FileContents(copying: .empty) }
        var error: Int32 = 0
        guard let base = RawFile.map(file.number, length: length, error: &error) else {
            throw StorageError.system("map", path, errno: -error)
        }
        return FileContents(mapped: base, count: length)
    }

    @discardableResult
    @inline(__always)
    private func check<Number: BinaryInteger>(
        _ result: Number, _ operation: @autoclosure () -> String, _ path: String
    ) throws(StorageError) -> Number {
        if result < 0 { throw StorageError.system(operation(), path, errno: Int32(-Int(result))) }
        return result
    }
}
