/// The directory that holds a node: who may use it, and what is where.
///
///     LOCK            locked by whoever serves from it, who writes its process identifier into it
///     identity        who the node is, and what it may have promised
///     MANIFEST        which snapshots count
///     log/            00000001.a2l …, and `next`, allocated ahead
///     snapshot/       00000001.a2s …
///
/// A new directory is complete when its identity is there, which is made last: what a crash leaves before is finished
/// by the next start.
import Base

public struct DataDirectory<D: Disk>: ~Copyable {
    public enum Use: Sendable {
        /// Alone: makes what is missing, removes what a crash has left behind.
        case serving(processIdentifier: Int)
        /// While nobody serves from it.
        case reading
        /// Whoever else uses it; what is read may be changing.
        case watching
    }

    public let disk: D
    public let path: String
    /// Nobody has been given an identity here yet.
    public let isNew: Bool
    private let lock: DiskFile?

    public var logPath: String { FileNames.join(path, FileNames.log) }
    public var snapshotPath: String { FileNames.join(path, FileNames.snapshot) }
    var identityPath: String { FileNames.join(path, FileNames.identity) }
    var manifestPath: String { FileNames.join(path, FileNames.manifest) }

    public init(_ path: String, on disk: D, for use: Use) throws(StorageError) {
        var isNew = false
        var lock: DiskFile?
        switch use {
        case .serving(let processIdentifier):
            try Self.makeDirectory(path, on: disk)
            // Looked at before anything is written into it, and again when nobody else can change it.
            _ = try Self.checkContents(path, on: disk, mayBeNew: true)
            let held = try Self.hold(path, on: disk, processIdentifier)
            do throws(StorageError) {
                isNew = try !Self.checkContents(path, on: disk, mayBeNew: true)
                try Self.completeLayout(path, on: disk, isNew: isNew)
            } catch {
                disk.close(held)
                throw error
            }
            lock = held
        case .reading:
            _ = try Self.checkContents(path, on: disk, mayBeNew: false)
            lock = try Self.share(path, on: disk)
        case .watching:
            _ = try Self.checkContents(path, on: disk, mayBeNew: false)
        }
        self.disk = disk
        self.path = path
        self.isNew = isNew
        self.lock = lock
    }

    deinit { if let lock { disk.close(lock) } }

    private static func makeDirectory(_ path: String, on disk: D) throws(StorageError) {
        do throws(StorageError) {
            try disk.makeDirectory(path, permissions: FileNames.directoryPermissions)
        } catch {
            guard error.errno == StorageError.exists else { throw error }
        }
    }

    /// Whether the directory has an identity. Refuses one that is somebody else's.
    private static func checkContents(_ path: String, on disk: D, mayBeNew: Bool) throws(StorageError) -> Bool {
        let names = try disk.list(path)
        if names.contains(FileNames.identity) { return true }
        let own: Set<String> = [FileNames.lock, FileNames.manifest, FileNames.log, FileNames.snapshot]
        let foreign = names.filter {
            // A file system's own directory is nobody's.
            !own.contains($0) && !$0.hasSuffix(FileNames.besideSuffix) && $0 != "lost+found"
        }
        if let first = foreign.sorted().first {
            let others = foreign.count > 1 ? " and \(foreign.count - 1) more" : ""
            throw StorageError(
                .foreign, path, "not a data directory of a2: it holds \(first)\(others)",
                advice: ["name an empty directory, or one that does not exist"])
        }
        for (name, suffix) in [
            (FileNames.log, FileNames.segmentSuffix), (FileNames.snapshot, FileNames.snapshotSuffix),
        ] where names.contains(name) {
            let inside = try disk.list(FileNames.join(path, name))
            if inside.contains(where: { FileNames.number(of: $0, suffix: suffix) != nil }) {
                throw StorageError(
                    .missing, FileNames.join(path, FileNames.identity),
                    "missing, though \(name)/ holds files of a node", advice: Advice.wholeDirectory)
            }
        }
        if !mayBeNew {
            throw StorageError(.missing, path, "not a data directory of a2: it has no identity file")
        }
        return false
    }

    private static func hold(_ path: String, on disk: D, _ processIdentifier: Int) throws(StorageError) -> DiskFile {
        let lockPath = FileNames.join(path, FileNames.lock)
        let file = try disk.open(lockPath, for: .writingOrCreating, permissions: FileNames.filePermissions)
        do throws(StorageError) {
            guard try disk.lock(file, .exclusive, path: lockPath) else {
                throw busy(path, holder: try holder(file, on: disk, path: lockPath))
            }
            try disk.truncate(file, to: 0, path: lockPath)
            try Array("\(processIdentifier)\n".utf8).withView { (text) throws(StorageError) in
                try disk.writeAll(text, to: file, at: 0, path: lockPath)
            }
        } catch {
            disk.close(file)
            throw error
        }
        return file
    }

    private static func share(_ path: String, on disk: D) throws(StorageError) -> DiskFile {
        let lockPath = FileNames.join(path, FileNames.lock)
        let file = try disk.open(lockPath, for: .reading, permissions: 0)
        do throws(StorageError) {
            guard try disk.lock(file, .shared, path: lockPath) else {
                throw busy(path, holder: try holder(file, on: disk, path: lockPath))
            }
        } catch {
            disk.close(file)
            throw error
        }
        return file
    }

    private static func holder(_ file: DiskFile, on disk: D, path: String) throws(StorageError) -> Int? {
        var text = ByteBuffer(capacity: 32)
        try disk.readAll(file, at: 0, count: 24, into: &text, path: path)
        guard let end = text.view.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        return Int(text.view.slice(0, end).string)
    }

    private static func busy(_ path: String, holder: Int?) -> StorageError {
        let who = holder.map { "process \($0)" } ?? "another process"
        return StorageError(
            .busy(processIdentifier: holder), path, "in use by \(who)",
            advice: ["end that process, or name another data directory"])
    }

    private static func completeLayout(_ path: String, on disk: D, isNew: Bool) throws(StorageError) {
        let names = try disk.list(path)
        for name in [FileNames.log, FileNames.snapshot] where !names.contains(name) {
            if !isNew {
                throw StorageError(
                    .missing, FileNames.join(path, name), "missing", advice: Advice.wholeDirectory)
            }
            try disk.makeDirectory(FileNames.join(path, name), permissions: FileNames.directoryPermissions)
        }
        for name in names where name.hasSuffix(FileNames.besideSuffix) {
            try disk.remove(FileNames.join(path, name))
        }
        // Here and not where it is made: a start that failed in between has left it to this one.
        if isNew {
            try disk.syncDirectory(FileNames.parent(of: path))
            try Manifest().write(FileNames.join(path, FileNames.manifest), in: path, on: disk)
        }
        try disk.syncDirectory(path)
    }
}
