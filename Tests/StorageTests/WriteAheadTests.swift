/// Zeros ahead of the batches, for who syncs after each.
import Base
import OS
import Simulator
import Storage
import Testing

struct WriteAheadTests {
    private static let segmentBytes = 1 << 20

    /// How many operations the disk saw while `count` batches were appended and synced one by one.
    private static func operations(appending count: Int, writingAhead: Bool, on disk: SimDisk) throws -> Int {
        let directory = try DataDirectory("/data", on: disk, for: .serving(processIdentifier: 1))
        _ = try IdentityFile(
            creating: Identity(owner: StoredLife.owner, clusterName: "c"), in: directory)
        let log = try LogRecovery.open(directory, from: 0, durable: 0, owner: StoredLife.owner)
        var writer = try LogWriter.open(
            continuing: log, in: directory, owner: StoredLife.owner, segmentBytes: segmentBytes)
        writer.writesAhead = writingAhead
        let before = disk.operationCount
        for _ in 0..<count {
            try FailureTests.append("a batch like any other", to: &writer)
            try writer.sync()
        }
        let segments = writer.segmentCount
        #expect(segments == 1)
        return disk.operationCount - before
    }

    @Test("One write of many writes zeros ahead, and up to the end of the segment")
    func onlyAsOftenAsNeeded() throws {
        let plain = SimDisk(seed: 1)
        let ahead = SimDisk(seed: 1)
        let count = 12_000
        let without = try Self.operations(appending: count, writingAhead: false, on: plain)
        let with = try Self.operations(appending: count, writingAhead: true, on: ahead)
        #expect(without == 2 * count)
        #expect(with - without > 1 && with - without <= 4)
        for path in plain.paths where path.contains("log/") {
            #expect(ahead.bytes(of: path)?.count == Self.segmentBytes, "\(path)")
            // Without the bytes in the message.
            let isSame = ahead.bytes(of: path) == plain.bytes(of: path)
            #expect(isSame, "\(path)")
        }
    }
}
