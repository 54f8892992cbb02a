/// Which snapshots count, and how far the log was known to be on disk. Replaced as a whole, atomically.
///
///     preamble(16) durablePosition(8) nextNumber(8) count(4) snapshots crc(4)
///     snapshot     number(8) start(8) end(8) createdUnixMilliseconds(8) bytes(8) keys(8)
import Base

public struct SnapshotFacts: Equatable, Sendable {
    public var number: UInt64
    /// Where the log stood when the walk began, from where it is replayed, and where it stood when it ended.
    public var start: UInt64
    public var end: UInt64
    public var createdUnixMilliseconds: Int64
    public var bytes: UInt64
    public var keys: UInt64

    public init(
        number: UInt64, start: UInt64, end: UInt64, createdUnixMilliseconds: Int64, bytes: UInt64, keys: UInt64
    ) {
        self.number = number
        self.start = start
        self.end = end
        self.createdUnixMilliseconds = createdUnixMilliseconds
        self.bytes = bytes
        self.keys = keys
    }

    public var fileName: String { FileNames.snapshot(number) }
}

public struct Manifest: Equatable, Sendable {
    public static let version: UInt32 = 1
    private static let magic: StaticString = "a2 mani\n"
    private static let factBytes = 48

    /// Oldest first.
    public private(set) var snapshots: [SnapshotFacts] = []
    public private(set) var durablePosition: UInt64 = 0
    /// For the file of the next snapshot; never used twice.
    public private(set) var nextNumber: UInt64 = 1

    init() {}

    /// The log is needed from here on. From its beginning where there is no snapshot.
    public var logNeededFrom: UInt64 { snapshots.first?.start ?? 0 }

    /// Takes in a finished snapshot and lets go of all but the newest `count`, which are returned. A snapshot counts
    /// only when the log is durable to the end of its walk: before that it holds what the log may still lose.
    public mutating func add(
        _ snapshot: SnapshotFacts, keeping count: Int, durablePosition durable: UInt64
    ) -> [SnapshotFacts] {
        precondition(durable >= snapshot.end, "a snapshot up to \(snapshot.end) with the log durable to \(durable)")
        precondition(snapshot.start <= snapshot.end && count > 0, "a snapshot from \(snapshot.start), keeping \(count)")
        precondition(snapshot.number >= nextNumber, "snapshot \(snapshot.number) after \(nextNumber)")
        durablePosition = max(durablePosition, durable)
        nextNumber = snapshot.number + 1
        snapshots.append(snapshot)
        let removed = Array(snapshots.dropLast(count))
        snapshots.removeFirst(removed.count)
        return removed
    }

    /// Lets go of a snapshot that cannot be read.
    public mutating func remove(number: UInt64) { snapshots.removeAll { $0.number == number } }

    func encode() -> [UInt8] {
        var out = ByteBuffer(capacity: 256)
        Preamble.append(Self.magic, version: Self.version, to: &out)
        out.append(littleEndian: durablePosition)
        out.append(littleEndian: nextNumber)
        out.append(littleEndian: UInt32(snapshots.count))
        for snapshot in snapshots {
            out.append(littleEndian: snapshot.number)
            out.append(littleEndian: snapshot.start)
            out.append(littleEndian: snapshot.end)
            out.append(littleEndian: snapshot.createdUnixMilliseconds)
            out.append(littleEndian: snapshot.bytes)
            out.append(littleEndian: snapshot.keys)
        }
        out.append(littleEndian: checksum(out.view))
        return out.array
    }

    static func decode(_ bytes: ByteView, path: String) throws(StorageError) -> Manifest {
        try Preamble.check(
            bytes, magic, version: version, what: "a manifest", path: path, advice: Advice.wholeDirectory)
        let bodyBytes = bytes.count - 4
        guard bodyBytes >= Preamble.byteCount,
            checksum(bytes.slice(0, bodyBytes)) == bytes.word32(at: bodyBytes).littleEndian
        else {
            throw StorageError(
                .damaged, path, at: 0, "the manifest's checksum does not hold", advice: Advice.wholeDirectory)
        }
        var reader = ByteReader(bytes.slice(Preamble.byteCount, bodyBytes - Preamble.byteCount))
        var manifest = Manifest()
        manifest.durablePosition = reader.littleEndian(UInt64.self)
        manifest.nextNumber = reader.littleEndian(UInt64.self)
        let count = Int(reader.littleEndian(UInt32.self))
        if reader.isValid, count * factBytes == reader.remaining {
            for _ in 0..<count {
                let number = reader.littleEndian(UInt64.self)
                let start = reader.littleEndian(UInt64.self)
                let end = reader.littleEndian(UInt64.self)
                let created = reader.littleEndian(Int64.self)
                let size = reader.littleEndian(UInt64.self)
                manifest.snapshots.append(
                    SnapshotFacts(
                        number: number, start: start, end: end, createdUnixMilliseconds: created, bytes: size,
                        keys: reader.littleEndian(UInt64.self)))
            }
        }
        guard reader.isValid, reader.isAtEnd else {
            throw StorageError(
                .damaged, path, at: 0, "not the length of a manifest of \(count) snapshots",
                advice: Advice.wholeDirectory)
        }
        return manifest
    }

    public static func read<D: Disk>(from directory: borrowing DataDirectory<D>) throws(StorageError) -> Manifest {
        let contents: FileContents
        do throws(StorageError) {
            contents = try directory.disk.contents(of: directory.manifestPath)
        } catch {
            guard error.errno == StorageError.noEntry else { throw error }
            throw StorageError(.missing, directory.manifestPath, "missing", advice: Advice.wholeDirectory)
        }
        return try decode(contents.view, path: directory.manifestPath)
    }

    /// In place of the one that is there; durable on return.
    public func write<D: Disk>(to directory: borrowing DataDirectory<D>) throws(StorageError) {
        try write(directory.manifestPath, in: directory.path, on: directory.disk)
    }

    func write<D: Disk>(_ path: String, in directory: String, on disk: D) throws(StorageError) {
        try encode().withView { (bytes) throws(StorageError) in
            try disk.replace(path, in: directory, with: bytes)
        }
    }
}
