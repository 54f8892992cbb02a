/// Every bit of every file: what was written is read, or the damage is seen, never anything else.
import Base
import OS
import Simulator
import Storage
import Testing

struct DamageTests {
    static let path = "/data"
    static let owner = StoredLife.owner

    struct Small {
        let disk = SimDisk(seed: 1)
        var contents: [[UInt8]] = []
        var durable: UInt64 = 0
        var end: UInt64 = 0
        var identity = Identity(owner: DamageTests.owner, clusterName: "cluster")
    }

    /// A log of two segments, the last batches of which were never synced, and a snapshot.
    static func make() throws -> Small {
        var small = Small()
        let directory = try DataDirectory(path, on: small.disk, for: .serving(processIdentifier: 1))
        var identity = try IdentityFile(creating: small.identity, in: directory)
        let log = try LogRecovery.open(directory, from: 0, durable: 0, owner: owner)
        var writer = try LogWriter.open(continuing: log, in: directory, owner: owner, segmentBytes: 4096)
        for number in 0..<12 {
            var content = ByteBuffer()
            let length = number == 6 ? 3500 : 30 + number
            LogEntry.appendHead(kind: number, length: length, into: &content)
            content.append([UInt8](repeating: UInt8(number + 1), count: length))
            try writer.append(content.view, entryCount: 1, unixMilliseconds: 1000)
            small.contents.append(content.array)
            if number == 9 {
                try writer.sync()
                small.durable = writer.durablePosition
            }
        }
        small.end = writer.endPosition
        small.identity.leaseUnixMilliseconds = 5000
        small.identity.logPosition = small.durable
        try identity.write(small.identity)
        try identity.renew(leaseUnixMilliseconds: 6000, logPosition: small.durable)
        small.identity.leaseUnixMilliseconds = 6000
        small.disk.kill()
        return small
    }

    /// Nil when what is read is right; the error when damage is seen; throws when something wrong is read.
    static func readLog(
        _ small: Small, durable: UInt64? = nil, faults: StorageFaults = []
    ) throws -> StorageError? {
        defer { small.disk.kill() }
        do throws(StorageError) {
            let directory = try DataDirectory(path, on: small.disk, for: .reading)
            let log = try LogRecovery.open(
                directory, from: 0, durable: durable ?? small.durable, owner: owner, faults: faults)
            var found: [[UInt8]] = []
            log.forEachBatch { found.append($0.content.array) }
            let isPrefix = found == Array(small.contents.prefix(found.count))
            if !isPrefix || log.end < small.durable { return .system("WRONG", "", errno: 1) }
            return nil
        } catch {
            return error
        }
    }

    /// Flips bits of every byte of a file, one at a time, and calls `check` after each.
    static func flipAll(
        _ path: String, _ disk: SimDisk, bits: [Int] = [0, 3, 7], upTo count: Int = .max,
        _ check: (Int, Int) throws -> Void
    ) throws {
        let bytes = try #require(disk.bytes(of: path))
        for index in 0..<min(bytes.count, count) {
            for bit in bits {
                var flipped = bytes
                flipped[index] ^= 1 << UInt8(bit)
                disk.setBytes(flipped, of: path)
                try check(index, bit)
            }
        }
        disk.setBytes(bytes, of: path)
    }

