/// A disk that does to files whatever a real one may do to them when the power goes.
///
/// Each file has what is on the platter and what was only written; names likewise. A sync carries one over to the
/// other. A crash decides, write by write, name by name and sector by sector, what else got there. Nothing here is
/// random but for the generator that is given.
import Base
import Storage

public final class SimDisk: Disk {
    public enum Operation: Hashable, Sendable {
        case write
        case sync
        case syncDirectory
        case rename
        case remove
        case allocate
    }

    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case length(Int)
        case grow(Int)
    }

    private final class Node {
        /// What readers see, what survives, and what lies between.
        var current: [UInt8] = []
        var durable: [UInt8] = []
        var pending: [Change] = []
        var exclusiveHolder: Int32?
        var sharedHolders: Set<Int32> = []
    }

    private enum NameChange {
        case link(String, Node)
        case unlink(String)
        case rename(String, String, Node)
        case directory(String)

        var parent: String {
            switch self {
            case .link(let path, _), .unlink(let path), .directory(let path): SimDisk.parent(path)
            case .rename(_, let new, _): SimDisk.parent(new)
            }
        }
    }

    private static let sectorBytes = 512

    private var names: [String: Node] = [:]
    private var durableNames: [String: Node] = [:]
    private var directories: Set<String> = ["/"]
    private var durableDirectories: Set<String> = ["/"]
    private var nameChanges: [NameChange] = []
    private var handles: [Int32: Node] = [:]
    private var nextHandle: Int32 = 1
    private var random: SeededRandom

    /// Room for all files together.
    public var capacityBytes = Int.max
    /// After so many more operations the machine is gone: everything fails until `crash`.
    public var operationsLeft = Int.max
    /// The next operation of a kind fails with this.
    public var failures: [Operation: Int32] = [:]
    /// Writes take fewer bytes than asked, now and then.
    public var writesShort = false
    /// Syncs succeed and do nothing: what must not go unnoticed.
    public var syncLies = false
    public private(set) var operationCount = 0

    public init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private static func parent(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    // MARK: Names

    public func makeDirectory(_ path: String, permissions: UInt32) throws(StorageError) {
        try step(nil, "make the directory", path)
        if directories.contains(path) { throw StorageError.system("make", path, errno: StorageError.exists) }
        directories.insert(path)
        nameChanges.append(.directory(path))
    }

    public func list(_ path: String) throws(StorageError) -> [String] {
        try step(nil, "list", path)
        guard directories.contains(path) else { throw StorageError.system("list", path, errno: StorageError.noEntry) }
        return (Array(names.keys) + Array(directories)).filter { $0 != "/" && Self.parent($0) == path }
            .map { String($0.dropFirst(path == "/" ? 1 : path.count + 1)) }
    }

    public func syncDirectory(_ path: String) throws(StorageError) {
        try step(.syncDirectory, "sync", path)
        if syncLies { return }
        var rest: [NameChange] = []
        for change in nameChanges {
            if change.parent == path { apply(change) } else { rest.append(change) }
        }
        nameChanges = rest
    }

    private func apply(_ change: NameChange) {
        switch change {
        case .link(let path, let node): durableNames[path] = node
        case .unlink(let path): durableNames[path] = nil
        case .rename(let old, let new, let node):
            if durableNames[old] === node { durableNames[old] = nil }
            durableNames[new] = node
        case .directory(let path): durableDirectories.insert(path)
        }
    }

    public func open(
        _ path: String, for opening: DiskOpening, permissions: UInt32
    ) throws(StorageError) -> DiskFile {
        try step(nil, "open", path)
        let node: Node
        if let existing = names[path] {
            if opening == .creating { throw StorageError.system("create", path, errno: StorageError.exists) }
            node = existing
            if opening == .replacing, !node.current.isEmpty { change(node, .length(0)) }
        } else {
            guard opening != .reading, opening != .writing, directories.contains(Self.parent(path)) else {
                throw StorageError.system("open", path, errno: StorageError.noEntry)
            }
            node = Node()
            names[path] = node
            nameChanges.append(.link(path, node))
        }
        handles[nextHandle] = node
        nextHandle += 1
        return DiskFile(number: nextHandle - 1)
    }

    public func close(_ file: DiskFile) {
        guard let node = handles.removeValue(forKey: file.number) else { return }
        if node.exclusiveHolder == file.number { node.exclusiveHolder = nil }
        node.sharedHolders.remove(file.number)
    }

    public func rename(_ old: String, to new: String) throws(StorageError) {
        try step(.rename, "rename", old)
        guard let node = names.removeValue(forKey: old) else {
            throw StorageError.system("rename", old, errno: StorageError.noEntry)
        }
        names[new] = node
        nameChanges.append(.rename(old, new, node))
    }

    public func remove(_ path: String) throws(StorageError) {
        try step(.remove, "remove", path)
        guard names.removeValue(forKey: path) != nil else {
            throw StorageError.system("remove", path, errno: StorageError.noEntry)
        }
        nameChanges.append(.unlink(path))
    }

    // MARK: Contents

    public func length(_ file: DiskFile, path: String) throws(StorageError) -> Int {
        try node(file, path).current.count
    }

    public func home(_ file: DiskFile) -> UInt64 { 0 }

    public func read(
        _ file: DiskFile, at offset: Int, into bytes: UnsafeMutablePointer<UInt8>, count: Int, path: String
    ) throws(StorageError) -> Int {
        try step(nil, "read", path)
        let node = try node(file, path)
        guard offset < node.current.count else { return 0 }
        let length = min(count, node.current.count - offset)
        node.current.withView { bytes.update(from: $0.start + offset, count: length) }
        return length
    }

    public func contents(of path: String) throws(StorageError) -> FileContents {
        try step(nil, "open", path)
        guard let node = names[path] else { throw StorageError.system("open", path, errno: StorageError.noEntry) }
        return node.current.withView { FileContents(copying: $0) }
    }

    public func write(
        _ bytes: ByteView, to file: DiskFile, at offset: Int, path: String
    ) throws(StorageError) -> Int {
        let node = try node(file, path)
        let isShort = writesShort && bytes.count > 1 && random.below(3) == 0
        let count = isShort ? 1 + random.below(bytes.count - 1) : bytes.count
        let taken = bytes.slice(0, count).array
        do throws(StorageError) {
            try step(.write, "write", path)
        } catch {
            // Part of it may have got there all the same.
            change(node, .write(offset: offset, bytes: Array(taken.prefix(random.below(count + 1)))))
            throw error
        }
        try reserve(offset + count - node.current.count, path)
        change(node, .write(offset: offset, bytes: taken))
        return count
    }

    public func allocate(_ file: DiskFile, length: Int, path: String) throws(StorageError) {
        try step(.allocate, "allocate", path)
        let node = try node(file, path)
        try reserve(length - node.current.count, path)
        change(node, .grow(length))
    }

    public func truncate(_ file: DiskFile, to length: Int, path: String) throws(StorageError) {
        try step(.write, "truncate", path)
        try change(node(file, path), .length(length))
    }

    public func sync(_ file: DiskFile, path: String) throws(StorageError) {
        let node = try node(file, path)
        do throws(StorageError) {
            try step(.sync, "sync", path)
        } catch {
            // The system gives up on what it could not write: it is in memory, taken for clean, and nowhere else.
            if operationsLeft > 0 { settle(node) }
            throw error
        }
        if syncLies { return }
        for change in node.pending { Self.apply(change, to: &node.durable) }
        node.pending = []
    }

    public func lock(_ file: DiskFile, _ lock: DiskLock, path: String) throws(StorageError) -> Bool {
        let node = try node(file, path)
        if node.exclusiveHolder != nil { return node.exclusiveHolder == file.number }
        if lock == .shared {
            node.sharedHolders.insert(file.number)
            return true
        }
        guard node.sharedHolders.isEmpty else { return false }
        node.exclusiveHolder = file.number
        return true
    }

    private func node(_ file: DiskFile, _ path: String) throws(StorageError) -> Node {
        guard let node = handles[file.number] else { throw StorageError.system("use", path, errno: 9) }
        return node
    }

    private func change(_ node: Node, _ change: Change) {
        node.pending.append(change)
        Self.apply(change, to: &node.current)
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .write(let offset, let written):
            if bytes.count < offset + written.count {
                bytes += [UInt8](repeating: 0, count: offset + written.count - bytes.count)
            }
            bytes.replaceSubrange(offset..<offset + written.count, with: written)
        case .length(let length):
            if bytes.count > length { bytes.removeLast(bytes.count - length) }
            if bytes.count < length { bytes += [UInt8](repeating: 0, count: length - bytes.count) }
        case .grow(let length):
            if bytes.count < length { bytes += [UInt8](repeating: 0, count: length - bytes.count) }
        }
    }

    private func reserve(_ bytes: Int, _ path: String) throws(StorageError) {
        guard bytes > 0, bytes > capacityBytes - usedBytes else { return }
        throw StorageError.system("allocate for", path, errno: StorageError.noSpace)
    }

    public var usedBytes: Int { names.values.reduce(0) { $0 + $1.current.count } }

    private func step(_ operation: Operation?, _ words: String, _ path: String) throws(StorageError) {
        operationCount += 1
        if operationsLeft <= 0 { throw StorageError.system(words, path, errno: StorageError.inputOutput) }
        operationsLeft -= 1
        if let operation, let errno = failures.removeValue(forKey: operation) {
            throw StorageError.system(words, path, errno: errno)
        }
    }

    // MARK: What happens to it

    /// The process ends; what it wrote is still in the system's memory.
    public func kill() {
        for node in names.values {
            node.exclusiveHolder = nil
            node.sharedHolders = []
        }
        handles = [:]
        operationsLeft = .max
        failures = [:]
    }

    /// The power goes and comes back.
    public func crash() {
        let survivesInOrder = random.below(2) == 0
        var isCut = false
        for change in nameChanges {
            let survives = random.below(2) == 0
            if survivesInOrder { isCut = isCut || !survives }
            if survivesInOrder ? !isCut : survives { apply(change) }
        }
        nameChanges = []
        var seen: Set<ObjectIdentifier> = []
        for path in (Set(durableNames.keys).union(names.keys)).sorted() {
            for node in [durableNames[path], names[path]] {
                if let node, seen.insert(ObjectIdentifier(node)).inserted { settle(node) }
            }
        }
        // What stands in a directory that is gone is gone with it.
        for path in durableDirectories.sorted() where !durableDirectories.contains(Self.parent(path)) {
            durableDirectories.remove(path)
        }
        directories = durableDirectories
        names = durableNames.filter { directories.contains(Self.parent($0.key)) }
        durableNames = names
        for node in names.values { node.current = node.durable }
        kill()
    }

    /// Decides which of a file's unsynced changes have reached the platter.
    private func settle(_ node: Node) {
        let mood = random.below(5)
        for change in node.pending {
            let survives = mood == 0 ? false : mood == 1 ? true : random.below(2) == 0
            if case .write(let offset, let bytes) = change, mood >= 2 {
                tear(offset, bytes, isTorn: survives && random.below(2) == 0, survives, &node.durable)
            } else if survives {
                Self.apply(change, to: &node.durable)
            }
            // Whatever comes later was lost together with this one.
            if mood == 2, !survives { break }
        }
        node.pending = []
    }

    private func tear(_ offset: Int, _ bytes: [UInt8], isTorn: Bool, _ survives: Bool, _ durable: inout [UInt8]) {
        guard survives else { return }
        guard isTorn else { return Self.apply(.write(offset: offset, bytes: bytes), to: &durable) }
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, ((offset + at) / Self.sectorBytes + 1) * Self.sectorBytes - offset)
            if random.below(2) == 0 {
                Self.apply(.write(offset: offset + at, bytes: Array(bytes[at..<end])), to: &durable)
            }
            at = end
        }
    }

    // MARK: For tests

    public var paths: [String] { names.keys.sorted() }

    public func bytes(of path: String) -> [UInt8]? { names[path]?.current }

    /// Puts a file there, synced, or takes it away.
    public func setBytes(_ bytes: [UInt8]?, of path: String) {
        guard let bytes else {
            names[path] = nil
            durableNames[path] = nil
            return
        }
        let node = names[path] ?? Node()
        node.current = bytes
        node.durable = bytes
        node.pending = []
        names[path] = node
        durableNames[path] = node
    }
}
