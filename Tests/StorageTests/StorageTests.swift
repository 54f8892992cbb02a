/// A data directory on the real disk: made, written, left, opened again.
import Base
import Foundation
import OS
import Storage
import Testing

struct StorageTests {
    static let owner = LogOwner(node: 3, generation: 1, incarnation: 0x0123_4567_89AB_CDEF_0011_2233_4455_6677)

    @Test("What was written is read again, over several segments") func logRoundTrip() throws {
        try inTemporaryDirectory { path in
            let disk = SystemDisk()
            var written: [[UInt8]] = []
            var end: UInt64 = 0
            do {
                let directory = try DataDirectory(path, on: disk, for: .serving(processIdentifier: 42))
                let isNew = directory.isNew
                #expect(isNew)
                var identity = try IdentityFile(
                    creating: Identity(owner: Self.owner, clusterName: "test"), in: directory)
                let log = try LogRecovery.open(directory, from: 0, durable: 0, owner: Self.owner)
                #expect(log.isEmpty)
                var writer = try LogWriter.open(
                    continuing: log, in: directory, owner: Self.owner, segmentBytes: 4096)
                for number in 0..<100 {
                    let entries = (0...number % 3).map { [UInt8](repeating: UInt8(number), count: number * 7 + $0) }
                    var content = ByteBuffer()
                    for entry in entries {
                        LogEntry.appendHead(kind: number % 16, length: entry.count, into: &content)
                        content.append(entry)
                    }
                    try writer.append(content.view, entryCount: entries.count, unixMilliseconds: Int64(number))
                    if number % 10 == 0 { try writer.sync() }
                    written += entries
                }
                end = try writer.finishCleanly()
                #expect(writer.segmentCount > 5)
                try identity.markClean(logPosition: end)
            }
            let directory = try DataDirectory(path, on: disk, for: .reading)
            let identity = try IdentityFile.read(from: directory)
            #expect(identity.isClean && identity.logPosition == end && identity.clusterName == "test")
            let log = try LogRecovery.open(directory, from: 0, durable: identity.logPosition, owner: Self.owner)
            #expect(log.end == end && log.tornBytes == 0)
            var read: [[UInt8]] = []
            log.forEachBatch { batch in for entry in batch.entries { read.append(entry.content.array) } }
            #expect(read == written)
            var tail = try LogTail(directory)
            var followed: [[UInt8]] = []
            while case .batch(let batch) = try tail.next() {
                for entry in batch.entries { followed.append(entry.content.array) }
            }
            #expect(followed == written)
        }
    }

    @Test("A snapshot is read again, partition by partition") func snapshotRoundTrip() throws {
        try inTemporaryDirectory { path in
            let header = SnapshotHeader(
                createdUnixMilliseconds: 5, owner: Self.owner, clusterName: "test", databaseCount: 16, start: 10)
            let file = path + ".a2s"
            defer { try? FileManager.default.removeItem(atPath: file) }
            let large = [UInt8]((0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            do {
                var writer = try SnapshotWriter(file, on: SystemDisk(), header)
                try large.withView { (view) throws(StorageError) in try writer.append(partition: 7, view) }
                try writer.append(partition: 2, ByteView("two"))
                try writer.append(partition: 7, ByteView(""))
                try writer.append(partition: 7, ByteView("seven"))
                for number in [2, 7, 9] { try writer.end(partition: number) }
                let footer = SnapshotFooter(
                    partitionCount: 3, keyCount: 4, digest: 77, end: 12, versions: [1, 2, 3])
                let length = try writer.finish(footer)
                #expect(length > 600_000)
            }
            let snapshot = try SnapshotReader(file, on: SystemDisk())
            try snapshot.verify()
            #expect(snapshot.header == header && snapshot.footer.versions == [1, 2, 3])
            #expect(snapshot.partitionNumbers == [2, 7, 9])
            var pieces: [[UInt8]] = []
            try snapshot.forEachPiece(ofPartition: 7) { pieces.append($0.array) }
            #expect(pieces == [large, [], Array("seven".utf8)])
        }
    }

    @Test("A directory that is held names who holds it; one that is somebody else's is left alone") func lock() throws {
        try inTemporaryDirectory { path in
            let disk = SystemDisk()
            do {
                let directory = try DataDirectory(path, on: disk, for: .serving(processIdentifier: 42))
                _ = try IdentityFile(creating: Identity(owner: Self.owner, clusterName: "test"), in: directory)
                let error = #expect(throws: StorageError.self) {
                    _ = try DataDirectory(path, on: disk, for: .serving(processIdentifier: 43))
                }
                #expect(error?.kind == .busy(processIdentifier: 42))
                #expect(error?.description.contains("in use by process 42") == true)
                let reading = #expect(throws: StorageError.self) {
                    _ = try DataDirectory(path, on: disk, for: .reading)
                }
                #expect(reading?.kind == .busy(processIdentifier: 42))
                _ = try DataDirectory(path, on: disk, for: .watching)
            }
            let first = try DataDirectory(path, on: disk, for: .reading)
            let second = try DataDirectory(path, on: disk, for: .reading)
            let paths = [first.path, second.path]
            #expect(paths == [path, path])
        }
        try inTemporaryDirectory { path in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            _ = FileManager.default.createFile(atPath: path + "/letters", contents: nil)
            let error = #expect(throws: StorageError.self) {
                _ = try DataDirectory(path, on: SystemDisk(), for: .serving(processIdentifier: 1))
            }
            #expect(error?.kind == .foreign)
            #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["letters"])
        }
    }
}

/// Lends the path of a directory that does not exist yet, and removes what is there afterwards.
func inTemporaryDirectory(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "a2-storage-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
}