    @Test("A flipped bit of the log is seen, or lies in what was never promised")
    func log() throws {
        let small = try Self.make()
        #expect(try Self.readLog(small) == nil)
        var seen = 0
        for path in small.disk.paths where path.hasSuffix(".a2l") {
            try Self.flipAll(path, small.disk) { index, bit in
                let error = try Self.readLog(small)
                if let error {
                    seen += 1
                    #expect(
                        error.isCorruption || error.description.contains("version"), "\(path) \(index).\(bit): \(error)"
                    )
                }
            }
        }
        // All of what was synced, in each of three bits: headers and contents.
        #expect(seen > 3 * Int(small.durable))
    }

    @Test("A log that ends before what was promised, in any way, is seen")
    func shortened() throws {
        let small = try Self.make()
        let paths = small.disk.paths.filter { $0.hasSuffix(".a2l") }
        let last = try #require(paths.last)
        let bytes = try #require(small.disk.bytes(of: last))
        let used = try #require(bytes.lastIndex { $0 != 0 }) + 1
        for length in 0...used {
            small.disk.setBytes(Array(bytes.prefix(length)), of: last)
            let cut = try Self.readLog(small)
            small.disk.setBytes(Array(bytes.prefix(length)) + [UInt8](repeating: 0, count: 4096 - length), of: last)
            let cleared = try Self.readLog(small)
            let isPromised = length < used - 200
            #expect(cut?.errno == nil && cleared?.errno == nil)
            if isPromised { #expect(cut != nil && cleared != nil, "\(length) bytes") }
        }
        small.disk.setBytes(nil, of: last)
        #expect(try Self.readLog(small)?.isCorruption == true)
        small.disk.setBytes(bytes, of: last)
        let first = try #require(small.disk.bytes(of: paths[0]))
        small.disk.setBytes(nil, of: paths[0])
        #expect(try Self.readLog(small)?.kind == .missing)
        small.disk.setBytes(bytes, of: paths[0])
        #expect(try Self.readLog(small)?.isCorruption == true)
        small.disk.setBytes(first, of: paths[0])
        #expect(try Self.readLog(small) == nil)
    }

    @Test(
        "Without the rule, the tests above would notice", arguments: [StorageFaults.durableIgnored, .checksumsSkipped])
    func mutations(_ faults: StorageFaults) throws {
        let small = try Self.make()
        var isNoticed = false
        let path = try #require(small.disk.paths.first { $0.hasSuffix(".a2l") })
        try Self.flipAll(path, small.disk, bits: [3], upTo: 400) { _, _ in
            if try Self.readLog(small, faults: faults)?.errno == 1 { isNoticed = true }
        }
        let last = try #require(small.disk.paths.last { $0.hasSuffix(".a2l") })
        try Self.flipAll(last, small.disk, bits: [3], upTo: 400) { _, _ in
            if try Self.readLog(small, faults: faults)?.errno == 1 { isNoticed = true }
        }
        #expect(isNoticed)
    }

    @Test("A flipped bit of the identity is seen or mended by the other copy")
    func identity() throws {
        let small = try Self.make()
        let path = Self.path + "/identity"
        try Self.flipAll(path, small.disk) { index, bit in
            defer { small.disk.kill() }
            do throws(StorageError) {
                let directory = try DataDirectory(Self.path, on: small.disk, for: .reading)
                let identity = try IdentityFile.read(from: directory)
                #expect(identity == small.identity, "byte \(index), bit \(bit)")
            } catch {
                #expect(index < 4096 && (error.isCorruption || error.description.contains("version")))
            }
        }
        var bytes = try #require(small.disk.bytes(of: path))
        for copy in 0..<2 { bytes[4096 + copy * (bytes.count - 4096) / 2 + 20] ^= 1 }
        small.disk.setBytes(bytes, of: path)
        let directory = try DataDirectory(Self.path, on: small.disk, for: .reading)
        let error = #expect(throws: StorageError.self) { try IdentityFile.read(from: directory) }
        #expect(error?.kind == .damaged)
    }

    @Test("A flipped bit of the manifest, or its absence, is seen")
    func manifest() throws {
        let small = try Self.make()
        let path = Self.path + "/MANIFEST"
        let directory = try DataDirectory(Self.path, on: small.disk, for: .reading)
        try Self.flipAll(path, small.disk, bits: Array(0..<8)) { index, _ in
            let error = #expect(throws: StorageError.self) { try Manifest.read(from: directory) }
            #expect(error?.isCorruption == true, "byte \(index)")
        }
        small.disk.setBytes(nil, of: path)
        #expect(throws: StorageError.self) { try Manifest.read(from: directory) }
    }

    @Test("A flipped bit of a snapshot is seen, wherever it is; so is a file cut short")
    func snapshot() throws {
        let disk = SimDisk(seed: 3)
        let header = SnapshotHeader(
            createdUnixMilliseconds: 1, owner: Self.owner, clusterName: "cluster", databaseCount: 16, start: 9)
        var writer = try SnapshotWriter("/small.a2s", on: disk, header)
        for partition in [0, 3, 0, 200] {
            try writer.append(partition: partition, ByteView("what a partition holds, a part of it"))
        }
        try writer.append(partition: 3, .empty)
        for partition in [0, 3, 200] { try writer.end(partition: partition) }
        _ = try writer.finish(
            SnapshotFooter(partitionCount: 3, keyCount: 5, digest: 99, end: 10, versions: [4, 5, 6]))
        func read() throws(StorageError) { try SnapshotReader("/small.a2s", on: disk).verify() }
        try read()
        try Self.flipAll("/small.a2s", disk, bits: Array(0..<8)) { index, bit in
            let error = #expect(throws: StorageError.self, "byte \(index), bit \(bit)") { try read() }
            #expect(error?.errno == nil)
        }
        let bytes = try #require(disk.bytes(of: "/small.a2s"))
        for length in 0..<bytes.count {
            disk.setBytes(Array(bytes.prefix(length)), of: "/small.a2s")
            #expect(throws: StorageError.self, "\(length) bytes") { try read() }
        }
        disk.setBytes(bytes + [0], of: "/small.a2s")
        #expect(throws: StorageError.self) { try read() }
    }

    @Test("Another version is refused by both numbers, a file of another kind by what it is")
    func versions() throws {
        let small = try Self.make()
        let path = Self.path + "/identity"
        let identity = try #require(small.disk.bytes(of: path))
        var later = ByteBuffer()
        later.append(Array(identity.prefix(8)))
        later.append(littleEndian: UInt32(7))
        later.append(littleEndian: later.view.crc)
        small.disk.setBytes(later.array + Array(identity.dropFirst(16)), of: path)
        let directory = try DataDirectory(Self.path, on: small.disk, for: .reading)
        let error = #expect(throws: StorageError.self) { try IdentityFile.read(from: directory) }
        #expect(error?.kind == .unknownVersion(found: 7, known: 1))
        #expect(error?.description.contains("version 7") == true && error?.description.contains("version 1") == true)
        small.disk.setBytes(small.disk.bytes(of: Self.path + "/MANIFEST"), of: path)
        let foreign = #expect(throws: StorageError.self) { try IdentityFile.read(from: directory) }
        #expect(foreign?.kind == .foreign)
    }
}
