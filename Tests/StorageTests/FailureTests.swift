/// What the disk refuses: full disks that empty again, failures that are final, damage that is given up on purpose.
import Base
import CIntrinsics
import OS
import Simulator
import Storage
import Testing

extension ByteView {
    var crc: UInt32 { a2_crc32c(0, start, count) }
}

struct FailureTests {
    static let owner = StoredLife.owner

    static func append(_ text: StaticString, times: Int = 1, to writer: inout LogWriter<SimDisk>) throws {
        var content = ByteBuffer()
        LogEntry.appendHead(kind: 1, length: text.utf8CodeUnitCount, into: &content)
        content.append(text)
        for _ in 0..<times { try writer.append(content.view, entryCount: 1, unixMilliseconds: 0) }
    }

    static func open(_ directory: borrowing DataDirectory<SimDisk>) throws -> LogWriter<SimDisk> {
        let log = try LogRecovery.open(directory, from: 0, durable: 0, owner: owner)
        return try LogWriter.open(continuing: log, in: directory, owner: owner, segmentBytes: 4096)
    }

    @Test("A full disk shows a segment early, loses nothing, and is over when there is room again")
    func full() throws {
        let disk = SimDisk(seed: 4)
        let directory = try DataDirectory("/data", on: disk, for: .serving(processIdentifier: 1))
        _ = try IdentityFile(creating: Identity(owner: Self.owner, clusterName: "c"), in: directory)
        var writer = try Self.open(directory)
        var isReady = writer.isNextReady
        #expect(isReady)
        disk.capacityBytes = disk.usedBytes
        while isReady {
            try Self.append("a batch like any other", to: &writer)
            isReady = writer.isNextReady
        }
        let left = writer.segmentBytesLeft
        #expect(left > 3900, "no whole segment is left when the disk is full")
        guard case .full(let error) = try writer.prepareNext() else {
            Issue.record("ready without room")
            return
        }
        #expect(error.isFull)
        while writer.segmentBytesLeft >= 26 { try Self.append("a batch like any other", to: &writer) }
        let end = writer.endPosition
        for _ in 0..<3 {
            let refusal = #expect(throws: StorageError.self) {
                try Self.append("a batch like any other", to: &writer)
            }
            #expect(refusal?.isFull == true)
        }
        let (isStopped, same) = (writer.isStopped, writer.endPosition)
        #expect(!isStopped && same == end)
        try writer.sync()
        disk.capacityBytes += 8192
        let next = try writer.prepareNext()
        #expect(next == .ready)
        try Self.append("a batch like any other", times: 10, to: &writer)
        let last = try writer.finishCleanly()
        let log = try LogRecovery.open(directory, from: 0, durable: last, owner: Self.owner)
        #expect(log.end == last && last == end + 260)
    }

    @Test("After a failed write or sync the log refuses everything", arguments: [SimDisk.Operation.write, .sync])
    func poison(_ operation: SimDisk.Operation) throws {
        let disk = SimDisk(seed: 5)
        let directory = try DataDirectory("/data", on: disk, for: .serving(processIdentifier: 1))
        _ = try IdentityFile(creating: Identity(owner: Self.owner, clusterName: "c"), in: directory)
        var writer = try Self.open(directory)
        try Self.append("kept", to: &writer)
        try writer.sync()
        disk.failures = [operation: 5]
        let failure = #expect(throws: StorageError.self) {
            try Self.append("lost", to: &writer)
            try writer.sync()
        }
        #expect(failure?.errno == 5)
        let durable = writer.durablePosition
        #expect(durable == 8)
        let refusals = [
            #expect(throws: StorageError.self) { try Self.append("refused", to: &writer) },
            #expect(throws: StorageError.self) { try writer.sync() },
            #expect(throws: StorageError.self) { _ = try writer.prepareNext() },
            #expect(throws: StorageError.self) { _ = try writer.removeSegments(endingBefore: 1) },
            #expect(throws: StorageError.self) { _ = try writer.finishCleanly() },
        ]
        for refusal in refusals { #expect(refusal?.kind == .stopped) }
    }

    @Test("A repair keeps what is good, sets the rest aside, and never uses a position twice")
    func repair() throws {
        let small = try DamageTests.make()
        let path = "/data/log/00000001.a2l"
        var bytes = try #require(small.disk.bytes(of: path))
        // In the content of the third batch.
        bytes[72 + 2 * (48 + 34) + 60] ^= 4
        small.disk.setBytes(bytes, of: path)
        let refused = try DamageTests.readLog(small)
        #expect(refused?.kind == .damaged && refused?.path == path && refused?.offset == 72 + 34 + 35 + 96)
        #expect(refused?.description.contains("--repair-from-peers") == true)

        let directory = try DataDirectory("/data", on: small.disk, for: .serving(processIdentifier: 1))
        let log = try LogRecovery.open(
            directory, from: 0, durable: small.durable, owner: Self.owner, repairing: true)
        let repair = try #require(log.repair)
        #expect(repair.saved == [path + ".damaged", "/data/log/00000002.a2l.damaged"])
        #expect(log.end == 34 + 35 && log.next >= small.end && repair.nextPosition == log.next)
        #expect(small.disk.bytes(of: path + ".damaged") == bytes)
        var found: [[UInt8]] = []
        log.forEachBatch { found.append($0.content.array) }
        #expect(found == Array(small.contents.prefix(2)))
        var writer = try LogWriter.open(continuing: log, in: directory, owner: Self.owner, segmentBytes: 4096)
        try Self.append("after the repair", to: &writer)
        let end = try writer.finishCleanly()
        let again = try LogRecovery.open(directory, from: 0, durable: end, owner: Self.owner)
        #expect(again.end == end && again.repair == nil && again.segments.count == 2)
    }

    @Test("A damaged snapshot is passed over for an older one if the log reaches back, and is an error if not")
    func fallback() throws {
        let disk = SimDisk(seed: 6)
        let directory = try DataDirectory("/data", on: disk, for: .serving(processIdentifier: 1))
        _ = try IdentityFile(creating: Identity(owner: Self.owner, clusterName: "c"), in: directory)
        var writer = try Self.open(directory)
        var manifest = try Manifest.read(from: directory)
        for _ in 0..<3 {
            let number = manifest.nextNumber
            try Self.append("a batch like any other", times: 100, to: &writer)
            let position = writer.endPosition
            let header = SnapshotHeader(
                createdUnixMilliseconds: 0, owner: Self.owner, clusterName: "c", databaseCount: 1, start: position)
            var file = try SnapshotWriter(number: number, in: directory, header)
            try file.append(partition: 0, ByteView("state"))
            try file.end(partition: 0)
            let bytes = try file.finish(
                SnapshotFooter(partitionCount: 1, keyCount: 0, digest: 0, end: position, versions: []))
            try writer.sync()
            let facts = SnapshotFacts(
                number: number, start: position, end: position, createdUnixMilliseconds: 0, bytes: UInt64(bytes),
                keys: 0)
            try directory.keep(facts, in: &manifest, keeping: 2, durablePosition: position)
            _ = try writer.removeSegments(endingBefore: manifest.logNeededFrom)
        }
        #expect(
            disk.paths.filter { $0.hasSuffix(".a2s") } == [
                "/data/snapshot/00000002.a2s", "/data/snapshot/00000003.a2s",
            ])
        let newest = try StartingPoint.find(in: directory, manifest)
        #expect(newest.facts?.number == 3)
        // Going on from the newest must leave what the older one needs.
        writer = try LogWriter.open(
            continuing: LogRecovery.open(directory, from: newest.from, durable: 0, owner: Self.owner), in: directory,
            owner: Self.owner, segmentBytes: 4096)
        var bytes = try #require(disk.bytes(of: "/data/snapshot/00000003.a2s"))
        bytes[150] ^= 1
        disk.setBytes(bytes, of: "/data/snapshot/00000003.a2s")
        let older = try StartingPoint.find(in: directory, manifest)
        #expect(older.facts?.number == 2 && older.passedOver.count == 1 && older.from == manifest.logNeededFrom)
        let log = try LogRecovery.open(directory, from: older.from, durable: 0, owner: Self.owner)
        let end = writer.endPosition
        #expect(log.end == end)
        disk.setBytes(nil, of: "/data/snapshot/00000002.a2s")
        let error = #expect(throws: StorageError.self) { try StartingPoint.find(in: directory, manifest) }
        #expect(error?.isCorruption == true && error?.path == "/data/snapshot/00000003.a2s")
        let repaired = try StartingPoint.find(in: directory, manifest, repairing: true)
        #expect(repaired.isIncomplete && repaired.snapshot == nil)
    }
}
