/// Who a node is, and what it may have promised: the one file that is written over in place, every second or so.
///
///     preamble(16) capacity(8) crc(4), zeros to 4096; then two copies, each `capacity` bytes apart
///     copy      sequence(8) length(4) crc(4), then `length` bytes of payload
///     payload   node(4) generation(4) incarnation(16) lease(8) isClean(1) logPosition(8)
///               clusterLength(4) cluster blobLength(4) blob
///
/// A renewal writes one copy, syncs, writes the other, syncs. So a crash tears one copy at most, and at rest both say
/// the same: a copy that has gone bad since never brings back an earlier lease. The copy with the higher sequence
/// counts. When the payload outgrows the room between the copies, the whole file is replaced.
import Base

public struct Identity: Equatable, Sendable {
    public var owner: LogOwner
    public var clusterName: String
    /// Stamps up to this time may have been handed out.
    public var leaseUnixMilliseconds: UInt64 = 0
    /// The node has stopped in order, with its log ending at `logPosition`.
    public var isClean = false
    /// The log is on disk up to here.
    public var logPosition: UInt64 = 0
    /// The member table, in its own encoding.
    public var members: [UInt8] = []

    public init(owner: LogOwner, clusterName: String) {
        self.owner = owner
        self.clusterName = clusterName
    }

    fileprivate func encode(to out: inout ByteBuffer) {
        out.append(littleEndian: owner.node)
        out.append(littleEndian: owner.generation)
        out.append(littleEndian: owner.incarnation)
        out.append(littleEndian: leaseUnixMilliseconds)
        out.append(isClean ? 1 : 0 as UInt8)
        out.append(littleEndian: logPosition)
        out.append(littleEndian: UInt32(clusterName.utf8.count))
        out.append(clusterName)
        out.append(littleEndian: UInt32(members.count))
        out.append(members)
    }

    fileprivate init?(_ payload: ByteView) {
        var reader = ByteReader(payload)
        let node = reader.littleEndian(UInt32.self)
        let generation = reader.littleEndian(UInt32.self)
        owner = LogOwner(node: node, generation: generation, incarnation: reader.littleEndian(UInt128.self))
        leaseUnixMilliseconds = reader.littleEndian(UInt64.self)
        let flag = reader.byte()
        isClean = flag == 1
        logPosition = reader.littleEndian(UInt64.self)
        clusterName = reader.view(Int(reader.littleEndian(UInt32.self))).string
        members = reader.view(Int(reader.littleEndian(UInt32.self))).array
        guard reader.isValid, reader.isAtEnd, flag <= 1 else { return nil }
    }
}

public struct IdentityFile<D: Disk>: ~Copyable {
    private let disk: D
    private let path: String
    private let directory: String
    private var file: DiskFile
    private var capacity: Int
    private var sequence: UInt64
    private var isStopped = false
    private var scratch = ByteBuffer(capacity: 1024)
    public private(set) var identity: Identity

    /// Gives a new directory its identity, which completes it.
    public init(creating identity: Identity, in directory: borrowing DataDirectory<D>) throws(StorageError) {
        let capacity = IdentityFormat.capacity(for: identity)
        try IdentityFormat.replace(
            directory.identityPath, in: directory.path, identity, sequence: 1, capacity: capacity, on: directory.disk)
        try self.init(directory, identity, sequence: 1, capacity: capacity)
    }

    public init(opening directory: borrowing DataDirectory<D>) throws(StorageError) {
        let read = try IdentityFormat.read(directory.identityPath, on: directory.disk)
        try self.init(directory, read.identity, sequence: read.sequence, capacity: read.capacity)
    }

    private init(
        _ directory: borrowing DataDirectory<D>, _ identity: Identity, sequence: UInt64, capacity: Int
    ) throws(StorageError) {
        file = try directory.disk.open(
            directory.identityPath, for: .writing, permissions: FileNames.filePermissions)
        disk = directory.disk
        path = directory.identityPath
        self.directory = directory.path
        self.identity = identity
        self.sequence = sequence
        self.capacity = capacity
    }

    deinit { disk.close(file) }

    /// Where the file lies: a copy lies elsewhere. 0 where that cannot be told.
    public var home: UInt64 { disk.home(file) }

    /// Whether the file stays where it is when `new` is written.
    public mutating func hasRoom(for new: Identity) -> Bool {
        scratch.removeAll()
        IdentityFormat.encodeCopy(new, sequence: sequence + 1, to: &scratch)
        return scratch.count <= capacity
    }

    /// Makes `new` what the file says; durable on return. A failure is final.
    public mutating func write(_ new: Identity) throws(StorageError) {
        if isStopped { throw StorageError(.stopped, path, "closed after a failure") }
        precondition(
            new.leaseUnixMilliseconds >= identity.leaseUnixMilliseconds,
            "a lease back from \(identity.leaseUnixMilliseconds) to \(new.leaseUnixMilliseconds)")
        precondition(
            new.logPosition >= identity.logPosition, "a log back from \(identity.logPosition) to \(new.logPosition)")
        isStopped = true
        scratch.removeAll()
        IdentityFormat.encodeCopy(new, sequence: sequence + 1, to: &scratch)
        if scratch.count > capacity {
            capacity = IdentityFormat.capacity(for: new)
            try IdentityFormat.replace(path, in: directory, new, sequence: sequence + 1, capacity: capacity, on: disk)
            let replaced = try disk.open(path, for: .writing, permissions: FileNames.filePermissions)
            disk.close(file)
            file = replaced
        } else {
            for copy in 0..<2 {
                let offset = IdentityFormat.headerBytes + copy * capacity
                try disk.writeAll(scratch.view, to: file, at: offset, path: path)
                try disk.sync(file, path: path)
            }
        }
        isStopped = false
        sequence += 1
        identity = new
    }

    /// The cheap renewal: how far stamps may go, and how far the log is on disk.
    public mutating func renew(leaseUnixMilliseconds: UInt64, logPosition: UInt64) throws(StorageError) {
        var new = identity
        new.leaseUnixMilliseconds = leaseUnixMilliseconds
        new.logPosition = logPosition
        new.isClean = false
        try write(new)
    }

    /// Notes that the node has stopped in order, its log ending at `logPosition`.
    public mutating func markClean(logPosition: UInt64) throws(StorageError) {
        var new = identity
        new.logPosition = logPosition
        new.isClean = true
        try write(new)
    }

    /// What the file of `directory` says, for readers.
    public static func read(from directory: borrowing DataDirectory<D>) throws(StorageError) -> Identity {
        try IdentityFormat.read(directory.identityPath, on: directory.disk).identity
    }
}

enum IdentityFormat {
    static let version: UInt32 = 1
    static let headerBytes = 4096
    private static let magic: StaticString = "a2 ident"
    private static let copyHeadBytes = 16
    private static let usedHeaderBytes = Preamble.byteCount + 12
    private static let capacityMax = 1 << 30

    /// Room for a payload twice as large, in whole pages, so that no write touches both copies.
    static func capacity(for identity: Identity) -> Int {
        let bytes = (256 + identity.clusterName.utf8.count + identity.members.count) * 2
        return (bytes + 4095) & ~4095
    }

    static func encodeCopy(_ identity: Identity, sequence: UInt64, to out: inout ByteBuffer) {
        let start = out.count
        out.append(littleEndian: sequence)
        out.append(littleEndian: UInt32(0))
        out.append(littleEndian: UInt32(0))
        identity.encode(to: &out)
        out.patch(littleEndian: UInt32(out.count - start - copyHeadBytes), at: start + 8)
        // The checksum's own field counts as zero.
        out.patch(littleEndian: checksum(out.view.dropFirst(start)), at: start + 12)
    }

    static func replace<D: Disk>(
        _ path: String, in directory: String, _ identity: Identity, sequence: UInt64, capacity: Int, on disk: D
    ) throws(StorageError) {
        var out = ByteBuffer(capacity: headerBytes + 2 * capacity)
        Preamble.append(magic, version: version, to: &out)
        out.append(littleEndian: UInt64(capacity))
        out.append(littleEndian: checksum(out.view))
        out.append([UInt8](repeating: 0, count: headerBytes - usedHeaderBytes))
        for _ in 0..<2 {
            let start = out.count
            encodeCopy(identity, sequence: sequence, to: &out)
            out.append([UInt8](repeating: 0, count: start + capacity - out.count))
        }
        try disk.replace(path, in: directory, with: out.view)
    }

    static func read<D: Disk>(
        _ path: String, on disk: D
    ) throws(StorageError) -> (identity: Identity, sequence: UInt64, capacity: Int) {
        let contents: FileContents
        do throws(StorageError) {
            contents = try disk.contents(of: path)
        } catch {
            guard error.errno == StorageError.noEntry else { throw error }
            throw StorageError(.missing, path, "missing", advice: Advice.wholeDirectory)
        }
        return try decode(contents.view, path: path)
    }

    static func decode(
        _ bytes: ByteView, path: String
    ) throws(StorageError) -> (identity: Identity, sequence: UInt64, capacity: Int) {
        try Preamble.check(
            bytes, magic, version: version, what: "an identity file", path: path, advice: Advice.wholeDirectory)
        guard bytes.count >= headerBytes,
            checksum(bytes.slice(0, usedHeaderBytes - 4)) == bytes.word32(at: usedHeaderBytes - 4).littleEndian
        else {
            throw StorageError(
                .damaged, path, at: 0, "the checksum of the header does not hold", advice: Advice.wholeDirectory)
        }
        let capacity = Int(clamping: bytes.word64(at: Preamble.byteCount).littleEndian)
        guard capacity >= 4096, capacity <= capacityMax, bytes.count == headerBytes + 2 * capacity else {
            throw StorageError(
                .damaged, path, at: bytes.count, "\(bytes.count) bytes long, of two copies of \(capacity)",
                advice: Advice.wholeDirectory)
        }
        let first = copy(bytes.slice(headerBytes, capacity))
        let second = copy(bytes.slice(headerBytes + capacity, capacity))
        guard let newest = (first?.sequence ?? 0) >= (second?.sequence ?? 0) ? first : second else {
            throw StorageError(
                .damaged, path, at: headerBytes, "neither of its two copies can be read", advice: Advice.wholeDirectory)
        }
        return (newest.identity, newest.sequence, capacity)
    }

    private static func copy(_ bytes: ByteView) -> (identity: Identity, sequence: UInt64)? {
        let sequence = bytes.word64(at: 0).littleEndian
        let length = Int(bytes.word32(at: 8).littleEndian)
        guard length <= bytes.count - copyHeadBytes else { return nil }
        let zero: UInt32 = 0
        var crc = checksum(bytes.slice(0, 12))
        crc = withUnsafeBytes(of: zero) { raw in
            guard let start = raw.baseAddress else { return crc }
            return checksum(ByteView(start: start.assumingMemoryBound(to: UInt8.self), count: 4), continuing: crc)
        }
        let payload = bytes.slice(copyHeadBytes, length)
        guard checksum(payload, continuing: crc) == bytes.word32(at: 12).littleEndian,
            let identity = Identity(payload)
        else { return nil }
        return (identity, sequence)
    }
}
